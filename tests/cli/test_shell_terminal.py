"""The shell at a terminal: prompt, several lines, history, completion, Ctrl-C, cutting to the width."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from shell_session import SHELL

has_libedit = ": libedit" in subprocess.run([SHELL, "--version"], text=True, capture_output=True, check=True).stdout
with_libedit = pytest.mark.skipif(not has_libedit, reason="the shell is built without libedit")


def test_prompt_and_quit(terminal) -> None:
    shell = terminal()
    assert "LaminarDB 0.1.0" in shell.expect("laminar> ")
    shell.send("SELECT 40 + 2 AS answer;\n")
    assert "│     42 │" in shell.expect("(1 row)")
    shell.expect("laminar> ")
    shell.send(".quit\n")
    assert shell.wait() == 0


def test_end_of_input(terminal) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.end_of_input()
    assert shell.wait() == 0


def test_several_lines(terminal) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("SELECT 'two\n")
    shell.expect("...> ")
    shell.send("lines' AS x,\n")
    shell.expect("...> ")
    shell.send("(1 + 1) AS y;\n")
    assert "│ two\\nlines │" in shell.expect("(1 row)")


def test_errors_do_not_end_it(terminal) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("SELECT nope;\n")
    shell.expect("error 400 (Query failed) at line 1, column 8")
    shell.expect("laminar> ")
    shell.send(".nope\n")
    shell.expect("there is no command '.nope'")
    shell.expect("laminar> ")
    shell.send("SELECT 1 AS fine;\n")
    shell.expect("(1 row)")
    shell.send(".quit\n")
    assert shell.wait() == 0


def test_statements_are_confirmed(terminal) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("CREATE SOURCE s (a BIGINT); INSERT INTO s VALUES (1), (2);\n")
    shell.expect("CREATE SOURCE s\n")
    shell.expect("2 rows\n")


def test_interrupt_clears_the_line(terminal) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("SELECT nonsense\n")
    shell.expect("...> ")
    shell.send("more")
    shell.expect("more")
    shell.interrupt()
    shell.expect("^C")
    shell.expect("laminar> ")
    shell.send("SELECT 5 AS clean;\n")
    assert "│      5 │" in shell.expect("(1 row)")
    shell.send(".quit\n")
    assert shell.wait() == 0


def test_interrupt_ends_a_subscription(terminal) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("CREATE SOURCE s (a BIGINT); INSERT INTO s VALUES (17), (18);\n")
    shell.expect("laminar> ")
    for _ in range(2):
        shell.send("SUBSCRIBE s;\n")
        shell.expect("Ctrl-C ends the subscription")
        shell.expect("18 │")
        shell.interrupt()
        shell.expect("(2 rows)")
        shell.expect("laminar> ")
    shell.send("SELECT 1 AS still_here;\n")
    shell.expect("(1 row)")


def test_interrupt_cancels_a_query(terminal) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    numbers = ",".join(f"({i})" for i in range(1500))
    shell.send("CREATE TABLE t (n BIGINT, PRIMARY KEY (n));\n")
    shell.expect("laminar> ")
    for start in range(0, 1500, 150):  # a terminal takes 4,096 bytes a line
        shell.send("INSERT INTO t VALUES " + ",".join(numbers.split(",")[start : start + 150]) + ";\n")
        shell.expect("150 rows")
        shell.expect("laminar> ")
    shell.send("SELECT count(*) FROM t a, t b, t c, t d WHERE a.n + b.n + c.n + d.n < 0;\n")
    shell.expect("< 0;\n")  # the line feed's echo: the line is taken
    shell.interrupt()
    shell.expect("error 402 (Query cancelled)")
    shell.expect("laminar> ")
    shell.send("SELECT 3 AS alive;\n")
    shell.expect("(1 row)")


@with_libedit
def test_history_is_kept(terminal, tmp_path: Path) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("SELECT 123 AS\n")
    shell.expect("...> ")
    shell.send("remembered;\n")
    shell.expect("(1 row)")
    shell.expect("laminar> ")
    shell.send(".quit\n")
    assert shell.wait() == 0
    assert (tmp_path / "history").exists()
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("\x1b[A\x1b[A\n")  # over .quit to the statement
    assert "│        123 │" in shell.expect("(1 row)")


@with_libedit
def test_history_outlives_a_closed_terminal(terminal, tmp_path: Path) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("SELECT 77 AS kept;\n")
    shell.expect("(1 row)")
    shell.expect("laminar> ")
    shell.close()  # kills
    assert "77" in (tmp_path / "history").read_text()


@with_libedit
def test_history_that_cannot_be_written(terminal) -> None:
    shell = terminal(LAMINAR_HISTORY="/no/such/folder/history")
    shell.expect("laminar> ")
    shell.send("SELECT 1 AS a;\n")
    shell.expect("the history can't be written to /no/such/folder/history")
    shell.send("SELECT 2 AS b;\n")
    shell.expect("│ bigint │")
    shell.expect("(1 row)")


@with_libedit
def test_history_in_the_home_folder_or_nowhere(terminal, tmp_path: Path) -> None:
    shell = terminal(LAMINAR_HISTORY="", HOME=str(tmp_path))
    shell.expect("laminar> ")
    shell.send(".quit\n")
    assert shell.wait() == 0
    assert not list(tmp_path.iterdir())


@with_libedit
def test_completion(terminal) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("CREATE SOURCE zebra_crossings (stripes_seen BIGINT);\n")
    shell.expect("laminar> ")
    shell.send("selec\t")
    shell.expect("select ")
    shell.send("stripes_s\t, 6 AS six FROM zeb\t;\n")
    assert "zebra_crossings" in shell.expect("(0 rows)")
    shell.expect("laminar> ")
    shell.send(".tab\t\n")
    shell.expect("zebra_crossings  source")


@with_libedit
def test_completion_lists_candidates(terminal) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("CREATE SOURCE pear_one (a BIGINT); CREATE SOURCE pear_two (b BIGINT);\n")
    shell.expect("laminar> ")
    shell.send("SELECT * FROM pea\t\t")
    shell.expect("pear_one  pear_two")
    shell.send("o\t;\n")
    shell.expect("(0 rows)")


def test_table_is_cut_to_the_width(terminal) -> None:
    shell = terminal(columns=40)
    shell.expect("laminar> ")
    shell.send(f"SELECT '{'long ' * 30}' AS a, 1 AS b;\n")
    out = shell.expect("(1 row)")
    table = [line for line in out.splitlines() if line and line[0] in "┌│├└"]
    assert table and all(len(line) <= 40 for line in table) and "…" in out and "│ 1 │" in out.replace("   ", " ").replace("  ", " ")


def test_many_columns_are_left_out_in_the_middle(terminal) -> None:
    shell = terminal(columns=50)
    shell.expect("laminar> ")
    shell.send("SELECT " + ", ".join(f"{i} AS column_{i}" for i in range(12)) + ";\n")
    out = shell.expect("columns shown)")
    assert "of 12 columns shown" in out
    table = [line for line in out.splitlines() if line and line[0] in "┌│├└"]
    assert all(len(line) <= 50 for line in table)


def test_many_rows_are_left_out_in_the_middle(terminal, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("n\n" + "".join(f"{i}\n" for i in range(100)))
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("CREATE SOURCE s (n BIGINT);\n.import n.csv s\nSELECT * FROM s;\n")
    assert shell.expect("(100 rows, 40 shown)").count("│") > 40
    shell.send(".maxrows 0\nSELECT * FROM s;\n")
    shell.expect("(100 rows)")


def test_top_draws_over_itself(terminal) -> None:
    shell = terminal()
    shell.expect("laminar> ")
    shell.send("CREATE SOURCE s (a BIGINT);\n")
    shell.expect("laminar> ")
    shell.send(".top 0.05\n")
    shell.expect("relation")
    shell.expect("relation")
    assert "\x1b[3A\x1b[J" in shell.raw
    shell.interrupt()
    shell.expect("laminar> ")
    shell.send(".quit\n")
    assert shell.wait() == 0
