-- Equal bids stand in the order of the other columns.
SELECT auction, bidder, price, channel, url, date_time, extra, n
FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC, bidder, channel, url, date_time, extra) AS n FROM bid) r
WHERE n <= 10
