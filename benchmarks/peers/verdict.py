"""Which of our files is faster at a peer's accuracy, and which is better at its latency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..parity.rows import ParityReport
from .rows import PeerComparison, PeerRow, PeersReport, Rival


def compare(rows: Iterable[PeerRow]) -> list[PeerComparison]:
    """Hold every peer against ours, with the smallest batch on the fewest threads."""
    rows = list(rows)
    ours = [row for row in rows if row.family == "ours"]
    return [_compare(peer, ours) for peer in rows if peer.family == "peer"]


def with_present_files(peers: PeersReport, parity: ParityReport) -> PeersReport:
    """The report with the accuracy and size of our present files, where those it timed have changed since.

    Rows whose present file is of another network stay as they are.
    """
    present = {row.file.name: row for row in parity.rows if row.evaluation}
    rows = []
    for row in peers.rows:
        now = present.get(row.name) if row.family == "ours" else None
        if now and now.evaluation and now.file.sha256 != row.sha256:
            file = now.file
            if (file.params, file.macs) == (row.params, row.macs):
                timed = row.timed_sha256 or row.sha256
                row = replace(row, timed_sha256=timed, sha256=file.sha256, bytes=file.bytes, evaluation=now.evaluation)
        rows.append(row)
    return replace(peers, rows=tuple(rows))


def _compare(peer: PeerRow, ours: list[PeerRow]) -> PeerComparison:
    accuracy, p50 = peer.evaluation.accuracy, peer.p50_ms

    def rival(row: PeerRow | None) -> Rival | None:
        if row is None:
            return None
        return Rival(row.name, row.evaluation.accuracy, row.evaluation.accuracy - accuracy, row.p50_ms / p50)

    as_accurate = [row for row in ours if row.evaluation.accuracy >= accuracy]
    as_fast = [row for row in ours if row.p50_ms <= p50]
    fastest = min(as_accurate, key=lambda row: row.p50_ms, default=None)
    best = max(as_fast, key=lambda row: row.evaluation.accuracy, default=None)
    return PeerComparison(peer.name, accuracy, p50, rival(fastest), rival(best))
