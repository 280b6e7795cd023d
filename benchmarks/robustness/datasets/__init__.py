"""Reads other labelled data sets of faces in their published layouts."""

from __future__ import annotations

from .faces import LabelledFaces, load_faces, read_face
from .layouts import LAYOUTS, Labelled

__all__ = ["LAYOUTS", "Labelled", "LabelledFaces", "load_faces", "read_face"]
