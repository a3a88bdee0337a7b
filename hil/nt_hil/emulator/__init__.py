"""Emulated boards: the firmware's ELF in QEMU, its UART as a link (`--port emu:<board>`)."""

from nt_hil.emulator.boards import BOARDS, Board, firmware_path
from nt_hil.emulator.link import EmulatorLink
from nt_hil.emulator.start import EmulatorOptions, open_emulator, options_from_port

__all__ = ["BOARDS", "Board", "EmulatorLink", "EmulatorOptions", "firmware_path", "open_emulator", "options_from_port"]
