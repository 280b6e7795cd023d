"""Rows of faces as Arrow tables, and a folder of Parquet files that grows by whole files."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fer_zoo.distributed.addresses import open_store
from fer_zoo.errors import FerZooError, UsageError
from fer_zoo.files import atomic_path, check_writable
from fer_zoo.text import reason

# Rows of a file: a megabyte or two.
_ROWS = 20_000


def arrow_table(rows: Mapping[str, np.ndarray]) -> pa.Table:
    """The output of `FacePredictor` as Arrow columns of strings, float32 and int32; missing values are null."""
    columns = {}
    for name, values in rows.items():
        missing = values == (0 if name == "face" else "") if values.dtype.kind in "iU" else np.isnan(values)
        columns[name] = pa.array(values, mask=missing)
    return pa.table(columns)


def photos_in(table: pa.Table) -> int:
    """Photos of which an `arrow_table` has rows, where those without a face have one, too."""
    return pc.sum(pc.less_equal(pc.fill_null(table["face"], 0), 1)).as_py() or 0


def without_empty(table: pa.Table) -> pa.Table:
    """An `arrow_table` without the rows of photos that were read and have no face."""
    return table.filter(pc.or_(pc.is_valid(table["face"]), pc.is_valid(table["error"])))


class ParquetFolder:
    """Parquet files in a folder, each of which appears whole; used as a context, at whose end all rows are written.

    Where the work breaks off, the rows that were added are written too.

    Args:
        address: Path of the folder, or an address that fsspec knows.
        schema: Schema of the rows.
        resume: Go on with an earlier output, where there is one.

    Attributes:
        finished: The values of the column `file` that are in it already.

    Raises:
        UsageError: Something else is there; or an earlier output is, and it is not to be resumed; or it cannot be
            written there.
    """

    def __init__(self, address: str, schema: pa.Schema, *, resume: bool = False) -> None:
        self._address = address
        self._files, self._path = open_store(address)
        self._schema = schema
        self._tables: list[pa.Table] = []
        self.finished: set[str] = set()
        if self._files.isfile(self._path):
            raise UsageError(f"{address} is a file, not a folder of Parquet files; give another name")
        parts = [name for name in self._files.find(self._path) if name.endswith(".parquet")]
        if parts and not resume:
            raise UsageError(f"{address} has an earlier output; go on with it by --resume, or give another name")
        for part in parts:
            self.finished.update(self._read(part))
        self._has_parts = bool(parts)
        if self._is_local:
            check_writable(Path(self._path, "part.parquet"))

    def add(self, table: pa.Table) -> None:
        """Take some photos' rows: all of each photo's, so that what is in the folder is never a part of a photo."""
        self._tables.append(table)
        if sum(table.num_rows for table in self._tables) >= _ROWS:
            self._write()

    def __enter__(self) -> ParquetFolder:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._tables or (error is None and not self._has_parts):
            self._write()

    @property
    def _is_local(self) -> bool:
        return "file" in ([self._files.protocol] if isinstance(self._files.protocol, str) else self._files.protocol)

    def _write(self) -> None:
        table = pa.concat_tables([self._schema.empty_table(), *self._tables])
        name = f"{self._path}/part-{secrets.token_hex(8)}.parquet"
        if self._is_local:
            with atomic_path(name) as temporary:
                pq.write_table(table, temporary)
        else:
            self._store(table, name)
        self._tables = []
        self._has_parts = True

    def _store(self, table: pa.Table, name: str) -> None:
        """A store has an object when all of it was sent, and not before."""
        try:
            with self._files.open(name, "wb") as file:
                pq.write_table(table, file)
        except Exception as error:  # Each store has exceptions of its own.
            raise FerZooError(f"{self._address} cannot be written: {reason(error)}") from error

    def _read(self, part: str) -> list[Any]:
        try:
            with self._files.open(part, "rb") as file:
                content = pq.ParquetFile(file)
                if content.schema_arrow.equals(self._schema):
                    return content.read(["file"])["file"].to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"{part} cannot be read: {reason(error)}") from error
        raise UsageError(
            f"{self._address} has other columns than this command writes; give another name, or its --top-k"
        )
