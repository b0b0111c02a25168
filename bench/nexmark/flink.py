"""Nexmark on Flink, through the SQL gateway of a cluster: the queries on bids alone, over as many rows of Flink's own generator, into its black hole.

Flink can't read our generator, and reading files would measure its readers. Its rows are alike in number, types and spread of keys, but are not the same, so what comes out isn't
compared. Bids are in order here, and queries that join tables are left out.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

BID = """CREATE TEMPORARY TABLE bid (
    auction BIGINT, bidder BIGINT, price BIGINT, channel_no INT, n BIGINT, extra STRING,
    channel AS CASE channel_no WHEN 0 THEN 'Google' WHEN 1 THEN 'Facebook' WHEN 2 THEN 'Baidu' WHEN 3 THEN 'Apple' ELSE CONCAT('channel-', CAST(channel_no AS STRING)) END,
    url AS CONCAT('https://www.nexmark.com/abcde/fghij/klmno/item.htm?query=1&channel_id=', CAST(channel_no AS STRING)),
    date_time AS TO_TIMESTAMP_LTZ(1436918400000 + n / {per_ms}, 3),
    WATERMARK FOR date_time AS date_time - INTERVAL '2' SECOND
) WITH ('connector' = 'datagen', 'number-of-rows' = '{rows}', 'rows-per-second' = '1000000000',
    'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '{rows}',
    'fields.auction.min' = '1000', 'fields.auction.max' = '{auctions}', 'fields.bidder.min' = '1000', 'fields.bidder.max' = '{people}',
    'fields.price.min' = '100', 'fields.price.max' = '100000000', 'fields.channel_no.min' = '0', 'fields.channel_no.max' = '10000',
    'fields.extra.length' = '47')"""

WINDOW = "TUMBLE(TABLE bid, DESCRIPTOR(date_time), INTERVAL '10' SECOND)"
HOP = "HOP(TABLE bid, DESCRIPTOR(date_time), INTERVAL '2' SECOND, INTERVAL '10' SECOND)"
RANKS = (
    "COUNT(*), COUNT(*) FILTER (WHERE price < 10000), COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000), "
    "COUNT(*) FILTER (WHERE price >= 1000000)"
)
DISTINCT = ", ".join(
    f"COUNT(DISTINCT {column}){condition}"
    for column in ("bidder", "auction")
    for condition in (
        "", " FILTER (WHERE price < 10000)", " FILTER (WHERE price >= 10000 AND price < 1000000)", " FILTER (WHERE price >= 1000000)",
    )
)
DAY = "DATE_FORMAT(date_time, 'yyyy-MM-dd')"
QUERIES = {
    "q0": "SELECT auction, bidder, price, date_time, extra FROM bid",
    "q1": "SELECT auction, bidder, 0.908 * price, date_time, extra FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0",
    "q5": "SELECT n.auction, n.num FROM "
    f"(SELECT auction, COUNT(*) AS num, window_start AS s, window_end AS e FROM TABLE({HOP}) GROUP BY auction, window_start, window_end) n "
    f"JOIN (SELECT MAX(num) AS maxn, s, e FROM (SELECT COUNT(*) AS num, window_start AS s, window_end AS e FROM TABLE({HOP}) "
    "GROUP BY auction, window_start, window_end) c GROUP BY s, e) m ON n.s = m.s AND n.e = m.e AND n.num >= m.maxn",
    "q7": "SELECT b.auction, b.price, b.bidder, b.date_time, b.extra FROM bid b "
    f"JOIN (SELECT MAX(price) AS maxprice, window_end AS t FROM TABLE({WINDOW}) GROUP BY window_start, window_end) m "
    "ON b.price = m.maxprice AND b.date_time BETWEEN m.t - INTERVAL '10' SECOND AND m.t",
    "q10": f"SELECT auction, bidder, price, date_time, extra, {DAY}, DATE_FORMAT(date_time, 'HH:mm') FROM bid",
    "q11": "SELECT bidder, COUNT(*), SESSION_START(date_time, INTERVAL '10' SECOND) FROM bid GROUP BY bidder, SESSION(date_time, INTERVAL '10' SECOND)",
    "q12": f"SELECT bidder, COUNT(*), window_start, window_end FROM TABLE({WINDOW}) GROUP BY bidder, window_start, window_end",
    "q14": "SELECT auction, bidder, 0.908 * price, CASE WHEN HOUR(date_time) >= 8 AND HOUR(date_time) <= 18 THEN 'dayTime' "
    "WHEN HOUR(date_time) <= 6 OR HOUR(date_time) >= 20 THEN 'nightTime' ELSE 'otherTime' END, date_time, extra, "
    "CHAR_LENGTH(extra) - CHAR_LENGTH(REPLACE(extra, 'c', '')) FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000",
    "q15": f"SELECT {DAY}, {RANKS}, {DISTINCT} FROM bid GROUP BY {DAY}",
    "q16": f"SELECT channel, {DAY}, MAX(DATE_FORMAT(date_time, 'HH:mm')), {RANKS}, {DISTINCT} FROM bid GROUP BY channel, {DAY}",
    "q17": f"SELECT auction, {DAY}, {RANKS}, MIN(price), MAX(price), AVG(price), SUM(price) FROM bid GROUP BY auction, {DAY}",
    "q18": "SELECT auction, bidder, price, channel, url, date_time, extra FROM "
    "(SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC) AS r FROM bid) t WHERE r <= 1",
    "q19": "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS r FROM bid) t WHERE r <= 10",
    "q21": "SELECT auction, bidder, price, channel, CASE WHEN LOWER(channel) = 'apple' THEN '0' WHEN LOWER(channel) = 'google' THEN '1' "
    "WHEN LOWER(channel) = 'facebook' THEN '2' WHEN LOWER(channel) = 'baidu' THEN '3' "
    "ELSE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) END FROM bid "
    "WHERE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) IS NOT NULL OR LOWER(channel) IN ('apple', 'google', 'facebook', 'baidu')",
    "q22": "SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3), SPLIT_INDEX(url, '/', 4), SPLIT_INDEX(url, '/', 5) FROM bid",
}
SETTINGS = ("SET 'parallelism.default' = '1'", "SET 'table.dml-sync' = 'true'", "SET 'table.local-time-zone' = 'UTC'")
DEADLINE_S = 120


def call(url, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        return json.loads(answer.read() or b"null")


def execute(session, statement):
    """Runs a statement to its end; the rows of its answer."""
    operation = f"{session}/operations/{call(session + '/statements', {'statement': statement})['operationHandle']}"
    deadline = time.monotonic() + DEADLINE_S
    rows, url = [], operation + "/result/0"
    while True:
        page = call(url + "?rowFormat=JSON")
        rows += [row["fields"] for row in page.get("results", {}).get("data", [])]
        if page["resultType"] == "EOS":
            return rows
        if time.monotonic() > deadline:
            call(operation + "/cancel", {}, "POST")
            raise TimeoutError(f"not done after {DEADLINE_S} s")
        if page["resultType"] != "PAYLOAD":
            time.sleep(0.05)
        following = page.get("nextResultUri")
        url = session.split("/v1/")[0] + following.split("?")[0] if following else url


def job_seconds(rest, job):
    """From the first task that runs to the end: without the time that starting takes."""
    tasks = call(f"{rest}/jobs/{job}")["vertices"]
    return (max(task["end-time"] for task in tasks) - min(task["start-time"] for task in tasks)) / 1000


def stop_jobs(rest, session):
    """Nothing of a query that took too long goes on beside the next one."""
    try:
        for job in call(rest + "/jobs/overview")["jobs"]:
            if job["state"] == "RUNNING":
                call(f"{rest}/jobs/{job['jid']}?mode=cancel", {}, "PATCH")
        if session:
            call(session, method="DELETE")
    except OSError:
        pass


def measure(gateway, query, events):
    """Events a second, where bids are 46 of 50 events, by the clock; one slot."""
    if query not in QUERIES:
        return {"error": "left out: it joins tables"}
    rows = events * 46 // 50
    groups = events // 50
    shape = {"rows": rows, "per_ms": max(1, rows // 100_000), "auctions": 1000 + groups * 3, "people": 1000 + groups}
    rest = gateway.rsplit(":", 1)[0] + ":" + str(int(gateway.rsplit(":", 1)[1]) - 2)
    session = None
    try:
        session = f"{gateway}/v1/sessions/{call(gateway + '/v1/sessions', {})['sessionHandle']}"
        for statement in SETTINGS:
            execute(session, statement)
        execute(session, BID.format(**shape))
        execute(session, f"CREATE TEMPORARY VIEW answer AS {QUERIES[query]}")
        columns = ", ".join(f"c{i} {row[1]}" for i, row in enumerate(execute(session, "DESCRIBE answer")))
        execute(session, f"CREATE TEMPORARY TABLE hole ({columns.replace('*ROWTIME*', '')}) WITH ('connector' = 'blackhole')")
        before = {job["jid"] for job in call(rest + "/jobs/overview")["jobs"]}
        execute(session, "INSERT INTO hole SELECT * FROM answer")
        job = next(job["jid"] for job in call(rest + "/jobs/overview")["jobs"] if job["jid"] not in before)
        seconds = job_seconds(rest, job)
        return {"events": events, "seconds": seconds, "events_per_s": events / seconds}
    except urllib.error.HTTPError as error:
        causes = [line for line in error.read().decode(errors="replace").replace("\\n", "\n").splitlines() if "Caused by" in line]
        return {"error": (causes[-1] if causes else str(error)).strip()[:200]}
    except (OSError, KeyError, TimeoutError, StopIteration) as error:
        return {"error": f"{type(error).__name__}: {error}"[:200]}
    finally:
        stop_jobs(rest, session)
