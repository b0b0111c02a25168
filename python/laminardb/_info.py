"""Read-only descriptions of the catalog and the pipeline, as Connection's methods return them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class _Described:
    """A row of fields: compared by value, shown by __repr__ of the class."""

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__ if name != "_schema")

    __hash__ = None  # type: ignore[assignment]


class SourceInfo(_Described):
    """A source or table."""

    __slots__ = ("name", "_schema", "watermark_column")

    def __init__(self, name: str, schema: Any, watermark_column: str | None) -> None:
        self.name = name
        self._schema = _Schema(schema)
        self.watermark_column = watermark_column

    @property
    def schema(self) -> Any:
        """The columns as a pyarrow.Schema. Needs pyarrow."""
        return self._schema.get()

    def _repr_html_(self) -> str:
        return self._schema.html(self.name)

    def __repr__(self) -> str:
        return f"SourceInfo(name={self.name!r}, columns={self._schema.count()})"


class _Schema:
    """A schema capsule, which can be imported once, kept as what it was imported to."""

    __slots__ = ("_capsule", "_schema")

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule
        self._schema: Any = None

    def get(self) -> Any:
        if self._schema is None:
            from ._adapt import import_schema

            self._schema = import_schema(self._capsule)
        return self._schema

    def html(self, caption: str) -> str:
        from ._notebook import schema_html

        return schema_html([(field.name, str(field.type), field.nullable) for field in self.get()], caption)

    def count(self) -> str:
        try:
            return str(len(self.get()))
        except ImportError:
            return "?"


class SinkInfo(_Described):
    """A sink."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"SinkInfo(name={self.name!r})"


class StreamInfo(_Described):
    """A stream or materialized view."""

    __slots__ = ("name", "sql")

    def __init__(self, name: str, sql: str | None) -> None:
        self.name = name
        self.sql = sql

    def __repr__(self) -> str:
        return f"StreamInfo(name={self.name!r})"


class QueryInfo(_Described):
    """A query or subscription, running or finished."""

    __slots__ = ("id", "sql", "active")

    def __init__(self, id: int, sql: str, active: bool) -> None:
        self.id = id
        self.sql = sql
        self.active = active

    def __repr__(self) -> str:
        return f"QueryInfo(id={self.id}, active={str(self.active).lower()})"


class PipelineNode(_Described):
    """A node of the topology; node_type is "source", "stream" or "sink". shared_with names the streams and sinks that compute a part of
    their queries with the same operators."""

    __slots__ = ("name", "node_type", "_schema", "sql", "shared_with")

    def __init__(self, name: str, node_type: str, schema: Any, sql: str | None, shared_with: Sequence[str] = ()) -> None:
        self.name = name
        self.node_type = node_type
        self._schema = _Schema(schema)
        self.sql = sql
        self.shared_with = list(shared_with)

    @property
    def schema(self) -> Any:
        """The columns as a pyarrow.Schema. Needs pyarrow."""
        return self._schema.get()

    def _repr_html_(self) -> str:
        return self._schema.html(f"{self.node_type} {self.name}")

    def __repr__(self) -> str:
        return f"PipelineNode(name={self.name!r}, type={self.node_type!r})"


class PipelineEdge(_Described):
    """Rows of from_node go to to_node."""

    __slots__ = ("from_node", "to_node")

    def __init__(self, from_node: str, to_node: str) -> None:
        self.from_node = from_node
        self.to_node = to_node

    def __repr__(self) -> str:
        return f"PipelineEdge({self.from_node!r} -> {self.to_node!r})"


class PipelineTopology(_Described):
    """The graph of the pipeline."""

    __slots__ = ("nodes", "edges")

    def __init__(self, nodes: list[PipelineNode], edges: list[PipelineEdge]) -> None:
        self.nodes = nodes
        self.edges = edges

    def _repr_html_(self) -> str:
        from ._notebook import topology_svg

        return topology_svg(self)

    def __repr__(self) -> str:
        return f"PipelineTopology(nodes={len(self.nodes)}, edges={len(self.edges)})"


class PipelineMetrics(_Described):
    """Counts of the whole pipeline at one moment."""

    __slots__ = ("total_events_ingested", "total_events_emitted", "total_events_dropped", "total_events_late", "total_cycles",
                 "total_batches", "uptime_secs", "state", "source_count", "stream_count", "sink_count", "pipeline_watermark",
                 "state_bytes", "backpressure_waits", "subscription_count")

    def __init__(self, metrics: dict[str, Any]) -> None:
        self.total_events_ingested: int = metrics["events_ingested"]
        self.total_events_emitted: int = metrics["events_emitted"]
        self.total_events_dropped: int = metrics["events_dropped"]
        self.total_events_late: int = metrics["events_late"]
        self.total_cycles: int = metrics["steps"]
        self.total_batches: int = metrics["batches"]
        self.uptime_secs: float = metrics["uptime_us"] / 1e6
        self.state: str = metrics["state"]
        self.source_count: int = metrics["n_sources"] + metrics["n_tables"]
        self.stream_count: int = metrics["n_streams"]
        self.sink_count: int = metrics["n_sinks"]
        self.pipeline_watermark: int = metrics["watermark_ms"]
        self.state_bytes: int = metrics["state_bytes"]
        self.backpressure_waits: int = metrics["backpressure_waits"]
        self.subscription_count: int = metrics["n_subscriptions"]

    def __repr__(self) -> str:
        return f"PipelineMetrics(state={self.state}, ingested={self.total_events_ingested}, emitted={self.total_events_emitted})"


class _RelationMetrics(_Described):
    __slots__ = ("name", "total_events", "pending", "capacity", "is_backpressured", "watermark", "kept_rows", "kept_bytes", "late_events",
                 "sql")

    def __init__(self, metrics: dict[str, Any]) -> None:
        self.name: str = metrics["name"]
        self.total_events: int = metrics["total_rows"]
        self.pending: int = metrics["pending_rows"]
        self.capacity: int = metrics["capacity_rows"]
        self.is_backpressured: bool = metrics["is_backpressured"]
        self.watermark: int = metrics["watermark_ms"]
        self.kept_rows: int = metrics["kept_rows"]
        self.kept_bytes: int = metrics["kept_bytes"]
        self.late_events: int = metrics["late_rows"]
        self.sql: str | None = metrics["sql"]

    @property
    def utilization(self) -> float:
        """pending over capacity."""
        return self.pending / self.capacity if self.capacity else 0.0


class SourceMetrics(_RelationMetrics):
    """Counts of a source or table at one moment."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"SourceMetrics(name={self.name!r}, events={self.total_events}, pending={self.pending})"


class StreamMetrics(_RelationMetrics):
    """Counts of a stream or materialized view at one moment."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"StreamMetrics(name={self.name!r}, events={self.total_events}, pending={self.pending})"


def relation_stats(name: str, metrics: dict[str, Any]) -> dict[str, Any]:
    """What Connection.stats returns."""
    capacity = metrics["capacity_rows"]
    return {
        "name": name,
        "total_events": metrics["total_rows"],
        "pending": metrics["pending_rows"],
        "capacity": capacity,
        "is_backpressured": metrics["is_backpressured"],
        "watermark": metrics["watermark_ms"],
        "utilization": metrics["pending_rows"] / capacity if capacity else 0.0,
        "row_count": metrics["kept_rows"],
        "size_bytes": metrics["kept_bytes"],
        "kept_rows": metrics["kept_rows"],
        "kept_bytes": metrics["kept_bytes"],
        "late_events": metrics["late_rows"],
    }


_COUNTERS = {
    "events_ingested": "Rows accepted by sources and tables.",
    "events_emitted": "Rows that streams and sinks emitted.",
    "events_dropped": "Rows dropped: late, over policy, undecodable.",
    "events_late": "Rows that came too late.",
    "steps": "Steps run.",
    "batches": "Insert calls accepted.",
    "backpressure_waits": "Inserts that had to wait.",
}
_GAUGES = {
    "uptime_us": "Microseconds since the database was opened.",
    "n_sources": "Sources.",
    "n_tables": "Tables.",
    "n_streams": "Streams and materialized views.",
    "n_sinks": "Sinks.",
    "n_subscriptions": "Subscriptions.",
    "n_active_queries": "Running queries.",
    "state_bytes": "Bytes in state tables and kept rows.",
}


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def prometheus_text(metrics: dict[str, Any], relations: list[tuple[str, Any]]) -> str:
    """The text format of Prometheus, version 0.0.4."""
    lines = []
    for kind, table in (("counter", _COUNTERS), ("gauge", _GAUGES)):
        for name, text in table.items():
            full = f"laminar_{name}_total" if kind == "counter" else f"laminar_{name}"
            lines += [f"# HELP {full} {text}", f"# TYPE {full} {kind}", f"{full} {metrics[name]}"]
    for name, text in (("total_events", "Rows accepted or emitted."), ("pending", "Rows queued."), ("kept_rows", "Rows that SELECT reads.")):
        kind = "counter" if name == "total_events" else "gauge"
        full = "laminar_relation_events_total" if kind == "counter" else f"laminar_relation_{name}"
        lines += [f"# HELP {full} {text}", f"# TYPE {full} {kind}"]
        lines += [f'{full}{{relation="{_label(each.name)}",type="{node}"}} {getattr(each, name)}' for node, each in relations]
    return "\n".join(lines) + "\n"
