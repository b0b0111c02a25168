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
