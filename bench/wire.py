"""Adaptation over a simulated 921,600 baud line with 1 ms turnaround: what the loop sends, and how busy the line is.

Prints Markdown. Time is the link's own clock, so the figures do not depend on this machine. Never asserts.
"""

from __future__ import annotations

from dataclasses import dataclass

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
STEPS = 40
HEAD = """| loop | payload | window | sent | received | line time | busy | samples per second |
|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Case:
    """One way to run the loop: `loop` host or device, `payload` bytes per frame, `window` frames in flight."""

    loop: str
    payload: int
    window: int


CASES = tuple(
    Case(loop, payload, window) for loop in ("host", "device") for payload, window in ((512, 1), (512, 8), (4096, 8))
)


def row(case: Case) -> str:
    """Run the case and give its row of the table."""
    loaded = read_image(packaged_image("digits"))
    split = split_target(load_task("digits", None).target("camera"), 20, 0)
    device = make_device(loaded, SimPort("typical", 7), engine="c", limits=LinkLimits(case.payload, case.window))
    link = ThrottledLink(device, BAUD, TURNAROUND_S)
    chip = ChipClient(Session(link, SessionOptions(baud=BAUD)))
    settings = AdaptSettings(steps=STEPS, held_out=0.0, loop=case.loop)
    before, started = chip.traffic, link.now()
    adapt(chip, loaded.image, encoded(loaded.image, split.labelled), split.labelled.labels, settings)
    elapsed, spent = link.now() - started, difference(chip.traffic, before)
    busy = wire_time(spent).utilisation(elapsed)
    rate = settings.steps * settings.batch_size / elapsed
    cells = (
        case.loop,
        case.payload,
        case.window,
        f"{spent.bytes_sent:,}",
        f"{spent.bytes_received:,}",
        f"{elapsed:.2f} s",
        f"{busy:.1%}",
        f"{rate:,.0f}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    print("<!-- Printed by `make bench`; do not edit. -->\n\n# The wire\n")
    print(
        f"Adapting the digits image ({STEPS} steps of 16 samples, 200 samples loaded once) over a simulated line of "
        f"{BAUD:,} baud, 8N1, full duplex, {1000 * TURNAROUND_S:.0f} ms turnaround. *Busy* is the share of the time in "
        "which the busier direction was sending.\n"
    )
    print(HEAD)
    for case in CASES:
        print(row(case))


if __name__ == "__main__":
    main()
