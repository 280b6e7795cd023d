"""References to the zoo's model files: `NAME`, `NAME:FORMAT` or `NAME:FORMAT:PRECISION`."""

from __future__ import annotations

from dataclasses import dataclass

from fer_zoo.errors import UsageError

FORMATS = ("keras", "onnx", "tflite")
PRECISIONS = ("fp32", "fp16", "int8", "dynamic", "int8-full")


@dataclass(frozen=True)
class Reference:
    """A model of the zoo, or one or several of its files; `None` stands for any format or precision.

    Attributes:
        model: Name, e.g. `fernet_tiny`.
        format: One of `FORMATS`.
        precision: One of `PRECISIONS`.
    """

    model: str
    format: str | None = None
    precision: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read `NAME`, `NAME:FORMAT` or `NAME:FORMAT:PRECISION`.

        Raises:
            UsageError: There are more parts, or an unknown format or precision.
        """
        model, *rest = text.split(":")
        for part, known, kind in zip(rest, (FORMATS, PRECISIONS), ("format", "precision"), strict=False):
            if part not in known:
                raise UsageError(f"{text!r} names an unknown {kind} {part!r}; choose one of {', '.join(known)}")
        if len(rest) > 2:
            raise UsageError(f"{text!r} has too many parts; write NAME, NAME:FORMAT or NAME:FORMAT:PRECISION")
        return cls(model, *rest)

    def __str__(self) -> str:
        return ":".join(part for part in (self.model, self.format, self.precision) if part)

    def covers(self, other: Reference) -> bool:
        """Whether `other` is the same model, with the same format and precision unless they are `None` here."""
        return (
            self.model == other.model
            and self.format in (None, other.format)
            and self.precision in (None, other.precision)
        )
