SET clock = '2026-01-01 00:00:00';
CREATE TABLE t (k BIGINT PRIMARY KEY, name VARCHAR, price DECIMAL(12,2), tags VARCHAR[], seen TIMESTAMPTZ);
CREATE TABLE bag (x DOUBLE, y VARCHAR);
CREATE SOURCE s (id BIGINT, k BIGINT, v BIGINT, w VARCHAR, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH (retention = '1000 rows');
CREATE SOURCE bid WITH (connector = 'nexmark', table = 'bid', events = 200);
CREATE MATERIALIZED VIEW sums AS SELECT k, count(*) AS n, sum(v) AS total, min(w) AS w, median(v) AS m FROM s GROUP BY k;
CREATE STREAM windows AS SELECT k, TUMBLE_START(ts, INTERVAL '10' SECOND) AS w, count(*) AS n FROM s
    GROUP BY k, TUMBLE(ts, INTERVAL '10' SECOND) EMIT ON WINDOW CLOSE;
CREATE STREAM names AS SELECT s.id, t.name FROM s LEFT JOIN t ON s.k = t.k;
CREATE STREAM bids AS SELECT count(*) AS n, max(price) AS p, sum(bidder) AS b FROM bid;
CREATE STREAM top AS SELECT id, v FROM s ORDER BY v DESC, id LIMIT 3;
CREATE STREAM ranks AS SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY id) AS n FROM s;
INSERT INTO t VALUES (1, 'one', 1.25, ['a', 'b'], '2026-01-01 01:02:03+00'), (2, 'two, a text that is longer than a view', NULL, NULL, NULL);
INSERT INTO bag VALUES (1.5, 'a'), (1.5, 'a'), (NULL, 'b');
INSERT INTO s VALUES (1, 1, 10, 'a', '2026-01-01 00:00:01'), (2, 2, 20, 'a longer text than fits', '2026-01-01 00:00:02'), (3, 1, NULL, NULL, '2026-01-01 00:00:03');
SELECT * FROM bids;
CHECKPOINT;
INSERT INTO s VALUES (4, 3, 5, 'c', '2026-01-01 00:00:11');
CHECKPOINT;
