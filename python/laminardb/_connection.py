"""Connection: the extension's base class and what is written in Python on it; open() and connect()."""

from __future__ import annotations

from . import _laminar, codes
from ._config import LaminarConfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, NoReturn, TypeAlias

    from ._aio import AsyncStreamSubscription, AsyncSubscription
    from ._callback import CallbackSubscription
    from ._info import (
        PipelineMetrics,
        PipelineTopology,
        QueryInfo,
        SinkInfo,
        SourceInfo,
        SourceMetrics,
        StreamInfo,
        StreamMetrics,
    )
    from ._laminar import QueryResult, StreamSubscription, Subscription
    from ._transaction import Transaction

    _Params: TypeAlias = "Sequence[Any] | Mapping[str, Any]"

_POLICIES = {"block": 0, "drop_oldest": 1, "disconnect": 2}


class ExecuteResult:
    """What a statement did. int() is the number of rows; bool() is False for one that touched or found no row."""

    __slots__ = ("_type", "_rows_affected", "_ddl_type", "_ddl_object", "_result")

    def __init__(self, result_type: str, rows_affected: int, ddl_type: str | None, ddl_object: str | None,
                 result: QueryResult | None) -> None:
        self._type = result_type
        self._rows_affected = rows_affected
        self._ddl_type = ddl_type
        self._ddl_object = ddl_object
        self._result = result

    @property
    def result_type(self) -> str:
        """'ddl', 'rows_affected', 'query' or 'metadata'."""
        return self._type

    @property
    def rows_affected(self) -> int:
        """Rows inserted, updated or deleted; 0 for other statements."""
        return self._rows_affected

    @property
    def ddl_type(self) -> str | None:
        """'CREATE SOURCE' and the like; None where it was no DDL."""
        return self._ddl_type

    @property
    def ddl_object(self) -> str | None:
        """The name that the DDL was about."""
        return self._ddl_object

    def to_query_result(self) -> QueryResult | None:
        """The rows of a query or of SHOW, DESCRIBE, EXPLAIN; None otherwise."""
        return self._result

    def __int__(self) -> int:
        return self._rows_affected if self._result is None else self._result.num_rows

    def __bool__(self) -> bool:
        return self._type == "ddl" or int(self) > 0

    def __repr__(self) -> str:
        if self._type == "ddl":
            return f"ExecuteResult(ddl, {self._ddl_type} {self._ddl_object})" if self._ddl_object else f"ExecuteResult(ddl, {self._ddl_type})"
        if self._result is None:
            return f"ExecuteResult(rows_affected={self._rows_affected})"
        return f"ExecuteResult({self._type}, rows={self._result.num_rows})"


class CheckpointResult:
    """A checkpoint that was made. int() is its id."""

    __slots__ = ("_checkpoint_id",)

    def __init__(self, checkpoint_id: int) -> None:
        self._checkpoint_id = checkpoint_id

    @property
    def checkpoint_id(self) -> int:
        """The checkpoint's number."""
        return self._checkpoint_id

    def __int__(self) -> int:
        return self._checkpoint_id

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"CheckpointResult(checkpoint_id={self._checkpoint_id})"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _check_filter(filter: str | None, params: object) -> None:
    if params is not None and filter is None:
        raise TypeError("params are the values of a filter, and there is none")


def _unavailable(what: str, hint: str) -> NoReturn:
    _laminar._raise(codes.QUERY_FAILED, f"{what} is not available in this build", hint)


class Connection(_laminar.Connection):
    """An open database. Thread-safe: any method may be called from any thread; close() ends what waits.

    A context manager, sync and async: leaving it closes the database. Every use after close() raises ConnectionError (101).
    """

    __slots__ = ()

    def __enter__(self) -> Connection:
        self._metrics()  # raises where it is closed
        return self

    def __exit__(self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Connection:
        return self.__enter__()

    async def __aexit__(self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None) -> None:
        self.close()

    # --- Statements ---------------------------------------------------------------------------------------------------

    def execute(self, sql: str, params: _Params | None = None) -> ExecuteResult:
        """Runs one or more statements separated by `;`; the result is the last one's. With params it is one statement.

        params: a list or tuple for `$1` and `?`, a dict for `:name`. Statements before a failing one stay done.
        """
        return ExecuteResult(*self._execute(sql, params))

    def explain(self, query: str, params: _Params | None = None) -> str:
        """The plan of a statement, as text (which a notebook shows in lines)."""
        text = query if query.lstrip()[:7].upper() == "EXPLAIN" else "EXPLAIN " + query
        from ._notebook import Plan

        return Plan("\n".join(row[-1] or "" for row in self.query(text, params)))

    def query_stream(self, name: str, filter: str | None = None, params: _Params | None = None) -> QueryResult:
        """What a stream, source, table or view holds now, where `filter` (a condition in SQL, with its params) is true."""
        self._relation_metrics(name)
        _check_filter(filter, params)
        where = "" if filter is None else f" WHERE {filter}"
        try:
            return self.query(f"SELECT * FROM {_quote(name)}{where}", params)
        except _laminar.QueryError:
            if name == name.lower():
                raise
        return self.query(f"SELECT * FROM {_quote(name.lower())}{where}", params)

    def transaction(self) -> Transaction:
        """Inserts into several sources and tables that become visible in one step, or not at all:

            with db.transaction() as tx:
                tx.insert("orders", {...})
                tx.insert("lines", [{...}, {...}])
        """
        from ._transaction import Transaction

        self._metrics()  # raises where it is closed
        return Transaction(self)

    # --- Schemas ------------------------------------------------------------------------------------------------------

    def create_table(self, name: str, schema: Any) -> None:
        """Makes a SOURCE. schema: a pyarrow.Schema, anything with __arrow_c_schema__, or a dict of column names to types: SQL
        ("BIGINT"), Arrow ("int64", pyarrow types) or Python (int, str, datetime ...)."""
        if isinstance(schema, dict):
            from ._adapt import sql_type

            if not isinstance(name, str):
                raise TypeError(f"the name must be a str, not {type(name).__name__}")
            columns = ", ".join(f"{_quote(column)} {sql_type(kind)}" for column, kind in schema.items())
            if not schema:
                _laminar._raise(codes.INVALID_SCHEMA, "the schema has no columns", "{'a': 'BIGINT'}, for one")
            try:
                self._execute(f"CREATE SOURCE {_quote(name)} ({columns})")
            except _laminar.QueryError as error:  # the text is ours: what is wrong is in the dict
                if error.code not in (codes.QUERY_FAILED, codes.SQL_PARSE_ERROR):
                    raise
                message = str(error).partition("\n")[0].partition("): ")[2]
                _laminar._raise(codes.INVALID_SCHEMA, message, error.hint)
        elif hasattr(schema, "__arrow_c_schema__"):
            self._create_source(name, schema)
        else:
            raise TypeError(f"the schema must be a dict or a pyarrow.Schema, not {type(schema).__name__}")

    def schema(self, table: str) -> Any:
        """The columns of a source, table, stream, sink or view as a pyarrow.Schema. SchemaError 200 where it is unknown."""
        from ._adapt import import_schema

        return import_schema(self._schema(table))

    def _names(self, sql: str) -> list[str]:
        return [row[0] for row in self.query(sql)]

    def list_tables(self) -> list[str]:
        """Names of the sources and tables."""
        return self._names("SELECT name FROM system.sources") + self._names("SELECT name FROM system.tables")

    def list_streams(self) -> list[str]:
        """Names of the streams and materialized views."""
        return self._names("SELECT name FROM system.streams")

    def list_sinks(self) -> list[str]:
        """Names of the sinks."""
        return self._names("SELECT name FROM system.sinks")

    def tables(self) -> list[str]:
        """The same as list_tables()."""
        return self.list_tables()

    def materialized_views(self) -> list[str]:
        """The same as list_streams()."""
        return self.list_streams()

    # --- Subscriptions ------------------------------------------------------------------------------------------------

    def _open_subscription(self, is_stream: bool, source: str, params: _Params | None, snapshot: bool | None, changes: bool,
                           capacity: int | None, policy: str, filter: str | None, epoch: int | None = None) -> Any:
        if policy not in _POLICIES:
            raise ValueError(f"policy must be one of {', '.join(_POLICIES)}, and is {policy!r}")
        if capacity is not None and (isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1):
            raise ValueError(f"capacity must be a number of rows, and is {capacity!r}")
        if epoch is not None and (isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0):
            raise ValueError(f"epoch must be the number of an epoch that was seen, and is {epoch!r}")
        if epoch is not None and snapshot:
            raise ValueError("a subscription begins with its contents (snapshot) or behind an epoch, not both")
        if not is_stream and snapshot is False:
            _laminar._raise(codes.QUERY_UNSUPPORTED, "a subscription to a query begins with its current result",
                            "CREATE STREAM ... AS the query, and subscribe_stream(name)")
        if is_stream and params is not None:
            _check_filter(filter, params)
            self._relation_metrics(source)  # SchemaError where it is unknown
            source, filter = f"SUBSCRIBE {_quote(source)} WHERE {filter}", None
        try:
            return self._subscribe(is_stream, source, bool(snapshot) or not is_stream, changes, _POLICIES[policy], capacity or 0, filter,
                                   params, epoch)
        except _laminar.SchemaError:
            # What is no query is taken for a name: text that cannot be one gets the parser's error.
            if not is_stream and not source.isidentifier():
                self.query("EXPLAIN " + source)
                _laminar._raise(codes.SUBSCRIPTION_FAILED, "only a query can be subscribed to, and this is another statement",
                                "give a SELECT or the name of a relation")
            raise

    def subscribe(self, sql: str, *, params: _Params | None = None, snapshot: bool | None = None, changes: bool = False,
                  capacity: int | None = None, policy: str = "block") -> Subscription:
        """Subscribes to a query: first its current result, then each change.

        changes: adds a column __weight, +1 for an inserted row and -1 for a retracted one. capacity: rows that are queued at most.
        policy, for a full queue: "block" (inserts wait), "drop_oldest" or "disconnect". params: as in query().
        """
        sub: Subscription = self._open_subscription(False, sql, params, snapshot, changes, capacity, policy, None)
        return sub

    def subscribe_stream(self, name: str, *, snapshot: bool = False, changes: bool = False, capacity: int | None = None,
                         policy: str = "block", filter: str | None = None, params: _Params | None = None,
                         epoch: int | None = None) -> StreamSubscription:
        """Subscribes to a stream, source, table, sink or view by name. snapshot: its contents first, without gap or overlap;
        before start() they come first in any case, as a stream keeps its rows until then.
        epoch: goes on behind an epoch that was seen (QueryResult.epoch): every change after it comes, once, also after a crash. The
        relation declares how far back that goes, WITH (retain_history = '64mb').
        filter: a condition in SQL over its columns, with params. The others as in subscribe()."""
        sub: StreamSubscription = self._open_subscription(True, name, params, snapshot, changes, capacity, policy, filter, epoch)
        return sub

    async def subscribe_async(self, sql: str, *, params: _Params | None = None, snapshot: bool | None = None, changes: bool = False,
                              capacity: int | None = None, policy: str = "block") -> AsyncSubscription:
        """subscribe() for `async for`."""
        from ._aio import AsyncSubscription

        return AsyncSubscription(self._open_subscription(False, sql, params, snapshot, changes, capacity, policy, None))

    async def subscribe_stream_async(self, name: str, *, snapshot: bool = False, changes: bool = False, capacity: int | None = None,
                                     policy: str = "block", filter: str | None = None, params: _Params | None = None,
                                     epoch: int | None = None) -> AsyncStreamSubscription:
        """subscribe_stream() for `async for`."""
        from ._aio import AsyncStreamSubscription

        return AsyncStreamSubscription(self._open_subscription(True, name, params, snapshot, changes, capacity, policy, filter, epoch))

    def subscribe_callback(self, sql: str, on_data: Callable[[QueryResult], object], on_error: Callable[[str], object] | None = None, *,
                           params: _Params | None = None, snapshot: bool | None = None, changes: bool = False, capacity: int | None = None,
                           policy: str = "block") -> CallbackSubscription:
        """Calls on_data with each delivery, in a thread of its own. An exception in it goes to on_error as text; without on_error,
        or when that raises too, the subscription ends."""
        from ._callback import CallbackSubscription, check_callbacks

        check_callbacks(on_data, on_error)
        sub = self._open_subscription(False, sql, params, snapshot, changes, capacity, policy, None)
        return CallbackSubscription(sub, on_data, on_error)

    def subscribe_stream_callback(self, name: str, on_data: Callable[[QueryResult], object],
                                  on_error: Callable[[str], object] | None = None, *, snapshot: bool = False, changes: bool = False,
                                  capacity: int | None = None, policy: str = "block", filter: str | None = None,
                                  params: _Params | None = None, epoch: int | None = None) -> CallbackSubscription:
        """subscribe_callback() for a stream by name."""
        from ._callback import CallbackSubscription, check_callbacks

        check_callbacks(on_data, on_error)
        sub = self._open_subscription(True, name, params, snapshot, changes, capacity, policy, filter, epoch)
        return CallbackSubscription(sub, on_data, on_error)

    # --- Pipeline -----------------------------------------------------------------------------------------------------

    def checkpoint(self) -> CheckpointResult:
        """Makes a checkpoint. CheckpointError 700 where there is no storage directory."""
        return CheckpointResult(int(self.execute("CHECKPOINT").ddl_object or 0))

    @property
    def is_checkpoint_enabled(self) -> bool:
        """True where the database has a storage directory."""
        return bool(self.query("SHOW CHECKPOINT STATUS").fetchall()[0][0])

    @property
    def pipeline_state(self) -> str:
        """'Created', 'Running' or 'Stopped'."""
        state: str = self._metrics()["state"]
        return state

    def _count(self, name: str) -> int:
        value: int = self._metrics()[name]
        return value

    @property
    def pipeline_watermark(self) -> int:
        """The least watermark of all sources that have one, in epoch milliseconds; -2**63 before any."""
        return self._count("watermark_ms")

    @property
    def total_events_processed(self) -> int:
        """Rows that sources and tables have accepted."""
        return self._count("events_ingested")

    @property
    def source_count(self) -> int:
        """Number of sources and tables."""
        metrics = self._metrics()
        count: int = metrics["n_sources"] + metrics["n_tables"]
        return count

    @property
    def sink_count(self) -> int:
        """Number of sinks."""
        return self._count("n_sinks")

    @property
    def active_query_count(self) -> int:
        """Running queries and subscriptions."""
        return self._count("n_active_queries")

    # --- Catalog and metrics --------------------------------------------------------------------------------------------

    def sources(self) -> list[SourceInfo]:
        """Sources and tables with schema and watermark column."""
        from ._info import SourceInfo

        rows = [row for kind in ("sources", "tables") for row in self.query(f"SELECT name, watermark_column FROM system.{kind}")]
        return [SourceInfo(name, self._schema(name), column) for name, column in rows]

    def sinks(self) -> list[SinkInfo]:
        """The sinks."""
        from ._info import SinkInfo

        return [SinkInfo(name) for name in self.list_sinks()]

    def streams(self) -> list[StreamInfo]:
        """Streams and materialized views with their SQL."""
        from ._info import StreamInfo

        return [StreamInfo(*row) for row in self.query("SELECT name, sql FROM system.streams")]

    def queries(self) -> list[QueryInfo]:
        """Running queries and subscriptions, and the last finished ones."""
        from ._info import QueryInfo

        return [QueryInfo(*row) for row in self.query("SELECT id, sql, active FROM system.queries ORDER BY id")]

    def topology(self) -> PipelineTopology:
        """The graph of sources, streams and sinks."""
        from ._info import PipelineEdge, PipelineNode, PipelineTopology

        shared: dict[str, set[str]] = {}
        for name, others in self.query("SELECT DISTINCT relation, shared_with FROM system.operators WHERE shared_with IS NOT NULL"):
            shared.setdefault(name, set()).update(others.split(", "))
        nodes = []
        for kind, node_type in (("sources", "source"), ("tables", "source"), ("streams", "stream"), ("sinks", "sink")):
            for name, sql in self.query(f"SELECT name, sql FROM system.{kind}"):
                text = sql if node_type != "source" else None
                nodes.append(PipelineNode(name, node_type, self._schema(name), text, sorted(shared.get(name, ()))))
        names = {node.name for node in nodes}
        edges = [PipelineEdge(*row) for row in self.query("SELECT from_relation, to_relation FROM system.edges")
                 if row[0] in names and row[1] in names]
        return PipelineTopology(nodes, edges)

    def metrics(self) -> PipelineMetrics:
        """Counts of the whole pipeline now."""
        from ._info import PipelineMetrics

        return PipelineMetrics(self._metrics())

    def _metrics_of(self, name: str, kinds: tuple[str, ...]) -> dict[str, Any] | None:
        for kind in kinds:
            for found, sql in self.query(f"SELECT name, sql FROM system.{kind}"):
                if found == name:
                    return {"name": name, "sql": sql, **self._relation_metrics(name)}
        return None

    def source_metrics(self, name: str) -> SourceMetrics | None:
        """Counts of a source or table; None where it is unknown."""
        from ._info import SourceMetrics

        metrics = self._metrics_of(name, ("sources", "tables"))
        return SourceMetrics(metrics) if metrics else None

    def stream_metrics(self, name: str) -> StreamMetrics | None:
        """Counts of a stream or materialized view; None where it is unknown."""
        from ._info import StreamMetrics

        metrics = self._metrics_of(name, ("streams",))
        return StreamMetrics(metrics) if metrics else None

    def all_source_metrics(self) -> list[SourceMetrics]:
        """source_metrics() of each."""
        return [metrics for name in self.list_tables() if (metrics := self.source_metrics(name))]

    def all_stream_metrics(self) -> list[StreamMetrics]:
        """stream_metrics() of each."""
        return [metrics for name in self.list_streams() if (metrics := self.stream_metrics(name))]

    def stats(self, table: str) -> dict[str, Any]:
        """Counts of one relation: total_events, pending, capacity, is_backpressured, watermark, utilization, and what it keeps
        (kept_rows, kept_bytes). SchemaError 200 where it is unknown."""
        from ._info import relation_stats

        return relation_stats(table, self._relation_metrics(table))

    def metrics_text(self) -> str:
        """The metrics in the text format of Prometheus."""
        from ._info import prometheus_text

        relations = [("source", metrics) for metrics in self.all_source_metrics()]
        return prometheus_text(self._metrics(), [*relations, *(("stream", metrics) for metrics in self.all_stream_metrics())])

    # --- Functions ----------------------------------------------------------------------------------------------------------

    def register_function(self, name: str, fn: Callable[..., Any], args: Sequence[Any] | None = None, returns: Any = None, *,
                          vectorized: bool | str = False, volatility: str = "immutable", on_null: str = "null",
                          replace: bool = False) -> None:
        """Makes fn a SQL function.

        args, returns: types, as in create_table(): SQL ("BIGINT"), Arrow or Python (int, str ...); None: fn's annotations.
        vectorized: False calls fn with the values of a row; True or "arrow" with pyarrow arrays, "numpy" with numpy arrays of up to
        2048 rows, and takes an array. volatility: "immutable" (the result follows from the arguments), "stable" within a statement,
        or "volatile". on_null: "null" gives null for a row with a null argument, "call" calls fn with None.
        replace: a function of that name gives way; streams that call it keep it.

        fn is called on any thread, in the middle of a step: it must not use this connection (QueryError). An exception in it becomes the
        statement's QueryError, with the exception as __cause__, or stops the stream.
        """
        from ._udf import scalar, track

        self._register(*scalar(name, fn, args, returns, vectorized, volatility, on_null, replace))
        track(self)

    def register_aggregate(self, name: str, cls: Callable[[], Any], args: Sequence[Any] | None = None, returns: Any = None, *,
                           vectorized: bool | str = False, on_null: str = "null", replace: bool = False) -> None:
        """Makes cls a SQL aggregate. cls() is the state of a group, with the methods

        update(*values) adds a row; finish() gives the result and leaves the state as it is; retract(*values), if there is one, takes a row
        out again; merge(other), if there is one, adds what another state holds. Without retract, groups whose input takes rows back
        are computed anew from their rows, which are kept then. vectorized: update and retract get arrays of a group's rows.
        States are pickled for checkpoints. The rest as in register_function().
        """
        from ._udf import aggregate, track

        self._register(*aggregate(name, cls, args, returns, vectorized, on_null, replace))
        track(self)

    # --- Not in this build ------------------------------------------------------------------------------------------------

    def register_source(self, name: str, cls: type[Any]) -> None:
        """Registers a source connector in Python."""
        _unavailable("register_source", "insert the rows with Connection.insert")

    def register_sink(self, name: str, cls: type[Any]) -> None:
        """Registers a sink connector in Python."""
        _unavailable("register_sink", "read the rows with Connection.subscribe_stream")


def open(path: str | os.PathLike[str], *, config: LaminarConfig | None = None) -> Connection:
    """Opens a database: ":memory:", or a directory, which is made where it is missing and locked against a second opener
    (ConnectionError 102)."""
    from os import fspath

    if config is not None and not isinstance(config, LaminarConfig):
        raise TypeError(f"config must be a LaminarConfig, not {type(config).__name__}")
    path = fspath(path)
    if config is not None and config.storage_dir is not None:
        if path not in (":memory:", config.storage_dir):
            raise ValueError(f"the path is {path!r} and storage_dir {config.storage_dir!r}: give one of them, or ':memory:' as the path")
        path = config.storage_dir
    return Connection(path, config._options(), config.variables) if config else Connection(path)


def connect(uri: str) -> Connection:
    """Opens a database by URI: "laminar://host:port/db" (a server), a path, or ":memory:"."""
    if isinstance(uri, str) and "://" in uri:
        _laminar._raise(codes.CONNECTION_FAILED, f"cannot connect to {uri.split('@')[-1]!r}: connections to a server are not available in "
                        "this build", "open ':memory:' in this process")
    return open(uri)
