"""Settings of the memory allocator for processes that decode many pictures."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# Numbers of glibc's options, and the freed bytes that a process retains: enough for a picture of usual size.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_RETAINED_BYTES = 32 << 20


def keep_memory() -> None:
    """Retain some freed memory for the next picture: requesting it again from the system takes a third of the time.

    Memory for large pictures is still returned. The setting applies to the whole process, so only commands use it, not
    library functions.
    """
    with suppress(OSError, AttributeError, TypeError):  # The C library is not glibc.
        for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(option, _RETAINED_BYTES)
