"""What fuzz tests share: how many inputs, how they are changed, and what may come of them."""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from fer_zoo.errors import FerZooError

T = TypeVar("T")

# Times as many inputs as in CI.
FACTOR = float(os.environ.get("FER_ZOO_FUZZ", "1"))

_VALUES: list[Any] = [
    None, True, -1, 0, 1e999, float("nan"), 10**30, 0.5, "", "\ud800", "a\0b", "\x1b[31m", "../..", "/etc", "x" * 5000,
    [], {}, [[]], {"": {}}, [None, "happy"], "keras", "onnx", "int8",
]  # fmt: skip


def mutations(originals: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Changed bytes, most of them near the start, where headers are; inserted ones; and cut files."""
    chance = random.Random(seed)
    for _ in range(count):
        content = bytearray(chance.choice(originals))
        for _ in range(chance.choice((1, 4, 16))):
            place = chance.randrange(min(len(content), chance.choice((60, 400, 10**6))))
            way = chance.random()
            if way < 0.7:
                content[place] = chance.randrange(256)
            elif way < 0.9:
                content[place:place] = chance.randbytes(chance.randrange(40))
            else:
                del content[place + 1 :]
        yield bytes(content)


def answer(read: Callable[[], T]) -> T | str:
    """What is read, or the one sentence that refuses it."""
    try:
        return read()
    except FerZooError as error:
        message = str(error)
    assert message
    assert "\n" not in message
    return message


def _containers(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [value] if children else []
    return found + [container for child in children for container in _containers(child)]


def mutated_json(content: Any, chance: random.Random) -> str:
    """A JSON value as text, with up to three faults; it is changed."""
    for _ in range(chance.randint(1, 3)):
        container = chance.choice(_containers(content))
        key = chance.choice(list(container) if isinstance(container, dict) else range(len(container)))
        fault = chance.choice(("drop", "replace", "replace", "nest", "add", "repeat"))
        if fault == "drop":
            del container[key]
        elif fault == "replace":
            container[key] = copy.deepcopy(chance.choice(_VALUES))
        elif fault == "nest":
            container[key] = {str(key): [container[key]]}
        elif isinstance(container, dict):
            container[chance.choice(("path", "labels", "x", "\ud800"))] = copy.deepcopy(chance.choice(_VALUES))
        else:
            container.append(container[key])
        if not _containers(content):
            break
    text = json.dumps(content)
    return text[: chance.randrange(len(text))] if chance.random() < 0.05 else text
