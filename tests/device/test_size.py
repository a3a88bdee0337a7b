"""The core fits the flash that was promised, on the processor that it was promised for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.device.native import CORE, WARNINGS

FLASH_BYTES = 24 * 1024
PROCESSOR = ("-mcpu=cortex-m4", "-mthumb")
FOR_HOSTS = {"nt_kernel_wide.c", "nt_batch.c"}


def code_bytes(source: Path, level: str, folder: Path) -> int:
    target = folder / f"{source.stem}.o"
    compile_ = ["arm-none-eabi-gcc", *WARNINGS, "-ffreestanding", *PROCESSOR, level, "-c", str(source)]
    done = subprocess.run([*compile_, "-o", str(target)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listing = subprocess.run(["arm-none-eabi-size", str(target)], capture_output=True, text=True, check=True).stdout
    text, data, _bss = map(int, listing.splitlines()[1].split()[:3])
    return text + data


@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_core_and_protocol_fit_the_flash(level: str, tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed; try `apt-get install -y gcc-arm-none-eabi`")
    sources = [path for path in sorted(CORE.glob("*.c")) if path.name not in FOR_HOSTS]
    total = sum(code_bytes(path, level, tmp_path) for path in sources)
    print(f"{level}: {total} bytes")
    assert total <= FLASH_BYTES
