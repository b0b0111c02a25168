"""Lists, structs and maps into columns, part by part in C: without pyarrow, and with nothing left behind by a value that is refused."""

import datetime as dt
import decimal
import subprocess
import sys
import textwrap
import uuid

import pytest
from laminardb import IngestionError


@pytest.fixture
def nest(db):
    db.execute("""CREATE SOURCE n (i BIGINT, l BIGINT[], ll VARCHAR[][], s STRUCT<a BIGINT, b VARCHAR, c DECIMAL(10,2)[]>,
                  m MAP<VARCHAR, STRUCT<x DOUBLE, t TIMESTAMP>>, u UUID[])""")
    return db


ID = uuid.UUID(int=7)
VALUES = [
    ("l", [1, None, 3], [1, None, 3]), ("l", [], []), ("l", (1, 2), [1, 2]), ("l", None, None), ("l", [True and 1, 2.0], [1, 2]),
    ("ll", [["a"], None, [], ["b", None, "a text of more than twelve bytes"]], [["a"], None, [], ["b", None, "a text of more than twelve bytes"]]),
    ("s", {"a": 1, "b": "x", "c": [1, "2.50"]}, {"a": 1, "b": "x", "c": [decimal.Decimal("1.00"), decimal.Decimal("2.50")]}),
    ("s", {}, {"a": None, "b": None, "c": None}), ("s", {"b": "x"}, {"a": None, "b": "x", "c": None}),
    ("s", (1, "y", None), {"a": 1, "b": "y", "c": None}),
    ("m", {"k": {"x": 1, "t": "2024-01-02"}, "n": None}, {"k": {"x": 1.0, "t": dt.datetime(2024, 1, 2)}, "n": None}),
    ("m", [("k", {"x": 2.5})], {"k": {"x": 2.5, "t": None}}), ("m", {}, {}),
    ("u", [ID, str(ID), ID.bytes], [ID, ID, ID]),
]


@pytest.mark.parametrize(("column", "value", "expected"), VALUES)
def test_values(nest, column, value, expected):
    nest.insert("n", [{"i": 1, column: value}, {"i": 2}, {column: value}])
    assert nest.query(f"SELECT i, {column} FROM n").fetchall() == [(1, expected), (2, None), (None, expected)]
    with nest.writer("n") as writer:
        writer.insert({"i": 4, column: value})
    assert nest.query(f"SELECT {column} FROM n WHERE i = 4").fetchall() == [(expected,)]


REFUSED = [
    ("l", 5), ("l", {"a": 1}), ("l", ["x"]), ("l", [[1]]), ("l", "[1"), ("l", object()), ("ll", [["a", object()]]), ("ll", ["a"]),
    ("s", {"nope": 1}), ("s", {"a": "x"}), ("s", {1: 2}), ("s", [1]), ("s", (1, "y")), ("s", {"c": [1, "x"]}),
    ("m", {None: {}}), ("m", {"k": {"x": "no"}}), ("m", [("a",)]), ("m", [1]), ("m", {"k": 5}), ("u", ["no"]),
]


@pytest.mark.parametrize(("column", "value"), REFUSED, ids=range(len(REFUSED)))
def test_refused(nest, column, value):
    with pytest.raises(IngestionError) as info:
        nest.insert("n", [{column: None}, {column: value}])
    assert info.value.code == 302 and f"'{column}'" in str(info.value) and "row 1" in str(info.value)
    good = next(given for name, given, _ in VALUES if name == column)
    with nest.writer("n") as writer:
        writer.insert({"i": 1, column: good})
        with pytest.raises(IngestionError):
            writer.insert({"i": 2, column: value})
        writer.insert({"i": 3, column: good})
    rows = nest.query(f"SELECT i, {column} FROM n ORDER BY i").fetchall()
    assert [row[0] for row in rows] == [1, 3] and rows[0][1] == rows[1][1]


def test_a_list_that_holds_itself(nest):
    endless = []
    endless.append(endless)
    with pytest.raises((IngestionError, RecursionError)):
        nest.insert("n", {"l": endless, "i": 1})


def test_without_pyarrow():
    program = textwrap.dedent("""
        import sys
        for name in ("pyarrow", "numpy", "pandas", "polars"):
            sys.modules[name] = None
        import laminardb
        db = laminardb.open(":memory:")
        db.execute("CREATE SOURCE n (l BIGINT[], s STRUCT<a BIGINT, b VARCHAR>, m MAP<VARCHAR, BIGINT[]>)")
        row = {"l": [1, 2], "s": {"a": 1, "b": "x"}, "m": {"k": [1, None]}}
        db.insert("n", [row, row])
        result = db.query("SELECT * FROM n")
        assert result.fetchall() == [tuple(row.values())] * 2, result.fetchall()
        assert result.to_dicts() == {"l": [[1, 2]] * 2, "s": [row["s"]] * 2, "m": [row["m"]] * 2}
    """)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
