"""Files for runtimes that read formats of their own: one module each, and what they share in `publish.py`."""

from __future__ import annotations

# Modules of this package, by the name that `--target` takes.
RUNTIMES = ("openvino", "ncnn", "mnn", "executorch", "coreml")
