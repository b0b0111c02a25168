-- Hot items: the auctions with most bids in the last ten seconds, every two. Sliding windows, and a join with their maximum.
CREATE STREAM q5 AS
SELECT n.auction, n.num, n.starttime
FROM (
    SELECT auction, count(*) AS num,
           HOP_START(date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND) AS starttime,
           HOP_END(date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND) AS endtime
    FROM bid
    GROUP BY auction, HOP(date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND)
) n JOIN (
    SELECT max(num) AS maxn, starttime, endtime
    FROM (
        SELECT count(*) AS num,
               HOP_START(date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND) AS starttime,
               HOP_END(date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND) AS endtime
        FROM bid
        GROUP BY auction, HOP(date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND)
    ) c
    GROUP BY starttime, endtime
) m ON n.starttime = m.starttime AND n.endtime = m.endtime AND n.num >= m.maxn;
