"""Refusals: how a device says no, and the error that the user sees for each reason."""

from __future__ import annotations

from nt_hil.messages import MESSAGE_NAMES, ErrorCode, ErrorNotice
from nt_model.errors import DeviceError, LinkError, NtError, SafetyError, VersionMismatchError


class Refusal(DeviceError):
    """Raised inside a device: the request cannot be done and has changed nothing (see `ErrorCode`)."""

    def __init__(self, error: ErrorCode, *, index: int = 0, seen: int = 0, limit: int = 0) -> None:
        super().__init__(error.name)
        self.error = error
        self.index = index
        self.seen = seen
        self.limit = limit

    def notice(self, request_type: int) -> ErrorNotice:
        values = (value & 0xFFFFFFFF for value in (self.index, self.seen, self.limit))
        return ErrorNotice(request_type, int(self.error), *values)


class SessionLostError(LinkError):
    """The device no longer knows this session: it booted, or another host said HELLO."""


class StaleRevisionError(DeviceError):
    """The codes of the chip are not those that this host saw last."""


_CAUSES = {
    ErrorCode.UNKNOWN_MESSAGE: ("the chip does not know this message", "update its firmware"),
    ErrorCode.BAD_PAYLOAD: ("the chip could not read the message", "update nt-host and the firmware to one version"),
    ErrorCode.STALE_REVISION: ("the codes were changed by someone else since they were read", "read the codes again"),
    ErrorCode.CODE_RANGE: (
        "a code lies outside the range that the chip accepts",
        "nothing was changed; see `nt-host info`",
    ),
    ErrorCode.SLEW_LIMIT: (
        "a code would move further than the chip accepts in one write",
        "nothing was changed; write in smaller moves, see `nt-host info`",
    ),
    ErrorCode.INDEX_RANGE: ("a code index lies outside the chip", "check that image and chip belong together"),
    ErrorCode.NOT_STAGED: ("a write lost its beginning", "write again"),
    ErrorCode.SLOT_RANGE: ("the chip has no such sample slot", "load fewer samples at a time"),
    ErrorCode.SLOT_EMPTY: ("a sample slot holds no complete sample", "load the samples first"),
    ErrorCode.STEPS_MISMATCH: (
        "a loaded raster has another length than the time steps asked for",
        "present it with its own number of steps",
    ),
    ErrorCode.LABEL_RANGE: ("a label lies outside the chip's classes", "check the task against the image"),
    ErrorCode.SETTING_RANGE: ("a setting lies outside its range", "see the table of the message in docs/spec_wire.md"),
    ErrorCode.NOT_LEARNING: ("the device loop was not started since the chip booted", "start the device loop"),
    ErrorCode.WRONG_STEP: ("the device loop stands at another step", "ask where the chip stands and go on from there"),
    ErrorCode.RESPONSE_TOO_LONG: ("the answer would not fit a frame", "ask for fewer samples per frame"),
    ErrorCode.NO_CAPABILITY: ("the chip cannot do this", "see its capabilities with `nt-host info`"),
    ErrorCode.NV_FAILED: ("the chip's non-volatile memory refused the write", "try again; then replace the chip"),
    ErrorCode.BUSY: ("the chip is busy", "try again"),
    ErrorCode.NO_IMAGE: (
        "the board holds no chip image that it can use",
        "write one to its flash, see docs/firmware.md",
    ),
    ErrorCode.NO_RESULT: ("the chip has no result to read on from", "present again"),
}


def _signed(value: int) -> int:
    return value - 2**32 if value >= 2**31 else value


def _version_error(notice: ErrorNotice, host: str) -> NtError:
    device = f"{notice.seen >> 8}.{notice.seen & 255}"
    if notice.error == ErrorCode.SCHEMA_MISMATCH:
        device = f"schema {notice.seen:08x}"
    return VersionMismatchError(
        f"the chip speaks protocol {device}, this program {host}",
        evidence="the chip refused HELLO",
        next_step="update the older one of nt-host and the firmware",
    )


def error_of(notice: ErrorNotice, host_version: str) -> NtError:
    """The exception for a refusal; `host_version` is what this side told in HELLO."""
    request = MESSAGE_NAMES.get(notice.request_type, f"message 0x{notice.request_type:02x}")
    if notice.error in (ErrorCode.VERSION_MISMATCH, ErrorCode.SCHEMA_MISMATCH):
        return _version_error(notice, host_version)
    if notice.error == ErrorCode.BAD_SESSION:
        return SessionLostError(
            "the chip restarted or another program opened it",
            evidence=f"at {request}",
            next_step="connect again; the codes are those last committed unless you restore them",
        )
    if notice.error not in _CAUSES:
        return DeviceError(
            f"the chip refused {request} with the unknown error {notice.error}", next_step="update nt-host"
        )
    code = ErrorCode(notice.error)
    cause, next_step = _CAUSES[code]
    evidence = (
        f"{code.name} at {request}: index {notice.index}, seen {_signed(notice.seen)}, limit {_signed(notice.limit)}"
    )
    kind: type[NtError] = DeviceError
    if code in (ErrorCode.CODE_RANGE, ErrorCode.SLEW_LIMIT):
        kind = SafetyError
    if code is ErrorCode.STALE_REVISION:
        kind = StaleRevisionError
    return kind(cause, evidence=evidence, next_step=next_step)
