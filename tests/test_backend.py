"""Choosing a backend: explicit, by environment, installed, missing."""

from __future__ import annotations

import sys

import pytest

from fer_zoo import backend
from fer_zoo.errors import UsageError


@pytest.fixture
def _only_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda name: name in ("jax", "keras") or None)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "")


@pytest.mark.usefixtures("_only_jax")
def test_the_installed_backend_is_taken() -> None:
    assert backend.select_backend() == "jax"
    assert backend.os.environ["KERAS_BACKEND"] == "jax"


@pytest.mark.usefixtures("_only_jax")
def test_a_missing_backend_names_the_pip_command() -> None:
    with pytest.raises(UsageError, match=r"pip install 'fer-zoo\[torch\]'"):
        backend.select_backend("torch")


@pytest.mark.usefixtures("_only_jax")
def test_the_environment_decides_before_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    with pytest.raises(UsageError, match="unknown backend 'theano'"):
        backend.select_backend()


def test_no_backend_at_all_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with pytest.raises(UsageError, match="no Keras backend is installed"):
        backend.select_backend()
