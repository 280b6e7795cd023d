"""The table of crops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_zoo.faces import Face
from fer_zoo.faces.crop import SCALE, SHIFT, square_of


@dataclass(frozen=True)
class Candidate:
    """A margin and an alignment with which a face may be cut out.

    Attributes:
        anchor: `box`, or `landmarks`: eyes and mouth determine the position and size of the square.
        upright: Whether the picture is first rotated so that the eyes are level.
        scale: Side of the square, in mean sides of the box or in distances from eyes to mouth.
        shift: Shift of the square's centre downwards, in the same unit as `scale`.
    """

    anchor: str
    upright: bool
    scale: float
    shift: float

    def square(self, face: Face) -> tuple[float, float, float]:
        """Left, top and side of the square around a face, in pixels."""
        if self.anchor == "box":
            return square_of(face, self.scale, self.shift)
        eyes, mouth = face.landmarks[:2].mean(axis=0), face.landmarks[3:].mean(axis=0)
        length = float(np.linalg.norm(mouth - eyes))
        centre = (eyes + mouth) / 2
        side = self.scale * length
        return float(centre[0] - side / 2), float(centre[1] + self.shift * length - side / 2), side

    @property
    def name(self) -> str:
        """The candidate as text, such as `1.1 x box, level eyes`."""
        unit = "box" if self.anchor == "box" else "eyes to mouth"
        shift = f", {self.shift:+.2f} down" if self.shift and self.anchor == "box" else ""
        return f"{self.scale:g} x {unit}{shift}{', level eyes' if self.upright else ''}"


CHOSEN = Candidate("box", False, SCALE, SHIFT)


@dataclass(frozen=True)
class CropScore:
    """How well the crops of one split are classified.

    Attributes:
        accuracy: Accuracy on the faces that were detected again, 0..1.
        agreement: Share of these faces with the same prediction as the original image.
        loss: Mean negative log-likelihood, in nats.
        loss_over_chosen: Paired difference of the loss from that of the chosen candidate.
        loss_over_chosen_95: Half the width of the 95 % interval of that difference.
    """

    accuracy: float
    agreement: float
    loss: float
    loss_over_chosen: float
    loss_over_chosen_95: float


@dataclass(frozen=True)
class PhotoScore:
    """How well a candidate works on photos.

    Attributes:
        photos: Number of photos.
        misplacement: Mean distance of the middles of eyes and mouth from FER2013's median, in sides of the square.
        unsteadiness: Mean total variation of the probabilities when a photo is mirrored, shrunk or tilted, 0..1.
        labelled: Photos in a folder named after an expression.
        probability: Mean probability of that expression; `None` without such photos.
    """

    photos: int
    misplacement: float
    unsteadiness: float
    labelled: int
    probability: float | None = None


@dataclass(frozen=True)
class CropRow:
    """One candidate: its scores by split, and on photos if there are any."""

    candidate: Candidate
    scores: dict[str, CropScore]
    photos: PhotoScore | None = None


@dataclass(frozen=True)
class SplitFacts:
    """One split.

    Attributes:
        n: Number of images.
        found: Number of images whose face was detected again.
        accuracy_as_given: Accuracy on the original images whose face was detected again.
        accuracy_of_all: Accuracy on all original images.
        geometry: Where the detector finds eyes, mouth and box, in sides of the image: lower quartile, median, upper
            quartile.
    """

    n: int
    found: int
    accuracy_as_given: float
    accuracy_of_all: float
    geometry: dict[str, tuple[float, float, float]]


@dataclass(frozen=True)
class CropReport:
    """One run.

    Attributes:
        model: Name of the classifier.
        face_pixels: Side to which FER2013's images were enlarged.
        margin_pixels: Margin that was added on each side.
        chosen: The candidate that `fer_zoo.faces.crop_face` uses.
        splits: Facts by split; the best candidate is chosen on the first one.
        rows: One for each candidate.
    """

    model: str
    face_pixels: int
    margin_pixels: int
    chosen: Candidate
    splits: dict[str, SplitFacts]
    rows: tuple[CropRow, ...]

    @property
    def first(self) -> str:
        """The split on which the best candidate is chosen."""
        return next(iter(self.splits))
