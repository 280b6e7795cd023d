from __future__ import annotations

import numpy as np
import pytest

from fer_zoo.faces import read_photo


@pytest.fixture(scope="session")
def photos(shared) -> dict[str, np.ndarray]:
    """Six photos of one face each, by their file names."""
    files = [file for file in sorted((shared / "media").iterdir()) if file.suffix in (".jpg", ".png")]
    return {file.name: read_photo(file) for file in files}
