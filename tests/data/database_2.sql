INSERT INTO s VALUES (5, 2, 7, 'a', '2026-01-01 00:00:12'), (6, 1, 1, 'b', '2026-01-01 00:00:15');
UPDATE t SET price = 2.5 WHERE k = 2;
DELETE FROM bag WHERE y = 'a';
CREATE STREAM late AS SELECT w, count(*) AS n FROM s GROUP BY w;
SET on_error = 'null';
INSERT INTO t VALUES (3, 'three', 3, [], NULL);
INSERT INTO s VALUES (7, 3, 100, 'z', '2026-01-01 00:00:33');
