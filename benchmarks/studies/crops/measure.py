"""Which margin and alignment around a detected face is the one that FER2013 has.

FER2013's own crops are enlarged, put into a larger picture, found again by the detector, and cut out again with many
margins and alignments: the best is the one whose crops are classified best on PublicTest. Photos show whether it holds
there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from fer_zoo.console import track
from fer_zoo.contract import EXPRESSIONS, IMAGE_SIZE
from fer_zoo.crops import crop_square
from fer_zoo.data import Dataset
from fer_zoo.faces import Face, FaceDetector, read_photo
from fer_zoo.faces.crop import SCALE
from fer_zoo.faces.landmarks import ENLARGED, MARGIN, enlarge_crop
from fer_zoo.inference import Classifier
from fer_zoo.pictures import SUFFIXES

from .rows import CHOSEN, Candidate, CropReport, CropRow, CropScore, PhotoScore, SplitFacts

Geometry = dict[str, tuple[float, float, float]]

SPLITS = ("public_test", "private_test")

_SCALES = {False: (0.9, 1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4), True: (1.0, 1.1, 1.2)}
_SHIFTS = (-0.1, -0.05, 0.05, 0.1)
_EYES_TO_MOUTH = {False: (2.2, 2.5, 2.8, 3.1), True: (2.5, 2.8)}
_BETWEEN = -0.18


def measure_crops(
    classifier: Classifier, model: str, splits: dict[str, Dataset], photos: Path | None = None
) -> CropReport:
    """Measure every candidate.

    Args:
        classifier: Classifies the crops.
        model: Name of the classifier.
        splits: Test images by split; the best candidate is chosen on the first one.
        photos: Folder of photos with one face each; the name of a photo's folder may be its expression.
    """
    candidates = _candidates()
    facts: dict[str, SplitFacts] = {}
    scores: list[dict[str, CropScore]] = [{} for _ in candidates]
    for name, split in splits.items():
        facts[name], measured = _measure(split, candidates, classifier, name)
        for by_split, score in zip(scores, measured, strict=True):
            by_split[name] = score
    geometry = next(iter(facts.values())).geometry
    on_photos = _on_photos(photos, geometry, candidates, classifier) if photos else [None] * len(candidates)
    rows = map(CropRow, candidates, scores, on_photos)
    return CropReport(model, ENLARGED, MARGIN, CHOSEN, facts, tuple(rows))


def _candidates() -> list[Candidate]:
    """Margins with and without alignment, then shifts of the chosen one."""
    candidates = [Candidate("box", upright, scale, 0.0) for upright in (False, True) for scale in _SCALES[upright]]
    candidates += [Candidate("box", False, SCALE, shift) for shift in _SHIFTS]
    candidates += [Candidate("landmarks", turn, k, _BETWEEN) for turn in (False, True) for k in _EYES_TO_MOUTH[turn]]
    return list(dict.fromkeys([*candidates, CHOSEN]))


def _measure(
    split: Dataset, candidates: list[Candidate], classifier: Classifier, name: str
) -> tuple[SplitFacts, list[CropScore]]:
    """Facts on the split and, for each candidate, its accuracy on the faces that were found again."""
    detector = FaceDetector(size=ENLARGED + 2 * MARGIN)
    detected: list[int] = []
    landmarks: list[np.ndarray] = []
    boxes: list[np.ndarray] = []
    crops: list[list[np.ndarray]] = []
    for i, image in enumerate(track(split.images, name, len(split))):
        picture = enlarge_crop(image)
        faces = detector.detect(picture)
        if faces:
            detected.append(i)
            landmarks.append((faces[0].landmarks - MARGIN) / ENLARGED)
            boxes.append((np.array(faces[0].box) - [MARGIN, MARGIN, 0, 0]) / ENLARGED)
            crops.append(_crops(candidates, picture, faces[0]))
    labels = split.labels[detected]
    whole = classifier.predict_proba(split.images[detected])
    predictions = [classifier.predict_proba(np.stack([crop[i] for crop in crops])) for i in range(len(candidates))]
    losses = [-np.log(prediction[np.arange(len(labels)), labels].clip(1e-7)) for prediction in predictions]
    chosen = losses[candidates.index(CHOSEN)]
    scores = [
        CropScore(
            accuracy=float((prediction.argmax(axis=1) == labels).mean()),
            agreement=float((prediction.argmax(axis=1) == whole.argmax(axis=1)).mean()),
            loss=float(loss.mean()),
            loss_over_chosen=float((loss - chosen).mean()),
            loss_over_chosen_95=float(1.96 * (loss - chosen).std() / len(labels) ** 0.5),
        )
        for prediction, loss in zip(predictions, losses, strict=True)
    ]
    facts = SplitFacts(
        n=len(split),
        found=len(detected),
        accuracy_as_given=float((whole.argmax(axis=1) == labels).mean()),
        accuracy_of_all=float((classifier.predict_proba(split.images).argmax(axis=1) == split.labels).mean()),
        geometry=_geometry(np.stack(landmarks), np.stack(boxes)),
    )
    return facts, scores


def _geometry(landmarks: np.ndarray, boxes: np.ndarray) -> Geometry:
    """The positions of eyes, mouth and box that the detector finds, as shares of the side: median and quartiles."""
    eyes, mouth = landmarks[:, :2].mean(axis=1), landmarks[:, 3:].mean(axis=1)
    between = landmarks[:, 1] - landmarks[:, 0]
    values = {
        "eyes_x": eyes[:, 0],
        "eyes_y": eyes[:, 1],
        "mouth_y": mouth[:, 1],
        "tilt_degrees": np.degrees(np.arctan2(between[:, 1], between[:, 0])),
        "side_in_mean_sides_of_the_box": 2 / boxes[:, 2:].sum(axis=1),
        "side_in_eyes_to_mouth": 1 / np.linalg.norm(mouth - eyes, axis=1),
        "centre_y_of_the_box": boxes[:, 1] + boxes[:, 3] / 2,
    }
    quartiles = {name: np.percentile(value, [25, 50, 75]) for name, value in values.items()}
    return {name: (float(low), float(middle), float(high)) for name, (low, middle, high) in quartiles.items()}


def _crops(candidates: list[Candidate], image: np.ndarray, face: Face) -> list[np.ndarray]:
    """Cut one face out of a gray image `[h, w]` as each candidate does: uint8 `[48, 48]` each."""
    views = {False: (image, face), True: _levelled(image, face)}
    return [
        crop_square(picture, *candidate.square(turned), IMAGE_SIZE)
        for candidate, (picture, turned) in ((c, views[c.upright]) for c in candidates)
    ]


def _levelled(image: np.ndarray, face: Face) -> tuple[np.ndarray, Face]:
    """Rotate the picture about the centre of the box until the eyes are level; the box does not move."""
    across, down = face.landmarks[1] - face.landmarks[0]
    angle = math.atan2(down, across)
    x, y, width, height = face.box
    centre = np.array([x + width / 2, y + height / 2])
    turned = Image.fromarray(image).rotate(math.degrees(angle), Image.Resampling.BICUBIC, center=tuple(centre))
    back = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.asarray(turned), Face(
        face.box, ((face.landmarks - centre) @ back + centre).astype(np.float32), face.score
    )


def _on_photos(
    folder: Path, geometry: Geometry, candidates: list[Candidate], classifier: Classifier
) -> list[PhotoScore]:
    """Score each candidate on real photos.

    The scores are the distance of eyes and mouth from their positions in FER2013, the change of the prediction when a
    photo is mirrored, shrunk or tilted, and the probability of the expression that a photo's folder is named after.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    detector = FaceDetector()
    wanted = np.array([[geometry["eyes_x"][1], geometry[name][1]] for name in ("eyes_y", "mouth_y")])
    away: list[list[float]] = [[] for _ in candidates]
    steps: list[list[float]] = [[] for _ in candidates]
    probability: list[list[float]] = [[] for _ in candidates]
    for file in track(files, "photos"):
        photo = Image.fromarray(read_photo(file)).convert("L")
        photo.thumbnail((640, 640))
        predictions = []
        for variant in _variants(photo):
            image = np.asarray(variant)
            faces = detector.detect(image)
            if not faces:
                continue
            predictions.append(classifier.predict_proba(np.stack(_crops(candidates, image, faces[0]))))
            for candidate, distances in zip(candidates, away, strict=True):
                distances.append(_misplaced(candidate, image, faces[0], wanted))
        if not predictions:
            continue
        for i in range(len(candidates)):
            own = np.stack([prediction[i] for prediction in predictions])
            steps[i] += (np.abs(own[1:] - own[0]).sum(axis=1) / 2).tolist()
            if file.parent.name in EXPRESSIONS:
                probability[i].append(float(own[:, EXPRESSIONS.index(file.parent.name)].mean()))
    return [
        PhotoScore(
            photos=len(files),
            misplacement=float(np.mean(far)),
            unsteadiness=float(np.mean(moved)),
            labelled=len(shares),
            probability=float(np.mean(shares)) if shares else None,
        )
        for far, moved, shares in zip(away, steps, probability, strict=True)
    ]


def _misplaced(candidate: Candidate, image: np.ndarray, face: Face, wanted: np.ndarray) -> float:
    """Mean distance of the middles of eyes and mouth from their positions in FER2013, as a share of the side."""
    if candidate.upright:
        _, face = _levelled(image, face)
    left, top, side = candidate.square(face)
    middles = np.stack([face.landmarks[:2].mean(axis=0), face.landmarks[3:].mean(axis=0)])
    return float(np.linalg.norm((middles - [left, top]) / side - wanted, axis=1).mean())


def _variants(photo: Image.Image) -> Iterator[Image.Image]:
    """The photo itself, then changes that must not change the prediction."""
    yield photo
    yield photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for share in (0.8, 0.65, 0.5, 0.35):
        yield photo.resize((round(photo.width * share), round(photo.height * share)))
    for angle in (-12, -6, 6, 12):
        yield photo.rotate(angle, Image.Resampling.BICUBIC)
