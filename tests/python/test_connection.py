"""The connection: life, statements, catalog, metrics, writers, configuration, the module's functions."""

import gc
import os
import sys
import threading

import laminardb
import pyarrow as pa
import pytest
from laminardb import ConnectionError, IngestionError, LaminarConfig, LaminarError, QueryError, SchemaError


def test_life():
    db = laminardb.open(":memory:")
    assert repr(db) == "Connection(open)" and not db.is_closed
    db.close()
    db.close()
    assert repr(db) == "Connection(closed)" and db.is_closed
    with laminardb.open(":memory:") as inside:
        inside.execute("CREATE SOURCE t (a BIGINT)")
    assert inside.is_closed
    with pytest.raises(KeyError), laminardb.open(":memory:") as failing:
        raise KeyError
    assert failing.is_closed


USES = {
    "insert": lambda db: db.insert("t", {"a": 1}), "insert_json": lambda db: db.insert_json("t", "{}"), "insert_csv": lambda db: db.insert_csv("t", "a\n"),
    "insert_frame": lambda db: db.insert("t", pa.table({"a": [1]})), "writer": lambda db: db.writer("t"), "query": lambda db: db.query("SELECT 1"),
    "execute": lambda db: db.execute("SELECT 1"), "stream": lambda db: db.stream("SELECT 1"), "explain": lambda db: db.explain("SELECT 1"),
    "params": lambda db: db.query("SELECT $1", [1]), "schema": lambda db: db.schema("t"), "create_table": lambda db: db.create_table("u", {"a": "BIGINT"}),
    "list_tables": lambda db: db.list_tables(), "subscribe": lambda db: db.subscribe("SELECT 1"), "subscribe_stream": lambda db: db.subscribe_stream("t"),
    "metrics": lambda db: db.metrics(), "state": lambda db: db.pipeline_state, "stats": lambda db: db.stats("t"), "start": lambda db: db.start(),
    "shutdown": lambda db: db.shutdown(), "checkpoint": lambda db: db.checkpoint(), "topology": lambda db: db.topology(), "sources": lambda db: db.sources(),
    "cancel_query": lambda db: db.cancel_query(1), "enter": lambda db: db.__enter__(), "query_stream": lambda db: db.query_stream("t"),
    "create_arrow": lambda db: db.create_table("u", pa.schema({"a": pa.int64()})), "metrics_text": lambda db: db.metrics_text(),
}


@pytest.mark.parametrize("use", USES)
def test_every_use_after_close_is_an_error(use):
    db = laminardb.open(":memory:")
    db.execute("CREATE SOURCE t (a BIGINT)")
    db.insert("t", {"a": 1})
    db.close()
    with pytest.raises(ConnectionError, match="closed") as info:
        USES[use](db)
    assert info.value.code == 101


def test_paths(tmp_path):
    for path in ("", "\ud800", "zero\0byte"):
        with pytest.raises(ConnectionError) as info:
            laminardb.open(path)
        assert info.value.code == 100
    for path in (5, None, b"x" if False else object()):
        with pytest.raises(TypeError):
            laminardb.open(path)
    (tmp_path / "file").write_text("no folder")
    for path in (tmp_path / "file", tmp_path / "file" / "below", "/proc/nowhere"):
        with pytest.raises(ConnectionError, match=r"Connection failed \(100\)") as info:
            laminardb.open(path)
        assert info.value.code == 100 and str(path).removesuffix("/below") in str(info.value)
    with pytest.raises(ConnectionError, match="not available in this build") as info:
        laminardb.connect("laminar://user:secret@host:1234/db")
    assert info.value.code == 100 and "secret" not in str(info.value)
    with laminardb.connect(":memory:") as db:
        assert db.query("SELECT 1").fetchone() == (1,)


# --- Statements -----------------------------------------------------------------------------------------------------------


def test_execute_result(db):
    ddl = db.execute("CREATE SOURCE s (a BIGINT)")
    assert repr(ddl) == "ExecuteResult(ddl, CREATE SOURCE s)"
    assert (ddl.result_type, ddl.rows_affected, ddl.ddl_type, ddl.ddl_object, int(ddl), bool(ddl)) == ("ddl", 0, "CREATE SOURCE", "s", 0, True)
    assert ddl.to_query_result() is None
    dml = db.execute("INSERT INTO s VALUES (1), (2)")
    assert (dml.result_type, dml.rows_affected, int(dml), bool(dml), repr(dml)) == ("rows_affected", 2, 2, True, "ExecuteResult(rows_affected=2)")
    query = db.execute("SELECT * FROM s")
    assert (query.result_type, int(query), repr(query)) == ("query", 2, "ExecuteResult(query, rows=2)")
    assert query.to_query_result().num_rows == 2
    assert not db.execute("SELECT * FROM s WHERE false")
    assert repr(db.execute("SHOW SOURCES")) == "ExecuteResult(metadata, rows=1)"


def test_several_statements(db):
    result = db.execute("CREATE SOURCE s (a BIGINT); INSERT INTO s VALUES (1), (2); SELECT sum(a) FROM s")
    assert result.to_query_result().fetchall() == [(3,)]
    with pytest.raises(QueryError):
        db.execute("INSERT INTO s VALUES (3); SELECT nope FROM s")
    assert db.query("SELECT sum(a) FROM s").fetchall() == [(6,)], "statements before the failing one stay done"


def test_explain(db):
    db.execute("CREATE SOURCE s (a BIGINT)")
    text = db.explain("SELECT a FROM s WHERE a > 1")
    assert isinstance(text, str) and "Scan" in text
    assert db.explain("EXPLAIN SELECT a FROM s WHERE a > 1") == text


def test_module_functions():
    laminardb.execute("DROP SOURCE IF EXISTS module_test")
    laminardb.execute("CREATE SOURCE module_test (a BIGINT)")
    laminardb.execute("INSERT INTO module_test VALUES ($1)", [5])
    assert laminardb.sql("SELECT a FROM module_test").fetchall() == [(5,)]
    assert laminardb.sql("SELECT $1", [1]).fetchone() == (1,)
    found = set()
    threads = [threading.Thread(target=lambda: found.add(id(laminardb._default_connection()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1
    laminardb._default_connection().close()
    with pytest.raises(QueryError):
        laminardb.sql("SELECT a FROM module_test")


def test_names_of_the_module():
    for name in laminardb.__all__:
        value = getattr(laminardb, name)
        assert value is not None
        if isinstance(value, type):
            assert value.__doc__, name
    assert laminardb.Config is LaminarConfig and laminardb.BatchWriter is laminardb.Writer
    assert laminardb.types.Column is laminardb.Column
    with pytest.raises(AttributeError):
        laminardb.no_such_name
    assert set(laminardb.__all__) <= set(dir(laminardb))


def test_codes():
    from laminardb import _laminar, codes

    assert {name: getattr(codes, name) for name in codes.__all__} == _laminar._CODES
    assert codes.TABLE_NOT_FOUND == 200
    assert _laminar.status_title(200) == "Table not found"


def test_every_public_member_has_a_docstring():
    classes = [value for name in laminardb.__all__ if isinstance(value := getattr(laminardb, name), type)]
    missing = [f"{kind.__name__}.{name}" for kind in classes for name in dir(kind)
               if not name.startswith("_") and not hasattr(Exception, name) and not (getattr(kind, name).__doc__ or "").strip()
               and (callable(getattr(kind, name)) or type(getattr(kind, name)).__name__ in ("property", "getset_descriptor"))]
    assert missing == []


def test_import_is_light():
    import subprocess

    code = "import sys, laminardb; print([m for m in ('pyarrow', 'pandas', 'polars', 'numpy', 'asyncio', 'threading', 'decimal', 'dataclasses') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


# --- Schemas and catalog ------------------------------------------------------------------------------------------------------


def test_create_table_from_dict(db):
    import datetime
    import decimal

    db.create_table("t", {"a": int, "b": "VARCHAR", "c": "float64", "d": "DECIMAL(10,2)", "e": pa.timestamp("ms"), "f": datetime.date, "g": "int32",
                          "h": decimal.Decimal, "Mixed Case": "string", 'quo"te': bool})
    schema = db.schema("t")
    assert schema.names == ["a", "b", "c", "d", "e", "f", "g", "h", "Mixed Case", 'quo"te']
    assert [str(field.type) for field in schema][:7] == ["int64", "string", "double", "decimal128(10, 2)", "timestamp[ms]", "date32[day]", "int32"]
    assert db.insert("t", {"Mixed Case": "x", 'quo"te': True}) == 1


def test_create_table_from_arrow(db):
    schema = pa.schema({"a": pa.int64(), "b": pa.list_(pa.string())}).append(pa.field("c", pa.float64(), nullable=False))
    db.create_table("t", schema)
    assert db.schema("t").names == ["a", "b", "c"] and not db.schema("t").field("c").nullable
    assert db.list_tables() == ["t"]


@pytest.mark.parametrize(("schema", "error"), [
    ({}, SchemaError), ({"a": "NOTATYPE"}, SchemaError), ({"a": "DECIMAL(99,1)"}, SchemaError), ({"a": "BIGINT); DROP SOURCE x; --"}, SchemaError), ({"a": 5}, TypeError),
    ({"a": object}, TypeError), ({5: "BIGINT"}, (TypeError, AttributeError)), ("BIGINT", TypeError), (None, TypeError), (pa.schema({}), SchemaError),
    (pa.schema([("a", pa.int64()), ("a", pa.int64())]), SchemaError), ({"a": "BIGINT", "A" if False else "b": ""}, SchemaError),
])
def test_bad_schemas(db, schema, error):
    with pytest.raises(error) as info:
        db.create_table("t", schema)
    assert error is not SchemaError or info.value.code == 203, info.value
    assert db.list_tables() == []


def test_create_table_twice(db):
    db.create_table("t", {"a": "BIGINT"})
    with pytest.raises(SchemaError) as info:
        db.create_table("t", {"a": "BIGINT"})
    assert info.value.code == 201


def test_schema_of_all_relations(db):
    db.execute("CREATE SOURCE s (a BIGINT NOT NULL, b VARCHAR)")
    db.execute("CREATE TABLE k (a BIGINT PRIMARY KEY)")
    db.execute("CREATE STREAM d AS SELECT a * 2 AS twice FROM s")
    db.execute("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s")
    db.execute("CREATE SINK o FROM d")
    assert db.schema("s") == pa.schema([pa.field("a", pa.int64(), nullable=False), ("b", pa.string())])
    assert [db.schema(name).names for name in ("k", "d", "v", "o", "S")] == [["a"], ["twice"], ["n"], ["twice"], ["a", "b"]]
    with pytest.raises(SchemaError) as info:
        db.schema("nope")
    assert info.value.code == 200
    assert sorted(db.list_tables()) == sorted(db.tables()) == ["k", "s"]
    assert sorted(db.list_streams()) == sorted(db.materialized_views()) == ["d", "v"]
    assert db.list_sinks() == ["o"]
    assert (db.source_count, db.sink_count) == (2, 1)
    assert {source.name: source.schema.names for source in db.sources()} == {"s": ["a", "b"], "k": ["a"]}
    assert [sink.name for sink in db.sinks()] == ["o"]
    assert {stream.name for stream in db.streams()} == {"d", "v"}
    assert all("SELECT" in stream.sql for stream in db.streams())


def test_topology(db):
    db.execute("CREATE SOURCE s (a BIGINT, ts TIMESTAMP, WATERMARK FOR ts)")
    db.execute("CREATE STREAM d AS SELECT a FROM s")
    db.execute("CREATE SINK o FROM d")
    topology = db.topology()
    assert repr(topology) == "PipelineTopology(nodes=3, edges=2)"
    assert [(node.name, node.node_type) for node in topology.nodes] == [("s", "source"), ("d", "stream"), ("o", "sink")]
    assert [(edge.from_node, edge.to_node) for edge in topology.edges] == [("s", "d"), ("d", "o")]
    assert topology.nodes[1].schema.names == ["a"] and "SELECT" in topology.nodes[1].sql and topology.nodes[0].sql is None
    assert db.sources()[0].watermark_column == "ts"
    assert repr(db.sources()) == "[SourceInfo(name='s', columns=2)]"
    assert [repr(each) for each in (*db.streams(), *db.sinks(), topology.edges[0])] == ["StreamInfo(name='d')", "SinkInfo(name='o')", "PipelineEdge('s' -> 'd')"]


def test_metrics(db):
    db.execute("CREATE SOURCE s (a BIGINT, ts TIMESTAMP, WATERMARK FOR ts)")
    db.execute("CREATE STREAM d AS SELECT a FROM s WHERE a > 0")
    assert db.pipeline_watermark == -(2**63)
    assert db.metrics().state == db.pipeline_state == "Created"
    db.start()
    db.start()
    db.insert("s", {"a": [0, 1, 2], "ts": ["2024-01-01", "2024-01-01", "2024-01-02"]})
    metrics = db.metrics()
    assert (metrics.state, metrics.total_events_ingested, metrics.source_count, metrics.stream_count) == ("Running", 3, 1, 1)
    assert metrics.total_batches == 1 and metrics.total_cycles >= 1 and metrics.uptime_secs > 0
    assert db.total_events_processed == 3
    assert db.pipeline_watermark == metrics.pipeline_watermark == 1704153600000
    assert repr(metrics).startswith("PipelineMetrics(state=Running, ingested=3, emitted=")
    source = db.source_metrics("s")
    assert (source.name, source.total_events, source.watermark, source.is_backpressured) == ("s", 3, 1704153600000, False)
    assert 0 <= source.utilization <= 1 and source.capacity > 0
    assert db.stream_metrics("d").total_events == 2 and "SELECT" in db.stream_metrics("d").sql
    assert db.source_metrics("nope") is None and db.stream_metrics("s") is None and db.source_metrics("d") is None
    assert [each.name for each in db.all_source_metrics()] == ["s"] and [each.name for each in db.all_stream_metrics()] == ["d"]
    stats = db.stats("s")
    assert stats["total_events"] == 3 and stats["row_count"] == 3 and stats["size_bytes"] > 0
    with pytest.raises(SchemaError):
        db.stats("nope")
    text = db.metrics_text()
    assert "# TYPE laminar_events_ingested_total counter\nlaminar_events_ingested_total 3\n" in text
    assert 'laminar_relation_events_total{relation="d",type="stream"} 2' in text


def test_queries(db):
    assert db.active_query_count == 0
    db.execute("CREATE SOURCE s (a BIGINT)")
    sub = db.subscribe("SELECT a FROM s")
    active = [query for query in db.queries() if query.active]
    assert any("SELECT a FROM s" in query.sql for query in active)
    assert db.active_query_count >= 1
    target = next(query for query in active if query.sql == "SELECT a FROM s")
    db.cancel_query(target.id)
    assert not sub.is_active
    with pytest.raises(QueryError):
        db.cancel_query(10**9)
    with pytest.raises(QueryError):
        db.cancel_query(2**70)
    with pytest.raises(TypeError):
        db.cancel_query("x")
    assert repr(db.queries()[0]).startswith("QueryInfo(id=")


def test_shutdown(db):
    db.execute("CREATE SOURCE s (a BIGINT)")
    sub = db.subscribe_stream("s")
    db.start()
    db.shutdown()
    assert db.pipeline_state == "Stopped"
    assert sub.next() is None and repr(sub) == "StreamSubscription(finished)"
    for use in (lambda: db.query("SELECT 1"), lambda: db.insert("s", {"a": 1})):
        with pytest.raises(LaminarError) as info:
            use()
        assert info.value.code == 901


def test_checkpoints_are_disabled(db):
    assert db.is_checkpoint_enabled is False
    with pytest.raises(laminardb.CheckpointError):
        db.checkpoint()
    result = laminardb.CheckpointResult(7)
    assert (result.checkpoint_id, int(result), bool(result)) == (7, 7, True)


def test_what_this_build_does_not_have(db):
    for use in (lambda: db.register_source("f", object), lambda: db.register_sink("f", object)):
        with pytest.raises(LaminarError, match="not available in this build") as info:
            use()
        assert info.value.code == 400 and info.value.hint


# --- Configuration ---------------------------------------------------------------------------------------------------------------


def test_config():
    config = LaminarConfig()
    assert (config.buffer_size, config.storage_dir, config.checkpoint_interval_ms) == (65536, None, None)
    assert repr(LaminarConfig(buffer_size=10)) == "LaminarConfig(buffer_size=10, storage_dir=None, checkpoint_interval_ms=None)"
    with pytest.raises(AttributeError):
        config.buffer_size = 5
    with laminardb.open(":memory:", config=LaminarConfig(buffer_size=1000, profile="bare_metal", memory_limit="1gb", jit="off", workers=1)) as db:
        db.execute("CREATE SOURCE s (a BIGINT)")
        assert db.stats("s")["capacity"] == 1000
    with pytest.raises(TypeError):
        laminardb.open(":memory:", config={"buffer_size": 5})


@pytest.mark.parametrize(("options", "error"), [
    ({"buffer_size": 0}, ValueError), ({"buffer_size": -1}, ValueError), ({"buffer_size": "x"}, TypeError), ({"buffer_size": 1.5}, TypeError),
    ({"buffer_size": True}, TypeError), ({"buffer_size": None}, TypeError), ({"buffer_size": 2**64}, ValueError), ({"storage_dir": 5}, TypeError),
    ({"checkpoint_interval_ms": 0}, ValueError), ({"profile": "nope"}, ValueError), ({"profile": 5}, TypeError), ({"jit": "maybe"}, ValueError),
    ({"nope": 1}, TypeError), ({"variables": {"a": 1}}, TypeError), ({"workers": 0}, ValueError), ({"durability": "never"}, ValueError),
])
def test_bad_config(options, error):
    with pytest.raises(error):
        LaminarConfig(**options)


@pytest.mark.parametrize("options", [{"jit": "auto"}, {"profile": "cluster"}, {"workers": 4}], ids=str)
def test_config_that_this_build_does_not_have(options):
    with pytest.raises(ConnectionError, match="not available in this build") as info:
        laminardb.open(":memory:", config=LaminarConfig(**options))
    assert info.value.code == 100 and info.value.hint


def test_config_that_the_library_refuses():
    with pytest.raises(LaminarError):
        laminardb.open(":memory:", config=LaminarConfig(memory_limit="lots"))


# --- Writers -----------------------------------------------------------------------------------------------------------------------


def test_writer(trades):
    writer = trades.writer("trades")
    assert repr(writer) == "Writer(source='trades', open)" and writer.name == "trades"
    assert writer.schema.names == ["sym", "price", "qty"]
    assert writer.insert({"sym": "a", "qty": 1}) is None
    writer.insert([{"sym": "b"}, {"sym": "c"}])
    writer.insert(pa.table({"sym": ["d", "e"]}))
    writer.insert({"qty": [1, 2]})
    assert trades.query("SELECT count(*) FROM trades").fetchone() == (0,)
    assert writer.flush() == 7 and writer.flush() == 0
    assert trades.query("SELECT count(*) FROM trades").fetchone() == (7,)
    writer.insert({"sym": "f"})
    writer.close()
    writer.close()
    assert repr(writer) == "Writer(closed)"
    assert trades.query("SELECT count(*) FROM trades").fetchone() == (8,)
    for use in (lambda: writer.insert({"sym": "x"}), writer.flush, lambda: writer.watermark(5)):
        with pytest.raises(IngestionError, match="closed") as info:
            use()
        assert info.value.code == 301


def test_writer_takes_back_the_rows_of_a_refused_call(trades):
    writer = trades.writer("trades")
    writer.insert([{"sym": "a"}, {"sym": "b"}])
    for bad in ([{"sym": "c"}, {"qty": "x"}], {"sym": ["d", "e"], "qty": [1, "x"]}, {"nope": 1}, pa.table({"qty": ["x"]}), {"sym": "f", "qty": 1.5}):
        with pytest.raises(IngestionError):
            writer.insert(bad)
    with pytest.raises(TypeError):
        writer.insert(5)
    writer.insert({"sym": "z"})
    assert writer.flush() == 3
    assert trades.query("SELECT sym FROM trades").fetchall() == [("a",), ("b",), ("z",)]


def test_writer_takes_back_defaults(db):
    db.execute("CREATE SOURCE t (a BIGINT NOT NULL, b VARCHAR DEFAULT 'none')")
    writer = db.writer("t")
    writer.insert({"a": 1})
    with pytest.raises(IngestionError):
        writer.insert([{"a": 2}, {"b": "x"}])
    writer.insert([{"a": 3, "b": "set"}, {"a": 4}])
    assert writer.flush() == 3
    assert db.query("SELECT a, b FROM t").fetchall() == [(1, "none"), (3, "set"), (4, "none")]


def test_writer_as_context_manager(trades):
    with trades.writer("trades") as writer:
        writer.insert({"sym": "a"})
    assert trades.query("SELECT count(*) FROM trades").fetchone() == (1,)
    with pytest.raises(KeyError), trades.writer("trades") as writer:
        writer.insert({"sym": "b"})
        raise KeyError
    assert trades.query("SELECT count(*) FROM trades").fetchone() == (2,), "what was accepted is flushed"


def test_forgotten_writer_flushes(trades):
    writer = trades.writer("trades")
    writer.insert({"sym": "a"})
    del writer
    gc.collect()
    assert trades.query("SELECT count(*) FROM trades").fetchone() == (1,)


def test_writer_flushes_by_size(trades):
    writer = trades.writer("trades")
    for _ in range(3):
        writer.insert({"qty": list(range(5000))})
    assert trades.query("SELECT count(*) FROM trades").fetchone() == (10_000,)
    writer.close()
    assert trades.query("SELECT count(*) FROM trades").fetchone() == (15_000,)


def test_writer_watermark(db):
    db.execute("CREATE SOURCE s (a BIGINT, ts TIMESTAMP, WATERMARK FOR ts)")
    writer = db.writer("s")
    assert writer.current_watermark == -(2**63)
    writer.insert({"a": 1, "ts": "2024-01-01"})
    writer.watermark(1704153600000)
    assert writer.current_watermark == 1704153600000 and db.pipeline_watermark == 1704153600000
    writer.watermark(5)
    assert writer.current_watermark == 1704153600000
    assert db.query("SELECT count(*) FROM s").fetchone() == (1,), "a watermark flushes"
    with pytest.raises(TypeError):
        writer.watermark("x")
    with pytest.raises(OverflowError):
        writer.watermark(2**70)


def test_writer_alone_closes_a_window(db):
    db.execute("CREATE SOURCE s (a BIGINT, ts TIMESTAMP, WATERMARK FOR ts)")
    db.execute("CREATE STREAM w AS SELECT TUMBLE(ts, INTERVAL '1' MINUTE) AS start, count(*) AS n FROM s GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE) EMIT ON WINDOW CLOSE")
    sub = db.subscribe_stream("w")
    with db.writer("s") as writer:
        writer.insert({"a": 1, "ts": "2024-01-01 00:00:30"})
        writer.flush()
        assert sub.try_next() is None
        writer.watermark(1704067260000)
    assert [row[1] for row in sub.next_timeout(1000)] == [1]


def test_writer_of_unknown_table(db):
    with pytest.raises(SchemaError):
        db.writer("nope")
    with pytest.raises(TypeError):
        db.writer(5)


def test_writer_after_drop_or_close(trades):
    writer = trades.writer("trades")
    writer.insert({"sym": "a"})
    trades.execute("DROP SOURCE trades")
    with pytest.raises(LaminarError):
        writer.flush()
    trades.execute("CREATE SOURCE u (a BIGINT)")
    other = trades.writer("u")
    other.insert({"a": 1})
    trades.close()
    with pytest.raises(ConnectionError):
        other.flush()


def test_writer_in_many_threads(trades):
    writer = trades.writer("trades")

    def work(n):
        for i in range(200):
            writer.insert({"qty": n * 1000 + i})
            if i % 50 == 0:
                writer.flush()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert trades.query("SELECT count(*), count(DISTINCT qty) FROM trades").fetchone() == (800, 800)


def test_memory_is_flat(trades):
    """A crude guard against leaks: the same calls again and again."""
    import resource

    def calls():
        for _ in range(300):
            trades.insert("trades", [{"sym": "a", "qty": 1}])
            trades.query("SELECT * FROM trades LIMIT 3").fetchall()
            with pytest.raises(IngestionError):
                trades.insert("trades", {"qty": "x"})
            with pytest.raises(QueryError):
                trades.query("SELEC")
            trades.query("SELECT $1", [1.5]).to_arrow()

    def subscriptions():
        for _ in range(300):
            sub = trades.subscribe_stream("trades")
            trades.insert("trades", {"sym": ["b"]})
            assert sub.schema.names
            assert len(list(sub.next())) == 1

    def blocks():
        gc.collect()
        return sys.getallocatedblocks()

    trades.start()
    for work in (calls, subscriptions):
        work()
        before = blocks()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(5):
            work()
        assert blocks() - before < 3000
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident
        assert grown < 50_000 or "LAMINAR_SANITIZED" in os.environ  # a sanitizer keeps freed memory back


def test_variables_in_options_are_those_of_the_environment(db, tmp_path, monkeypatch):
    monkeypatch.setenv("OUT_FOLDER", str(tmp_path))
    db.execute("CREATE SOURCE t (v BIGINT)")
    db.execute("CREATE SINK s FROM t INTO file (path = '${OUT_FOLDER}/${OUT_NAME:-rows}.csv')")
    db.insert("t", {"v": 1})
    assert (tmp_path / "rows.csv").read_text() == "v\n1\n"
    with pytest.raises(QueryError, match="the variable 'NOT_THERE' is not defined") as raised:
        db.execute("CREATE SINK u FROM t INTO file (path = '${NOT_THERE}')")
    assert raised.value.code == 401 and raised.value.hint == "set it in the environment, or give a default: ${NOT_THERE:-value}"


def test_variables_of_the_program(tmp_path, monkeypatch):
    """They go before the environment, belong to one database, and are there when it is opened again."""
    monkeypatch.setenv("NAME", "environment")
    variables = {"FOLDER": str(tmp_path), "NAME": "given"}
    config = LaminarConfig(variables=variables)
    variables["FOLDER"] = config.variables["FOLDER"] + "nowhere"
    config.variables["NAME"] = "changed"
    for turn in range(2):
        with laminardb.open(str(tmp_path / "db"), config=config) as db:
            if turn == 0:
                db.execute("CREATE SOURCE t (v BIGINT)")
                db.execute("CREATE SINK s FROM t INTO file (path = '${FOLDER}/${NAME}.csv')")
            db.start()
            db.insert("t", {"v": turn})
            db.checkpoint()
    assert (tmp_path / "given.csv").read_text().split() == ["v", "0", "1"]
    with laminardb.open(":memory:") as db:
        db.execute("CREATE SOURCE t (v BIGINT)")
        db.execute(f"CREATE SINK s FROM t INTO file (path = '{tmp_path}/${{NAME}}.csv')")
        db.insert("t", {"v": 5})
        with pytest.raises(QueryError, match="the variable 'FOLDER' is not defined"):
            db.execute("CREATE SINK u FROM t INTO file (path = '${FOLDER}/x.csv')")
    assert (tmp_path / "environment.csv").exists()
    for name in ("", "a-b", "a b", "\u00e9"):
        with pytest.raises(LaminarError, match="not a variable's name"):
            laminardb.open(":memory:", config=LaminarConfig(variables={name: "x"}))


def test_lookup_tables_are_listed_alone(db):
    db.execute("CREATE TABLE plain (id BIGINT PRIMARY KEY)")
    db.execute("CREATE LOOKUP TABLE looked_up (id BIGINT PRIMARY KEY)")
    assert [row[0] for row in db.query("SHOW LOOKUP TABLES")] == ["looked_up"]
    assert [row[0] for row in db.query("SHOW TABLES")] == ["looked_up", "plain"]
    assert db.query("SELECT name, is_lookup FROM system.tables ORDER BY name").fetchall() == [("looked_up", True), ("plain", False)]


def test_hints_of_unknown_names(db):
    with pytest.raises(QueryError) as raised:
        db.query("SELECT * FROM system.nothing_like_it")
    assert "system.streams" in raised.value.hint
    with pytest.raises(QueryError) as raised:
        db.query("SELECT foo(1)")
    assert raised.value.hint == "SHOW FUNCTIONS lists all of them", "no function is like it"
    with pytest.raises(QueryError) as raised:
        db.query("SELECT abz(1)")
    assert raised.value.hint == 'did you mean "abs"?'


def test_show_functions_has_operators_and_window_functions(db):
    kinds = dict(db.query("SELECT name, kind FROM system.functions WHERE name IN ('+', 'like', 'abs', 'sum', 'rank', 'hop', 'unnest', 'grouping')"))
    assert kinds == {"+": "operator", "like": "operator", "abs": "scalar", "sum": "aggregate", "rank": "window", "hop": "time window",
                     "unnest": "table", "grouping": "grouping"}
