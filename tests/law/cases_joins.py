"""Cases of the law: joins of every kind, over relations that only grow and over ones that take rows back."""

from __future__ import annotations

from cases import bids, keyed, right, table
from law import Case, Relation


def other(**more: object) -> Relation:
    return Relation("o", {"k": "key", "g": "small", "y": "small", "w": "word"}, key=("k",), **more)


def small(case: Case) -> Case:
    """Fewer rows: joins whose results grow with the square of them."""
    case.steps, case.rows_per_step = 9, 12
    return case


def kinds(name: str, relations: list[Relation], columns: str, condition: str) -> list[Case]:
    """The same condition under every kind of join of s with the second relation."""
    b = relations[1].name
    cases = [
        Case(f"{name}_{kind.lower()}", relations, f"SELECT {columns} FROM s {kind} JOIN {b} ON {condition}")
        for kind in ("INNER", "LEFT", "RIGHT", "FULL")
    ]
    own = ", ".join(c for c in columns.split(", ") if c.startswith("s."))
    theirs = ", ".join(c for c in columns.split(", ") if not c.startswith("s."))
    cases += [
        Case(f"{name}_{kind.lower()}", relations, f"SELECT {own} FROM s {kind} JOIN {b} ON {condition}") for kind in ("SEMI", "ANTI")
    ]
    cases += [
        Case(f"{name}_right_{kind.lower()}", relations, f"SELECT {theirs} FROM s RIGHT {kind} JOIN {b} ON {condition}",
             duck=f"SELECT {theirs} FROM {b} {kind} JOIN s ON {condition}") for kind in ("SEMI", "ANTI")
    ]
    return [small(case) for case in cases]


def subqueries(name: str, relations: list[Relation]) -> list[Case]:
    b = relations[1].name
    x = [c for c in relations[1].columns if relations[1].columns[c] == "small"][0]
    i = next(iter(relations[0].columns))
    texts = {
        "in": f"SELECT {i}, v FROM s WHERE v IN (SELECT {x} FROM {b})",
        "not_in": f"SELECT {i}, v FROM s WHERE v NOT IN (SELECT {x} FROM {b} WHERE k > 6)",
        "not_in_none": f"SELECT {i}, v FROM s WHERE v NOT IN (SELECT {x} FROM {b} WHERE k > 10 AND {x} IS NOT NULL)",
        "not_in_correlated": f"SELECT {i}, v FROM s WHERE v NOT IN (SELECT {x} FROM {b} WHERE {b}.k = s.k)",
        "in_correlated": f"SELECT {i}, v FROM s WHERE v IN (SELECT {x} FROM {b} WHERE {b}.k > s.k)",
        "exists": f"SELECT {i}, v FROM s WHERE EXISTS (SELECT 1 FROM {b} WHERE {b}.k = s.k AND {b}.{x} > s.v)",
        "not_exists": f"SELECT {i}, v FROM s WHERE NOT EXISTS (SELECT 1 FROM {b} WHERE {b}.k = s.k AND {b}.{x} > s.v)",
        "exists_any": f"SELECT {i} FROM s WHERE EXISTS (SELECT 1 FROM {b} WHERE {x} > 3)",
        "in_select": f"SELECT {i}, v IN (SELECT {x} FROM {b}) AS m FROM s",
        "exists_or": f"SELECT {i} FROM s WHERE v > 3 OR EXISTS (SELECT 1 FROM {b} WHERE {b}.k = s.k)",
        "scalar_correlated": f"SELECT {i}, (SELECT max({b}.{x}) FROM {b} WHERE {b}.k = s.k) AS m FROM s",
        "count_correlated": f"SELECT {i}, (SELECT count(*) FROM {b} WHERE {b}.k = s.k) AS n FROM s",
    }
    return [small(Case(f"{name}_{key}", relations, text)) for key, text in texts.items()]


def events(key: bool = False, **more: object) -> list[Relation]:
    """Two sources with watermarks and rows that come up to 8 seconds late, but not too late."""
    options: dict[str, object] = {"skew_s": 8, "delay_s": 9}
    options.update(more)
    a = {"k": "key", "g": "small", "ts": "time"} if key else {"id": "id", "k": "key", "g": "small", "ts": "time"}
    b = {"k2": "key", "h": "small", "ts2": "time"} if key else {"x": "id", "k2": "key", "h": "small", "ts2": "time"}
    return [Relation("s", a, watermark="ts", key=("k",) if key else (), **options),
            Relation("r", b, watermark="ts2", key=("k2",) if key else (), **options)]


def waiting(case: Case) -> Case:
    """Rows without a match wait for the watermark: equal at the end."""
    case.at_end_only = any(word in case.sql for word in (" LEFT JOIN", " RIGHT JOIN", " FULL JOIN", " ANTI JOIN"))
    return case


def updating(case: Case) -> Case:
    return Case(case.name + "_update", case.relations, case.sql, duck=case.duck, emit="EMIT ON UPDATE", steps=case.steps, rows_per_step=case.rows_per_step)


BOUNDS = {
    "both": "r.ts2 BETWEEN s.ts - INTERVAL '6' SECOND AND s.ts + INTERVAL '4' SECOND",
    "strict": "r.ts2 > s.ts - INTERVAL '5' SECOND AND s.ts + INTERVAL '5' SECOND > r.ts2",
    "after": "r.ts2 >= s.ts AND r.ts2 <= s.ts + INTERVAL '10' SECOND",
    "far": "s.ts BETWEEN r.ts2 + INTERVAL '5' SECOND AND r.ts2 + INTERVAL '20' SECOND",
    "residual": "r.ts2 BETWEEN s.ts - INTERVAL '6' SECOND AND s.ts + INTERVAL '6' SECOND AND s.g < r.h",
}


def intervals() -> list[Case]:
    cases: list[Case] = []
    for name, bounds in BOUNDS.items():
        cases += kinds(f"interval_{name}", events(), "s.id, s.ts, r.x", f"s.k = r.k2 AND {bounds}")
    cases += kinds("interval_no_key", events(), "s.id, r.x", BOUNDS["both"])[:4]
    cases += kinds("interval_nulls", events(), "s.id, r.x", f"s.g = r.h AND {BOUNDS['both']}")
    out = [waiting(case) for case in cases]
    return out + [updating(case) for case in cases if case.at_end_only]


def lookups() -> list[Case]:
    """Rows look up what is there when they come: like a query, while the looked-up side rests."""
    t = table(kind="LOOKUP TABLE", is_fed_first=True)
    texts = {
        "inner": "SELECT s.id, t.name FROM s JOIN t ON s.k = t.k",
        "left": "SELECT s.id, t.name FROM s LEFT JOIN t ON s.k = t.k AND t.x > s.v",
        "right": "SELECT s.id, t.name FROM t RIGHT JOIN s ON s.k = t.k",
        "comma": "SELECT s.id, t.name FROM t, s WHERE s.k = t.k AND t.x + s.v > 0",
        "semi": "SELECT id FROM s WHERE k IN (SELECT k FROM t WHERE x > 0)",
        "anti": "SELECT id FROM s WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.k = s.k)",
        "non_equi": "SELECT s.id, t.k AS tk FROM s LEFT JOIN t ON s.v < t.x",
        "grouped": "SELECT t.name, count(*) AS n FROM s JOIN t USING (k) GROUP BY t.name",
    }
    cases = [Case(f"lookup_{name}", [bids(), t], text) for name, text in texts.items()]
    now = "SELECT s.id, t.name FROM s {kind} JOIN t {version}ON s.k = t.k AND t.x > 0"
    for kind in ("INNER", "LEFT"):
        cases.append(Case(f"lookup_proctime_{kind.lower()}", [bids(), table(is_fed_first=True)],
                          now.format(kind=kind, version="FOR SYSTEM_TIME AS OF PROCTIME() "), duck=now.format(kind=kind, version="")))
    return [small(case) for case in cases]


SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
ORDER = {">=": ("<=", "DESC"), ">": ("<", "DESC"), "<=": (">=", "ASC"), "<": (">", "ASC")}


def nearest_in_duck(columns: str, left: str, sign: str, tolerance: str = "", key: str = "r.k2 = s.k") -> str:
    """What an ASOF join means, as a correlated subquery: of equal times the greatest row."""
    where, direction = ORDER[sign]
    return (f"SELECT {columns} FROM s {left} JOIN LATERAL (SELECT * FROM r WHERE {key} AND r.ts2 {where} s.ts {tolerance} "
            f"ORDER BY r.ts2 {direction}, r.x DESC LIMIT 1) r ON TRUE")


def outer_in_duck(kind: str, sign: str, tolerance: str = "", columns: str = "s.id, r.x, r.ts2", key: str = "r.k2 = s.k", least: str = "x") -> str:
    """Rows of r are told apart by a number of their own, so that of equal ones one is the match."""
    where, direction = ORDER[sign]
    nulls = ", ".join("NULL" if c.startswith("s.") else c for c in columns.split(", "))
    matched = (f"SELECT {columns}, r.number FROM s {'LEFT' if kind == 'FULL' else 'INNER'} JOIN LATERAL (SELECT * FROM r WHERE {key} AND r.ts2 {where} s.ts {tolerance} "
               f"ORDER BY r.ts2 {direction}, r.{least} DESC, r.number LIMIT 1) r ON TRUE")
    names = ", ".join(f"c{i}" for i in range(len(columns.split(", "))))
    return (f"WITH r AS (SELECT *, row_number() OVER (ORDER BY rowid) AS number FROM r), m({names}, number) AS ({matched}) "
            f"SELECT {names} FROM m UNION ALL SELECT {nulls} FROM r WHERE number NOT IN (SELECT number FROM m WHERE number IS NOT NULL)")


def asofs() -> list[Case]:
    """On sources with watermarks, without, and on keyed ones whose old rows are replaced."""
    cases = []
    for name, sign in SIGNS.items():
        for left in ("", "LEFT"):
            text = f"SELECT s.id, r.x FROM s ASOF {left} JOIN r ON s.k = r.k2 AND s.ts {sign} r.ts2"
            duck = nearest_in_duck("s.id, r.x", left or "INNER", sign)
            cases.append(Case(f"asof_{name}{left.lower()}_watermark", events(), text, duck=duck))
            far = "s.ts - r.ts2" if sign in (">", ">=") else "r.ts2 - s.ts"
            cases.append(Case(f"asof_{name}{left.lower()}_tolerance", events(), f"{text} AND {far} <= INTERVAL '5' SECOND",
                              duck=nearest_in_duck("s.id, r.x", left or "INNER", sign, f"AND {far} <= INTERVAL '5' SECOND")))
            keyed_text = f"SELECT s.k, r.k2, r.h FROM s ASOF {left} JOIN r ON s.g = r.h AND s.ts {sign} r.ts2"
            cases.append(Case(f"asof_{name}{left.lower()}_keyed", events(key=True), keyed_text,
                              duck=nearest_in_duck("s.k, r.k2, r.h", left or "INNER", sign, key="r.h = s.g").replace("r.x DESC", "r.k2 DESC")))
            if left:  # RIGHT and FULL: the right rows too that are nobody's match
                for kind in ("RIGHT", "FULL"):
                    cases.append(Case(f"asof_{name}{kind.lower()}_watermark", events(),
                                      f"SELECT s.id, r.x, r.ts2 FROM s ASOF {kind} JOIN r ON s.k = r.k2 AND s.ts {sign} r.ts2",
                                      duck=outer_in_duck(kind, sign)))
                    cases.append(Case(f"asof_{name}{kind.lower()}_tolerance", events(),
                                      f"SELECT s.id, r.x, r.ts2 FROM s ASOF {kind} JOIN r ON s.k = r.k2 AND s.ts {sign} r.ts2 AND {far} <= INTERVAL '5' SECOND",
                                      duck=outer_in_duck(kind, sign, f"AND {far} <= INTERVAL '5' SECOND")))
                    cases.append(Case(f"asof_{name}{kind.lower()}_keyed", events(key=True), f"SELECT s.k, r.k2, r.h FROM s ASOF {kind} JOIN r ON s.g = r.h AND s.ts {sign} r.ts2",
                                      duck=outer_in_duck(kind, sign, columns="s.k, r.k2, r.h", key="r.h = s.g", least="k2")))
    near = ("SELECT {c} FROM s LEFT JOIN LATERAL (SELECT * FROM r WHERE {k} ORDER BY abs(epoch_us(r.ts2) - epoch_us(s.ts)), r.ts2, {x} DESC LIMIT 1) r ON TRUE")
    cases.append(Case("asof_nearest_watermark", events(), "SELECT s.id, r.x FROM s ASOF LEFT JOIN r MATCH_CONDITION (NEAREST(s.ts, r.ts2)) ON s.k = r.k2",
                      duck=near.format(c="s.id, r.x", k="r.k2 = s.k", x="r.x")))
    cases.append(Case("asof_nearest_keyed", events(key=True), "SELECT s.k, r.k2 FROM s ASOF LEFT JOIN r MATCH_CONDITION (NEAREST(s.ts, r.ts2)) ON s.g = r.h",
                      duck=near.format(c="s.k, r.k2", k="r.h = s.g", x="r.k2")))
    # A time that is not the one of the watermark.
    cases.append(Case("asof_other_time", [Relation("s", {"id": "id", "k": "key", "t0": "time", "ts": "time"}, watermark="t0", skew_s=8), events()[1]],
                      "SELECT s.id, r.x FROM s ASOF JOIN r ON s.k = r.k2 AND s.ts >= r.ts2", duck=nearest_in_duck("s.id, r.x", "INNER", ">=")))
    cases.append(Case("windows_of_asof", events(), "SELECT TUMBLE(s.ts, INTERVAL '10' SECOND) AS w, count(*) AS n, sum(r.h) AS sh FROM s "
                      "ASOF LEFT JOIN r ON s.k = r.k2 AND s.ts >= r.ts2 GROUP BY 1", at_end_only=True))
    return cases


def versions() -> list[Case]:
    """The version valid at a time, and probes at several offsets from one."""
    at = nearest_in_duck("s.id, s.k, r.x, r.h", "{left}", ">=")
    cases = [Case(f"temporal_{kind.lower()}", events(), f"SELECT s.id, s.k, r.x, r.h FROM s {kind} JOIN r FOR SYSTEM_TIME AS OF s.ts ON s.k = r.k2",
                  duck=at.format(left=kind)) for kind in ("INNER", "LEFT")]
    rates = Relation("r", {"k2": "key", "ts2": "time", "h": "small"}, key=("k2", "ts2"), watermark="ts2", skew_s=8, delay_s=9)
    cases.append(Case("temporal_versioned_table", [events()[0], rates], "SELECT s.id, r.h FROM s LEFT JOIN r FOR SYSTEM_TIME AS OF s.ts ON s.k = r.k2",
                      duck=nearest_in_duck("s.id, r.h", "LEFT", ">=").replace(", r.x DESC", "")))
    cases.append(Case("temporal_residual", events(), "SELECT s.id, r.x FROM s JOIN r FOR SYSTEM_TIME AS OF s.ts AS v ON s.k = v.k2 AND v.h > s.g".replace("r.x", "v.x"),
                      duck=nearest_in_duck("s.id, r.x", "INNER", ">=") + " WHERE r.h > s.g"))
    cases.append(Case("temporal_keyed_left", [events(key=True)[0], events()[1]], "SELECT s.k, r.x FROM s LEFT JOIN r FOR SYSTEM_TIME AS OF s.ts ON s.g = r.h",
                      duck=nearest_in_duck("s.k, r.x", "LEFT", ">=", key="r.h = s.g")))
    probe = ("SELECT s.id, p.offset_ms, r.x FROM (SELECT s.*, ts AS ts0 FROM s) s0, (SELECT unnest({list}) AS offset_ms) p, LATERAL (SELECT s0.id, s0.k, "
             "s0.ts0 + to_milliseconds(p.offset_ms) AS ts) s LEFT JOIN LATERAL (SELECT * FROM r WHERE r.k2 = s.k AND r.ts2 <= s.ts ORDER BY r.ts2 DESC, r.x DESC LIMIT 1) r ON TRUE")
    for name, words, offsets in (("range", "RANGE FROM 0s TO 10s STEP 5s", [0, 5000, 10000]), ("list", "LIST (0s, 1s, 7s)", [0, 1000, 7000]),
                                 ("back", "RANGE FROM -4s TO 4s STEP 4s", [-4000, 0, 4000])):
        cases.append(Case(f"probe_{name}", events(), f"SELECT s.id, p.offset_ms, r.x FROM s TEMPORAL PROBE JOIN r ON (k) TIMESTAMPS (ts, ts2) {words} AS p",
                          duck=probe.format(list=offsets)))
    for case in cases:
        if case.name.startswith("probe"):
            b = case.relations[1]
            case.relations[1] = Relation("r", {"x": "id", "k": "key", "h": "small", "ts2": "time"}, watermark="ts2", skew_s=b.skew_s, delay_s=b.delay_s)
            case.duck = case.duck.replace("r.k2", "r.k")
    return [small(case) for case in cases]


THREE = "SELECT s.{i}, r.x, t.name FROM s {a} JOIN r ON s.k = r.k {b} JOIN t ON s.v = t.x"

CASES = [
    *kinds("eq_append", [bids(), right()], "s.id, r.x", "s.k = r.k"),
    *kinds("eq_keyed", [keyed(), other()], "s.k, s.g, o.k AS ok, o.y", "s.g = o.g"),
    *kinds("eq_mixed", [bids(), other()], "s.id, o.k AS ok, o.y", "s.k = o.k"),
    *kinds("eq_unique", [keyed(), table()], "s.k, s.v, t.k AS tk, t.name", "s.k = t.k"),
    *kinds("two_keys", [keyed(), other()], "s.k, o.k AS ok, o.y", "s.g = o.g AND s.w = o.w"),
    *kinds("residual_append", [bids(), right()], "s.id, r.x", "s.k = r.k AND s.ts > r.rts"),
    *kinds("residual_keyed", [keyed(), other()], "s.k, o.k AS ok, o.y", "s.g = o.g AND s.v < o.y"),
    *kinds("residual_left", [keyed(), other()], "s.k, o.k AS ok", "s.g = o.g AND s.v > 0"),
    *kinds("residual_right", [keyed(), other()], "s.k, o.k AS ok", "s.g = o.g AND o.y > 0"),
    *kinds("non_equi_append", [bids(), right()], "s.id, r.x", "s.k > r.k + 6"),
    *kinds("non_equi_keyed", [keyed(), other()], "s.k, o.k AS ok", "s.v < o.y"),
    *kinds("non_equi_or", [keyed(), other()], "s.k, o.k AS ok", "s.v = o.y OR s.w = o.w"),
    *kinds("expression_key", [keyed(), other()], "s.k, o.k AS ok", "s.g + 1 = o.g * 2"),
    *kinds("always", [keyed(), other()], "s.k, o.k AS ok", "TRUE"),
    *kinds("never", [keyed(), other()], "s.k, o.k AS ok", "1 = 2"),
    *kinds("not_distinct", [keyed(), other()], "s.k, o.k AS ok", "s.g IS NOT DISTINCT FROM o.g"),
    *subqueries("sub_append", [bids(), right()][:1] + [Relation("r", {"k": "key", "x": "small", "rts": "time"})]),
    *subqueries("sub_keyed", [keyed(), table()]),
    small(Case("cross_append", [bids(), right()], "SELECT s.id, r.x FROM s, r")),
    small(Case("cross_where", [keyed(), other()], "SELECT s.k, o.k AS ok FROM s, o WHERE s.g = o.g AND s.v + o.y > 0")),
    small(Case("using", [keyed(), other()], "SELECT k, s.v, o.y FROM s JOIN o USING (k)")),
    small(Case("using_left", [keyed(), other()], "SELECT k, s.v, o.y FROM s LEFT JOIN o USING (k)")),
    small(Case("using_right", [keyed(), other()], "SELECT k, s.v, o.y FROM s RIGHT JOIN o USING (k)")),
    small(Case("using_full", [keyed(), other()], "SELECT k, s.v, o.y FROM s FULL JOIN o USING (k)")),
    small(Case("using_two", [keyed(), other()], "SELECT g, w, s.k, s.v, o.k AS ok, o.y FROM s FULL JOIN o USING (g, w)")),
    small(Case("natural", [keyed(), other()], "SELECT * FROM s NATURAL JOIN o")),
    small(Case("natural_left", [keyed(), table()], "SELECT * FROM s NATURAL LEFT JOIN t")),
    small(Case("natural_full", [keyed(), table()], "SELECT * FROM s NATURAL FULL JOIN t")),
    # Several joins in one query.
    *[small(Case(f"three_{a}_{b}".lower(), [bids(), right(), table()], THREE.format(i="id", a=a, b=b)))
      for a in ("INNER", "LEFT", "FULL") for b in ("INNER", "LEFT", "RIGHT")],
    small(Case("four", [keyed(), other(), table(), right()],
               "SELECT s.k, o.y, t.name, r.x FROM s JOIN o ON s.g = o.g LEFT JOIN t ON o.y = t.x AND s.v > 0 JOIN r ON r.k = s.k WHERE s.v IS NOT NULL")),
    small(Case("five_comma", [keyed(), other(), table(), right()],
               "SELECT a.k, b.k AS bk, o.y, t.name, r.x FROM s a, o, t, r, s b WHERE a.k = o.k AND o.y = t.x AND r.k = a.k AND b.g = t.x")),
    small(Case("nested_parentheses", [keyed(), other(), table()],
               "SELECT s.k, o.k AS ok, t.k AS tk FROM s LEFT JOIN (o JOIN t ON o.y = t.x) ON s.g = o.g")),
    small(Case("full_of_full", [keyed(), other(), table()],
               "SELECT s.k, o.k AS ok, t.k AS tk FROM s FULL JOIN o ON s.g = o.g FULL JOIN t ON o.y = t.x AND t.k > 3")),
    small(Case("self_left", [keyed()], "SELECT a.k, b.k AS k2 FROM s a LEFT JOIN s b ON a.g = b.g AND a.v < b.v")),
    small(Case("self_full", [keyed()], "SELECT a.k, b.k AS k2 FROM s a FULL JOIN s b ON a.k = b.v")),
    small(Case("self_anti", [keyed()], "SELECT a.k FROM s a ANTI JOIN s b ON a.g = b.g AND b.v > a.v")),
    small(Case("self_three", [bids()], "SELECT a.id, b.id AS b, c.id AS c FROM s a JOIN s b ON a.k = b.k AND a.id < b.id JOIN s c ON b.k = c.k AND b.id < c.id")),
    # Aggregates as inputs: every change retracts.
    small(Case("full_of_groups", [keyed(), other()], "SELECT a.g, a.n, b.m FROM (SELECT g, count(*) AS n FROM s GROUP BY g) a "
               "FULL JOIN (SELECT g, sum(y) AS m FROM o GROUP BY g) b ON a.g = b.g")),
    small(Case("groups_non_equi", [keyed(), other()], "SELECT a.g, a.n, b.g AS h FROM (SELECT g, count(*) AS n FROM s GROUP BY g) a "
               "LEFT JOIN (SELECT g, count(*) AS m FROM o GROUP BY g) b ON a.n < b.m")),
    small(Case("group_of_left", [bids(), other()], "SELECT o.w, count(*) AS n, count(s.id) AS m, sum(s.v) AS sv FROM o LEFT JOIN s ON s.k = o.k GROUP BY o.w")),
    small(Case("group_of_full", [keyed(), other()], "SELECT coalesce(s.g, o.g) AS g, count(*) AS n, sum(s.v) AS sv, sum(o.y) AS sy FROM s FULL JOIN o ON s.g = o.g GROUP BY 1")),
    small(Case("scalar_cross", [keyed(), other()], "SELECT s.k, q.m FROM s CROSS JOIN (SELECT max(y) AS m FROM o) q")),
    small(Case("top_of_join", [keyed(), other()], "SELECT s.k, o.k AS ok, s.v + o.y AS z FROM s JOIN o ON s.g = o.g WHERE s.v + o.y IS NOT NULL ORDER BY z DESC, s.k, o.k LIMIT 5")),
    # Streams and views as inputs.
    small(Case("streams", [keyed(), other()], "SELECT a.k, b.y FROM (SELECT k, g FROM s WHERE v > -3) a LEFT JOIN (SELECT g, max(y) AS y FROM o GROUP BY g) b ON a.g = b.g",
               setup=("CREATE STREAM st_a AS SELECT k, g FROM s WHERE v > -3", "CREATE MATERIALIZED VIEW st_b AS SELECT g, max(y) AS y FROM o GROUP BY g"),
               stream="SELECT a.k, b.y FROM st_a a LEFT JOIN st_b b ON a.g = b.g")),
    small(Case("stream_of_joins", [keyed(), other()], "SELECT a.k, a.y, b.v FROM (SELECT s.k, o.y FROM s JOIN o ON s.g = o.g) a FULL JOIN (SELECT k, v FROM s WHERE v > 0) b ON a.y = b.v",
               setup=("CREATE STREAM st_a AS SELECT s.k, o.y FROM s JOIN o ON s.g = o.g", "CREATE STREAM st_b AS SELECT k, v FROM s WHERE v > 0"),
               stream="SELECT a.k, a.y, b.v FROM st_a a FULL JOIN st_b b ON a.y = b.v")),
    *intervals(),
    # One bound lets one side's rows go; those of the other always may meet more.
    *[updating(waiting(case)) for case in kinds("interval_lower", events(), "s.id, r.x", "s.k = r.k2 AND r.ts2 >= s.ts")],
    *[updating(waiting(case)) for case in kinds("interval_upper", events(), "s.id, r.x", "s.k = r.k2 AND r.ts2 < s.ts - INTERVAL '3' SECOND")],
    *[waiting(case) for case in kinds("interval_upper_close", events(), "s.id, r.x", "s.k = r.k2 AND r.ts2 <= s.ts + INTERVAL '3' SECOND") if "LEFT JOIN" in case.sql],
    # Rows that are replaced however old they are: nothing may be given up.
    *kinds("interval_keyed", events(key=True), "s.k, r.k2, r.h", f"s.g = r.h AND {BOUNDS['both']}"),
    # What an interval join gives can be joined by time, and grouped by windows, again.
    small(Case("interval_of_interval", [*events(), Relation("q", {"y": "id", "k3": "key", "ts3": "time"}, watermark="ts3", skew_s=8, delay_s=9)],
               "SELECT a.id, a.x, q.y FROM (SELECT s.id, s.k, s.ts, r.x FROM s JOIN r ON s.k = r.k2 AND " + BOUNDS["both"] + ") a "
               "JOIN q ON a.k = q.k3 AND q.ts3 BETWEEN a.ts AND a.ts + INTERVAL '10' SECOND")),
    Case("interval_of_windows", events(), "SELECT a.w, a.k, a.n, b.m FROM (SELECT TUMBLE(ts, INTERVAL '10' SECOND) AS w, k, count(*) AS n FROM s GROUP BY 1, 2) a "
         "JOIN (SELECT TUMBLE(ts2, INTERVAL '10' SECOND) AS w2, k2, count(*) AS m FROM r GROUP BY 1, 2) b "
         "ON a.k = b.k2 AND b.w2 BETWEEN a.w - INTERVAL '10' SECOND AND a.w + INTERVAL '10' SECOND", emit="EMIT ON UPDATE", tags={"late"}),
    Case("windows_of_interval", events(), "SELECT TUMBLE(s.ts, INTERVAL '10' SECOND) AS w, count(*) AS n, sum(r.h) AS sh FROM s JOIN r ON s.k = r.k2 AND "
         + BOUNDS["both"] + " GROUP BY 1", at_end_only=True),
    Case("windows_of_left_interval", events(), "SELECT TUMBLE(s.ts, INTERVAL '10' SECOND) AS w, count(*) AS n, count(r.x) AS m FROM s LEFT JOIN r ON s.k = r.k2 AND "
         + BOUNDS["both"] + " GROUP BY 1", at_end_only=True),
    *asofs(),
    *versions(),
    # Constants never change: nothing of the other side is kept.
    small(Case("constants", [keyed()], "SELECT s.k, c.x FROM s JOIN (VALUES (1, 'one'), (2, 'two'), (2, 'zwei')) c(y, x) ON s.g = c.y")),
    small(Case("constants_left", [keyed()], "SELECT s.k, c.x FROM s LEFT JOIN (VALUES (1, 'one'), (2, 'two')) c(y, x) ON s.g = c.y AND s.v > 0")),
    small(Case("constants_in", [bids()], "SELECT id FROM s WHERE v IN (SELECT y FROM (VALUES (1), (2), (NULL)) c(y))")),
    small(Case("constants_cross", [bids()], "SELECT s.id, c.y FROM (VALUES (1), (2)) c(y), s")),
    small(Case("constants_anti", [keyed()], "SELECT k FROM s WHERE NOT EXISTS (SELECT 1 FROM (VALUES (1), (2)) c(y) WHERE c.y = s.g)")),
    *lookups(),
]
