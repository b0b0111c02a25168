"""State of interval joins stays as large as it was, whatever types the two times have, and is read back as it was."""

from __future__ import annotations

from pathlib import Path

import laminardb
import pytest

TYPES = ["TIMESTAMP(0)", "TIMESTAMP(3)", "TIMESTAMP", "TIMESTAMP(9)"]


@pytest.mark.parametrize("right", TYPES)
@pytest.mark.parametrize("left", TYPES)
def test_state_is_flat(left: str, right: str) -> None:
    db = laminardb.open(":memory:")
    for name, kind in (("a", left), ("b", right)):
        db.execute(f"CREATE SOURCE {name} (id BIGINT, ts {kind}, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('retention' = 'none')")
    db.execute("CREATE STREAM o AS SELECT a.id AS x, b.id AS y FROM a JOIN b ON b.ts BETWEEN a.ts AND a.ts + INTERVAL '2' SECOND WITH ('retention' = 'none')")
    largest = []
    for part in range(3):
        most = 0
        for step in range(20):
            for name in "ab":
                first = (part * 20 + step) * 10
                # each row finds the three of the next two seconds
                rows = ", ".join(f"({n}, TIMESTAMP '2026-01-01 00:00:00' + INTERVAL '{n}' SECOND)" for n in range(first, first + 10))
                db.execute(f"INSERT INTO {name} VALUES {rows}")
            most = max(most, int(db.query("SELECT sum(state_rows) FROM system.operators").fetchall()[0][0]))
        largest.append(most)
    assert largest[2] <= largest[0], largest
    assert db.query("SELECT total_rows FROM system.streams WHERE name = 'o'").fetchall() == [(600 + 599 + 598,)]
    db.close()


def test_state_is_read_back(tmp_path: Path) -> None:
    db = laminardb.open(tmp_path / "db")
    for name, kind in (("a", "TIMESTAMP(9)"), ("b", "TIMESTAMP(3)")):
        db.execute(f"CREATE SOURCE {name} (id BIGINT, ts {kind}, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)")
    query = "SELECT a.id AS x, b.id AS y FROM a LEFT JOIN b ON b.ts BETWEEN a.ts AND a.ts + INTERVAL '2' SECOND"
    db.execute(f"CREATE STREAM o AS {query}")
    for part in range(6):
        for name in "ab":
            # b is behind, and leaves out every fifth row
            rows = ", ".join(
                f"({n}, TIMESTAMP '2026-01-01 00:00:00' + INTERVAL '{n * 2}' SECOND)" for n in range(part * 10, part * 10 + 10) if name == "a" or n % 5
            )
            db.execute(f"INSERT INTO {name} VALUES {rows}")
            if part % 2:
                db.execute("CHECKPOINT")
            db.close()
            db = laminardb.open(tmp_path / "db")
    for name in "ab":
        db.execute(f"INSERT INTO {name} VALUES (1000, TIMESTAMP '2026-01-02 00:00:00')")
    rows = sorted(db.query("SELECT x, coalesce(y, -1) FROM o WHERE x < 1000").fetchall())
    assert rows == sorted(db.query(f"SELECT x, coalesce(y, -1) FROM ({query}) q WHERE x < 1000").fetchall())
    assert rows == sorted((n, m) for n in range(60) for m in ([m for m in (n, n + 1) if m % 5 and m < 60] or [-1]))
    db.close()
