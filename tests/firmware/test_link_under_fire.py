"""The C device behind a line that fails: resets of either side at any byte, and spoiled bytes; nothing lost, nothing
twice, nothing wrong, and the codes of the run without failures."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from nt_hil.chip import ByteArray, Readout
from nt_hil.client import ChipClient
from nt_hil.exchange import Outgoing
from nt_hil.links.faulty import FaultRates, FaultyLink
from nt_hil.messages import ChunkFlag, CodeForm, CodesWriteRequest, CodesWriteResponse
from nt_hil.refusal import SessionLostError
from nt_hil.session import Session, SessionOptions
from nt_model.errors import LinkError
from nt_model.image import Image
from nt_model.image_file import write_image
from nt_model.learn import LearnSettings
from tests.firmware.nt_chip import CutLink, HostDies, NativeBoard
from tests.model.strategies import make_image

IMAGE = make_image(3, (12, 9, 7, 4), classes=4)
SAMPLES = (np.random.default_rng(1).random((4, 12)) < 0.4).astype(np.uint8)
REACH = 700
"""Bytes until a cut: about what one update moves, so that every place of an update is met."""
COMMIT_EVERY = 20
SEED = 20


@pytest.fixture
def board(posix: Path, tmp_path: Path) -> Iterator[NativeBoard]:
    path = tmp_path / "chip.ntrom"
    write_image(path, IMAGE)
    native = NativeBoard(posix / "nt-chip", path, tmp_path)
    yield native
    native.power_off()


def next_codes(codes: ByteArray, spikes: ByteArray, step: int) -> ByteArray:
    """Depends on all of its past: one wrong spike or one lost update shows in every later code."""
    feedback = np.resize(spikes.reshape(-1), codes.size).astype(np.int64)
    rolled = np.roll(codes, 1).astype(np.int64)
    return ((codes + 3 * rolled + 37 * feedback + step) % 251).astype(np.uint8)


def clean_codes(image: Image, board: NativeBoard, steps: int) -> list[ByteArray]:
    """Codes after each update of a run without failures, on the same device."""
    chip = ChipClient(Session(CutLink(board), SessionOptions(10.0)))
    codes, history = chip.read_codes()[0], []
    history.append(codes)
    for step in range(steps):
        spikes = chip.present(SAMPLES, Readout(hidden=True)).plain
        codes = next_codes(codes, np.concatenate([plane.reshape(-1) for plane in spikes]), step)
        chip.write_codes(codes)
        history.append(codes)
    chip.write_codes(history[0])
    chip.commit()
    chip.close()
    return history


@dataclass
class Run:
    """A host with a checkpoint (step and codes), which outlives the host's program as a run folder does."""

    link: CutLink
    codes: ByteArray
    step: int = 0
    wrong: list[str] = field(default_factory=list)
    committed: list[ByteArray] = field(default_factory=list)
    chip: ChipClient | None = None

    def start_program(self) -> None:
        self.chip = ChipClient(Session(self.link, SessionOptions(10.0)))
        self.chip.write_codes(self.codes)

    def one_step(self) -> None:
        """Present, compute, write, and read back; a program that dies under way starts at the checkpoint."""
        if self.chip is None:
            self.start_program()
        assert self.chip is not None
        spikes = self.chip.present(SAMPLES, Readout(hidden=True)).plain
        codes = next_codes(self.codes, np.concatenate([plane.reshape(-1) for plane in spikes]), self.step)
        boots, revision = self.chip.info.boot_count, self.chip.status().revision
        written = self.chip.write_codes(codes)
        seen, read_revision = self.chip.read_codes()
        undisturbed = self.chip.info.boot_count == boots
        if undisturbed and (written, read_revision) != (revision + 1, revision + 1):
            self.wrong.append(f"step {self.step}: revision {revision}, {written}, {read_revision}")
        if not np.array_equal(seen, codes):
            self.wrong.append(f"step {self.step}: codes read back differ")
        if self.step % COMMIT_EVERY == 0:
            self.chip.commit()
        self.codes, self.step = codes, self.step + 1


def under_fire(run: Run, resets: int, seed: int) -> None:
    """Goes on until `resets` have struck; a cut is armed before every step."""
    dice = random.Random(seed)
    while sum(run.link.cuts.values()) < resets:
        run.link.cut_after(1 + dice.randrange(REACH), dice.choice(["power", "host"]))
        try:
            run.one_step()
        except HostDies:
            run.chip = None
        except SessionLostError:
            run.chip = None  # COMMIT across a boot is not repeated by the client: the program says so and starts anew


def resets_hold(board: NativeBoard, resets: int, seed: int) -> None:
    link = CutLink(board)
    first = ChipClient(Session(link, SessionOptions(10.0))).read_codes()[0]
    run = Run(link, first)
    under_fire(run, resets, seed)
    link._left = None
    if run.chip is None:
        run.start_program()
    assert run.chip is not None
    final = run.chip.read_codes()[0]
    run.chip.close()
    print(f"seed {seed}: {link.cuts}, {run.step} updates, {len(run.wrong)} wrong")
    assert not run.wrong, (seed, run.wrong[:5])
    board.power_off()
    (Path(board._folder) / "nv").unlink()
    board.power_on()
    clean = clean_codes(IMAGE, board, run.step)
    np.testing.assert_array_equal(clean[0], first)
    np.testing.assert_array_equal(final, clean[-1], err_msg=f"seed {seed}")


def test_fifty_resets_of_either_side(board: NativeBoard) -> None:
    resets_hold(board, 50, SEED)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_resets_of_either_side(board: NativeBoard) -> None:
    resets_hold(board, 1000, SEED + 1)


def learned(chip: ChipClient, step: int) -> None:
    slots = np.arange(4)
    chip.learn_loaded(slots, (slots + step) % 4, 200 + step)


def learn_begin(chip: ChipClient) -> None:
    chip.load_samples(SAMPLES)
    chip.learn_start(LearnSettings(hidden_dither_code=40, output_dither_code=20, rate_q8=300))


def test_learning_steps_happen_once_though_the_host_dies(board: NativeBoard) -> None:
    """A step that is done twice moves the codes twice: the device's step counter is what a new host goes by."""
    link, dice, steps = CutLink(board), random.Random(SEED), 120
    chip = ChipClient(Session(link, SessionOptions(10.0)))
    learn_begin(chip)
    while (step := chip.status().learning_step) < steps:
        link.cut_after(1 + dice.randrange(160), "host")
        try:
            learned(chip, step)
        except HostDies:
            chip = ChipClient(Session(link, SessionOptions(10.0)))
            chip.load_samples(SAMPLES)
        link._left = None
    assert link.cuts["host"] > 20, SEED
    final = chip.read_codes()[0]
    chip.reset()
    learn_begin(chip)
    for step in range(steps):
        learned(chip, step)
    np.testing.assert_array_equal(final, chip.read_codes()[0], err_msg=f"seed {SEED}")


def noisy_updates(board: NativeBoard, count: int, seed: int) -> None:
    """Each update is its own compare-and-set: answered with the revision that follows, and read back per batch."""
    link = FaultyLink(CutLink(board), FaultRates.byte_errors(1e-3), seed)
    chip = ChipClient(Session(link, SessionOptions(20.0)))
    revision = chip.read_codes()[1]
    rng, batch = np.random.default_rng(seed), 50
    for begin in range(0, count, batch):
        updates = rng.integers(0, 256, (batch, chip.info.n_codes)).astype(np.uint8)
        requests = [_write(revision + index, codes) for index, codes in enumerate(updates)]
        answers = chip.session.exchange(requests)
        seen = [CodesWriteResponse.parse(answer.payload).revision for answer in answers]
        assert seen == list(range(revision + 1, revision + batch + 1)), (seed, begin)
        revision += batch
        codes, at = chip.read_codes()
        assert at == revision, (seed, begin)
        np.testing.assert_array_equal(codes, updates[-1], err_msg=f"seed {seed}, update {begin + batch}")
    again = chip.traffic.retransmissions
    print(f"seed {seed}: {count} updates, {link.injected} faults, {again} frames sent again, 0 wrong")
    assert link.injected > count / 50
    assert again > 0


def _write(revision: int, codes: ByteArray) -> Outgoing:
    request = CodesWriteRequest(revision, ChunkFlag.FIRST | ChunkFlag.LAST, CodeForm.DENSE, 0, codes.tobytes())
    return Outgoing(request.TYPE, request.pack())


def test_updates_over_a_line_of_one_error_in_a_thousand_bytes(board: NativeBoard) -> None:
    noisy_updates(board, 500, SEED)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_five_thousand_updates_over_a_line_of_one_error_in_a_thousand_bytes(board: NativeBoard) -> None:
    noisy_updates(board, 5000, SEED + 1)


def test_a_dead_board_is_a_link_error(board: NativeBoard) -> None:
    """Silence has an end: no call waits for a board that is gone."""
    link = CutLink(board)
    chip = ChipClient(Session(link, SessionOptions(1.0)))
    silent = FaultyLink(link, FaultRates(drop=1.0), SEED)
    chip.session.link = silent
    with pytest.raises(LinkError):
        chip.status()
