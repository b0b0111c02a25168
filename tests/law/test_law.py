"""Every case of the law, with fixed seeds. The cases share nothing, and may run side by side; fresh seeds are drawn in test_fresh_seeds.py.

Cases are the CASES of cases.py and of every cases_<area>.py beside it.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import law  # noqa: E402

CASES: list[law.Case] = [
    case for path in sorted(Path(__file__).parent.glob("cases*.py")) for case in importlib.import_module(path.stem).CASES
]


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_law(case: law.Case) -> None:
    for seed in range(int(os.environ.get("LAW_RUNS", "6"))):
        law.run(case, seed)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_law_with_state_in_a_file(case: law.Case, tmp_path: Path) -> None:
    """All groups leave memory after every chunk, and are read back when they are wanted."""
    for seed in range((int(os.environ.get("LAW_RUNS", "6")) + 5) // 6):
        law.run(case, 1000 + seed, str(tmp_path))
