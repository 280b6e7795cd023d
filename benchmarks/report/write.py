"""One report from `parity.json` and `latency.json`: JSON, CSV, markdown and plots, without measuring anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fer_zoo.errors import FerZooError
from fer_zoo.files import write_json, write_text

from ..latency.execution import DEFAULT
from ..peers.page import write_peers
from ..peers.verdict import renewed
from .models import write_models
from .page import to_markdown
from .plot import draw_plots
from .stored import SCHEMA, read_report
from .tables import to_csv

_FACTS = ("name", "model", "format", "precision", "path", "sha256", "bytes", "params", "macs", "trained_on", "classes")
_PARITY = ("machine", "evaluation", "parity", "gate", "reference", "short_of_aims", "elsewhere")
_RUN = ("started", "finished", "complete", "machine", "data", "settings", "peak_gmacs", "refused")


def write_report(folder: Path) -> dict[str, Any]:
    """Write `report.json`, and from it the CSV files, `report.md` and the plots.

    A `peers.json` that lies there gets the accuracy of our present files.

    Returns:
        The content of `report.json`.

    Raises:
        FerZooError: `folder` has neither `parity.json` nor `latency.json`.
    """
    parity, latency = read_report(folder / "parity.json"), read_report(folder / "latency.json")
    if parity is None and latency is None:
        raise FerZooError(f"{folder} has neither parity.json nor latency.json; run `python -m benchmarks` first")
    report = merge(parity, latency)
    write_json(folder / "report.json", report)
    tables = to_csv(report)
    for name, content in tables.items():
        write_text(folder / name, content)
    for name in {"cost.csv", "elsewhere.csv", "execution.csv"} - set(tables):
        (folder / name).unlink(missing_ok=True)
    write_text(folder / "report.md", to_markdown(report, draw_plots(report, folder)))
    write_models(folder, report)
    peers = read_report(folder / "peers.json")
    if parity and peers and (present := renewed(peers, parity)) != peers:
        write_json(folder / "peers.json", present)
        write_peers(folder, present)
    return report


def merge(parity: dict[str, Any] | None, latency: dict[str, Any] | None) -> dict[str, Any]:
    """Join what was measured of each artifact.

    Args:
        parity: Content of `parity.json`.
        latency: Content of `latency.json`.

    Returns:
        `runs` (when, where and how each part was measured), `status` (`passed` or `failed`), `base` (name of the
        artifact that `relative_p50` refers to) and `artifacts`: of each its facts, `status`, `missed` gates, `errors`,
        and what is known of `machine` (of its parity, where not the run's), `evaluation`, `parity`,
        `gate`, `short_of_aims`, `elsewhere`, `latency`, `timed_sha256` (of an earlier file of the same network, where
        the times are of that), `execution` (the file run in other ways), `best` (most images a second for a core, and
        the cost there) and `cold_start`.
    """
    runs = {name: run for name, run in (("parity", parity), ("latency", latency)) if run}
    artifacts: dict[str, dict[str, Any]] = {}
    for row in parity["rows"] if parity else ():
        measured = {name: row[name] for name in _PARITY if name in row}
        problems = {"missed": row.get("missed", []), "errors": [row["error"]] if "error" in row else []}
        artifacts[row["path"]] = _facts(row) | {"status": row["status"]} | problems | measured | {"latency": []}
    for row in latency["artifacts"] if latency else ():
        empty: dict[str, Any] = {"status": "measured", "missed": [], "errors": [], "latency": []}
        artifact = artifacts.setdefault(row["path"], _facts(row) | empty)
        if any(artifact[name] != row[name] for name in ("params", "macs")):
            _fail(artifact, f"{row['path']} changed between parity and latency; measure both again")
            continue
        if artifact["sha256"] != row["sha256"]:
            artifact["timed_sha256"] = row["sha256"]
        _add_latency(artifact, latency or {})
    base = _base(list(artifacts.values()))
    if base:
        _add_relative(artifacts.values(), base)
    return {
        "schema": SCHEMA,
        "kind": "benchmark",
        "status": "failed" if any(_failed(a) for a in artifacts.values()) else "passed",
        "runs": {name: {key: run[key] for key in _RUN if key in run} for name, run in runs.items()},
        "base": base["name"] if base else None,
        "artifacts": list(artifacts.values()),
    }


def _failed(artifact: dict[str, Any]) -> bool:
    return any(row["status"] in ("failed", "error") for row in (artifact, *artifact.get("elsewhere", ())))


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _FACTS if name in row}


def _fail(artifact: dict[str, Any], error: str) -> None:
    if error not in artifact["errors"]:
        artifact["errors"].append(error)
    artifact["status"] = "error"


def _add_latency(artifact: dict[str, Any], latency: dict[str, Any]) -> None:
    def own(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        mine = (row for row in rows if row["path"] == artifact["path"])
        return [{name: value for name, value in row.items() if name != "path"} for row in mine]

    rows = own(latency["rows"])
    artifact["latency"] = [row for row in rows if row.get("execution", DEFAULT) == DEFAULT]
    artifact["execution"] = [row for row in rows if row.get("execution", DEFAULT) != DEFAULT]
    if artifact["latency"]:
        artifact["best"] = _best(artifact["latency"], latency["settings"].get("price"))
    for start in own(latency["cold_starts"]):
        artifact["cold_start"] = start
    if artifact["path"] in latency["errors"]:
        _fail(artifact, latency["errors"][artifact["path"]])


def _best(rows: list[dict[str, Any]], price: float | None) -> dict[str, Any]:
    """The setting with most images a second for each core, and what a million faces cost there."""
    best = max(rows, key=lambda row: row["images_per_second"] / row["threads"])
    speed = best["images_per_second"] / best["threads"]
    found = {"batch": best["batch"], "threads": best["threads"], "images_per_second_per_core": speed}
    return found | ({} if price is None else {"usd_per_million": 1e6 / speed / 3600 * price})


def _base(artifacts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What the other artifacts are compared with: the plainest one, else the first that was timed."""
    timed = [artifact for artifact in artifacts if artifact["latency"]]
    plain = (artifact for artifact in timed if artifact["name"] == "baseline_cnn onnx fp32")
    return next(plain, timed[0] if timed else None)


def _add_relative(artifacts: Any, base: dict[str, Any]) -> None:
    p50 = {(row["batch"], row["threads"]): row["p50_ms"] for row in base["latency"]}
    for artifact in artifacts:
        for row in artifact["latency"]:
            reference = p50.get((row["batch"], row["threads"]))
            row["relative_p50"] = row["p50_ms"] / reference if reference else None
        own = {(row["batch"], row["threads"]): row["p50_ms"] for row in artifact["latency"]}
        for row in artifact.get("execution", ()):
            row["relative_to_default"] = row["p50_ms"] / own[row["batch"], row["threads"]]
