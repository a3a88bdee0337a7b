"""The journal of a measurement: every answer is on disk before the next question, so that a killed run goes on.

A calibration asks what its options and the answers so far lead to, and nothing else. So it is resumed by being run
again on a bench that answers from the journal as long as it has answers. JSON lines: first whose measurement it is,
then one line per exchange. Each line carries a digest of all shots and answers up to there; a last line that was cut
off by the kill is dropped, anything else that does not fit is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nt_calib.bench import SHOTS_PER_EXCHANGE, Bench, ByteArray
from nt_calib.options import Options
from nt_hil.chip import Shot, Traffic
from nt_model.errors import UsageError, VersionMismatchError
from nt_model.image_file import write_atomically

SCHEMA = "nt-calibration-journal"
SCHEMA_VERSION = 1
START_ANEW = "measure from the beginning with `nt-host calibrate --restart`"


@dataclass(frozen=True)
class Start:
    """Whose measurement it is, and what the chip was like before it.

    Attributes:
        uid, image_digest: of chip and image, hexadecimal.
        options: of the calibration.
        date: UTC, ISO 8601, of the first part.
        codes_hex: codes of the chip before, one byte each.
        corrections_hex: its corrections before, little-endian uint32 each.
        temperature_mk: of the die, millikelvin.
    """

    uid: str
    image_digest: str
    options: Options
    date: str
    codes_hex: str
    corrections_hex: str
    temperature_mk: int

    def same_measurement(self, other: Start) -> bool:
        """Whether the answers to one are answers to the other."""
        return (self.uid, self.image_digest, self.options) == (other.uid, other.image_digest, other.options)


@dataclass(frozen=True)
class Spent:
    """What answers have taken: shots, reads of them, bytes and frames in both directions, seconds."""

    shots: int = 0
    reads: int = 0
    wire_bytes: int = 0
    frames: int = 0
    wall_s: float = 0.0

    def with_more(self, other: Spent) -> Spent:
        return Spent(*(a + b for a, b in zip(_values(self), _values(other), strict=True)))


def _values(spent: Spent) -> tuple[Any, ...]:
    return spent.shots, spent.reads, spent.wire_bytes, spent.frames, spent.wall_s


@dataclass(frozen=True)
class _Answer:
    digest: str
    counts_hex: str
    spent: Spent


def _digest_after(before: str, shots: Sequence[Shot], counts_hex: str) -> str:
    """Digest of all shots and answers up to and with these."""
    digest = hashlib.sha256(before.encode())
    for shot in shots:
        stimulus = shot.stimulus
        head = (stimulus.layer, stimulus.n_steps, stimulus.n_repeats, len(stimulus.inputs), shot.codes is None)
        digest.update(repr(head).encode())
        digest.update(stimulus.inputs.astype("<i8").tobytes() + stimulus.events.tobytes())
        digest.update(b"" if shot.codes is None else shot.codes.tobytes())
    digest.update(counts_hex.encode())
    return digest.hexdigest()


def _damaged(path: Path, evidence: str) -> UsageError:
    return UsageError(
        "the journal of an earlier measurement cannot be used", evidence=f"{path}: {evidence}", next_step=START_ANEW
    )


class Journal:
    """The file at `path`, of the measurement `start`; `earlier` is what its answers took."""

    def __init__(self, path: Path, start: Start, answers: Sequence[_Answer] = ()) -> None:
        self.path = path
        self.start = start
        self.earlier = Spent()
        for answer in answers:
            self.earlier = self.earlier.with_more(answer.spent)
        self._answers: Iterator[_Answer] = iter(answers)
        self._digest = _start_digest(start)

    def recalled(self, shots: Sequence[Shot]) -> str | None:
        """Spikes that the next answer holds, hexadecimal; None where the journal has come to its end.

        Raises:
            UsageError: the next answer is one to other shots.
        """
        answer = next(self._answers, None)
        if answer is None:
            return None
        digest = _digest_after(self._digest, shots, answer.counts_hex)
        if digest != answer.digest:
            raise _damaged(self.path, "its answers are to other shots than this calibration asks for")
        self._digest = digest
        return answer.counts_hex

    def append(self, shots: Sequence[Shot], counts_hex: str, spent: Spent) -> None:
        """Write one more answer; it is on disk when this returns."""
        self._digest = _digest_after(self._digest, shots, counts_hex)
        line = json.dumps({"digest": self._digest, "counts": counts_hex, **asdict(spent)}) + "\n"
        with self.path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def retired(self) -> Iterator[None]:
        """Out of the way while the calibration is kept elsewhere, and gone afterwards; back where keeping it fails.

        A kill in between costs the measurement, but no later calibration takes old answers for new ones.
        """
        aside = self.path.with_suffix(".done")
        os.replace(self.path, aside)
        try:
            yield
        except BaseException:
            os.replace(aside, self.path)
            raise
        aside.unlink()


def _start_digest(start: Start) -> str:
    return hashlib.sha256(json.dumps(asdict(start), sort_keys=True).encode()).hexdigest()


def open_journal(path: Path, start: Start) -> Journal:
    """The journal at `path`, or a new one that begins with `start`.

    Where one exists, its own start counts: the chip was then still as it had been found.

    Raises:
        UsageError: it is of another chip, image or options, or was altered.
        VersionMismatchError: another schema version.
    """
    if not path.exists():
        head = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **asdict(start)}
        write_atomically(path, (json.dumps(head) + "\n").encode())
        return Journal(path, start)
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    lines = [_table(path, number, line) for number, line in enumerate(whole.splitlines())]
    if not lines:
        raise _damaged(path, "it is empty")
    begun = _start_of(path, lines[0])
    if not begun.same_measurement(start):
        raise UsageError(
            "an unfinished calibration of other options lies there",
            evidence=f"{path}: chip {begun.uid}, image {begun.image_digest[:16]}, {begun.options}",
            next_step="finish it with the options it was begun with, or " + START_ANEW,
        )
    answers = [_answer(path, number, table) for number, table in enumerate(lines[1:], 1)]
    if len(whole) < len(data):
        write_atomically(path, whole)
    return Journal(path, begun, answers)


def _table(path: Path, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        table = json.loads(line)
    except ValueError as error:
        raise _damaged(path, f"line {number + 1} is not JSON: {error}") from error
    if not isinstance(table, dict):
        raise _damaged(path, f"line {number + 1} is not a table")
    return table


def _start_of(path: Path, table: Mapping[str, Any]) -> Start:
    values = dict(table)
    if values.pop("schema", None) != SCHEMA:
        raise _damaged(path, "it is no journal of a calibration")
    version = values.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise VersionMismatchError(
            "the journal of an earlier measurement has another schema version",
            evidence=f"{path}: {version!r}, this program reads {SCHEMA_VERSION}",
            next_step=START_ANEW,
        )
    try:
        options = Options(**values.pop("options"))
        return Start(options=options, **values)
    except (TypeError, KeyError) as error:
        raise _damaged(path, str(error)) from error


def _answer(path: Path, number: int, table: Mapping[str, Any]) -> _Answer:
    values = dict(table)
    try:
        digest, counts = str(values.pop("digest")), str(values.pop("counts"))
        bytes.fromhex(counts)
        return _Answer(digest, counts, Spent(**values))
    except (TypeError, KeyError, ValueError) as error:
        raise _damaged(path, f"line {number + 1}: {error}") from error


class JournalBench:
    """Answers from `journal` as long as it can, then from `bench`, writing each answer down.

    Attributes:
        spent: what all answers took, those of earlier parts included.
    """

    def __init__(self, bench: Bench, journal: Journal, traffic: Callable[[], Traffic], sizes: Sequence[int]) -> None:
        """
        Args:
            traffic: reading of the chip's meter.
            sizes: neurons of each layer.
        """
        self._bench, self._journal, self._traffic = bench, journal, traffic
        self._sizes = tuple(sizes)
        self.spent = journal.earlier

    def shoot(self, shots: Sequence[Shot]) -> tuple[ByteArray, ...]:
        answers: list[ByteArray] = []
        for begin in range(0, len(shots), SHOTS_PER_EXCHANGE):
            part = shots[begin : begin + SHOTS_PER_EXCHANGE]
            recalled = self._journal.recalled(part)
            answers += self._asked(part) if recalled is None else self._split(part, recalled)
        return tuple(answers)

    def _split(self, shots: Sequence[Shot], counts_hex: str) -> list[ByteArray]:
        counts = np.frombuffer(bytes.fromhex(counts_hex), np.uint8)
        ends = np.cumsum([self._sizes[shot.stimulus.layer] for shot in shots])
        return [each.copy() for each in np.split(counts, ends[:-1])]

    def _asked(self, shots: Sequence[Shot]) -> tuple[ByteArray, ...]:
        before, started = self._traffic(), time.monotonic()
        counts = self._bench.shoot(shots)
        after = self._traffic()
        spent = Spent(
            len(shots),
            sum(shot.stimulus.n_repeats for shot in shots),
            after.bytes_sent + after.bytes_received - before.bytes_sent - before.bytes_received,
            after.frames_sent + after.frames_received - before.frames_sent - before.frames_received,
            time.monotonic() - started,
        )
        self._journal.append(shots, b"".join(each.tobytes() for each in counts).hex(), spent)
        self.spent = self.spent.with_more(spent)
        return counts
