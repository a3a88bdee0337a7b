"""A calibration that is killed goes on where it was, and ends as it would have ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nt_calib.journal import JournalBench, Start, open_journal
from nt_calib.options import Options
from nt_calib.result import Calibration
from nt_calib.resumable import calibrate_and_keep
from nt_calib.store import CalibrationStore
from nt_hil.chip import Chip, Shot
from nt_hil.sim.device import Device
from nt_model.errors import UsageError, VersionMismatchError
from nt_model.image_file import LoadedImage
from nt_model.stimulus import Stimulus
from tests.calib.test_calibration_file import assert_same
from tests.hil.rig import client_of, loaded_image, sim_device

IMAGE = loaded_image((40, 9, 6))
OPTIONS = Options(search_patterns=3, search_rounds=4, refine_patterns=6, refine_repeats=8, check_patterns=2)
FOREVER = 10**6


class Killed(BaseException):
    """Stands for SIGKILL."""


class MortalChip:
    """A chip whose host dies at its exchange number `life`: before it reaches the chip, or when the answer is there.
    Nothing reaches the chip afterwards, as nothing does after a SIGKILL."""

    def __init__(self, chip: Chip, life: int, *, answered: bool) -> None:
        self._chip, self.life, self._answered = chip, life, answered

    def __getattr__(self, name: str) -> Any:
        if self.life < 0:
            raise Killed
        return getattr(self._chip, name)

    def measure(self, shots: list[Shot]) -> tuple[np.ndarray, ...]:
        self.life -= 1
        if self.life < 0 and not self._answered:
            raise Killed
        counts = self._chip.measure(shots)
        if self.life < 0:
            raise Killed
        return counts


def calibrated(device: Device, folder: Path, wrap: Callable[[Chip], Any] = lambda chip: chip) -> Calibration:
    chip = client_of(device)
    return calibrate_and_keep(wrap(chip), IMAGE, CalibrationStore(folder), OPTIONS)[1]


def killed_at(device: Device, folder: Path, life: int, *, answered: bool) -> None:
    with pytest.raises(Killed):
        calibrated(device, folder, lambda chip: MortalChip(chip, life, answered=answered))


def without_clock(found: Calibration) -> Calibration:
    cost = replace(found.cost, wall_s=0.0, wire_bytes=0, frames=0)
    return replace(found, cost=cost, date="")


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> int:
    """So many has a whole calibration."""
    mortal: list[MortalChip] = []

    def wrap(chip: Chip) -> MortalChip:
        mortal.append(MortalChip(chip, FOREVER, answered=True))
        return mortal[0]

    calibrated(sim_device(IMAGE), tmp_path_factory.mktemp("counted"), wrap)
    return FOREVER - mortal[0].life


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.6, 0.9, 0.999])
def test_a_killed_calibration_ends_as_one_that_was_not(share: float, exchanges: int, tmp_path: Path) -> None:
    whole = calibrated(sim_device(IMAGE, corner="typical"), tmp_path / "whole")
    device = sim_device(IMAGE, corner="typical")
    killed_at(device, tmp_path / "parts", int(share * exchanges), answered=False)
    parts = calibrated(device, tmp_path / "parts")
    assert_same(without_clock(parts), without_clock(whole))
    assert parts.cost.stimuli == whole.cost.stimuli
    assert list((tmp_path / "parts").rglob("journal*")) == []
    assert (client_of(device).read_corrections() == whole.corrections.pack()).all()


def test_killed_again_and_again_it_still_ends(tmp_path: Path) -> None:
    whole = calibrated(sim_device(IMAGE), tmp_path / "whole")
    device = sim_device(IMAGE)
    for life in (3, 4, 5, 2):
        killed_at(device, tmp_path / "parts", life, answered=True)
    assert_same(without_clock(calibrated(device, tmp_path / "parts")), without_clock(whole))


def test_the_codes_are_those_from_before_the_first_part(tmp_path: Path) -> None:
    device = sim_device(IMAGE)
    codes = np.random.default_rng(1).integers(90, 160, IMAGE.image.n_codes).astype(np.uint8)
    client_of(device).write_codes(codes)
    killed_at(device, tmp_path, 9, answered=True)
    assert (client_of(device).read_codes()[0] != codes).any()
    calibrated(device, tmp_path)
    assert (client_of(device).read_codes()[0] == codes).all()


def test_a_line_that_was_cut_off_is_asked_for_again(tmp_path: Path) -> None:
    whole = calibrated(sim_device(IMAGE), tmp_path / "whole")
    device = sim_device(IMAGE)
    killed_at(device, tmp_path / "parts", 12, answered=True)
    path = journal_in(tmp_path / "parts")
    path.write_bytes(path.read_bytes()[:-30])
    assert_same(without_clock(calibrated(device, tmp_path / "parts")), without_clock(whole))


def test_where_the_file_cannot_be_kept_the_answers_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = sim_device(IMAGE, corner="typical")

    def full(self: CalibrationStore, calibration: Calibration) -> Path:
        raise UsageError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(CalibrationStore, "keep", full)
        with pytest.raises(UsageError, match="no space"):
            calibrated(device, tmp_path)
    assert journal_in(tmp_path).name == "journal.jsonl"
    calibrated(device, tmp_path, lambda chip: MortalChip(chip, 0, answered=False))


def journal_in(folder: Path) -> Path:
    (path,) = folder.rglob("journal*")
    return path


def test_other_options_are_refused_until_a_restart(tmp_path: Path) -> None:
    device, store = sim_device(IMAGE), CalibrationStore(tmp_path)
    killed_at(device, tmp_path, 5, answered=True)
    chip, other = client_of(device), replace(OPTIONS, refine_repeats=9)
    with pytest.raises(UsageError, match="other options") as refused:
        calibrate_and_keep(chip, IMAGE, store, other)
    assert "--restart" in refused.value.next_step
    assert calibrate_and_keep(chip, IMAGE, store, other, restart=True)[1].options == other


def test_every_altered_line_is_refused(tmp_path: Path) -> None:
    device = sim_device(IMAGE)
    killed_at(device, tmp_path, 6, answered=True)
    path = journal_in(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    for number in range(len(lines)):
        table = json.loads(lines[number])
        if number:
            table["counts"] = ("1" if table["counts"][0] == "0" else "0") + table["counts"][1:]
        else:
            table["codes_hex"] = "00" + table["codes_hex"][2:]
        path.write_text("".join([*lines[:number], json.dumps(table) + "\n", *lines[number + 1 :]]))
        with pytest.raises(UsageError, match="cannot be used"):
            calibrated(device, tmp_path)
        path.write_text("".join([*lines[:number], "{\n", *lines[number + 1 :]]))
        with pytest.raises(UsageError, match="cannot be used"):
            calibrated(device, tmp_path)


def a_start(image: LoadedImage = IMAGE) -> Start:
    return Start("0" * 16, image.digest, OPTIONS, "2026-01-01T00:00:00+00:00", "80", "00000000", 300_000)


class CountingBench:
    """Every neuron spikes as often as shots were asked so far."""

    def __init__(self) -> None:
        self.asked = 0

    def shoot(self, shots: list[Shot]) -> tuple[np.ndarray, ...]:
        self.asked += len(shots)
        return tuple(np.full(4, self.asked, np.uint8) for _ in shots)


def shot(inputs: int) -> Shot:
    return Shot(None, Stimulus(0, np.arange(inputs), np.ones(inputs, np.uint8)))


def test_answers_come_back_without_the_bench_and_to_their_shots_alone(tmp_path: Path) -> None:
    path, first = tmp_path / "journal", CountingBench()
    traffic = client_of(sim_device(IMAGE)).traffic
    seen = JournalBench(first, open_journal(path, a_start()), lambda: traffic, (4,)).shoot([shot(1), shot(2)])
    second = CountingBench()
    again = JournalBench(second, open_journal(path, a_start()), lambda: traffic, (4,))
    assert all((a == b).all() for a, b in zip(again.shoot([shot(1), shot(2)]), seen, strict=True))
    assert (second.asked, again.spent.shots) == (0, 2)
    again.shoot([shot(3)])
    assert (second.asked, again.spent.shots) == (1, 3)
    other = JournalBench(second, open_journal(path, a_start()), lambda: traffic, (4,))
    with pytest.raises(UsageError, match="cannot be used") as refused:
        other.shoot([shot(1), shot(3)])
    assert "other shots" in refused.value.evidence


def test_another_chip_image_and_schema_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    open_journal(path, a_start())
    for other in (replace(a_start(), uid="1" * 16), replace(a_start(), image_digest="00" * 32)):
        with pytest.raises(UsageError, match="unfinished"):
            open_journal(path, other)
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    with pytest.raises(VersionMismatchError):
        open_journal(path, a_start())
    path.write_text("")
    with pytest.raises(UsageError, match="cannot be used"):
        open_journal(path, a_start())
