"""C headers for microcontrollers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fer_zoo.contract import EXPRESSIONS
from fer_zoo.errors import UsageError
from fer_zoo.zoo import artifacts_dir


def test_a_header_holds_the_file_and_what_a_program_must_know(exported, tmp_path: Path) -> None:
    from export.__main__ import main

    path = exported.folder / "model.int8-full.tflite"
    assert main([str(path), "--target", "micro", str(tmp_path)]) == 0
    header = tmp_path / "baseline_cnn.h"
    text = header.read_text()
    content = text[text.index("baseline_cnn_model[] = {") :]
    assert bytes(int(byte, 16) for byte in re.findall(r"0x([0-9a-f]{2})\b", content)) == path.read_bytes()
    assert f"baseline_cnn_model_len = {path.stat().st_size};" in text
    assert re.findall(r'"(\w+)"', text) == list(EXPRESSIONS)
    operators = re.search(r"Operators: (.*)\.", text)[1].split(", ")
    assert {"ADD", "CONV_2D", "LOGISTIC", "MAX_POOL_2D", "MEAN", "SOFTMAX"} <= set(operators)
    assert not {"QUANTIZE", "DEQUANTIZE", "SHAPE", "PACK"} & set(operators), "the ends are bytes, the shapes known"
    if compiler := shutil.which("cc"):
        (tmp_path / "main.c").write_text(
            f'#include "{header.name}"\nint main(void) {{ return !baseline_cnn_model_len; }}'
        )
        subprocess.run([compiler, "-std=c11", "-fsyntax-only", "main.c"], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    ("model", "message"),
    [("model.int8.tflite", "takes floats"), ("model.int8.onnx", "is no TFLite file"), (None, "fernet_base")],
)
def test_other_files_are_refused(model: str | None, message: str, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from export.micro import write_header

    with pytest.raises(UsageError, match=message):
        write_header(str(artifacts_dir() / "fernet_nano" / model) if model else "fernet_base", tmp_path)
    assert not list(tmp_path.iterdir())
