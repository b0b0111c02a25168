"""The shell without a terminal: files, -c, standard input, modes, errors, exit codes, dot-commands."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from shell_session import SHELL

TRADES = (
    "CREATE SOURCE trades (sym VARCHAR, px DOUBLE, n BIGINT);"
    "INSERT INTO trades VALUES ('ACME', 10.5, 1), ('日本', NULL, -22), (NULL, 3.25, 333);"
)


def test_command_and_table(run) -> None:
    done = run("-c", TRADES + "SELECT * FROM trades")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "┌─────────┬────────┬────────┐\n"
        "│   sym   │   px   │   n    │\n"
        "│ varchar │ double │ bigint │\n"
        "├─────────┼────────┼────────┤\n"
        "│ ACME    │   10.5 │      1 │\n"
        "│ 日本    │   NULL │    -22 │\n"
        "│ NULL    │   3.25 │    333 │\n"
        "└─────────┴────────┴────────┘\n"
        "(3 rows)\n"
    )


def test_no_header(run) -> None:
    assert run("--no-header", "-c", "SELECT 7 AS x").stdout == "┌───┐\n│ 7 │\n└───┘\n(1 row)\n"
    assert run("--no-header", "-m", "csv", "-c", "SELECT 7 AS x").stdout == "7\n"


def test_control_characters_stay_in_their_cell(run) -> None:
    out = run("-c", "SELECT 'a\nb\tc' AS x").stdout
    assert "│ a\\nb\\tc │" in out and len(out.splitlines()) == 7


AWKWARD = ['plain', '', 'a,b', 'say "hi"', 'two\nlines', ' padded ', 'tab\there', 'ünï', '\\back', "it's", '\x01\x1f']


def awkward_sql() -> str:
    rows = ", ".join(f"({i}, '{v.replace(chr(39), chr(39) * 2)}')" for i, v in enumerate(AWKWARD))
    return f"CREATE SOURCE s (i BIGINT, \"odd \"\"name,\" VARCHAR); INSERT INTO s VALUES {rows}, (99, NULL); SELECT * FROM s;"


def test_csv_is_read_back(run) -> None:
    done = run("--mode", "csv", "-c", awkward_sql())
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(io.StringIO(done.stdout, newline=""), strict=True))
    assert rows[0] == ["i", 'odd "name,']
    assert [r[1] for r in rows[1:-1]] == AWKWARD
    assert done.stdout.endswith("\n99,\n") and '\n1,""\n' in done.stdout  # null and the empty text differ


def test_json_is_read_back(run) -> None:
    done = run("--mode=json", "-c", awkward_sql())
    rows = json.loads(done.stdout)
    assert [r['odd "name,'] for r in rows] == [*AWKWARD, None] and rows[3]["i"] == 3


def test_json_values(run) -> None:
    sql = "SELECT 9223372036854775807 AS a, 0.1 AS b, true AS c, CAST('12.50' AS DECIMAL(6,2)) AS d, DATE '2026-01-02' AS e, NULL AS f"
    done = run("-m", "json", "-c", sql)
    assert '"a":9223372036854775807,' in done.stdout and '"d":12.50,' in done.stdout
    assert json.loads(done.stdout) == [{"a": 9223372036854775807, "b": 0.1, "c": True, "d": 12.5, "e": "2026-01-02", "f": None}]
    assert json.loads(run("-m", "json", "-c", "SELECT 1 AS x WHERE false").stdout) == []


def test_json_doubles_that_json_has_not(run) -> None:
    assert json.loads(run("-m", "json", "-c", "SELECT CAST('NaN' AS DOUBLE) AS x").stdout) == [{"x": "NaN"}]


def test_line(run) -> None:
    done = run("--mode", "line", "-c", "SELECT 1 AS a, 'x' AS long_name UNION ALL SELECT 2, NULL")
    assert done.stdout == "        a = 1\nlong_name = x\n\n        a = 2\nlong_name = NULL\n"


def test_file(run, script) -> None:
    done = run(script("-- a comment; with a semicolon\nSELECT 1 AS a; /* ; */ SELECT ';' AS b;\nSELECT $$;$$ AS c"), "-m", "csv")
    assert (done.returncode, done.stdout) == (0, "a\n1\nb\n;\nc\n;\n")


def test_several_jobs_share_the_database(run, script) -> None:
    done = run("-m", "csv", "-c", "CREATE SOURCE s (a BIGINT)", script("INSERT INTO s VALUES (5)"), "-c", "SELECT a FROM s")
    assert done.stdout == "a\n5\n"


def test_standard_input(run) -> None:
    done = run("-m", "csv", input="SELECT 1\n AS a\n;\n.mode json\nSELECT 2 AS b")
    assert (done.returncode, done.stdout) == (0, 'a\n1\n[{"b":2}]\n')


def test_error_shows_place_and_hint(run, script) -> None:
    done = run(script("SELECT 1 AS a;\n\n  SELECT pric\nFROM trades;", "bad.sql"), "-c", "SELECT 2")
    assert done.returncode == 1
    assert done.stderr.startswith("error 400 (Query failed) in bad.sql at line 4, column 6: ")
    assert "\n  FROM trades" in done.stderr and "\n       ^" in done.stderr
    assert "│ 2 │" not in done.stdout  # it stopped


def test_error_in_the_middle_of_a_line(run) -> None:
    done = run("-c", "SELECT 'é'; SELECT nope;")
    assert done.stderr.startswith("error 400 (Query failed) at line 1, column 20: ")
    assert done.stderr.splitlines()[1].index("nope") == done.stderr.splitlines()[2].index("^")


def test_parse_error(run) -> None:
    done = run("-c", "SELEC 1")
    assert done.returncode == 1 and done.stderr.startswith("error 401 (SQL parse error) at line 1, column 1: ")
    assert "hint: " in done.stderr


def test_keep_going(run) -> None:
    done = run("-k", "-m", "csv", "-c", "SELECT 1 AS a; SELECT nope; .nope\nSELECT 2 AS b;")
    assert done.returncode == 1 and "a\n1\n" in done.stdout
    done = run("-k", "-m", "csv", input="SELECT nope;\n.nope\nSELECT 2 AS b;")
    assert (done.returncode, done.stdout) == (1, "b\n2\n") and "there is no command '.nope'" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--nope"], ["-c"], ["--mode", "pdf"], ["--limit", "x"], ["--limit", "-1"], ["--timeout", "soon"], ["--timer=1"], ["-s", "workers"]],
)
def test_wrong_usage(run, arguments) -> None:
    done = run(*arguments)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("laminar: ") and "--help" in done.stderr


def test_missing_file(run) -> None:
    done = run("no/such.sql")
    assert done.returncode == 2 and "can't read no/such.sql: No such file or directory" in done.stderr


def test_database_that_cannot_be_opened(run) -> None:
    done = run("-s", "no_such_setting=1", "-c", "SELECT 1")
    assert done.returncode == 3 and done.stderr.startswith("error 903 (Invalid argument)")


def test_help_and_version(run) -> None:
    done = run("--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: laminar")
    for name in "--command --database --set --mode --no-header --timer --keep-going --interactive --timeout --limit --changes".split():
        assert name in done.stdout
    assert run("--version").stdout.startswith("laminar 0.1.0 (library 0.1.0, line editing: ")


def test_timer(run) -> None:
    done = run("--timer", "-c", "SELECT 1")
    assert done.stderr.startswith("time: 0.") and done.stdout.endswith("(1 row)\n")


def test_tables_and_schema(run) -> None:
    sql = (
        "CREATE SOURCE s (a BIGINT NOT NULL); CREATE TABLE t (k VARCHAR, PRIMARY KEY (k));"
        "CREATE STREAM counts AS SELECT count(*) AS n FROM s; CREATE MATERIALIZED VIEW \"Odd\" AS SELECT a FROM s;"
    )
    done = run(input=sql + "\n.tables\n.schema")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:4] == ["s       source", "t       table", "counts  stream", "Odd     materialized view"]
    assert "CREATE STREAM counts AS SELECT count(*) AS n FROM s;" in lines
    again = run(input="\n".join(lines[4:]) + "\n.schema")  # what .schema prints makes the same schema
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == lines[4:]
    only = run(input=sql + "\n.schema counts")
    assert only.stdout == "CREATE STREAM counts AS SELECT count(*) AS n FROM s;\n"
    done = run(input=".schema nothing")
    assert done.returncode == 1 and "there is no relation named 'nothing'" in done.stderr


def test_import_csv_and_json(run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('n,name\n1,"x, y"\n2,\n')
    (tmp_path / "b.jsonl").write_text('{"name": "z", "n": 3}\n{"n": 4}\n')
    (tmp_path / "bad.csv").write_text("n,name\n1,x\nfour,y\n")
    create = "CREATE SOURCE s (n BIGINT, name VARCHAR);\n"
    done = run("-m", "csv", input=create + ".import a.csv s\n.import b.jsonl s\nSELECT * FROM s;")
    assert (done.returncode, done.stdout) == (0, 'n,name\n1,"x, y"\n2,\n3,z\n4,\n')
    done = run("-k", "-m", "csv", input=create + ".import bad.csv s\nSELECT count(*) AS n FROM s;")
    assert (done.returncode, done.stdout) == (1, "n\n0\n")
    assert done.stderr.startswith("error 302 (Batch schema mismatch) in bad.csv at line 3") and "four" in done.stderr
    assert "error 200" in run(input=".import a.csv nowhere").stderr
    assert "can't read" in run(input=".import none.csv s").stderr


def test_output_and_read(run, script, tmp_path: Path) -> None:
    path = script("SELECT 1 AS a;\n.output 'out file.csv'\nSELECT 2 AS b;\n.output\nSELECT 3 AS c;", "inner.sql")
    done = run("-m", "csv", input=f".read {path}\n")
    assert (done.returncode, done.stdout) == (0, "a\n1\nc\n3\n")
    assert (tmp_path / "out file.csv").read_text() == "b\n2\n"
    assert run(input=".output no/such/folder\n").returncode == 1


def test_read_that_reads_itself(run, script) -> None:
    done = run(script(".read script.sql\n"))
    assert done.returncode == 1 and "nested deeper" in done.stderr


def test_quit(run) -> None:
    assert run("-m", "csv", input="SELECT 1 AS a;\n.quit\nSELECT 2 AS b;").stdout == "a\n1\n"


def test_switches(run) -> None:
    done = run(input=".mode\n.timer\n.timer on\n.timer\n.header off\n.header\n.limit\n.timeout\n.timeout 1.5\n.timeout\n")
    assert done.stdout.split() == ["table", "off", "on", "off", "0", "off", "1.5"]
    for line in (".mode pdf", ".timer maybe", ".import x", ".help a b", ".limit x", ".timeout x", ".nope", ".read 'x"):
        done = run(input=line + "\n")
        assert done.returncode == 1 and done.stderr.startswith("error: "), line


def test_every_command_is_in_help(run) -> None:
    shown = run(input=".help\n").stdout
    for name in ".help .tables .schema .timer .mode .read .import .output .quit .limit .timeout .changes .snapshot".split():
        assert f"\n{name} " in "\n" + shown


# --- SUBSCRIBE -----------------------------------------------------------------------------------------------------------------

COUNTS = "CREATE SOURCE s (k VARCHAR, n BIGINT); INSERT INTO s VALUES ('a', 1), ('b', 2), ('a', 3);"


def test_subscribe_to_a_source(run) -> None:
    done = run("-m", "csv", "--limit", "3", "-c", COUNTS + "SUBSCRIBE s")
    assert (done.returncode, done.stdout) == (0, "k,n\na,1\nb,2\na,3\n")


def test_subscribe_limit_cuts(run) -> None:
    assert run("-m", "csv", "--limit", "2", "-c", COUNTS + "SUBSCRIBE s;").stdout == "k,n\na,1\nb,2\n"


def test_subscribe_filter_and_timeout(run) -> None:
    start = time.monotonic()
    done = run("-m", "json", "--timeout", "0.3", "-c", COUNTS + "SUBSCRIBE s WHERE n > 1; SELECT 5 AS after;")
    assert 0.3 <= time.monotonic() - start < 10
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [json.loads(line) for line in lines[:2]] == [{"k": "b", "n": 2}, {"k": "a", "n": 3}]
    assert json.loads(lines[2]) == [{"after": 5}]


def test_subscribe_to_a_query_with_changes(run) -> None:
    sql = COUNTS + "SUBSCRIBE (SELECT k, count(*) AS c FROM s GROUP BY k)"
    done = run("-m", "csv", "--changes", "--limit", "2", "-c", sql)
    lines = done.stdout.splitlines()
    assert lines[0].split(",")[:2] == ["k", "c"] and "__weight" in lines[0]
    assert sorted(lines[1:]) == ["a,2,1", "b,1,1"]


def test_subscribe_table_mode(run) -> None:
    out = run("--limit", "3", "-c", COUNTS + "SUBSCRIBE s").stdout.splitlines()
    assert out[0].startswith("┌") and out[-2].startswith("└") and out[-1] == "(3 rows)"
    assert len({len(line) for line in out[:-1]}) == 1


def test_subscribe_error(run) -> None:
    done = run("-c", "SUBSCRIBE nothing")
    assert done.returncode == 1 and done.stderr.startswith("error ") and "nothing" in done.stderr


def start_shell(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([SHELL, *arguments], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            cwd=tmp_path, env=dict(os.environ, LAMINAR_HISTORY=""))


def test_interrupt_ends_a_subscription_in_a_script(tmp_path: Path) -> None:
    shell = start_shell(tmp_path, "-m", "csv", "-c", COUNTS + "SUBSCRIBE s; SELECT 1;")
    assert shell.stdout is not None
    assert [shell.stdout.readline() for _ in range(4)] == ["k,n\n", "a,1\n", "b,2\n", "a,3\n"]
    shell.send_signal(signal.SIGINT)
    out, err = shell.communicate(timeout=10)
    assert (shell.returncode, out, err) == (130, "", "")


def test_interrupt_cancels_a_query(tmp_path: Path) -> None:
    numbers = ", ".join(f"({i})" for i in range(3000))
    shell = start_shell(tmp_path, "-m", "csv")
    assert shell.stdin is not None and shell.stdout is not None
    shell.stdin.write(f"CREATE TABLE t (n BIGINT, PRIMARY KEY (n)); INSERT INTO t VALUES {numbers};\nSELECT 1 AS ready;\n")
    shell.stdin.write("SELECT count(*) AS n FROM t a, t b, t c, t d WHERE a.n + b.n + c.n + d.n < 0;\n")
    shell.stdin.flush()
    assert [shell.stdout.readline() for _ in range(2)] == ["ready\n", "1\n"]
    time.sleep(0.3)
    start = time.monotonic()
    shell.send_signal(signal.SIGINT)
    out, err = shell.communicate(timeout=30)
    assert time.monotonic() - start < 10
    assert shell.returncode == 130 and out == "" and err.startswith("error 402 (Query cancelled)")


def test_interrupt_while_waiting_for_input(tmp_path: Path) -> None:
    shell = start_shell(tmp_path, "-m", "csv")
    assert shell.stdin is not None and shell.stdout is not None
    shell.stdin.write("SELECT 1 AS a;\n")
    shell.stdin.flush()
    assert [shell.stdout.readline() for _ in range(2)] == ["a\n", "1\n"]
    shell.send_signal(signal.SIGINT)
    assert shell.wait(timeout=10) == 130


# --- .top ------------------------------------------------------------------------------------------------------------------


def test_top_shows_every_relation(run) -> None:
    done = run("-c", TRADES + "CREATE STREAM highs AS SELECT sym, max(px) AS px FROM trades GROUP BY sym; CREATE TABLE \"ünits\" (k BIGINT, PRIMARY KEY (k));",
               "-c", ".top 0.01 3")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 3 * 5
    for first in range(0, 15, 5):
        head, names, *rows = lines[first:first + 5]
        assert head.startswith("running, up ") and "memory" in head
        assert names.split() == ["relation", "kind", "rows", "rate", "pending", "kept", "bytes", "late", "watermark"]
        assert [row.split()[:3] for row in rows] == [["trades", "source", "3"], ["ünits", "table", "0"], ["highs", "stream", "3"]]
        assert [row.index(kind) for row, kind in zip(rows, ("source", "table", "stream"))] == [names.index("kind")] * 3


@pytest.mark.parametrize("words", ["x", "0", "-1", "1 x", "nan", "1 2 3"])
def test_wrong_top(run, words) -> None:
    done = run("-c", f".top {words}")
    assert done.returncode == 1
    assert ".top" in done.stderr


def test_top_of_a_directory_until_an_interrupt(tmp_path: Path, run) -> None:
    folder = tmp_path / "db"
    assert run("-d", str(folder), "-c", "CREATE TABLE kept (a BIGINT, PRIMARY KEY (a)); INSERT INTO kept VALUES (1), (2)").returncode == 0
    shell = subprocess.Popen([SHELL, "top", str(folder)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert shell.stdout is not None
    assert shell.stdout.readline().startswith("running")
    assert shell.stdout.readline().startswith("relation")
    assert shell.stdout.readline().split()[:2] == ["kept", "table"]
    shell.send_signal(signal.SIGINT)
    shell.communicate(timeout=60)
    assert shell.returncode == 0
