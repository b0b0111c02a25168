-- Auction top 10: the ten highest bids of each auction, with their place.
CREATE STREAM q19 AS
SELECT auction, bidder, price, channel, url, date_time, extra, n
FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS n FROM bid) r
WHERE n <= 10;
