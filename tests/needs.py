"""Skips tests whose packages are not installed."""

from __future__ import annotations

import importlib.util

import pytest

EXPORT = ("tensorflow", "tf2onnx", "ai_edge_litert")


def need(*packages: str) -> None:
    """Skip the test that runs, or the tests of a fixture, if one of these packages is not installed."""
    if missing := [package for package in packages if importlib.util.find_spec(package) is None]:
        pytest.skip(f"{', '.join(missing)} not installed")
