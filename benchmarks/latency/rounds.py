"""Times several candidates in turns, round by round, so that changes in the machine's speed affect all equally."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TypeVar

from fer_zoo.console import progress

from ..journal import Journal
from ..options import Timing
from .rows import Start

Item = TypeVar("Item")
# Times a block of queries: takes `queries`, `seconds` and `settle_seconds`, returns the nanoseconds of each query.
TimeBlock = Callable[..., list[int]]
Failed = Callable[[str, Exception], None]


def order(items: Sequence[Item], number: int) -> list[Item]:
    """The order of the items in round `number`: every item once, with other neighbours in each round."""
    return random.Random(number).sample(items, len(items))


def time_rounds(
    loaders: Mapping[str, Callable[[], TimeBlock]],
    timing: Timing,
    journal: Journal,
    failed: Failed,
    write: Callable[[], object] = lambda: None,
) -> None:
    """Load every candidate, and add the samples of each round that is not there yet to the journal as `round`.

    Args:
        loaders: Function that loads each candidate, by its name.
        timing: Number and length of the rounds.
        journal: Journal of the finished rounds, each with the samples by candidate.
        failed: Called with the name and the error of a candidate that fails; it is not timed any more.
        write: Called after each round.
    """
    done = len(journal.parts("round"))
    if done == timing.rounds:
        return
    limits = {
        "queries": -(-timing.queries // timing.rounds),
        "seconds": timing.seconds / timing.rounds,
        "settle_seconds": timing.settle_seconds,
    }
    blocks: dict[str, TimeBlock] = {}
    with progress() as bar:
        task = bar.add_task("loading", total=(timing.rounds - done) * len(loaders))
        for name, load in loaders.items():
            bar.update(task, description=f"loading {name}")
            try:
                blocks[name] = load()
                blocks[name](queries=1, seconds=0.0, settle_seconds=timing.warmup_seconds)
            except Exception as error:  # Each runtime has exceptions of its own; the others are measured all the same.
                blocks.pop(name, None)
                failed(name, error)
        for number in range(done, timing.rounds):
            bar.update(task, description=f"round {number + 1} of {timing.rounds}")
            samples: dict[str, list[int]] = {}
            for name in order(list(blocks), number):
                try:
                    samples[name] = blocks[name](**limits)
                except Exception as error:
                    del blocks[name]
                    failed(name, error)
                bar.advance(task)
            journal.add("round", samples)
            write()


def start_cold(
    starts: Mapping[str, Callable[[], Start]],
    count: int,
    journal: Journal,
    failed: Failed,
    write: Callable[[], object] = lambda: None,
) -> None:
    """Start each candidate `count` times in a fresh process, and add the times to the journal as `cold_start`."""
    done = len(journal.parts("cold_start"))
    working = dict(starts)
    with progress() as bar:
        task = bar.add_task("cold starts", total=(count - done) * len(starts))
        for number in range(done, count):
            times = {}
            for name in order(list(working), number):
                try:
                    times[name] = asdict(working[name]())
                except Exception as error:
                    del working[name]
                    failed(name, error)
                bar.advance(task)
            journal.add("cold_start", times)
            write()


def in_all(parts: Sequence[Mapping[str, object]], name: str) -> bool:
    """Whether there are rounds and a candidate took part in each."""
    return bool(parts) and all(name in part for part in parts)
