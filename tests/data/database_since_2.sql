SET on_error = 'skip';
CREATE SOURCE h (v BIGINT) WITH (retain_history = '100 rows');
CREATE STREAM inverses AS SELECT v, 100 / v AS q FROM h WITH (retain_history = '64kb');
INSERT INTO h VALUES (1), (0);
CHECKPOINT;
INSERT INTO h VALUES (2), (0);
