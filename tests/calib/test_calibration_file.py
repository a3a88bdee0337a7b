"""The calibration file: what is written is read, and nothing that is damaged or belongs elsewhere is."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nt_calib.calibration_file as calibration_file
from nt_calib.calibration_file import (
    calibration_bytes,
    parse_calibration,
    read_calibration,
    require_owner,
    write_calibration,
)
from nt_calib.result import Calibration, LayerFindings
from nt_calib.store import CalibrationStore
from nt_model.errors import NtError, UsageError, VersionMismatchError
from tests.calib.fakes import DIGEST, UID, calibration


def assert_same(one: Calibration, two: Calibration) -> None:
    assert (one.uid, one.image_digest, one.date) == (two.uid, two.image_digest, two.date)
    assert [asdict(each) for each in (one.options, one.conditions, one.cost)] == [
        asdict(each) for each in (two.options, two.conditions, two.cost)
    ]
    np.testing.assert_array_equal(one.corrections.pack(), two.corrections.pack())
    for a, b in zip(one.layers, two.layers, strict=True):
        for field in fields(LayerFindings):
            left, right = getattr(a, field.name), getattr(b, field.name)
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right)


@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    supply_mv=st.none() | st.floats(500, 5000),
)
def test_round_trip(
    seed: int, sizes: list[int], supply_mv: float | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("calibration") / "one.ntcal"
    kept = calibration(seed, tuple(sizes), supply_mv=supply_mv)
    write_calibration(path, kept)
    assert_same(read_calibration(path), kept)
    assert calibration_bytes(read_calibration(path)) == path.read_bytes()


DATA = calibration_bytes(calibration())


def test_every_truncation_is_refused() -> None:
    for length in range(len(DATA)):
        with pytest.raises(UsageError, match="truncated"):
            parse_calibration(DATA[:length], Path("cut.ntcal"))


@given(place=st.integers(0, len(DATA) - 1), bit=st.integers(0, 7))
def test_every_flipped_bit_is_refused(place: int, bit: int) -> None:
    spoilt = bytearray(DATA)
    spoilt[place] ^= 1 << bit
    with pytest.raises(UsageError, match=r"altered|truncated") as refused:
        parse_calibration(bytes(spoilt), Path("spoilt.ntcal"))
    assert refused.value.evidence
    assert "nt-host calibrate" in refused.value.next_step


def test_bytes_after_the_end_and_other_files_are_refused(tmp_path: Path) -> None:
    for data in (DATA + b"\0", b"", b"PK\x05\x06" + bytes(18), b"[tool]\n", DATA[1:]):
        (tmp_path / "one.ntcal").write_bytes(data)
        with pytest.raises(UsageError):
            read_calibration(tmp_path / "one.ntcal")
    with pytest.raises(UsageError, match="cannot be read"):
        read_calibration(tmp_path / "absent.ntcal")


def test_a_newer_schema_is_refused_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.ntcal"
    monkeypatch.setattr(calibration_file, "SCHEMA_VERSION", 2)
    write_calibration(path, calibration())
    monkeypatch.undo()
    with pytest.raises(VersionMismatchError, match="schema version") as refused:
        read_calibration(path)
    assert "2, this program reads 1" in refused.value.evidence


def test_another_chip_and_another_image_are_refused() -> None:
    kept = calibration()
    require_owner(kept, UID, DIGEST)
    with pytest.raises(UsageError, match="another chip"):
        require_owner(kept, "f" * 16, DIGEST)
    with pytest.raises(UsageError, match="another image"):
        require_owner(kept, UID, "cd" * 32)


def test_plain_tools_open_it(tmp_path: Path) -> None:
    path = tmp_path / "one.ntcal"
    write_calibration(path, calibration())
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["corrections"], calibration().corrections.pack())
    with zipfile.ZipFile(path) as archive:
        text = archive.read("calibration.toml").decode()
        assert archive.testzip() is None
    for word in (UID, DIGEST, "2026-03-01", "sigma_ratio", "temperature_start_mk", "search_patterns", "good = "):
        assert word in text


class Killed(BaseException):
    """What stands for SIGKILL inside the child."""


@pytest.mark.parametrize("moment", ["write", "flush", "fsync", "chmod", "replace"])
def test_a_kill_at_any_moment_of_the_write_leaves_the_old_file(moment: str, tmp_path: Path) -> None:
    store = CalibrationStore(tmp_path)
    first = store.keep(calibration(1))
    if os.fork() == 0:
        _die_at(moment)
        write_calibration(first, calibration(2))
        os._exit(1)
    assert os.WEXITSTATUS(os.wait()[1]) == 9
    assert_same(read_calibration(first), calibration(1))
    assert store.latest_path(UID, DIGEST) == first


def _die_at(moment: str) -> None:
    def die(*_: object, **__: object) -> None:
        os._exit(9)

    if moment in ("fsync", "chmod", "replace"):
        setattr(os, moment, die)
        return
    opened: Callable[..., object] = os.fdopen

    def half_written(handle: int, mode: str) -> object:
        file = opened(handle, mode)
        if moment == "flush":
            file.flush = die  # type: ignore[attr-defined]
            return file
        os.write(handle, DATA[: len(DATA) // 2])
        os._exit(9)

    os.fdopen = half_written  # type: ignore[assignment]


def test_the_latest_is_the_last_kept_and_of_that_chip_alone(tmp_path: Path) -> None:
    store = CalibrationStore(tmp_path)
    with pytest.raises(UsageError, match="not been calibrated"):
        store.latest(UID, DIGEST)
    for seed in (1, 2, 3):
        store.keep(calibration(seed))
    store.keep(calibration(9, uid="0" * 16))
    path, latest = store.latest(UID, DIGEST)
    assert path.name == "0003-20260301T123005.ntcal"
    assert_same(latest, calibration(3))
    assert len(store.paths(UID, DIGEST)) == 3


def test_a_damaged_latest_is_refused_and_no_older_one_taken(tmp_path: Path) -> None:
    store = CalibrationStore(tmp_path)
    store.keep(calibration(1))
    store.keep(calibration(2)).write_bytes(DATA[:100])
    with pytest.raises(NtError, match="truncated"):
        store.latest(UID, DIGEST)


def test_a_file_that_was_put_into_another_chips_folder_is_refused(tmp_path: Path) -> None:
    store = CalibrationStore(tmp_path)
    path = store.keep(calibration(1))
    write_calibration(path, replace(calibration(1), uid="0" * 16))
    with pytest.raises(UsageError, match="another chip"):
        store.latest(UID, DIGEST)
