"""Power of the emulated board fails at exactly the k-th word or erase of its NV memory, which lies in a file: after
the restart it holds the old or the new set, complete, and says which."""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import signal
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nt_hil.client import ChipClient
from nt_hil.emulator import EmulatorLink, EmulatorOptions, open_emulator
from nt_hil.exchange import Exchange, Outgoing
from nt_hil.messages import CommitRequest
from nt_hil.session import Session, SessionOptions
from nt_model.errors import LinkError
from nt_model.image import Image
from nt_model.image_file import image_bytes
from tests.firmware.conftest import tool_require
from tests.firmware.test_emulator import emulators_of, none_left
from tests.model.strategies import make_image

pytestmark = pytest.mark.emulator

FUSE_AT = 0x20004
"""Behind both NV areas and the word that marks a file as used, see firmware/port/mps2_an386."""
BURN_S = 20.0
BOOT_S = 0.15
"""Mostly enough for a boot to burn its fuse; beyond it HELLO tells."""
SEED = 8


@dataclass
class Bench:
    """An emulated board with a fuse. `committed` and `generation` are what its NV holds as far as was confirmed."""

    firmware: Path
    image: Image
    nv: Path
    committed: np.ndarray
    generation: int = 0

    def start(self) -> tuple[EmulatorLink, ChipClient]:
        link = self.power_on()
        return link, ChipClient(Session(link, SessionOptions(10.0, baud=115_200)))

    def power_on(self) -> EmulatorLink:
        options = EmulatorOptions("mps2-an386", firmware=self.firmware, nv_file=self.nv)
        return open_emulator(options, image_bytes(self.image))

    def fuse_set(self, count: int) -> None:
        self._fuse(count)

    def fuse(self) -> int:
        return self._fuse(None)

    def _fuse(self, count: int | None) -> int:
        with self.nv.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            if count is not None:
                struct.pack_into("<I", memory, FUSE_AT, count)
            return int(struct.unpack_from("<I", memory, FUSE_AT)[0])

    def power_off(self, link: EmulatorLink) -> None:
        """SIGKILL, as near to a power failure as an emulator has."""
        for pid in emulators_of(self.firmware):
            os.kill(pid, signal.SIGKILL)
        assert none_left(self.firmware)
        link.close()

    def codes(self, k: int) -> np.ndarray:
        return np.random.default_rng((SEED, k)).integers(0, 256, self.image.n_codes).astype(np.uint8)

    def check(self, chip: ChipClient, wanted: np.ndarray, k: int) -> bool:
        """True where the new set is there; fails unless it is the old or the new one with its own generation."""
        seen, generation = chip.read_codes()[0], chip.info.nv_generation
        is_new = generation == self.generation + 1
        assert is_new or generation == self.generation, (SEED, k, generation, self.generation)
        expected = wanted if is_new else self.committed
        np.testing.assert_array_equal(seen, expected, err_msg=f"seed {SEED}, cut at {k}, generation {generation}")
        self.committed, self.generation = expected, generation
        return is_new


@pytest.fixture
def bench(boards: Path, tmp_path: Path) -> Iterator[Bench]:
    tool_require("qemu-system-arm")
    # A file of its own, so that its emulators can be told from those of other tests.
    firmware = tmp_path / "nt-firmware.elf"
    firmware.write_bytes((boards / "mps2_an386" / "nt-firmware.elf").read_bytes())
    image = make_image(3, (12, 9, 7, 4), classes=4)
    yield Bench(firmware, image, tmp_path / "nv.bin", np.full(image.n_codes, 128, np.uint8))
    for pid in emulators_of(firmware):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def commit_sent(chip: ChipClient) -> None:
    """COMMIT on its way, its answer not awaited."""
    session = chip.session
    request = CommitRequest(chip.read_codes()[1])
    run = Exchange([Outgoing(request.TYPE, request.pack())], session._session, session._seq, 1)
    session.link.write(run.fill(0.0))


def burned(bench: Bench, link: EmulatorLink) -> bool:
    """True once the fuse has burned; False where the board answered, because its commit took fewer operations."""
    deadline = time.monotonic() + BURN_S
    while time.monotonic() < deadline:
        if bench.fuse() == 0:
            return True
        if link.read(0.005):
            return bench.fuse() == 0
    raise AssertionError(f"seed {SEED}: the board neither stopped nor answered")


def commit_cut(bench: Bench, k: int) -> tuple[bool, bool]:
    """Cut a COMMIT at its k-th operation. (whether the fuse burned, whether the new set is there after)"""
    link, chip = bench.start()
    bench.check(chip, bench.committed, k)
    wanted = bench.codes(k)
    chip.write_codes(wanted)
    chip.read_codes()
    bench.fuse_set(k)
    commit_sent(chip)
    has_burned = burned(bench, link)
    bench.power_off(link)
    bench.fuse_set(0)
    link, chip = bench.start()
    is_new = bench.check(chip, wanted, k)
    bench.power_off(link)
    return has_burned, is_new


def commit_sweep(bench: Bench) -> list[tuple[bool, bool]]:
    outcomes = []
    k = 1
    while True:
        outcomes.append(commit_cut(bench, k))
        if not outcomes[-1][0]:
            break
        k += 1
        assert k < 500
    news = [is_new for _, is_new in outcomes]
    print(f"COMMIT cut at each of {k - 1} operations: {news.count(False)} old, {news.count(True) - 1} new")
    return outcomes


def test_commit_is_all_or_nothing_at_every_operation(bench: Bench) -> None:
    outcomes = commit_sweep(bench)
    news = [is_new for _, is_new in outcomes]
    assert len(outcomes) > 20
    assert news == sorted(news), "once the new set is there, a later cut does not bring the old one back"
    assert outcomes[0] == (True, False)
    assert outcomes[-1] == (False, True)


def boot_stops(bench: Bench, link: EmulatorLink) -> bool:
    """True once the fuse has burned; False where the board booted, because its boot took fewer operations."""
    deadline = time.monotonic() + BOOT_S
    while bench.fuse() and time.monotonic() < deadline:
        time.sleep(0.005)
    if bench.fuse() == 0:
        return True
    try:
        ChipClient(Session(link, SessionOptions(BURN_S, baud=115_200)))
    except LinkError:
        assert bench.fuse() == 0, f"seed {SEED}: the board is silent and its fuse is whole"
        return True
    return False


def boot_cut(bench: Bench, k: int) -> bool:
    """Cut the boot's own entry in the log, which moves the set to the other area; True where the fuse burned."""
    bench.fuse_set(k)
    link = bench.power_on()
    has_burned = boot_stops(bench, link)
    bench.power_off(link)
    bench.fuse_set(0)
    link, chip = bench.start()
    assert not bench.check(chip, bench.committed, k)
    bench.power_off(link)
    return has_burned


def boot_sweep(bench: Bench, stride: int) -> int:
    link, chip = bench.start()
    chip.write_codes(bench.codes(0))
    bench.generation, bench.committed = chip.commit(), bench.codes(0)
    bench.power_off(link)
    k = 1
    while boot_cut(bench, k):
        k += stride
        assert k < 500
    print(f"boot cut at every {stride}th of {k - 1} operations")
    return k


def test_a_boot_that_is_cut_loses_nothing(bench: Bench) -> None:
    assert boot_sweep(bench, 11) > 11


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_boot_that_is_cut_at_any_operation_loses_nothing(bench: Bench) -> None:
    assert boot_sweep(bench, 1) > 40


def test_cuts_at_random_moments(bench: Bench) -> None:
    """Without the fuse: SIGKILL while commits follow one another."""
    dice = random.Random(SEED)
    for turn in range(8):
        link, chip = bench.start()
        wanted = bench.codes(1000 + turn)
        chip.write_codes(wanted)
        commit_sent(chip)
        time.sleep(dice.random() * 0.01)
        bench.power_off(link)
        link, chip = bench.start()
        bench.check(chip, wanted, turn)
        bench.power_off(link)
