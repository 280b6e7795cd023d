"""What to measure, how thoroughly, and which artifacts of the manifest."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import Dataset, load_dataset
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.zoo import Artifact, Reference, in_package, load_manifest, obtain, verified_path

# What every measurement needs: the description of the machine, the plots, the metrics.
REPORT_PACKAGES = ("cpuinfo", "psutil", "matplotlib", "sklearn")


@dataclass(frozen=True)
class Options:
    """One benchmark run.

    Attributes:
        artifacts: Folder of the manifest.
        output: Folder of the reports.
        data: Labelled images; `None` is the bundled sample, whose test split is the whole official one.
        images: How many of the test images, evenly spread over all; `None` is all.
        models: `NAME[:FORMAT[:PRECISION]]` to keep; empty keeps all.
        batches: Images per query.
        threads: Threads of the runtime.
        queries: Timed queries of each candidate, unless `seconds` are over first.
        seconds: Timed seconds of each candidate.
        rounds: Blocks into which a candidate's queries are cut.
        warmup_seconds: Untimed queries of each candidate before the first round.
        settle_seconds: Untimed queries at the start of each block, while threads of the previous candidate still spin.
        cold_starts: Fresh processes per artifact.
        keras: Whether the `.keras` originals are timed too.
        execution: Whether every file is also timed in other ways than the default (optimization, delegate, runtime).
        price: Of one core for one hour, in US dollars.
        backends: Keras backends that every original is run on.
        runtimes: Runtimes besides their own that the exported files are run on.
        fresh: Whether what an earlier run has measured is dropped.
    """

    artifacts: Path
    output: Path
    data: Path | None = None
    images: int | None = None
    models: tuple[str, ...] = ()
    batches: tuple[int, ...] = (1, 32)
    threads: tuple[int, ...] = (1,)
    queries: int = 1024
    seconds: float = 10.0
    rounds: int = 16
    warmup_seconds: float = 0.5
    settle_seconds: float = 0.02
    cold_starts: int = 5
    keras: bool = False
    execution: bool = False
    price: float = 0.04
    backends: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    fresh: bool = False


# A run that shows in about a minute that everything works, on two cores; its figures are too coarse to quote.
QUICK: dict[str, Any] = {
    "queries": 32,
    "seconds": 0.5,
    "rounds": 2,
    "cold_starts": 1,
    "warmup_seconds": 0.02,
    "settle_seconds": 0.0,
}
QUICK_OUTPUT = Path("runs", "benchmark-quick")
_QUICK_MODELS = 2


def quick_models(artifacts: Path) -> tuple[str, ...]:
    """The smallest models of the manifest, which a quick run measures unless told otherwise."""
    sizes = {artifact.model: artifact.params for artifact in load_manifest(artifacts)}
    return tuple(sorted(sizes, key=lambda name: sizes[name])[:_QUICK_MODELS])


def test_images(options: Options) -> Dataset:
    """The test images that `options` ask for.

    Raises:
        UsageError: The data cannot be read or has no test images.
    """
    test = load_dataset(options.data).subset("test")
    if options.images is None or options.images >= len(test):
        return test
    return test.take(np.linspace(0, len(test) - 1, options.images).astype(int))


def reports_folder(artifacts: Path) -> Path:
    """Where reports go by default: with the artifacts, but not inside an installed package."""
    return Path("reports") if in_package(artifacts) else artifacts / "reports"


def manifest_of(options: Options) -> list[Artifact]:
    """All artifacts of the manifest whose files are on this machine.

    Where `options.models` names a file, or a model of which no file is here, it is downloaded.

    Raises:
        UsageError: There is no address to download it from.
        FerZooError: There are no artifacts, or the download fails.
    """
    found = load_manifest(options.artifacts)
    wanted = [Reference.parse(name) for name in options.models]
    absent = [r for r in wanted if not any(r.covers(artifact.reference) for artifact in found)]
    for artifact in load_manifest(options.artifacts, absent=True):
        if any(reference.covers(artifact.reference) for reference in absent):
            obtain(artifact, options.artifacts)
            found.append(artifact)
    if not found:
        raise FerZooError(
            f"{options.artifacts} has no artifacts to measure; make some with `python -m export MODEL.keras`"
        )
    return found


def select(manifest: list[Artifact], wanted: tuple[str, ...]) -> list[Artifact]:
    """The artifacts that one of `wanted` names, all of them where it is empty.

    Raises:
        UsageError: A name fits none.
    """
    references = [Reference.parse(name) for name in wanted]
    for reference in references:
        if not any(reference.covers(artifact.reference) for artifact in manifest):
            known = ", ".join(str(artifact.reference) for artifact in manifest)
            raise UsageError(f"the manifest has no artifact {str(reference)!r}; it has {known}")
    return [a for a in manifest if not wanted or any(reference.covers(a.reference) for reference in references)]


def tells_fer2013(artifact: Artifact) -> bool:
    """Whether the expressions are FER2013's, not FER+'s eight, so that its labels say what is right."""
    return len(artifact.output["labels"]) == len(EXPRESSIONS)


def facts(artifact: Artifact) -> dict[str, Any]:
    """What a report repeats of the manifest."""
    names = ("name", "model", "format", "precision", "path", "sha256", "bytes", "params", "macs", "trained_on")
    return {name: getattr(artifact, name) for name in names} | {"classes": len(artifact.output["labels"])}


def file_problem(artifact: Artifact, folder: Path) -> str | None:
    """Why the file of `artifact` is not the one the manifest describes, `None` where it is."""
    try:
        verified_path(artifact, folder)
    except FerZooError as error:
        return str(error)
    return None


def positive(text: str) -> int:
    """The type of an option that is a whole number above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
