"""`--port` as a value: text and value mirror each other, wrong text says what would be right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_hil.links.discover import PortInfo, only_port, port_with_id
from nt_hil.port import AutoPort, EmuPort, IdPort, PortSpec, SerialPort, SimPort, UrlPort, parse_port
from nt_model.corner import CORNERS
from nt_model.errors import LinkError, UsageError

TABLE: list[tuple[str, PortSpec]] = [
    ("/dev/ttyUSB0", SerialPort("/dev/ttyUSB0")),
    ("COM3", SerialPort("COM3")),
    ("auto", AutoPort()),
    ("id:A10K4XYZ", IdPort("A10K4XYZ")),
    ("socket://127.0.0.1:5000", UrlPort("socket://127.0.0.1:5000")),
    ("rfc2217://host:2217", UrlPort("rfc2217://host:2217")),
    ("spy:///dev/ttyUSB0", UrlPort("spy:///dev/ttyUSB0")),
    ("loop://", UrlPort("loop://")),
    ("sim", SimPort()),
    ("sim:typical,seed=7", SimPort("typical", 7)),
    ("sim:worn,seed=7,engine=numpy", SimPort("worn", 7, "numpy")),
    ("sim:ideal,baud=921600", SimPort("ideal", baud=921600)),
    ("sim:wild,seed=3,nv=chips/3.json", SimPort("wild", 3, nv="chips/3.json")),
    ("emu:netduinoplus2", EmuPort("netduinoplus2")),
]


@pytest.mark.parametrize(("text", "spec"), TABLE)
def test_parse_and_str_mirror(text: str, spec: PortSpec) -> None:
    assert parse_port(text) == spec
    assert str(spec) == text


@given(
    st.builds(
        SimPort,
        st.sampled_from(sorted(CORNERS)),
        st.integers(0, 2**64 - 1),
        st.sampled_from([None, "c", "numpy"]),
        st.integers(0, 10**6),
        st.sampled_from([None, "chip.json"]),
    )
)
def test_every_simulated_port_survives_its_text(port: SimPort) -> None:
    assert parse_port(str(port)) == port


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "sim:nowhere",
        "sim:typical,seed=x",
        "sim:typical,seed=-1",
        "sim:typical,seed",
        "sim:typical,engine=fpga",
        "sim:typical,nv=",
        "sim:typical,colour=red",
        "sim:typical,seed=1,seed=2",
        "id:",
        "emu:",
    ],
)
def test_wrong_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_port(text)


ONE = PortInfo("/dev/ttyUSB0", "FT232R", "FTDI", "A1", "0403:6001")
TWO = PortInfo("/dev/ttyACM0", "Board", "ST", "B2", "0483:5740")
PLAIN = PortInfo("/dev/ttyS0", "ttyS0", "", "", "")


def test_auto_takes_the_only_adapter() -> None:
    assert only_port((ONE, PLAIN)) == ONE.path
    assert port_with_id((ONE, TWO), "B2") == TWO.path


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        ((), "no serial port"),
        ((PLAIN,), "/dev/ttyS0"),
        ((ONE, TWO), "/dev/ttyACM0"),
    ],
)
def test_auto_lists_what_there_is(ports: tuple[PortInfo, ...], said: str) -> None:
    with pytest.raises(LinkError, match=said):
        only_port(ports)


def test_an_unknown_id_lists_what_there_is() -> None:
    with pytest.raises(LinkError, match="A1"):
        port_with_id((ONE, TWO), "C3")
