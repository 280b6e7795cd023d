"""Arm's compiler for the Ethos-U NPU: which operators run on it."""

import csv
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def inspect(path: str) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(dir="."))
    program = Path(sys.executable).with_name("vela")
    arguments = [path, "--accelerator-config", "ethos-u55-128", "--output-dir", folder, "--verbose-performance"]
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr + done.stdout).strip()[-300:])
    counts = {
        device: int(match[1]) if (match := re.search(rf"{device} operators = (\d+)", done.stdout)) else 0
        for device in ("CPU", "NPU")
    }
    if not sum(counts.values()):
        raise RuntimeError("it names no operators")
    facts = {"accelerated": counts["NPU"] / sum(counts.values())}
    for summary in folder.glob("*summary*.csv"):
        with open(summary, newline="") as file:
            row = next(csv.DictReader(file))
        facts["arena_bytes"] = int(1024 * float(row["sram_memory_used"]))
    return facts
