"""Sources with a connector: what flows when, back-pressure, ends, errors, and that no row is lost or doubled by a crash. With the built-in generator."""

import os
import subprocess
import sys
import threading
import time

import laminardb
import pytest

ROWS = 92_000  # bids of 100,000 events


def bids(more="", name="bid", events=100_000, retention="all"):
    return f"CREATE SOURCE {name} WITH (connector = 'nexmark', table = 'bid', events = {events}, retention = '{retention}'{more})"


def checksum(db, name="bid"):
    return db.query(
        f"SELECT count(*), sum(auction), sum(bidder), sum(price), min(channel), max(url), sum(length(extra)), max(date_time) FROM {name}"
    ).fetchone()


def state(db, name="bid"):
    return db.query(f"SELECT state, error, total_rows FROM system.sources WHERE name = '{name}'").fetchone()


def wait_until(condition, timeout_s=120):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_same_rows_whatever_the_cuts(db):
    db.start()
    for name, more in {"a": "", "b": ", batch_rows = 77", "c": ", batch_rows = 100000", "d": ", seed = 42"}.items():
        db.execute(bids(more, name))
    rows = {name: checksum(db, name) for name in "abcd"}
    assert rows["a"][0] == ROWS
    assert len(set(rows.values())) == 1
    db.execute(bids(", seed = 43", "e"))
    assert checksum(db, "e") != rows["a"]


def test_nothing_flows_before_start_or_before_somebody_reads(db):
    db.execute(bids())
    assert checksum(db)[0] == 0
    db.start()
    time.sleep(0.05)
    assert state(db) == ("waiting", None, 0)
    db.execute("CREATE STREAM n AS SELECT count(*) AS n FROM bid")
    wait_until(lambda: state(db)[0] == "ended")
    assert state(db) == ("ended", None, ROWS)


def test_queries_wait_for_the_end(db):
    db.start()
    db.execute(bids())
    db.execute("CREATE STREAM w AS SELECT TUMBLE_START(date_time, INTERVAL '1' SECOND) AS t, count(*) AS n FROM bid GROUP BY TUMBLE(date_time, INTERVAL '1' SECOND)")
    db.execute("CREATE STREAM total AS SELECT sum(n) AS n FROM w")
    # the watermark is at its end: all windows are closed
    assert db.query("SELECT n FROM total").fetchone() == (ROWS,)
    assert db.query("SELECT count(*) FROM w").fetchone() == (10,)


def test_three_tables_belong_together(db):
    db.start()
    for table in ("person", "auction", "bid"):
        db.execute(f"CREATE SOURCE {table} WITH (connector = 'nexmark', event_type = '{table}', events = 100000, retention = 'all')")
    assert db.query("SELECT count(*), count(DISTINCT id) FROM person").fetchone() == (2000, 2000)
    assert db.query("SELECT count(*), count(DISTINCT id), min(category), max(category) FROM auction").fetchone() == (6000, 6000, 10, 14)
    # all but those that name an auction that comes after the last event
    joined = db.query("SELECT count(*) FROM bid b JOIN auction a ON b.auction = a.id").fetchone()[0]
    assert ROWS - 100 < joined <= ROWS
    assert db.query("SELECT count(*) FROM auction a JOIN person p ON a.seller = p.id").fetchone()[0] > 5900


def test_some_columns_only_and_a_watermark_of_ones_own(db):
    db.start()
    db.execute("CREATE SOURCE bid (price BIGINT, date_time TIMESTAMP(3), WATERMARK FOR date_time AS date_time - INTERVAL '3' SECOND) FROM nexmark (table = 'bid', events = 1000)")
    assert db.query("SELECT * FROM bid LIMIT 1").fetchone()[0] > 0
    db.execute("CREATE SOURCE again (WATERMARK FOR date_time AS date_time - INTERVAL '3' SECOND) FROM nexmark (table = 'bid', events = 1000, skew = '2 s')")
    found = db.query("SELECT watermark_column, columns FROM system.sources ORDER BY name").fetchall()
    assert found == [("date_time", 7), ("date_time", 2)]


def test_skew_is_within_the_watermark(db):
    db.start()
    db.execute(bids(", skew = '2 seconds'"))
    db.execute("CREATE STREAM w AS SELECT TUMBLE_START(date_time, INTERVAL '1' SECOND) AS t, count(*) AS n FROM bid GROUP BY TUMBLE(date_time, INTERVAL '1' SECOND)")
    assert db.query("SELECT sum(n), count(*) FROM w").fetchone() == (ROWS, 12)
    assert db.query("SELECT late_rows FROM system.streams").fetchone() == (0,)
    late = "SELECT count(*) FROM (SELECT date_time < lag(date_time) OVER (ORDER BY auction) AS late FROM bid) t WHERE late"
    assert db.query(late).fetchone()[0] > 1000


def test_a_rate(db):
    db.start()
    db.execute("CREATE SOURCE bid WITH (connector = 'nexmark', table = 'bid', rate = 20000)")
    wait_until(lambda: state(db)[2] > 2000)  # nobody reads it
    assert state(db)[0] == "running"
    before, started = state(db)[2], time.monotonic()
    time.sleep(0.5)
    rate = (state(db)[2] - before) / (time.monotonic() - started)
    assert 100 < rate < 400_000  # unpaced it is millions; a busy machine catches up
    assert db.query("SELECT count(*) FROM bid").fetchone()[0] > 0  # waits for nothing: there is no end


def test_back_pressure_and_cancel(db):
    """A subscriber that doesn't read holds the source up; nothing is lost, and a query that waits can be cancelled."""
    db.start()
    db.execute("SET stall_timeout_ms = 1")
    db.execute(bids(", batch_rows = 1000", events=500_000))
    subscription = db.subscribe("SELECT auction FROM bid", capacity=5000)
    wait_until(lambda: state(db)[2] >= 5000)

    def is_held():
        before = state(db)[2]
        time.sleep(0.1)
        return state(db)[2] == before

    wait_until(is_held)
    assert state(db)[2] < 5 * ROWS  # a few steps' worth: what is queued for a step goes in
    failures = []

    def count():
        try:
            db.query("SELECT count(*) FROM bid")
        except laminardb.LaminarError as error:
            failures.append(error.code)

    thread = threading.Thread(target=count)
    thread.start()
    running = "SELECT id FROM system.queries WHERE active AND sql LIKE 'SELECT count%'"
    wait_until(lambda: db.query(running).fetchone())
    db.cancel_query(db.query(running).fetchone()[0])
    thread.join()
    assert failures
    n = 0
    while n < 5 * ROWS:
        n += subscription.next_timeout(120_000).num_rows
    wait_until(lambda: state(db) == ("ended", None, 5 * ROWS))
    subscription.cancel()


def test_drop_and_close_while_it_flows():
    with laminardb.open(":memory:") as db:
        db.start()
        for _ in range(20):
            db.execute(bids(events=10**12, retention="1000 rows"))
            db.execute("CREATE STREAM n AS SELECT count(*) AS n FROM bid")
            wait_until(lambda: state(db)[2] > 0)
            db.execute("DROP SOURCE bid CASCADE")
        db.execute(bids(events=10**12, retention="1000 rows"))
        db.execute("CREATE STREAM n AS SELECT count(*) AS n FROM bid")
        wait_until(lambda: state(db)[2] > 0)


def test_a_reader_takes_nothing_in(tmp_path):
    """A read-only opener sees what was stored of a source that has not come to its end, and does not wait for the rest."""
    with laminardb.open(tmp_path / "db") as db:
        db.execute(bids(events=1_000_000_000, retention="1000"))
        db.execute("CREATE STREAM n AS SELECT count(*) AS n FROM bid")
        db.start()
        wait_until(lambda: db.query("SELECT total_rows FROM system.sources WHERE name = 'bid'").fetchone()[0] > 0)
    with laminardb.open(tmp_path / "db", config=laminardb.LaminarConfig(read_only=True)) as db:
        db.start()
        rows = db.query("SELECT n FROM n").fetchone()[0]
        assert rows > 0 and state(db)[1:] == (None, rows)
        assert db.query("SELECT n FROM n").fetchone()[0] == rows


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE SOURCE b WITH (connector = 'nexmark')",
        "CREATE SOURCE b WITH (connector = 'nexmark', table = 'bids')",
        "CREATE SOURCE b WITH (connector = 'nexmark', table = 'bid', events = 'many')",
        "CREATE SOURCE b WITH (connector = 'nexmark', table = 'bid', event_rate = 0)",
        "CREATE SOURCE b WITH (connector = 'nexmark', table = 'bid', skew = 'late')",
        "CREATE SOURCE b WITH (connector = 'nexmark', table = 'bid', speed = 1)",
        "CREATE SOURCE b (price BIGINT, price BIGINT) WITH (connector = 'nexmark', table = 'bid')",
        "CREATE SOURCE b (WATERMARK FOR price_time) WITH (connector = 'nexmark', table = 'bid')",
    ],
)
def test_bad_options(db, sql):
    with pytest.raises(laminardb.SchemaError) as error:
        db.execute(sql)
    assert error.value.code == 203
    assert db.query("SELECT count(*) FROM system.sources").fetchone() == (0,)


@pytest.mark.parametrize("column", ["price DOUBLE", "prize BIGINT"])
def test_columns_that_the_connector_does_not_have(db, column):
    with pytest.raises(laminardb.SchemaError) as error:
        db.execute(f"CREATE SOURCE b ({column}) WITH (connector = 'nexmark', table = 'bid')")
    assert error.value.code == laminardb.codes.SCHEMA_MISMATCH
    assert db.query("SELECT count(*) FROM system.sources").fetchone() == (0,)


def test_a_file_is_no_source_yet(db):
    with pytest.raises(laminardb.LaminarError) as error:
        db.execute("CREATE SOURCE f (a INT) FROM file (path = 'x.csv')")
    assert error.value.code == 403


CRASH = """
import os, sys, time
import laminardb
folder, first, durability = sys.argv[1], sys.argv[2] == "first", sys.argv[3]
db = laminardb.open(folder, config=laminardb.LaminarConfig(durability=durability))
db.execute("SET checkpoint_log_bytes = '300kb'")
if first:
    db.execute("CREATE SOURCE bid WITH (connector = 'nexmark', table = 'bid', events = 100000, batch_rows = 700, retention = 'all')")
    db.execute("CREATE STREAM total AS SELECT count(*) AS n, sum(price) AS s FROM bid")
db.start()
def source():
    return db.query("SELECT total_rows, state FROM system.sources").fetchone()
until = source()[0] + 15000
while source()[0] < until and source()[1] != "ended":
    time.sleep(0.001)
os._exit(0)
"""


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_exactly_once_over_crashes(tmp_path, db, durability):
    folder = str(tmp_path / "db")
    for i in range(3):
        run = subprocess.run([sys.executable, "-c", CRASH, folder, "first" if i == 0 else "again", durability], env=dict(os.environ), capture_output=True, text=True, timeout=600)
        assert run.returncode == 0, run.stderr
    with laminardb.open(folder) as again:
        before = state(again)
        assert durability == "async" or before[2] >= 45000
        again.start()
        total = again.query("SELECT n, s FROM total").fetchone()
        rows = checksum(again)
        assert state(again) == ("ended", None, ROWS)
    db.start()
    db.execute(bids())
    assert rows == checksum(db)
    assert total == (rows[0], rows[3])
    with laminardb.open(folder) as ended:  # and nothing comes after the end
        ended.start()
        assert ended.query("SELECT n, s FROM total").fetchone() == total
