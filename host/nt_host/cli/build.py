"""`nt-host build`: compile a network file (NPZ) into a chip image."""

from __future__ import annotations

from pathlib import Path

import click

from nt_host.cli.options import FILE, json_option, option
from nt_host.cli.output import Output
from nt_host.image_info import image_table
from nt_host.network_file import build_image
from nt_model.image_file import LoadedImage, write_image


@click.command()
@click.argument("network", type=FILE)
@option("--out", type=FILE, required=True, help="Image file to write (*.ntrom).")
@option("--quantise", is_flag=True, help="Scale float layers to 4-bit weights.")
@option("--source", default="", help="Where the network comes from, kept in the image.")
@option("--licence", default="", help="Licence of the network, kept in the image.")
@json_option
def build(network: Path, out: Path, quantise: bool, source: str, licence: str, as_json: bool) -> None:
    """Compile NETWORK into a chip image.

    NETWORK is an NPZ file with weight_0 (N, M), bias_0 (N,), threshold_0 (N,), weight_1, ... and encoder_kind,
    encoder_levels, encoder_offset (F,), encoder_scale (F,); optional: encoder_transform, domain_0, leak_0,
    refractory_0, ..., readout_class, n_steps, class_names. Integers are in the image's units, weights -7..7,
    thresholds Q23.8.
    """
    output = Output(as_json)
    metadata = {key: text for key, text in (("source", source), ("licence", licence)) if text}
    image = build_image(network, quantise=quantise, metadata=metadata)
    digest = write_image(out, image)
    table = image_table(LoadedImage(image, digest))
    sizes = "-".join(str(size) for size in table["layer_sizes"])
    output.result(
        "build",
        {**table, "path": str(out)},
        f"{out}: {sizes}, {image.n_synapses:,} synapses, {image.n_codes} codes, digest {digest[:12]}",
    )
