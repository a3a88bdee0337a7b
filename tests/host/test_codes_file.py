"""Code snapshots: what is written is read, and codes of another chip or image are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nt_hil.open import open_chip
from nt_host.codes_file import CodeSnapshot, Leniency, codes_for, read_codes_file, snapshot_of, write_codes_file
from nt_host.move_codes import move_codes
from nt_model.errors import UsageError, VersionMismatchError
from nt_model.image_file import LoadedImage


@given(codes=hnp.arrays(np.uint8, st.integers(1, 300)))
def test_round_trip(codes: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("codes") / "codes.toml"
    write_codes_file(path, CodeSnapshot(codes, "0" * 16, "a" * 64, "2026-01-01T00:00:00+00:00"))
    back = read_codes_file(path)
    np.testing.assert_array_equal(back.codes, codes)
    assert (back.chip_uid, back.image_digest) == ("0" * 16, "a" * 64)


def test_codes_come_back_to_the_same_chip_only(loaded: LoadedImage, tmp_path: Path) -> None:
    chip = open_chip("sim:quiet,seed=1", loaded, engine="numpy")
    goal = np.random.default_rng(0).integers(0, 256, loaded.image.n_codes).astype(np.uint8)
    move_codes(chip, goal)
    write_codes_file(tmp_path / "codes.toml", snapshot_of(chip.info, chip.read_codes()[0]))
    snapshot = read_codes_file(tmp_path / "codes.toml")
    np.testing.assert_array_equal(codes_for(snapshot, chip.info), goal)
    other = replace(chip.info, uid="f" * 16)
    with pytest.raises(UsageError, match="another chip"):
        codes_for(snapshot, other)
    np.testing.assert_array_equal(codes_for(snapshot, other, lenient=Leniency(any_chip=True)), goal)
    with pytest.raises(UsageError, match="another image"):
        codes_for(snapshot, replace(chip.info, image_digest="0" * 64), lenient=Leniency(any_chip=True))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("not toml [", UsageError),
        ('schema = "other"', UsageError),
        ('schema = "nt-codes"\nschema_version = 99', VersionMismatchError),
        ('schema = "nt-codes"\nschema_version = 1', UsageError),
        ('schema = "nt-codes"\nschema_version = 1\nchip_uid = "a"\nimage_digest = "b"\ncodes = [1, 256]', UsageError),
        ('schema = "nt-codes"\nschema_version = 1\nchip_uid = "a"\nimage_digest = "b"\ncodes = [1.5]', UsageError),
    ],
)
def test_a_broken_file_is_refused(text: str, error: type[Exception], tmp_path: Path) -> None:
    path = tmp_path / "codes.toml"
    path.write_text(text)
    with pytest.raises(error):
        read_codes_file(path)
