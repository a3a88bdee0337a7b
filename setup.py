"""Builds the C core (firmware/core) into the extension nt_model._core; all else is in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["firmware_model/nt_model/core_build.py:ffibuilder"])
