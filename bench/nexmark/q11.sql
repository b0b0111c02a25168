-- User sessions: bids of each bidder between pauses of ten seconds.
CREATE STREAM q11 AS
SELECT bidder, count(*) AS bid_count,
       SESSION_START(date_time, INTERVAL '10' SECOND) AS starttime,
       SESSION_END(date_time, INTERVAL '10' SECOND) AS endtime
FROM bid
GROUP BY bidder, SESSION(date_time, INTERVAL '10' SECOND);
