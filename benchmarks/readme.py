"""The results table on the README's first screen, from the report: `python -m benchmarks.readme`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from fer_zoo.artifacts import artifacts_dir
from fer_zoo.console import out, run
from fer_zoo.errors import FerZooError
from fer_zoo.evaluation import original
from fer_zoo.files import write_text

from .markdown import headline

README = Path("README.md")
_COLUMNS = ("artifact", "accuracy", "95 % interval", "agreement", "size", "p50, batch 1, 1 thread", "cold start")
_BLOCK = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", re.DOTALL)


def main(arguments: list[str]) -> int | None:
    if arguments:
        raise FerZooError("`python -m benchmarks.readme` takes no options; run it in the checkout")
    path = artifacts_dir() / "reports" / "report.json"
    if not path.exists():
        raise FerZooError(f"{path} does not exist; run `python -m benchmarks` first")
    write_text(README, updated(README.read_text(), json.loads(path.read_text())))
    out.print(f"{README} has the table of {path}")
    return 0


def updated(readme: str, report: dict[str, Any]) -> str:
    """`readme` with the lines between its `results` marks made anew from `report`.

    Raises:
        FerZooError: The marks are missing.
    """
    if not _BLOCK.search(readme):
        raise FerZooError(f"{README} has no lines `<!-- results -->` and `<!-- /results -->` around its table")
    columns, rows = headline(report)
    chosen = [column for column in columns if column in _COLUMNS]
    table = [chosen, ["---", *["---:"] * (len(chosen) - 1)]]
    table += [[row[columns.index(column)] for column in chosen] for row in rows]
    published = {"artifact": f"{original.NAME}, as published", "accuracy": f"{100 * original.ACCURACY:.1f} %"}
    table.append([published.get(column, "") for column in chosen])
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    machine = report["runs"]["latency"]["machine"]
    note = (
        f"7,178 test images; agreement is with the Keras original; times on {machine['cpu']}, {machine['cores']} "
        "cores, where only their ratios carry over. More: [artifacts/reports](artifacts/reports/report.md)."
    )
    return _BLOCK.sub(lambda _: "\n".join(["", *lines, "", note, ""]), readme)


if __name__ == "__main__":
    sys.exit(run(main))
