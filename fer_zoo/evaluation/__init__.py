"""Measuring a model on labelled images, and the report of it."""

from __future__ import annotations

from fer_zoo.evaluation.metrics import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
