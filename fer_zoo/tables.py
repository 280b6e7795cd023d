"""Tables on a terminal, in which no word is broken, and in files and pipes, where they are as wide as they need."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table

from fer_zoo.console import out

# A column that may be cut anywhere, such as one of file names, keeps at least this width.
_LEAST_FOLDED = 24
_UNLIMITED = Console(width=10_000)


def print_table(table: Table, optional: Sequence[str] = ()) -> None:
    """Print a table on stdout.

    Args:
        table: Its `no_wrap` columns keep their width. Others are broken between words, or anywhere where they have
            `overflow="fold"`.
        optional: Headers of columns that are left out, the first one first, on a terminal too narrow for all.
    """
    if out.is_terminal:
        out.print(fitted(table, out.width, optional))
    else:
        out.print(table_text(table), end="", markup=False)


def table_text(table: Table) -> str:
    """The whole table without colours, no line broken."""
    buffer = io.StringIO()
    Console(file=buffer, width=10_000).print(table)
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def fitted(table: Table, width: int, optional: Sequence[str] = ()) -> Table:
    """The table with at most `width` characters a line if leaving out `optional` columns allows it."""

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
            # rich takes the padding at the edges from the columns' numbers.
            for number, column in enumerate(table.columns):
                column._index = number
    rest = max(spare(), 0)
    # The last column gets what it would like to have first: there it is text, in the first one a name.
    for column in reversed([column for column in table.columns if not column.no_wrap]):
        column.width = min(natural(column), least(column) + rest)
        rest -= column.width - least(column)
    return table
