"""Runs pytest on another build of nt_model._core: `python -m tests.core.sanitized <extension> <tests>`."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys

import pytest


def core_replace(path: str) -> None:
    """Makes the extension at `path` the nt_model._core of this process."""
    loader = importlib.machinery.ExtensionFileLoader("nt_model._core", path)
    spec = importlib.util.spec_from_file_location("nt_model._core", path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    sys.modules["nt_model._core"] = module


if __name__ == "__main__":
    core_replace(sys.argv[1])
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[2:]]))
