"""The interface that programs written for laminardb 0.17 use: its names, the names and order of its parameters, its representations and the
titles of its codes. Ours has all of it, and more behind it."""

import asyncio
import inspect

import laminardb
import pytest

# Members of each class: a property by its name, a method with its parameters.
CLASSES = {
    "AsyncStreamSubscription": "__aiter__() __anext__() cancel() is_active next() next_timeout(timeout_ms) schema try_next()",
    "AsyncSubscription": "__aiter__() __anext__() cancel() is_active",
    "BatchWriter": "__enter__() close() current_watermark flush() insert(data) name schema watermark(timestamp)",
    "CallbackSubscription": "cancel() is_active wait()",
    "ChangeEvent": "__iter__() __len__() arrow() df() pl(lazy)",
    "ChangeRow": "__getitem__(key) keys() to_dict() values()",
    "CheckpointResult": "__bool__() __int__() checkpoint_id",
    "Config": "buffer_size checkpoint_interval_ms storage_dir",
    "Connection": """__aenter__() __enter__() active_query_count all_source_metrics() all_stream_metrics() cancel_query(query_id) checkpoint() close()
        create_table(name,schema) execute(sql) explain(query) insert(table,data) insert_csv(table,data) insert_json(table,data) is_checkpoint_enabled
        is_closed list_sinks() list_streams() list_tables() materialized_views() metrics() pipeline_state pipeline_watermark queries() query(sql)
        query_stream(name,filter) schema(table) shutdown() sink_count sinks() source_count source_metrics(name) sources() sql(query) start()
        stats(table) stream(sql) stream_metrics(name) streams() subscribe(sql) subscribe_async(sql) subscribe_callback(sql,on_data,on_error)
        subscribe_stream(name) subscribe_stream_async(name) subscribe_stream_callback(name,on_data,on_error) tables() topology()
        total_events_processed writer(table)""",
    "ExecuteResult": "__bool__() __int__() ddl_object ddl_type result_type rows_affected to_query_result()",
    "LaminarConfig": "buffer_size checkpoint_interval_ms storage_dir",
    "MaterializedView": "name query(where) schema() sql subscribe(handler)",
    "Metrics": "events_per_second state total_events uptime_secs",
    "PipelineEdge": "from_node to_node",
    "PipelineMetrics": """pipeline_watermark sink_count source_count state stream_count total_batches total_cycles total_events_dropped
        total_events_emitted total_events_ingested uptime_secs""",
    "PipelineNode": "name node_type schema sql",
    "PipelineTopology": "edges nodes",
    "QueryInfo": "active id sql",
    "QueryResult": """__arrow_c_stream__(requested_schema) __iter__() __len__() _repr_html_() arrow() columns df() fetchall() fetchmany(size)
        fetchone() num_batches num_columns num_rows pl(lazy) schema show(max_rows) to_arrow() to_df() to_dicts() to_pandas() to_polars()""",
    "Schema": "__getitem__(key) __len__() arrow_schema columns names",
    "SinkInfo": "name",
    "SourceInfo": "name schema watermark_column",
    "SourceMetrics": "capacity is_backpressured name pending total_events utilization watermark",
    "StreamInfo": "name sql",
    "StreamMetrics": "capacity is_backpressured name pending sql total_events watermark",
    "StreamSubscription": "__iter__() __next__() cancel() is_active next() next_timeout(timeout_ms) schema try_next()",
    "Subscription": "__iter__() __next__() cancel() is_active try_next()",
    "Writer": "__enter__() close() current_watermark flush() insert(data) name schema watermark(timestamp)",
}
FUNCTIONS = {
    "open": "path", "sql": "query", "execute": "query", "mv": "conn,name,sql_def", "LaminarConfig": "buffer_size,storage_dir,checkpoint_interval_ms",
    "MaterializedView": "conn,name,sql", "Schema": "arrow_schema", "Column": "name,type,nullable", "TableStats": "row_count,size_bytes",
    "Watermark": "current,lag_ms", "CheckpointStatus": "checkpoint_id,enabled", "Metrics": "pipeline_metrics", "ChangeRow": "op,data",
    "ChangeEvent": "query_result,op",
}  # fmt: skip
ERRORS = ["ConnectionError", "QueryError", "IngestionError", "SchemaError", "SubscriptionError", "StreamError", "CheckpointError", "ConnectorError"]
TITLES = {
    100: "Connection failed", 101: "Connection closed", 102: "Connection in use", 200: "Table not found", 201: "Table exists", 202: "Schema mismatch",
    203: "Invalid schema", 300: "Ingestion failed", 301: "Writer closed", 302: "Batch schema mismatch", 400: "Query failed", 401: "SQL parse error",
    402: "Query cancelled", 500: "Subscription failed", 501: "Subscription closed", 502: "Subscription timeout", 900: "Internal error", 901: "Shutdown",
}  # fmt: skip


def binds(function, names):
    """The parameters may be given by place, and by name in any order. Ours may have more, all with defaults."""
    signature = inspect.signature(function)
    receiver = [object()] if next(iter(signature.parameters), None) == "self" else []
    signature.bind(*receiver, **dict.fromkeys(names))
    by_name_only = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    if not set(names) & set(by_name_only):
        bound = signature.bind(*receiver, *names).arguments
        assert [name for name in bound if name != "self"] == names


@pytest.mark.parametrize("name", CLASSES)
def test_members(name):
    kind = getattr(laminardb, name)
    for member in CLASSES[name].split():
        member, call, parameters = member.partition("(")
        value = getattr(kind, member)
        assert callable(value) == bool(call), member
        if call:
            binds(value, [each for each in parameters[:-1].split(",") if each])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    binds(getattr(laminardb, name), FUNCTIONS[name].split(","))


def test_every_method_has_a_signature():
    """That inspect, editors and help() show."""
    without = []
    for name in laminardb.__all__:
        kind = getattr(laminardb, name)
        for member in dir(kind) if isinstance(kind, type) else []:
            if callable(getattr(kind, member)) and not hasattr(Exception, member) and (not member.startswith("_") or kind.__module__.startswith("laminardb.")):
                try:
                    inspect.signature(getattr(kind, member))
                except ValueError:
                    without.append(f"{name}.{member}")
    assert without == []


def test_arguments_by_name(db):
    db.execute("CREATE SOURCE s (a BIGINT, b VARCHAR)")
    db.execute("CREATE STREAM st AS SELECT a FROM s WHERE a > 100")
    assert db.insert(data={"a": 1, "b": "x"}, table="s") == db.insert("s", data={"a": 2}) == 1
    assert db.insert_json(table="s", data='{"a": 3}') == db.insert_csv(table="s", data="a\n4\n") == 1
    with db.writer(table="s") as writer:
        writer.insert(data={"a": 5})
        writer.insert_json(data='{"a": 6}')
        writer.insert_csv(data="a\n7\n")
    assert db.sql(query="SELECT sum(a) FROM s").fetchall() == db.query(sql="SELECT 28").fetchall() == [(28,)]
    assert laminardb.sql(query="SELECT 1").fetchone() == (1,)
    assert laminardb.mv(db, "v", sql_def="SELECT a FROM s").name == laminardb.mv(db, name="v", sql="SELECT a FROM s").name == "v"
    with pytest.raises(laminardb.SubscriptionError) as raised:
        db.subscribe_stream(name="st").next_timeout(timeout_ms=1)
    assert raised.value.code == 502
    with pytest.raises(laminardb.QueryError):
        db.cancel_query(query_id=10**6)


@pytest.mark.parametrize(("call", "text"), [
    (lambda db: db.insert("s"), "needs the argument 'data'"), (lambda db: db.insert(data={}), "needs the argument 'table'"),
    (lambda db: db.insert("s", {}, 1), "takes 2 arguments, and was given 3"), (lambda db: db.insert("s", {}, data={}), "given 'data' twice"),
    (lambda db: db.insert("s", rows={}), "has no argument 'rows'"), (lambda db: db.insert(table="s", date={}), "has no argument 'date'"),
    (lambda db: db.writer(), "needs the argument 'table'"), (lambda db: db.writer("s", 1), "takes 1 arguments, and was given 2"),
    (lambda db: db.writer("s").watermark(ms=5), "has no argument 'ms'"), (lambda db: db.insert_json("s"), "data"),
    (lambda db: db.sql(), "query"), (lambda db: laminardb.mv(db, "v", "SELECT 1", sql_def="SELECT 2"), "sql_def"),
])  # fmt: skip
def test_wrong_arguments(db, call, text):
    db.execute("CREATE SOURCE s (a BIGINT)")
    with pytest.raises(TypeError, match=text):
        call(db)


def test_errors_and_codes():
    for name in ERRORS:
        assert issubclass(getattr(laminardb, name), laminardb.LaminarError) and issubclass(laminardb.LaminarError, Exception)
    assert {code: laminardb._laminar.status_title(code) for code in TITLES} == TITLES
    for code, title in TITLES.items():
        with pytest.raises(laminardb.LaminarError, match=rf"^{title} \({code}\): x"):
            laminardb._laminar._raise(code, "x")


def test_representations(db):
    made = db.execute("CREATE SOURCE s (a BIGINT, b VARCHAR)")
    assert (repr(db), repr(made)) == ("Connection(open)", "ExecuteResult(ddl, CREATE SOURCE s)")
    db.execute("CREATE STREAM st AS SELECT a, b FROM s WHERE a > 0")
    db.start()
    writer = db.writer("s")
    assert repr(writer) == "Writer(source='s', open)"
    writer.close()
    assert repr(writer) == "Writer(closed)"
    sub, query = db.subscribe_stream("st"), db.subscribe("SELECT a FROM s")
    callback, of_query = db.subscribe_stream_callback("st", print), db.subscribe_callback("SELECT a FROM s LIMIT 0", len)
    assert [repr(each) for each in (sub, query, callback, of_query)] == [
        "StreamSubscription(active)", "Subscription(active)", "CallbackSubscription(stream, active)", "CallbackSubscription(query, active)",
    ]  # fmt: skip

    async def of_the_loop():
        return await db.subscribe_stream_async("st"), await db.subscribe_async("SELECT a FROM s")

    for each in asyncio.run(of_the_loop()):
        assert repr(each) == f"{type(each).__name__}(active)"
        each.cancel()
    callback.cancel()
    of_query.cancel()
    callback.wait()
    assert repr(callback) == "CallbackSubscription(stream, finished)"
    db.insert("s", {"a": [1, 2], "b": ["x", "y"]})
    rows = sub.next_timeout(10_000)
    assert repr(rows) == "QueryResult(rows=2, columns=2)"
    event = laminardb.ChangeEvent(rows)
    assert (repr(event), repr(next(iter(event)))) == ("ChangeEvent(rows=2, op='Insert')", "ChangeRow(op='Insert', {'a': 1, 'b': 'x'})")
    shown = [repr(each) for each in (*db.sources(), *db.streams(), *db.topology().nodes, *db.topology().edges, db.topology())]
    assert shown == [
        "SourceInfo(name='s', columns=2)", "StreamInfo(name='st')", "PipelineNode(name='s', type='source')", "PipelineNode(name='st', type='stream')",
        "PipelineEdge('s' -> 'st')", "PipelineTopology(nodes=2, edges=1)",
    ]  # fmt: skip
    assert repr(db.source_metrics("s")) == "SourceMetrics(name='s', events=2, pending=0)"
    assert repr(db.queries()[0]).startswith("QueryInfo(id=")
    assert repr(laminardb.Metrics(db.metrics())).startswith("Metrics(state='Running', eps=")
    assert repr(db.metrics()).startswith("PipelineMetrics(state=Running, ingested=2, emitted=")
    assert repr(laminardb.Schema(db.schema("s"))) == "Schema(a: int64, b: string)"
    assert repr(laminardb.Column("a", "int64")) == "Column(name='a', type='int64', nullable=True)"
    assert repr(laminardb.LaminarConfig()) == "LaminarConfig(buffer_size=65536, storage_dir=None, checkpoint_interval_ms=None)"
    assert repr(laminardb.mv(db, "st")) == "MaterializedView(name='st')"
    batches = db.stream("SELECT 1")
    assert repr(batches) == "QueryStream(active)"
    assert [each.num_rows for each in batches] == [1] and repr(batches) == "QueryStream(finished)"
    db.close()
    assert repr(db) == "Connection(closed)"
