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
