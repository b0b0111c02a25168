WITH a AS (
    SELECT bidder, date_time,
           CASE WHEN date_time - lag(date_time) OVER (PARTITION BY bidder ORDER BY date_time) < INTERVAL '10' SECOND THEN 0 ELSE 1 END AS is_new
    FROM bid
), b AS (
    SELECT bidder, date_time, sum(is_new) OVER (PARTITION BY bidder ORDER BY date_time) AS n FROM a
)
SELECT bidder, count(*), min(date_time), max(date_time) + INTERVAL '10' SECOND FROM b GROUP BY bidder, n
