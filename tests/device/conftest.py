"""One native device per test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.device.native import NativeDevice


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fuzz: builds and runs the fuzzers; needs clang with libFuzzer")


@pytest.fixture(scope="module")
def native() -> Iterator[NativeDevice]:
    device = NativeDevice()
    yield device
    device.close()
