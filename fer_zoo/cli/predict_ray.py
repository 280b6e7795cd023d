"""`fer-zoo predict … --engine ray`: photos of folders and stores on many processes, their faces into Parquet files."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fer_zoo.cli.predict_inputs import find_inputs
from fer_zoo.console import err, print_error, progress
from fer_zoo.distributed import FacePredictor
from fer_zoo.distributed.addresses import find_photos, is_address
from fer_zoo.distributed.ray_start import running_ray
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.packages import require
from fer_zoo.text import plural, printable

# Photos that a worker gets from a store at the same time.
_FETCHES = 4


@dataclass
class _Photos:
    """The photos to read, and why some cannot be."""

    files: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def predict_into_parquet(options: argparse.Namespace) -> int:
    """Run `fer-zoo predict` on Ray.

    Args:
        options: Options of `fer-zoo predict`; addresses among the files are text.

    Returns:
        The exit code: 1 where a photo could not be read.
    """
    _check(options)
    require("fsspec", "pyarrow", "ray")
    from fer_zoo.distributed.parquet import ParquetFolder, arrow_table, photos_in, without_empty

    predictor = FacePredictor(
        options.model,
        column="file",
        top_k=options.top_k,
        crop=options.crop,
        prior=options.prior,
        language=options.language,
        detector_size=options.detector_size,
        batch_size=options.batch_size,
        threads=options.threads,
        jobs=_FETCHES if any(map(is_address, options.files)) else 1,
        backend=options.backend,
        isolated=options.isolated,
    )
    # This opens the model, so that its errors are reported before Ray starts.
    schema = arrow_table(predictor({"file": np.array([], np.str_)})).schema
    output = ParquetFolder(str(options.output), schema, resume=options.resume)
    photos = _find(options.files)
    files = [file for file in photos.files if file not in output.finished]
    if output.finished:
        count = plural(len(photos.files) - len(files), "file")
        err.print(f"{count} of {len(photos.files):,} are in {options.output} already", markup=False)
    for error in photos.errors:
        print_error(error)
    failed, done = len(photos.errors), 0
    if not files:
        return 1 if failed else 0
    with output, running_ray() as cpus, progress() as bar:
        from fer_zoo.distributed.ray_engine import predict_on_ray

        workers = options.jobs or max(1, cpus // options.threads)
        task = bar.add_task("classify", total=len(files))
        try:
            for table in predict_on_ray(predictor, files, workers):
                for error in table["error"].drop_null().to_pylist():
                    failed += 1
                    print_error(error)
                done += photos_in(table)
                bar.update(task, completed=done)
                output.add(table if options.empty else without_empty(table))
        except (KeyboardInterrupt, FerZooError):
            err.print(f"stopped after {done:,} of {plural(len(files), 'file')}; --resume continues")
            raise
    if done != len(files):
        raise FerZooError(f"Ray classified {done:,} of {plural(len(files), 'file')}; --resume does the others")
    return 1 if failed else 0


def _check(options: argparse.Namespace) -> None:
    """Refuse what Ray's workers do not do, and an output that is no folder of Parquet files."""
    for name in ("annotate", "plot", "format", "voice"):
        if getattr(options, name):
            raise UsageError(f"--{name} does not go with --engine ray, which writes Parquet")
    if options.prior == "estimate":
        raise UsageError("--prior estimate does not go with --engine ray; give frequencies such as happy=0.2,sad=0.1")
    if options.output is None or not str(options.output).endswith(".parquet"):
        raise UsageError("--engine ray writes a folder of Parquet files: give --output NAME.parquet, or an address")


def _find(inputs: list[Path | str]) -> _Photos:
    """All photos of the inputs, as Ray's workers open them: by addresses and absolute paths."""
    photos = _Photos()
    for photo_input in inputs:
        if isinstance(photo_input, str):
            try:
                photos.files += find_photos(photo_input)
            except UsageError:
                raise
            except FerZooError as error:
                photos.errors.append(str(error))
            continue
        search = find_inputs([photo_input])
        photos.errors += [failure.error for failure in search.failures]
        for path in search.files:
            name = os.path.abspath(path)
            if printable(name) == name:
                photos.files.append(name)
            else:
                photos.errors.append(f"{printable(name)} cannot be in a Parquet file: its name is no text")
    return photos
