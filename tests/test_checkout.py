"""What is committed agrees with itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fer_zoo.training.recipes import RECIPES
from fer_zoo.zoo import load_manifest, trained_models

_PAGES = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "data/README.md"]
_PAGES += sorted(f"docs/{path.name}" for path in Path(__file__).parents[1].glob("docs/*.md"))


@pytest.mark.parametrize("page", _PAGES)
def test_links_and_plots_of_the_pages_exist(root: Path, page: str) -> None:
    path = root / page
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", path.read_text()) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []
    # A file that git ignores is here, where it was written, and nowhere else.
    paths = "\n".join(os.path.normpath(path.parent / link) for link in links)
    assert _git(root, "check-ignore", "--stdin", text=paths) == ""


def _git(root: Path, *arguments: str, text: str = "") -> str:
    """What git prints in the checkout, given `text`; nothing where there is no checkout."""
    if shutil.which("git") is None or not (root / ".git").exists():
        return ""
    done = subprocess.run(["git", *arguments], cwd=root, input=text, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # check-ignore has 1 for none.
    return done.stdout


def test_git_leaves_out_the_files_that_the_manifest_calls_too_large(root: Path) -> None:
    large = {artifact.path for artifact in load_manifest(absent=True) if not artifact.shipped}
    ignored = {
        f"{file.parent.name}{name}"
        for file in (root / "artifacts").glob("*/.gitignore")
        for name in file.read_text().split()
    }
    assert large == ignored


def test_the_page_on_training_tells_the_recipes_and_the_shipped_accuracies(root: Path) -> None:
    shipped = {a.model: a.metrics for a in load_manifest(absent=True) if a.format == "keras"}
    told = re.findall(
        r"^\| (\w+).*?\| ([\d.]+) % \| .*? \| ([\d.]+) % \| ([\d.]+) % \|$",
        (root / "docs" / "training.md").read_text(),
        re.MULTILINE,
    )
    assert len(told) >= 4
    for model, *figures in told:
        public, private = (shipped[model][split]["accuracy"] for split in ("public_test", "private_test"))
        assert figures == [f"{share * 100:.1f}" for share in (RECIPES[model].public_test, public, private)]


@pytest.fixture(scope="module")
def tracked(root: Path) -> dict[str, int]:
    """Size of each file in git, by its path."""
    files = {name: root / name for name in _git(root, "ls-files", "-z").split("\0") if name}
    if not files:
        pytest.skip("not a git checkout")
    return {name: path.stat().st_size for name, path in files.items() if path.is_file()}


def test_large_files_in_git_are_shipped_weights(root: Path, tracked: dict[str, int]) -> None:
    weights = {f"artifacts/{artifact.path}" for artifact in load_manifest(absent=True) if artifact.shipped}
    others = ("data/fer2013_sample.zip", "fer_zoo/serve/static/vendor/")
    large = [name for name, size in tracked.items() if size > 1_000_000]
    assert [name for name in large if name not in weights and not name.startswith(others)] == []


def test_the_files_in_git_have_at_most_150_mb(tracked: dict[str, int]) -> None:
    assert sum(tracked.values()) <= 150_000_000


def test_git_has_the_int8_file_of_what_the_readme_recommends(root: Path, tracked: dict[str, int]) -> None:
    choice = (root / "README.md").read_text().partition("## Which model do I take?")[2].partition("<!-- results -->")[0]
    recommended = {model.name for model in trained_models()} & set(re.findall(r"`(\w+)`", choice))
    assert len(recommended) >= 4
    assert {f"artifacts/{name}/model.int8.onnx" for name in recommended} <= set(tracked)
