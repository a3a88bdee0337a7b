"""Moves bytes between a device and a file descriptor without ever blocking on either side.

A device must go on reading while its answers wait to be taken: a host that sends a whole window before it reads
would otherwise wait for the device while the device waits for the host.
"""

from __future__ import annotations

import errno
import os
import selectors

from nt_hil.links.base import ByteDevice

READ_SIZE = 65536
_GONE = (errno.EIO, errno.ECONNRESET, errno.EPIPE, errno.EBADF)


class Pump:
    """One connection of `device` on the non-blocking descriptor `handle`."""

    def __init__(self, device: ByteDevice, handle: int) -> None:
        self._device = device
        self._handle = handle
        self._outbound = bytearray()

    @property
    def events(self) -> int:
        """What to wait for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outbound else 0)

    def on_ready(self, mask: int) -> bool:
        """Move what can be moved; False when the other end is gone."""
        try:
            if mask & selectors.EVENT_READ:
                data = os.read(self._handle, READ_SIZE)
                if not data:
                    return False
                self._outbound += self._device.feed(data)
            if self._outbound:
                sent = os.write(self._handle, bytes(self._outbound[:READ_SIZE]))
                del self._outbound[:sent]
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno in _GONE:
                return False
            raise
        return True
