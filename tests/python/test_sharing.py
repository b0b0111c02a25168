"""Streams with an equal part compute it once: what is shared, what must not be, and that nobody sees a difference, whichever stream goes first."""

from __future__ import annotations

import os
import random
import shutil

import laminardb
import pytest

SOURCE = "CREATE SOURCE s (k BIGINT, v BIGINT, d DOUBLE, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)"
SUMS = "SELECT k, count(*) AS n, sum(v) AS sv FROM s GROUP BY k"
WINDOW = "SELECT k, TUMBLE_START(ts, INTERVAL '10' SECOND) AS w, count(*) AS n FROM s GROUP BY k, TUMBLE(ts, INTERVAL '10' SECOND)"


def row(second, k=1, v=1, d=0.5):
    return {"k": k, "v": v, "d": d, "ts": f"2026-01-01 00:{second // 60:02}:{second % 60:02}"}


def rows(db, sql):
    return sorted(db.query(sql).fetchall(), key=repr)


def operators(db, name):
    """Names of operators and with whom they are shared."""
    return db.query(f"SELECT operator, shared_with FROM system.operators WHERE relation = '{name}' ORDER BY id").fetchall()


def shared(db, name):
    return {others for _, others in operators(db, name) if others}


def open_with(*statements):
    db = laminardb.open(":memory:")
    for statement in (SOURCE, *statements):
        db.execute(statement)
    return db


def test_a_query_counts_the_same_windows_once():
    best = f"SELECT a.k, a.w FROM ({WINDOW}) a JOIN (SELECT w, max(n) AS m FROM ({WINDOW}) x GROUP BY w) b ON a.w = b.w AND a.n = b.m"
    with open_with(f"CREATE STREAM best AS {best}") as db:
        assert [name for name, _ in operators(db, "best")].count("window aggregate") == 1
        db.insert("s", [row(1), row(2, k=2), row(3, k=2), row(40)])
        assert [key for key, _ in db.query("SELECT * FROM best").fetchall()] == [2]
        lines = [line for line, in db.query(f"EXPLAIN CREATE STREAM other AS {best}").fetchall()]
        assert "(shared with best)" in lines[0], "the whole query is there already"
    with open_with() as db:
        lines = [line for line, in db.query(f"EXPLAIN CREATE STREAM best AS {best}").fetchall()]
        assert sum("shared: computed once, as above" in line for line in lines) == 1
        one_shot = [line for line, in db.query(f"EXPLAIN {best}").fetchall()]
        assert not any("shared" in line for line in one_shot), "a one-shot query shares nothing"


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize("before", [0, 5])
def test_the_other_goes_on_when_one_is_dropped(first, before):
    with open_with(f"CREATE STREAM a AS {SUMS}") as db:
        if before:
            db.insert("s", [row(i, k=i % 3) for i in range(before)])
        db.execute(f"CREATE STREAM b AS SELECT * FROM ({SUMS}) x WHERE n > 1")
        assert shared(db, "a") == {"b"} and shared(db, "b") == {"a"}
        nodes = {node.name: node.shared_with for node in db.topology().nodes}
        assert nodes == {"s": [], "a": ["b"], "b": ["a"]}
        db.insert("s", [row(i, k=i % 3) for i in range(7)])
        db.execute(f"DROP STREAM {first}")
        db.insert("s", [row(i, k=i % 2) for i in range(4)])
        other = "b" if first == "a" else "a"
        assert shared(db, other) == set()
        assert rows(db, f"SELECT k, n FROM {other}") == rows(db, f"SELECT k, n FROM ({SUMS}) x WHERE n > {1 if other == 'b' else 0}")
        db.execute(f"DROP STREAM {other}")
        assert db.query("SELECT count(*) FROM system.operators").fetchall() == [(0,)]


def test_a_stream_that_is_replaced_shares_with_the_old_one_until_it_goes():
    with open_with(f"CREATE STREAM a AS {SUMS}") as db:
        db.insert("s", [row(i, k=i % 3) for i in range(9)])
        db.execute(f"CREATE OR REPLACE STREAM a AS SELECT n FROM ({SUMS}) x")
        db.insert("s", [row(i, k=i % 3) for i in range(9)])
        assert rows(db, "SELECT * FROM a") == [(6,), (6,), (6,)]


@pytest.mark.parametrize(
    "other",
    [
        f"{WINDOW} EMIT ON UPDATE",
        f"{WINDOW} EMIT ON WINDOW CLOSE ALLOW LATENESS INTERVAL '20' SECOND",
        f"{WINDOW} LATE DATA TO too_late",
        WINDOW.replace("'10'", "'20'"),
        WINDOW.replace("count(*)", "sum(v)"),
        WINDOW.replace("FROM s", "FROM s WHERE v <> 0"),
        WINDOW.replace("count(*)", "count(*) FILTER (WHERE v * 1.0 > 0.5)"),
    ],
)
def test_what_is_not_equal_is_not_shared(other):
    with open_with(f"CREATE STREAM a AS {WINDOW}", f"CREATE STREAM b AS {other}") as db:
        assert shared(db, "a") == set() == shared(db, "b")


def test_constants_differ_to_the_last_bit():
    def text(zero):
        return f"SELECT k, count(*) FILTER (WHERE 1 / (d * {zero}) > 0) AS n FROM s GROUP BY k"

    with open_with(f"CREATE STREAM a AS {text('0e0')}", f"CREATE STREAM b AS {text('(-0e0)')}") as db:
        assert shared(db, "b") == set()

    def after(interval):
        return f"SELECT ts + INTERVAL '{interval}' AS t, count(*) AS n FROM s GROUP BY ts + INTERVAL '{interval}'"

    with open_with(f"CREATE STREAM a AS {after('1 month')}", f"CREATE STREAM b AS {after('30 days')}") as db:
        assert shared(db, "b") == set()


def test_rows_that_are_gone_or_were_late_are_not_made_up_for():
    with laminardb.open(":memory:") as db:
        db.execute(SOURCE + " WITH ('retention' = '3 rows')")
        db.execute(f"CREATE STREAM a AS {SUMS}")
        db.insert("s", [row(1), row(2)])
        db.execute(f"CREATE STREAM b AS {SUMS}")
        assert shared(db, "b") == {"a"}
        db.insert("s", [row(i) for i in range(3, 9)])
        db.execute(f"CREATE STREAM c AS {SUMS}")
        assert shared(db, "c") == set() and rows(db, "SELECT n FROM b") == [(8,)]
    with open_with(f"CREATE STREAM a AS {WINDOW}") as db:
        db.insert("s", [row(1), row(60)])
        db.insert("s", [row(2)])  # late
        db.execute(f"CREATE STREAM b AS {WINDOW}")
        assert shared(db, "b") == set()
        assert [n for _, _, n in rows(db, "SELECT * FROM a")] == [1] and [n for _, _, n in rows(db, "SELECT * FROM b")] == [2]


def test_closed_windows_come_in_the_backfill_and_open_ones_are_shared():
    with open_with(f"CREATE STREAM a AS {WINDOW}") as db:
        db.insert("s", [row(1), row(12), row(31)])
        db.execute(f"CREATE STREAM b AS SELECT w, n FROM ({WINDOW}) x")
        assert shared(db, "b") == {"a"} and len(rows(db, "SELECT * FROM b")) == 2
        db.insert("s", [row(32), row(90)])
        assert rows(db, "SELECT * FROM b") == rows(db, "SELECT w, n FROM a") and len(rows(db, "SELECT * FROM b")) == 3


def test_settings_that_values_depend_on():
    with open_with(f"CREATE STREAM a AS {SUMS}") as db:
        db.execute("SET on_error = 'null'")
        db.execute(f"CREATE STREAM b AS {SUMS}")
        assert shared(db, "b") == set()
        db.execute(f"CREATE STREAM c AS {SUMS}")
        assert shared(db, "c") == {"b"}


def test_subscriptions_to_a_query_share_too():
    with open_with(f"CREATE STREAM a AS {SUMS}") as db:
        db.insert("s", [row(1), row(2)])
        before = db.query("SELECT sum(state_bytes) FROM system.operators").fetchall()
        with db.subscribe(SUMS, changes=True) as sub:
            db.insert("s", [row(3)])
            assert db.query("SELECT sum(state_bytes) FROM system.operators").fetchall() == before
            db.execute("DROP STREAM a")
            db.insert("s", [row(4)])
            net = {}
            while (result := sub.try_next()) is not None:
                for *values, weight in result.fetchall():
                    net[tuple(values)] = net.get(tuple(values), 0) + weight
            assert {values: n for values, n in net.items() if n} == {(1, 4, 4): 1}


def test_a_shared_part_that_fails_stops_all_who_use_it_and_is_not_shared_again():
    failing = "SELECT k, sum(10 / v) AS q FROM s GROUP BY k"
    with open_with(f"CREATE STREAM a AS {failing}", f"CREATE STREAM b AS SELECT k FROM ({failing}) x WHERE q > 0", f"CREATE STREAM c AS {SUMS}") as db:
        assert shared(db, "a") == {"b"}
        db.insert("s", [row(1, v=0)])
        assert dict(db.query("SELECT name, state FROM system.streams").fetchall()) == {"a": "failed", "b": "failed", "c": "running"}
        db.execute("DROP STREAM a")
        db.execute("DROP STREAM b")
        assert rows(db, "SELECT n FROM c") == [(1,)]


def test_each_stream_has_its_letter_of_a_row_that_a_shared_part_leaves_out(tmp_path):
    quotients = "SELECT k, sum(10 / v) AS q FROM s GROUP BY k"

    def letters(db):
        return db.query("SELECT relation, row FROM system.dead_letters ORDER BY epoch, relation").fetchall()

    first, second, third = (f'{{"k":{k},"v":0}}' for k in (1, 2, 3))
    with laminardb.open(str(tmp_path / "db")) as db:
        db.execute(SOURCE)
        db.execute("SET on_error = 'skip'")
        db.execute(f"CREATE STREAM a AS {quotients}")
        db.execute(f"CREATE STREAM b AS SELECT k FROM ({quotients}) x WHERE q > 0")
        assert shared(db, "a") == {"b"}
        db.insert("s", [row(1, k=1, v=0)])
        db.checkpoint()
        db.insert("s", [row(1, k=2, v=0)])
        db.execute("DROP STREAM a")
        db.insert("s", [row(1, k=3, v=0)])
        expected = [("a", first), ("b", first), ("a", second), ("b", second), ("b", third)]
        assert letters(db) == expected
        assert db.query("SELECT count(*) FROM b").fetchall() == [(0,)]
    with laminardb.open(str(tmp_path / "db")) as db:
        assert letters(db) == expected
        db.insert("s", [row(1, k=1, v=0)])
        assert letters(db) == [*expected, ("b", first)]


def test_groups_that_have_left_memory_are_compared_where_they_are(tmp_path):
    with open_with(f"SET temp_directory = '{tmp_path}'", "SET spill_always = true", f"CREATE STREAM a AS {SUMS}") as db:
        for _ in range(2):
            db.insert("s", [row(1, k=k) for k in range(5000)])
        assert sum(n for n, in db.query("SELECT spilled_bytes FROM system.operators").fetchall()) > 0
        db.execute(f"CREATE STREAM b AS SELECT * FROM ({SUMS}) x WHERE n > 2")
        assert shared(db, "b") == {"a"} and rows(db, "SELECT * FROM b") == []
        db.insert("s", [row(1, k=k) for k in range(4990, 5010)])
        assert rows(db, "SELECT * FROM b") == [(k, 3, 3) for k in range(4990, 5000)]


def test_functions_of_the_program():
    with open_with() as db:
        db.register_function("twice", lambda v: 2 * v, ["BIGINT"], "BIGINT")
        query = "SELECT twice(k) AS k, sum(v) AS sv FROM s GROUP BY twice(k)"
        db.execute(f"CREATE STREAM a AS {query}")
        db.execute(f"CREATE STREAM b AS SELECT sv FROM ({query}) x")
        assert shared(db, "b") == {"a"}
        db.register_function("twice", lambda v: 2 * v + 1, ["BIGINT"], "BIGINT", replace=True)
        db.execute(f"CREATE STREAM c AS {query}")
        assert shared(db, "c") == set(), "another function of the same name"
        db.execute("DROP STREAM a")
        db.insert("s", [row(1, k=3)])
        assert rows(db, "SELECT * FROM b") == [(1,)] and rows(db, "SELECT k FROM c") == [(7,)]


def test_the_one_that_fits_is_found_behind_those_that_do_not():
    with laminardb.open(":memory:") as db:
        db.execute(SOURCE + " WITH ('retention' = '3 rows')")
        db.execute(f"CREATE STREAM a AS {SUMS}")
        db.insert("s", [row(i) for i in range(9)])
        db.execute("CREATE SOURCE keys (k BIGINT, v BIGINT, PRIMARY KEY (k))")
        keyed = SUMS.replace("FROM s", "FROM keys")
        db.execute(f"CREATE STREAM b AS {keyed}")
        db.execute("SET on_error = 'skip'")
        for name in "cd":
            db.execute(f"CREATE STREAM {name} AS {keyed}")
        assert shared(db, "b") == set() and shared(db, "d") == {"c"}
        db.insert("keys", [{"k": 1, "v": 1}])
        db.insert("keys", [{"k": 1, "v": 5}])
        db.execute(f"CREATE STREAM e AS {keyed}")
        assert shared(db, "e") == {"c, d"}
        db.execute("DELETE FROM keys")
        assert all(rows(db, f"SELECT * FROM {name}") == [] for name in "bcde")


QUERIES = {
    "sums": SUMS,
    "many": f"SELECT * FROM ({SUMS}) x WHERE n > 2",
    "both": f"SELECT a.k, a.n, a.sv, b.m FROM ({SUMS}) a JOIN (SELECT max(n) AS m FROM ({SUMS}) y) b ON a.n = b.m",
    "floats": "SELECT k, sum(d) AS sd, avg(d) AS ad FROM s GROUP BY k",
    "floats_too": "SELECT x.k, x.sd FROM (SELECT k, sum(d) AS sd, avg(d) AS ad FROM s GROUP BY k) x WHERE x.ad > 0",
    "windows": f"{WINDOW} EMIT ON UPDATE",
    "big_windows": f"SELECT w, count(*) AS c FROM ({WINDOW}) x WHERE n > 1 GROUP BY w EMIT ON UPDATE",
    "pairs": "SELECT a.k, count(*) AS c FROM s a JOIN s b ON a.k = b.k AND a.v < b.v GROUP BY a.k",
    "pairs_too": "SELECT c, count(*) AS n FROM (SELECT a.k, count(*) AS c FROM s a JOIN s b ON a.k = b.k AND a.v < b.v GROUP BY a.k) x GROUP BY c",
}


def plain(query):
    return query.replace(" EMIT ON UPDATE", "")


def canonical(values):
    return tuple(round(value, 6) if isinstance(value, float) else value for value in values)


def compare(db, names, what):
    for name in names:
        got = sorted(map(canonical, db.query(f"SELECT * FROM {name}").fetchall()), key=repr)
        expected = sorted(map(canonical, db.query(plain(QUERIES[name])).fetchall()), key=repr)
        assert got == expected, (what, name, names)


@pytest.mark.parametrize("seed", range(2 if os.environ.get("LAMINAR_SANITIZED") else 8))
def test_streams_come_and_go_and_the_database_is_killed(tmp_path, seed):
    """Rows, streams, checkpoints, and copies of the folder as it is, which is what a kill leaves."""
    rng = random.Random(seed)
    config = laminardb.LaminarConfig(durability="sync", checkpoint_interval_ms=86_400_000)  # none while the folder is copied
    folder = tmp_path / "0"
    db = laminardb.open(str(folder), config=config)
    db.execute(SOURCE + " WITH ('retention' = 'all')")
    names, second = ["sums", "many"], 0
    for name in names:
        db.execute(f"CREATE STREAM {name} AS {QUERIES[name]}")
    assert shared(db, "sums") == {"many"}
    for step in range(30):
        what = rng.choice(["rows", "rows", "rows", "create", "create", "drop", "checkpoint", "kill", "close", "replace"])
        if what == "rows":
            second += 1
            db.insert("s", [row(second - rng.randrange(3) if second > 3 else second, rng.randrange(4), rng.randrange(-3, 9), rng.random()) for _ in range(rng.choice([1, 3, 20]))])
        elif what == "create" and len(names) < len(QUERIES):
            name = rng.choice(sorted(set(QUERIES) - set(names)))
            db.execute(f"CREATE STREAM {name} AS {QUERIES[name]}")
            names.append(name)
        elif what == "replace" and names:
            name = rng.choice(names)
            db.execute(f"CREATE OR REPLACE STREAM {name} AS {QUERIES[name]}")
        elif what == "drop" and names:
            name = names.pop(rng.randrange(len(names)))
            db.execute(f"DROP STREAM {name}")
        elif what == "checkpoint":
            db.checkpoint()
        elif what in ("kill", "close"):
            before = [(name, operators(db, name)) for name in names]
            copy = tmp_path / str(step + 1)
            if what == "close":
                db.close()
            shutil.copytree(folder, copy)
            if what == "kill":
                db.close()
            db = laminardb.open(str(copy), config=config)
            folder = copy
            assert [(name, operators(db, name)) for name in names] == before, "a recovery shares the same"
        compare(db, names, (seed, step, what))
    db.close()
