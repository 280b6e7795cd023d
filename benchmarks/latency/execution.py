"""Ways to run one file: the default of `load_classifier`, and what it was chosen from."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fer_zoo.inference.runtimes import LiteRT, OnnxRuntime, OpenVino

DEFAULT = "default"

Load = Callable[[Path, int, Path], Any]


def settings_for(format: str) -> dict[str, Load]:
    """Other settings than the default for files of `format`, by name.

    Returns:
        Functions of the file, the number of threads and an empty folder, which give an object with `run`.
    """
    settings: dict[str, Load] = {}
    if format == "onnx":
        for level in ("off", "basic", "extended"):
            settings[f"optimization {level}"] = partial(_onnx, level)
        settings |= {".ort, all": partial(_ort, "all"), ".ort, extended": partial(_ort, "extended")}
    elif format == "tflite":
        settings["without XNNPACK"] = lambda path, threads, _: LiteRT(path, threads, xnnpack=False)
    if format != "keras" and importlib.util.find_spec("openvino"):
        settings["OpenVINO"] = lambda path, threads, _: OpenVino(path, threads)
    return settings


def _onnx(level: str, path: Path, threads: int, folder: Path) -> OnnxRuntime:
    return OnnxRuntime(path, threads, optimization=level)


def _ort(level: str, path: Path, threads: int, folder: Path) -> OnnxRuntime:
    """The graph optimized ahead and saved in ONNX Runtime's own format; at `all` it fits this processor only."""
    saved = folder / f"{path.parent.name}.{path.stem}.{level}.ort"
    OnnxRuntime(path, threads, optimization=level, save_as=saved)
    return OnnxRuntime(saved, threads)
