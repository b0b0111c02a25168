-- Highest bid of each ten seconds: a tumbling maximum, joined in time with the rows that it is of.
CREATE STREAM q7 AS
SELECT b.auction, b.price, b.bidder, b.date_time, b.extra
FROM bid b JOIN (
    SELECT max(price) AS maxprice, TUMBLE_END(date_time, INTERVAL '10' SECOND) AS t
    FROM bid
    GROUP BY TUMBLE(date_time, INTERVAL '10' SECOND)
) m ON b.price = m.maxprice AND b.date_time BETWEEN m.t - INTERVAL '10' SECOND AND m.t;
