"""What others published about FER2013; the figures are theirs, with the protocol that their own code or paper has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One accuracy as its authors report it, or as it was measured here of their file.

    Attributes:
        name: Name of the model.
        weights: Number of weights, as they round it; empty where they do not say.
        accuracy: 0 to 1.
        split: The images it was measured on.
        views: Crops or augmented views of each image whose predictions were averaged.
        runs: Whether it is the best or the mean, and of how many trainings.
        source: Address of the claim; empty for the original project's own.
        evidence: Address of the code or paper that shows split and views; empty where neither could be had and the row
            is as stated in `source`.
        ferplus: Whether labels are FER+'s eight expressions, not FER2013's seven.
        p50_ms: Median time of one face in ONNX Runtime, if their file was measured here.
    """

    name: str
    weights: str
    accuracy: float
    split: str
    views: str
    runs: str
    source: str = ""
    evidence: str = ""
    ferplus: bool = False
    p50_ms: float | None = None


_GITHUB = "https://github.com"

PUBLISHED = (
    # Its test loader has PublicTest, and PrivateTest chose the checkpoint; the notebook prints 73.279465 %.
    Published(
        "VGGNet",
        "30 M",
        0.7328,
        split="PublicTest",
        views="ten crops",
        runs="one, its epoch chosen on PrivateTest",
        source="https://arxiv.org/abs/2105.03588",
        evidence=f"{_GITHUB}/usef-kh/fer/blob/3c5de07/data/fer2013.py",
    ),
    # `fer2013("test", configs, tta=True, tta_size=10)`: random mirroring and rotation by up to 30 degrees.
    Published(
        "ResMaskNet",
        "142.9 M",
        0.7414,
        split="PrivateTest",
        views="ten augmented views",
        runs="one",
        source=f"{_GITHUB}/phamquiluan/ResidualMaskingNetwork",
        evidence=f"{_GITHUB}/phamquiluan/ResidualMaskingNetwork/blob/9141618/main_fer2013.py",
    ),
    # Its script prints the accuracy of one view and of 60 (59 shifted, rotated, enlarged or mirrored); the repository
    # does not say which of them is the published one, and calls the splits `val` and `test`.
    Published(
        "LHC-Net",
        "32 M",
        0.7442,
        split="test, as stated",
        views="one or 60: its script prints both",
        runs="one, from a backbone chosen for its accuracy",
        source="https://arxiv.org/abs/2111.07224",
        evidence=f"{_GITHUB}/Bodhis4ttva/LHC_Net/blob/4223798/LHC_Downloaded_Eval.py",
    ),
    Published(
        "ViT-B (trpakov)",
        "85.8 M",
        0.7116,
        split="test, as stated",
        views="not stated",
        runs="not stated",
        source="https://huggingface.co/trpakov/vit-face-expression",
    ),
    # It leaves out the images that FER+ calls no face, 16 of PrivateTest.
    Published(
        "vicksam/fer-model",
        "173,000",
        0.6945,
        split="PrivateTest without 16 images",
        views="one",
        runs="best of 5; mean 68.57 ± 0.65 %",
        source=f"{_GITHUB}/vicksam/fer-model",
        evidence=f"{_GITHUB}/vicksam/fer-model/blob/8d30860/data/dataset.py",
    ),
    Published("original baseline CNN", "128,391", 0.593, split="all", views="one", runs="one"),
    Published("original MobileNetV2", "2.3 M", 0.547, split="all", views="one", runs="one"),
    Published(
        "vicksam/fer-model",
        "173,537",
        0.8766,
        split="PrivateTest",
        views="one",
        runs="best of 5; mean 87.04 ± 0.40 %",
        source=f"{_GITHUB}/vicksam/fer-model",
        evidence=f"{_GITHUB}/vicksam/fer-model/blob/8d30860/fer_model.ipynb",
        ferplus=True,
    ),
    # The repository's code has only the validation set; the paper says "average test accuracy".
    Published(
        "ESR-9",
        "",
        0.8715,
        split="test, as stated",
        views="one",
        runs="mean of 5, ± 0.1 %",
        source="https://arxiv.org/abs/2001.06338",
        ferplus=True,
    ),
)

LEFT_OUT = (
    f"Left out: [ResEmoteNet]({_GITHUB}/ArnabKumarRoy02/ResEmoteNet)'s 79.79 %: its script mirrors test images at "
    "random, and others measured its published weights at "
    f"[71.57 %]({_GITHUB}/ArnabKumarRoy02/ResEmoteNet/issues/13) and "
    f"[65.9 %]({_GITHUB}/ArnabKumarRoy02/ResEmoteNet/issues/46); ensembles of several networks, such as "
    f"[ResMaskNet and six others]({_GITHUB}/phamquiluan/ResidualMaskingNetwork), 76.82 %."
)
