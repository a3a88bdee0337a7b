"""A child process that never outlives its parent, whichever way the parent ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence

from nt_model.errors import EnvironmentMissingError

_GUARD = """
exec 3<&0 </dev/null
"$@" 3<&- & child=$!
{ read -r _; kill -9 "$child"; } <&3 3<&- & watch=$!
exec 3<&-
wait "$child"; code=$?
kill "$watch" 2>/dev/null
exit "$code"
"""
"""A shell between us and the child. It holds the reading end of a pipe of which we alone hold the other: when that
closes (by `stop`, or because we died, by whatever signal) it kills the child. SIGKILL, since an emulator whose output
nobody reads is deaf to anything else. (PR_SET_PDEATHSIG would strike when the *thread* that forked ends.)"""

_STOP_TIMEOUT_S = 5.0


def qemu_find() -> str:
    """Path of qemu-system-arm.

    Raises:
        EnvironmentMissingError: it is not installed.
    """
    path = shutil.which("qemu-system-arm")
    if path is None:
        raise EnvironmentMissingError(
            "qemu-system-arm is not installed",
            evidence="not on PATH",
            next_step="run `apt-get install -y --no-install-recommends qemu-system-arm`",
        )
    return path


class GuardedProcess:
    """Runs `command` with its standard output and error kept in a file for error messages."""

    def __init__(self, command: Sequence[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        read_end, self._write_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "nt-guard", *command],
                stdin=read_end,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,  # Ctrl-C is for us, not for the emulator
            )
        except BaseException:
            os.close(self._write_end)
            self._log.close()
            raise
        finally:
            os.close(read_end)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def log_tail(self) -> str:
        """The last lines that the process wrote."""
        if self._log.closed:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace").strip()[-400:]

    def stop(self) -> None:
        """End the process; safe to call twice."""
        if self._write_end >= 0:
            os.close(self._write_end)
            self._write_end = -1
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_STOP_TIMEOUT_S)
        self._log.close()
