"""Cases of the law: watermarks through streams that have nothing to say, conditions on keys, one row a key, columns by name,
interval joins of times of different types, versions that must also satisfy a condition."""

from __future__ import annotations

from law import Case, Relation

COLUMNS = {"id": "id", "k": "key", "v": "small", "w": "word", "ts": "time"}
ROWS = Relation("s", COLUMNS)
SKEWED = Relation("s", COLUMNS, skew_s=25)
MARKED = Relation("s", COLUMNS, skew_s=25, delay_s=30, watermark="ts")
OTHER = Relation("r", {"k": "key", "x": "small", "w": "long_word", "ts": "time"}, skew_s=25, delay_s=30, watermark="ts")
KEYED = Relation("s", {"k": "key", "g": "small", "v": "small", "w": "word", "d": "double"}, key=("k",))
TABLE = Relation("t", {"k": "key", "x": "small", "w": "long_word"}, key=("k",), kind="TABLE")

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


def having() -> list[Case]:
    """Conditions of HAVING on keys, on values and on both."""
    found = []
    conditions = {
        "key": "k > 3",
        "key_null": "k IS NOT NULL AND k < 9",
        "keys": "k % 2 = 0 AND w <> 'a'",
        "both": "k > 3 AND count(*) > 1",
        "either": "k > 8 OR sum(v) > 2",
        "guarded": "k <> 0 AND 12 // k > 2",
    }
    for name, condition in conditions.items():
        ours = condition.replace("//", "/")
        for relation in (ROWS, KEYED):
            which = "keyed" if relation.key else "rows"
            group = "SELECT {}k, w, count(*) AS n, sum(v) AS sv FROM s GROUP BY {}k, w HAVING {}"
            found.append(Case(f"having_{name}_{which}", [relation], group.format("", "", ours), duck=group.format("", "", condition)))
        found.append(Case(f"having_{name}_window", [MARKED], group.format(f"{TEN} AS b, ", f"{TEN}, ", ours), at_end_only=True,
                          duck=group.format(f"{TEN} AS b, ", f"{TEN}, ", condition)))
        found.append(Case(f"having_{name}_window_update", [MARKED], group.format(f"{TEN} AS b, ", f"{TEN}, ", ours), emit="EMIT ON UPDATE",
                          duck=group.format(f"{TEN} AS b, ", f"{TEN}, ", condition)))
    found.append(Case("having_window_start", [MARKED], f"SELECT {TEN} AS b, k, count(*) AS n FROM s GROUP BY {TEN}, k HAVING {TEN} > TIMESTAMP '2026-01-01 00:00:20' AND k < 6",
                      at_end_only=True))
    return found


def one_row_a_key() -> list[Case]:
    """The first and the last row of each key."""
    found = []
    orders = {
        "first": "ts, id",
        "last": "ts DESC, id DESC",
        "least": "v NULLS LAST, id DESC",
        "nulls": "w DESC NULLS FIRST, id",
    }
    for name, order in orders.items():
        subquery = f"SELECT id, k, v, w, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY {order}) AS rn FROM s) q WHERE rn = 1"
        for relation in (SKEWED, MARKED):
            which = "marked" if relation.watermark else "rows"
            found.append(Case(f"dedup_{name}_{which}", [relation], subquery))
        found.append(Case(f"dedup_{name}_on", [SKEWED], f"SELECT DISTINCT ON (k) k, id, v, w FROM s ORDER BY k, {order}"))
        found.append(Case(f"dedup_{name}_two", [SKEWED], f"SELECT DISTINCT ON (k, w) k, w, id FROM s ORDER BY k, w, {order}"))
        found.append(Case(f"dedup_{name}_counted", [SKEWED], f"SELECT w, count(*) AS n, sum(v) AS sv FROM ({subquery}) q GROUP BY w",
                          setup=(f"CREATE STREAM st AS {subquery}",), stream="SELECT w, count(*) AS n, sum(v) AS sv FROM st GROUP BY w"))
    found.append(Case("dedup_keyed", [KEYED], "SELECT g, k, v FROM s QUALIFY ROW_NUMBER() OVER (PARTITION BY g ORDER BY v NULLS LAST, k) = 1"))
    return found


def by_name() -> list[Case]:
    found = []
    queries = {
        "plain": "SELECT id, k, v FROM s UNION{} BY NAME SELECT v, k, id FROM s WHERE v > 0",
        "missing": "SELECT id, v, w FROM s UNION{} BY NAME SELECT x, w, k FROM r",
        "types": "SELECT v, k FROM s UNION{} BY NAME SELECT x * 1.5 AS v, w AS u FROM r",
        "three": "SELECT k FROM s UNION{0} BY NAME SELECT x FROM r UNION{0} BY NAME SELECT w, x, k FROM r",
        "mixed": "SELECT k, v FROM s UNION{} BY NAME SELECT x, k FROM r UNION ALL SELECT 1, 2, 3",
        "none": "SELECT k FROM s UNION{} BY NAME SELECT x FROM r",
        "inner": "SELECT w, count(*) AS n, sum(x) AS sx FROM (SELECT w, k FROM s UNION{} BY NAME SELECT x, w FROM r) q GROUP BY w",
    }
    for name, sql in queries.items():
        for word in (" ALL", ""):
            which = "all" if word else "once"
            found.append(Case(f"by_name_{name}_{which}", [ROWS, OTHER], sql.format(word)))
            found.append(Case(f"by_name_{name}_{which}_keyed", [Relation("s", {**KEYED.columns, "id": "id"}, key=("k",)), Relation("r", TABLE.columns, key=("k",), kind="TABLE")],
                              sql.format(word)))
    rows = "SELECT ts, v FROM s UNION ALL BY NAME SELECT w, x AS v, ts FROM r"
    found.append(Case("by_name_window", [MARKED, OTHER], COUNTS.format(f"({rows}) q"), emit=CLOSE, at_end_only=True))
    found.append(Case("by_name_stacked", [MARKED, OTHER], COUNTS.format(f"({rows}) q"), emit=CLOSE, at_end_only=True,
                      setup=(f"CREATE STREAM st AS {rows}",), stream=COUNTS.format("st")))
    return found


def mixed_times() -> list[Case]:
    """Interval joins of times in different units: what is a nanosecond too far has no partner."""
    found = []
    pairs = [("edge", "nanos"), ("nanos", "edge"), ("nanos", "nanos"), ("ms", "edge"), ("edge", "seconds"), ("seconds", "nanos"), ("ms", "nanos"), ("date", "edge")]
    bounds = {
        "between": ("r.ts BETWEEN s.ts - INTERVAL '1' SECOND AND s.ts + INTERVAL '4' SECOND", "{r} BETWEEN {s} - 1000000000 AND {s} + 4000000000"),
        "strict": ("r.ts > s.ts - INTERVAL '3' SECOND AND r.ts < s.ts", "{r} > {s} - 3000000000 AND {r} < {s}"),
    }
    joins = {"inner": "SELECT s.id, r.rid FROM s JOIN r", "left": "SELECT s.id, r.rid FROM s LEFT JOIN r", "full": "SELECT s.id, r.rid FROM s FULL JOIN r"}
    for left, right in pairs:
        days = 86400 * 20000 if left == "date" else 30
        a = Relation("s", {"id": "id", "k": "key", "ts": left}, skew_s=25, delay_s=days, watermark="ts")
        b = Relation("r", {"rid": "id", "k": "key", "ts": right}, skew_s=25, delay_s=30, watermark="ts")
        for bound, (ours, theirs) in bounds.items():
            if left == "date":
                ours = ours.replace("SECOND", "DAY")
                theirs = theirs.replace("000000000", "000000000::BIGINT * 86400")
            theirs = theirs.format(s="epoch_ns(s.ts)", r="epoch_ns(r.ts)")
            for join, sql in joins.items():
                found.append(Case(f"mixed_{left}_{right}_{bound}_{join}", [a, b], f"{sql} ON s.k = r.k AND {ours}", duck=f"{sql} ON s.k = r.k AND {theirs}",
                                  at_end_only=join != "inner"))
    edges = [Relation(n, {i: "id", "k": "key", "ts": "edge"}, skew_s=25, delay_s=30, watermark="ts") for n, i in (("s", "id"), ("r", "rid"))]
    found.append(Case("mixed_cast_to_seconds", edges, "SELECT id, rid FROM s JOIN r ON s.k = r.k AND CAST(r.ts AS TIMESTAMP(0)) <= s.ts AND r.ts > s.ts - INTERVAL '2' SECOND",
                      duck="SELECT id, rid FROM s JOIN r ON s.k = r.k AND r.ts::TIMESTAMP_S <= s.ts AND r.ts > s.ts - INTERVAL '2' SECOND"))
    return found


def left_versions() -> list[Case]:
    """LEFT JOIN ... FOR SYSTEM_TIME AS OF: the version valid then, or none where it does not satisfy the rest of ON."""
    a = Relation("s", {"id": "id", "k": "key", "g": "small", "ts": "time"}, skew_s=8, delay_s=9, watermark="ts")
    b = Relation("r", {"x": "id", "k2": "key", "h": "small", "w": "long_word", "since": "time"}, skew_s=8, delay_s=9, watermark="since")
    rates = Relation("r", {"k2": "key", "since": "time", "h": "small", "x": "small", "w": "word"}, key=("k2", "since"), watermark="since", skew_s=8, delay_s=9)
    conditions = {
        "right": "v.h > 0",
        "both": "v.h > s.g",
        "left": "s.g > 0",
        "null": "v.w IS NULL",
        "several": "v.h > -3 AND s.g < 4 AND v.w <> 'b'",
    }
    found = []
    for name, condition in conditions.items():
        for which, right in (("rows", b), ("table", rates)):
            order = "ORDER BY since DESC" + ("" if right.key else ", x DESC")
            ours = f"SELECT s.id, v.x, v.h, v.w FROM s LEFT JOIN r FOR SYSTEM_TIME AS OF s.ts AS v ON s.k = v.k2 AND {condition}"
            duck = (f"SELECT s.id, CASE WHEN {condition} THEN v.x END, CASE WHEN {condition} THEN v.h END, CASE WHEN {condition} THEN v.w END FROM s "
                    f"LEFT JOIN LATERAL (SELECT * FROM r WHERE r.k2 = s.k AND r.since <= s.ts {order} LIMIT 1) v ON TRUE")
            found.append(Case(f"left_version_{name}_{which}", [a, right], ours, duck=duck))
    sql = f"SELECT {TEN} AS b, count(*) AS n, count(x) AS nx FROM (SELECT s.ts, v.x FROM s LEFT JOIN r FOR SYSTEM_TIME AS OF s.ts AS v ON s.k = v.k2 AND v.h > s.g) q GROUP BY {TEN}"
    duck = (f"SELECT {TEN} AS b, count(*), count(CASE WHEN v.h > s.g THEN v.x END) FROM s LEFT JOIN LATERAL "
            f"(SELECT * FROM r WHERE r.k2 = s.k AND r.since <= s.ts ORDER BY since DESC, x DESC LIMIT 1) v ON TRUE GROUP BY 1")
    found.append(Case("left_version_window", [a, b], sql, duck=duck, emit=CLOSE, at_end_only=True))
    return found


CASES = watermarks() + having() + one_row_a_key() + by_name() + mixed_times() + left_versions()
