"""Windows over PROCTIME(): by the clock, which is set, so nothing here waits. A stream keeps the time at which each row came; over that one
the one-shot query must give what the stream over PROCTIME() holds, whenever one looks.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import laminardb
import pytest

WINDOWS = {
    "tumble": "TUMBLE({}, INTERVAL '10' SECOND)",
    "tumble_offset": "TUMBLE({}, INTERVAL '10' SECOND, INTERVAL '3' SECOND)",
    "hop": "HOP({}, INTERVAL '5' SECOND, INTERVAL '20' SECOND)",
    "hop_uneven": "HOP({}, INTERVAL '4' SECOND, INTERVAL '10' SECOND)",
    "cumulate": "CUMULATE({}, INTERVAL '5' SECOND, INTERVAL '20' SECOND)",
    "session": "SESSION({}, INTERVAL '6' SECOND)",
}
BOUNDS = "window_start AS s, window_end AS e"
START = datetime(2026, 1, 1)


def query(relation: str, window: str, time: str) -> str:
    return f"SELECT {BOUNDS}, k, count(*) AS n, sum(v) AS t, max(v) AS m FROM {relation} GROUP BY {WINDOWS[window].format(time)}, k"


def rows(db, sql):
    return sorted(db.query(sql).fetchall(), key=repr)


def at(db, ms: int) -> datetime:
    now = START + timedelta(milliseconds=ms)
    db.execute(f"SET clock = '{now}'")
    return now


def create(db) -> None:
    db.execute("CREATE SOURCE s (k INT, v INT) WITH ('retention' = 'all')")
    db.execute("CREATE STREAM arrived AS SELECT k, v, PROCTIME() AS at FROM s WITH ('retention' = 'all')")
    for window in WINDOWS:
        for mode, emit in (("closed", ""), ("final", "EMIT FINAL"), ("updated", "EMIT ON UPDATE"), ("every", "EMIT EVERY INTERVAL '7' SECOND")):
            db.execute(f"CREATE STREAM {window}_{mode} AS {query('s', window, 'PROCTIME()')} {emit}")


def check(db, now: datetime) -> None:
    for window in WINDOWS:
        everything = rows(db, query("arrived", window, "at"))
        over = [row for row in everything if row[1] <= now]
        assert rows(db, f"SELECT * FROM {window}_closed") == over, window
        assert rows(db, f"SELECT * FROM {window}_final") == over, window
        assert rows(db, f"SELECT * FROM {window}_updated") == everything, window
        held_back = rows(db, f"SELECT * FROM {window}_every")
        assert all(row in held_back for row in over), window


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_stream_is_the_query_over_times_of_arrival(tmp_path, has_checkpoint, seed):
    draw = random.Random(seed)
    path = str(tmp_path / "db")
    db = laminardb.open(path)
    ms = draw.randrange(5000)
    at(db, ms)
    create(db)
    for step in range(24):
        ms += draw.choice([0, 0, 1, 999, 1000, 2500, 5000, 6000, 12000, 45000])
        now = at(db, ms)
        if draw.random() < 0.8:
            db.insert("s", [{"k": draw.randrange(3), "v": draw.randrange(100)} for _ in range(draw.randrange(1, 5))])
        check(db, now)
        if step == 11:
            if has_checkpoint:
                db.checkpoint()
                db.insert("s", [{"k": 1, "v": 1}])
            db.close()
            db = laminardb.open(path)
            check(db, now)
    check(db, at(db, ms + 100_000))
    db.close()


def test_closes_by_the_clock_without_input():
    with laminardb.open(":memory:") as db:
        db.execute("CREATE SOURCE s (k INT, v INT)")
        db.execute("CREATE STREAM sums AS SELECT sum(v) AS t FROM s GROUP BY TUMBLE(PROCTIME(), INTERVAL '50' MILLISECOND)")
        db.start()
        sub = db.subscribe_stream("sums")
        db.insert("s", {"k": 1, "v": 7})
        assert sub.next_timeout(60_000).fetchall() == [(7,)]


@pytest.mark.parametrize(
    "tail, text",
    [
        ("ALLOW LATENESS INTERVAL '1' SECOND", "no row is late"),
        ("LATE DATA TO late", "no row is late"),
    ],
)
def test_what_has_nothing_to_do_is_refused(tail, text):
    with laminardb.open(":memory:") as db:
        db.execute("CREATE SOURCE s (k INT, v INT)")
        with pytest.raises(laminardb.QueryError, match=text):
            db.execute(f"CREATE STREAM q AS SELECT count(*) AS n FROM s GROUP BY TUMBLE(PROCTIME(), INTERVAL '10' SECOND) {tail}")


def test_windows_over_windows_of_the_clock():
    with laminardb.open(":memory:") as db:
        at(db, 0)
        db.execute("CREATE SOURCE s (k INT, v INT)")
        db.execute("CREATE STREAM inner_ AS SELECT TUMBLE(PROCTIME(), INTERVAL '10' SECOND) AS w, sum(v) AS t FROM s GROUP BY 1")
        outer = "SELECT TUMBLE(w, INTERVAL '20' SECOND) AS w, sum(t) AS t FROM inner_ GROUP BY 1"
        with pytest.raises(laminardb.QueryError, match="needs a watermark"):
            db.execute(f"CREATE STREAM q AS {outer} EMIT ON WINDOW CLOSE")
        db.execute(f"CREATE STREAM outer_ AS {outer}")
        for ms, v in ((1000, 1), (11000, 2), (25000, 4), (40000, 8)):
            at(db, ms)
            db.insert("s", {"k": 1, "v": v})
        assert rows(db, "SELECT * FROM outer_") == [(START, 3), (START + timedelta(seconds=20), 4)]


def test_refused_over_rows_that_may_be_taken_back():
    with laminardb.open(":memory:") as db:
        db.execute("CREATE TABLE t (k INT, PRIMARY KEY (k))")
        with pytest.raises(laminardb.LaminarError, match="retracted"):
            db.execute("CREATE STREAM q AS SELECT count(*) AS n FROM t GROUP BY TUMBLE(PROCTIME(), INTERVAL '10' SECOND)")
