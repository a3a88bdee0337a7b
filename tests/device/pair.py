"""The same chip twice: the Python device and the C one, fed the same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nt_hil.codec import Decoder
from nt_hil.messages import ResetReason
from nt_hil.sim.codes import CodeLimits
from nt_hil.sim.device import Device, LinkLimits
from nt_hil.sim.nv import MemoryNv, NvContent
from nt_hil.sim.simchip import SimChip, SimOptions
from nt_model.corner import corner_named
from nt_model.engine import make_engine
from nt_model.image_file import image_bytes, parse_image
from nt_model.silicon import Silicon
from tests.core.cases import ImageChoice, build_image
from tests.device.native import NativeDevice

SESSION_BOOT_STRIDE = 16


class StubbornNv(MemoryNv):
    """Non-volatile memory that can be told to refuse; boots are still counted."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = False

    def save(self, content: NvContent) -> None:
        if self.refuses and content.boot_count == self.load().boot_count:
            raise OSError
        super().save(content)


class FreshAtBoot(Device):
    """The Python device with what only RAM keeps in the firmware: samples presented, and sessions opened."""

    def boot(self, reason: ResetReason) -> None:
        super().boot(reason)
        self.chip.samples_presented = 0
        self._sessions_opened = SESSION_BOOT_STRIDE * (self.chip.nv.boot_count - 1)


class Pair:
    """Both devices with the same chip."""

    def __init__(self, native: NativeDevice, choice: ImageChoice, limits: CodeLimits) -> None:
        data = image_bytes(build_image(choice))
        loaded = parse_image(data)
        self.nv = StubbornNv()
        silicon = Silicon.draw(loaded.image, corner_named("ideal"), choice.seed)
        options = SimOptions(limits)
        chip = SimChip(loaded, silicon, make_engine("numpy", loaded.image), options, self.nv)
        self.golden = FreshAtBoot(chip, LinkLimits(max_payload=512, window=8))
        self.native = native
        assert native.boot(data, chip.uid, limits).result == 0

    def _golden_answers(self, data: bytes) -> Iterator[bytes]:
        """Frame by frame: the Python device counts the bad frames of all it is given before it answers the first, and
        goes on after a boot with what lies behind the RESET, which a board has lost by then."""
        boots = self.golden.chip.nv.boot_count
        *frames, rest = data.split(b"\0")
        for piece in (*(frame + b"\0" for frame in frames), rest):
            yield self.golden.feed(piece)
            if self.golden.chip.nv.boot_count != boots:
                return

    def feed(self, data: bytes) -> bytes:
        expected = b"".join(self._golden_answers(data))
        got = self.native.feed(data)
        if got != expected:
            pytest.fail(f"sent {data.hex(' ')}\nPython {shown(expected)}\nC      {shown(got)}")
        return got

    def refuse_nv(self, refuse: bool) -> None:
        self.nv.refuses = refuse
        self.native.refuse_nv(refuse)


def shown(data: bytes) -> str:
    return ", ".join(map(repr, Decoder().feed(data))) or data.hex(" ")
