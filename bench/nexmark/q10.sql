-- Log to files: each row with its day and minute as text, by which files would be split. Time formatting on each row.
CREATE STREAM q10 AS
SELECT auction, bidder, price, date_time, extra, to_char(date_time, 'YYYY-MM-DD') AS day, to_char(date_time, 'HH24:MI') AS minute
FROM bid;
