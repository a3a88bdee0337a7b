"""The extension nt_model._core: firmware/core and firmware/host, compiled when the package is installed."""

from __future__ import annotations

from nt_model.errors import EnvironmentMissingError, UsageError

try:
    from nt_model._core import ffi, lib
except ImportError as error:
    raise EnvironmentMissingError(
        "the C core is not built on this machine",
        evidence=str(error),
        next_step="`pip install -e .` with a C compiler at hand, or choose `--engine numpy`",
    ) from error

__all__ = ["CoreResultError", "accepted", "ffi", "lib"]


class CoreResultError(UsageError):
    """The C core refused; `result` is its negative error (firmware/core/nt_error.h)."""

    def __init__(self, function: str, result: int) -> None:
        super().__init__(f"{function} of the C core refused its arguments", evidence=f"error {result}")
        self.result = result


def accepted(function: str, result: int) -> int:
    """`result` if it is not negative.

    Raises:
        CoreResultError: it is.
    """
    if result < 0:
        raise CoreResultError(function, result)
    return result
