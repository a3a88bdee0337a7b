"""Starts an emulated board and waits, within bounds, until its firmware has said that it runs."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from nt_hil.emulator.boards import Board, find_board, firmware_path
from nt_hil.emulator.link import EmulatorLink
from nt_hil.emulator.process import GuardedProcess, qemu_find
from nt_model.errors import EnvironmentMissingError, LinkError, UsageError

_UID_MAGIC = 0x4E545549
_BOOT_MARKER_BEGIN = b"\0nt-host firmware "
_BOOT_MARKER_END = b"\n\0"


@dataclass(frozen=True)
class EmulatorOptions:
    """How to run the board.

    Attributes:
        board: QEMU's machine name.
        image: chip image to put into its flash; None for the one linked into the firmware, if any.
        firmware: ELF file; None for the one that `make firmware` built.
        uid: unique id of the emulated part, 64 bits; 0 for the one that the firmware makes up.
        nv_file: file behind the NV areas (mps2-an386 alone); None for NV that lasts as long as the emulator.
        counts_instructions: one nanosecond of virtual time per instruction; slower, and exact.
        start_timeout_s: until the boot marker has come.
    """

    board: str
    image: Path | None = None
    firmware: Path | None = None
    uid: int = 0
    nv_file: Path | None = None
    counts_instructions: bool = False
    start_timeout_s: float = 20.0


def options_from_port(port: str) -> EmulatorOptions:
    """Options of a port name: `emu:<board>[,uid=<hex>][,nv=<file>][,image=<file>][,firmware=<file>]`."""
    name, *settings = port.removeprefix("emu:").split(",")
    options = EmulatorOptions(find_board(name).machine)
    for setting in settings:
        key, _, value = setting.partition("=")
        try:
            if key == "uid":
                options = replace(options, uid=int(value, 16))
            elif key == "nv" and value:
                options = replace(options, nv_file=Path(value))
            elif key == "image" and value:
                options = replace(options, image=Path(value))
            elif key == "firmware" and value:
                options = replace(options, firmware=Path(value))
            else:
                raise ValueError
        except ValueError:
            raise UsageError(
                f"the port {port!r} has a setting that is not understood",
                evidence=repr(setting),
                next_step="known settings: uid=<hex>, nv=<file>, image=<file>, firmware=<file>",
            ) from None
    return options


def _quoted(path: Path) -> str:
    """`path` inside a QEMU option, where a comma ends a value unless doubled."""
    return str(path.resolve()).replace(",", ",,")


def _image_arguments(board: Board, image: Path) -> list[str]:
    size = image.stat().st_size
    if size > board.image_capacity:
        raise UsageError(
            f"the chip image is too large for the flash of {board.machine}",
            evidence=f"{size} bytes, room for {board.image_capacity}",
            next_step="use `--port emu:mps2-an386`, or `--port sim`",
        )
    return ["-device", f"loader,file={_quoted(image)},addr={board.image_at:#x},force-raw=on"]


def _nv_arguments(board: Board, nv_file: Path) -> list[str]:
    if board.file_backed_memory == 0:
        raise UsageError(
            f"the NV areas of {board.machine} cannot be a file: QEMU has no model of its flash controller",
            next_step="use `--port emu:mps2-an386,nv=<file>`",
        )
    backend = f"memory-backend-file,id=nv,size={board.file_backed_memory},mem-path={_quoted(nv_file)},share=on"
    return ["-object", backend, "-machine", "memory-backend=nv"]


def _uid_arguments(board: Board, uid: int) -> list[str]:
    if not 0 < uid < 1 << 64:
        raise UsageError("a unique id has 64 bits and is not 0", evidence=f"{uid:#x}")
    return [
        "-device",
        f"loader,addr={board.retained_at + 12:#x},data={_UID_MAGIC:#x},data-len=4",
        "-device",
        f"loader,addr={board.retained_at + 16:#x},data={uid:#x},data-len=8",
    ]


def _command(board: Board, options: EmulatorOptions, image: Path | None, socket_path: Path) -> list[str]:
    firmware = options.firmware or firmware_path(board)
    if not firmware.is_file():
        raise UsageError("there is no firmware at that path", evidence=str(firmware), next_step="run `make firmware`")
    command = [qemu_find(), "-M", board.machine, "-kernel", str(firmware)]
    command += ["-nodefaults", "-display", "none", "-monitor", "none", "-nic", "none"]
    command += ["-chardev", f"socket,id=uart,path={_quoted(socket_path)}", "-serial", "chardev:uart"]
    if image is not None:
        command += _image_arguments(board, image)
    if options.nv_file is not None:
        command += _nv_arguments(board, options.nv_file)
    if options.uid:
        command += _uid_arguments(board, options.uid)
    if options.counts_instructions:
        command += ["-icount", "shift=0"]
    return command


def _accept(listener: socket.socket, process: GuardedProcess, deadline: float) -> socket.socket:
    listener.settimeout(0.05)
    while time.monotonic() < deadline and process.is_alive():
        try:
            return listener.accept()[0]
        except TimeoutError:
            continue
    raise EnvironmentMissingError(
        "QEMU did not start",
        evidence=process.log_tail() or "it said nothing",
        next_step="try `qemu-system-arm -M help`; version 7.2 or newer is needed",
    )


def _boot_marker_await(link: EmulatorLink, deadline: float) -> None:
    seen = b""
    while True:
        begin = seen.find(_BOOT_MARKER_BEGIN)
        end = seen.find(_BOOT_MARKER_END, begin) if begin >= 0 else -1
        if end >= 0:
            link.put_back(seen[end + len(_BOOT_MARKER_END) :])
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise LinkError(
                "the emulated firmware did not say that it runs",
                evidence=f"received {seen[-80:]!r}",
                next_step="run `make firmware` again; a program of one board does not run on another",
            )
        seen += link.read(left)


def _image_path(options: EmulatorOptions, image: bytes | None, folder: Path) -> Path | None:
    if options.image is not None:
        if not options.image.is_file():
            raise UsageError(
                "there is no chip image at that path", evidence=str(options.image), next_step="run `nt-host build`"
            )
        return options.image
    if image is None:
        return None
    path = folder / "image.ntrom"
    path.write_bytes(image)
    return path


def open_emulator(options: EmulatorOptions, image: bytes | None = None) -> EmulatorLink:
    """Start the board; gives the link to its UART, past the boot marker.

    Args:
        options: what to run, and how.
        image: content of a chip image for the board's flash, where the options name no file.

    Raises:
        EnvironmentMissingError: QEMU or the firmware is missing, or QEMU does not start.
        UsageError: the board, image, id or NV file cannot be used.
        LinkError: the firmware is silent.
    """
    board = find_board(options.board)
    deadline = time.monotonic() + options.start_timeout_s
    # QEMU connects to us while it starts, before the first instruction of the guest: nothing is sent too early.
    folder = Path(tempfile.mkdtemp(prefix="nt-", dir="/tmp"))  # a socket's path has at most 107 bytes
    try:
        path = folder / "uart"
        command = _command(board, options, _image_path(options, image, folder), path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(1)
            process = GuardedProcess(command)
            try:
                link = EmulatorLink(_accept(listener, process, deadline), process, f"emu:{board.machine}")
                _boot_marker_await(link, deadline)
            except BaseException:
                process.stop()
                raise
        return link
    finally:
        shutil.rmtree(folder, ignore_errors=True)
