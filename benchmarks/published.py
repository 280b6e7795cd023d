"""What others published about FER2013; the figures are theirs, measured by them, not here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One model as its authors report it, at one crop.

    Attributes:
        name: Short name for tables.
        weights: Number of weights, as they round it.
        accuracy: On the 7,178 test images, 0 to 1, where they give it.
        private_test: On PrivateTest, 0 to 1, where they give it.
        ferplus: On the 3,153 images of PrivateTest whose FER+ annotators agree, eight expressions, 0 to 1.
        source: Paper or repository.
    """

    name: str
    weights: str
    accuracy: float | None = None
    private_test: float | None = None
    ferplus: float | None = None
    source: str | None = None


PUBLISHED = (
    Published("original baseline CNN", "128,391", accuracy=0.593),
    Published("original MobileNetV2", "2.3 M", accuracy=0.547),
    Published("vicksam/fer-model", "173,000", private_test=0.6945, source="https://github.com/vicksam/fer-model"),
    Published("VGGNet", "30 M", private_test=0.7328, source="https://arxiv.org/abs/2105.03588"),
    Published(
        "ResMaskNet",
        "143 M",
        private_test=0.7414,
        source="https://github.com/phamquiluan/ResidualMaskingNetwork",
    ),
    Published("LHC-Net", "32 M", private_test=0.7442, source="https://arxiv.org/abs/2111.07224"),
    Published("vicksam/fer-model", "", ferplus=0.8766, source="https://github.com/vicksam/fer-model"),
    Published("ESR-9", "", ferplus=0.8715, source="https://arxiv.org/abs/2001.06338"),
)
