"""laminar DIR, check, dump, backup: databases in folders from the command line."""

from __future__ import annotations

import subprocess

import pytest
from shell_session import SHELL


@pytest.fixture
def shell():
    return SHELL


@pytest.fixture
def folder(shell, tmp_path):
    path = tmp_path / "db"
    path.mkdir()
    done = subprocess.run([shell, str(path), "-c", "CREATE TABLE t (k BIGINT PRIMARY KEY, v VARCHAR); INSERT INTO t VALUES (1, 'one'); "
                           "CHECKPOINT; INSERT INTO t VALUES (2, 'two')"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


def run(shell, *arguments, cwd=None):
    return subprocess.run([shell, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False)


def test_a_directory_is_the_database(shell, folder):
    done = run(shell, folder, "-m", "csv", "-c", "SELECT * FROM t ORDER BY k")
    assert done.stdout == "k,v\n1,one\n2,two\n"


def test_read_only(shell, folder):
    done = run(shell, "--read-only", folder, "-c", "INSERT INTO t VALUES (3, 'three')")
    assert done.returncode == 1
    assert "reading only" in done.stderr


def test_check_finds_nothing_wrong(shell, folder):
    before = sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*"))
    done = run(shell, "check", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all is well" in done.stdout
    assert "checkpoint 1" in done.stdout
    assert sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*")) == before


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 4
    path.write_bytes(data)


def test_check_names_what_is_damaged(shell, folder):
    state = next((folder / "checkpoints").glob("*.state"))
    flip(state, 40)
    done = run(shell, "check", folder)
    assert done.returncode == 1
    assert "PROBLEM" in done.stdout and state.name in done.stdout
    flip(state, 40)
    assert run(shell, "check", folder).returncode == 0
    log = sorted((folder / "log").glob("*.log"))[0]
    flip(log, 1024 + 40)
    done = run(shell, "check", folder)
    assert done.returncode == 1
    assert log.name in done.stdout and "byte 1024" in done.stdout
    flip(log, 1024 + 40)
    manifest = next((folder / "checkpoints").glob("*.manifest"))
    flip(manifest, 60)
    done = run(shell, "check", folder)
    assert done.returncode == 1 and "manifest" in done.stdout


def test_check_of_no_database(shell, tmp_path):
    done = run(shell, "check", tmp_path / "nothing")
    assert done.returncode == 3
    assert "no database" in done.stderr
    assert run(shell, "check").returncode == 2


def test_dump_and_load(shell, folder, tmp_path):
    done = run(shell, "dump", folder, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    loaded = run(shell, "-m", "csv", "dump.sql", "-c", "SELECT * FROM t ORDER BY k", cwd=tmp_path / "out")
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.endswith("k,v\n1,one\n2,two\n")
    assert run(shell, "dump", folder, tmp_path / "out").returncode == 1


def test_backup(shell, folder, tmp_path):
    assert run(shell, "backup", folder, tmp_path / "copy").returncode == 0
    assert run(shell, "check", tmp_path / "copy").returncode == 0
    done = run(shell, tmp_path / "copy", "-m", "csv", "-c", "INSERT INTO t VALUES (3, 'three'); SELECT count(*) AS n FROM t")
    assert done.stdout.endswith("n\n3\n")
