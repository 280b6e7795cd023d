"""The pages build into a website that needs nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fer_zoo.cli import main as cli
from fer_zoo.zoo import trained_models

load_config = pytest.importorskip("mkdocs.config").load_config


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mkdocs.commands.build import build

    folder = tmp_path_factory.mktemp("site")
    # `strict` turns each warning, such as a link to a page that is not there, into an exception.
    build(load_config(str(root / "docs" / "site" / "mkdocs.yml"), strict=True, site_dir=str(folder)))
    return folder


def test_the_readme_is_the_first_page_and_links_to_pages(site: Path) -> None:
    page = (site / "index.html").read_text()
    assert 'href="get-started.html"' in page
    assert 'href="artifacts/reports/report.html"' in page
    assert "docs/images" not in re.findall(r'src="([^"]+)"', page)


def test_every_trained_model_has_a_row_that_leads_to_its_card(site: Path) -> None:
    page = (site / "models.html").read_text()
    for model in trained_models():
        card = f"artifacts/{model.name}/index.html"
        assert f'href="{card}"' in page
        assert (site / card).exists()


def test_the_reference_has_signatures_and_docstrings(site: Path) -> None:
    page = (site / "api.html").read_text()
    assert 'id="fer_zoo.inference.classifier.Classifier.predict_proba"' in page
    assert "The probability of each class." in page


def test_the_help_of_every_command_is_on_a_page(site: Path) -> None:
    page = (site / "commands.html").read_text()
    for name in cli._COMMANDS:
        assert f"usage: fer-zoo {name}" in page
    assert "--learning-rate" in page


def test_no_page_loads_anything_from_another_server(site: Path) -> None:
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]*\ssrc=\"?(https?:[^\s\">]+)|<link[^>]*stylesheet[^>]*(https?:[^\s\">]+)"
    )
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    assert [match.group() for page in pages for match in loaded.finditer(page.read_text())] == []
