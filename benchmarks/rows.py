"""Shared by the rows of several tables: the file that was measured, and the images."""

from __future__ import annotations

from dataclasses import dataclass

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.data import Dataset
from fer_zoo.zoo import Artifact


@dataclass(frozen=True)
class ModelFile:
    """A file of the zoo, as the manifest describes it.

    Attributes:
        name: Model, format and precision, separated by spaces.
        model: Name of the model.
        format: `keras`, `onnx` or `tflite`.
        precision: `fp32`, `fp16`, `int8`, `dynamic` or `int8-full`.
        path: Path of the file, relative to the artifacts folder.
        sha256: SHA-256 of the file.
        bytes: File size.
        params: Number of weights of the model.
        macs: Multiply-accumulate operations for one image.
        trained_on: Keras backend that trained the model.
        classes: Number of classes.
        task: The labels that the model was trained on, as `Artifact.task`; empty in reports of earlier versions.
    """

    name: str
    model: str
    format: str
    precision: str
    path: str
    sha256: str
    bytes: int
    params: int
    macs: int
    trained_on: str
    classes: int
    task: str = ""

    @classmethod
    def of(cls, artifact: Artifact) -> ModelFile:
        """The file of an entry of the manifest."""
        same = {name: getattr(artifact, name) for name in cls.__dataclass_fields__ if name != "classes"}
        return cls(**same, classes=len(artifact.output["labels"]))

    @property
    def is_fer2013(self) -> bool:
        """Whether the model was trained on FER2013's seven expressions."""
        return self.task == "FER2013" if self.task else self.classes == len(EXPRESSIONS)

    def same_network(self, other: ModelFile) -> bool:
        """Whether both files contain the same network, perhaps with other weights."""
        return (self.params, self.macs) == (other.params, other.macs)


@dataclass(frozen=True)
class ImageSet:
    """The labelled images that something was measured on.

    Attributes:
        source: Path that the images were read from.
        fingerprint: Hexadecimal key of all pixels and labels.
        n: Number of images.
        split: Name of the split.
    """

    source: str
    fingerprint: str
    n: int
    split: str = "test"

    @classmethod
    def of(cls, dataset: Dataset) -> ImageSet:
        """The test images of `dataset`."""
        return cls(dataset.source, dataset.fingerprint, len(dataset))
