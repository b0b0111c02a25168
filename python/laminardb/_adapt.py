"""The slow ways of the extension: values and objects of other libraries, in and out. Imported when first needed; what imports
pyarrow, pandas or polars does so inside its function."""

from __future__ import annotations

import datetime
import sys
from typing import Any

from ._display import repr_html, show  # called by the extension
from ._laminar import _text_array as text_array

__all__ = ["RowCursor", "arrow_schema", "column", "frame", "import_schema", "is_column", "json_text", "list_of", "live", "repr_html", "scalar",
           "show", "sql_type", "to_arrow", "to_df", "to_dicts", "to_pandas", "to_polars"]


def _pyarrow() -> Any:
    try:
        import pyarrow  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise ImportError("pyarrow is needed for this: pip install pyarrow", name="pyarrow") from error
    return pyarrow


# --- In ------------------------------------------------------------------------------------------------------------------


def scalar(value: Any) -> Any:
    """A value of another library as one of Python's. TypeError where it is none."""
    module = type(value).__module__.partition(".")[0]
    if module == "numpy":
        return _numpy_scalar(value)
    if module == "pandas":
        name = type(value).__name__
        if name in ("NAType", "NaTType"):
            return None
        if name == "Timedelta":
            return _interval(value.value if value.unit == "ns" else value.as_unit("ns").value)
    if module == "pyarrow" and hasattr(value, "as_py"):
        return value.as_py()
    if hasattr(value, "__index__"):
        return value.__index__()
    if hasattr(value, "__float__"):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no SQL type")


def _interval(nanos: int) -> Any:
    from ._laminar import Interval

    sign = -1 if nanos < 0 else 1
    days, rest = divmod(abs(nanos), 86_400_000_000_000)
    return Interval((0, sign * days, sign * rest))


class _Instant(datetime.datetime):
    """A datetime with nanoseconds below its microseconds, under the name that pandas has for them."""

    nanosecond = 0


_UNIT_NANOS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "D": 86400 * 10**9, "W": 7 * 86400 * 10**9}


def _numpy_scalar(value: Any) -> Any:
    kind = value.dtype.kind
    if kind not in "mM":
        simple = value.item()
        if simple is value or type(simple).__module__.partition(".")[0] == "numpy":
            raise TypeError(f"{type(value).__name__} has no SQL type")
        return simple
    number = int(value.view("i8"))
    if number == -(2**63):
        return None
    import numpy

    unit, count = numpy.datetime_data(value.dtype)
    number *= count
    if kind == "m":
        return _interval(number * _UNIT_NANOS[unit])
    if unit == "D":
        return datetime.date.fromordinal(number + 719_163)
    if unit in ("Y", "M", "W", "h", "m"):
        return value.astype("datetime64[s]").item()
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 10**9}[unit]
    seconds, rest = divmod(number, per_second)
    wall = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    nanos = rest * (10**9 // per_second)
    instant = _Instant.combine(wall.date(), wall.time().replace(microsecond=nanos // 1000))
    instant.nanosecond = nanos % 1000
    return instant


def is_column(value: Any) -> bool:
    """True for what holds the values of a column: arrays, series; False for one value."""
    if getattr(value, "ndim", None) == 0 or isinstance(value, type):
        return False
    return hasattr(value, "__len__") and (hasattr(value, "tolist") or hasattr(value, "to_list") or hasattr(value, "to_pylist")) and \
        not isinstance(value, (memoryview, bytearray)) or isinstance(value, range)


def column(value: Any) -> list[Any]:
    """The values of a column object as a list."""
    if hasattr(value, "to_pylist"):
        return _listed(value.to_pylist())
    dtype = getattr(value, "dtype", None)
    if getattr(value, "ndim", 1) != 1:
        raise TypeError(f"a column has one dimension, and this {type(value).__name__} has {value.ndim}")
    if getattr(dtype, "kind", "") in ("m", "M") and type(value).__module__.partition(".")[0] == "numpy":
        return list(value)  # tolist() gives integers without their unit
    if type(value).__module__.partition(".")[0] == "pandas":
        missing = value.isna()
        values = value.tolist()
        return [None if gone else item for gone, item in zip(missing, values, strict=True)]
    if hasattr(value, "to_list"):
        return _listed(value.to_list())
    if hasattr(value, "tolist"):
        return _listed(value.tolist())
    return list(value)


def list_of(value: Any) -> Any:
    """A value for a list: an array or series as a list, else as scalar()."""
    return column(value) if is_column(value) else scalar(value)


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else list(values)


def frame(data: Any) -> Any:
    """A DataFrame as what insert reads: an object with __arrow_c_stream__, or a dict of columns."""
    module = type(data).__module__.partition(".")[0]
    if module == "pandas":
        return _pandas_frame(data)
    if hasattr(data, "__arrow_c_stream__"):
        return data
    if hasattr(data, "to_dict") and module == "polars":
        return data.to_dict(as_series=False)
    raise TypeError(f"insert cannot read a {type(data).__module__}.{type(data).__name__}")


def _pandas_frame(data: Any) -> Any:
    for name in data.columns:
        if not isinstance(name, str):
            raise TypeError(f"a column's name must be a str, not {type(name).__name__} ({name!r})")
    if not data.columns.is_unique:
        from . import _laminar, codes

        twice = data.columns[data.columns.duplicated()][0]
        _laminar._raise(codes.BATCH_SCHEMA_MISMATCH, f"column '{twice}' is given twice", "give each column a name of its own")
    try:
        pyarrow = _pyarrow()
    except ImportError:
        return {name: column(data[name]) for name in data.columns}
    try:
        arrays = [_pandas_array(pyarrow, data, i, name) for i, name in enumerate(data.columns)]
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):
        # A column of mixed objects: value by value, so that the error names column and row.
        return {name: column(data[name]) for name in data.columns}
    return pyarrow.Table.from_arrays(arrays, names=list(data.columns))


def _pandas_array(pyarrow: Any, data: Any, i: int, name: str) -> Any:
    """Column i as an Arrow array; NaN, NaT and NA are null. numpy's memory can be changed by the program later, so it is copied;
    what lies in Arrow memory is shared."""
    import numpy

    # A Series would cost more than all else here; where pandas has no such method any more, it is made.
    get = getattr(data, "_get_column_array", None)
    values = get(i) if get else None
    if type(values) is numpy.ndarray and values.dtype.kind in "iufO":
        kind = values.dtype.kind
        if kind == "O":
            text = text_array(values)
            return pyarrow.array(values, from_pandas=True) if text is None else pyarrow.array(_HasArray(text))
        return pyarrow.array(values.copy(), from_pandas=kind == "f" and bool(numpy.isnan(values).any()))
    if type(values).__name__.startswith("Arrow"):
        return pyarrow.array(values, from_pandas=True)
    series = data[name]
    if type(series.dtype).__module__.partition(".")[0] == "numpy":
        return pyarrow.array(series.to_numpy().copy(), from_pandas=True)
    return pyarrow.array(series.array.copy(), from_pandas=True)


class _HasArray:
    """A pair of capsules as the object that pyarrow asks for them."""

    def __init__(self, capsules: Any) -> None:
        self._capsules = capsules

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self._capsules


def json_text(value: Any) -> str:
    """A value as JSON, for JSON columns."""
    import json

    return json.dumps(value, allow_nan=False, separators=(",", ":"))


_ARROW_NAMES = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INT", "int64": "BIGINT", "uint8": "TINYINT UNSIGNED",
    "uint16": "SMALLINT UNSIGNED", "uint32": "INT UNSIGNED", "uint64": "BIGINT UNSIGNED", "float": "REAL", "float32": "REAL",
    "double": "DOUBLE", "float64": "DOUBLE", "string": "VARCHAR", "str": "VARCHAR", "utf8": "VARCHAR", "large_string": "VARCHAR",
    "string_view": "VARCHAR", "binary": "BINARY", "bytes": "BINARY", "large_binary": "BINARY", "date32": "DATE", "date32[day]": "DATE",
    "date64": "DATE", "date": "DATE", "time32[s]": "TIME(0)", "time32[ms]": "TIME(3)", "time64[us]": "TIME(6)", "time64[ns]": "TIME(9)",
    "time": "TIME", "timestamp": "TIMESTAMP", "datetime": "TIMESTAMP", "timestamp[s]": "TIMESTAMP(0)", "timestamp[ms]": "TIMESTAMP(3)",
    "timestamp[us]": "TIMESTAMP(6)", "timestamp[ns]": "TIMESTAMP(9)", "timedelta": "INTERVAL", "month_day_nano_interval": "INTERVAL",
    "uuid": "UUID", "json": "JSON", "decimal": "DECIMAL", "int": "BIGINT",
}
_PYTHON_NAMES = {
    ("builtins", "bool"): "BOOLEAN", ("builtins", "int"): "BIGINT", ("builtins", "float"): "DOUBLE", ("builtins", "str"): "VARCHAR",
    ("builtins", "bytes"): "BINARY", ("datetime", "date"): "DATE", ("datetime", "time"): "TIME", ("datetime", "datetime"): "TIMESTAMP",
    ("datetime", "timedelta"): "INTERVAL", ("decimal", "Decimal"): "DECIMAL(38,10)", ("uuid", "UUID"): "UUID",
}


def sql_type(kind: Any) -> str:
    """The SQL type that create_table means by a type of Python or Arrow, or by a name."""
    import re

    if isinstance(kind, type):
        found = _PYTHON_NAMES.get((kind.__module__, kind.__qualname__))
        if found is None:
            raise TypeError(f"{kind.__name__} has no SQL type")
        return found
    text = str(kind)
    if not isinstance(kind, str) and not type(kind).__module__.startswith("pyarrow"):
        raise TypeError(f"a column's type must be a str, a Python type or a pyarrow type, not {type(kind).__name__}")
    # SQL names that Arrow has too mean SQL's, but for "float" and "int", which Arrow's programs write for 32 and 64 bits.
    if text == text.lower() and text in _ARROW_NAMES and (text not in ("int", "float") or not isinstance(kind, str)):
        return _ARROW_NAMES[text]
    if match := re.fullmatch(r"decimal128\((\d+), ?(\d+)\)", text):
        return f"DECIMAL({match[1]},{match[2]})"
    if match := re.fullmatch(r"timestamp\[(s|ms|us|ns), tz=.+\]", text):
        return f"TIMESTAMP({dict(s=0, ms=3, us=6, ns=9)[match[1]]}) WITH TIME ZONE"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_ ,()<>\[\]]*", text):
        from . import _laminar, codes

        _laminar._raise(codes.INVALID_SCHEMA, f"{text!r} is not a type", "write it as in SQL: 'BIGINT', 'DECIMAL(10,2)'")
    return text


# --- Out -----------------------------------------------------------------------------------------------------------------


class _HasSchema:
    """A capsule as the object that pyarrow asks for one."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __arrow_c_schema__(self) -> Any:
        return self._capsule


def import_schema(capsule: Any) -> Any:
    """A schema capsule as a pyarrow.Schema."""
    return _pyarrow().schema(_HasSchema(capsule))


def arrow_schema(source: Any) -> Any:
    """The pyarrow.Schema of an object with __arrow_c_schema__."""
    return import_schema(source.__arrow_c_schema__())


def to_arrow(result: Any) -> Any:
    return _pyarrow().RecordBatchReader._import_from_c_capsule(result.__arrow_c_stream__()).read_all()


def _unique(names: list[str]) -> list[str]:
    """The names, with _1, _2 ... behind those that were there before."""
    taken = set(names)
    seen: set[str] = set()
    unique = []
    for name in names:
        new, n = name, 1
        while new in seen or (new != name and new in taken):
            new, n = f"{name}_{n}", n + 1
        seen.add(new)
        unique.append(new)
    return unique


def to_pandas(result: Any) -> Any:
    try:
        import pandas  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise ImportError("pandas is needed for this: pip install pandas", name="pandas") from error
    try:
        table = to_arrow(result)
    except ImportError:
        return pandas.DataFrame(result.fetchall(), columns=result.columns)
    return table.to_pandas()


def to_polars(result: Any, lazy: bool = False) -> Any:
    try:
        import polars
    except ImportError as error:
        raise ImportError("polars is needed for this: pip install polars", name="polars") from error
    names = _unique(result.columns)
    data: Any
    if any("INTERVAL" in kind for kind in result.column_types) or (names != result.columns and not _is_installed("pyarrow")):
        # polars has no months: it takes timedeltas, and what no timedelta holds as text. Nor has it columns of one name.
        data = polars.DataFrame([_polars_series(polars, name, result._column(i), kind)
                                 for i, (name, kind) in enumerate(zip(names, result.column_types, strict=True))])
    elif names == result.columns:
        data = polars.DataFrame(result)
    else:
        data = polars.from_arrow(to_arrow(result).rename_columns(names))
    return data.lazy() if lazy else data


def _polars_series(polars: Any, name: str, values: list[Any], kind: str) -> Any:
    from ._laminar import Interval

    if kind == "UUID":
        values = [None if value is None else value.bytes for value in values]
    if any(isinstance(value, Interval) for value in values):
        values = [None if value is None else str(value) for value in values]
    return polars.Series(name, values, strict=False)


def to_dicts(result: Any) -> dict[str, list[Any]]:
    return {name: result._column(i) for i, name in enumerate(_unique(result.columns))}


def to_df(result: Any) -> Any:
    """By what is installed: polars, else pandas, else pyarrow."""
    for name, convert in (("polars", to_polars), ("pandas", to_pandas), ("pyarrow", to_arrow)):
        if _is_installed(name):
            return convert(result)
    raise ImportError("polars, pandas or pyarrow is needed for this: pip install polars")


def _is_installed(name: str) -> bool:
    from importlib.util import find_spec

    if name in sys.modules:
        return sys.modules[name] is not None
    return find_spec(name) is not None


class RowCursor:
    """A moving position in the rows of a result."""

    def __init__(self, result: Any) -> None:
        self._rows = iter(result)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None at the end."""
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """Up to size rows."""
        from itertools import islice

        return list(islice(self._rows, size))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rest."""
        return list(self._rows)

    def __iter__(self) -> RowCursor:
        return self

    def __next__(self) -> tuple[Any, ...]:
        row: tuple[Any, ...] = next(self._rows)
        return row


def live(subscription: Any, options: Any) -> Any:
    """Subscription.live() with (max_rows, refresh_ms)."""
    from ._live import live as follow

    return follow(subscription, *options)
