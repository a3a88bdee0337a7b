"""Which serial ports there are, and which of them `auto` and `id:` mean."""

from __future__ import annotations

from dataclasses import dataclass

from serial.tools import list_ports as _pyserial

from nt_model.errors import LinkError


@dataclass(frozen=True)
class PortInfo:
    """A serial port of this machine.

    Attributes:
        path: what `--port` takes.
        description, manufacturer: as the adapter says.
        serial_number: for `--port id:...`; "" where it has none.
        usb_id: vendor and product as "0403:6001"; "" for ports that are not on USB.
    """

    path: str
    description: str
    manufacturer: str
    serial_number: str
    usb_id: str


def list_ports() -> tuple[PortInfo, ...]:
    """Serial ports of this machine, by path."""
    found = []
    for port in _pyserial.comports():
        usb_id = f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None and port.pid is not None else ""
        found.append(
            PortInfo(port.device, port.description or "", port.manufacturer or "", port.serial_number or "", usb_id)
        )
    return tuple(sorted(found, key=lambda each: each.path))


def _listed(ports: tuple[PortInfo, ...]) -> str:
    if not ports:
        return "no serial port"
    return ", ".join(f"{port.path} ({port.description}, id {port.serial_number or '-'})" for port in ports)


def only_port(ports: tuple[PortInfo, ...]) -> str:
    """Path of the one USB adapter among `ports`; LinkError lists them where there is none or more than one."""
    adapters = tuple(port for port in ports if port.usb_id)
    if len(adapters) == 1:
        return adapters[0].path
    if not adapters:
        raise LinkError(
            "no USB serial adapter is plugged in",
            evidence=f"found: {_listed(ports)}",
            next_step="plug it in, name its port with --port, or try --port sim",
        )
    raise LinkError(
        "more than one USB serial adapter is plugged in",
        evidence=f"found: {_listed(adapters)}",
        next_step=f"choose one: --port {adapters[0].path}",
    )


def port_with_id(ports: tuple[PortInfo, ...], serial_number: str) -> str:
    """Path of the adapter with that USB serial number; LinkError lists what there is otherwise."""
    matching = [port.path for port in ports if port.serial_number == serial_number]
    if len(matching) != 1:
        raise LinkError(
            f"{len(matching) or 'no'} adapters have the USB serial number {serial_number}",
            evidence=f"found: {_listed(ports)}",
            next_step="`nt-host ports` lists ports with their ids",
        )
    return matching[0]
