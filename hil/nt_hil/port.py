"""What `--port` names, as values; `parse_port` and `str` mirror each other.

/dev/ttyUSB0                     serial port by path (COM3 on Windows)
auto                             the one serial adapter that is plugged in
id:A10K4XYZ                      the adapter with that USB serial number
socket://host:port, rfc2217://   any URL that pyserial knows (also loop://, spy://)
sim, sim:typical,seed=7          a simulated chip in this process
sim:typical,seed=7,nv=chip.json  the same, what it commits being kept in a file
emu:netduinoplus2                the firmware on an emulated board
"""

from __future__ import annotations

from dataclasses import dataclass

from nt_model.corner import corner_named
from nt_model.engine import ENGINES
from nt_model.errors import UsageError

DEFAULT_CORNER = "typical"
_HELP = "try /dev/ttyUSB0, auto, id:<usb serial>, socket://host:port, sim or sim:typical,seed=7"


@dataclass(frozen=True)
class SerialPort:
    """A serial port by its path."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True)
class UrlPort:
    """A pyserial URL."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class AutoPort:
    """The only serial adapter there is."""

    def __str__(self) -> str:
        return "auto"


@dataclass(frozen=True)
class IdPort:
    """The adapter with this USB serial number."""

    serial_number: str

    def __str__(self) -> str:
        return f"id:{self.serial_number}"


@dataclass(frozen=True)
class SimPort:
    """A simulated chip in this process.

    Attributes:
        corner: process corner, see `nt_model.corner`.
        seed: of the die, 0 <= seed < 2^64.
        engine: "c" or "numpy"; None leaves it to the caller.
        baud: also spend, on the link's clock, the time that a line of this rate takes; 0 for none.
        nv: file behind its non-volatile memory; None for a memory that ends with the process.
    """

    corner: str = DEFAULT_CORNER
    seed: int = 0
    engine: str | None = None
    baud: int = 0
    nv: str | None = None

    def __str__(self) -> str:
        options = [f"seed={self.seed}"] if self.seed else []
        options += [f"engine={self.engine}"] if self.engine else []
        options += [f"baud={self.baud}"] if self.baud else []
        options += [f"nv={self.nv}"] if self.nv else []
        if not options and self.corner == DEFAULT_CORNER:
            return "sim"
        return ",".join([f"sim:{self.corner}", *options])


@dataclass(frozen=True)
class EmuPort:
    """The firmware on an emulated board."""

    board: str

    def __str__(self) -> str:
        return f"emu:{self.board}"


PortSpec = SerialPort | UrlPort | AutoPort | IdPort | SimPort | EmuPort


def _number(name: str, text: str, top: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= top:
        raise UsageError(
            f"{name} of a simulated chip is not a number from 0 to {top - 1}",
            evidence=repr(text),
            next_step="try `--port sim:typical,seed=7`",
        )
    return int(text)


def _sim(rest: str) -> SimPort:
    corner, *options = rest.split(",") if rest else [DEFAULT_CORNER]
    values: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or name not in ("seed", "engine", "baud", "nv") or name in values or (name == "nv" and not value):
            raise UsageError(
                "unknown option of a simulated chip",
                evidence=repr(option),
                next_step="options are seed=, engine=, baud=, nv=<file>, once each",
            )
        values[name] = value
    engine = values.get("engine")
    if engine is not None and engine not in ENGINES:
        raise UsageError(f"no engine is called '{engine}'", evidence=f"engines: {', '.join(ENGINES)}")
    return SimPort(
        corner_named(corner).name,
        _number("seed", values.get("seed", "0"), 2**64),
        engine,
        _number("baud", values.get("baud", "0"), 10**9),
        values.get("nv"),
    )


def parse_port(text: str) -> PortSpec:
    """The port that `text` names; nothing is opened.

    Raises:
        UsageError: it names nothing; says what would.
    """
    if not text.strip():
        raise UsageError("the port is empty", next_step=_HELP)
    if text == "auto":
        return AutoPort()
    if text == "sim" or text.startswith("sim:"):
        return _sim(text[4:])
    scheme, colon, rest = text.partition(":")
    if rest.startswith("//"):
        return UrlPort(text)
    if colon and scheme in ("id", "emu"):
        if not rest:
            raise UsageError(f"nothing follows '{scheme}:'", evidence=repr(text), next_step=_HELP)
        return IdPort(rest) if scheme == "id" else EmuPort(rest)
    return SerialPort(text)
