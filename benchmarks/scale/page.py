"""The page of the benchmark of scale, from its report alone: what was measured, and a billion photos on paper."""

from __future__ import annotations

from ..table import Columns, markdown_table
from .rows import ScaleReport, ScaleRow

_PHOTOS = 1e9
_DAY = 24 * 3600

# A machine's network, in bits a second, as instances of 16 cores and more usually have it; and requests a second that
# S3 promises for one prefix: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
_NETWORK = 10e9
_STORE_REQUESTS = 5500

_BUSY = (
    "**Other programs ran at the same time: photos/s say little here, and processor time is too high.** Run it again "
    "on a machine that is left alone."
)

COLUMNS: Columns[ScaleRow] = [
    ("photo", lambda row: row.photo),
    ("KB", lambda row: f"{row.file_bytes / 1000:,.0f}"),
    ("workers", lambda row: str(row.workers)),
    ("photos", lambda row: str(row.photos)),
    ("photos/s", lambda row: f"{row.photos_per_second:.1f}"),
    ("CPU ms a photo", lambda row: f"{row.cpu_ms:.1f}"),
    ("faces per core-second", lambda row: f"{1000 / row.cpu_ms:.0f}"),
    ("peak MB, a worker", lambda row: f"{row.peak_bytes / 1e6:.0f}"),
]


def core_hours(row: ScaleRow) -> float:
    """Core-hours for a billion photos."""
    return _PHOTOS * row.cpu_ms / 1000 / 3600


def cores_in_a_day(row: ScaleRow) -> float:
    """Number of cores for a billion photos in a day."""
    return core_hours(row) / 24


def network_in_a_day(row: ScaleRow) -> float:
    """Bits a second of network traffic for a billion photos in a day."""
    return _PHOTOS / _DAY * row.file_bytes * 8


def cores_of_the_network(row: ScaleRow) -> float:
    """Number of cores that the network of one machine can feed; with more, the network is the limit."""
    return _NETWORK / 8 / row.file_bytes * row.cpu_ms / 1000


def cores_of_the_store(row: ScaleRow) -> float:
    """Number of cores that one prefix of the store can feed, by its limit of requests a second."""
    return _STORE_REQUESTS * row.cpu_ms / 1000


COST: Columns[ScaleRow] = [
    ("photo", lambda row: row.photo),
    ("core-hours", lambda row: f"{core_hours(row):,.0f}"),
    ("TB read", lambda row: f"{_PHOTOS * row.file_bytes / 1e12:,.0f}"),
    ("cores, in a day", lambda row: f"{cores_in_a_day(row):,.0f}"),
    ("memory GB, in a day", lambda row: f"{cores_in_a_day(row) * row.peak_bytes / 1e9:,.0f}"),
    ("Gbit/s, in a day", lambda row: f"{network_in_a_day(row) / 1e9:,.1f}"),
    ("cores that 10 Gbit/s feed", lambda row: f"{cores_of_the_network(row):,.0f}"),
    ("cores that 5,500 requests/s feed", lambda row: f"{cores_of_the_store(row):,.0f}"),
]


def to_markdown(report: ScaleReport) -> str:
    """The page."""
    machine = report.machine
    fewest = min(row.workers for row in report.rows)
    single = [row for row in report.rows if row.workers == fewest]
    busy = machine.load_average[0] > machine.cores / 4
    sections = [
        "# Photos on many workers",
        f"`python -m benchmarks scale`, {report.when}, on {machine.cpu}, {machine.cores} cores, load "
        f"{machine.load_average[0]:.1f} at the start, with {report.model}. Photos show one face and lie on this "
        "machine. Processor time and memory are of Ray's workers, without Ray's own processes; the clock counts those, "
        "too, and the end, where one worker has no more to do.",
        *([_BUSY] if busy else []),
        "![photos a second](scale.png)",
        markdown_table(COLUMNS, report.rows, left=["photo"]),
        "## A billion photos, on paper",
        f"From the rows of {single[0].workers} worker: core-hours are 10⁹ photos times the processor time of one; in a "
        "day they are 11,574 photos a second. A machine of 10 Gbit/s feeds as many cores as read 1.25 GB a second "
        "together, and a prefix of a store that answers 5,500 requests a second as many as take that many photos: with "
        "more cores there, these are the limit.",
        markdown_table(COST, single, left=["photo"]),
    ]
    return "\n\n".join(sections) + "\n"
