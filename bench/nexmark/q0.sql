-- Pass-through: what a row costs from a source to a reader.
CREATE STREAM q0 AS
SELECT auction, bidder, price, date_time, extra FROM bid;
