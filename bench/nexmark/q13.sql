-- Bounded side input: each bid with what a table of 10,000 rows says of its auction.
CREATE STREAM q13 AS
SELECT b.auction, b.bidder, b.price, b.date_time, s.value
FROM bid b JOIN side_input s ON mod(b.auction, 10000) = s.key;
