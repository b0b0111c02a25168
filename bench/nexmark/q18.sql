-- Last bid: of each bidder on each auction. Deduplication that keeps the last row.
CREATE STREAM q18 AS
SELECT auction, bidder, price, channel, url, date_time, extra
FROM (SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC) AS n FROM bid) r
WHERE n <= 1;
