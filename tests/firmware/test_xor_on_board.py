"""XOR with spike trains of length 10 on the emulated board: the golden model's counts, the paper's 2 and 4."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nt_hil.chip import Readout
from nt_hil.client import ChipClient
from nt_hil.emulator import EmulatorLink
from nt_hil.session import Session, SessionOptions
from nt_host.xor.network import xor_events, xor_image
from nt_host.xor.study import engine_answer
from nt_model.image_file import image_bytes

pytestmark = pytest.mark.emulator


def test_the_emulated_board_counts_as_the_golden_model(emulate: Callable[..., EmulatorLink]) -> None:
    image = xor_image()
    link = emulate("netduinoplus2", "nt-firmware", content=image_bytes(image))
    chip = ChipClient(Session(link, SessionOptions(deadline_s=10)))
    hidden, output = chip.present(xor_events(image), Readout(hidden=True)).plain
    golden = engine_answer(image, "numpy")
    assert tuple(output[:, 0].tolist()) == golden.output == (0, 4, 4, 2)
    assert tuple(map(tuple, hidden.tolist())) == golden.hidden
