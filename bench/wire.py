"""Adaptation over a simulated 921,600 baud line with 1 ms turnaround: what the loop sends, and how busy the line is.

Writes its section of docs/performance.md. Time is the link's own clock, so the figures do not depend on this machine.
Never asserts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.page import put
from nt_hil.chip import Traffic
from nt_hil.client import ChipClient
from nt_hil.links.throttled import ThrottledLink
from nt_hil.open import make_device
from nt_hil.port import SimPort
from nt_hil.session import Session, SessionOptions
from nt_hil.sim.device import LinkLimits
from nt_hil.traffic import BAUD, difference, wire_time
from nt_host.adapt.loop import adapt
from nt_host.adapt.settings import AdaptSettings
from nt_host.evaluate import encoded
from nt_host.images import packaged_image
from nt_host.tasks import load_task, split_target
from nt_model.image_file import read_image

TURNAROUND_S = 0.001
STEPS = 100
HEAD = """| loop | payload | window | loading: busy | sent | received | learning | busy | one way | samples/s |
|---|---|---|---|---|---|---|---|---|---|"""


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
class Phase:
    """`traffic` of a phase, and of the line's clock its `seconds` and those in which it was sending, `busy_s`."""

    traffic: Traffic
    seconds: float
    busy_s: float


def measured(chip: ChipClient, link: ThrottledLink, call: Callable[[], object]) -> Phase:
    """What `call()` took of the line."""
    before, started, busy = chip.traffic, link.now(), link.busy_s()
    call()
    return Phase(difference(chip.traffic, before), link.now() - started, link.busy_s() - busy)


def row(case: Case) -> str:
    """Run the case and give its row of the table."""
    loaded = read_image(packaged_image("digits"))
    split = split_target(load_task("digits", None).target("camera"), 20, 0)
    device = make_device(loaded, SimPort("typical", 7), engine="c", limits=LinkLimits(case.payload, case.window))
    link = ThrottledLink(device, BAUD, TURNAROUND_S)
    chip = ChipClient(Session(link, SessionOptions(baud=BAUD)))
    x = encoded(loaded.image, split.labelled)
    loading = measured(chip, link, lambda: chip.load_samples(x))
    settings = AdaptSettings(steps=STEPS, held_out=0.0, loop=case.loop)
    run = measured(chip, link, lambda: adapt(chip, loaded.image, x, split.labelled.labels, settings))
    # The run loads its samples once more; the same bytes take the same time.
    learning, learning_s = difference(run.traffic, loading.traffic), run.seconds - loading.seconds
    cells = (
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


def main() -> None:
    intro = (
        f"Adapting the digits image ({STEPS} steps of 16 samples, 200 samples loaded once) over a simulated line of "
        f"{BAUD:,} baud, 8N1, full duplex, {1000 * TURNAROUND_S:.0f} ms turnaround. *Busy* is the share of the time in "
        "which the line was sending in at least one direction, *one way* that of the busier direction alone. In the "
        "host loop the codes travel with the next samples, and the chip's answers wait for them: only one direction "
        "sends at a time. The device loop sends up to 20 steps per exchange."
    )
    put("wire", "\n".join(("# The wire", "", intro, "", HEAD, *map(row, CASES))))


if __name__ == "__main__":
    main()
