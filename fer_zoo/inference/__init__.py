"""Classifying faces with a trained model; imports neither Keras nor TensorFlow unless the model is a `.keras` file."""

from __future__ import annotations

from fer_zoo.inference.classifier import DEFAULT_MODEL, Classifier, load_classifier
from fer_zoo.inference.images import read_image

__all__ = ["DEFAULT_MODEL", "Classifier", "load_classifier", "read_image"]
