-- HOP windows are written out: a row is in the five windows that begin at the whole two seconds up to ten seconds before it.
WITH hop AS (
    SELECT auction, epoch_ms(date_time) - epoch_ms(date_time) % 2000 - 2000 * i AS starttime FROM bid, range(5) AS r (i)
), n AS (
    SELECT auction, count(*) AS num, starttime FROM hop GROUP BY auction, starttime
), m AS (
    SELECT max(num) AS maxn, starttime FROM n GROUP BY starttime
)
SELECT n.auction, n.num, make_timestamp_ms(n.starttime) FROM n JOIN m ON n.starttime = m.starttime AND n.num >= m.maxn
