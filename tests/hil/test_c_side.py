"""The C side of the wire: the generated header compiles alone, and the C codec makes the golden frames."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from nt_model.core import Frame, encode_frame

ROOT = Path(__file__).parent.parent.parent
GOLDEN = json.loads((Path(__file__).parent / "golden_frames.json").read_text())["frames"]


def test_the_header_compiles_with_all_warnings(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    source = tmp_path / "uses.c"
    source.write_text('#include "nt_messages.h"\nint main(void) { return (int)NT_HELLO_RSP_LAYER_SIZES_AT - 79; }\n')
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", str(ROOT / "firmware" / "core")]
    subprocess.run([compiler, *flags, "-o", str(tmp_path / "uses"), str(source)], check=True, timeout=60)
    assert subprocess.run([str(tmp_path / "uses")], timeout=10).returncode == 0


@pytest.mark.parametrize("record", GOLDEN, ids=lambda record: f"{record['name']}-{len(record['payload'])}")
def test_the_c_codec_makes_the_golden_frames(record: dict[str, str]) -> None:
    frame = Frame(record["session"], record["type"], record["seq"], bytes.fromhex(record["payload"]))
    assert encode_frame(frame).hex() == record["wire"]
