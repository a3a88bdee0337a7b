"""One native device per test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.device.native import NativeDevice


@pytest.fixture(scope="module")
def native() -> Iterator[NativeDevice]:
    device = NativeDevice()
    yield device
    device.close()
