"""What is dear to build is built once per test run, by whichever of its processes asks first."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

BUILD_S = 250


def built_once(folder: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """The outcome of `command`, which fills `folder`; the other processes wait for it and get the same, good or bad."""
    outcome = folder.with_suffix(".json")
    with FileLock(folder.with_suffix(".lock")):
        if not outcome.exists():
            done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)
            outcome.write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
    return subprocess.CompletedProcess(command, *json.loads(outcome.read_text()))
