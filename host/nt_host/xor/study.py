"""Study `xor`: output counts of the golden model, the C core, the emulated board and the circuit, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Readout
from nt_host.connect import ChipOptions, connected
from nt_host.study.result import Check, Picture, StudyResult, StudyTable
from nt_host.xor.in_circuit import run_image
from nt_host.xor.network import (
    CASES,
    INPUT_THRESHOLD_LSB,
    LEAST_SPIKES_OF_ONE,
    N_STEPS,
    OTHER_LSB,
    OUTPUT_LSB,
    OUTPUT_THRESHOLD_LSB,
    OWN_LSB,
    PAPER_COUNTS,
    logic_of,
    xor_events,
    xor_image,
)
from nt_model.engine import make_engine
from nt_model.image import CODE_DEFAULT, Image
from nt_model.image_file import image_bytes, parse_image
from nt_model.operating import ideal_operating

BOARD = "emu:netduinoplus2"
OnProgress = Callable[[int, int, str], None]
Counts = list[list[int]]


@dataclass(frozen=True)
class Answer:
    """Spike counts of one implementation, by case: the two input neurons and the output neuron."""

    hidden: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]


def _answer(hidden: NDArray[np.uint8], output: NDArray[np.uint8]) -> Answer:
    return Answer(tuple(tuple(int(n) for n in row) for row in hidden), tuple(int(row[0]) for row in output))


def engine_answer(image: Image, engine: str) -> Answer:
    """The golden model ("numpy") or the C core ("c") on an ideal array."""
    codes = np.full(image.n_codes, CODE_DEFAULT, np.uint8)
    found = make_engine(engine, image).forward(ideal_operating(image, codes), xor_events(image), 0)
    return _answer(*found.counts)


def chip_answer(image: Image, port: str) -> Answer:
    """A chip at `port`, over the wire; raises as `connected`."""
    loaded = parse_image(image_bytes(image))
    with connected(ChipOptions(port), loaded) as chip:
        return _answer(*chip.present(xor_events(image), Readout(hidden=True)).plain)


def circuit_answer(image: Image) -> Answer:
    """The circuit; raises as `simulate`."""
    codes = np.full(image.n_codes, CODE_DEFAULT, np.uint8)
    traces = run_image(image, codes, xor_events(image))
    return Answer(
        tuple(tuple(trace.spikes for trace in sample[0]) for sample in traces),
        tuple(sample[1][0].spikes for sample in traces),
    )


def _table(answers: Mapping[str, Answer]) -> StudyTable:
    rows = []
    for index, (a, b) in enumerate(CASES):
        counts = [f"{answer.output[index]} ({'+'.join(map(str, answer.hidden[index]))})" for answer in answers.values()]
        rows.append((f"{a} xor {b} = {a ^ b}", *counts, f"{PAPER_COUNTS[a ^ b]} for a {a ^ b}"))
    return StudyTable("Output spikes (of the input neurons in brackets)", ("case", *answers, "paper"), tuple(rows))


def _checks(answers: Mapping[str, Answer]) -> tuple[Check, ...]:
    golden = answers["golden model"]
    wanted = [a ^ b for a, b in CASES]
    right = {
        name: sum(logic_of(count) == bit for count, bit in zip(each.output, wanted, strict=True))
        for name, each in answers.items()
    }
    zero, one = PAPER_COUNTS
    return (
        Check(
            f"cases right, an output of fewer than {LEAST_SPIKES_OF_ONE} spikes being 0",
            "4 of 4 everywhere",
            ", ".join(f"{name} {count}" for name, count in right.items()),
            all(count == len(CASES) for count in right.values()),
        ),
        Check(
            "spike counts of all neurons equal to the golden model's",
            "everywhere",
            ", ".join(name for name, each in answers.items() if each == golden),
            all(each == golden for each in answers.values()),
        ),
        Check(
            "output counts of the paper",
            f"{zero} and {one}",
            f"1 xor 1: {golden.output[3]}; 0 xor 1, 1 xor 0: {golden.output[1]}, {golden.output[2]}",
            golden.output[1:] == (one, one, zero),
        ),
    )


def run_xor_study(folder: Path, on_progress: OnProgress = lambda done, total, note: None) -> StudyResult:
    """Run XOR on all four; the picture of the circuit goes into `folder`.

    Raises:
        EnvironmentMissingError: ngspice, QEMU or the firmware is missing.
    """
    # Imported where it is used: matplotlib takes half a second to load.
    from nt_host.xor.picture import write_xor_picture

    image = xor_image()
    parts: tuple[tuple[str, Callable[[], Answer]], ...] = (
        ("golden model", lambda: engine_answer(image, "numpy")),
        ("C core", lambda: engine_answer(image, "c")),
        ("emulated board", lambda: chip_answer(image, BOARD)),
        ("circuit", lambda: circuit_answer(image)),
    )
    answers = {}
    for done, (name, run) in enumerate(parts):
        on_progress(done, len(parts), name)
        answers[name] = run()
    write_xor_picture(folder / "xor_circuit.png", image)
    return StudyResult(
        "xor",
        "XOR with spike trains of length 10",
        _told(),
        _checks(answers),
        (_table(answers),),
        (Picture("xor_circuit.png", "The circuit's membranes for 0 xor 1 and 1 xor 1."),),
        {name: {"input_neurons": each.hidden, "output": each.output} for name, each in answers.items()},
    )


def _told() -> tuple[str, ...]:
    return (
        f"Two input neurons with weights {OWN_LSB:+d} from their own train and {OTHER_LSB:+d} from the other "
        f"(threshold {INPUT_THRESHOLD_LSB:g} LSB), one output neuron with weights {OUTPUT_LSB:+d} (threshold "
        f"{OUTPUT_THRESHOLD_LSB:g} LSB), all codes at {CODE_DEFAULT}; a one is eight spikes in {N_STEPS} steps, a zero "
        "none. The paper's weights and trains are not known here: these were chosen in the array's format, so equal "
        "counts show that the array can do it, not that the paper's network is this one. The paper's count of a 0 "
        "stands in both rows of a 0; without a spike at the input this network is silent.",
        f"The board is `{BOARD}`, the firmware in QEMU, reached over its UART; the circuit is the transistor netlist "
        "of the three neurons, joined by their own spikes.",
    )
