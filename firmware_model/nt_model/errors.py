"""Errors that a user sees: what is wrong, the evidence, and the next command to try."""

from __future__ import annotations


class NtError(Exception):
    """Base of every error that the tool reports; `exit_code` is the process status it ends with.

    Args:
        cause: one sentence, what is wrong.
        evidence: what was seen (value, offset, path); may be empty.
        next_step: what to try next, a command where there is one; may be empty.
    """

    exit_code = 1

    def __init__(self, cause: str, *, evidence: str = "", next_step: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.evidence = evidence
        self.next_step = next_step

    def __str__(self) -> str:
        parts = [self.cause]
        if self.evidence:
            parts.append(f"seen: {self.evidence}")
        if self.next_step:
            parts.append(f"next: {self.next_step}")
        return "; ".join(parts)


class DeviceError(NtError):
    """The chip answered that it cannot do what was asked."""

    exit_code = 1


class UsageError(NtError):
    """What the user gave (a file, a value, an option) is wrong."""

    exit_code = 2


class EnvironmentMissingError(NtError):
    """The machine lacks something: a package, a tool, a permission, a data file."""

    exit_code = 3


class LinkError(NtError):
    """The connection to the chip failed or is silent."""

    exit_code = 4


class VersionMismatchError(NtError):
    """The two sides, or a file and this program, speak different versions."""

    exit_code = 5


class SafetyError(NtError):
    """A code limit or slew limit would be crossed."""

    exit_code = 6


class TargetNotMetError(NtError):
    """The run ended well but missed the accuracy that was asked for."""

    exit_code = 7


class ImageError(UsageError):
    """A chip image is malformed: truncated, altered or inconsistent."""


def image_require(condition: bool, cause: str, evidence: str = "") -> None:
    """ImageError, with how to get a good image, unless `condition` holds."""
    if not condition:
        raise ImageError(cause, evidence=evidence, next_step="rebuild the image with `nt-host build`")
