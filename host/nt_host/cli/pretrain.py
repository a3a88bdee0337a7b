"""`nt-host pretrain`: train a network on a task's source and write its chip image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nt_host.cli.options import FILE, json_option, option, seed_option, source_options
from nt_host.cli.output import Output
from nt_host.image_info import image_table
from nt_host.pretrain.spec import PretrainError, TrainProgress
from nt_host.pretrain.switched import SwitchSpec, switched_image
from nt_host.tasks import load_task
from nt_host.train_image import recipe, require_torch, train_image
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.image_file import LoadedImage, write_image


def hidden_sizes(text: str) -> tuple[int, ...]:
    """'256,128' as numbers; UsageError for anything else."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdigit() for part in parts):
        raise UsageError(
            "hidden layers are not whole numbers separated by commas",
            evidence=repr(text),
            next_step="give for example `--hidden 256,128`",
        )
    return tuple(int(part) for part in parts)


def _switched(image: Image, switches: SwitchSpec) -> Image:
    try:
        return switched_image(image, switches)
    except PretrainError as error:
        raise UsageError(
            "this network cannot carry so many switches", evidence=str(error), next_step="give a smaller `--switches`"
        ) from error


@click.command()
@source_options
@option("--out", type=FILE, required=True, help="Image file to write (*.ntrom).")
@option(
    "--module",
    default="",
    metavar="FILE.py:NAME",
    help="Start from your own torch module, a chain of linear layers; its layers take the place of --hidden.",
)
@option("--hidden", help="Neurons of each hidden layer, for example 512,256; default: the task's recipe.")
@option("--population", type=int, help="Output neurons per class; default: the task's recipe.")
@option("--steps", type=int, help="Optimiser steps; default: the task's recipe.")
@option(
    "--switches", type=int, help="Switch neurons per class in place of all layers above the first, for rule ballot."
)
@seed_option
@json_option
def pretrain(
    task: str | None,
    data: Path | None,
    out: Path,
    module: str,
    hidden: str | None,
    population: int | None,
    steps: int | None,
    switches: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Train on the source domain of a task and write a 4-bit chip image (needs the extra nt-host[pretrain]).

    Tasks of images train for many minutes: a killed run goes on from the checkpoint beside OUT."""
    output = Output(as_json)
    require_torch()
    if module and hidden:
        raise UsageError(
            "the hidden layers are given twice",
            evidence=f"--module {module} and --hidden {hidden}",
            next_step="leave `--hidden` out",
        )
    try:
        asked = {"hidden": hidden and hidden_sizes(hidden), "population": population, "steps": steps}
        changed: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        spec = replace(recipe(task or ""), seed=seed, **changed)
        above = None if switches is None else SwitchSpec(switches, seed)
    except PretrainError as error:
        raise UsageError(
            "the network cannot be trained as asked", evidence=str(error), next_step="see `nt-host pretrain --help`"
        ) from error
    with output.bar("pretraining") as bar:

        def shown(progress: TrainProgress) -> None:
            bar.update(progress.step, progress.steps, f"loss {progress.loss:.3f}, argmax {progress.accuracy:.3f}")

        image = train_image(load_task(task, data), spec, shown, out.with_suffix(".checkpoint"), module)
    if above is not None:
        image = _switched(image, above)
    digest = write_image(out, image)
    output.result(
        "pretrain",
        {**image_table(LoadedImage(image, digest)), "path": str(out)},
        f"{out}: {image.n_synapses:,} synapses, {image.n_codes} codes, {image.metadata['accuracy']}",
    )
