"""Find and classify the faces of photos with the PyPI package `fer`, as its users do: `PYTHON fer_call.py PHOTO …`.

Stands alone, so that it runs in an environment of the package's own.
"""

from __future__ import annotations

import sys

import cv2
from fer.fer import FER

if __name__ == "__main__":
    detector = FER()
    faces = [detector.detect_emotions(cv2.imread(path)) for path in sys.argv[1:]]
    if not all(faces):
        sys.exit("fer found no face")
