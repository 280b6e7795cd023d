"""Every command on the pages runs, made small, or says why not; those that do not run have options that exist."""

from __future__ import annotations

import argparse
import contextlib
import io
from pathlib import Path
from unittest.mock import patch

import pytest
from commands import run_command
from documented import NOT_RUN, RUN, Code, code_of, documented, inline_commands, ours, row

# What stands on several pages runs once.
CODE = list({code.text: code for code in documented()}.values())


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("code", CODE, ids=str)
def test_code_of_the_pages(code: Code, workspace: Path, on_backend) -> None:
    if row(code, NOT_RUN) and len(row(code, NOT_RUN)) > len(row(code, RUN) or ""):
        if code.language == "bash":
            parse(code.text)
    elif code.language == "python":
        with contextlib.chdir(workspace), contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code.text, code.page, "exec"), {})
    else:
        key = row(code, RUN)
        assert key is not None, f"`{code.text}` in {code.page} has no row in tests/docs/documented.py"
        module, arguments = ours(f"{code.text} {RUN[key]}")
        assert module is not None
        done = on_backend(on_backend.own, run_command, module, arguments, {}, workspace)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("code", list(dict.fromkeys(inline_commands())), ids=str)
def test_options_of_commands_in_the_text(code: Code) -> None:
    parse(code.text)


def test_every_row_is_of_a_command_on_a_page() -> None:
    used = {row(code, table) for code in CODE for table in (RUN, NOT_RUN)}
    assert sorted({*RUN, *NOT_RUN} - used) == []


def test_commands_are_found() -> None:
    text = "```bash\na --b 'c' # e\n# f\ng \\\n  h && i\n```\n<!-- main -->\n```bash\nj\n```\n```python\nk\n```\n"
    assert [(code.language, code.text) for code in code_of("page", text)] == [
        ("bash", "a --b 'c'"),
        ("bash", "g    h"),
        ("bash", "i"),
        ("python", "k\n"),
    ]


class ParsedError(Exception):
    """The arguments were understood."""


def parse(command: str) -> None:
    """Start a command of this project and stop it when it has parsed its arguments."""
    module, arguments = ours(command)
    if module is None:
        return
    parse_args = argparse.ArgumentParser.parse_args

    def parse_and_stop(self: argparse.ArgumentParser, *given: object) -> None:
        parse_args(self, *given)
        raise ParsedError

    with patch.object(argparse.ArgumentParser, "parse_args", parse_and_stop):
        done = run_command(module, arguments, {})
    assert "ParsedError" in done.stderr, f"{command}: {done.stderr}"
