"""State that the watermark bounds stays as large as it was, however many windows have come and gone."""

from __future__ import annotations

import laminardb
import pytest

WINDOWS = {
    "tumble": "TUMBLE(ts, INTERVAL '1' SECOND)",
    "hop": "HOP(ts, INTERVAL '1' SECOND, INTERVAL '4' SECOND)",
    "cumulate": "CUMULATE(ts, INTERVAL '1' SECOND, INTERVAL '4' SECOND)",
    "session": "SESSION(ts, INTERVAL '300' MILLISECOND)",
}
EMITS = {
    "close": "EMIT ON WINDOW CLOSE",
    "update": "EMIT ON UPDATE",
    "after": "EMIT AFTER WATERMARK ALLOW LATENESS INTERVAL '2' SECOND",
}
AGGREGATES = {
    "kernels": "count(*) AS n, sum(v) AS s, max(v) AS m",
    "rows": "count(DISTINCT v) AS n, median(v) AS m, max(w) AS w",
}


@pytest.mark.parametrize("aggregates", AGGREGATES.values(), ids=AGGREGATES.keys())
@pytest.mark.parametrize("emit", EMITS.values(), ids=EMITS.keys())
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS.keys())
def test_state_is_flat(window: str, emit: str, aggregates: str) -> None:
    db = laminardb.open(":memory:")
    none = "WITH ('retention' = 'none')"
    db.execute(f"CREATE SOURCE s (k BIGINT, v BIGINT, w VARCHAR, ts BIGINT, WATERMARK FOR ts AS ts - INTERVAL '200' MILLISECOND) {none}")
    db.execute(f"CREATE STREAM o AS SELECT {window} AS win, k, {aggregates} FROM s GROUP BY {window}, k {emit} {none}")
    n = 0
    largest = []
    for _ in range(4):
        most = (0, 0)
        for _ in range(100):
            rows = []
            for _ in range(40):
                n += 1
                # every key is quiet for 300 ms now and then, rows are up to 150 ms out of order, keys come and go
                rows.append({"k": n // 2000 * 10 + n % 7, "v": n * 7919 % 100, "w": f"value number {n * 31 % 50}", "ts": n // 4 * 10 - n % 3 * 50 + n // 200 * 500})
            db.insert("s", rows)
            state = db.query("SELECT sum(state_rows), sum(state_bytes) FROM system.operators").fetchall()[0]
            most = max(most[0], int(state[0])), max(most[1], int(state[1]))
        largest.append(most)
    closed = db.query("SELECT total_rows FROM system.streams WHERE name = 'o'").fetchall()[0][0]
    assert closed > 500
    rows_before, bytes_before = max(largest[0], largest[1])
    assert largest[3][0] <= rows_before * 1.1 and largest[3][1] <= bytes_before * 1.1, largest
    db.close()
