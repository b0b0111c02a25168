-- Bids of each bidder in ten seconds. The benchmark means ten seconds of the clock on the wall; here they are of event time, so that the answer depends on the rows alone.
CREATE STREAM q12 AS
SELECT bidder, count(*) AS bid_count,
       TUMBLE_START(date_time, INTERVAL '10' SECOND) AS starttime,
       TUMBLE_END(date_time, INTERVAL '10' SECOND) AS endtime
FROM bid
GROUP BY bidder, TUMBLE(date_time, INTERVAL '10' SECOND);
