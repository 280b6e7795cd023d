"""Memory that a process keeps for its next picture."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# glibc's options, and bytes that may be kept: enough for what a picture of usual size needs.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 32 << 20


def keep_memory() -> None:
    """Keep some freed memory for the next picture: to get it anew from the system would take a third of the time.

    What a large picture has used is given back. It holds for the whole process: for commands, not for libraries.
    """
    with suppress(OSError, AttributeError, TypeError):  # Other systems' libraries
        for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(option, _KEPT)
