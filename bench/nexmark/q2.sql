-- Selection: a filter that lets few rows through.
CREATE STREAM q2 AS
SELECT auction, price FROM bid WHERE mod(auction, 123) = 0;
