"""The law over generated queries: fresh ones for LAW_SECONDS seconds (the seed is printed; LAW_SEED repeats it), and every bug that they found.

A failure prints the seed of its case, the smallest script that shows it, and that script as an entry of regressions.py.
`tests/law/run_generated.py --replay SEED` runs one case again. The cases run in a process of their own, so that a crash is a failure that
names its case.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))

import constructs  # noqa: E402
import generator  # noqa: E402
import regressions  # noqa: E402
import script  # noqa: E402
import shrink  # noqa: E402
import tree  # noqa: E402


def marked(case: script.Script) -> object:
    marks = [pytest.mark.xfail(strict=True, reason=case.reason, raises=(script.Difference, script.Refused))] if case.reason else []
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [marked(case) for case in regressions.SCRIPTS])
def test_regression(case: script.Script) -> None:
    script.run(case)


def test_generated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = float(os.environ.get("LAW_SECONDS", "10"))
    seed = int(os.environ.get("LAW_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 40)
    with capsys.disabled():
        print(f" LAW_SEED={seed} ", end="", flush=True)
    last = tmp_path / "last"
    command = [sys.executable, str(FOLDER / "run_generated.py"), f"--seed={seed}", f"--seconds={seconds}", f"--last={last}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 300)
    assert done.returncode in (0, 1), f"crashed with {done.returncode} in the case of seed {last.read_text().strip()}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, done.stdout + done.stderr
    with capsys.disabled():
        print(*(line.strip() for line in done.stdout.splitlines() if " cases: " in line or "DuckDB differs from itself x" in line), sep="; ", end=" ")


def test_every_construct_is_on() -> None:
    """What the engine refuses is not tested: nothing may stay off in silence."""
    off = constructs.probe().off
    assert set(off) <= constructs.MAY_BE_OFF, off


def test_one_seed_is_one_case() -> None:
    support = constructs.probe()
    for seed in range(20):
        first, second = (generator.draw(seed, support) for _ in range(2))
        assert script.show(first.script()) == script.show(second.script())


def test_a_difference_is_found_and_made_small() -> None:
    """A query that is wrong in one aggregate: the shrinker must leave little more than that."""
    support = constructs.probe()

    def spoilt(case: generator.Case) -> script.Difference | None:
        text = case.script()
        if "sum(" not in text.duck or "OVER" in text.duck:
            return None
        text.duck = text.duck.replace("sum(", "1 + sum(")
        try:
            script.run(text)
        except script.Difference as found:
            return found if "DuckDB" in found.kind and "Error" not in found.kind and "Exception" not in found.kind else None
        except (script.Refused, script.NoAnswer, script.RowError, script.TwoAnswers):
            return None
        return None

    for seed in range(1000):
        case = generator.draw(seed, support)
        if (found := spoilt(case)) and sum(1 for _ in tree.walk(case.query)) > 12:
            break
    else:
        pytest.fail("no case shows it")
    small, _ = shrink.smallest(case, found, spoilt, seconds=600)  # however slow the machine is
    assert sum(1 for root in [small.query, *(u.query for u in small.upstreams)] for _ in tree.walk(root)) <= 8, script.show(small.script())
    assert sum(len(event.rows) for event in small.events) <= 2
