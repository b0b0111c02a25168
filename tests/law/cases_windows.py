"""Cases of the law: time windows, each in every EMIT mode that says something of it, out of order, and over rows that are taken back."""

from __future__ import annotations

from law import Case, Relation

WATERMARK = "ts AS ts - INTERVAL '30' SECOND"


def bids(**more: object) -> Relation:
    """Rows up to 25 s out of order."""
    options: dict[str, object] = {"skew_s": 25}
    options.update(more)
    return Relation("s", {"id": "id", "k": "key", "v": "small", "d": "double", "w": "word", "ts": "time"}, **options)


def marked(**more: object) -> Relation:
    return bids(watermark=WATERMARK, **more)


def keyed(**more: object) -> Relation:
    """Rows that are replaced and deleted."""
    return Relation("s", {"k": "key", "g": "small", "v": "small", "d": "double", "w": "word", "ts": "time"}, key=("k",), **more)


# Every EMIT of the dialect; True: the stream is compared at the end only.
EMITS = {
    "update": ("EMIT ON UPDATE", False),
    "changes": ("EMIT CHANGES", False),
    "close": ("EMIT ON WINDOW CLOSE", True),
    "final": ("EMIT FINAL", True),
    "after": ("EMIT AFTER WATERMARK", True),
    "after_late": ("EMIT AFTER WATERMARK ALLOW LATENESS INTERVAL '20' SECOND", True),
    "close_late": ("EMIT ON WINDOW CLOSE ALLOW LATENESS INTERVAL '20' SECOND", True),
}


def modes(name: str, sql: str, duck: str, only: str = "") -> list[Case]:
    """The query over a watermarked source, in each mode."""
    return [
        Case(f"{name}_{mode}", [marked()], sql, duck=duck, emit=emit, at_end_only=at_end)
        for mode, (emit, at_end) in EMITS.items()
        if not only or mode in only.split()
    ]


def duck_sessions(gap_s: int, select: str, by: str, source: str = "s") -> str:
    """Sessions of `by` as start, end, by, select. Rows of equal time are peers, so the running sum puts them in one session."""
    partition = f"PARTITION BY {by}" if by else ""
    return (
        f"WITH a AS (SELECT *, CASE WHEN ts - lag(ts) OVER ({partition} ORDER BY ts) < INTERVAL {gap_s} SECOND THEN 0 ELSE 1 END AS is_new FROM {source}), "
        f"b AS (SELECT *, sum(is_new) OVER ({partition} ORDER BY ts) AS n FROM a) "
        f"SELECT date_trunc('milliseconds', min(ts)), date_trunc('milliseconds', max(ts) + INTERVAL {gap_s} SECOND){', ' + by if by else ''}, {select} "
        f"FROM b GROUP BY n{', ' + by if by else ''}"
    )


def sessions(gap_s: int, select: str, by: str = "", source: str = "s") -> str:
    window = f"SESSION(ts, INTERVAL '{gap_s}' SECOND)"
    bounds = f"SESSION_START(ts, INTERVAL '{gap_s}' SECOND) AS a, SESSION_END(ts, INTERVAL '{gap_s}' SECOND) AS b"
    return f"SELECT {bounds}{', ' + by if by else ''}, {select} FROM {source} GROUP BY {window}{', ' + by if by else ''}"


PLAIN = "count(*) AS n, sum(v) AS sv, avg(d) AS ad, min(w) AS lo, max(v) AS hi"
ROWS = "count(DISTINCT v) AS dv, median(v) AS md, max(w) AS hw, string_agg(w, ',' ORDER BY w) AS ws, count(*) FILTER (WHERE v > 0) AS p"
BACK = "count(*) AS n, sum(v) AS sv, min(v) AS lo, max(w) AS hi, count(DISTINCT g) AS dg"


def session_cases() -> list[Case]:
    cases = modes("session", sessions(10, PLAIN, "k"), duck_sessions(10, PLAIN, "k"))
    cases += modes("session_rows", sessions(12, ROWS, "k"), duck_sessions(12, ROWS, "k"), "update close after_late")
    cases += modes("session_one_group", sessions(2, PLAIN), duck_sessions(2, PLAIN, ""), "update close")
    for gap in (3, 30):
        for emit in ("EMIT ON UPDATE", "EMIT CHANGES"):
            name = f"session_keyed_{gap}_{emit.split()[-1].lower()}"
            cases.append(Case(name, [keyed()], sessions(gap, BACK), duck=duck_sessions(gap, BACK, ""), emit=emit, steps=25))
    cases.append(Case("session_keyed_by", [keyed()], sessions(30, BACK, "g"), duck=duck_sessions(30, BACK, "g"), steps=25))
    cases.append(Case("session_unmarked", [bids()], sessions(10, PLAIN, "k"), duck=duck_sessions(10, PLAIN, "k")))
    return cases


def duck_cumulate(step_s: int, size_s: int, offset_s: int, select: str) -> str:
    ends = ", ".join(str(min(e, size_s)) for e in range(step_s, size_s + step_s, step_s))
    return (
        f"SELECT ws, ws + to_seconds(e), k, {select} FROM (SELECT *, time_bucket(INTERVAL {size_s} SECOND, ts, "
        f"TIMESTAMP '1970-01-01' + INTERVAL ({offset_s}) SECOND) AS ws FROM s), (SELECT unnest([{ends}]) AS e) "
        "WHERE ts < ws + to_seconds(e) GROUP BY ALL"
    )


def cumulate(step_s: int, size_s: int, offset_s: int, select: str) -> str:
    args = f"(ts, INTERVAL '{step_s}' SECOND, INTERVAL '{size_s}' SECOND{f', {offset_s * 1000}' if offset_s else ''})"
    return f"SELECT CUMULATE_START{args} AS a, CUMULATE_END{args} AS b, k, {select} FROM s GROUP BY CUMULATE{args}, k"


def cumulate_cases() -> list[Case]:
    cases = modes("cumulate", cumulate(10, 60, 0, PLAIN), duck_cumulate(10, 60, 0, PLAIN))
    cases += modes("cumulate_offset", cumulate(20, 50, 7, ROWS), duck_cumulate(20, 50, 7, ROWS), "update close after_late")
    return cases


def duck_hop(slide_s: int, size_s: int, offset_s: int, select: str, time: str = "ts") -> str:
    back = ", ".join(str(b) for b in range(0, size_s + slide_s, slide_s))
    return (
        f"SELECT ws, ws + INTERVAL {size_s} SECOND, k, {select} FROM (SELECT *, time_bucket(INTERVAL {slide_s} SECOND, {time}, "
        f"TIMESTAMP '1970-01-01' + INTERVAL ({offset_s}) SECOND) - to_seconds(b) AS ws FROM s, (SELECT unnest([{back}]) AS b)) "
        f"WHERE {time} < ws + INTERVAL {size_s} SECOND GROUP BY ws, k"
    )


def seconds(*sizes: int) -> str:
    return ", ".join(f"INTERVAL '{s}' SECOND" for s in sizes)


def hop(function: str, args: str, select: str) -> str:
    return f"SELECT {function}_START({args}) AS a, {function}_END({args}) AS b, k, {select} FROM s GROUP BY {function}({args}), k"


def hop_cases() -> list[Case]:
    cases = modes("hop_disorder", hop("HOP", f"ts, {seconds(5, 20)}", PLAIN), duck_hop(5, 20, 0, PLAIN))
    cases += modes("hop_offset", hop("HOP", f"ts, {seconds(10, 25, -3)}", ROWS), duck_hop(10, 25, -3, ROWS), "update close after_late")
    cases += modes("hopping", hop("HOPPING", "ts, 20000, 5000", PLAIN), duck_hop(5, 20, 0, PLAIN), "changes final")
    cases += modes("slide", hop("SLIDE", f"ts, {seconds(30, 7)}", PLAIN), duck_hop(7, 30, 0, PLAIN), "update after")
    cases += modes("tumble_disorder", hop("TUMBLE", f"ts, {seconds(10)}", PLAIN), duck_hop(10, 10, 0, PLAIN))
    cases += modes("tumble_offset", hop("TUMBLE", f"ts, {seconds(10, -3)}", ROWS), duck_hop(10, 10, -3, ROWS), "update close close_late")
    for name, size in (("tumble", (10,)), ("hop", (10, 30)), ("cumulate", (10, 30)), ("session", (30,))):
        args = f"ts, {seconds(*size)}"
        sql = f"SELECT {name}_START({args}) AS a, {name}_END({args}) AS b, g, {BACK} FROM s GROUP BY {name}({args}), g"
        duck = {
            "tumble": duck_hop(10, 10, 0, BACK),
            "hop": duck_hop(10, 30, 0, BACK),
            "cumulate": duck_cumulate(10, 30, 0, BACK),
            "session": duck_sessions(30, BACK, "g"),
        }[name]
        cases.append(Case(f"{name}_taken_back", [keyed()], sql, duck=duck.replace(", k,", ", g,").replace("ws, k", "ws, g"), emit="EMIT CHANGES", steps=20))
    return cases


def duck_session_rows(gap_s: int, by: str, select: str, where: str = "true") -> str:
    """Rows with the bounds a, b of their sessions."""
    rows = duck_sessions(gap_s, "", by).split("SELECT date_trunc")[0]
    over = f"OVER (PARTITION BY {by + ', ' if by else ''}n)"
    return (
        f"{rows} SELECT {select} FROM (SELECT *, date_trunc('milliseconds', min(ts) {over}) AS a, "
        f"date_trunc('milliseconds', max(ts) {over} + INTERVAL {gap_s} SECOND) AS b FROM b WHERE ts IS NOT NULL) WHERE {where}"
    )


def session_row_cases() -> list[Case]:
    """Rows of the table form of SESSION, and what else than its sessions is made of them. A condition on its rows doesn't change the sessions."""
    table = f"SESSION(TABLE s PARTITION BY k, DESCRIPTOR(ts), {seconds(10)})"
    one = f"SESSION(s, ts, {seconds(2)})"
    cases = modes("table_session_rows", f"SELECT *, window_end - ts AS rest FROM {table} WHERE v > 0", duck_session_rows(10, "k", "* EXCLUDE (is_new, n), b - ts", "v > 0"), "update changes close close_late")
    cases += modes("table_session_rows_one_group", f"SELECT id, window_start FROM {one}", duck_session_rows(2, "", "id, a"), "update close")
    cases += modes("table_session_by_length", f"SELECT window_end - window_start AS length, count(*) AS n, sum(v) AS sv FROM {table} GROUP BY length", duck_session_rows(10, "k", "b - a, count(*), sum(v)") + " GROUP BY 1", "update close")
    cases += modes("table_session_where", f"SELECT window_start, k, count(*) AS n FROM {table} WHERE v > 0 GROUP BY window_start, k", duck_session_rows(10, "k", "a, k, count(*)", "v > 0") + " GROUP BY 1, 2", "update close")
    keyed_table = f"SESSION(TABLE s PARTITION BY g, DESCRIPTOR(ts), {seconds(30)})"
    cases.append(Case("table_session_rows_keyed", [keyed()], f"SELECT g, v, window_start, window_end FROM {keyed_table}", duck=duck_session_rows(30, "g", "g, v, a, b"), emit="EMIT CHANGES", steps=25))
    cases.append(Case("table_session_rows_unmarked", [bids()], f"SELECT id, v, window_start, window_end FROM {table}", duck=duck_session_rows(10, "k", "id, v, a, b")))
    return cases


def table_cases() -> list[Case]:
    """The table form, aggregated by its bounds and not."""
    bounds = "window_start, window_end"
    cases = []
    for name, call, duck in (
        ("tumble", f"TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), {seconds(10)}))", duck_hop(10, 10, 0, PLAIN)),
        ("hop", f"TABLE(HOP(TABLE s, DESCRIPTOR(ts), {seconds(5, 20)}))", duck_hop(5, 20, 0, PLAIN)),
        ("hop_plain", f"HOP(s, ts, {seconds(5, 20)})", duck_hop(5, 20, 0, PLAIN)),
        ("cumulate", f"CUMULATE(s, ts, {seconds(10, 30)})", duck_cumulate(10, 30, 0, PLAIN)),
        ("session", f"TABLE(SESSION(TABLE s PARTITION BY k, DESCRIPTOR(ts), {seconds(10)}))", duck_sessions(10, PLAIN, "k")),
    ):
        sql = f"SELECT {bounds}, k, {PLAIN} FROM {call} GROUP BY {bounds}, k"
        cases += modes(f"table_{name}", sql, duck, "update close")
    rows = "SELECT id, v, window_start, window_end FROM {} WHERE v > 0"
    duck = "SELECT id, v, ws, ws + INTERVAL 10 SECOND FROM (SELECT *, time_bucket(INTERVAL 10 SECOND, ts, TIMESTAMP '1970-01-01') AS ws FROM s) WHERE v > 0"
    cases.append(Case("table_rows", [bids()], rows.format(f"TUMBLE(s, ts, {seconds(10)})"), duck=duck))
    duck = "SELECT id, v, a, b FROM (" + duck_cumulate(10, 30, 0, "id, v").replace("SELECT ws, ws + to_seconds(e), k,", "SELECT ws AS a, ws + to_seconds(e) AS b,").replace(" GROUP BY ALL", "") + ") WHERE v > 0"
    cases.append(Case("table_rows_cumulate", [bids()], rows.format(f"CUMULATE(s, ts, {seconds(10, 30)})"), duck=duck))
    cases += session_row_cases()
    # Windows of CUMULATE share their start: grouped by it alone, a row counts once for each window.
    sql = f"SELECT window_start, count(*) AS n FROM CUMULATE(s, ts, {seconds(10, 30)}) GROUP BY window_start"
    duck = "SELECT ws, sum(n) FROM (" + duck_cumulate(10, 30, 0, "count(*) AS n") + ") GROUP BY ws"
    cases.append(Case("table_cumulate_start", [bids()], sql, duck=duck))
    return cases


def type_cases() -> list[Case]:
    """Every type of time, and times before 1970."""
    cases = []
    for kind, time in (("ms", "ts"), ("old_time", "ts"), ("epoch_ms", "epoch_ms(ts)"), ("tz", "ts::TIMESTAMP"), ("date", "ts::TIMESTAMP")):
        source = Relation("s", {"id": "id", "k": "key", "v": "small", "ts": kind})
        size = 4 * 86400 if kind == "date" else 10
        not_null = " WHERE ts IS NOT NULL"
        duck = duck_hop(size // 2, size, 1 if kind != "date" else 86400, "count(*), sum(v)", time)
        duck = duck.replace("WHERE ", "WHERE ts IS NOT NULL AND ")
        sql = hop("HOP", f"ts, {size * 500}, {size * 1000}, {1000 if kind != 'date' else 86400000}", "count(*), sum(v)")
        cases.append(Case(f"hop_on_{kind}", [source], sql, duck=duck))
        duck = duck_sessions(size, "count(*), sum(v)", "k", f"(SELECT k, v, {time} AS ts FROM s{not_null})")
        cases.append(Case(f"session_on_{kind}", [source], sessions(size, "count(*), sum(v)", "k"), duck=duck))
    return cases


def stacked_cases() -> list[Case]:
    """Windows over windows: by the start, by the end, of sessions."""
    inner = f"SELECT TUMBLE_START(ts, {seconds(5)}) AS a, TUMBLE_END(ts, {seconds(5)}) AS b, k, count(*) AS n FROM s GROUP BY TUMBLE(ts, {seconds(5)}), k"
    of_session = f"SELECT SESSION_START(ts, {seconds(10)}) AS a, SESSION_END(ts, {seconds(10)}) AS b, k, count(*) AS n FROM s GROUP BY SESSION(ts, {seconds(10)}), k"
    cases = []
    for name, inner_sql, duck_inner in (
        ("tumble", inner, duck_hop(5, 5, 0, "count(*) AS n")),
        ("session", of_session, duck_sessions(10, "count(*) AS n", "k")),
    ):
        for bound in "ab":
            outer = f"SELECT TUMBLE({bound}, {seconds(20)}) AS w, sum(n) AS sn, max(n) AS m FROM {{}} GROUP BY TUMBLE({bound}, {seconds(20)})"
            duck = f"SELECT time_bucket(INTERVAL 20 SECOND, {bound}, TIMESTAMP '1970-01-01') AS w, sum(n), max(n) FROM ({duck_inner}) x(a, b, k, n) GROUP BY w"
            for what, emit_inner, emit, at_end in (
                ("close", "", "", True),
                ("update", "EMIT ON UPDATE", "EMIT ON UPDATE", False),
                ("close_of_updates", "EMIT ON UPDATE", "EMIT ON WINDOW CLOSE", True),
            ):
                setup = (f"CREATE STREAM st_a AS {inner_sql} {emit_inner}",)
                cases.append(
                    Case(
                        f"stack_{name}_{bound}_{what}", [marked()], outer.format(f"({inner_sql}) x"), duck=duck,
                        setup=setup, stream=outer.format("st_a"), emit=emit, at_end_only=at_end,
                    )
                )
    ends = f"SELECT TUMBLE_END(ts, {seconds(5)}) AS e, k, count(*) AS n FROM s GROUP BY TUMBLE(ts, {seconds(5)}), k"
    outer = f"SELECT HOP(e, {seconds(5, 20)}) AS w, sum(n) AS sn FROM {{}} GROUP BY HOP(e, {seconds(5, 20)})"
    duck = duck_hop(5, 20, 0, "sum(n)", "e").replace("SELECT ws, ws + INTERVAL 20 SECOND, k, ", "SELECT ws, ").replace("GROUP BY ws, k", "GROUP BY ws")
    duck = duck.replace("FROM s, (", f"FROM ({duck_hop(5, 5, 0, 'count(*) AS n')}) x(a, e, k, n), (")
    cases.append(
        Case("stack_ends_only", [marked()], outer.format(f"({ends}) x"), duck=duck, setup=(f"CREATE STREAM st_a AS {ends}",),
             stream=outer.format("st_a"), emit="EMIT ON WINDOW CLOSE", at_end_only=True)
    )
    return cases


CASES = session_cases() + cumulate_cases() + hop_cases() + table_cases() + type_cases() + stacked_cases()
