"""Commands as a user starts them, but without a new process for each: importing TensorFlow alone takes five seconds."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from unittest.mock import patch

from fer_zoo.console import run

ROOT = Path(__file__).parent.parent


def run_command(
    module: str, arguments: list[str], environment: dict[str, str], folder: Path = ROOT
) -> CompletedProcess[str]:
    """Run `python -m MODULE ARGUMENTS` inside this process, with a screen of 200 columns.

    Args:
        module: A module or package with a `main(arguments)`, such as `fer_zoo.train` or `export`.
        arguments: What follows on the command line.
        environment: Variables set meanwhile.
        folder: Where it runs, else in the checkout.
    """
    found = import_module(module)
    if hasattr(found, "__path__"):
        found = import_module(f"{module}.__main__")
    with (
        patch.dict(os.environ, {"COLUMNS": "200"} | environment),
        patch.object(sys, "argv", [str(found.__file__), *arguments]),
        contextlib.chdir(folder),
        tempfile.TemporaryFile("w+") as stdout,
        tempfile.TemporaryFile("w+") as stderr,
    ):
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            code = _exit_code(found, arguments)
        stdout.seek(0)
        stderr.seek(0)
        return CompletedProcess([module, *arguments], code, stdout.read(), stderr.read())


def _exit_code(module: ModuleType, arguments: list[str]) -> int:
    try:
        return run(module.main, arguments)
    except SystemExit as end:  # argparse ends this way.
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
