"""Databases that earlier versions made, kept in tests/data: they open, hold what they held, and go on.

tests/data/make_database.sh says how they were made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from shell_session import ROOT, SHELL

DATA = ROOT / "tests" / "data"
FORMATS = sorted(path for path in DATA.iterdir() if path.is_dir())


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SHELL, *map(str, arguments)], capture_output=True, text=True, check=False)


def answers(folder: Path, questions: str = "database_questions.sql") -> str:
    done = run("--read-only", "-d", folder, "-m", "csv", DATA / questions)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_since_3(kept: Path, folder: Path) -> None:
    """Of streams with equal parts, and which operators they share; a database of before format 3 goes on without sharing."""
    for name, questions in (("answers_since_3.csv", "questions_since_3.sql"), ("shared_since_3.csv", "shared_since_3.sql")):
        expected = kept / name
        if expected.exists():
            assert answers(folder, questions) == expected.read_text()


def test_there_are_some():
    assert FORMATS


@pytest.mark.parametrize("kept", FORMATS, ids=lambda path: path.name)
def test_it_opens_and_goes_on(kept, tmp_path):
    folder = tmp_path / "db"
    shutil.copytree(kept / "db", folder)
    expected = (kept / "answers.csv").read_text()
    check = run("check", folder)
    assert check.returncode == 0, check.stdout + check.stderr
    assert answers(folder) == expected
    since_2 = kept / "answers_since_2.csv"
    if since_2.exists():
        done = run("--read-only", "--changes", "--timeout", "1", "-d", folder, "-m", "csv", DATA / "questions_since_2.sql")
        assert done.stdout == since_2.read_text(), done.stderr
    check_since_3(kept, folder)
    # Opened for writing it is the same, also once this program has written a checkpoint of its own.
    assert run("-d", folder, "-c", "CHECKPOINT").returncode == 0
    assert answers(folder) == expected
    check_since_3(kept, folder)
    done = run("-d", folder, "-m", "csv", "--no-header", "-c",
               "INSERT INTO s VALUES (8, 1, 5, 'new', '2026-01-01 00:01:00'); "
               "SELECT n, total FROM sums WHERE k = 1; SELECT n FROM windows WHERE k = 3 ORDER BY w; SELECT name FROM names WHERE id = 8")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "4,16\n1\n1\none\n"
