"""Functions in Python: what Connection.register_function and register_aggregate check, and the vectorized calls."""

from __future__ import annotations

import atexit
import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from ._adapt import _pyarrow, sql_type

ROWS, ARROW, NUMPY = 0, 1, 2
CALLS_ON_NULL, REPLACES, RETRACTS, MERGES = 1, 2, 4, 8
VOLATILITIES = {"immutable": 0, "stable": 1, "volatile": 2}


# Connections with functions in Python. They are closed before the interpreter ends: a thread that is not Python's main one would be stopped
# where it asks for the GIL then, with locks of the database held.
_live: weakref.WeakSet[Any] = weakref.WeakSet()


@atexit.register
def _at_exit() -> None:
    for connection in list(_live):
        connection.close()


def track(connection: Any) -> None:
    """Has the connection closed before the interpreter ends."""
    _live.add(connection)


# --- Definitions ----------------------------------------------------------------------------------------------------------


def _types(what: str, args: Any, returns: Any, annotated: Callable[..., Any] | None) -> tuple[tuple[str, ...], str]:
    if args is None or returns is None:
        if annotated is None:
            raise TypeError(f"{what}: the types of arguments and result are needed")
        hints = inspect.get_annotations(annotated, eval_str=True)
        names = [name for name in inspect.signature(annotated).parameters if name != "self"]
        try:
            args = [hints[name] for name in names] if args is None else args
            returns = hints["return"] if returns is None else returns
        except KeyError as error:
            raise TypeError(f"{what}: {error.args[0]!r} has no annotation: give args and returns") from None
    if isinstance(args, (str, bytes)) or not isinstance(args, Sequence):
        raise TypeError(f"args must be a sequence of types, not {type(args).__name__}")
    return tuple(sql_type(kind) for kind in args), sql_type(returns)


def _mode(vectorized: object) -> int:
    if vectorized is False:
        return ROWS
    if vectorized is True or vectorized == "arrow":
        _pyarrow()
        return ARROW
    if vectorized == "numpy":
        _pyarrow()
        import numpy  # noqa: F401

        return NUMPY
    raise ValueError(f"vectorized must be False, True, 'arrow' or 'numpy', and is {vectorized!r}")


def _on_null(on_null: object) -> int:
    if on_null == "null":
        return 0
    if on_null == "call":
        return CALLS_ON_NULL
    raise ValueError(f"on_null must be 'null' or 'call', and is {on_null!r}")


def _help(subject: Any) -> str | None:
    text = inspect.getdoc(subject) if not isinstance(subject, type) or subject.__doc__ else None
    return text.splitlines()[0] if text else None


def scalar(name: str, fn: Any, args: Any, returns: Any, vectorized: object, volatility: str, on_null: str, replace: bool) -> tuple[Any, ...]:
    """The arguments of the extension's _register for a function."""
    if not callable(fn):
        raise TypeError(f"fn must be callable, not {type(fn).__name__}")
    if volatility not in VOLATILITIES:
        raise ValueError(f"volatility must be one of {', '.join(VOLATILITIES)}, and is {volatility!r}")
    types, result = _types("register_function", args, returns, fn)
    mode = _mode(vectorized)
    if mode != ROWS and not types:
        raise ValueError("a vectorized function needs an argument: without one it cannot know how many values to give")
    flags = _on_null(on_null) | (REPLACES if replace else 0)
    return False, name, fn, types, result, mode, VOLATILITIES[volatility], flags, _help(fn)


def aggregate(name: str, cls: Any, args: Any, returns: Any, vectorized: object, on_null: str, replace: bool) -> tuple[Any, ...]:
    """The arguments of the extension's _register for an aggregate."""
    if not callable(cls):
        raise TypeError(f"cls must be a class, not {type(cls).__name__}")
    methods = {method: callable(getattr(cls, method, None)) for method in ("update", "finish", "retract", "merge")}
    for method in ("update", "finish"):
        if not methods[method]:
            raise TypeError(f"{getattr(cls, '__name__', cls)!s} has no method {method}()")
    types, result = _types("register_aggregate", args, returns, None)
    flags = _on_null(on_null) | (REPLACES if replace else 0)
    flags |= (RETRACTS if methods["retract"] else 0) | (MERGES if methods["merge"] else 0)
    return True, name, cls, types, result, _mode(vectorized), 0, flags, _help(cls)


# --- Calls, by the extension ------------------------------------------------------------------------------------------------


def _columns(schema: Any, array: Any, mode: int) -> list[Any]:
    pyarrow = _pyarrow()
    columns = pyarrow.RecordBatch._import_from_c_capsule(schema, array).columns
    return [column.to_numpy(zero_copy_only=False) for column in columns] if mode == NUMPY else list(columns)


def call(fn: Callable[..., Any], schema: Any, array: Any, result: Any, mode: int) -> tuple[Any, Any]:
    """A vectorized function's answer as capsules."""
    pyarrow = _pyarrow()
    columns = _columns(schema, array, mode)
    kind = pyarrow.DataType._import_from_c_capsule(result)
    value = fn(*columns)
    if isinstance(value, pyarrow.ChunkedArray):
        value = value.combine_chunks()
    if isinstance(value, pyarrow.Scalar):
        value = pyarrow.repeat(value, len(columns[0]))
    if not hasattr(value, "__arrow_c_array__"):
        if not hasattr(value, "__len__") or isinstance(value, (str, bytes, dict)):
            raise TypeError(f"a vectorized function must give an array, not {type(value).__name__}")
        value = pyarrow.array(value, from_pandas=True) if hasattr(value, "dtype") else pyarrow.array(value, type=kind)
    if isinstance(value, pyarrow.Array) and value.type != kind:
        value = value.cast(kind)
    capsules: tuple[Any, Any] = value.__arrow_c_array__()
    return capsules


def feed(method: str, states: list[Any], schema: Any, array: Any, mode: int) -> None:
    """Calls the method of each state once, with arrays of its rows."""
    columns = _columns(schema, array, mode)
    rows: dict[int, list[int]] = {}
    for i, state in enumerate(states):
        rows.setdefault(id(state), []).append(i)
    if len(rows) == 1:
        getattr(states[0], method)(*columns)
        return
    for indexes in rows.values():
        getattr(states[indexes[0]], method)(*(column.take(indexes) for column in columns))


def dump(state: Any) -> bytes:
    """An aggregate's state for a checkpoint."""
    import pickle

    return pickle.dumps(state)


def load(cls: Any, data: bytes) -> Any:
    """The state again."""
    import pickle

    state = pickle.loads(data)
    if isinstance(cls, type) and not isinstance(state, cls):
        raise TypeError(f"a saved state is a {type(state).__name__}, not a {cls.__name__}")
    return state
