"""Cases of the law: watermarks through streams that have nothing to say."""

from __future__ import annotations

from law import Case, Relation

COLUMNS = {"id": "id", "k": "key", "v": "small", "w": "word", "ts": "time"}
MARKED = Relation("s", COLUMNS, skew_s=25, delay_s=30, watermark="ts")

TEN = "TUMBLE(ts, INTERVAL '10' SECOND)"
COUNTS = f"SELECT {TEN} AS b, count(*) AS n, sum(v) AS sv FROM {{}} GROUP BY {TEN}"
CLOSE = "EMIT ON WINDOW CLOSE"


def watermarks() -> list[Case]:
    """What stands above a stream without rows, or one that holds them back, closes its windows."""
    found = []
    nothing = {
        "false": "SELECT k, v, ts FROM s WHERE false",
        "null": "SELECT k, v, ts FROM s WHERE NULL",
        "folded": "SELECT k, v, ts FROM s WHERE v > 0 AND 1 > 2",
        "inner": "SELECT k, v * 2 AS v, ts FROM (SELECT * FROM s WHERE 1 = 2) q WHERE k > 1",
    }
    for name, sql in nothing.items():
        both = "(SELECT v, ts FROM {} UNION ALL SELECT v, ts FROM r0) q"
        rows = Relation("r0", COLUMNS, skew_s=25, delay_s=30, watermark="ts")
        found.append(Case(f"watermark_{name}", [MARKED, rows], COUNTS.format(both.format(f"({sql}) p")), stream=COUNTS.format(both.format("st")),
                          setup=(f"CREATE STREAM st AS {sql}",), emit=CLOSE, at_end_only=True))
        found.append(Case(f"watermark_{name}_alone", [MARKED], COUNTS.format(f"({sql}) p"), stream=COUNTS.format("st"),
                          setup=(f"CREATE STREAM st AS {sql}",), emit=CLOSE, at_end_only=True))
        found.append(Case(f"watermark_{name}_join", [MARKED, rows],
                          f"SELECT r0.id, p.v FROM r0 LEFT JOIN ({sql}) p ON r0.k = p.k AND p.ts BETWEEN r0.ts AND r0.ts + INTERVAL '5' SECOND",
                          stream="SELECT r0.id, st.v FROM r0 LEFT JOIN st ON r0.k = st.k AND st.ts BETWEEN r0.ts AND r0.ts + INTERVAL '5' SECOND",
                          setup=(f"CREATE STREAM st AS {sql}",), at_end_only=True))
    held = {
        "rows": "SELECT k, v, ts FROM s WHERE v > -4",
        "union": "SELECT v, ts FROM s WHERE v > 0 UNION ALL SELECT v, ts FROM s WHERE k < 5",
        "times": "SELECT ts, sum(v) AS v FROM s GROUP BY ts",
        "times_keys": "SELECT ts, k, max(v) AS v FROM s GROUP BY ts, k",
        "windows": "SELECT TUMBLE(ts, INTERVAL '3' SECOND) AS ts, sum(v) AS v FROM s GROUP BY TUMBLE(ts, INTERVAL '3' SECOND)",
        "sessions": "SELECT k, SESSION_START(ts, INTERVAL '4' SECOND) AS ts, sum(v) AS v FROM s GROUP BY SESSION(ts, INTERVAL '4' SECOND), k",
    }
    duck_sessions = (
        "SELECT k, min(ts) AS ts, sum(v) AS v FROM (SELECT *, sum(is_new) OVER (PARTITION BY k ORDER BY ts, id) AS nth FROM (SELECT *, "
        "CASE WHEN ts - lag(ts) OVER (PARTITION BY k ORDER BY ts, id) < INTERVAL 4 SECOND THEN 0 ELSE 1 END AS is_new FROM s) a) b GROUP BY k, nth"
    )
    for name, sql in held.items():
        duck = COUNTS.format(f"({duck_sessions}) p") if name == "sessions" else ""
        found.append(Case(f"watermark_held_{name}", [MARKED], COUNTS.format(f"({sql}) p"), stream=COUNTS.format("st"), duck=duck,
                          setup=(f"CREATE STREAM st AS {sql} EMIT EVERY INTERVAL '7' SECOND",), emit=CLOSE, at_end_only=True, has_clock=True))
    return found


CASES = watermarks()
