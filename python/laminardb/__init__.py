"""LaminarDB: an embedded streaming SQL database.

    import laminardb

    db = laminardb.open(":memory:")
    db.execute("CREATE SOURCE trades (sym VARCHAR, price DOUBLE)")
    db.execute("CREATE STREAM avgs AS SELECT sym, avg(price) AS price FROM trades GROUP BY sym")
    db.insert("trades", {"sym": ["ACME", "ACME"], "price": [10.0, 12.0]})
    print(db.query("SELECT * FROM avgs").fetchall())

Importing loads the extension and nothing else: pyarrow, pandas, polars and asyncio are imported by what needs them.
"""

from __future__ import annotations

import os as _os
from _thread import allocate_lock as _allocate_lock

from . import _laminar, codes
from ._config import LaminarConfig
from ._connection import CheckpointResult, Connection, ExecuteResult, connect, open
from ._laminar import (
    CheckpointError,
    ConnectionError,
    ConnectorError,
    IngestionError,
    Interval,
    LaminarError,
    QueryError,
    QueryResult,
    QueryStream,
    SchemaError,
    StreamError,
    StreamSubscription,
    Subscription,
    SubscriptionError,
    Writer,
    __version__,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._aio import AsyncStreamSubscription, AsyncSubscription
    from ._callback import CallbackSubscription
    from ._connection import _Params
    from ._info import (
        PipelineEdge,
        PipelineMetrics,
        PipelineNode,
        PipelineTopology,
        QueryInfo,
        SinkInfo,
        SourceInfo,
        SourceMetrics,
        StreamInfo,
        StreamMetrics,
    )
    from ._live import LiveTable
    from ._transaction import Transaction
    from .types import (
        ChangeEvent,
        ChangeRow,
        CheckpointStatus,
        Column,
        MaterializedView,
        Metrics,
        Schema,
        TableStats,
        Watermark,
    )

Config = LaminarConfig
BatchWriter = Writer

# What is imported when it is first asked for.
_LAZY = {
    "AsyncSubscription": "_aio",
    "AsyncStreamSubscription": "_aio",
    "CallbackSubscription": "_callback",
    "LiveTable": "_live",
    "Transaction": "_transaction",
    **dict.fromkeys(
        ("SourceInfo", "SinkInfo", "StreamInfo", "QueryInfo", "PipelineNode", "PipelineEdge", "PipelineTopology", "PipelineMetrics",
         "SourceMetrics", "StreamMetrics"),
        "_info",
    ),
    **dict.fromkeys(
        ("Column", "Schema", "TableStats", "Watermark", "CheckpointStatus", "Metrics", "ChangeRow", "ChangeEvent", "MaterializedView"),
        "types",
    ),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "types":
        return import_module(".types", __name__)
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("." + module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})


_default: Connection | None = None
_default_lock = _allocate_lock()


def _default_connection() -> Connection:
    """The connection of sql() and execute(): in memory, made on first use, and again after it was closed."""
    global _default
    with _default_lock:
        if _default is None or _default.is_closed:
            _default = open(":memory:")
        return _default


def _after_fork() -> None:
    global _default, _default_lock
    _laminar._after_fork()
    _default = None
    _default_lock = _allocate_lock()


_os.register_at_fork(after_in_child=_after_fork)


def sql(query: str, params: _Params | None = None) -> QueryResult:
    """Runs a query on the default connection, an in-memory database that is made on first use."""
    return _default_connection().query(query, params)


def execute(query: str, params: _Params | None = None) -> ExecuteResult:
    """Runs a statement on the default connection."""
    return _default_connection().execute(query, params)


def mv(conn: Connection, name: str, sql: str | None = None, *, sql_def: str | None = None) -> MaterializedView:
    """A handle of a stream or materialized view; with `sql` it is made first, unless it is there. `sql_def` is another name of `sql`."""
    from .types import MaterializedView

    if sql is not None and sql_def is not None:
        raise TypeError("mv() was given both sql and sql_def, which are the same")
    return MaterializedView(conn, name, sql_def if sql is None else sql)


def load_ipython_extension(ipython: Any) -> None:
    """Called by `%load_ext laminardb`: the magics %laminar and %%laminar, and schemas shown as tables."""
    from ._notebook import load

    load(ipython)


__all__ = [
    "__version__", "codes", "open", "connect", "sql", "execute", "mv",
    "Connection", "LaminarConfig", "Config", "Writer", "BatchWriter", "QueryResult", "QueryStream", "ExecuteResult", "CheckpointResult", "Transaction",
    "Interval", "Subscription", "AsyncSubscription", "StreamSubscription", "AsyncStreamSubscription", "CallbackSubscription", "LiveTable",
    "MaterializedView", "Schema", "Column", "ChangeEvent", "ChangeRow", "CheckpointStatus", "Metrics", "TableStats", "Watermark",
    "SourceInfo", "SinkInfo", "StreamInfo", "QueryInfo", "PipelineNode", "PipelineEdge", "PipelineTopology", "PipelineMetrics",
    "SourceMetrics", "StreamMetrics",
    "LaminarError", "ConnectionError", "QueryError", "IngestionError", "SchemaError", "SubscriptionError", "StreamError",
    "CheckpointError", "ConnectorError",
]
