"""What the pages list is what the code has: functions, operators, settings, options, codes, system relations, public names."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import laminardb
import pytest
from pages import PATHS, ROOT

sys.path.insert(0, str(ROOT / "tools"))
import docs_c
import docs_python


def rows_of(page: str, header: str) -> list[list[str]]:
    """The cells of the tables of a page whose header line begins so."""
    found: list[list[str]] = []
    is_inside = False
    for line in (ROOT / page).read_text().splitlines():
        if line.startswith(header):
            is_inside = True
        elif not line.startswith("|"):
            is_inside = False
        elif is_inside and not line.startswith("|---"):
            found.append([cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def code(cell: str) -> str:
    """What a cell says in code, or nothing."""
    return cell[1:-1] if cell.startswith("`") else ""


@pytest.fixture
def db():
    with laminardb.open(":memory:") as connection:
        connection.execute("CREATE SOURCE t (x BIGINT, y DOUBLE, s VARCHAR)")
        connection.execute("INSERT INTO t VALUES (1, 2, 'a'), (2, 2, 'b'), (3, 5, 'b'), (4, 7, 'c')")
        yield connection


def registered(db, kinds: str) -> dict[str, str]:
    return dict(db.query(f"SELECT signature, help FROM system.functions WHERE kind {kinds}"))


def test_functions_are_those_of_the_registry(db):
    shown = {code(signature): help for signature, help, *_ in rows_of("docs/sql/functions.md", "| function |")}
    known = registered(db, "<> 'operator'")
    assert sorted(shown) == sorted(known)
    assert shown == known


def test_operators_are_those_of_the_registry(db):
    shown = {code(signature): help for signature, help, *_ in rows_of("docs/sql/operators.md", "| operator |")}
    assert shown == registered(db, "= 'operator'")


def shown_value(db, expression: str) -> str:
    """As the page shows it: of an aggregate over t, of a window function as a list, else of the expression alone."""
    is_window = " OVER " in expression
    over = re.search(r"\b[xys]\b|count\(\*\)", re.sub(r"'[^']*'", "", expression))
    result = db.query(f"SELECT {expression}" + (" FROM t ORDER BY x" if is_window else " FROM t" if over else ""))
    return ", ".join("NULL" if row[0] is None else row[0] for row in result._texts(0, result.num_rows))


@pytest.mark.parametrize("page, header", [("docs/sql/functions.md", "| function | | example"), ("docs/sql/operators.md", "| operator | | example")])
def test_examples_give_what_the_page_says(db, page, header):
    examples = [(code(example), code(gives)) for _, _, example, gives in rows_of(page, header) if example]
    assert len(examples) > 30
    assert [(example, shown_value(db, example)) for example, _ in examples] == examples


def test_every_function_has_an_example_or_a_reason(db):
    """Functions whose result is another one each time, or is approximate, or can't be called alone."""
    without = {code(row[0]).split("(")[0].split(" ")[0] for row in rows_of("docs/sql/functions.md", "| function | | example") if not row[2]}
    assert without == {"random", "only_value", "now", "proctime", "current_date", "current_time", "localtimestamp", "uuid", "approx_median",
                       "approx_percentile_cont"}  # fmt: skip


def test_settings_are_those_of_the_code(db):
    shown = [(code(name), code(value), help) for name, value, help in rows_of("docs/guide/settings.md", "| setting |")]
    assert shown == db.query('SELECT name, "default", help FROM system.settings ORDER BY name').fetchall()


KINDS = {
    "source": "CREATE SOURCE r (v BIGINT)",
    "table": "CREATE TABLE r (v BIGINT PRIMARY KEY)",
    "stream": "CREATE STREAM r AS SELECT x FROM t",
    "view": "CREATE MATERIALIZED VIEW r AS SELECT x FROM t",
    "sink": "CREATE SINK r FROM t",
}


@pytest.mark.parametrize("kind", KINDS)
def test_options_are_those_of_the_code(db, kind):
    with pytest.raises(laminardb.LaminarError) as raised:
        db.execute(f"{KINDS[kind]} WITH (unheard_of_option = 'x')")
    assert raised.value.code == laminardb.codes.INVALID_SCHEMA
    known = set(re.findall(r"'(\w+)'", raised.value.hint or ""))
    column = 1 + list(KINDS).index(kind)
    assert known == {code(row[0]) for row in rows_of("docs/guide/settings.md", "| option | source") if row[column] == "yes"}


def test_codes_are_those_of_the_header():
    header = (ROOT / "include/laminar/types.h").read_text()
    known = [(number, name, title) for name, number, title in re.findall(r'X\((\w+), (\d{3}), "([^"]*)"\)', header)]
    rows = rows_of("docs/guide/errors.md", "| code |")
    assert [tuple(row[:3]) for row in rows] == known
    for number, _, _, exception, remedy in rows:
        assert len(remedy) > 15, number
        with pytest.raises(getattr(laminardb, exception)) as raised:
            laminardb._laminar._raise(int(number), "x")
        assert type(raised.value).__name__ == exception


def test_system_relations_are_those_of_the_code(db):
    columns: dict[str, list[str]] = {}
    for relation, column in db.query("SELECT relation, name FROM system.columns WHERE relation LIKE 'system.%' ORDER BY relation, position"):
        columns.setdefault(relation, []).append(column)
    shown = {code(name): re.findall(r"`(\w+)`", names) for name, _, names in rows_of("docs/guide/operations.md", "| relation |")}
    assert shown == columns


def test_every_public_python_name_is_in_the_reference_with_a_docstring():
    in_sections = {name for names in docs_python.sections().values() for name in names}
    assert in_sections | set(docs_python.ALIASES) | docs_python.ELSEWHERE == set(laminardb.__all__)
    missing = []
    for name in in_sections:
        value = getattr(laminardb, name)
        if not docs_python.text_of(value):
            missing.append(name)
        for member, each in docs_python.members_of(value) if isinstance(value, type) else []:
            if not member.startswith("__") and callable(each) and not docs_python.text_of(each):
                missing.append(f"{name}.{member}")
    assert missing == []


def test_every_c_function_is_in_the_reference_with_a_comment():
    page = docs_c.page()
    for header in docs_c.HEADERS:
        text = (ROOT / "include/laminar" / header).read_text()
        declared = set(re.findall(r"\b(laminar_\w+)\(", re.sub(r"/\*.*?\*/", "", text, flags=re.S)))
        assert {name for name in declared if f"{name}(" not in page} == set()
        for section in docs_c.parse(ROOT / "include/laminar" / header)[1]:
            for group in section.groups:
                assert not group.code or (group.names and group.comment), group.code


def test_pages_are_short_enough_to_read():
    for path in PATHS:
        assert len(path.read_text().splitlines()) < 420, path.name


def shell(*arguments: str) -> str:
    build = ROOT / os.environ.get("BUILD", "build")
    return subprocess.run([build / "laminar", *arguments], capture_output=True, text=True, check=True, env={**os.environ, "LAMINAR_HISTORY": ""}).stdout


def test_options_and_commands_of_the_shell_are_those_of_its_help():
    page = (ROOT / "docs/guide/shell.md").read_text()
    known = set(re.findall(r"--[a-z-]+", shell("--help")))
    rows = rows_of("docs/guide/shell.md", "| command |") + rows_of("docs/guide/shell.md", "| option |")
    assert set(re.findall(r"--[a-z-]+", "".join(row[0] for row in rows))) == known
    known = set(re.findall(r"^ *(\.[a-z]+)", shell("-c", ".help"), re.M))
    assert known and {name for name in known if f"`{name}" not in page} == set()
