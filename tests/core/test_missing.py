"""Without the extension the engine is refused with the next step, never replaced by another one."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["nt_model._core"] = None
from nt_model.errors import EnvironmentMissingError
try:
    import nt_model.core
except EnvironmentMissingError as error:
    print(error.exit_code, error.next_step)
"""


def test_import_says_what_is_missing() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("3 ")
    assert "pip install" in done.stdout
