"""MkDocs hooks: pages outside `docs/`, links between them, the notebook as a page, tables, help texts.

On the site every file keeps its path in the repository, but for `docs/`, which is the site's root, and `README.md`,
which is its first page. Links are written for a reader of the repository and rewritten here.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import sys
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from benchmarks.runtimes.page import summary
from benchmarks.runtimes.rows import RuntimesReport
from benchmarks.table import read_record
from fer_zoo.cli import main as cli
from fer_zoo.text import markdown_rows
from fer_zoo.zoo import trained_models

_ROOT = Path(__file__).parents[2]
_OUTSIDE = (
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "data/README.md",
    "artifacts/*/README.md",
    "artifacts/*/*.png",
    "artifacts/*/mobile/README.md",
    "artifacts/reports/*.md",
    "artifacts/experiments/*/README.md",
    "artifacts/experiments/*/*.png",
)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")
_MODELS = "<!-- models -->"
_RUNTIMES = "<!-- runtimes -->"
_HELP = re.compile(r"<!-- help: fer-zoo ?([\w ]*?) -->")
_NOTEBOOK = "notebook.ipynb"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and pictures outside `docs/`."""
    for pattern in _OUTSIDE:
        for path in sorted(_ROOT.glob(pattern)):
            source = path.relative_to(_ROOT).as_posix()
            files.append(File.generated(config, _on_site(source), abs_src_path=str(path)))
    notebook = json.loads((_ROOT / "docs" / _NOTEBOOK).read_text())
    page = "\n\n".join(_cell_as_markdown(cell) for cell in notebook["cells"])
    files.append(File.generated(config, _on_site(_NOTEBOOK), content=page))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the links of the repository at the site's pages, and fill in the table of models and help texts."""
    uri = page.file.src_uri
    source = next(path for path in (f"docs/{uri}", uri, f"docs/{_NOTEBOOK}") if (_ROOT / path).exists())
    if uri == "index.md":
        source = "README.md"
        page.meta["hide"] = ["navigation", "toc"]  # Room for its wide tables.
    in_docs = source.startswith("docs/")

    def rewritten(link: re.Match[str]) -> str:
        mark, text, target, anchor = link.groups(default="")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        target = _on_site(path)
        if files.get_file_from_path(target):
            return f"{mark}[{text}]({posixpath.relpath(target, posixpath.dirname(uri) or '.')}{anchor})"
        # The site has no model files and no code. A broken link, on the other hand, must fail the strict build.
        return text if (_ROOT / path).exists() or not in_docs else link.group()

    linked = _LINK.sub(rewritten, markdown).replace(_MODELS, _table_of_models())
    if _RUNTIMES in linked:
        linked = linked.replace(_RUNTIMES, _table_of_runtimes())
    return _HELP.sub(lambda mark: _help_text(mark[1]), linked)


def _on_site(path: str) -> str:
    return "index.md" if path == "README.md" else path.removeprefix("docs/").replace(".ipynb", ".md")


def _cell_as_markdown(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    parts = [f"```python\n{source}\n```"]
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/jpeg" in data:
            parts.append(f"![](data:image/jpeg;base64,{''.join(data['image/jpeg']).strip()})")
        elif text := data.get("text/markdown") or data.get("text/html"):
            parts.append("".join(text))
        elif text := "".join(output.get("text", data.get("text/plain", ""))):
            parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts)


def _help_text(command: str) -> str:
    """What `fer-zoo COMMAND --help` prints, 80 columns wide."""
    with (
        patch.dict(os.environ, COLUMNS="80"),
        patch.object(sys, "argv", ["fer-zoo"]),
        redirect_stdout(StringIO()) as printed,
        suppress(SystemExit),
    ):
        cli.main([*command.split(), "--help"])
    return f"```text\n{printed.getvalue().rstrip()}\n```"


def _table_of_models() -> str:
    header = ["model", "labels", "expressions", "weights", "MMAC", "accuracy, all 7,178", "PrivateTest"]
    rows = [header, ["---", "---", *["---:"] * (len(header) - 2)]]
    for model in sorted(trained_models(), key=lambda model: (model.task != "FER2013", -model.accuracy["test"])):
        accuracies = (f"{model.accuracy[split]:.2%}" for split in ("test", "private_test"))
        card = f"[{model.name}](artifacts/{model.name}/README.md)"
        rows.append(
            [card, model.task, str(len(model.labels)), f"{model.params:,}", f"{model.macs / 1e6:.1f}", *accuracies]
        )
    return markdown_rows(rows)


def _table_of_runtimes() -> str:
    report = read_record(_ROOT / "artifacts" / "reports" / "runtimes.json", RuntimesReport)
    return "" if report is None else summary(report)
