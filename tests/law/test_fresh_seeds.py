"""Cases of the law with fresh seeds for LAW_SECONDS seconds. The seed is printed; LAW_SEED repeats it."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import law  # noqa: E402
from test_law import CASES  # noqa: E402


def test_law_fresh_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = float(os.environ.get("LAW_SECONDS", "10"))
    seed = int(os.environ.get("LAW_SEED", "0")) or random.SystemRandom().randrange(1 << 40)
    with capsys.disabled():
        print(f" LAW_SEED={seed} ", end="", flush=True)
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    n = 0
    while time.monotonic() < end:
        law.run(rng.choice(CASES), rng.randrange(1 << 40))
        n += 1
    print(f"{n} streams")
    assert n > 0
