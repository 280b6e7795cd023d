"""The published models for the same task, measured side by side with ours: `python -m benchmarks peers`."""
