"""What clock and array owe the host: the watch over a silent host in its time, and the golden model's numbers."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from nt_hil.chip import ByteArray, Dither, Readout
from nt_hil.client import ChipClient
from nt_hil.refusal import SessionLostError
from nt_model.array import run, run_dithered
from nt_model.engine import make_engine
from nt_model.learn import LearnSettings, LearnState, Spikes, dithered_codes
from nt_model.operating import ideal_operating
from tests.port_conformance.bench import Bench

SETTINGS = LearnSettings(hidden_dither_code=40, output_dither_code=24, rate_q8=1500)
TOO_EARLY, LATE_ENOUGH = 0.7, 1.6
"""Of the silence: by then a clock that runs right has not, and has, ended the session."""
STEPS = 4
BATCH = 4


def silent_host_loses_uncommitted_codes(bench: Bench) -> None:
    """The one time-out of the core makes the port's clock visible: a clock too fast, too slow or standing still, and a
    port that sleeps until a byte comes, all fail here."""
    chip = bench.client()
    chip.write_codes(bench.codes(1))
    chip.commit()
    revision = chip.write_codes(bench.codes(2))
    time.sleep(TOO_EARLY * bench.silence_s)
    assert not _is_session_lost(chip), "the session ended too early: the clock runs too fast"
    assert chip.status().revision == revision
    np.testing.assert_array_equal(chip.read_codes()[0], bench.codes(2))
    time.sleep(LATE_ENOUGH * bench.silence_s + 0.5)
    assert _is_session_lost(chip), "the session outlived its silence: clock too slow or still, or the port slept on"
    again = bench.client()
    codes, restored = again.read_codes()
    np.testing.assert_array_equal(codes, bench.codes(1))
    assert restored == revision + 1
    assert again.info.boot_count == chip.info.boot_count, "the watch over the host is no reset"


def _is_session_lost(chip: ChipClient) -> bool:
    try:
        chip.status()
    except SessionLostError:
        return True
    return False


def spikes_are_those_of_the_golden_model(bench: Bench) -> None:
    chip = bench.client()
    codes = bench.codes(3)
    chip.write_codes(codes)
    x = bench.samples(6)
    shown = chip.present(x, Readout(hidden=True, dither=Dither(20, 9), membrane=True))
    golden = ideal_operating(bench.image, codes)
    held = np.repeat(x[:, None, :], bench.image.n_steps, axis=1)
    for layer, expected in zip(shown.plain, run(bench.image, golden, held), strict=True):
        np.testing.assert_array_equal(layer, expected.counts)
    last = bench.image.layers[-1].domain
    for sign, plane in ((1, shown.plus), (-1, shown.minus)):
        dithered = _moved(codes, sign * 20)
        dithered[last] = _moved(codes, sign * 9)[last]
        expected_plane = run_dithered(bench.image, golden, ideal_operating(bench.image, dithered), held)
        for layer, counts in zip(plane, expected_plane, strict=True):
            np.testing.assert_array_equal(layer, counts)


def gates_are_those_of_the_planes(bench: Bench) -> None:
    chip = bench.client()
    chip.write_codes(bench.codes(3))
    x = bench.samples(6)
    full = Readout(hidden=True, dither=Dither(20, 9))
    planes, gates = chip.present(x, full), chip.present(x, replace(full, gates=True))
    assert gates.plain == ()
    for above, below, plus, minus in zip(gates.plus[:-1], gates.minus[:-1], planes.plus, planes.minus, strict=False):
        np.testing.assert_array_equal(above != below, plus != minus)
    np.testing.assert_array_equal(gates.plus[-1] != 0, planes.plus[-1] != 0)
    np.testing.assert_array_equal(gates.minus[-1] != 0, planes.minus[-1] != 0)


def _moved(codes: ByteArray, by: int) -> ByteArray:
    return np.clip(codes.astype(np.int16) + by, 0, 255).astype(np.uint8)


def device_learns_as_the_golden_model(bench: Bench) -> None:
    """A few steps of the device loop, codes read after each."""
    chip = bench.client()
    settings = replace(SETTINGS, code_min=bench.first.code_min, code_max=bench.first.code_max)
    count = min(8, bench.first.input_slots)
    x = bench.samples(count)
    history, batches = _golden_history(bench, settings, x)
    chip.write_codes(bench.codes(4))
    chip.load_samples(x)
    chip.learn_start(settings)
    for step, (slots, labels) in enumerate(batches):
        chip.learn_loaded(slots, labels, settings.rate_q8)
        np.testing.assert_array_equal(chip.read_codes()[0], history[step], err_msg=f"step {step}")
    assert not np.array_equal(history[-1], bench.codes(4)), "no code moved: the check shows nothing"


def _golden_history(
    bench: Bench, settings: LearnSettings, x: ByteArray
) -> tuple[list[ByteArray], list[tuple[np.ndarray, np.ndarray]]]:
    """Codes after each step, and the slots and labels of each; computed before the chip is asked for anything."""
    engine, state = make_engine("numpy", bench.image), LearnState.at(bench.codes(4))
    history, batches = [], []
    for step in range(STEPS):
        slots = ((np.arange(min(BATCH, len(x))) + step) % len(x)).astype(np.int64)
        labels = slots % bench.image.n_classes
        state = engine.learn(state, _golden_spikes(bench, settings, state.codes, x[slots]), labels, settings)
        history.append(state.codes)
        batches.append((slots, labels))
    return history, batches


def _golden_spikes(bench: Bench, settings: LearnSettings, codes: ByteArray, x: ByteArray) -> Spikes:
    image = bench.image
    plus, minus = (ideal_operating(image, dithered_codes(image, codes, settings, sign)) for sign in (1, -1))
    held = np.repeat(x[:, None, :], image.n_steps, axis=1)
    return make_engine("numpy", image).forward_dithered(ideal_operating(image, codes), plus, minus, held, 0)
