"""What a type checker sees of the public names; `test_public_names.py` hands this file to mypy, nothing runs it."""

from __future__ import annotations

from typing import assert_type

import numpy as np

import fer_zoo
from fer_zoo import (
    EXPRESSIONS,
    Classifier,
    Dataset,
    Evaluation,
    Face,
    FaceDetector,
    FaceExpression,
    FerZooError,
    ModelInfo,
    TrainingConfig,
    UsageError,
    build_model,
    crop_face,
    list_models,
    load_classifier,
    load_dataset,
    load_model,
    model_info,
    read_photo,
)

assert_type(EXPRESSIONS, tuple[str, str, str, str, str, str, str])
assert_type(load_classifier("fernet_tiny"), Classifier)
assert_type(load_classifier().analyze("photo.jpg"), list[FaceExpression])
assert_type(FaceDetector().detect(read_photo("photo.jpg")), list[Face])
assert_type(FaceDetector().detect(b"")[0].box, tuple[float, float, float, float])
assert_type(load_dataset(), Dataset)
assert_type(fer_zoo.train(TrainingConfig(), "runs/first"), dict[str, Evaluation])
assert_type(fer_zoo.evaluate("fernet_tiny"), dict[str, Evaluation])
assert_type(list_models(pretrained=True), list[str])
assert_type(model_info("fernet_tiny"), ModelInfo)
assert_type(FerZooError().exit_code, int)
issubclass(UsageError, FerZooError)
array: np.ndarray = crop_face(read_photo("photo.jpg"), load_classifier().analyze(b"")[0])
load_model("fernet_tiny").fit(), build_model("fernet_tiny", pretrained=True).fit()
fer_zoo.train("runs/first")  # type: ignore[call-arg, arg-type]
fer_zoo.classify("photo.jpg")  # type: ignore[attr-defined]
