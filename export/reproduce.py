"""How a published model can be trained again, and which weights are missing for that."""

from __future__ import annotations

import shlex
from typing import Any

from fer_zoo.models.weights import has_download
from fer_zoo.training.recipes import RECIPES

_MODEL_SUFFIXES = (".keras", ".onnx", ".tflite")


def not_kept(model: str, config: dict[str, Any]) -> list[str]:
    """The weights that the commands of a published model need and that do not ship: files of runs, earlier versions."""
    commands = [config.get("command"), *(part["command"] for part in config.get("averaged", ()))]
    lost: list[str] = []
    for command in filter(None, commands):
        words = shlex.split(command)
        for word in words:
            if word.startswith("runs/") and word.endswith(_MODEL_SUFFIXES):
                lost.append(f"`{word}`")
        if f"artifacts/{model}/model.keras" in words or _option(words, "--warm-start") == model:
            lost.append(f"an earlier {model}")
        if any(word.startswith(f"{model}:") for word in words):
            lost.append(f"an earlier {model}")
    return list(dict.fromkeys(lost))


def recipe_command(model: str) -> str | None:
    """The command of the model's recipe, which needs nothing but what ships and what the documentation tells to get."""
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
