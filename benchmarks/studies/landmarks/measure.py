"""Trains the variants on one budget, and measures them on faces as they are, and on turned, hidden and shifted ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_zoo.console import track
from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.data import Dataset, load_dataset
from fer_zoo.errors import UsageError
from fer_zoo.evaluation.metrics import wilson_interval
from fer_zoo.faces.landmarks import crop_landmarks
from fer_zoo.files import atomic_path
from fer_zoo.training.reporter import SILENT, Reporter
from fer_zoo.zoo import read_keras

from ...options import evenly
from ...robustness.corruptions import corrupt
from .rows import Difference, LandmarkStudy, RunRow, VariantRow
from .variants import GUIDED, NONE, VARIANTS, config_of, inputs_of, train_variant

if TYPE_CHECKING:
    import keras

# Those that move or hide what landmarks are of, mild, medium and severe.
CORRUPTIONS = ("rotation", "occlusion", "crop shift")
SEVERITIES = (1, 3, 5)
CLEAN = "clean"

# Right or wrong `[severities, n]` and landmarks `[severities, n, 5, 2]` by corruption, `CLEAN` among them.
Outcomes = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Example:
    """One face of the plot.

    Attributes:
        name: What was done to it.
        image: uint8 `[48, 48]`.
        detected: float32 `[5, 2]`, the detector's landmarks, or NaN.
        found: Landmarks of the first run of each guided variant by its name, float32 `[5, 2]`.
    """

    name: str
    image: np.ndarray
    detected: np.ndarray
    found: dict[str, np.ndarray]


def measure(
    data: Path | None,
    folder: Path,
    variants: Sequence[str] = tuple(VARIANTS),
    seeds: Sequence[int] = (1, 2, 3),
    epochs: int = 6,
    images: int | None = None,
    backend: str = "tensorflow",
    reporter: Reporter = SILENT,
) -> tuple[LandmarkStudy, list[Example]]:
    """Train what is not trained yet, and measure what is not measured yet.

    Args:
        data: FER2013; `None` is the bundled sample.
        folder: Folder of the runs, each in `VARIANT-SEED`; stopped runs are resumed.
        variants: Which to compare.
        seeds: One run of each variant for each.
        epochs: Epochs of every run.
        images: Number of PrivateTest images that are corrupted and measured, evenly spread; `None` is all.
        backend: Backend that Keras runs on.
        reporter: Receives messages and the record of each epoch.

    Returns:
        The study, and faces for its plot.

    Raises:
        UsageError: The data has no PublicTest and PrivateTest, or a folder holds a run with other settings.
        FerZooError: The data or a run cannot be read.
    """
    dataset = load_dataset(data)
    if not (dataset.has("public_test") and dataset.has("private_test")):
        raise UsageError(f"{dataset.source} does not tell PublicTest from PrivateTest; pass other --data")
    private = evenly(dataset.subset("private_test"), images)
    for seed in seeds:
        for variant in variants:
            run = folder / f"{variant}-{seed}"
            if not (run / "model.keras").exists():
                reporter.message(f"{variant}, seed {seed}")
            config = config_of(variant, seed, epochs, str(data) if data else None, backend)
            train_variant(variant, config, run, reporter)
    sets = dict(_sets(private))
    outcomes = {
        (variant, seed): _outcomes(variant, folder / f"{variant}-{seed}", sets, private)
        for seed in seeds
        for variant in track(variants, f"measured, seed {seed}")
    }
    detected = {name: [crop_landmarks(images) for images in sets[name]] for name in sets}
    rows = [
        _run_row(variant, seed, folder / f"{variant}-{seed}", outcome, detected)
        for (variant, seed), outcome in outcomes.items()
    ]
    known = {name: float(np.mean([~np.isnan(p[:, 0, 0]) for p in detected[name]])) for name in sets}
    training = dataset.subset("train")
    in_train = ~np.isnan(crop_landmarks(training.images)[:, 0, 0])
    study = LandmarkStudy(
        source=dataset.source,
        fingerprint=dataset.fingerprint,
        training_images=len(training),
        epochs=epochs,
        seeds=tuple(seeds),
        backend=backend,
        n=len(private),
        severities=SEVERITIES,
        found={"train": float(in_train.mean()), "private_test": known.pop(CLEAN)} | known,
        variants=tuple(_variant_row(variant, folder, rows, outcomes, seeds) for variant in variants),
        runs=tuple(rows),
    )
    return study, list(_examples(sets, detected, {v: outcomes[v, seeds[0]] for v in variants if v in GUIDED}))


def _sets(private: Dataset) -> Iterator[tuple[str, list[np.ndarray]]]:
    """The images as they are, and by corruption for each severity."""
    yield CLEAN, [np.asarray(private.images)]
    for name in CORRUPTIONS:
        yield name, [corrupt(private.images, name, severity) for severity in SEVERITIES]


def _outcomes(variant: str, run: Path, sets: dict[str, list[np.ndarray]], private: Dataset) -> Outcomes:
    """Which images the model of a run gets right, and the landmarks it predicts; cached in the folder of the run."""
    path = run / f"answers-{private.fingerprint[:8]}-{len(private)}.npz"
    if path.exists():
        with np.load(path) as file:
            return dict(file)
    model = _model(run)
    outcomes: Outcomes = {}
    for name, images in sets.items():
        outputs = [_outputs(model, variant, part) for part in images]
        outcomes[name] = np.stack([probabilities.argmax(1) == private.labels for probabilities, _ in outputs])
        if variant in GUIDED:
            outcomes[f"{name} landmarks"] = np.stack([points for _, points in outputs])
    with atomic_path(path) as temporary:
        np.savez(temporary, **outcomes)  # type: ignore[arg-type]
    return outcomes


def _model(run: Path) -> keras.Model:
    return read_keras(run / "model.keras")


def _outputs(model: keras.Model, variant: str, images: np.ndarray) -> tuple[np.ndarray, Any]:
    """Probabilities `[n, classes]`, and for guided variants landmarks `[n, 5, 2]`."""
    from fer_zoo.models.guidance import with_landmarks

    inputs = inputs_of(variant, images).astype(np.float32)
    if variant in GUIDED:
        return tuple(with_landmarks(model).predict(inputs, batch_size=256, verbose=0))
    return model.predict(inputs, batch_size=256, verbose=0), None


def _run_row(variant: str, seed: int, run: Path, outcomes: Outcomes, detected: dict[str, list[np.ndarray]]) -> RunRow:
    history = json.loads((run / "history.json").read_text("utf-8"))
    best = max(history, key=lambda epoch: epoch["selection_accuracy"])
    right = outcomes[CLEAN][0]
    errors = {name: _error(outcomes[f"{name} landmarks"], detected[name]) for name in detected if variant in GUIDED}
    return RunRow(
        variant=variant,
        seed=seed,
        best_epoch=best["epoch"],
        public_test=best["selection_accuracy"],
        private_test=float(right.mean()),
        private_test_interval=wilson_interval(int(right.sum()), len(right)),
        corrupted={name: float(outcomes[name].mean()) for name in CORRUPTIONS},
        landmark_error=errors.pop(CLEAN, None),
        corrupted_landmark_error=errors,
    )


def _error(predicted: np.ndarray, detected: list[np.ndarray]) -> float:
    """Mean distance in pixels over the faces in which the detector finds landmarks."""
    return float(IMAGE_SIZE * np.nanmean(np.linalg.norm(predicted - np.stack(detected), axis=-1)))


def _variant_row(
    variant: str,
    folder: Path,
    rows: Sequence[RunRow],
    outcomes: dict[tuple[str, int], Outcomes],
    seeds: Sequence[int],
) -> VariantRow:
    from fer_zoo.models.macs import count_macs

    mine = [row for row in rows if row.variant == variant]
    model = _model(folder / f"{variant}-{seeds[0]}")
    errors = [row.landmark_error for row in mine if row.landmark_error is not None]

    def difference(name: str) -> Difference:
        share = [outcomes[variant, seed][name].astype(float) - outcomes[NONE, seed][name] for seed in seeds]
        of_images = np.mean(share, axis=(0, 1))
        half = 1.96 * float(of_images.std(ddof=1)) / len(of_images) ** 0.5
        mean = float(of_images.mean())
        return Difference(mean, (mean - half, mean + half))

    compared = variant != NONE and (NONE, seeds[0]) in outcomes
    return VariantRow(
        variant=variant,
        about=VARIANTS[variant],
        weights=model.count_params(),
        macs=count_macs(model),
        runs=len(mine),
        public_test=fmean(row.public_test for row in mine),
        private_test=fmean(row.private_test for row in mine),
        private_test_deviation=stdev(row.private_test for row in mine) if len(mine) > 1 else None,
        corrupted={name: fmean(row.corrupted[name] for row in mine) for name in CORRUPTIONS},
        difference=difference(CLEAN) if compared else None,
        corrupted_difference={name: difference(name) for name in CORRUPTIONS} if compared else {},
        landmark_error=fmean(errors) if errors else None,
        corrupted_landmark_error={
            name: fmean(row.corrupted_landmark_error[name] for row in mine) for name in CORRUPTIONS if errors
        },
    )


def _examples(
    sets: dict[str, list[np.ndarray]], detected: dict[str, list[np.ndarray]], outcomes: dict[str, Outcomes]
) -> Iterator[Example]:
    """Three faces as they are, and one with each corruption, of those in which the detector finds landmarks."""
    counts = {CLEAN: 3} | dict.fromkeys(CORRUPTIONS, 1)
    for name, count in counts.items():
        severity = len(sets[name]) // 2
        known = np.flatnonzero(~np.isnan(detected[name][severity][:, 0, 0]))
        for index in known[np.linspace(0, len(known) - 1, count + 2).astype(int)[1:-1]]:
            predicted = {
                variant: outcome[f"{name} landmarks"][severity][index] for variant, outcome in outcomes.items()
            }
            yield Example(name, sets[name][severity][index], detected[name][severity][index], predicted)
