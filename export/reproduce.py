"""How a published model can be trained again, and which weights are missing for that."""

from __future__ import annotations

import shlex
from typing import Any

from fer_zoo.models.weights import has_download
from fer_zoo.training.recipes import RECIPES

_MODEL_SUFFIXES = (".keras", ".onnx", ".tflite")


def unavailable_weights(model: str, config: dict[str, Any]) -> list[str]:
    """Weights that the commands of a published model name but that do not ship: files of runs, earlier versions."""
    commands = [config.get("command"), *(part["command"] for part in config.get("averaged", ()))]
    missing: list[str] = []
    for command in filter(None, commands):
        words = shlex.split(command)
        for word in words:
            if word.startswith("runs/") and word.endswith(_MODEL_SUFFIXES):
                missing.append(f"`{word}`")
        if f"artifacts/{model}/model.keras" in words or _option(words, "--warm-start") == model:
            missing.append(f"an earlier {model}")
        if any(word.startswith(f"{model}:") for word in words):
            missing.append(f"an earlier {model}")
    return list(dict.fromkeys(missing))


def recipe_command(model: str) -> str | None:
    """The command of the model's recipe; its data and weights ship, or the documentation says where to get them."""
    if model not in RECIPES:
        return None
    config = RECIPES[model].config
    parts = ["python -m fer_zoo.train", f"--recipe {model}", "--data fer2013.zip"]
    if config.transfer is not None and not has_download(config.model):
        parts.append("--weights FILE")
    if config.ferplus == "":
        parts.append("--ferplus ferplus.csv")
    return " ".join(parts)


def _option(words: list[str], name: str) -> str | None:
    return words[words.index(name) + 1] if name in words[:-1] else None
