"""laminardb.types: schemas, change events, views, statistics."""

import dataclasses

import laminardb
import pyarrow as pa
import pytest
from laminardb.types import ChangeEvent, ChangeRow, CheckpointStatus, Column, MaterializedView, Metrics, Schema, TableStats, Watermark


def test_column_is_frozen():
    column = Column("a", "int64")
    assert column == Column("a", "int64", True) and hash(column) == hash(Column("a", "int64"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        column.name = "b"


def test_schema():
    schema = Schema(pa.schema([pa.field("a", pa.int64(), nullable=False), ("b", pa.string())]))
    assert len(schema) == 2 and schema.names == ["a", "b"]
    assert schema[0] == schema["a"] == Column("a", "int64", False) and schema[-1] == Column("b", "string")
    assert schema.columns == list(schema) == [Column("a", "int64", False), Column("b", "string", True)]
    assert isinstance(schema.arrow_schema, pa.Schema) and repr(schema) == "Schema(a: int64, b: string)"
    with pytest.raises(KeyError):
        schema["nope"]
    with pytest.raises(IndexError):
        schema[5]


def test_plain_ones(db):
    assert TableStats(1, 2).row_count == 1 and Watermark(5).lag_ms == 0 and CheckpointStatus(None, False).enabled is False
    metrics = Metrics(db.metrics())
    assert (metrics.total_events, metrics.state) == (0, "Created") and metrics.events_per_second == 0 and metrics.uptime_secs >= 0
    assert "Created" in repr(metrics)


def test_change_row():
    row = ChangeRow("Insert", {"a": 1, "b": "x"})
    assert (row.op, row["a"], row.keys(), row.values(), row.to_dict()) == ("Insert", 1, ["a", "b"], [1, "x"], {"a": 1, "b": "x"})
    assert row == ChangeRow("Insert", {"a": 1, "b": "x"}) and row != ChangeRow("Delete", {"a": 1, "b": "x"}) and "Insert" in repr(row)
    with pytest.raises(KeyError):
        row["nope"]


def test_change_event(db):
    db.execute("CREATE SOURCE s (k VARCHAR, v BIGINT)")
    db.execute("CREATE STREAM g AS SELECT k, sum(v) AS total FROM s GROUP BY k")
    sub = db.subscribe_stream("g", changes=True)
    db.insert("s", {"k": "a", "v": 1})
    assert [(row.op, row.to_dict()) for row in ChangeEvent(sub.next())] == [("Insert", {"k": "a", "total": 1})]
    db.insert("s", {"k": "a", "v": 2})
    event = ChangeEvent(sub.next())
    assert sorted((row.op, row["total"]) for row in event) == [("Delete", 1), ("Insert", 3)]
    assert len(event) == 2 and event.arrow().num_rows == len(event.df()) == len(event.pl()) == 2
    assert repr(event) == "ChangeEvent(rows=2, op='Insert')"
    plain = ChangeEvent(db.query("SELECT 1 AS a"), op="Delete")
    assert [(row.op, row["a"]) for row in plain] == [("Delete", 1)]


def test_materialized_view(db):
    db.execute("CREATE SOURCE s (k VARCHAR, v BIGINT)")
    view = laminardb.mv(db, "totals", "SELECT k, sum(v) AS total FROM s GROUP BY k")
    assert isinstance(view, MaterializedView) and view.name == "totals" and "sum" in view.sql
    db.insert("s", {"k": ["a", "b", "a"], "v": [1, 2, 3]})
    assert sorted(view.query().fetchall()) == [("a", 4), ("b", 2)]
    assert view.query("total > 3").fetchall() == [("a", 4)]
    assert view.schema().names == ["k", "total"]
    again = MaterializedView(db, "totals")
    assert "sum" in again.sql and again.query().num_rows == 2
    assert repr(view) == "MaterializedView(name='totals')"
    db.start()
    sub = view.subscribe()
    events = []
    callback = view.subscribe(events.append)
    db.insert("s", {"k": "c", "v": 5})
    assert sub.next_timeout(5000).fetchall() == [("c", 5)]
    callback.cancel()
    callback.wait()
    assert all(isinstance(event, ChangeEvent) for event in events)
    with pytest.raises(laminardb.SchemaError):
        MaterializedView(db, "nope").query()
