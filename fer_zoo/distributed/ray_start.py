"""Ray in this process: a cluster's, or one on this machine for as long as it is needed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from fer_zoo.console import native_messages_dropped
from fer_zoo.errors import FerZooError
from fer_zoo.text import reason


@contextmanager
def running_ray(cpus: int | None = None) -> Iterator[int]:
    """Ray, started on this machine where the process has none and `RAY_ADDRESS` names none.

    Args:
        cpus: Number of CPUs of a Ray that is started here; `None` for all cores.

    Returns:
        The number of CPUs that it has.

    Raises:
        FerZooError: It did not start.
    """
    # Else it reports its use to its makers, and writes of matters of its own on stderr.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    starts = not ray.is_initialized()
    if starts:
        try:
            with native_messages_dropped():
                ray.init(num_cpus=cpus, logging_level=logging.ERROR, log_to_driver=False)
        except Exception as error:  # Of many kinds.
            raise FerZooError(f"Ray did not start: {reason(error)}") from error
    try:
        yield int(ray.cluster_resources().get("CPU", 1))
    finally:
        if starts:
            ray.shutdown()
