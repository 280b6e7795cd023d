"""Parity, latency and their report for every artifact of the manifest: `python -m benchmarks`."""
