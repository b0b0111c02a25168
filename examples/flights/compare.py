"""Compares the contents of each stream with DuckDB's answer to the same query over the same rows.

All columns of all rows, as multisets: integers, texts and times exactly, doubles to 1e-9 of their value (sums of doubles depend on
the order of their terms).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TOLERANCE = 1e-9


@dataclass
class Comparison:
    name: str
    what: str
    n_ours: int
    n_duckdb: int
    n_differing: int
    note: str = ""

    @property
    def is_equal(self) -> bool:
        return self.n_differing == 0 and not self.note


def plain(column: pa.ChunkedArray, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    """The column in one of the types that are compared: int64, double, decimal, timestamp[us], string."""
    if kind is None:
        if pa.types.is_integer(column.type):
            kind = pa.int64()
        elif pa.types.is_floating(column.type):
            kind = pa.float64()
        elif pa.types.is_timestamp(column.type):
            kind = pa.timestamp("us")
        elif pa.types.is_decimal(column.type):
            kind = column.type
        else:
            kind = pa.string()
    return pc.cast(column, kind)


def sort_rows(table: pa.Table) -> pa.Table:
    """By the exact columns first, so that the last digits of a double cannot change the order of rows."""
    names = sorted(table.column_names, key=lambda name: pa.types.is_floating(table[name].type))
    return table.sort_by([(name, "ascending") for name in names])


def unequal(a: pa.ChunkedArray, b: pa.ChunkedArray) -> np.ndarray:
    """Where two columns of equal length differ."""
    a_null, b_null = a.is_null().to_numpy(), b.is_null().to_numpy()
    if pa.types.is_floating(a.type):
        near = np.isclose(a.fill_null(0).to_numpy(), b.fill_null(0).to_numpy(), rtol=TOLERANCE, atol=1e-12, equal_nan=True)
    else:
        near = pc.equal(a, b).fill_null(True).to_numpy()
    differs: np.ndarray = (a_null != b_null) | ~near.astype(bool)
    return differs


def count_differing(ours: pa.Table, theirs: pa.Table) -> int:
    if len(ours) == len(theirs):
        a, b = sort_rows(ours), sort_rows(theirs)
        differs = np.zeros(len(a), dtype=bool)
        for name in a.column_names:
            differs |= unequal(a[name], b[name])
        return int(differs.sum())

    def rows(table: pa.Table) -> Counter[tuple[object, ...]]:
        columns = [[float(f"{v:.8g}") if isinstance(v, float) else v for v in table[name].to_pylist()] for name in table.column_names]
        return Counter(zip(*columns))

    a_rows, b_rows = rows(ours), rows(theirs)
    return sum(((a_rows - b_rows) + (b_rows - a_rows)).values())


def compare(name: str, what: str, ours: pa.Table, theirs: pa.Table) -> Comparison:
    n_most = max(len(ours), len(theirs))
    if ours.column_names != theirs.column_names:
        return Comparison(name, what, len(ours), len(theirs), n_most, f"columns {ours.column_names} and {theirs.column_names}")
    ours = pa.table({n: plain(ours[n]) for n in ours.column_names})
    try:
        theirs = pa.table({n: plain(theirs[n], ours[n].type) for n in ours.column_names})
    except pa.ArrowInvalid as error:
        return Comparison(name, what, len(ours), len(theirs), n_most, f"DuckDB's values don't fit our types: {error}")
    return Comparison(name, what, len(ours), len(theirs), count_differing(ours, theirs))


def render(comparisons: list[Comparison]) -> str:
    """The table that the demo ends with."""
    header = ("stream", "what", "rows ours", "rows DuckDB", "differing", "")
    body = [
        (c.name, c.what, f"{c.n_ours:,}", f"{c.n_duckdb:,}", f"{c.n_differing:,}", "OK" if c.is_equal else f"DIFF {c.note}".rstrip())
        for c in comparisons
    ]
    widths = [max(len(row[i]) for row in [header, *body]) for i in range(len(header))]
    is_right = (False, False, True, True, True, False)

    def line(row: tuple[str, ...]) -> str:
        return "  ".join(v.rjust(w) if r else v.ljust(w) for v, w, r in zip(row, widths, is_right)).rstrip()

    return "\n".join([line(header), "  ".join("─" * w for w in widths[:-1]), *map(line, body)])
