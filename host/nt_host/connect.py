"""Open a chip by port, holding the image that the host has, and close it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nt_hil.chip import Chip
from nt_hil.open import open_chip
from nt_hil.traffic import BAUD
from nt_model.image_file import LoadedImage


@dataclass(frozen=True)
class ChipOptions:
    """How to reach a chip.

    Attributes:
        port: as `--port` takes it (design page, section 8).
        engine: engine of a simulated chip, "c" or "numpy".
        baud: bits per second of a serial line.
        deadline_s: seconds after which a call without an answer fails.
    """

    port: str
    engine: str = "c"
    baud: int = BAUD
    deadline_s: float = 5.0

    def table(self) -> dict[str, Any]:
        """All but the port as plain values."""
        return {"engine": self.engine, "baud": self.baud, "deadline_s": self.deadline_s}

    @classmethod
    def from_table(cls, port: str, table: Mapping[str, Any]) -> ChipOptions:
        return cls(port=port, **table)


@contextmanager
def connected(options: ChipOptions, loaded: LoadedImage) -> Iterator[Chip]:
    """The chip at the port, closed at the end.

    Raises:
        LinkError: the port is absent, busy, silent or answers garbage.
        UsageError: the chip holds another image than `loaded`, so that its codes would mean something else.
    """
    chip = open_chip(options.port, loaded, engine=options.engine, baud=options.baud, deadline_s=options.deadline_s)
    try:
        yield chip
    finally:
        chip.close()
