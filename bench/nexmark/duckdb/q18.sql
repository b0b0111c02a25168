-- Rows of one time: we take the first by the columns in their order.
SELECT auction, bidder, price, channel, url, date_time, extra
FROM (SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC, price, channel, url, extra) AS n FROM bid) r
WHERE n <= 1
