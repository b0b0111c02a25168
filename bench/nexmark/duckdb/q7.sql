WITH m AS (
    SELECT max(price) AS maxprice, time_bucket(INTERVAL '10' SECOND, date_time) + INTERVAL '10' SECOND AS t FROM bid GROUP BY ALL
)
SELECT b.auction, b.price, b.bidder, b.date_time, b.extra
FROM bid b JOIN m ON b.price = m.maxprice AND b.date_time BETWEEN m.t - INTERVAL '10' SECOND AND m.t
