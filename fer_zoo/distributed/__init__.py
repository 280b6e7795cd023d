"""Photos on many processes and machines: what engines such as Ray, Spark and Dask call, and prediction on Ray."""

from __future__ import annotations

from fer_zoo.distributed.face_predictor import FacePredictor

__all__ = ["FacePredictor"]
