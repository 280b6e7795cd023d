"""The code blocks of docs/scale.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def page_code(root: Path) -> Callable[[str], str]:
    """`page_code(TEXT)`: the one Python block of the page that has a certain text."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (root / "docs" / "scale.md").read_text(), re.M | re.S)

    def find(text: str) -> str:
        [block] = [block for block in blocks if text in block]
        return block

    return find
