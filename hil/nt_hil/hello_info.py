"""HELLO's answer as the value that users see."""

from __future__ import annotations

from nt_hil import messages as m
from nt_hil.chip import Capability, ChipInfo


def chip_info(hello: m.HelloResponse) -> ChipInfo:
    """What the chip says of itself; reasons and capabilities that this program does not know keep their numbers."""
    known = {int(reason): reason.name.lower().replace("_", "-") for reason in m.ResetReason}
    return ChipInfo(
        protocol=(hello.protocol_major, hello.protocol_minor),
        firmware_version=f"{hello.firmware_major}.{hello.firmware_minor}.{hello.firmware_patch}",
        uid=f"{hello.uid:016x}",
        image_digest=hello.image_digest.hex(),
        layer_sizes=hello.layer_sizes,
        n_codes=hello.n_codes,
        n_classes=hello.n_classes,
        n_steps=hello.n_steps,
        code_min=hello.code_min,
        code_max=hello.code_max,
        max_move_code=hello.max_move_code,
        max_payload=hello.max_payload,
        window=hello.window,
        input_slots=hello.input_slots,
        capabilities=Capability(hello.capabilities),
        boot_count=hello.boot_count,
        reset_reason=known.get(hello.reset_reason, f"reason {hello.reset_reason}"),
        nv_generation=hello.nv_generation,
    )
