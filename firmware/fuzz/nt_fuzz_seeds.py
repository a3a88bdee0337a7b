"""Writes what the fuzzers start from: seeds out of the golden frames, and a small chip image as a C header."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from nt_hil import messages as m
from nt_model.gain import nominal_gain
from nt_model.image import EncoderSpec, Image, Layer, own_domains
from nt_model.image_file import image_bytes
from nt_model.weights import PackedWeights

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "hil" / "golden_frames.json"
SIZES = (12, 9, 4)
STEPS = 2
PRESENT_STATE = 8
LONG = 128


def small_image() -> Image:
    """Two layers, so that errors travel; the same at every call."""
    rng = np.random.default_rng(1)
    layers = tuple(
        Layer(
            PackedWeights.of(rng.integers(-7, 8, (above, below)).astype(np.int8)),
            np.zeros(above, np.int16),
            np.full(above, 900, np.int32),
            domain,
            2,
            1,
        )
        for below, above, domain in zip(SIZES, SIZES[1:], own_domains(SIZES[1:], split=False), strict=False)
    )
    encoder = EncoderSpec("rate", "none", 1, np.zeros(SIZES[0], np.float32), np.ones(SIZES[0], np.float32))
    return Image(layers, nominal_gain(), np.arange(SIZES[-1], dtype=np.uint16), STEPS, encoder, {"source": "fuzz"})


def header(data: bytes) -> str:
    """`data` as a C array."""
    rows = [", ".join(str(byte) for byte in data[at : at + 24]) for at in range(0, len(data), 24)]
    body = ",\n".join(f"    {row}" for row in rows)
    return (
        "/* Chip image of the fuzzers, made by nt_fuzz_seeds.py. */\n#include <stdint.h>\n"
        f"static const uint8_t nt_fuzz_image[{len(data)}] = {{\n{body}\n}};\n"
    )


def as_request(kind: int, payload: bytes, control: int = PRESENT_STATE) -> bytes:
    """One request in the form that nt_fuzz_core.c reads."""
    long = LONG if len(payload) > 255 else 0
    return bytes((control | long, kind, len(payload) & 255)) + payload


def sessions() -> list[bytes]:
    """Requests that are accepted, so that the fuzzer does not have to find them byte by byte."""
    n_codes = sum(SIZES[1:])
    raster = bytes(range(SIZES[0])) * STEPS
    load = [
        as_request(m.InputLoadRequest.TYPE, m.InputLoadRequest(0, STEPS, 0, 0, len(raster) * 2, raster * 2).pack()),
        as_request(m.InputLoadRequest.TYPE, m.InputLoadRequest(2, 1, 1, 0, 12, b"\xff\x0f").pack()),
    ]
    present = [
        as_request(m.PresentRequest.TYPE, m.PresentRequest(0, flags, 40, 20, slots).pack())
        for flags, slots in ((0, (0, 1, 2)), (7, (0,)), (15, (1, 1)), (11, (0, 3)))
    ]
    start = as_request(m.LearnStartRequest.TYPE, m.LearnStartRequest(0, 40, 20, 300, 8, 10, 250).pack())
    learn = as_request(m.LearnRequest.TYPE, m.LearnRequest(0, 3, 300, (0, 1, 1, 2, 2, 3)).pack())
    chunk = as_request(m.LearnRequest.TYPE, m.LearnRequest(0, 1, 300, (0, 1)).pack())
    writes = [
        as_request(m.CodesWriteRequest.TYPE, m.CodesWriteRequest(0, place, form, 0, data).pack())
        for place, form, data in ((3, 0, bytes([130] * n_codes)), (1, 1, b"\1\0\x7e"), (2, 2, b"\3\0\5\x7f\x81"))
    ]
    others = [
        as_request(kind, payload)
        for kind, payload in (
            (m.CommitRequest.TYPE, bytes(4)),
            (m.StatusRequest.TYPE, b""),
            (m.ResultRequest.TYPE, bytes(4)),
            (m.CodesReadRequest.TYPE, m.CodesReadRequest(0, n_codes).pack()),
        )
    ]
    ends = [as_request(m.ResetRequest.TYPE, b""), as_request(m.GoodbyeRequest.TYPE, b"")]
    everything = load + present + [start, learn, learn, chunk] + writes + others
    return [
        b"\0" + b"".join(everything + ends),
        b"\1" + b"".join(everything),
        b"\1" + b"".join(load + present),
        b"\0" + b"".join([*load, start, learn, learn, others[0], ends[0]]),
        b"\0" + b"".join(writes + others),
    ]


def seeds_write(folder: Path) -> int:
    """Seeds of both fuzzers below `folder`; gives their number."""
    frames = json.loads(GOLDEN.read_text(encoding="utf-8"))["frames"]
    parts = {
        "frame": [b"\xff\xff" + bytes.fromhex(frame["wire"]) for frame in frames],
        "core": sessions()
        + [b"\0" + as_request(frame["type"], bytes.fromhex(frame["payload"])[:511]) for frame in frames],
    }
    for name, seeds in parts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index, seed in enumerate(seeds):
            (folder / name / f"seed-{index:03d}").write_bytes(seed)
    return sum(map(len, parts.values()))


def main() -> int:
    """Command line: the folder to write to."""
    folder = Path(sys.argv[1])
    count = seeds_write(folder)
    (folder / "nt_fuzz_image.h").write_text(header(image_bytes(small_image())), encoding="utf-8")
    print(f"{count} seeds in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
