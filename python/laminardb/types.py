"""Plain types around results: schemas, change events, views, statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._callback import CallbackSubscription
    from ._connection import Connection
    from ._info import PipelineMetrics
    from ._laminar import QueryResult, StreamSubscription

__all__ = ["Column", "Schema", "TableStats", "Watermark", "CheckpointStatus", "Metrics", "ChangeRow", "ChangeEvent", "MaterializedView"]


@dataclass(frozen=True)
class Column:
    """One column: its name, its Arrow type as text, and whether it may be null."""

    name: str
    type: str
    nullable: bool = True


class Schema:
    """The columns of a relation, by name or position."""

    def __init__(self, arrow_schema: Any) -> None:
        self._schema = arrow_schema

    @property
    def arrow_schema(self) -> Any:
        """The pyarrow.Schema."""
        return self._schema

    @property
    def columns(self) -> list[Column]:
        """All columns in order."""
        return [Column(field.name, str(field.type), field.nullable) for field in self._schema]

    @property
    def names(self) -> list[str]:
        """Their names."""
        return list(self._schema.names)

    def __len__(self) -> int:
        return len(self._schema)

    def __getitem__(self, key: int | str) -> Column:
        if isinstance(key, str):
            if self._schema.get_field_index(key) < 0:
                raise KeyError(key)
            field = self._schema.field(key)
            return Column(field.name, str(field.type), field.nullable)
        return self.columns[key]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and bool(self._schema == other._schema)

    def __hash__(self) -> int:
        return hash(self._schema)

    def _repr_html_(self) -> str:
        from ._notebook import schema_html

        return schema_html([(column.name, column.type, column.nullable) for column in self.columns])

    def __repr__(self) -> str:
        return f"Schema({', '.join(f'{column.name}: {column.type}' for column in self.columns)})"


@dataclass(frozen=True)
class TableStats:
    """What a relation keeps."""

    row_count: int
    size_bytes: int


@dataclass(frozen=True)
class Watermark:
    """A watermark in epoch milliseconds, and how far it is behind."""

    current: int
    lag_ms: int = 0


@dataclass(frozen=True)
class CheckpointStatus:
    """The last checkpoint, and whether there are any."""

    checkpoint_id: int | None
    enabled: bool


class Metrics:
    """Rates from Connection.metrics()."""

    def __init__(self, pipeline_metrics: PipelineMetrics) -> None:
        self._metrics = pipeline_metrics

    @property
    def events_per_second(self) -> float:
        """Rows accepted over the time since the database was opened."""
        uptime = self._metrics.uptime_secs
        return self._metrics.total_events_ingested / uptime if uptime > 0 else 0.0

    @property
    def total_events(self) -> int:
        """Rows accepted."""
        return self._metrics.total_events_ingested

    @property
    def uptime_secs(self) -> float:
        """Seconds since the database was opened."""
        return self._metrics.uptime_secs

    @property
    def state(self) -> str:
        """'Created', 'Running' or 'Stopped'."""
        return self._metrics.state

    def __repr__(self) -> str:
        return f"Metrics(state={self.state!r}, eps={self.events_per_second:.1f}, uptime={self.uptime_secs:.1f}s)"


class ChangeRow:
    """One changed row: `op` is "Insert" or "Delete"; values by column name."""

    __slots__ = ("op", "_data")

    def __init__(self, op: str, data: dict[str, Any]) -> None:
        self.op = op
        self._data = data

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def keys(self) -> list[str]:
        """The column names."""
        return list(self._data)

    def values(self) -> list[Any]:
        """The values."""
        return list(self._data.values())

    def to_dict(self) -> dict[str, Any]:
        """The row as a dict."""
        return dict(self._data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChangeRow) and self.op == other.op and self._data == other._data

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ChangeRow(op={self.op!r}, {self._data!r})"


class ChangeEvent:
    """A delivery as changed rows. Where it has a column __weight, its sign tells inserts from deletes, and it is no value."""

    WEIGHT = "__weight"

    def __init__(self, query_result: QueryResult, op: str = "Insert") -> None:
        self._result = query_result
        self._op = op

    @property
    def result(self) -> QueryResult:
        """The delivery."""
        return self._result

    def __iter__(self) -> Iterator[ChangeRow]:
        names = self._result.columns
        weight = names.index(self.WEIGHT) if self.WEIGHT in names else -1
        for row in self._result:
            op = self._op if weight < 0 else "Insert" if row[weight] > 0 else "Delete"
            yield ChangeRow(op, {name: value for i, (name, value) in enumerate(zip(names, row, strict=True)) if i != weight})

    def __len__(self) -> int:
        return self._result.num_rows

    def df(self) -> Any:
        """The delivery as a pandas DataFrame."""
        return self._result.df()

    def pl(self, *, lazy: bool = False) -> Any:
        """The delivery as a polars DataFrame, or LazyFrame."""
        return self._result.pl(lazy=lazy)

    def arrow(self) -> Any:
        """The delivery as a pyarrow Table."""
        return self._result.arrow()

    def __repr__(self) -> str:
        return f"ChangeEvent(rows={len(self)}, op={self._op!r})"


class MaterializedView:
    """A stream or materialized view by name. With `sql` it is made as a materialized view, unless one of that name is there."""

    def __init__(self, conn: Connection, name: str, sql: str | None = None) -> None:
        self._conn = conn
        self._name = name
        self._sql = sql
        if sql is not None and name not in conn.list_streams():
            quoted = name.replace('"', '""')
            conn.execute(f'CREATE MATERIALIZED VIEW "{quoted}" AS {sql}')

    @property
    def name(self) -> str:
        """The view's name."""
        return self._name

    @property
    def sql(self) -> str | None:
        """The query that it was made with here, or that the catalog has."""
        if self._sql is not None:
            return self._sql
        return next((info.sql for info in self._conn.streams() if info.name == self._name), None)

    def query(self, where: str = "") -> QueryResult:
        """What it holds now, where the condition `where` is true."""
        return self._conn.query_stream(self._name, where or None)

    def schema(self) -> Schema:
        """Its columns. Needs pyarrow."""
        return Schema(self._conn.schema(self._name))

    def subscribe(self, handler: Callable[[ChangeEvent], object] | None = None) -> StreamSubscription | CallbackSubscription:
        """A subscription to its changes; with a handler, one that calls it with a ChangeEvent for each delivery."""
        if handler is None:
            return self._conn.subscribe_stream(self._name)
        return self._conn.subscribe_stream_callback(self._name, lambda result: handler(ChangeEvent(result)))

    def __repr__(self) -> str:
        return f"MaterializedView(name={self._name!r})"
