"""Every block of code in README.md and docs/ runs, and prints what the page says. pages.py has the rules."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from pages import OTHER, PAGES, PATHS, ROOT, RUN, Block, pages_with, to_run

BUILD = ROOT / os.environ.get("BUILD", "build")
ENV = {
    **os.environ,
    "PATH": f"{BUILD}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    "LAMINAR_HISTORY": "",
    "NO_COLOR": "1",
    "PKG_CONFIG_PATH": str(BUILD),
}
# Blocks that carry `not run`. A new one must be worth a change of this number.
NOT_RUN = 5


def sessions(page: str, language: str) -> list[list[Block]]:
    """The blocks of a page, cut where a new session begins."""
    cut: list[list[Block]] = []
    for block in to_run(page, language):
        if block.is_new_session or not cut:
            cut.append([])
        cut[-1].append(block)
    return cut


def stripped(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def check(block: Block, actual: str) -> None:
    """What came out is what the page shows. With DOCS_UPDATE=1 the page is changed to show it, to be looked at before it is committed."""
    assert block.output is not None
    if stripped(actual) == stripped(block.output):
        return
    if os.environ.get("DOCS_UPDATE"):
        path = ROOT / block.page
        text = path.read_text()
        start = text.index("```output\n", text.index(block.code)) + len("```output\n")
        shown = "".join(line + "\n" for line in stripped(actual))
        path.write_text(text[:start] + shown + text[text.index("```", start) :])
        return
    assert stripped(actual) == stripped(block.output), str(block)


def shown_by_comments(code: str) -> list[str]:
    return re.findall(r"^ *print\(.*\)\s+# (.*)$", code, re.M)


# --- The blocks themselves ------------------------------------------------------------------------------------------------


def test_every_block_has_a_known_language():
    for page, blocks in PAGES.items():
        for block in blocks:
            assert block.language in RUN + OTHER, f"{block}: {block.language!r} is not run, and not text"
            if block.language == "text":
                assert block.not_run is None, f"{block}: text is never run"


def test_blocks_that_are_not_run_say_why_and_are_few():
    found = [block for blocks in PAGES.values() for block in blocks if block.not_run is not None]
    for block in found:
        assert len(block.not_run or "") > 10, f"{block}: the reason is missing"
    assert len(found) == NOT_RUN, "not run: " + ", ".join(map(str, found))


def test_code_is_in_fences():
    for path in PATHS:
        is_code = False
        before = ""
        for n, line in enumerate(path.read_text().splitlines(), 1):
            if line.lstrip().startswith("```"):
                is_code = not is_code
            indented = line.startswith("    ") and not before.strip() and not re.match(r" *([*-]|\d+\.) ", line)
            assert is_code or not indented, f"{path.relative_to(ROOT)}:{n}: an indented block"
            before = line if is_code or line.strip() else before if before.startswith((" ", "*", "-", "1")) else ""


# --- Running them ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages_with("python"))
def test_python(page, tmp_path, monkeypatch):
    for n, session in enumerate(sessions(page, "python")):
        folder = tmp_path / str(n)
        folder.mkdir()
        monkeypatch.chdir(folder)
        names: dict[str, object] = {"__name__": "page"}
        for block in session:
            out = io.StringIO()
            code = compile("\n" * (block.line - 1) + block.code, str(ROOT / block.page), "exec")
            with contextlib.redirect_stdout(out):
                exec(code, names)
            if block.output is None:
                assert stripped(out.getvalue()) == shown_by_comments(block.code), str(block)
            else:
                check(block, out.getvalue())


@pytest.mark.parametrize("page", pages_with("sql"))
def test_sql(page, tmp_path):
    for n, session in enumerate(sessions(page, "sql")):
        folder = tmp_path / str(n)
        folder.mkdir()
        marks = [f"-- block {i} --" for i in range(len(session))]
        script = "".join(f"SELECT '{mark}' AS block;\n{block.code}\n" for mark, block in zip(marks, session, strict=True))
        run = subprocess.run(
            ["laminar", "--keep-going"], cwd=folder, env=ENV, text=True, input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        # A mark comes as a table of five lines around it, and a line with the number of rows.
        parts = re.split(r"┌─+┐\n│ +block +│\n│ +varchar +│\n├─+┤\n│ (-- block \d+ --) │\n└─+┘\n\(1 row\)\n", run.stdout)
        assert parts[1::2] == marks, run.stdout
        for block, text in zip(session, parts[2::2], strict=True):
            # Places are told in the whole script; in a page they would mean nothing.
            text = re.sub(r" at line \d+, column \d+", "", text)
            if not block.fails:
                assert not re.search(r"^error \d+", text, re.M), f"{block}\n{text}"
            else:
                assert block.output is not None and "error" in text, f"{block}: should fail\n{text}"
            if block.output is not None:
                check(block, text)


def commands(code: str):
    """(command, output) of each `$ command`; lines with `>` go on with it."""
    for part in re.split(r"^\$ ", code, flags=re.M)[1:]:
        first, *lines = part.splitlines(keepends=True)
        n_more = next((i for i, line in enumerate(lines) if not line.startswith(">")), len(lines))
        yield first + "".join(re.sub("^> ?", "", line) for line in lines[:n_more]), "".join(lines[n_more:])


@pytest.mark.parametrize("page", pages_with("console"))
def test_console(page, tmp_path):
    for n, session in enumerate(sessions(page, "console")):
        folder = tmp_path / str(n)
        folder.mkdir()
        for block in session:
            assert block.code.startswith("$ "), f"{block}: a command begins with $"
            for command, expected in commands(block.code):
                if os.environ.get("LAMINAR_SANITIZED") and command.startswith("cc "):
                    pytest.skip("a sanitized library needs a sanitized program")
                run = subprocess.run(
                    ["bash", "-c", command], cwd=folder, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
                )
                assert stripped(run.stdout) == stripped(expected), f"{block}: $ {command}"


C_START = """#include <laminar/laminar.h>
#include <laminar/udf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
"""
C_BODY = """
int main(void)
{{
    laminar_error err = LAMINAR_ERROR_INIT;
    laminar_db *db = NULL;
    if (laminar_open(":memory:", NULL, &db, &err)) return 1;
{body}
    if (err.code != LAMINAR_OK) fprintf(stderr, "%s\\n%s\\n", err.message, err.hint);
    laminar_db_free(db);
    return err.code != LAMINAR_OK;
}}
"""


def c_programs(page: str) -> list[tuple[list[Block], str]]:
    """Blocks with a main are programs. The others of a page are one: functions and types as they stand, statements in a main with an open `db`
    and an `err`."""
    programs = []
    pieces = [b for b in to_run(page, "c") if not re.search(r"^int main\(", b.code, re.M)]
    for block in to_run(page, "c"):
        if block not in pieces:
            programs.append(([block], block.code))
    if pieces:
        top, body = C_START, ""
        for block in pieces:
            place = f'#line {block.line} "{ROOT / block.page}"\n'
            if re.search(r"^(static|struct|typedef|#)", block.code, re.M):
                top += place + block.code
            else:
                body += place + "    {\n" + block.code + "    }\n"
        programs.append((pieces, top + C_BODY.format(body=body)))
    return programs


@pytest.mark.parametrize("page", pages_with("c"))
def test_c(page, tmp_path):
    if os.environ.get("LAMINAR_SANITIZED"):
        pytest.skip("a sanitized library needs a sanitized program")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "laminar"], env=ENV, capture_output=True, text=True, check=True).stdout
    for n, (blocks, code) in enumerate(c_programs(page)):
        folder = tmp_path / str(n)
        folder.mkdir()
        (folder / "app.c").write_text(code)
        command = [os.environ.get("CC", "cc"), "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "app.c", "-pthread", *shlex.split(flags)]
        built = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert built.returncode == 0, built.stderr
        run = subprocess.run(["./a.out"], cwd=folder, env=ENV, capture_output=True, text=True, timeout=60)
        expected = []
        for block in blocks:
            expected += stripped(block.output) if block.output is not None else re.findall(r"printf\(.*/\* (.*) \*/$", block.code, re.M)
        assert (run.returncode, run.stderr, stripped(run.stdout)) == (0, "", expected), str(blocks[0])
