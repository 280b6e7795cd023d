"""Export for phones several times in one process: `python tests/export/make_mobile.py MODEL DATA ARTIFACTS`.

First with the weights of red and blue exchanged, then rightly, then beside another published model, then of no model.
Prints `exit CODE` after each. At last a copy of the output gets that other model.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

from export import mobile, phone, publish
from export.__main__ import main
from fer_zoo.console import run


def export(model: Path, data: Path, artifacts: Path) -> None:
    output = artifacts / "baseline_cnn"
    print("exit", run(main, ["--target", "mobile", *map(str, (model, "--data", data, "--output", output))]), flush=True)


if __name__ == "__main__":
    model, data, artifacts = map(Path, sys.argv[1:])
    right = phone.LUMA, mobile.PHONES
    phone.LUMA, mobile.PHONES = phone.LUMA[::-1], mobile.PHONES[:1]
    export(model, data, artifacts.with_name("wrong"))
    phone.LUMA, mobile.PHONES = right
    export(model, data, artifacts)
    (artifacts / "baseline_cnn" / "model.keras").write_bytes(b"another")
    export(model, data, artifacts)
    text = artifacts.with_name("text.keras")
    text.write_text("not a model")
    export(text, data, artifacts.with_name("wrong"))
    for name, original in (("kept", model), ("outdated", text)):
        folder = artifacts.with_name(name)
        shutil.copytree(artifacts / "baseline_cnn", folder)
        publish.remove_outdated_mobile(folder, original)
