"""The example programs compile outside of the build as the README says, and the demo runs, and tells when results differ."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from shell_session import BUILD, ROOT

FLIGHTS = ROOT / "examples" / "flights"


@pytest.mark.parametrize("source", sorted((ROOT / "examples" / "c").glob("*.c")), ids=lambda path: path.stem)
def test_example_by_pkg_config(source: Path, tmp_path: Path) -> None:
    if os.environ.get("LAMINAR_SANITIZED"):
        pytest.skip("a sanitized library needs a sanitized program")
    assert shutil.which("pkg-config")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "laminar"], env={**os.environ, "PKG_CONFIG_PATH": str(BUILD)},
                           text=True, capture_output=True, check=True).stdout.split()
    program = tmp_path / "program"
    subprocess.run([os.environ.get("CC", "cc"), "-Wall", "-Wextra", "-Werror", str(source), *flags, "-pthread", "-o", str(program)], check=True)
    done = subprocess.run([program], text=True, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(FLIGHTS / "demo.py"), "--plain", *arguments], text=True, capture_output=True, timeout=120)


def test_demo() -> None:
    done = run_demo("--rows", "4000", "--batch-size", "137", "--seed", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all 9 streams equal DuckDB" in done.stdout and done.stdout.count(" OK\n") == 9
    assert "4,000 of 4,000 departures" in done.stdout


def test_demo_depends_on_its_rows() -> None:
    few, more = run_demo("--rows", "1500"), run_demo("--rows", "2500")
    assert few.returncode == more.returncode == 0
    assert few.stdout.split("stream  ")[1] != more.stdout.split("stream  ")[1]


def test_demo_usage() -> None:
    assert run_demo("--rows", "-1").returncode == 2


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FLIGHTS))
    import compare as module

    return module


def test_comparison_sees_every_difference(compare) -> None:
    import pyarrow as pa

    base = {"k": ["a", "b", None, "b"], "n": [1, 2, 3, 2], "x": [0.5, None, 1e9, 2.0]}

    def differing(changed: dict) -> int:
        return compare.compare("s", "", pa.table(base), pa.table(changed)).n_differing

    assert differing(base) == 0
    assert differing({**base, "x": [0.5, None, 1e9 * (1 + 1e-12), 2.0]}) == 0  # within the tolerance
    assert differing({key: values[::-1] for key, values in base.items()}) == 0  # the order of rows says nothing
    assert differing({**base, "x": [0.5, None, 1e9 * (1 + 1e-8), 2.0]}) == 1
    assert differing({**base, "x": [0.5, 0.0, 1e9, 2.0]}) >= 1  # null is not zero
    assert differing({**base, "k": ["a", "b", "", "b"]}) >= 1
    assert differing({**base, "n": [1, 2, 4, 2]}) >= 1
    assert differing({key: values[:3] for key, values in base.items()}) == 1  # a row too few, of two that are nearly equal
    assert differing({key: [*values, values[0]] for key, values in base.items()}) == 1  # a row twice
    assert not compare.compare("s", "", pa.table(base), pa.table({**base, "y": [0] * 4})).is_equal
    assert not compare.compare("s", "", pa.table(base), pa.table({"n": base["n"], "k": base["k"], "x": base["x"]})).is_equal
