"""`open_chip`: from what `--port` says to a chip, with one code path for all of them."""

from __future__ import annotations

from pathlib import Path

from nt_hil.client import ChipClient
from nt_hil.emulator.start import open_emulator, options_from_port
from nt_hil.links.base import Link
from nt_hil.links.discover import PortInfo, list_ports, only_port, port_with_id
from nt_hil.links.in_process import InProcessLink
from nt_hil.links.serial_link import SerialSettings, open_serial
from nt_hil.links.throttled import ThrottledLink
from nt_hil.port import AutoPort, EmuPort, IdPort, PortSpec, SerialPort, SimPort, UrlPort, parse_port
from nt_hil.session import Session, SessionOptions
from nt_hil.sim.device import Device, LinkLimits
from nt_hil.sim.nv import FileNv, NvStore
from nt_hil.sim.simchip import SimChip, SimOptions
from nt_hil.traffic import BAUD
from nt_model.corner import corner_named
from nt_model.engine import make_engine
from nt_model.errors import UsageError
from nt_model.image_file import LoadedImage, image_bytes
from nt_model.silicon import Silicon

DEFAULT_ENGINE = "c"
LINE_MAX_PAYLOAD = 4096
"""Offered on real lines: a frame of this length is 45 ms at 921,600 baud, and a flipped bit costs no more than that."""

__all__ = ["PortInfo", "list_ports", "make_device", "open_chip", "open_link"]


def make_device(
    image: LoadedImage,
    port: SimPort,
    *,
    engine: str = DEFAULT_ENGINE,
    limits: LinkLimits | None = None,
    options: SimOptions | None = None,
    nv: NvStore | None = None,
) -> Device:
    """The simulated chip that `port` names, with `image` in its ROM; `engine` counts where the port names none, and
    `nv` where the port names no file."""
    silicon = Silicon.draw(image.image, corner_named(port.corner), port.seed)
    if port.nv is not None:
        nv = _file_nv(Path(port.nv), image, silicon)
    chip = SimChip(image, silicon, make_engine(port.engine or engine, image.image), options, nv)
    return Device(chip, limits)


def _file_nv(path: Path, image: LoadedImage, silicon: Silicon) -> FileNv:
    if not path.absolute().parent.is_dir():
        raise UsageError(
            "the folder of the simulated chip's memory file does not exist",
            evidence=str(path),
            next_step=f"make it with `mkdir -p {path.parent}`",
        )
    return FileNv(path, image.digest, f"{silicon.uid:016x}")


def _sim_link(port: SimPort, image: LoadedImage | None, engine: str) -> Link:
    if image is None:
        raise UsageError(
            "a simulated chip needs an image for its ROM",
            evidence=str(port),
            next_step="name one with --image, or build one with `nt-host build`",
        )
    device = make_device(image, port, engine=engine)
    if port.baud:
        return ThrottledLink(device, port.baud, name=str(port))
    return InProcessLink(device, str(port))


def open_link(
    port: PortSpec,
    image: LoadedImage | None = None,
    *,
    engine: str = DEFAULT_ENGINE,
    baud: int = BAUD,
    control_lines: tuple[bool, bool] | None = None,
) -> Link:
    """The byte stream that `port` names; raises as `open_chip`."""
    settings = SerialSettings(baud, control_lines)
    if isinstance(port, SimPort):
        return _sim_link(port, image, engine)
    if isinstance(port, SerialPort):
        return open_serial(port.path, settings)
    if isinstance(port, UrlPort):
        return open_serial(port.url, settings)
    if isinstance(port, AutoPort):
        return open_serial(only_port(list_ports()), settings)
    if isinstance(port, IdPort):
        return open_serial(port_with_id(list_ports(), port.serial_number), settings)
    if isinstance(port, EmuPort):
        return open_emulator(options_from_port(str(port)), None if image is None else image_bytes(image.image))
    raise UsageError("unknown kind of port", evidence=repr(port))


EMULATED_BAUD = 115200
"""The emulated UARTs carry about as much as a line of this rate, whatever the firmware sets."""


def _session_options(port: PortSpec, baud: int, deadline_s: float) -> SessionOptions:
    if isinstance(port, SimPort):
        return SessionOptions(deadline_s, baud=port.baud)
    if isinstance(port, EmuPort):
        return SessionOptions(deadline_s, max_payload=LINE_MAX_PAYLOAD, baud=EMULATED_BAUD)
    return SessionOptions(deadline_s, max_payload=LINE_MAX_PAYLOAD, baud=baud)


def open_chip(
    port: str,
    image: LoadedImage | None = None,
    *,
    engine: str = DEFAULT_ENGINE,
    baud: int = BAUD,
    deadline_s: float = 5.0,
    control_lines: tuple[bool, bool] | None = None,
) -> ChipClient:
    """Open the chip at `port` (see `nt_hil.port`) and say HELLO.

    Args:
        image: what the chip is expected to carry; a simulated chip gets it as its ROM. None skips the comparison.
        engine: "c" or "numpy", for a simulated chip whose port does not name one.
        baud: of a serial port.
        deadline_s: longest silence that any call bears.
        control_lines: levels for (DTR, RTS); None leaves them as the system sets them.

    Raises:
        UsageError: bad port text, no image for a simulated chip, or the chip carries another image (names both).
        LinkError: absent, busy, silent, or something else talks there.
        EnvironmentMissingError: no permission, or the C core is not built.
        VersionMismatchError: the chip speaks another protocol version.
    """
    spec = parse_port(port)
    link = open_link(spec, image, engine=engine, baud=baud, control_lines=control_lines)
    try:
        chip = ChipClient(Session(link, _session_options(spec, baud, deadline_s)))
        if image is not None and chip.info.image_digest != image.digest:
            raise UsageError(
                "the chip carries another image than the one given",
                evidence=f"chip {chip.info.uid} has {chip.info.image_digest}, given is {image.digest}",
                next_step="name the image that this chip was made with (--image)",
            )
    except BaseException:
        link.close()
        raise
    return chip
