"""From a trained `.keras` model to ONNX and TFLite files that are proven equal to it, `python -m export`."""
