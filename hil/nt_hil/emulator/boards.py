"""The boards that can be emulated: QEMU's names, and the addresses that the firmware's linker scripts fix."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nt_model.errors import EnvironmentMissingError, UsageError


@dataclass(frozen=True)
class Board:
    """One emulated board.

    Attributes:
        machine: QEMU's name of it, which is also ours after `emu:`.
        firmware: folder of its program below build/firmware.
        image_at, image_capacity: flash for the chip image, bytes.
        retained_at: `struct nt_retained` of the firmware, which holds the unique id that the emulator gives.
        file_backed_memory: bytes of the memory that holds the NV areas and can be a file; 0 where QEMU cannot do it.
    """

    machine: str
    firmware: str
    image_at: int
    image_capacity: int
    retained_at: int
    file_backed_memory: int


BOARDS = {
    board.machine: board
    for board in (
        Board("netduinoplus2", "stm32f405", 0x0801_0000, 960 << 10, 0x2001_FFE0, 0),
        Board("mps2-an386", "mps2_an386", 0x0010_0000, 3 << 20, 0x203F_FFE0, 16 << 20),
    )
}


def find_board(name: str) -> Board:
    """The board that QEMU calls `name`.

    Raises:
        UsageError: there is none.
    """
    if name not in BOARDS:
        raise UsageError(
            f"no emulated board is called {name!r}",
            evidence=f"known: {', '.join(BOARDS)}",
            next_step="use `--port emu:netduinoplus2`",
        )
    return BOARDS[name]


def firmware_path(board: Board, program: str = "nt-firmware") -> Path:
    """The ELF of `program` for `board`: below NT_FIRMWARE_DIR if that is set, else build/firmware of the project.

    Raises:
        EnvironmentMissingError: it has not been built.
    """
    named = os.environ.get("NT_FIRMWARE_DIR")
    root = Path(named) if named else Path(__file__).resolve().parents[3] / "build" / "firmware"
    path = root / board.firmware / f"{program}.elf"
    if not path.is_file():
        raise EnvironmentMissingError(
            "the firmware of the emulated board has not been built",
            evidence=f"no file {path}",
            next_step="run `make firmware`",
        )
    return path
