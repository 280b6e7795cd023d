"""Exports for phones, one after the other. Runs on TensorFlow."""

from __future__ import annotations

import shutil
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from commands import run_command
from rich.table import Table


def make_mobile(model: Path, data: Path, artifacts: Path) -> tuple[list[int], str, str]:
    """Export for phones with red's weight exchanged for blue's, rightly, beside another model, and of no model.

    At last a copy of the output gets that other model.

    Returns:
        The exit codes, all of stdout and all of stderr.
    """
    from export import mobile, phone, publish

    def export(model: Path, artifacts: Path) -> None:
        arguments = ["--target", "mobile", model, "--data", data, "--output", artifacts / "baseline_cnn"]
        done.append(run_command("export", list(map(str, arguments)), {}))

    done: list[CompletedProcess[str]] = []
    with patch.object(phone, "LUMA", phone.LUMA[::-1]), patch.object(mobile, "PHONES", mobile.PHONES[:1]):
        export(model, artifacts.with_name("wrong"))
    export(model, artifacts)
    (artifacts / "baseline_cnn" / "model.keras").write_bytes(b"another")
    export(model, artifacts)
    text = artifacts.with_name("text.keras")
    text.write_text("not a model")
    export(text, artifacts.with_name("wrong"))
    output = "".join(one.stdout for one in done)
    told: list[str | Table] = []
    for name, original in (("kept", model), ("outdated", text)):
        shutil.copytree(artifacts / "baseline_cnn", artifacts.with_name(name))
        publish.remove_outdated_mobile(artifacts.with_name(name), original, told.append)
    errors = "".join(one.stderr for one in done)
    return [one.returncode for one in done], output + "".join(map(str, told)), errors
