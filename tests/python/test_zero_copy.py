"""Arrow memory goes through the module without a copy where a column needs no conversion: the addresses of its buffers are the same at
both ends."""

import gc

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

N = 5000
COLUMNS = {
    "i8": (pa.int8(), "TINYINT"), "i32": (pa.int32(), "INT"), "i64": (pa.int64(), "BIGINT"), "u64": (pa.uint64(), "BIGINT UNSIGNED"),
    "f32": (pa.float32(), "REAL"), "f64": (pa.float64(), "DOUBLE"), "dec": (pa.decimal128(20, 3), "DECIMAL(20,3)"), "day": (pa.date32(), "DATE"),
    "us": (pa.timestamp("us"), "TIMESTAMP"), "ms": (pa.timestamp("ms"), "TIMESTAMP(3)"), "tz": (pa.timestamp("us", "UTC"), "TIMESTAMP WITH TIME ZONE"),
    "time": (pa.time64("us"), "TIME"), "iv": (pa.month_day_nano_interval(), "INTERVAL"),
}


def column(kind):
    if kind == pa.month_day_nano_interval():
        return pa.array([pa.MonthDayNano([1, i % 28, i]) for i in range(N)], kind)
    numbers = pa.array([i % 100 if i % 7 else None for i in range(N)])
    return numbers.cast(pa.int32() if pa.types.is_date(kind) or pa.types.is_decimal(kind) else pa.int64()).cast(kind)


@pytest.fixture
def table(db):
    db.execute(f"CREATE SOURCE t ({', '.join(f'{name} {sql}' for name, (_, sql) in COLUMNS.items())}, s VARCHAR)")
    return db


def address(array, buffer=1):
    return array.buffers()[buffer].address


def shapes(batch):
    yield batch
    yield pa.Table.from_batches([batch])
    yield pa.RecordBatchReader.from_batches(batch.schema, [batch])


def test_arrow_in_and_out(table):
    batch = pa.RecordBatch.from_arrays([column(kind) for kind, _ in COLUMNS.values()], names=list(COLUMNS))
    sub = table.subscribe_stream("t")
    for data in shapes(batch):
        table.insert("t", data)
        out = sub.next_timeout(5000).to_arrow()
        assert out.num_rows == N
        for name in COLUMNS:
            chunk = out[name].chunk(0)
            assert address(chunk) == address(batch[name]), f"{name} was copied"
            assert chunk.equals(batch[name])
    kept = out
    table.close()
    del sub, out
    gc.collect()
    assert kept["i64"].to_pylist() == batch["i64"].to_pylist(), "what was exported keeps its memory"


def test_slices(table):
    whole = pa.RecordBatch.from_arrays([column(pa.int64())], names=["i64"])
    sub = table.subscribe_stream("t")
    table.insert("t", whole.slice(1024, 2048))
    chunk = sub.next_timeout(5000).to_arrow()["i64"].chunk(0)
    assert chunk.equals(whole["i64"].slice(1024, 2048))
    assert address(whole["i64"]) <= address(chunk) + chunk.offset * 8 < address(whole["i64"]) + N * 8


def test_polars_out_and_in(table):
    frame = pl.DataFrame({"i64": np.arange(N), "f64": np.arange(N) / 2})
    sub = table.subscribe_stream("t")
    table.insert("t", frame)
    result = sub.next_timeout(5000)
    assert address(result.to_arrow()["i64"].chunk(0)) == address(frame["i64"].to_arrow())
    assert result.to_polars()["i64"].to_list() == frame["i64"].to_list()


def test_numpy_is_copied_as_it_can_change(table):
    values = np.arange(N)
    sub = table.subscribe_stream("t")
    table.insert("t", {"i64": values})
    values[:] = -1
    out = sub.next_timeout(5000).to_arrow()["i64"]
    assert out.to_pylist() == list(range(N)) and address(out.chunk(0)) != values.ctypes.data
    assert np.shares_memory(out.chunk(0).to_numpy(), out.chunk(0).to_numpy())

