"""What an image file or a chip is, as plain values."""

from __future__ import annotations

from typing import Any

from nt_hil.chip import ChipInfo
from nt_model.image_file import LoadedImage


def image_table(loaded: LoadedImage) -> dict[str, Any]:
    """An image file's geometry and metadata."""
    image = loaded.image
    return {
        "image_digest": loaded.digest,
        "layer_sizes": [image.n_inputs, *(layer.n_neurons for layer in image.layers)],
        "synapses": image.n_synapses,
        "codes": image.n_codes,
        "classes": image.n_classes,
        "n_steps": image.n_steps,
        "encoder": {
            "kind": image.encoder.kind,
            "transform": image.encoder.transform,
            "levels": image.encoder.levels,
            "features": image.encoder.n_features,
        },
        "metadata": dict(image.metadata),
    }


def chip_table(info: ChipInfo) -> dict[str, Any]:
    """What a chip says of itself."""
    return {
        "chip_uid": info.uid,
        "image_digest": info.image_digest,
        "protocol": ".".join(str(part) for part in info.protocol),
        "firmware_version": info.firmware_version,
        "layer_sizes": list(info.layer_sizes),
        "codes": info.n_codes,
        "classes": info.n_classes,
        "n_steps": info.n_steps,
        "code_range": [info.code_min, info.code_max],
        "max_move_code": info.max_move_code,
        "max_payload": info.max_payload,
        "window": info.window,
        "input_slots": info.input_slots,
        "capabilities": [flag.name for flag in type(info.capabilities) if flag in info.capabilities],
        "boot_count": info.boot_count,
        "reset_reason": info.reset_reason,
        "nv_generation": info.nv_generation,
    }
