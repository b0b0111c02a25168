-- Monitor new users: who registered and opened an auction within the same ten seconds. A join of two windowed streams.
CREATE STREAM q8 AS
SELECT p.id, p.name, p.starttime
FROM (
    SELECT id, name, TUMBLE_START(date_time, INTERVAL '10' SECOND) AS starttime, TUMBLE_END(date_time, INTERVAL '10' SECOND) AS endtime
    FROM person
    GROUP BY id, name, TUMBLE(date_time, INTERVAL '10' SECOND)
) p JOIN (
    SELECT seller, TUMBLE_START(date_time, INTERVAL '10' SECOND) AS starttime, TUMBLE_END(date_time, INTERVAL '10' SECOND) AS endtime
    FROM auction
    GROUP BY seller, TUMBLE(date_time, INTERVAL '10' SECOND)
) a ON p.id = a.seller AND p.starttime = a.starttime AND p.endtime = a.endtime;
