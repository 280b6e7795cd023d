"""Prints tables: fitted to the width of a terminal without breaking words, and at full width to files and pipes."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table

from fer_zoo.console import out

# Least width of a column that may be broken anywhere, such as one of file names.
_LEAST_FOLDED = 24
_UNLIMITED = Console(width=10_000)


def print_table(table: Table, optional: Sequence[str] = ()) -> None:
    """Print a table on stdout.

    Args:
        table: The table. `no_wrap` columns keep their width; others are broken between words, or anywhere if they have
            `overflow="fold"`.
        optional: Headers of columns to leave out, in this order, if the terminal is too narrow for all columns.
    """
    if out.is_terminal:
        out.print(fitted(table, out.width, optional))
    else:
        out.print(table_text(table), end="", markup=False)


def table_text(table: Table) -> str:
    """The whole table as text without colours and line breaks in cells."""
    buffer = io.StringIO()
    Console(file=buffer, width=10_000).print(table)
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def fitted(table: Table, width: int, optional: Sequence[str] = ()) -> Table:
    """Fit a table into lines of at most `width` characters, if leaving out `optional` columns allows it."""

    def measured(part: RenderableType) -> Measurement:
        return Measurement.get(_UNLIMITED, _UNLIMITED.options, part)

    def natural(column: Column) -> int:
        return max(measured(cell).maximum for cell in (column.header, *column.cells))

    def least(column: Column) -> int:
        words = max(measured(cell).minimum for cell in (column.header, *column.cells))
        return min(words, _LEAST_FOLDED) if column.overflow == "fold" else words

    def spare() -> int:
        saved = sum(natural(column) - least(column) for column in table.columns if not column.no_wrap)
        return width - (measured(table).maximum - saved)

    for header in optional:
        if spare() < 0:
            table.columns = [column for column in table.columns if column.header != header]
            # rich computes the padding at the edges from the numbers of the columns.
            for number, column in enumerate(table.columns):
                column._index = number
    rest = max(spare(), 0)
    # Spare width goes to the last column first: it usually has text, the first one names.
    for column in reversed([column for column in table.columns if not column.no_wrap]):
        column.width = min(natural(column), least(column) + rest)
        rest -= column.width - least(column)
    return table
