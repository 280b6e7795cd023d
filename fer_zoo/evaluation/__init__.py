"""Evaluates models on labelled images and writes reports."""

from __future__ import annotations

from fer_zoo.evaluation.metrics import Evaluation, evaluate_predictions
from fer_zoo.evaluation.model import evaluate
from fer_zoo.evaluation.report import evaluate_splits, write_report

__all__ = ["Evaluation", "evaluate", "evaluate_predictions", "evaluate_splits", "write_report"]
