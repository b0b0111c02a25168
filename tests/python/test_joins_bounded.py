"""State of interval joins stays as large as it was, whatever types the two times have."""

from __future__ import annotations

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
