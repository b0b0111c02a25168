"""What time does: EMIT EVERY across checkpoints and restarts. The clock is set, so nothing here waits."""

from __future__ import annotations

import laminardb
import pytest


def at(db, seconds: float) -> None:
    db.execute(f"SET clock = '2026-01-01 00:{int(seconds) // 60:02}:{seconds % 60:06.3f}'")


def rows(db, sql):
    return sorted(db.query(sql).fetchall(), key=repr)


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_emit_every_over_a_restart(tmp_path, has_checkpoint):
    path = str(tmp_path / "db")
    db = laminardb.open(path)
    at(db, 0.5)
    db.execute("CREATE SOURCE s (k BIGINT, v BIGINT)")
    db.execute("CREATE STREAM sums AS SELECT k, sum(v) AS t FROM s GROUP BY k EMIT EVERY INTERVAL '10' SECOND")
    db.execute("CREATE STREAM pairs AS SELECT a.k, a.v + b.v AS p FROM s a JOIN s b ON a.k = b.k EMIT EVERY INTERVAL '10' SECOND")
    db.insert("s", [{"k": 1, "v": 5}])
    at(db, 11)
    assert rows(db, "SELECT * FROM sums") == [(1, 5)]
    assert rows(db, "SELECT * FROM pairs") == [(1, 10)]
    db.insert("s", [{"k": 1, "v": 1}])
    if has_checkpoint:
        db.checkpoint()
    assert rows(db, "SELECT * FROM pairs") == [(1, 10)]
    db.insert("s", [{"k": 2, "v": 7}])
    db.close()
    with laminardb.open(path) as again:
        at(again, 30)
        assert rows(again, "SELECT * FROM sums") == [(1, 6), (2, 7)]
        assert rows(again, "SELECT * FROM pairs") == [(1, 10), (1, 2), (1, 6), (1, 6), (2, 14)]
        again.insert("s", [{"k": 2, "v": 1}])
        assert rows(again, "SELECT * FROM sums") == [(1, 6), (2, 7)]
        at(again, 40)
        assert rows(again, "SELECT * FROM sums") == [(1, 6), (2, 8)]


RECENT = "SELECT id, ts FROM s WHERE ts > now() - INTERVAL '10' SECOND"


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_rows_leave_over_a_restart(tmp_path, has_checkpoint):
    path = str(tmp_path / "db")
    db = laminardb.open(path)
    at(db, 0.5)
    db.execute("CREATE SOURCE s (id BIGINT, ts TIMESTAMP)")
    db.execute(f"CREATE STREAM recent AS {RECENT}")
    db.execute("CREATE STREAM arrived AS SELECT id FROM s WHERE ts <= now() - INTERVAL '20' SECOND")
    db.insert("s", [{"id": i, "ts": f"2026-01-01 00:00:{i:02}"} for i in range(8)])
    at(db, 13)
    if has_checkpoint:
        db.checkpoint()
    at(db, 14)
    assert [row[0] for row in rows(db, "SELECT * FROM recent")] == [5, 6, 7]
    db.close()
    with laminardb.open(path) as again:
        assert [row[0] for row in rows(again, "SELECT * FROM recent")] == [5, 6, 7]
        at(again, 16)
        assert [row[0] for row in rows(again, "SELECT * FROM recent")] == [7]
        at(again, 25)
        assert rows(again, "SELECT * FROM recent") == rows(again, RECENT) == []
        assert rows(again, "SELECT * FROM arrived") == [(i,) for i in range(6)]


def test_rows_leave_by_themselves():
    """By the real clock: a subscriber sees the row go without anybody doing anything."""
    with laminardb.open(":memory:") as db:
        db.execute("CREATE SOURCE s (id BIGINT, ts TIMESTAMP WITH TIME ZONE)")
        db.execute("CREATE STREAM recent AS SELECT id FROM s WHERE ts > now() - INTERVAL '300' MILLISECOND")
        db.start()
        with db.subscribe_stream("recent", changes=True) as changes:
            db.execute("INSERT INTO s SELECT 1, now()")
            assert changes.next_timeout(30000).fetchall() == [(1, 1)]
            assert changes.next_timeout(30000).fetchall() == [(1, -1)]


def test_state_follows_the_clock():
    """What the clock has passed is not kept, nor by the join above."""
    with laminardb.open(":memory:") as db:
        at(db, 0)
        db.execute("CREATE SOURCE s (k BIGINT, ts TIMESTAMP) WITH ('retention' = 'none')")
        db.execute("CREATE STREAM n AS SELECT a.k, count(*) AS n FROM s a JOIN s b ON a.k = b.k "
                   "WHERE a.ts > now() - INTERVAL '5' SECOND AND b.ts > now() - INTERVAL '5' SECOND GROUP BY a.k")
        assert db.query("SELECT state_bound FROM system.streams WHERE name = 'n'").fetchall() == [("by clock",)]
        for second in range(40):
            at(db, second)
            db.insert("s", [{"k": second % 3, "ts": f"2026-01-01 00:00:{second:02}"}])
        kept = db.query("SELECT sum(state_rows) FROM system.operators WHERE relation = 'n'").fetchall()[0][0]
        assert 0 < kept < 40
        at(db, 59)
        assert rows(db, "SELECT * FROM n") == []


@pytest.mark.parametrize("query, what", [
    ("SELECT now(), id FROM s", "now()"),
    ("SELECT id FROM s WHERE ts > now() OR id = 1", "now()"),
    ("SELECT id FROM s WHERE random() > 0.5", "random()"),
    ("SELECT id, uuid() FROM s", "uuid()"),
    ("SELECT count(*) FROM s GROUP BY date_trunc('hour', now())", "now()"),
    ("SELECT sum(id) FILTER (WHERE ts > now()) FROM s", "now()"),
    ("SELECT id FROM s WHERE CURRENT_TIME > TIME '10:00:00'", "current_time()"),
    ("SELECT a.id FROM s a LEFT JOIN s b ON a.id = b.id AND greatest(a.ts, b.ts) > now()", "now()"),
    ("SELECT now() AS t FROM s LIMIT 3", "now()"),
])
def test_other_uses_of_the_time_are_refused(query, what):
    with laminardb.open(":memory:") as db:
        db.execute("CREATE SOURCE s (id BIGINT, ts TIMESTAMP)")
        with pytest.raises(laminardb.LaminarError) as caught:
            db.execute(f"CREATE STREAM bad AS {query}")
        assert caught.value.code == 403
        assert what in str(caught.value) and "^" in str(caught.value) and "Hint" in str(caught.value)
        db.query(query)  # once it may be asked


def test_calendar_of_a_zone_with_summer_time_is_refused():
    with laminardb.open(":memory:") as db:
        db.execute("CREATE SOURCE s (id BIGINT, ts TIMESTAMP)")
        db.execute("SET time_zone = 'Europe/Berlin'")
        with pytest.raises(laminardb.LaminarError, match="set back"):
            db.execute("CREATE STREAM bad AS SELECT id FROM s WHERE ts > now() - INTERVAL '1' DAY")
        db.execute("CREATE STREAM good AS SELECT id FROM s WHERE ts > now() - INTERVAL '24' HOUR")


def test_texts_of_times_that_follow_each_other(db):
    """What was written for the row before is written again where the pattern can't tell them apart; a pattern in a column is looked at row by row."""
    patterns = {
        "strftime": ["%Y-%m-%d", "%F %H", "%R", "%T", "%H:%M:%S.%f", "%g", "%j %a %B", "%p %I", "%s", "%V %G", "long enough for the heap %d", "%-d", "100%%"],
        "to_char": ["YYYY-MM-DD", "HH24:MI", "HH12 AM", "DD HH24:MI:SS", "MS", "US", "Mon Day", "Q IW", "SSSSS", "%d %H", '"quoted text" DD', "D DDD"],
    }
    times = [86400 * 10**6 * day + us for day in (-1, 0, 20000) for us in (-1, 0, 1, 999, 1000, 59_999_999, 60_000_000, 3_599_999_999, 3_600_000_000)]
    db.execute("CREATE TABLE p (f VARCHAR, p VARCHAR, PRIMARY KEY (f, p))")
    for name, list_ in patterns.items():
        for pattern in list_:
            db.execute("INSERT INTO p VALUES (?, ?)", [name, pattern])
    for kind in ("TIMESTAMP", "TIMESTAMP(3)", "TIMESTAMP WITH TIME ZONE"):
        cast = f"CAST(make_timestamp(us) AS {kind})"
        for name, list_ in patterns.items():
            for pattern in list_:
                # the order of the rows: ascending, so that neighbours are alike
                rows = db.query(
                    f"SELECT {name}(t, '{pattern}'), {name}(t, p.p) FROM (SELECT {cast} AS t FROM (VALUES {', '.join(f'({us})' for us in times)}) AS v (us)) x "
                    f"JOIN p ON p.f = '{name}' AND p.p = '{pattern}'"
                ).fetchall()
                assert len(rows) == len(times)
                assert all(a == b for a, b in rows), (kind, name, pattern, rows)


def two_sources(db, option="WITH ('idle_timeout' = '30 seconds')"):
    at(db, 0)
    db.execute(f"CREATE SOURCE quick (id BIGINT, ts TIMESTAMP, WATERMARK FOR ts) {option}")
    db.execute(f"CREATE SOURCE slow (id BIGINT, ts TIMESTAMP, WATERMARK FOR ts) {option}")


def second(s: int) -> str:
    return f"2026-01-01 00:{s // 60:02}:{s % 60:02}"


WINDOWS = """SELECT TUMBLE_START(ts, INTERVAL '10' SECOND) AS w, count(*) AS n FROM (SELECT ts FROM quick UNION ALL SELECT ts FROM slow) u
             GROUP BY TUMBLE(ts, INTERVAL '10' SECOND) EMIT ON WINDOW CLOSE"""


@pytest.mark.parametrize("has_restart", [False, True])
def test_an_idle_source_holds_nothing_back(tmp_path, has_restart):
    path = str(tmp_path / "db") if has_restart else ":memory:"
    db = laminardb.open(path)

    def again():
        nonlocal db
        if has_restart:
            db.checkpoint()
            db.close()
            db = laminardb.open(path)

    def counts():
        return [row[1] for row in sorted(db.query("SELECT * FROM windows").fetchall())]

    two_sources(db)
    db.execute(f"CREATE STREAM windows AS {WINDOWS}")
    db.insert("slow", [{"id": 1, "ts": second(1)}])
    for s in (2, 12, 25):
        db.insert("quick", [{"id": s, "ts": second(s)}])
    again()
    at(db, 20)
    db.insert("quick", [{"id": 26, "ts": second(26)}])
    assert counts() == []  # slow may still come with something
    at(db, 29.9)
    assert counts() == []
    at(db, 31)
    assert counts() == [2, 1]
    again()
    db.insert("quick", [{"id": 31, "ts": second(31)}])
    assert counts() == [2, 1, 2]
    # slow comes again: it counts from here on, what is too old is late
    db.insert("slow", [{"id": 9, "ts": second(9)}, {"id": 33, "ts": second(33)}])
    assert db.query("SELECT late_rows FROM system.streams WHERE name = 'windows'").fetchall() == [(1,)]
    again()
    db.insert("quick", [{"id": 45, "ts": second(45)}])
    assert counts() == [2, 1, 2]
    db.insert("slow", [{"id": 41, "ts": second(41)}])
    assert counts() == [2, 1, 2, 2]
    db.close()


def test_all_are_idle():
    """Then nobody knows what time it is: nothing moves."""
    with laminardb.open(":memory:") as db:
        two_sources(db)
        db.execute(f"CREATE STREAM windows AS {WINDOWS}")
        db.insert("slow", [{"id": 1, "ts": second(1)}])
        db.insert("quick", [{"id": 12, "ts": second(12)}])
        at(db, 300)
        assert rows(db, "SELECT n FROM windows") == []
        db.insert("slow", [{"id": 15, "ts": second(15)}])
        assert rows(db, "SELECT n FROM windows") == [(1,)]


def test_without_the_option_a_source_is_waited_for():
    with laminardb.open(":memory:") as db:
        two_sources(db, "")
        db.execute(f"CREATE STREAM windows AS {WINDOWS}")
        db.insert("quick", [{"id": 12, "ts": second(12)}, {"id": 45, "ts": second(45)}])
        at(db, 3000)
        assert rows(db, "SELECT n FROM windows") == []


def test_joins_with_an_idle_source():
    """A row without a partner comes out, and the state is let go, though the other side says nothing."""
    with laminardb.open(":memory:") as db:
        two_sources(db)
        db.execute("CREATE STREAM pairs AS SELECT q.id, s.id AS other FROM quick q LEFT JOIN slow s ON q.id = s.id "
                   "AND s.ts BETWEEN q.ts - INTERVAL '5' SECOND AND q.ts + INTERVAL '5' SECOND")
        db.execute("CREATE STREAM latest AS SELECT q.id, s.id AS other FROM quick q ASOF LEFT JOIN slow s ON q.id = s.id AND q.ts >= s.ts")
        db.insert("slow", [{"id": 1, "ts": second(1)}])
        for s in range(1, 60):
            at(db, s)
            db.insert("quick", [{"id": s, "ts": second(s)}])
        found = rows(db, "SELECT * FROM pairs")
        assert (1, 1) in found and (50, None) in found and len(found) > 50
        kept = db.query("SELECT state_rows FROM system.operators WHERE relation = 'pairs' AND operator LIKE '%join%'").fetchall()[0][0]
        assert kept < 20
        assert len(rows(db, "SELECT * FROM latest")) == 59


@pytest.mark.parametrize("option, columns", [("'soon'", "ts TIMESTAMP, WATERMARK FOR ts"), ("'1 month'", "ts TIMESTAMP, WATERMARK FOR ts"),
                                             ("'0 seconds'", "ts TIMESTAMP, WATERMARK FOR ts"), ("'5 seconds'", "ts TIMESTAMP")])
def test_idle_timeouts_that_make_no_sense(option, columns):
    with laminardb.open(":memory:") as db:
        with pytest.raises(laminardb.LaminarError, match="idle_timeout"):
            db.execute(f"CREATE SOURCE s ({columns}) WITH ('idle_timeout' = {option})")
