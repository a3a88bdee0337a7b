"""The Chip interface through the whole wire, held against engine, silicon and learning rule without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nt_hil.chip import Capability, Dither, Readout
from nt_hil.messages import ResetReason
from nt_hil.open import open_chip
from nt_hil.refusal import StaleRevisionError
from nt_hil.sim.codes import CodeLimits
from nt_hil.sim.nv import FileNv, MemoryNv
from nt_hil.sim.simchip import SimOptions
from nt_model.corner import corner_named
from nt_model.engine import NumpyEngine
from nt_model.errors import DeviceError, SafetyError, UsageError
from nt_model.learn import LearnSettings, LearnState, Spikes, dithered_codes, learn_step
from nt_model.silicon import Silicon
from tests.hil.rig import client_of, loaded_image, random_events, sim_device

DITHERED = Readout(hidden=True, dither=Dither(48, 24))


def golden_spikes(image, codes, x, corner="quiet", first_step=0):  # type: ignore[no-untyped-def]
    silicon, engine = Silicon.draw(image, corner_named(corner), 7), NumpyEngine(image)
    settings = LearnSettings(hidden_dither_code=48, output_dither_code=24)
    points = [
        silicon.operating(c)
        for c in (codes, dithered_codes(image, codes, settings, 1), dithered_codes(image, codes, settings, -1))
    ]
    return engine.forward_dithered(*points, x, first_step), engine.forward(points[0], x, first_step)


def test_info_tells_what_the_chip_is() -> None:
    image = loaded_image()
    chip = client_of(sim_device(image))
    info = chip.info
    assert info.image_digest == image.digest
    assert info.layer_sizes == (12, 9, 7, 4)
    assert (info.n_codes, info.n_classes, info.max_payload, info.window) == (20, 3, 512, 8)
    assert info.uid == f"{Silicon.draw(image.image, corner_named('quiet'), 7).uid:016x}"
    assert (info.boot_count, info.reset_reason) == (1, "power-on")


@pytest.mark.parametrize("corner", ["quiet", "typical"])
@pytest.mark.parametrize("steps", [1, 5])
def test_present_gives_what_the_engine_gives(corner: str, steps: int) -> None:
    image = loaded_image(steps=steps)
    chip = client_of(sim_device(image, corner=corner))
    x = random_events(30, 12, top=3)
    chip.load_samples(x)
    codes = chip.read_codes()[0]
    held = np.repeat(x[:, None], steps, axis=1)
    spikes, forward = golden_spikes(image.image, codes, held, corner)
    got = chip.present_loaded(np.arange(30), Readout(True, Dither(48, 24), True))
    for ours, golden in zip(got.plain + got.plus + got.minus, spikes.plain + spikes.plus + spikes.minus, strict=True):
        assert (ours == golden).all()
    assert got.membrane_q8 is not None
    assert (got.membrane_q8 == forward.compared_q8[-1]).all()
    again = chip.present_loaded(np.array([4, 2]), Readout())
    assert len(again.plain) == 1
    later = golden_spikes(image.image, codes, held[[4, 2]], corner, 30 * steps)[1]
    assert (again.plain[0] == later.counts[-1]).all()
    assert chip.status().samples_presented == 32


@pytest.mark.parametrize("steps", [1, 5])
def test_gates_show_what_learning_looks_at(steps: int) -> None:
    image = loaded_image(steps=steps)
    x = random_events(30, 12, top=3)
    full = Readout(True, Dither(48, 24), True)
    planes, gates = (client_of(sim_device(image)).present(x, each) for each in (full, replace(full, gates=True)))
    assert gates.plain == ()
    for layer in (0, 1):
        differ = planes.plus[layer] != planes.minus[layer]
        assert differ.any()
        assert ((gates.plus[layer] != gates.minus[layer]) == differ).all()
    assert (gates.plus[-1] == (planes.plus[-1] > 0)).all()
    assert (gates.minus[-1] == (planes.minus[-1] > 0)).all()
    assert gates.membrane_q8 is not None
    assert planes.membrane_q8 is not None
    assert (gates.membrane_q8 == planes.membrane_q8).all()


def test_a_learning_step_needs_no_more_than_gates() -> None:
    image, rng = loaded_image(steps=3), np.random.default_rng(2)
    x, labels = random_events(30, 12, top=3), rng.integers(0, 3, 30)
    states = []
    for readout in (DITHERED, replace(DITHERED, gates=True)):
        shown = client_of(sim_device(image)).present(x, readout)
        spikes = Spikes(shown.plain, shown.plus, shown.minus)
        before = LearnState.at(np.full(image.image.n_codes, 128, np.uint8))
        states.append(learn_step(image.image, before, spikes, labels, LearnSettings()))
    assert (states[0].codes != 128).any()
    assert (states[0].codes == states[1].codes).all()
    assert (states[0].accumulator_q8 == states[1].accumulator_q8).all()


def test_gates_without_dither_or_hidden_layers_are_refused() -> None:
    chip = client_of(sim_device(loaded_image()))
    for readout in (Readout(True, gates=True), Readout(False, Dither(3, 3), gates=True)):
        with pytest.raises(DeviceError, match="SETTING_RANGE"):
            chip.present(random_events(2, 12), readout)


def test_rasters_and_overridden_steps() -> None:
    image = loaded_image(steps=4)
    chip = client_of(sim_device(image))
    x = random_events(9, 12, steps=6)
    codes = chip.read_codes()[0]
    golden = golden_spikes(image.image, codes, x)[1].counts
    assert (chip.present(x, Readout(hidden=True)).plain[1] == golden[1]).all()
    chip.load_samples(x)
    assert (chip.present_loaded(np.arange(9), Readout(), n_steps=6).plain[0] == golden[-1]).all()
    with pytest.raises(DeviceError, match="STEPS_MISMATCH"):
        chip.present_loaded(np.arange(9), Readout(), n_steps=3)


def test_a_record_longer_than_a_frame_is_read_in_parts() -> None:
    image = loaded_image((16, 300, 150, 6), steps=3)
    chip = client_of(sim_device(image))
    x = random_events(4, 16)
    codes = chip.read_codes()[0]
    spikes = golden_spikes(image.image, codes, np.repeat(x[:, None], 3, axis=1))[0]
    got = chip.present(x, DITHERED)
    assert all((a == b).all() for a, b in zip(got.plus, spikes.plus, strict=True))


def test_present_keeps_loaded_samples_while_there_is_room() -> None:
    chip = client_of(sim_device(options=SimOptions(input_slots=10)))
    x, other = random_events(6, 12), random_events(23, 12, seed=8)
    chip.load_samples(x)
    before = chip.present_loaded(np.arange(6), Readout(True)).plain
    assert chip.present(other, Readout()).plain[0].shape == (23, 4)
    after = chip.present_loaded(np.arange(6), Readout(True)).plain
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    chip.load_samples(random_events(10, 12))
    chip.present(other, Readout())
    with pytest.raises(UsageError, match="not loaded"):
        chip.present_loaded(np.arange(6), Readout())


@pytest.mark.parametrize("x", [np.zeros((2, 11), np.uint8), np.zeros((2, 12), np.int64), np.zeros(12, np.uint8)])
def test_samples_that_do_not_fit_are_refused(x: np.ndarray) -> None:
    with pytest.raises(UsageError, match="12 inputs"):
        client_of(sim_device()).load_samples(x)


def test_codes_are_compare_and_set() -> None:
    device = sim_device(loaded_image((12, 2000, 4)))
    chip = client_of(device)
    codes, revision = chip.read_codes()
    assert revision == 0
    target = np.random.default_rng(1).integers(0, 256, codes.size).astype(np.uint8)
    assert chip.write_codes(target) == 1
    assert (device.chip.bank.codes == target).all()
    assert (chip.read_codes()[0] == target).all()
    device.chip.bank.replace(codes)
    with pytest.raises(StaleRevisionError):
        chip.write_codes(target)
    assert (device.chip.bank.codes == codes).all()
    assert chip.write_codes(target) == 3


@pytest.mark.parametrize(("move", "match"), [(-60, "CODE_RANGE"), (60, "CODE_RANGE"), (20, "SLEW_LIMIT")])
def test_limits_hold_on_the_device_and_change_nothing(move: int, match: str) -> None:
    device = sim_device(loaded_image((12, 2000, 4)), options=SimOptions(CodeLimits(100, 150, 16)))
    chip = client_of(device)
    codes, revision = chip.read_codes()
    target = codes + 1
    target[1999] = 128 + move
    with pytest.raises(SafetyError, match=match):
        chip.write_codes(target.astype(np.uint8))
    assert chip.read_codes()[1] == revision
    assert (device.chip.bank.codes == codes).all()
    assert chip.write_codes((codes + 16).astype(np.uint8)) == revision + 1


def test_the_device_loop_is_the_golden_rule() -> None:
    image = loaded_image()
    chip = client_of(sim_device(image))
    x, labels = random_events(40, 12), np.random.default_rng(2).integers(0, 3, 40)
    chip.load_samples(x)
    settings = LearnSettings()
    chip.learn_start(settings)
    state = LearnState.at(chip.read_codes()[0])
    for step in range(6):
        batch = np.arange(step * 5, step * 5 + 10)
        chip.learn_loaded(batch, labels[batch], settings.rate_q8)
        spikes = golden_spikes(image.image, state.codes, x[batch][:, None])[0]
        state = learn_step(image.image, state, spikes, labels[batch], settings)
        assert (chip.read_codes()[0] == state.codes).all()
    status = chip.status()
    assert (status.learning, status.learning_step, status.revision) == (True, 6, 6)


def test_a_batch_of_many_frames_is_one_step() -> None:
    chip = client_of(sim_device())
    chip.load_samples(random_events(300, 12))
    chip.learn_start(LearnSettings())
    chip.learn_loaded(np.arange(300), np.zeros(300, np.int64), 154)
    assert chip.status().learning_step == 1
    with pytest.raises(DeviceError, match="LABEL_RANGE"):
        chip.learn_loaded(np.arange(300), np.full(300, 3), 154)
    assert chip.status().learning_step == 1


def test_commit_survives_a_reset() -> None:
    chip = client_of(sim_device(nv=MemoryNv()))
    codes = chip.read_codes()[0] + 3
    chip.write_codes(codes)
    assert chip.commit() == 1
    chip.write_codes(codes + 1)
    chip.reset()
    assert (chip.read_codes()[0] == codes).all()
    assert (chip.info.boot_count, chip.info.reset_reason, chip.info.nv_generation) == (2, "software", 1)


def test_a_memory_file_survives_the_process(tmp_path: Path) -> None:
    image, path = loaded_image(), tmp_path / "nv.json"
    chip = client_of(sim_device(image, nv=FileNv(path, image.digest, "7")))
    chip.write_codes(chip.read_codes()[0] + 3)
    chip.commit()
    chip = client_of(sim_device(image, nv=FileNv(path, image.digest, "7")))
    assert (chip.read_codes()[0] == 131).all()
    assert chip.info.boot_count == 2
    for wrong in (FileNv(path, image.digest, "8"), FileNv(Path(__file__), image.digest, "7")):
        with pytest.raises(UsageError):
            sim_device(image, nv=wrong)


def test_codes_and_samples_are_restored_after_a_boot() -> None:
    device = sim_device(options=SimOptions(CodeLimits(0, 255, 5)))
    chip = client_of(device)
    chip.load_samples(random_events(5, 12))
    codes = chip.read_codes()[0]
    for _ in range(3):
        codes = (codes + 5).astype(np.uint8)
        chip.write_codes(codes)
    before = chip.present_loaded(np.arange(5), Readout(True)).plain
    device.boot(ResetReason.BROWN_OUT)
    after = chip.present_loaded(np.arange(5), Readout(True)).plain
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    assert (chip.read_codes()[0] == codes).all()
    assert chip.resets_survived == 1
    assert chip.info.reset_reason == "brown-out"


def test_a_chip_without_a_capability_says_so() -> None:
    chip = client_of(sim_device(options=SimOptions(capabilities=Capability(0))))
    chip.load_samples(random_events(5, 12))
    with pytest.raises(DeviceError, match="NO_CAPABILITY"):
        chip.present_loaded(np.arange(5), DITHERED)
    with pytest.raises(DeviceError, match="NO_CAPABILITY"):
        chip.learn_start(LearnSettings())


def test_another_image_is_refused_with_both_names(monkeypatch: pytest.MonkeyPatch) -> None:
    image, other = loaded_image(), loaded_image(seed=4)
    chip = open_chip("sim:quiet,engine=numpy", image)
    assert chip.info.image_digest == image.digest
    from nt_hil.links.in_process import InProcessLink

    monkeypatch.setattr("nt_hil.open.open_link", lambda *a, **k: InProcessLink(sim_device(image)))
    with pytest.raises(UsageError) as caught:
        open_chip("sim", other)
    assert image.digest in str(caught.value)
    assert other.digest in str(caught.value)


def test_closing_says_goodbye_so_that_the_watchdog_leaves_the_codes_alone() -> None:
    device = sim_device()
    chip = client_of(device)
    chip.write_codes(np.full(chip.info.n_codes, 77, np.uint8))
    assert device.in_session
    chip.close()
    assert not device.in_session
    again = client_of(device)
    assert set(again.read_codes()[0].tolist()) == {77}
