"""Rows that come too late: what counts as late, ALLOW LATENESS, the counters, LATE DATA TO."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import laminardb
import pytest

SOURCE = "CREATE SOURCE s (id BIGINT, k VARCHAR, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts)"
WINDOWS = {
    "tumble": "TUMBLE(ts, INTERVAL '10' SECOND)",
    "hop": "HOP(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND)",
    "cumulate": "CUMULATE(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND)",
    "session": "SESSION(ts, INTERVAL '10' SECOND)",
}
T0 = dt.datetime(2026, 1, 1)


@pytest.fixture
def db() -> Any:
    conn = laminardb.open(":memory:")
    conn.execute(SOURCE)
    yield conn
    conn.close()


def stream(db: Any, window: str, emit: str, name: str = "o") -> None:
    db.execute(f"CREATE STREAM {name} AS SELECT {window} AS w, count(*) AS n FROM s GROUP BY {window} {emit}")


def put(db: Any, *seconds: float | None) -> None:
    rows = [{"id": i, "k": "a", "v": 1, "ts": None if s is None else T0 + dt.timedelta(seconds=s)} for i, s in enumerate(seconds)]
    db.insert("s", rows)


def late_counter(db: Any, name: str = "o") -> int:
    return int(db.query(f"SELECT late_rows FROM system.streams WHERE name = '{name}'").fetchall()[0][0])


def times(db: Any, relation: str = "too_late") -> list[Any]:
    return [None if t is None else (t - T0).total_seconds() for (t,) in db.query(f"SELECT ts FROM {relation} ORDER BY ts").fetchall()]


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS.keys())
@pytest.mark.parametrize("emit", ["EMIT ON WINDOW CLOSE", "EMIT ON UPDATE", "EMIT AFTER WATERMARK", "EMIT FINAL"])
def test_late_rows_go_to_the_relation(db: Any, window: str, emit: str) -> None:
    stream(db, window, f"{emit} LATE DATA TO too_late")
    put(db, 1, 31, 2)  # of one batch: never late against each other
    assert times(db) == []
    put(db, 3, None, 30, 40)
    assert times(db) == [3, None]
    assert late_counter(db) == 2
    row = db.query("SELECT id, k, v, ts FROM too_late WHERE ts IS NOT NULL").fetchall()
    assert row == [(0, "a", 1, T0 + dt.timedelta(seconds=3))]


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS.keys())
def test_lateness_keeps_windows_open(db: Any, window: str) -> None:
    stream(db, window, "EMIT ON WINDOW CLOSE ALLOW LATENESS INTERVAL '20' SECOND LATE DATA TO too_late")
    put(db, 1, 25)
    put(db, 3)  # its window ends before 25, but stays open until 30
    assert times(db) == [] and late_counter(db) == 0
    put(db, 60)
    put(db, 4)
    assert times(db) == [4] and late_counter(db) == 1


def test_final_has_no_lateness(db: Any) -> None:
    stream(db, WINDOWS["tumble"], "EMIT FINAL ALLOW LATENESS INTERVAL '20' SECOND LATE DATA TO too_late")
    put(db, 1, 15)
    put(db, 3)
    assert times(db) == [3]
    assert db.query("SELECT n FROM o").fetchall() == [(1,)]


@pytest.mark.parametrize("window", ["tumble", "session"])
def test_after_watermark_corrects_what_is_out(db: Any, window: str) -> None:
    stream(db, WINDOWS[window], "EMIT AFTER WATERMARK ALLOW LATENESS INTERVAL '20' SECOND LATE DATA TO too_late")
    sub = db.subscribe_stream("o", changes=True)
    put(db, 1, 22)
    first = [(r[1], r[2]) for r in sub.try_next().fetchall()]
    assert first == [(1, 1)]
    put(db, 2)
    assert sorted((r[1], r[2]) for r in sub.try_next().fetchall()) == [(1, -1), (2, 1)]
    put(db, 60)
    put(db, 3)
    assert times(db) == [3]
    sub.cancel()


@pytest.mark.parametrize("seed", range(5))
def test_what_is_not_late_is_in(seed: int) -> None:
    """The stream's rows and the late ones are all rows: the query without the late ones gives the stream."""
    rng = random.Random(seed)
    conn = laminardb.open(":memory:")
    conn.execute(SOURCE)
    window = WINDOWS["tumble"]
    select = f"SELECT {window} AS w, k, count(*) AS n, sum(v) AS sv FROM {{}} GROUP BY {window}, k"
    conn.execute(f"CREATE STREAM o AS {select.format('s')} EMIT ON WINDOW CLOSE ALLOW LATENESS INTERVAL '3' SECOND LATE DATA TO too_late")
    n = 0
    for step in range(60):
        rows = []
        for _ in range(rng.choice([1, 5, 20])):
            n += 1
            ts = T0 + dt.timedelta(seconds=step - rng.choice([0, 1, 5, 15, 40]), milliseconds=rng.randrange(1000))
            rows.append({"id": n, "k": rng.choice("ab"), "v": rng.randrange(9), "ts": ts})
        conn.insert("s", rows)
    with conn.writer("s") as writer:
        writer.watermark(int((T0 + dt.timedelta(days=9)).replace(tzinfo=dt.timezone.utc).timestamp() * 1000))
    late = conn.query("SELECT count(*) FROM too_late").fetchall()[0][0]
    assert 0 < late == late_counter(conn) < n
    on_time = "(SELECT * FROM s WHERE id NOT IN (SELECT id FROM too_late)) x"
    assert sorted(conn.query("SELECT * FROM o").fetchall()) == sorted(conn.query(select.format(on_time)).fetchall())
    conn.close()


def test_late_rows_are_rows_like_any(db: Any) -> None:
    stream(db, WINDOWS["tumble"], "LATE DATA TO too_late")
    db.execute("CREATE STREAM per_key AS SELECT k, count(*) AS n FROM too_late GROUP BY k")
    stream(db, WINDOWS["hop"], "LATE DATA TO too_late", "p")  # a second stream fills it too
    sub = db.subscribe_stream("too_late")
    put(db, 1, 50)
    put(db, 2)
    assert db.query("SELECT n FROM per_key").fetchall() == [(2,)]
    assert len(sub.try_next().fetchall()) == 2
    sub.cancel()
    with pytest.raises(laminardb.QueryError, match="reads it"):
        db.execute("DROP SOURCE too_late")
    db.execute("DROP STREAM o")
    assert times(db) == [2, 2]


def test_all_columns_of_the_input_arrive(db: Any) -> None:
    db.execute(f"CREATE STREAM o AS SELECT {WINDOWS['tumble']} AS w, count(*) AS n FROM s WHERE v > 0 GROUP BY 1 LATE DATA TO \"Late Rows\"")
    put(db, 50)
    put(db, 2)
    assert db.query('SELECT k, v FROM "Late Rows"').fetchall() == [("a", 1)]


def test_what_cannot_be(db: Any) -> None:
    db.execute("CREATE SOURCE unmarked (id BIGINT, ts TIMESTAMP)")
    db.execute("CREATE SOURCE keyed (id BIGINT, ts TIMESTAMP, PRIMARY KEY (id), WATERMARK FOR ts)")
    db.execute("CREATE SOURCE other (id BIGINT)")
    window = WINDOWS["tumble"]
    for sql, message in (
        (f"SELECT {window}, count(*) FROM unmarked GROUP BY 1 EMIT ON UPDATE LATE DATA TO x", "LATE DATA TO needs a watermark"),
        (f"SELECT {window}, count(*) FROM keyed GROUP BY 1 LATE DATA TO x", "rows that may be taken back"),
        ("SELECT k, count(*) FROM s GROUP BY k LATE DATA TO x", "needs a time window"),
        (f"SELECT {window}, count(*) FROM s GROUP BY 1 LATE DATA TO s", "the stream reads it"),
        (f"SELECT {window}, count(*) FROM s GROUP BY 1 LATE DATA TO other", "columns are not those"),
        (f"SELECT {window}, count(*) FROM s GROUP BY 1 LATE DATA TO keyed", "it has a key"),
        (f"SELECT {window}, count(*) FROM s GROUP BY 1 LATE DATA TO bad", "stream itself"),
    ):
        with pytest.raises(laminardb.LaminarError, match=message):
            db.execute(f"CREATE STREAM bad AS {sql}")
    assert "x" not in [name for (name, *_) in db.query("SHOW SOURCES").fetchall()]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window", [*WINDOWS.values(), "SESSION(ts, 700)", "HOP(ts, INTERVAL '1' SECOND, INTERVAL '30' SECOND)", "CUMULATE(ts, 1000, 20000)"])
def test_closing_modes_and_updating_modes_agree_on_late_rows(window: str, seed: int) -> None:
    """Windows that are made of panes, and windows that get each row: a row behind the watermark is in those that are still open."""
    rng = random.Random(seed)
    conn = laminardb.open(":memory:")
    conn.execute(SOURCE)
    # an aggregate that adds up, and one that keeps its rows
    for name, what in (("plain", "count(*) AS n, sum(v) AS sv, max(v) AS m"), ("kept", "count(DISTINCT v) AS dv, median(v) AS md")):
        for mode in ("close", "update"):
            emit = "EMIT ON WINDOW CLOSE" if mode == "close" else "EMIT ON UPDATE"
            conn.execute(f"CREATE STREAM {name}_{mode} AS SELECT window_start, window_end, k, {what} FROM s GROUP BY {window}, k {emit}")
    for step in range(80):
        rows = [
            {"id": 1, "k": rng.choice("abc"), "v": rng.randrange(50), "ts": T0 + dt.timedelta(seconds=step - rng.choice([0, 0, 0, 0, 0, 2, 9, 19]), milliseconds=rng.randrange(1000))}
            for _ in range(rng.choice([1, 4, 12]) if step % 10 else 30)
        ]
        conn.insert("s", rows)
    with conn.writer("s") as writer:
        writer.watermark(int((T0 + dt.timedelta(days=9)).replace(tzinfo=dt.timezone.utc).timestamp() * 1000))
    for name in ("plain", "kept"):
        close = sorted(conn.query(f"SELECT * FROM {name}_close").fetchall(), key=repr)
        assert close == sorted(conn.query(f"SELECT * FROM {name}_update").fetchall(), key=repr)
        assert len(close) > 2
    conn.close()
