"""Tables: frozen dataclasses, written as JSON, CSV and markdown, and read back from the JSON.

A file of JSON holds one record: a dataclass with the facts of a run and one or more tuples of rows. Fields that are
`None` are left out, so that they need a default; numbers keep their full precision in JSON and CSV.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from fer_zoo import files
from fer_zoo.errors import FerZooError
from fer_zoo.files import write_json
from fer_zoo.text import markdown_rows

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.table import Table

# Increase it when a field is renamed, removed, or changes its meaning: files of other versions are not read.
SCHEMA = 2

Record = TypeVar("Record", bound="DataclassInstance")
Row = TypeVar("Row")
# The heading of each column, with the function that returns the text of a cell for a row.
Columns = Sequence[tuple[str, Callable[[Row], str]]]


def write_record(path: Path, record: DataclassInstance) -> None:
    """Write a record with the version of its schema and the name of its class."""
    content = asdict(record, dict_factory=lambda items: {name: value for name, value in items if value is not None})
    write_json(path, {"schema": SCHEMA, "kind": type(record).__name__} | content)


def read_record(path: Path, kind: type[Record]) -> Record | None:
    """Read the record of class `kind` in a file; `None` if there is no file.

    Raises:
        FerZooError: The file is damaged, or has a record of another class or schema version.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        schema, name = content.pop("schema"), content.pop("kind", "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FerZooError(f"{path} is not a benchmark's table ({error}); delete it and measure again") from error
    if schema != SCHEMA:
        raise FerZooError(f"{path} has schema {schema}, this version reads {SCHEMA}; delete it and measure again")
    try:
        if name != kind.__name__:
            raise ValueError(f"it is a {name}, not a {kind.__name__}")
        return value_of(kind, content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FerZooError(f"{path} is damaged ({error}); delete it and measure again") from error


def write_csv(path: Path, rows: Sequence[DataclassInstance]) -> None:
    """Write rows as lines of a CSV file; without rows, the file is removed.

    Each field is a column. Nested dataclasses are flattened; of two fields with the same name the outer one is used. An
    interval becomes NAME_low and NAME_high, a dictionary NAME_KEY for each key, a dictionary of dataclasses KEY_FIELD.
    Other sequences are left out.
    """
    if rows:
        files.write_csv(path, [_flat(row) for row in rows])
    else:
        path.unlink(missing_ok=True)


def markdown_table(columns: Columns[Row], rows: Sequence[Row], left: Sequence[str] = ()) -> str:
    """Rows as a markdown table; the first column and those in `left` are aligned left, the others right.

    Args:
        columns: The heading of each column, with the function that returns the text of a cell for a row.
        rows: Rows of the table.
        left: Headings of the further columns that are aligned left.
    """
    headings = [heading for heading, _ in columns]
    rule = ["---" if name in (headings[0], *left) else "---:" for name in headings]
    return markdown_rows([headings, rule, *([cell(row) for _, cell in columns] for row in rows)])


def terminal_table(columns: Columns[Row], rows: Sequence[Row], left: Sequence[str] = ()) -> Table:
    """Rows as a table for a terminal, with the arguments of `markdown_table`."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for index, (heading, _) in enumerate(columns):
        table.add_column(heading, no_wrap=True, justify="left" if not index or heading in left else "right")
    for row in rows:
        table.add_row(*(cell(row) for _, cell in columns))
    return table


def value_of(kind: Any, value: Any) -> Any:
    """Convert a value read from JSON to the type in the annotation `kind`.

    Raises:
        TypeError: The value has another type.
    """
    arguments = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return None if value is None else value_of(next(a for a in arguments if a is not NoneType), value)
    if get_origin(kind) is tuple:
        if type(value) is not list or (arguments[-1] is not Ellipsis and len(value) != len(arguments)):
            raise TypeError(f"{value!r:.100} is not a list of the right length")
        return tuple(value_of(arguments[0], item) for item in value)
    if get_origin(kind) is dict:
        return {name: value_of(arguments[1], item) for name, item in value.items()}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: value_of(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
    if kind in (bool, int, float, str) and type(value) is not kind and not (kind is float and type(value) is int):
        raise TypeError(f"{value!r:.100} is no {kind.__name__}")
    return value


def _flat(row: DataclassInstance) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    nested: list[dict[str, Any]] = []
    for field in fields(row):
        value = getattr(row, field.name)
        if is_dataclass(value) and not isinstance(value, type):
            nested.append(_flat(value))
        elif isinstance(value, dict):
            for key, item in value.items():
                if is_dataclass(item) and not isinstance(item, type):
                    columns |= {f"{key}_{name}": inner for name, inner in _flat(item).items()}
                elif isinstance(item, str | int | float):
                    columns[f"{field.name}_{key}"] = item
        elif isinstance(value, tuple) and field.name.endswith("interval"):
            name = field.name.removesuffix("_interval")
            columns |= {f"{name}_low": value[0], f"{name}_high": value[1]}
        elif value is not None and not isinstance(value, tuple):
            columns[field.name] = value
    for inner in nested:
        columns |= {name: value for name, value in inner.items() if name not in columns}
    return columns
