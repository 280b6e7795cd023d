"""Faces in photos: reading any image file, finding the faces, and cutting them out as FER2013's faces are cut.

Needs only NumPy, Pillow and onnxruntime; the detector's model file is in this package.
"""

from __future__ import annotations

from fer_zoo.faces.crop import crop_face
from fer_zoo.faces.detector import Face, FaceDetector
from fer_zoo.faces.expression import FaceExpression
from fer_zoo.faces.photos import read_photo

__all__ = ["Face", "FaceDetector", "FaceExpression", "crop_face", "read_photo"]
