"""What to measure, how thoroughly, and which files of the manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fer_zoo.data import Dataset, load_dataset
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.zoo import Artifact, Reference, fetch, in_package, load_manifest, verified_path

from . import EXPORT

# Packages that every measurement needs, for the description of the machine, the plots and the metrics.
REPORT_PACKAGES = ("cpuinfo", "psutil", "matplotlib", "sklearn")

# Output folder of quick runs, whose figures are too coarse to replace others.
QUICK_OUTPUT = Path("runs", "benchmark-quick")


@dataclass(frozen=True)
class Timing:
    """How long and in which settings files are timed.

    Attributes:
        batches: Images per query.
        threads: Threads of the runtime.
        queries: Timed queries of each file in each setting, unless `seconds` are over first.
        seconds: Longest timed seconds of each file in each setting.
        rounds: Blocks into which the queries are cut.
        warmup_seconds: Untimed queries before the first round.
        settle_seconds: Untimed queries at the start of each block, while threads of the previous file still spin.
        cold_starts: Fresh processes for each file.
    """

    batches: tuple[int, ...] = (1, 32)
    threads: tuple[int, ...] = (1,)
    queries: int = 1024
    seconds: float = 1.0
    rounds: int = 16
    warmup_seconds: float = 0.25
    settle_seconds: float = 0.02
    cold_starts: int = 2

    @property
    def short(self) -> bool:
        """Whether the times are too few to be quoted."""
        return self.queries < 1024 and self.seconds < 10

    @property
    def first(self) -> tuple[int, int]:
        """The smallest batch and the fewest threads."""
        return min(self.batches), min(self.threads)


QUICK_TIMING = Timing(queries=32, seconds=0.5, rounds=2, warmup_seconds=0.02, settle_seconds=0.0, cold_starts=1)
FULL_TIMING = Timing(seconds=10.0, warmup_seconds=0.5, cold_starts=5)


@dataclass(frozen=True)
class Options:
    """One benchmark run.

    Attributes:
        artifacts: Folder of the manifest.
        output: Folder of the reports.
        data: Labelled images; `None` is the bundled sample, whose test split is the whole official one.
        images: Number of test images to use, evenly spread over all; `None` is all.
        models: `NAME[:FORMAT[:PRECISION]]` of the files to measure; empty is all.
        timing: How files are timed.
        keras: Whether the `.keras` originals are timed too.
        price: Price of one core for one hour, in US dollars.
        backends: Keras backends to run every original on.
        runtimes: Further runtimes to run the exported files in.
        fresh: Whether results of an earlier run are dropped.
    """

    artifacts: Path
    output: Path
    data: Path | None = None
    images: int | None = None
    models: tuple[str, ...] = ()
    timing: Timing = field(default_factory=Timing)
    keras: bool = False
    price: float = 0.04
    backends: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    fresh: bool = False


def smallest_models(artifacts: Path, count: int) -> tuple[str, ...]:
    """The names of the models with the fewest weights."""
    sizes = {artifact.model: artifact.params for artifact in load_manifest(artifacts)}
    return tuple(sorted(sizes, key=lambda name: sizes[name])[:count])


def test_images(options: Options) -> Dataset:
    """The test images selected by `options`.

    Raises:
        UsageError: The data cannot be read or has no test images.
    """
    return evenly(load_dataset(options.data).subset("test"), options.images)


def evenly(dataset: Dataset, count: int | None) -> Dataset:
    """At most `count` images, evenly spread over the data set; `None` is all."""
    if count is None or count >= len(dataset):
        return dataset
    return dataset.take(np.linspace(0, len(dataset) - 1, count).astype(int))


def reports_folder(artifacts: Path) -> Path:
    """The default folder of reports: in the artifacts folder, but not inside an installed package."""
    return Path("reports") if in_package(artifacts) else artifacts / "reports"


def manifest_of(options: Options) -> list[Artifact]:
    """All artifacts of the manifest whose files are on this machine.

    A file that `options.models` names is downloaded if it, or any file of that model, is not on this machine.

    Raises:
        UsageError: There is no address to download it from.
        FerZooError: There are no artifacts, or the download fails.
    """
    artifacts = load_manifest(options.artifacts)
    wanted = [Reference.parse(name) for name in options.models]
    absent = [r for r in wanted if not any(r.covers(artifact.reference) for artifact in artifacts)]
    for artifact in load_manifest(options.artifacts, absent=True):
        if any(reference.covers(artifact.reference) for reference in absent):
            fetch(artifact, options.artifacts)
            artifacts.append(artifact)
    if not artifacts:
        raise FerZooError(f"{options.artifacts} has no artifacts to measure; make some with `{EXPORT} MODEL.keras`")
    return artifacts


def select(manifest: list[Artifact], wanted: tuple[str, ...]) -> list[Artifact]:
    """The artifacts that the references in `wanted` name; all of them if it is empty.

    Raises:
        UsageError: A reference names no artifact.
    """
    references = [Reference.parse(name) for name in wanted]
    for reference in references:
        if not any(reference.covers(artifact.reference) for artifact in manifest):
            known = ", ".join(str(artifact.reference) for artifact in manifest)
            raise UsageError(f"the manifest has no artifact {str(reference)!r}; it has {known}")
    return [a for a in manifest if not wanted or any(reference.covers(a.reference) for reference in references)]


def file_problem(artifact: Artifact, folder: Path) -> str | None:
    """Why the file of `artifact` is not the one that the manifest describes; `None` if it is."""
    try:
        verified_path(artifact, folder)
    except FerZooError as error:
        return str(error)
    return None
