"""Results for the eye: show() in a terminal, _repr_html_() in a notebook."""

from __future__ import annotations

import html
import re
import shutil
import sys
import unicodedata
from typing import Any

HTML_ROWS_MAX = 50
CELL_WIDTH_MAX = 60
_NUMERIC = ("TINYINT", "SMALLINT", "INT", "BIGINT", "REAL", "DOUBLE", "DECIMAL")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _clean(text: str | None) -> str:
    if text is None:
        return "NULL"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _ESCAPES.get(c, f"\\x{ord(c):02x}") for c in text)


def _type(name: str) -> str:
    """A type as tables show it, here and in the shell: in small letters but for the names of fields, which are quoted."""
    return _clean("".join(part if i % 2 else part.lower() for i, part in enumerate(re.split(r'("[^"]*")', name))))


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while text and _width(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _pad(text: str, width: int, side: str) -> str:
    gap = width - _width(text)
    if side == "right":
        return " " * gap + text
    if side == "center":
        return " " * (gap // 2) + text + " " * (gap - gap // 2)
    return text + " " * gap


def _edges(result: Any, max_rows: int) -> tuple[list[Any], list[Any]]:
    """The rows to show: all, or the first and the last ones."""
    n = result.num_rows
    if n <= max_rows:
        return result._texts(0, n), []
    n_last = max_rows // 2
    n_first = max_rows - n_last
    return result._texts(0, n_first), result._texts(n - n_last, n_last)


def _columns_that_fit(widths: list[int], terminal: int) -> list[int | None]:
    """Positions to show; None stands for those left out in the middle."""
    order = list(range(len(widths)))
    if sum(widths) + 3 * len(widths) + 1 <= terminal:
        return list(order)
    left: list[int] = []
    right: list[int] = []
    room = terminal - 1 - 4
    for i in order:
        place = order[i // 2] if i % 2 == 0 else order[-(i // 2) - 1]
        room -= widths[place] + 3
        if room < 0 and (left or right):
            break
        (left if i % 2 == 0 else right).append(place)
    return [*left, None, *reversed(right)]


def _rows_text(n: int) -> str:
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def table_text(result: Any, max_rows: int, terminal: int) -> str:
    """The table with box drawing: names, types, rows, count."""
    if result.num_columns == 0:
        return "(no columns)\n"
    first, last = _edges(result, max_rows)
    names = [_clean(name) for name in result.columns]
    kinds = list(result.column_types)
    types = [_type(kind) for kind in kinds]
    cells = [[_clean(cell) for cell in row] for row in [*first, *last]]
    widths = []
    for i, name in enumerate(names):
        longest = max((_width(row[i]) for row in cells), default=0)
        widths.append(min(max(_width(name), _width(types[i]), longest, 1), CELL_WIDTH_MAX))
    shown = _columns_that_fit(widths, terminal)

    def line(values: list[str], sides: list[str]) -> str:
        parts = ["…" if i is None else _pad(_cut(values[i], widths[i]), widths[i], sides[i]) for i in shown]
        return "│ " + " │ ".join(parts) + " │"

    def rule(begin: str, middle: str, end: str) -> str:
        return begin + middle.join("─" * ((1 if i is None else widths[i]) + 2) for i in shown) + end

    center = ["center"] * len(names)
    sides = ["right" if kind.split("(")[0].split()[0] in _NUMERIC else "left" for kind in kinds]
    lines = [rule("┌", "┬", "┐"), line(names, center), line(types, center), rule("├", "┼", "┤")]
    lines += [line(row, sides) for row in cells[: len(first)]]
    if last:
        lines.append(line(["·"] * len(names), center))
        lines += [line(row, sides) for row in cells[len(first):]]
    lines.append(rule("└", "┴", "┘"))
    note = _rows_text(result.num_rows)
    if last:
        note += f" ({len(cells)} shown)"
    if None in shown:
        note += f", {len(names)} columns ({len(shown) - 1} shown)"
    return "\n".join([*lines, note]) + "\n"


def show(result: Any, max_rows: int | None = None) -> None:
    """Prints the table to sys.stdout."""
    limit = 20 if max_rows is None else max_rows
    if limit < 0:
        raise ValueError(f"max_rows must not be negative, and is {limit}")
    write(table_text(result, limit, shutil.get_terminal_size((120, 24)).columns))


def write(text: str) -> None:
    """Prints text with box drawing to sys.stdout; in ASCII where that can't print it."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        text = text.translate(str.maketrans("┌┬┐├┼┤└┴┘─│·…", "+++++++++-|.~")).encode("ascii", "replace").decode()
    sys.stdout.write(text)


def repr_html(result: Any, max_rows: int = HTML_ROWS_MAX) -> str:
    """An HTML table with names, types and the number of rows."""
    first, last = _edges(result, max_rows)
    heads = "".join(f"<th>{html.escape(name)}<br><small>{html.escape(_type(kind))}</small></th>"
                    for name, kind in zip(result.columns, result.column_types, strict=True))

    def rows(part: list[Any]) -> str:
        return "".join("<tr>" + "".join("<td><em>NULL</em></td>" if cell is None else f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
                       for row in part)

    middle = f'<tr><td colspan="{result.num_columns}">…</td></tr>' if last else ""
    return (f'<table class="laminardb"><thead><tr>{heads}</tr></thead><tbody>{rows(first)}{middle}{rows(last)}</tbody></table>'
            f"<small>{_rows_text(result.num_rows)}, {result.num_columns} {'column' if result.num_columns == 1 else 'columns'}</small>")
