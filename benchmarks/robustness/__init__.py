"""Corruptions, calibration, confused pairs and other data sets: `python -m benchmarks robustness`."""
