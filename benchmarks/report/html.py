"""All pages of a reports folder as one HTML file that needs no other file and no network."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path
from typing import Any

from .pareto import draw_front, front
from .webpage import SCRIPT, STYLE

_FIRST = ("report", "models", "peers", "robustness")
_BAD = ("**FAILED**", "**ERROR**")
_UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
_NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


def to_html(report: dict[str, Any], folder: Path) -> str:
    """The page.

    Args:
        report: Content of `report.json`, for the Pareto front.
        folder: Its markdown pages become the sections, its plots are embedded.
    """
    pages = sorted(folder.glob("*.md"), key=lambda path: (_rank(path.stem), path.stem))
    sections, links = [], []
    for path in pages:
        text = path.read_text()
        title = next((line[2:] for line in text.splitlines() if line.startswith("# ")), path.stem)
        links.append(f'<a href="#{path.stem}">{html.escape(title)}</a>')
        extra = _front(report) if path.stem == "report" else ""
        sections.append(f'<section id="{path.stem}">{render(text, folder, extra)}</section>')
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>fer_zoo benchmarks</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<nav>{"".join(links)}<button id="theme" type="button">light / dark</button></nav>\n'
        f"<main>{''.join(sections)}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def render(text: str, folder: Path, after_summary: str = "") -> str:
    """The HTML of the markdown that this package writes: headings, paragraphs, lists, tables, images.

    Args:
        text: The markdown.
        folder: Of the images, which are embedded.
        after_summary: HTML put after the first table.
    """
    blocks = []
    for block in re.split(r"\n{2,}", text.strip()):
        lines = block.splitlines()
        if heading := re.match(r"(#+) (.*)", block):
            level = len(heading[1])
            blocks.append(f"<h{level}>{_inline(heading[2], folder)}</h{level}>")
            lines = lines[1:]
            if not lines:
                continue
        if lines[0].startswith("|"):
            blocks.append(_table(lines, folder) + after_summary)
            after_summary = ""
        elif lines[0].startswith("- "):
            blocks.append("<ul>" + "".join(f"<li>{_inline(line[2:], folder)}</li>" for line in lines) + "</ul>")
        else:
            blocks.append(f"<p>{_inline(' '.join(lines), folder)}</p>")
    return "\n".join(blocks)


def sort_key(cell: str) -> str:
    """What a column is sorted by: the first number of the cell in its unit, else the cell itself."""
    found = _NUMBER.search(cell)
    # A name with a number in it is a name.
    if found is None or cell[: found.start()].strip("*≥≤± "):
        return cell
    factor = next((size for unit, size in _UNITS.items() if unit in cell), 1.0)
    return repr(float(found[0].replace(",", "")) * factor)


def _rank(stem: str) -> int:
    return _FIRST.index(stem) if stem in _FIRST else len(_FIRST)


def _table(lines: list[str], folder: Path) -> str:
    header, *rows = ([cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines)
    head = "".join(f'<th scope="col"><button type="button">{_inline(cell, folder)}</button></th>' for cell in header)
    body = []
    for cells in rows[1:]:
        bad = ' class="bad"' if any(mark in cell for cell in cells for mark in _BAD) else ""
        data = (f'<td data-key="{html.escape(sort_key(cell))}">{_inline(cell, folder)}</td>' for cell in cells)
        body.append(f"<tr{bad}>{''.join(data)}</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _inline(text: str, folder: Path) -> str:
    def image(match: re.Match[str]) -> str:
        path = folder / match[2]
        if not path.is_file():
            return match[1]
        content = base64.b64encode(path.read_bytes()).decode()
        return f'<img alt="{match[1]}" src="data:image/png;base64,{content}" loading="lazy">'

    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"(?<!\*)\*([^*\s][^*]*)\*(?!\*)", r"<em>\1</em>", text)
    text = re.sub(r"!\[([^\]]*)\]\(([^)]+)\)", image, text)
    return re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r'<a href="\2">\1</a>', text)


def _front(report: dict[str, Any]) -> str:
    found = front(report)
    if not found:
        return ""
    names = ", ".join(html.escape(name) for name in found)
    return (
        "<h2>Pareto front</h2>"
        f"<p>No other artifact is better than these in accuracy, latency or size without being worse in another: "
        f"<strong>{names}</strong>. Point at a mark for its figures.</p>"
        f'<div class="wide">{draw_front(report)}</div>'
    )
