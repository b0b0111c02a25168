"""Random values of every type through every way in and every way out (hypothesis). ROUND_TRIPS sets the number of examples of each."""

import datetime as dt
import decimal
import json
import math
import os
import uuid

import laminardb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

UTC = dt.timezone.utc
N = int(os.environ.get("ROUND_TRIPS", "15"))
YEARS = {"min_value": dt.datetime(1, 1, 1), "max_value": dt.datetime(9999, 12, 31, 23, 59, 59, 999999)}


def whole(bits, signed=True):
    return st.integers(-(2 ** (bits - 1)) if signed else 0, 2 ** (bits - signed) - 1)


def decimals(precision, scale):
    return st.integers(-(10**precision) + 1, 10**precision - 1).map(lambda n: decimal.Decimal(n).scaleb(-scale, decimal.Context(60)))


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES = {
    "BOOLEAN": st.booleans(),
    "TINYINT": whole(8), "SMALLINT": whole(16), "INT": whole(32), "BIGINT": whole(64),
    "TINYINT UNSIGNED": whole(8, False), "SMALLINT UNSIGNED": whole(16, False), "INT UNSIGNED": whole(32, False), "BIGINT UNSIGNED": whole(64, False),
    "REAL": st.floats(width=32), "DOUBLE": st.floats(),
    "DECIMAL(9,2)": decimals(9, 2), "DECIMAL(38,10)": decimals(38, 10),
    "VARCHAR": text, "BINARY": st.binary(max_size=30),
    "DATE": st.dates(), "TIME": st.times(),
    "TIMESTAMP": st.datetimes(**YEARS), "TIMESTAMP(3)": st.datetimes(**YEARS).map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
    "TIMESTAMP WITH TIME ZONE": st.datetimes(**YEARS).map(lambda t: t.replace(tzinfo=UTC)),
    "INTERVAL": st.timedeltas(dt.timedelta(days=-10000), dt.timedelta(days=10000)),
    "UUID": st.uuids(),
    "BIGINT[]": st.lists(st.none() | whole(64), max_size=4),
    "VARCHAR[][]": st.lists(st.none() | st.lists(st.none() | text, max_size=3), max_size=3),
    "STRUCT<a BIGINT, b VARCHAR, c DOUBLE[]>": st.fixed_dictionaries({"a": st.none() | whole(64), "b": st.none() | text, "c": st.none() | st.lists(st.floats(), max_size=3)}),
    "MAP<VARCHAR, BIGINT>": st.dictionaries(text, st.none() | whole(64), max_size=3),
}


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


def rows_of(sql):
    return st.lists(st.none() | VALUES[sql], min_size=1, max_size=12)


def fresh(sql):
    db = laminardb.open(":memory:")
    db.execute(f"CREATE SOURCE t (i BIGINT, v {sql})")
    return db


def check(db, values, key=lambda x: x):
    got = [row[0] for row in db.query("SELECT v FROM t ORDER BY i").fetchall()]
    assert same([key(value) for value in got], [key(value) for value in values]), (got, values)


def property_test(function):
    return settings(max_examples=N, deadline=None, suppress_health_check=list(HealthCheck))(function)


TYPES = list(VALUES)
EVERY = pytest.mark.parametrize("sql", TYPES)


@EVERY
def test_rows_in_tuples_out(sql):
    @property_test
    @given(rows_of(sql))
    def check_rows(values):
        numbered = [{"i": i, "v": value} for i, value in enumerate(values)]

        def by_writer(db):
            with db.writer("t") as writer:
                for row in numbered:
                    writer.insert(row)

        def by_transaction(db):
            with db.transaction() as tx:
                tx.insert("t", numbered)

        ways = [lambda db: [db.insert("t", row) for row in numbered], lambda db: db.insert("t", numbered),
                lambda db: db.insert("t", {"i": list(range(len(values))), "v": values}), by_writer, by_transaction]
        for way in ways:
            with fresh(sql) as db:
                way(db)
                check(db, values)

    check_rows()


@EVERY
def test_every_way_out(sql):
    @property_test
    @given(rows_of(sql))
    def check_out(values):
        with fresh(sql) as db:
            sub = db.subscribe_stream("t")
            db.insert("t", {"i": list(range(len(values))), "v": values})
            result = db.query("SELECT v FROM t ORDER BY i")
            assert same([row[0] for row in result], values)
            assert same(result.to_dicts(), {"v": values})
            assert same(result.fetchone()[0], values[0]) and same([row[0] for row in result.fetchmany(3)], values[:3])
            assert same([row[0] for row in result.cursor().fetchall()], values)
            assert same([row[1] for row in sub.next_timeout(5000)], values)
            again = laminardb.open(":memory:")
            again.execute(f"CREATE SOURCE t (i BIGINT, v {sql})")
            again.insert("t", db.query("SELECT i, v FROM t").to_arrow())
            check(again, values)
            again.insert("t", db.query("SELECT i + 1000 AS i, v FROM t"))
            check(again, values + values)
            again.close()

    check_out()


POLARS = [sql for sql in TYPES if sql not in ("INTERVAL", "MAP<VARCHAR, BIGINT>", "UUID")]


@pytest.mark.parametrize("sql", POLARS)
def test_polars_and_pandas(sql):
    @property_test
    @given(rows_of(sql))
    def check_frames(values):
        with fresh(sql) as db:
            db.insert("t", {"i": list(range(len(values))), "v": values})
            frame = db.query("SELECT i, v FROM t").to_polars()
            db.insert("t", frame.with_columns(pl.col("i") + 1000))
            check(db, values + values)
            if sql in ("BOOLEAN", "VARCHAR", "BIGINT", "INT", "BIGINT UNSIGNED") and None not in values:
                panda = db.query("SELECT i + 2000 AS i, v FROM t WHERE i < 1000").to_pandas()
                assert isinstance(panda, pd.DataFrame)
                db.insert("t", panda)
                check(db, values * 3)

    check_frames()


@EVERY
def test_arrow_in(sql):
    @property_test
    @given(rows_of(sql))
    def check_arrow(values):
        with fresh(sql) as db:
            kind = db.schema("t").field("v").type
            if sql == "MAP<VARCHAR, BIGINT>":
                arrow = [None if value is None else list(value.items()) for value in values]
            elif sql == "UUID":
                arrow = [None if value is None else value.bytes for value in values]
            elif sql == "INTERVAL":
                arrow = [None if v is None else pa.MonthDayNano([0, v.days, (v.seconds * 1_000_000 + v.microseconds) * 1000]) for v in values]
            else:
                arrow = values
            array = pa.array(arrow, kind)
            numbers = pa.array(range(len(values)))
            db.insert("t", pa.RecordBatch.from_arrays([numbers, array], names=["i", "v"]))
            check(db, values)
            table = pa.table({"i": pa.chunked_array([numbers.slice(0, 1), numbers.slice(1)]), "v": pa.chunked_array([array.slice(0, 1), array.slice(1)])})
            for data in (table, table.to_reader()):
                db.insert("t", data)
            assert db.query("SELECT count(*) FROM t").fetchone() == (3 * len(values),)

    check_arrow()


def as_json(value):
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value) if isinstance(value, uuid.UUID) else format(value, "f")
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("sql", [sql for sql in TYPES if sql not in ("BINARY", "INTERVAL")])
def test_json(sql):
    @property_test
    @given(rows_of(sql), st.sampled_from(["array", "lines", "one"]))
    def check_json(values, form):
        with fresh(sql) as db:
            lines = [json.dumps({"i": i, "v": as_json(value)}) for i, value in enumerate(values)]
            if form == "array":
                db.insert_json("t", f"[{', '.join(lines)}]")
            elif form == "lines":
                db.insert_json("t", "\n".join(lines))
            else:
                for line in lines:
                    db.insert_json("t", line)
            check(db, values)

    check_json()


@pytest.mark.parametrize("sql", [sql for sql in TYPES if sql not in ("BINARY", "INTERVAL") and "[" not in sql and "<" not in sql])
def test_csv(sql):
    @property_test
    @given(rows_of(sql))
    def check_csv(values):
        def field(value):
            shown = "" if value is None else str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else str(as_json(value))
            return shown if value is None else '"' + shown.replace('"', '""') + '"'

        with fresh(sql) as db:
            db.insert_csv("t", "i,v\n" + "".join(f"{i},{field(value)}\n" for i, value in enumerate(values)))
            check(db, values)

    check_csv()


@pytest.mark.parametrize("sql", [sql for sql in TYPES if "[" not in sql and "<" not in sql])
def test_parameters(sql):
    @property_test
    @given(VALUES[sql])
    def check_parameters(value):
        with fresh(sql) as db:
            db.execute(f"INSERT INTO t SELECT 1, CAST($1 AS {sql})", [value])
            db.execute(f"INSERT INTO t SELECT 2, CAST(:v AS {sql})", {"v": value})
            check(db, [value, value])

    check_parameters()


def test_zero_characters_are_characters():
    values = ["\0", "a\0b", "a string that is longer than twelve\0", None]
    with fresh("VARCHAR") as db:
        db.insert_csv("t", 'i,v\n0,\0\n1,"a\0b"\n2,a string that is longer than twelve\0\n3,\n')
        check(db, values)
        with pytest.raises(laminardb.IngestionError, match="column 'i'"):
            db.insert_csv("t", "i,v\n1\0,x\n")
        check(db, values)
