"""Measures what each converter makes of the zoo's models."""

from __future__ import annotations

import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from fer_zoo import console
from fer_zoo.contract import IMAGE_SIZE
from fer_zoo.errors import FerZooError
from fer_zoo.packages import installed_version
from fer_zoo.zoo import Artifact, artifact_path, load_manifest

from ... import export_module
from ...machine import describe, now, run_child
from ...table import read_record
from .converters import CONVERTERS
from .rows import ConverterRow, Converters

_PACKAGES = ("keras", "tensorflow", "tf2onnx", "torch", "onnxscript", "jax", "jax2onnx", "onnx", "onnxruntime")
_ROUNDS, _QUERIES = 15, 10
# Keras's messages are in bold for a terminal.
_COLOR = re.compile(r"\x1b\[\d*m")

_original = export_module("keras_original")


def measure(
    artifacts: Path, path: Path, models: Sequence[str] = (), data: Path | None = None, fresh: bool = False
) -> Converters:
    """Convert the models of the zoo by every converter that is installed.

    Rows of the earlier record are kept where the original, the packages and the platform are the same.

    Args:
        artifacts: Folder of the manifest.
        path: JSON file of an earlier record, if there is one.
        models: Names; empty is all.
        data: FER2013; `None` is the bundled sample.
        fresh: Keep no earlier rows.

    Raises:
        FerZooError: No converter is installed.
    """
    missing = {converter.name: converter.missing() for converter in CONVERTERS}
    names = [name for name, packages in missing.items() if not packages]
    if not names:
        raise FerZooError("no converter to ONNX is installed; run `pip install 'fer-zoo[export]'`")
    machine = describe()
    versions = {name: version for name in _PACKAGES if (version := installed_version(name))}
    failed = [f"{name}: {', '.join(packages)} not installed" for name, packages in missing.items() if packages]
    originals = [a for a in load_manifest(artifacts) if a.format == "keras" and (not models or a.model in models)]
    earlier = None if fresh else read_record(path, Converters)
    known = {(a.model, a.sha256) for a in originals}
    kept = [row for row in earlier.rows if (row.model, row.sha256) in known] if earlier else []
    if earlier and (earlier.versions, earlier.machine.platform) != (versions, machine.platform):
        kept = []
    pending = [a for a in originals if len({row.converter for row in kept if row.model == a.model}) < len(names)]
    kept = [row for row in kept if row.model not in {a.model for a in pending}]
    with ExitStack() as stack, console.progress() as bar:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sources = {}
        for artifact in pending:
            try:
                source = stack.enter_context(_original.original_file(artifact_path(artifact, artifacts)))
                sources[artifact.model] = str(source.resolve())
            except FerZooError as error:
                failed.append(f"{artifact.model}: {error}")
        facts: dict[str, dict[str, Any]] = {a.model: {} for a in pending}
        for name in bar.track(names if pending else [], description="converters"):
            content = json.dumps(sources).encode()
            printed = run_child("studies.converters.write", name, folder, data or "", content=content)
            for model, values in json.loads(printed.splitlines()[-1]).items():
                if isinstance(values, str):
                    failed.append(f"{name} on {model}: {_COLOR.sub('', values).replace(f'{folder}/', '')}")
                else:
                    facts[model][name] = values
        rows = [row for a in pending for row in _rows(a, facts[a.model], folder)]
    order = {a.model: place for place, a in enumerate(sorted(originals, key=lambda a: a.macs))}
    rows = sorted((*kept, *rows), key=lambda row: order[row.model])
    return Converters(now(), machine, versions, tuple(failed), tuple(rows))


def _rows(artifact: Artifact, facts: dict[str, dict[str, Any]], folder: Path) -> list[ConverterRow]:
    """The rows of one model, whose files are timed in turns."""
    files = {
        (name, kind): folder / f"{artifact.model}.{name}{kind}.onnx" for name in facts for kind in ("", ".finished")
    }
    times = cpu_ms({key: _query(file) for key, file in files.items()})
    return [
        ConverterRow(
            model=artifact.model,
            sha256=artifact.sha256,
            converter=name,
            cpu_ms=times[name, ".finished"],
            cpu_ms_converted=times[name, ""],
            **values,
        )
        for name, values in facts.items()
    ]


def cpu_ms(queries: dict[tuple[str, str], Callable[[], object]]) -> dict[tuple[str, str], float]:
    """CPU time of each query, milliseconds: the median of rounds in which all take turns."""
    times: dict[tuple[str, str], list[float]] = {key: [] for key in queries}
    for _ in range(_ROUNDS):
        for key, query in queries.items():
            start = time.process_time()
            for _ in range(_QUERIES):
                query()
            times[key].append((time.process_time() - start) / _QUERIES * 1000)
    return {key: statistics.median(values) for key, values in times.items()}


def _query(path: Path) -> Callable[[], object]:
    """One image through ONNX Runtime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    image = np.random.default_rng(1).integers(0, 256, (1, IMAGE_SIZE, IMAGE_SIZE, 1)).astype(np.float32)
    given = {session.get_inputs()[0].name: image}
    return lambda: session.run(None, given)
