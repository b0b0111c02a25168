"""The demo's SQL: sources, tables, and the streams that stand on them and on one another.

Each stream has one query, which runs here as a stream and in DuckDB as a one-shot query over the same rows. DuckDB spells windows
differently: TUMBLE becomes time_bucket by `duckdb_sql`; a HOP has its own text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DDL = """
CREATE SOURCE flights (
    id BIGINT NOT NULL, ts TIMESTAMP NOT NULL, carrier VARCHAR, flight BIGINT, tailnum VARCHAR, origin VARCHAR, dest VARCHAR,
    dep_delay BIGINT, arr_delay BIGINT, air_time BIGINT, distance BIGINT,
    WATERMARK FOR ts AS ts - INTERVAL '10' MINUTE);
CREATE SOURCE weather (
    origin VARCHAR, ts TIMESTAMP NOT NULL, temp DOUBLE, humid DOUBLE, wind_dir BIGINT, wind_speed DOUBLE, visib DOUBLE, pressure DOUBLE,
    WATERMARK FOR ts AS ts - INTERVAL '10' MINUTE);
CREATE TABLE airlines (carrier VARCHAR, name VARCHAR, PRIMARY KEY (carrier));
CREATE TABLE airports (faa VARCHAR, name VARCHAR, lat DOUBLE, lon DOUBLE, alt BIGINT, PRIMARY KEY (faa));
CREATE TABLE planes (tailnum VARCHAR, year BIGINT, manufacturer VARCHAR, model VARCHAR, seats BIGINT, PRIMARY KEY (tailnum));
"""


@dataclass(frozen=True)
class Stream:
    name: str
    what: str  # for the tables that people read
    sql: str
    emit: str = ""
    duckdb: str = ""  # where DuckDB needs more than duckdb_sql does


STREAMS = [
    Stream("departed", "filter", "SELECT * FROM flights WHERE dep_delay IS NOT NULL"),
    Stream(
        "hourly",
        "TUMBLE 1 h by origin",
        """SELECT origin, TUMBLE(ts, INTERVAL '1' HOUR) AS hour, count(*) AS scheduled, count(dep_delay) AS departed,
                  avg(dep_delay) AS delay, max(dep_delay) AS worst
           FROM flights GROUP BY origin, TUMBLE(ts, INTERVAL '1' HOUR)""",
        "EMIT ON WINDOW CLOSE",
    ),
    Stream(
        "carrier_delay",
        "HOP 15 min / 1 h by carrier, on departed",
        """SELECT carrier, HOP(ts, INTERVAL '15' MINUTE, INTERVAL '1' HOUR) AS start, count(*) AS n, avg(dep_delay) AS delay,
                  count(*) FILTER (WHERE dep_delay > 15) AS late
           FROM departed GROUP BY carrier, HOP(ts, INTERVAL '15' MINUTE, INTERVAL '1' HOUR)""",
        "EMIT ON WINDOW CLOSE",
        """SELECT carrier, start, count(*) AS n, avg(dep_delay) AS delay, count(*) FILTER (WHERE dep_delay > 15) AS late
           FROM (SELECT *, time_bucket(INTERVAL '15' MINUTE, ts, TIMESTAMP '1970-01-01') - i * INTERVAL '15' MINUTE AS start
                 FROM departed, (SELECT unnest([0, 1, 2, 3]) AS i))
           GROUP BY carrier, start""",
    ),
    Stream(
        "routes",
        "running per route, on departed",
        """SELECT origin, dest, count(*) AS n, avg(dep_delay) AS delay, avg(arr_delay) AS arr_delay, min(air_time) AS fastest,
                  max(dep_delay) AS worst, sum(distance) AS miles
           FROM departed GROUP BY origin, dest""",
        "EMIT ON UPDATE",
    ),
    Stream(
        "busiest",
        "top 10, on routes",
        "SELECT origin, dest, n, delay FROM routes ORDER BY n DESC, origin, dest LIMIT 10",
    ),
    Stream(
        "flight_weather",
        "ASOF join with weather, on departed",
        """SELECT f.id, f.ts, f.origin, f.dest, f.dep_delay, w.ts AS observed, w.temp, w.humid, w.wind_speed, w.visib
           FROM departed f ASOF LEFT JOIN weather w ON f.origin = w.origin AND f.ts >= w.ts""",
    ),
    Stream(
        "wind",
        "by wind speed, on flight_weather",
        """SELECT origin, CASE WHEN wind_speed < 5 THEN 'calm' WHEN wind_speed < 15 THEN 'breeze' WHEN wind_speed < 25 THEN 'wind'
                               WHEN wind_speed >= 25 THEN 'storm' END AS wind, count(*) AS n, avg(dep_delay) AS delay
           FROM flight_weather GROUP BY 1, 2""",
    ),
    Stream(
        "enriched",
        "joins with three tables, on departed",
        """SELECT f.id, f.ts, f.flight, a.name AS airline, f.origin, p.name AS destination, l.manufacturer, l.seats, f.dep_delay
           FROM departed f JOIN airlines a ON f.carrier = a.carrier
                LEFT JOIN airports p ON f.dest = p.faa LEFT JOIN planes l ON f.tailnum = l.tailnum""",
    ),
    Stream(
        "makers",
        "by manufacturer, on enriched",
        """SELECT manufacturer, count(*) AS n, count(DISTINCT airline) AS airlines, avg(dep_delay) AS delay, sum(seats) AS seats
           FROM enriched GROUP BY manufacturer HAVING count(*) >= 10""",
    ),
]


def create_sql(stream: Stream) -> str:
    return f"CREATE STREAM {stream.name} AS {stream.sql} {stream.emit}"


def duckdb_sql(stream: Stream) -> str:
    """The stream's query as DuckDB spells it."""
    return stream.duckdb or re.sub(r"TUMBLE\((\w+), (INTERVAL '\d+' \w+)\)", r"time_bucket(\2, \1, TIMESTAMP '1970-01-01')", stream.sql)
