"""The reference of the Python module, made from docstrings; signatures of the extension's types are from its stubs."""

from __future__ import annotations

import ast
import enum
import inspect
import pathlib
import re
import types
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[1]
STUBS = ROOT / "python/laminardb/_laminar.pyi"

# What belongs together, in the order of the page. A public name that is in none of them comes last, under "More".
SECTIONS: dict[str, list[str]] = {
    "Opening": ["open", "connect", "sql", "execute", "mv", "LaminarConfig"],
    "Connection": ["Connection"],
    "Results": ["QueryResult", "QueryStream", "ExecuteResult", "CheckpointResult", "Interval"],
    "Inserting": ["Writer", "Transaction"],
    "Subscriptions": ["Subscription", "StreamSubscription", "AsyncSubscription", "AsyncStreamSubscription", "CallbackSubscription", "LiveTable"],
    "Types": ["MaterializedView", "Schema", "Column", "ChangeEvent", "ChangeRow", "CheckpointStatus", "Metrics", "TableStats", "Watermark"],
    "Descriptions": [
        "SourceInfo", "SinkInfo", "StreamInfo", "QueryInfo", "PipelineTopology", "PipelineNode", "PipelineEdge", "PipelineMetrics",
        "SourceMetrics", "StreamMetrics",
    ],
    "Exceptions": [
        "LaminarError", "ConnectionError", "SchemaError", "IngestionError", "QueryError", "SubscriptionError", "StreamError", "CheckpointError",
        "ConnectorError",
    ],
}  # fmt: skip
ALIASES = {"Config": "LaminarConfig", "BatchWriter": "Writer"}
# Not in a section: constants that have a page of their own, and the version.
ELSEWHERE = {"codes", "__version__"}
# Methods whose meaning is the language's own.
SPECIAL = ("__int__", "__bool__", "__len__", "__iter__", "__getitem__", "__arrow_c_stream__", "__arrow_c_schema__")


def sections() -> dict[str, list[str]]:
    """All public names by section."""
    import laminardb

    placed = {name for names in SECTIONS.values() for name in names} | set(ALIASES) | ELSEWHERE
    more = [name for name in laminardb.__all__ if name not in placed]
    return {**SECTIONS, "More": more} if more else SECTIONS


def stub_signatures() -> dict[str, str]:
    """'Connection.insert' -> '(table: str, data: Any) -> int'."""
    found: dict[str, str] = {}

    def add(prefix: str, function: ast.FunctionDef) -> None:
        arguments = ast.unparse(function.args)
        arguments = re.sub(r"^(self|cls)(, |$)", "", arguments)
        arguments = re.sub(r"(, )?/(?=,|$)", "", arguments)
        returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
        # `Any` in the stubs stands for types of libraries that need not be there; a comment behind it names them.
        if returns == " -> Any" and "  # " in lines[(function.end_lineno or 1) - 1]:
            returns = f" -> {lines[(function.end_lineno or 1) - 1].split('  # ')[1]}"
        found[prefix + function.name] = f"({arguments}){returns}"

    lines = STUBS.read_text().split("\n")
    for node in ast.parse("\n".join(lines)).body:
        if isinstance(node, ast.FunctionDef):
            add("", node)
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    add(node.name + ".", member)
    return found


def tidied(signature: str) -> str:
    """Types as a reader writes them."""
    signature = signature.replace("_Params", "Sequence | Mapping").replace("'", "")
    signature = re.sub(r"(?<=[\w\]])=(?=\S)", " = ", signature)
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", signature)


def signature_of(value: Any, key: str, stubs: dict[str, str]) -> str:
    """With the parentheses; empty where there is none to be had."""
    if key in stubs:
        return tidied(stubs[key])
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return "()"
    parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    return tidied(str(signature.replace(parameters=parameters)))


def text_of(value: Any) -> str:
    """A docstring as Markdown: what is indented in it is code."""
    doc = inspect.getdoc(value) or ""
    out: list[str] = []
    code: list[str] = []
    for line in [*doc.split("\n"), "."]:
        if line.startswith("    ") or (code and not line):
            code.append(line)
            continue
        if code:
            while not code[-1]:
                code.pop()
            out += ["", "```python", *(each[4:] for each in code), "```", ""]
            code = []
        out.append(line.replace("__", "\\_\\_"))
    return "\n".join(out[:-1]).strip()


def members_of(cls: type) -> list[tuple[str, Any]]:
    """Public members with those of private bases, in the order in which they are written."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base is object or base in (Exception, BaseException, tuple, enum.Enum):
            continue
        for name, value in vars(base).items():
            if not name.startswith("_") or name in SPECIAL:
                found[name] = value
    return list(found.items())


def is_property(value: Any) -> bool:
    return isinstance(value, (property, types.GetSetDescriptorType, types.MemberDescriptorType)) or type(value).__name__ in ("_tuplegetter",)


def class_of(name: str, cls: type, stubs: dict[str, str]) -> list[str]:
    out = [f"### {name}", "", text_of(cls), ""]
    properties, methods = [], []
    for member, value in members_of(cls):
        plain = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if is_property(value):
            text = (inspect.getdoc(value) or "").replace("\n", " ")
            if member in ("__weakref__",) or (not text and isinstance(value, types.MemberDescriptorType)):
                text = ""
            properties.append(f"| `{member}` | {text} |")
        elif callable(plain):
            key = next((f"{base.__name__}.{member}" for base in cls.__mro__ if f"{base.__name__}.{member}" in stubs), f"{name}.{member}")
            if inspect.isfunction(plain):
                key = ""
            shown = signature_of(plain, key, stubs)
            mark = "async " if inspect.iscoroutinefunction(plain) else ""
            if member.startswith("__") and (not text_of(plain) or not inspect.isfunction(plain) and "arrow" not in member):
                continue
            anchor = f"{name}.{member}".lower()
            methods += [f"#### `{member}` {{#{anchor}}}", "", "```python", f"{mark}{member}{shown}", "```", "", text_of(plain), ""]
    if properties:
        out += ["| property | |", "|---|---|", *properties, ""]
    return out + methods


def page() -> str:
    """The whole reference as one page of Markdown."""
    import laminardb

    stubs = stub_signatures()
    out = [
        "# Python reference",
        "",
        "Made from the docstrings of `laminardb`. The guides: [the module](../guide/python.md), "
        "[inserting](../guide/sources.md), [subscriptions](../guide/subscriptions.md), [errors](../guide/errors.md).",
    ]
    for title, names in sections().items():
        out += ["", f"## {title}" if title != "Connection" else "## The connection", ""]
        for name in names:
            value = getattr(laminardb, name)
            if isinstance(value, type):
                out += class_of(name, value, stubs)
            else:
                out += [f"### {name}", "", "```python", f"{name}{signature_of(value, name, stubs)}", "```", "", text_of(value), ""]
            for alias, of in ALIASES.items():
                if of == name:
                    out += [f"`{alias}` is another name of it.", ""]
    out += ["## Codes", "", "`laminardb.codes` has a constant a status code: `codes.TABLE_NOT_FOUND` is 200. [All codes](../guide/errors.md).", ""]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    print(page())
