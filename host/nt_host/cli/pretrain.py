"""`nt-host pretrain`: train a network on a task's source and write its chip image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nt_host.cli.options import FILE, json_option, option, seed_option, source_options
from nt_host.cli.output import Output
from nt_host.image_info import image_table
from nt_host.pretrain.spec import GradedSpec, PretrainError, TrainProgress, TrainSpec
from nt_host.pretrain.switched import SwitchSpec, switched_image
from nt_host.tasks import Task, load_task
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


def _switched(image: Image, switches: SwitchSpec, task: Task) -> Image:
    try:
        return switched_image(image, switches, task.source)
    except PretrainError as error:
        raise UsageError(
            "this network cannot carry these switches",
            evidence=str(error),
            next_step="give a smaller `--switches`, or change `--random` as it says",
        ) from error


def _refuse_together(first: str, second: str, given: bool) -> None:
    if given:
        raise UsageError(
            f"`{first}` and `{second}` exclude each other",
            evidence="both are given",
            next_step=f"leave `{second}` out",
        )


def _specification(
    task: str | None, counting: bool, seed: int, asked: dict[str, Any], switches: int | None, random: int
) -> tuple[TrainSpec | GradedSpec, SwitchSpec | None]:
    """What to train, and the switches above its first layer; `asked` holds what departs from the task's recipe."""
    changed = {name: value for name, value in asked.items() if value is not None}
    if random and switches is None:
        raise UsageError(
            "random neurons are read by switches alone",
            evidence=f"--random {random} without --switches",
            next_step="give `--switches` too, for example `--switches 1024`",
        )
    try:
        above = None if switches is None else SwitchSpec(switches, seed, random)
        return (GradedSpec(seed=seed) if counting else replace(recipe(task or ""), seed=seed, **changed)), above
    except PretrainError as error:
        raise UsageError(
            "the network cannot be trained as asked", evidence=str(error), next_step="see `nt-host pretrain --help`"
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
@option(
    "--random",
    type=int,
    default=0,
    help="Random neurons beside the trained first layer, for --switches; default: none.",
)
@option(
    "--counting",
    is_flag=True,
    help="One layer of neurons that count over several steps, for rule scores; needs no PyTorch.",
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
    random: int,
    counting: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Train on the source domain of a task and write a 4-bit chip image (needs the extra nt-host[pretrain]).

    Tasks of images train for many minutes: a killed run goes on from the checkpoint beside OUT."""
    output = Output(as_json)
    _refuse_together("--module", "--hidden", bool(module and hidden))
    asked = {"hidden": None if hidden is None else hidden_sizes(hidden), "population": population, "steps": steps}
    for name, value in {**asked, "module": module or None, "switches": switches, "random": random or None}.items():
        _refuse_together("--counting", f"--{name}", counting and value is not None)
    if not counting:
        require_torch()
    spec, above = _specification(task, counting, seed, asked, switches, random)
    samples = load_task(task, data)
    with output.bar("pretraining") as bar:

        def shown(progress: TrainProgress) -> None:
            bar.update(progress.step, progress.steps, f"loss {progress.loss:.3f}, argmax {progress.accuracy:.3f}")

        image = train_image(samples, spec, shown, out.with_suffix(".checkpoint"), module)
    if above is not None:
        image = _switched(image, above, samples)
    digest = write_image(out, image)
    output.result(
        "pretrain",
        {**image_table(LoadedImage(image, digest)), "path": str(out)},
        f"{out}: {image.n_synapses:,} synapses, {image.n_codes} codes, {image.metadata['accuracy']}",
    )
