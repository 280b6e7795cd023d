"""What fuzz tests share: how many inputs, how they are changed, and what may come of them."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from typing import TypeVar

from fer_zoo.errors import FerZooError

T = TypeVar("T")

# Times as many inputs as in CI.
FACTOR = float(os.environ.get("FER_ZOO_FUZZ", "1"))


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
