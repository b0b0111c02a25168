"""What a notebook shows of schemas, plans and the pipeline, and its magics %laminar and %%laminar (`%load_ext laminardb`).

Everything is plain HTML without scripts, so that it is there when a saved notebook is opened again. The graph is laid out by
layers: a relation stands right of all that it reads; within a layer, by the mean place of what it reads.
"""

from __future__ import annotations

import html
import shlex
from typing import Any

_BOX_HEIGHT, _ROW, _GAP, _MARGIN, _CHARACTER = 34, 50, 56, 8, 7.4
_COLOURS = {"source": "#2a78b5", "stream": "#3c8d40", "sink": "#b5642a"}


# --- Schemas and plans -----------------------------------------------------------------------------------------------------


def arrow_schema_html(schema: Any) -> str:
    """A pyarrow.Schema as a table."""
    return schema_html([(field.name, str(field.type), field.nullable) for field in schema])


def schema_html(columns: list[tuple[str, str, bool]], caption: str = "") -> str:
    """A table of (name, type, nullable)."""
    rows = "".join(f"<tr><td>{html.escape(name)}</td><td><code>{html.escape(kind)}</code></td><td>{'' if nullable else 'NOT NULL'}</td></tr>"
                   for name, kind, nullable in columns)
    head = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    count = f"{len(columns)} column" + ("" if len(columns) == 1 else "s")
    return (f'<table class="laminardb">{head}<thead><tr><th>column</th><th>type</th><th></th></tr></thead><tbody>{rows}</tbody></table>'
            f"<small>{count}</small>")


class Plan(str):
    """The text of a plan; a notebook shows it in lines."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return f'<pre class="laminardb">{html.escape(self)}</pre>'


# --- The graph -------------------------------------------------------------------------------------------------------------


def _layers(names: list[str], inputs: dict[str, list[str]]) -> dict[str, int]:
    layer = dict.fromkeys(names, 0)
    for _ in names:  # at most so many times: a relation that reads itself moves no further
        is_changed = False
        for name in names:
            least = max((layer[source] + 1 for source in inputs[name] if source != name), default=0)
            if layer[name] < least < len(names):
                layer[name] = least
                is_changed = True
        if not is_changed:
            break
    return layer


def _place(names: list[str], inputs: dict[str, list[str]]) -> dict[str, tuple[int, int]]:
    """(layer, row) of each."""
    layer = _layers(names, inputs)
    columns: dict[int, list[str]] = {}
    for name in names:
        columns.setdefault(layer[name], []).append(name)
    row: dict[str, int] = {}
    for level in sorted(columns):
        def mean(name: str) -> float:
            rows = [row[source] for source in inputs[name] if source in row]
            return sum(rows) / len(rows) if rows else float(len(row))

        for i, name in enumerate(sorted(columns[level], key=mean)):
            row[name] = i
    return {name: (layer[name], row[name]) for name in names}


def topology_svg(topology: Any) -> str:
    """The graph as an inline SVG. The SQL of a relation is shown when the pointer is over it."""
    nodes = {node.name: node for node in topology.nodes}
    edges = [(edge.from_node, edge.to_node) for edge in topology.edges if edge.from_node in nodes and edge.to_node in nodes]
    if not nodes:
        return '<small class="laminardb">no relations</small>'
    inputs: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in edges:
        inputs[target].append(source)
    places = _place(list(nodes), inputs)
    shown = {name: name if len(name) <= 40 else name[:39] + "…" for name in nodes}
    n_layers = 1 + max(layer for layer, _ in places.values())
    widths = [max(len(shown[name]) for name in nodes if places[name][0] == i) * _CHARACTER + 24 for i in range(n_layers)]
    lefts = [_MARGIN + sum(widths[:i]) + i * _GAP for i in range(n_layers)]
    height = (1 + max(row for _, row in places.values())) * _ROW - (_ROW - _BOX_HEIGHT) + 2 * _MARGIN
    width = lefts[-1] + widths[-1] + _MARGIN
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" class="laminardb" width="{width:.0f}" height="{height:.0f}" '
             f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="13" role="img" aria-label="pipeline">']
    for source, target in edges:
        (a, from_row), (b, to_row) = places[source], places[target]
        x1, y1 = lefts[a] + widths[a], _MARGIN + from_row * _ROW + _BOX_HEIGHT / 2
        x2, y2 = lefts[b] - 7, _MARGIN + to_row * _ROW + _BOX_HEIGHT / 2
        bend = max((x2 - x1) / 2, 20)
        parts.append(f'<path d="M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}" fill="none" '
                     'stroke="#888" stroke-width="1.5"/>'
                     f'<path d="M{x2 + 7:.1f} {y2:.1f}l-8 -4v8z" fill="#888"/>')
    for name, node in nodes.items():
        layer, row = places[name]
        x, y = lefts[layer], _MARGIN + row * _ROW
        title = html.escape(node.sql or f"{node.node_type} {name}")
        colour = _COLOURS.get(node.node_type, "#666")
        parts.append(f'<g><title>{title}</title><rect x="{x:.1f}" y="{y}" width="{widths[layer]:.1f}" height="{_BOX_HEIGHT}" rx="6" '
                     f'fill="{colour}" fill-opacity="0.14" stroke="{colour}" stroke-width="1.5"/>'
                     f'<text x="{x + widths[layer] / 2:.1f}" y="{y + _BOX_HEIGHT / 2 + 4.5:.1f}" text-anchor="middle" '
                     f'fill="currentColor">{html.escape(shown[name])}</text></g>')
    return "".join(parts) + "</svg>"


# --- Magics ----------------------------------------------------------------------------------------------------------------

_USAGE = ("%%laminar [-c CONNECTION] [-o NAME] [-p PARAMS] [--live]: CONNECTION is a variable with a connection (without it: laminardb's "
          "default connection), NAME the variable that gets the result, PARAMS one with the parameters; --live keeps the table up to date")
_OPTIONS = {"-c": "connection", "--connection": "connection", "-o": "output", "--output": "output", "-p": "params", "--params": "params"}


class UsageError(ValueError):
    """The line behind %laminar is not understood."""


def _options(line: str) -> tuple[dict[str, str], bool, str]:
    """The options in front, whether it is live, and the SQL behind them."""
    found: dict[str, str] = {}
    is_live = False
    rest = line.strip()
    while rest.startswith("-") and not rest.startswith("-- "):
        word, _, behind = rest.partition(" ")
        behind = behind.strip()
        if word == "--live":
            is_live, rest = True, behind
            continue
        if word not in _OPTIONS:
            raise UsageError(f"{word!r} is no option. {_USAGE}")
        value, _, rest = behind.partition(" ")
        if not value:
            raise UsageError(f"{word} lacks its value. {_USAGE}")
        found[_OPTIONS[word]] = shlex.split(value)[0]
        rest = rest.strip()
    return found, is_live, rest


def run_magic(namespace: dict[str, Any], line: str, cell: str | None) -> Any:
    """What %laminar and %%laminar do, with the user's variables."""
    from . import Connection, _default_connection

    options, is_live, sql = _options(line)
    if cell is not None:
        sql = f"{sql}\n{cell}" if sql else cell
    if not sql.strip():
        raise UsageError(_USAGE)
    connection: Any = None
    if "connection" in options:
        connection = namespace.get(options["connection"])
        if not isinstance(connection, Connection):
            raise UsageError(f"{options['connection']!r} is no variable with a connection. {_USAGE}")
    else:
        connection = _default_connection()
    params = None
    if "params" in options:
        if options["params"] not in namespace:
            raise UsageError(f"{options['params']!r} is no variable. {_USAGE}")
        params = namespace[options["params"]]
    if is_live:
        shown: Any = connection.subscribe(sql.strip().rstrip(";"), params=params, changes=True).live()
    else:
        done = connection.execute(sql, params)
        result = done.to_query_result()
        shown = done if result is None else result
    if "output" in options:
        namespace[options["output"]] = shown
        return None
    return shown


def load(shell: Any) -> None:
    """Registers the magics in an IPython shell, and the table that Connection.schema(), a pyarrow.Schema, is shown as."""
    def laminar(line: str, cell: str | None = None) -> Any:
        return run_magic(shell.user_ns, line, cell)

    laminar.__doc__ = "Runs SQL in LaminarDB.\n\n" + _USAGE
    shell.register_magic_function(laminar, magic_kind="line_cell", magic_name="laminar")
    html_formatter = shell.display_formatter.formatters["text/html"]
    html_formatter.for_type_by_name("pyarrow.lib", "Schema", arrow_schema_html)
