"""Runs generated cases: python tests/law/run_generated.py [--seconds N | --count N] [--seed S] [--replay SEED]

Without --seed a fresh one is drawn and printed. Case i has seed S + i; a failure prints its seed, and --replay runs that case alone. The
first difference is made smaller and printed as a script, and the run ends, unless --keep-going.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import constructs  # noqa: E402
import generator  # noqa: E402
import script as scripts  # noqa: E402
import shrink  # noqa: E402


@dataclass
class Tally:
    n: int = 0
    row_errors: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    no_answer: Counter[str] = field(default_factory=Counter)
    two_answers: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def report(self) -> str:
        streams = self.n - sum(self.refused.values()) - self.row_errors
        lines = [f"{self.n} cases: {streams} streams without a difference"
                 if not self.failures else f"{self.n} cases, {len(self.failures)} with a difference"]
        if self.row_errors:
            lines.append(f"  {self.row_errors} with rows that neither engine can compute")
        lines += [f"  refused x{n}: {why}" for why, n in self.refused.most_common()]
        lines += [f"  DuckDB differs from itself x{n}, and agrees with us without the optimization {why}" for why, n in self.two_answers.most_common()]
        lines += [f"  not compared with DuckDB x{n}: {why}" for why, n in self.no_answer.most_common(10)]
        return "\n".join(lines)


def one(seed: int, support: constructs.Support, tally: Tally, may_shrink: bool = True) -> bool:
    """Whether the case shows no difference."""
    case = generator.draw(seed, support)
    tally.n += 1
    try:
        scripts.run(case.script())
    except scripts.Refused as refused:
        tally.refused[refused.args[0].split("\n")[0]] += 1
    except scripts.NoAnswer as error:
        tally.no_answer[error.args[0][:100]] += 1
    except scripts.TwoAnswers as error:
        tally.two_answers[error.args[0]] += 1
        print(f"seed {seed}: DuckDB differs from itself", flush=True)
    except scripts.RowError:
        tally.row_errors += 1
    except scripts.Difference as found:
        tally.kinds[found.kind] += 1
        if may_shrink:
            case, found = shrink.smallest(case, found)
        text = f"seed {seed}: {found}\n{scripts.show(case.script())}\n{scripts.source(case.script())}"
        tally.failures.append(text)
        return False
    tally.used.update(case.used)
    return True


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=int, default=0)
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--last", default="", help="a file that says which seed runs, for a crash")
    options = parser.parse_args()
    support = constructs.probe()
    print(support.report())
    tally = Tally()
    if options.replay:
        case = generator.draw(options.replay, support)
        print(scripts.show(case.script()), flush=True)
        is_fine = one(options.replay, support, tally, not options.no_shrink)
        print(tally.report(), *tally.failures, sep="\n")
        return 0 if is_fine else 1
    seed = options.seed or random.SystemRandom().randrange(1 << 40)
    print(f"seed {seed}", flush=True)
    begun = time.monotonic()
    last = open(options.last, "w") if options.last else None
    while True:
        if options.count and tally.n >= options.count or options.seconds and time.monotonic() - begun >= options.seconds:
            break
        if last:
            last.seek(0)
            last.write(f"{seed + tally.n}\n")
            last.flush()
        if not one(seed + tally.n, support, tally, not options.no_shrink):
            print(tally.failures[-1], flush=True)
            if not options.keep_going:
                break
    took = time.monotonic() - begun
    print(tally.report())
    print(f"{took:.1f} s, {tally.n / took:.0f} a second")
    for kind, n in tally.kinds.most_common():
        print(f"  x{n} {kind}")
    drawn = {n for n in constructs.CONSTRUCTS if support.has(n)}
    if missing := sorted(drawn - set(tally.used)):
        print("never drawn:", ", ".join(missing))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
