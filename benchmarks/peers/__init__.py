"""Published models read to ONNX and run beside ours: `python -m benchmarks peers`."""
