"""Adaptation over a simulated 921,600 baud line with 1 ms turnaround: what the loop sends, and how busy the line is.

Writes its section of docs/performance.md. Time is the link's own clock, so the figures do not depend on this machine.
Usage: NT_DATA_DIR=... python -m bench.wire [FOLDER], which holds the images of `nt-host experiment enose --out FOLDER`
and `emg`; without it, or without the recordings, only the rows of the digits are made, and the page says so. Never
asserts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.page import put
from nt_hil.chip import Traffic
from nt_hil.client import ChipClient
from nt_hil.links.throttled import ThrottledLink
from nt_hil.messages import ReadoutFlag
from nt_hil.open import make_device
from nt_hil.port import SimPort
from nt_hil.records import layout_of
from nt_hil.session import Session, SessionOptions
from nt_hil.sim.device import LinkLimits
from nt_hil.traffic import BAUD, difference, wire_time
from nt_host.adapt.loop import adapt
from nt_host.adapt.settings import AdaptSettings
from nt_host.evaluate import encoded
from nt_host.experiment.plans import plan_named
from nt_host.images import packaged_image
from nt_host.tasks import Split, load_task, split_target
from nt_model.image_file import LoadedImage, read_image

TURNAROUND_S = 0.001
STEPS = 100
RECORDED = ("enose", "emg")
HEAD = """| task | loop | payload | window | loading: busy | sent | received | learning | busy | one way | samples/s |
|---|---|---|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Case:
    """One way to run the loop: `loop` host or device, `payload` bytes per frame, `window` frames in flight."""

    loop: str
    payload: int
    window: int


CASES = tuple(
    Case(loop, payload, window) for loop in ("host", "device") for payload, window in ((512, 1), (512, 8), (4096, 8))
)


@dataclass(frozen=True)
class Subject:
    """What is adapted: the image of `name`, labelled samples, and settings of the experiment of that name."""

    name: str
    loaded: LoadedImage
    split: Split
    settings: AdaptSettings


@dataclass(frozen=True)
class Phase:
    """`traffic` of a phase, and of the line's clock its `seconds` and those in which it was sending, `busy_s`."""

    traffic: Traffic
    seconds: float
    busy_s: float


def digits() -> Subject:
    """The demo's image and camera."""
    split = split_target(load_task("digits", None).target("camera"), 20, 0)
    return Subject("digits", read_image(packaged_image("digits")), split, AdaptSettings())


def recorded(name: str, folder: Path) -> Subject:
    """The first network and target of the experiment `name`, whose image lies in `folder`."""
    plan, task = plan_named(name), load_task(name, None)
    loaded = read_image(folder / "images" / f"{name}-s0-{plan.image_key(0)}.ntrom")
    return Subject(name, loaded, split_target(task.targets[0], task.labels_per_class, 0), plan.settings)


def subjects(folder: Path | None) -> Iterator[Subject]:
    """The digits, and the recordings where they and their images are."""
    yield digits()
    if folder is not None and os.environ.get("NT_DATA_DIR"):
        yield from (recorded(name, folder) for name in RECORDED)


def measured(chip: ChipClient, link: ThrottledLink, call: Callable[[], object]) -> Phase:
    """What `call()` took of the line."""
    before, started, busy = chip.traffic, link.now(), link.busy_s()
    call()
    return Phase(difference(chip.traffic, before), link.now() - started, link.busy_s() - busy)


def row(subject: Subject, case: Case) -> str:
    """Run the case and give its row of the table."""
    loaded, labelled = subject.loaded, subject.split.labelled
    device = make_device(loaded, SimPort("typical", 7), engine="c", limits=LinkLimits(case.payload, case.window))
    link = ThrottledLink(device, BAUD, TURNAROUND_S)
    chip = ChipClient(Session(link, SessionOptions(baud=BAUD)))
    x = encoded(loaded.image, labelled)
    loading = measured(chip, link, lambda: chip.load_samples(x))
    settings = replace(subject.settings, steps=STEPS, held_out=0.0, loop=case.loop)
    run = measured(chip, link, lambda: adapt(chip, loaded.image, x, labelled.labels, settings))
    # The run loads its samples once more; the same bytes take the same time.
    learning, learning_s = difference(run.traffic, loading.traffic), run.seconds - loading.seconds
    cells = (
        subject.name,
        case.loop,
        case.payload,
        case.window,
        f"{loading.busy_s / loading.seconds:.1%}",
        f"{learning.bytes_sent:,}",
        f"{learning.bytes_received:,}",
        f"{learning_s:.2f} s",
        f"{(run.busy_s - loading.busy_s) / learning_s:.1%}",
        f"{wire_time(learning).utilisation(learning_s):.1%}",
        f"{settings.steps * settings.batch_size / learning_s:,.0f}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def told(subject: Subject) -> str:
    """One sentence on what a subject is."""
    image = subject.loaded.image
    sizes = "-".join(map(str, (image.n_inputs, *(layer.n_neurons for layer in image.layers))))
    samples = len(subject.split.labelled)
    return f"{subject.name}: {sizes}, {samples} samples loaded once, {subject.settings.batch_size} per step"


def records(found: Sequence[Subject]) -> list[str]:
    """Table of the bytes of a sample's record by read-out and time steps."""
    planes = ReadoutFlag.HIDDEN | ReadoutFlag.DITHER
    rows = ["| task | T | three planes | gates |", "|---|---|---|---|"]
    for subject in found:
        widths = tuple(layer.n_neurons for layer in subject.loaded.image.layers)
        for steps in (1, 8):
            sizes = (layout_of(widths, steps, int(flags)).size for flags in (planes, planes | ReadoutFlag.GATES))
            rows.append(f"| {subject.name} | {steps} | " + " | ".join(f"{size:,}" for size in sizes) + " |")
    return rows


def intro(found: Sequence[Subject]) -> str:
    """What was measured."""
    left_out = "" if len(found) > 1 else f" Left out, as recordings or images were not there: {', '.join(RECORDED)}."
    return (
        f"{STEPS} learning steps over a simulated line of {BAUD:,} baud, 8N1, full duplex, "
        f"{1000 * TURNAROUND_S:.0f} ms turnaround ({'; '.join(map(told, found))}).{left_out} *Busy* is the share of "
        "the time in which the line was sending in at least one direction, *one way* that of the busier direction "
        "alone. In the host loop the codes travel with the next samples, and the chip's answers wait for them: only "
        "one direction sends at a time. The device loop sends up to 20 steps per exchange. A window of 1 waits for "
        "every answer, as a line without pipelining would."
    )


def main(folder: Path | None) -> None:
    found = list(subjects(folder))
    rows = [row(subject, case) for subject in found for case in CASES]
    put("wire", "\n".join(("# The wire", "", intro(found), "", HEAD, *rows, "", GATES, "", *records(found), "", REST)))


GATES = """\
In the host loop of rule `dmn` a sample comes back as *gates*, the bits that learning looks at (docs/spec_wire.md), in
place of its spikes at the codes, above and below them. Bytes of a sample's record:"""
REST = """\
Gates cost 128 bytes of a board's program. Nested planes (the plain one, and where it differs from its neighbours) were
the other way: two bits per neuron, a third less than three planes at T = 1, but with an escape for neurons whose spikes
are not nested (thresholds at or below zero, split domains). Codes are sent as differences to those on the chip, in the
shortest of three forms. With three planes the same host loop made 241, 263 and 264 samples/s (digits, nose, armband;
payload 512, window 8)."""


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
