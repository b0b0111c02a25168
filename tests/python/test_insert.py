"""insert: every shape of data, every type of value, and what is refused."""

import array
import collections
import datetime as dt
import decimal
import enum
import uuid

import laminardb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from laminardb import IngestionError, SchemaError

COLUMNS = {
    "b": "BOOLEAN", "i8": "TINYINT", "i16": "SMALLINT", "i32": "INT", "i64": "BIGINT", "u8": "TINYINT UNSIGNED",
    "u16": "SMALLINT UNSIGNED", "u32": "INT UNSIGNED", "u64": "BIGINT UNSIGNED", "f": "REAL", "d": "DOUBLE", "n": "DECIMAL(10,2)",
    "v": "VARCHAR", "x": "BINARY", "da": "DATE", "ti": "TIME", "ts": "TIMESTAMP", "tz": "TIMESTAMP WITH TIME ZONE", "iv": "INTERVAL",
    "id": "UUID", "j": "JSON", "l": "BIGINT[]", "st": "STRUCT<a BIGINT, b VARCHAR>", "m": "MAP<VARCHAR, BIGINT>",
}


@pytest.fixture
def wide(db):
    db.execute("CREATE SOURCE t (" + ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items()) + ")")
    return db


def rows(db, columns="*", table="t"):
    return db.query(f"SELECT {columns} FROM {table}").fetchall()


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Name(str):
    pass


UTC = dt.timezone.utc
ROUND_TRIPS = [
    ("b", True, True),
    ("b", np.bool_(True), True),
    ("i8", -128, -128),
    ("i16", 32767, 32767),
    ("i32", -(2**31), -(2**31)),
    ("i64", -(2**63), -(2**63)),
    ("i64", np.int8(5), 5),
    ("i64", 5.0, 5),
    ("i64", Level.HIGH, 3),
    ("i64", decimal.Decimal("7.00"), 7),
    ("u8", 255, 255),
    ("u16", 65535, 65535),
    ("u32", 2**32 - 1, 2**32 - 1),
    ("u64", 2**64 - 1, 2**64 - 1),
    ("u64", np.uint64(2**64 - 1), 2**64 - 1),
    ("f", 1.5, 1.5),
    ("f", np.float32(0.1), float(np.float32(0.1))),
    ("d", 0.1, 0.1),
    ("d", np.float64(0.1), 0.1),
    ("d", 2**53, float(2**53)),
    ("d", float("inf"), float("inf")),
    ("d", decimal.Decimal("1.25"), 1.25),
    ("n", decimal.Decimal("12.3"), decimal.Decimal("12.30")),
    ("n", decimal.Decimal("1E+3"), decimal.Decimal("1000.00")),
    ("n", decimal.Decimal("-0.01"), decimal.Decimal("-0.01")),
    ("n", 5, decimal.Decimal("5.00")),
    ("v", "héllo €😀", "héllo €😀"),
    ("v", "", ""),
    ("v", "with\0zero", "with\0zero"),
    ("v", Name("sub"), "sub"),
    ("v", Color.RED, "red"),
    ("v", np.str_("np"), "np"),
    ("v", uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ("x", b"\x00\xff", b"\x00\xff"),
    ("x", bytearray(b"ab"), b"ab"),
    ("x", memoryview(b"cd"), b"cd"),
    ("da", dt.date(2024, 2, 29), dt.date(2024, 2, 29)),
    ("da", dt.date.min, dt.date.min),
    ("da", dt.date.max, dt.date.max),
    ("da", "2024-02-29", dt.date(2024, 2, 29)),
    ("da", np.datetime64("2024-02-29"), dt.date(2024, 2, 29)),
    ("ti", dt.time(23, 59, 59, 999999), dt.time(23, 59, 59, 999999)),
    ("ts", dt.datetime(2024, 1, 2, 3, 4, 5, 6), dt.datetime(2024, 1, 2, 3, 4, 5, 6)),
    ("ts", dt.datetime(1, 1, 1), dt.datetime(1, 1, 1)),
    ("ts", dt.datetime.max, dt.datetime.max),
    ("ts", dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(1969, 12, 31, 23, 59, 59, 999999)),
    ("ts", dt.datetime(2024, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))), dt.datetime(2024, 1, 1)),
    ("ts", dt.date(2024, 1, 2), dt.datetime(2024, 1, 2)),
    ("ts", "2024-01-02T03:04:05", dt.datetime(2024, 1, 2, 3, 4, 5)),
    ("ts", pd.Timestamp("2024-01-02 03:04:05"), dt.datetime(2024, 1, 2, 3, 4, 5)),
    ("ts", np.datetime64("2024-01-02T03:04:05.123456"), dt.datetime(2024, 1, 2, 3, 4, 5, 123456)),
    ("ts", np.datetime64("1969-12-31T23:59:59", "ns"), dt.datetime(1969, 12, 31, 23, 59, 59)),
    ("ts", 1_000_000, dt.datetime(1970, 1, 1, 0, 0, 1)),
    ("ts", pd.NaT, None),
    ("ts", np.datetime64("NaT"), None),
    ("tz", dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))), dt.datetime(2024, 1, 1, 10, tzinfo=UTC)),
    ("tz", dt.datetime(2024, 1, 1, 12), dt.datetime(2024, 1, 1, 12, tzinfo=UTC)),
    ("iv", dt.timedelta(days=1, seconds=2, microseconds=3), dt.timedelta(days=1, seconds=2, microseconds=3)),
    ("iv", dt.timedelta(days=-1), dt.timedelta(days=-1)),
    ("iv", laminardb.Interval((14, 3, 5)), laminardb.Interval((14, 3, 5))),
    ("iv", np.timedelta64(90, "s"), dt.timedelta(seconds=90)),
    ("iv", pd.Timedelta(hours=5), dt.timedelta(hours=5)),
    ("id", uuid.UUID("12345678-1234-5678-1234-567812345678"), uuid.UUID("12345678-1234-5678-1234-567812345678")),
    ("id", "12345678-1234-5678-1234-567812345678", uuid.UUID("12345678-1234-5678-1234-567812345678")),
    ("j", {"a": [1, None]}, '{"a":[1,null]}'),
    ("j", [1, 2], "[1,2]"),
    ("l", [1, None, 3], [1, None, 3]),
    ("l", (1, 2), [1, 2]),
    ("st", {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
    ("m", {"k": 1}, {"k": 1}),
    ("v", None, None),
    ("i64", pd.NA, None),
]


@pytest.mark.parametrize(("column", "value", "expected"), ROUND_TRIPS)
def test_value(wide, column, value, expected):
    assert wide.insert("t", [{column: value}]) == 1
    got = rows(wide, column)[0][0]
    assert got == expected
    assert type(got) is type(expected)
    if isinstance(expected, dt.datetime):
        assert got.tzinfo == expected.tzinfo


REFUSED = [
    ("b", 1), ("b", "x"), ("i8", 128), ("i16", -32769), ("i32", 2**31), ("i64", 2**63), ("i64", 2**200), ("i64", 10**5000), ("i64", 1.5),
    ("i64", float("nan")), ("i64", True), ("i64", "x"), ("i64", decimal.Decimal("1.5")), ("u8", -1), ("u64", 2**64), ("f", 0.1),
    ("d", 2**53 + 1), ("n", decimal.Decimal("1.234")), ("n", decimal.Decimal("NaN")), ("n", decimal.Decimal("1E+99999")),
    ("n", decimal.Decimal("123456789.0")), ("n", 2**100), ("v", 5), ("v", b"bytes"), ("v", "\ud800"), ("v", dt.date(2024, 1, 1)),
    ("da", "2024-13-01"), ("da", dt.datetime(2024, 1, 1, 1)), ("ti", dt.time(1, tzinfo=UTC)), ("ts", "yesterday"),
    ("ts", np.datetime64("2024-01-01T00:00:00.000000001", "ns")), ("ts", pd.Timestamp("2024-01-01 00:00:00.000000001")), ("iv", 5),
    ("id", "x"), ("id", b"short"), ("j", {"a": {1, 2}}), ("l", ["x"]), ("l", 5), ("st", {"a": "x"}), ("i64", object()), ("i64", {1}),
    ("i64", [1]), ("i64", {"a": 1}), ("i64", 1j), ("v", np.complex128(1j)), ("i64", lambda: 1),
]


@pytest.mark.parametrize(("column", "value"), REFUSED, ids=[f"{column}-{i}" for i, (column, _) in enumerate(REFUSED)])
def test_refused_value_names_column_row_and_types(wide, column, value):
    with pytest.raises(IngestionError) as info:
        wide.insert("t", [{column: None}, {column: value}])
    assert info.value.code == 302
    message = str(info.value)
    assert message.startswith("Batch schema mismatch (302): ")
    assert f"'{column}'" in message and "row 1" in message
    sql = COLUMNS[column].split("(")[0]
    assert sql in message
    assert rows(wide, "count(*)") == [(0,)]


def test_row_types_of_shapes(trades):
    assert trades.insert("trades", {"sym": "A", "price": 1.0, "qty": 1}) == 1
    assert trades.insert("trades", {"sym": ["A", "B"], "price": [1.0, 2.0], "qty": (1, 2)}) == 2
    assert trades.insert("trades", [{"qty": 3, "sym": "C"}, {"price": 4.0}]) == 2
    assert trades.insert("trades", {"sym": np.array(["D"], dtype=object), "price": np.array([1.0]), "qty": np.array([1])}) == 1
    assert trades.insert("trades", pd.DataFrame({"qty": [1], "sym": ["E"], "price": [2.0]})) == 1
    assert trades.insert("trades", pl.DataFrame({"qty": [1], "sym": ["F"], "price": [2.0]})) == 1
    table = pa.table({"qty": [1], "sym": ["G"], "price": [2.0]})
    assert trades.insert("trades", table) == 1
    assert trades.insert("trades", table.to_batches()[0]) == 1
    assert trades.insert("trades", table.to_reader()) == 1
    assert trades.insert("trades", collections.OrderedDict(sym="H", price=1.0, qty=1)) == 1
    assert trades.insert("trades", collections.defaultdict(int, sym="I")) == 1
    assert trades.insert_json("trades", '[{"sym": "J"}, {"qty": 1}]') == 2
    assert trades.insert_csv("trades", "qty,sym\n1,K\n") == 1
    assert rows(trades, "count(*)", "trades") == [(16,)]


def test_names_fold_and_order_is_free(trades):
    assert trades.insert("TRADES", {"QTY": 1, "Price": 2.0, "sym": "x"}) == 1
    assert rows(trades, "sym, price, qty", "trades") == [("x", 2.0, 1)]


def test_keys_of_rows_may_change_places(trades):
    trades.insert("trades", [{"sym": "a", "qty": 1}, {"qty": 2, "sym": "b"}, {"price": 3.0}, {"s" + "ym": "d", "price": 4.0, "qty": 4}])
    assert rows(trades, "*", "trades") == [("a", None, 1), ("b", None, 2), (None, 3.0, None), ("d", 4.0, 4)]


@pytest.mark.parametrize("data", [5, "text", b"x", None, object(), {1, 2}, [], (), {}, [1], [None], [[1]], [{"sym": "a"}, 5], {1: 2}, {"sym": "a", 5: 1},
                                  pd.Series([1]), (x for x in [1])],
                         ids=lambda data: type(data).__name__)
def test_unsupported_data_is_a_type_error(trades, data):
    with pytest.raises((TypeError, SchemaError)):
        trades.insert("trades", data)
    assert rows(trades, "count(*)", "trades") == [(0,)]


def test_empty_data_with_columns_inserts_nothing(trades):
    assert trades.insert("trades", {"sym": [], "price": []}) == 0
    assert trades.insert("trades", pd.DataFrame({"sym": pd.Series([], dtype=str)})) == 0
    assert trades.insert("trades", pl.DataFrame({"sym": []}, schema={"sym": pl.String})) == 0
    assert trades.insert("trades", pa.table({"sym": pa.array([], pa.string())})) == 0
    assert trades.insert("trades", {"qty": np.array([], dtype=np.int64)}) == 0
    assert rows(trades, "count(*)", "trades") == [(0,)]


@pytest.mark.parametrize("data", [{"nope": 1}, {"nope": [1]}, [{"sym": "a"}, {"nope": 1}], {"nope": np.arange(3)}, pa.table({"nope": [1]}),
                                  pd.DataFrame({"nope": [1]}), pl.DataFrame({"nope": [1]})], ids=lambda data: type(data).__name__)
def test_unknown_column(trades, data):
    with pytest.raises(IngestionError, match="nope") as info:
        trades.insert("trades", data)
    assert info.value.code == 302
    assert rows(trades, "count(*)", "trades") == [(0,)]


def test_column_given_twice(trades):
    with pytest.raises(IngestionError, match="twice"):
        trades.insert("trades", {"sym": "a", "SYM": "b"})
    with pytest.raises(IngestionError, match="twice"):
        trades.insert("trades", {"sym": ["a"], "SYM": ["b"]})
    with pytest.raises(laminardb.LaminarError):
        trades.insert("trades", pa.table([pa.array(["a"]), pa.array(["b"])], names=["sym", "sym"]))
    frame = pd.DataFrame([["a", "b"]], columns=["sym", "sym"])
    with pytest.raises(IngestionError, match="twice"):
        trades.insert("trades", frame)
    assert rows(trades, "count(*)", "trades") == [(0,)]


def test_columns_of_different_lengths(trades):
    with pytest.raises(IngestionError, match="'price' has 1 values"):
        trades.insert("trades", {"sym": ["a", "b"], "price": [1.0]})
    with pytest.raises(IngestionError):
        trades.insert("trades", {"qty": np.arange(3), "price": np.arange(2.0)})


def test_missing_column_is_null_or_default_or_refused(db):
    db.execute("CREATE SOURCE t (a BIGINT NOT NULL, b VARCHAR DEFAULT 'none', c DOUBLE)")
    assert db.insert("t", [{"a": 1}, {"a": 2, "b": "x"}]) == 2
    assert rows(db) == [(1, "none", None), (2, "x", None)]
    for data in ({"b": "x"}, [{"a": 1}, {"b": "y"}], {"a": None}, {"a": [1, None]}, pa.table({"b": ["x"]}), pa.table({"a": pa.array([1, None])})):
        with pytest.raises(IngestionError, match="a"):
            db.insert("t", data)
    assert rows(db, "count(*)") == [(2,)]


def test_one_bad_row_refuses_the_call_and_nothing_else(trades):
    trades.insert("trades", {"sym": "before", "qty": 0})
    with pytest.raises(IngestionError, match="row 500"):
        trades.insert("trades", [{"sym": "x", "qty": i if i != 500 else "bad"} for i in range(1000)])
    trades.insert("trades", {"sym": "after", "qty": 1})
    assert rows(trades, "sym, qty", "trades") == [("before", 0), ("after", 1)]


def test_unknown_table(trades):
    for name in ("nope", "", "a b", "nope\ud800", "zero\0"):
        with pytest.raises(SchemaError) as info:
            trades.insert(name, {"a": 1})
        assert info.value.code == 200
    with pytest.raises(TypeError):
        trades.insert(5, {"a": 1})
    with pytest.raises(TypeError):
        trades.insert("trades")


def test_schema_change_is_seen(db):
    db.execute("CREATE SOURCE t (a BIGINT)")
    db.insert("t", {"a": 1})
    db.execute("DROP SOURCE t")
    with pytest.raises(SchemaError):
        db.insert("t", {"a": 1})
    db.execute("CREATE SOURCE t (a VARCHAR, b BIGINT)")
    assert db.insert("t", {"a": "x", "b": 2}) == 1
    assert rows(db) == [("x", 2)]


def test_numpy_arrays_of_all_kinds(wide):
    n = 5
    data = {
        "b": np.array([True, False, True, True, False]), "i8": np.arange(n, dtype=np.int8), "i16": np.arange(n, dtype=np.int16),
        "i32": np.arange(2 * n, dtype=np.int32)[::2], "i64": np.arange(n), "u8": np.arange(n, dtype=np.uint8), "u64": np.arange(n, dtype=np.uint64),
        "f": np.arange(n, dtype=np.float32), "d": np.arange(n)[::-1] / 2,
        "ts": np.array(["2024-01-01", "NaT", "1969-12-31", "2024-01-02", "2024-01-03"], dtype="datetime64[ms]"),
        "iv": np.arange(n).astype("timedelta64[s]"),
    }
    assert wide.insert("t", data) == n
    got = wide.query("SELECT b, i8, i32, d, ts, iv FROM t").to_dicts()
    assert got["b"] == [True, False, True, True, False]
    assert got["i32"] == [0, 2, 4, 6, 8]
    assert got["d"] == [2.0, 1.5, 1.0, 0.5, 0.0]
    assert got["ts"] == [dt.datetime(2024, 1, 1), None, dt.datetime(1969, 12, 31), dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 3)]
    assert got["iv"] == [dt.timedelta(seconds=i) for i in range(n)]


def test_numpy_memory_may_change_after_insert(db):
    db.execute("CREATE SOURCE t (a BIGINT)")
    data = np.arange(10)
    frame = pd.DataFrame({"a": np.arange(10)})
    db.insert("t", {"a": data})
    db.insert("t", frame)
    data[:] = -1
    frame.loc[:, "a"] = -1
    assert sorted(row[0] for row in rows(db)) == sorted([*range(10), *range(10)])


def test_pandas_memory_may_change_after_insert(wide):
    frame = pd.DataFrame({"i64": pd.array([1, 2], dtype="Int64"), "b": pd.array([True, False], dtype="boolean"), "v": ["x", "y"],
                          "tz": pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True), "d": [1.5, 2.5]})
    wide.insert("t", frame)
    before = rows(wide, "i64, b, v, tz, d")
    for name, value in (("i64", 9), ("b", True), ("tz", pd.Timestamp("2030-01-01", tz="UTC")), ("d", 9.5)):
        array = frame[name].array
        try:
            array[0] = value
            array[1] = value
        except ValueError:
            frame.loc[:, name] = value  # read-only views of copy-on-write
    assert rows(wide, "i64, b, v, tz, d") == before


def test_numpy_of_other_types_goes_by_value(wide):
    assert wide.insert("t", {"v": np.array(["a", None], dtype=object), "i64": np.array([1, 2], dtype=">i8")}) == 2
    assert wide.insert("t", {"ts": np.array(["2024-01-01"], dtype="datetime64[D]"), "v": ["x"]}) == 1
    assert rows(wide, "v, i64, ts") == [("a", 1, None), (None, 2, None), ("x", None, dt.datetime(2024, 1, 1))]
    with pytest.raises(TypeError):
        wide.insert("t", {"i64": np.zeros((2, 2))})


def test_columns_of_other_libraries(wide):
    assert wide.insert("t", {"i64": pd.Series([1, None]), "v": pl.Series(["a", None]), "d": pa.array([1.5, None])}) == 2
    assert wide.insert("t", {"i64": range(3)}) == 3
    assert rows(wide, "i64, v, d") == [(1, "a", 1.5), (None, None, None), (0, None, None), (1, None, None), (2, None, None)]


def test_pandas_types(wide):
    frame = pd.DataFrame({
        "v": pd.Categorical(["x", "y", None]), "i64": pd.array([1, None, 3], dtype="Int64"), "d": [1.5, float("nan"), 2.5],
        "ts": pd.to_datetime(["2024-01-01", None, "2024-01-03"]), "tz": pd.to_datetime(["2024-01-01", None, "2024-01-03"], utc=True),
        "b": pd.array([True, None, False], dtype="boolean"),
    }, index=["p", "q", "r"])
    assert wide.insert("t", frame) == 3
    got = wide.query("SELECT v, i64, d, ts, b FROM t").fetchall()
    assert got == [("x", 1, 1.5, dt.datetime(2024, 1, 1), True), ("y", None, None, None, None), (None, 3, 2.5, dt.datetime(2024, 1, 3), False)]


def test_pandas_column_of_mixed_objects_names_the_row(wide):
    with pytest.raises(IngestionError, match="row 1"):
        wide.insert("t", pd.DataFrame({"i64": [1, "x", 2.5]}))
    with pytest.raises(TypeError):
        wide.insert("t", pd.DataFrame({5: [1]}))


def test_pandas_columns_of_objects(wide):
    """Text goes in as a whole, what pandas calls missing is null, anything else goes value by value."""
    texts = ["a", None, "\u00e9\U0001f600" * 50, float("nan"), "", "b\0c"]
    frame = pd.DataFrame({"v": pd.Series(texts, dtype=object), "i64": [1, 2, 3, 4, 5, 6], "d": [1.5, float("nan"), 0, 1, 2, 3]})
    expected = [(None if not isinstance(text, str) else text,) for text in texts]
    assert wide.insert("t", frame) == 6
    assert rows(wide, "v") == expected
    assert wide.insert("t", frame[::-2]) == 3, "every other row, from behind"
    assert rows(wide, "v")[6:] == expected[::-2]
    assert rows(wide, "d")[:2] == [(1.5,), (None,)]
    assert wide.insert("t", frame[:0]) == 0
    assert wide.insert("t", pd.DataFrame({"v": pd.Series(["x", pd.NA], dtype=object)})) == 2
    assert rows(wide, "v")[9:] == [("x",), (None,)]
    with pytest.raises(IngestionError, match="row 1.*surrogates|row 1"):
        wide.insert("t", pd.DataFrame({"v": pd.Series(["x", "\ud800"], dtype=object)}))
    assert len(rows(wide, "v")) == 11, "nothing of the refused call"


def test_arrow_types_coerce_without_loss(wide):
    table = pa.table({
        "i64": pa.array([1, 2], pa.int32()), "d": pa.array([1, 2], pa.int64()), "v": pa.array(["a", "b"]).dictionary_encode(),
        "ts": pa.array([0, 1], pa.timestamp("s")), "n": pa.array([decimal.Decimal("1.5"), None], pa.decimal128(5, 1)),
        "x": pa.array([b"a", b"b"], pa.large_binary()), "u8": pa.array([1, 2], pa.int64()),
    })
    assert wide.insert("t", table) == 2
    assert rows(wide, "i64, d, v, n") == [(1, 1.0, "a", decimal.Decimal("1.50")), (2, 2.0, "b", None)]
    with pytest.raises(IngestionError) as info:
        wide.insert("t", pa.table({"u8": [1, 256]}))
    assert info.value.code == 302


def test_arrow_objects_by_capsule(trades):
    class Stream:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table({"sym": ["a"]}).__arrow_c_stream__(requested_schema)

    class Array:
        def __arrow_c_array__(self, requested_schema=None):
            return pa.record_batch({"sym": ["b"]}).__arrow_c_array__(requested_schema)

    class Broken:
        def __arrow_c_stream__(self, requested_schema=None):
            return 5

    class Raises:
        def __arrow_c_array__(self, requested_schema=None):
            raise KeyError("mine")

    assert trades.insert("trades", Stream()) == 1
    assert trades.insert("trades", Array()) == 1
    with pytest.raises(ValueError):
        trades.insert("trades", Broken())
    with pytest.raises(KeyError):
        trades.insert("trades", Raises())
    reader = pa.table({"sym": ["c"]}).to_reader()
    trades.insert("trades", reader)
    with pytest.raises(Exception):
        trades.insert("trades", pa.array([1, 2]))
    assert rows(trades, "sym", "trades") == [("a",), ("b",), ("c",)]


def test_stream_that_fails_in_the_middle_inserts_nothing(trades):
    def batches():
        yield pa.record_batch({"sym": ["a"]})
        raise RuntimeError("the disk is gone")

    reader = pa.RecordBatchReader.from_batches(pa.schema({"sym": pa.string()}), batches())
    with pytest.raises(IngestionError, match="the disk is gone"):
        trades.insert("trades", reader)
    assert rows(trades, "count(*)", "trades") == [(0,)]


def test_conversion_that_inserts_again(trades):
    """Python code that runs inside a conversion may use the connection."""

    class Sneaky:
        def __index__(self):
            trades.insert("trades", {"sym": "inner", "qty": 1})
            return 2

    trades.insert("trades", {"sym": "outer", "qty": Sneaky()})
    assert sorted(rows(trades, "sym, qty", "trades")) == [("inner", 1), ("outer", 2)]


def test_conversion_that_changes_the_list(trades):
    data = {"sym": ["a", "b", "c"], "qty": [1, None, 3]}

    class Clears:
        def __index__(self):
            data["qty"].clear()
            data["sym"].clear()
            return 5

    data["qty"][1] = Clears()
    with pytest.raises(RuntimeError):
        trades.insert("trades", data)
    assert rows(trades, "count(*)", "trades") == [(0,)]


def test_array_that_lies_about_its_type(trades):
    liar = type("numpy.ndarray", (array.array,), {"ndim": 1, "dtype": np.dtype("f8")})("b", b"12345678")
    with pytest.raises(TypeError):
        trades.insert("trades", {"price": liar})
    assert rows(trades, "count(*)", "trades") == [(0,)]


def test_conversion_that_changes_the_dict(trades):
    data = {}

    class Clears:
        ndim = 1

        def __len__(self):
            return 1

        def tolist(self):
            data.clear()
            data.update({f"x{i}": [i] for i in range(1000)})
            return [1]

    data.update({"qty": Clears(), "sym": ["a"]})
    with pytest.raises(laminardb.LaminarError):
        trades.insert("trades", data)
    assert rows(trades, "count(*)", "trades") == [(0,)]


def test_exception_in_a_conversion(trades):
    class Angry:
        def __index__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trades.insert("trades", {"qty": Angry()})
    assert trades.insert("trades", {"qty": 1}) == 1


@pytest.mark.parametrize("text", ["", "[", '[{"qty": "x"}]', '[{"nope": 1}]', "[1]", '{"qty": 1', '[{"qty": 1}] junk', "[" * 100_000, "\ud800"])
def test_bad_json(trades, text):
    with pytest.raises(IngestionError):
        if trades.insert_json("trades", text) == 0:
            raise IngestionError("nothing")
    assert rows(trades, "count(*)", "trades") == [(0,)]


@pytest.mark.parametrize("text", ["nope\n1\n", "qty\nx\n", 'qty\n"1\n', "qty,sym\n1\n", "qty,qty\n1,2\n"])
def test_bad_csv(trades, text):
    with pytest.raises(IngestionError):
        trades.insert_csv("trades", text)
    assert rows(trades, "count(*)", "trades") == [(0,)]


def test_text_formats_take_bytes_and_nothing_else(trades):
    assert trades.insert_json("trades", b'{"sym": "x"}') == 1
    assert trades.insert_csv("trades", memoryview(b"sym\ny\n")) == 1
    for bad in (5, None, ["x"]):
        with pytest.raises(TypeError):
            trades.insert_json("trades", bad)
        with pytest.raises(TypeError):
            trades.insert_csv("trades", bad)


def test_csv_quotes_and_nulls(trades):
    trades.insert_csv("trades", 'sym,price,qty\r\n"a,""b""",1.5,\r\n,,7\r\n"",,\r\n')
    assert rows(trades, "*", "trades") == [('a,"b"', 1.5, None), (None, None, 7), ("", None, None)]


def test_large_values(trades):
    big = "x" * 10_000_000
    assert trades.insert("trades", {"sym": big}) == 1
    assert rows(trades, "sym", "trades") == [(big,)]
