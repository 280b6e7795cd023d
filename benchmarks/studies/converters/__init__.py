"""Converters from Keras to ONNX on the zoo's models: `python -m benchmarks onnx-converters`."""
