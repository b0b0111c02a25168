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


CASES = session_cases() + cumulate_cases()
