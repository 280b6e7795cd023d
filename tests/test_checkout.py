"""What is committed agrees with itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fer_zoo.artifacts import load_manifest


@pytest.mark.parametrize(
    "page", ["README.md", "ARCHITECTURE.md", "data/README.md", "docs/mobile.md", "docs/training.md"]
)
def test_links_and_plots_of_the_pages_exist(root: Path, page: str) -> None:
    path = root / page
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", path.read_text()) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_git_leaves_out_the_files_that_the_manifest_calls_too_large(root: Path) -> None:
    large = {artifact.path for artifact in load_manifest(absent=True) if not artifact.shipped}
    ignored = {
        f"{file.parent.name}{name}"
        for file in (root / "artifacts").glob("*/.gitignore")
        for name in file.read_text().split()
    }
    assert large == ignored
