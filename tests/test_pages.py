"""The pages a reader opens first link to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "page", ["README.md", "ARCHITECTURE.md", "data/README.md", "docs/mobile.md", "docs/training.md"]
)
def test_relative_links_and_plots_exist(root: Path, page: str) -> None:
    path = root / page
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", path.read_text()) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []
