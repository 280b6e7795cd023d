"""What the rows say about ours beside each peer: who is faster at its accuracy, who is better at its latency."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def compare(rows: list[Row]) -> list[dict[str, Any]]:
    """Hold every peer against ours, in the first timed setting.

    Args:
        rows: Of `peers.json`.

    Returns:
        For each peer `peer`, its `accuracy` and `p50_ms`; `at_its_accuracy`: the fastest of ours that is at least as
        accurate, with `share`, its latency over the peer's; and `at_its_latency`: the most accurate of ours that is at
        least as fast, with `points`, its accuracy minus the peer's. Either is `None` where none of ours is.
    """
    ours = [row for row in rows if row["family"] == "ours"]
    return [_beside(peer, ours) for peer in rows if peer["family"] == "peer"]


def renewed(peers: Row, parity: Row) -> Row:
    """`peers.json` with the accuracy of our present files, where those it timed have changed since.

    Args:
        peers: Content of `peers.json`.
        parity: Content of `parity.json`.

    Returns:
        The same with, in each row of ours whose file is another one of the same network by now, that file's `sha256`,
        `bytes` and `evaluation` and, as `timed_sha256`, the file that was timed; and the `comparison` made anew.
    """
    present = {row["name"]: row for row in parity["rows"] if "evaluation" in row}
    rows = []
    for row in peers["rows"]:
        now = present.get(row["name"]) if row["family"] == "ours" else None
        if now and now["sha256"] != row["sha256"] and all(now[name] == row[name] for name in ("params", "macs")):
            changed = {name: now[name] for name in ("sha256", "bytes", "evaluation")}
            row = {"timed_sha256": row["sha256"]} | row | changed
        rows.append(row)
    return peers | {"rows": rows, "comparison": compare(rows)}


def _beside(peer: Row, ours: list[Row]) -> dict[str, Any]:
    accuracy, p50 = accuracy_of(peer), p50_of(peer)
    as_good = [row for row in ours if accuracy_of(row) >= accuracy]
    as_fast = [row for row in ours if p50_of(row) <= p50]
    fastest = min(as_good, key=p50_of, default=None)
    best = max(as_fast, key=accuracy_of, default=None)
    return {
        "peer": peer["name"],
        "accuracy": accuracy,
        "p50_ms": p50,
        "at_its_accuracy": fastest
        and {"name": fastest["name"], "p50_ms": p50_of(fastest), "share": p50_of(fastest) / p50},
        "at_its_latency": best
        and {"name": best["name"], "accuracy": accuracy_of(best), "points": accuracy_of(best) - accuracy},
    }


def accuracy_of(row: Row) -> float:
    return row["evaluation"]["accuracy"]


def p50_of(row: Row) -> float:
    """Of the first timed setting, the smallest batch on the fewest threads."""
    return row["latency"][0]["p50_ms"]
