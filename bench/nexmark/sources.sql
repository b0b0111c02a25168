-- The three tables, a million events of them out of order by up to two seconds, and what q13 looks up. With the shell:
--   laminar bench/nexmark/sources.sql bench/nexmark/q5.sql -c "SELECT count(*) FROM q5"
CREATE SOURCE person WITH (connector = 'nexmark', table = 'person', events = 1000000, skew = '2 seconds');
CREATE SOURCE auction WITH (connector = 'nexmark', table = 'auction', events = 1000000, skew = '2 seconds');
CREATE SOURCE bid WITH (connector = 'nexmark', table = 'bid', events = 1000000, skew = '2 seconds');
CREATE TABLE side_input (key BIGINT PRIMARY KEY, value VARCHAR);
INSERT INTO side_input SELECT n, 'value-' || CAST(n AS VARCHAR) FROM generate_series(0, 9999) AS g (n);
