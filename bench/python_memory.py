"""Resident memory over a million calls of each kind: the calls of tests/python/test_memory.py, one process after the other for each.

  bench/python_memory.py [--calls N] [--only KIND,KIND ...] [--out FILE]

All kinds take two hours or so; those that are run replace their results in FILE, the others keep theirs.
A call that keeps its rows keeps 500 of them, and pools are bounded, so that memory has to be flat once they are full: from the third tenth
of the calls on. What is recorded is how much it grew from there to the last call, and the same per call; a tenth of LEAK_BYTES a call,
or less than SLACK_BYTES at all, is flat.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/python"))
sys.path.insert(0, str(ROOT / "bench"))
OUT = ROOT / "bench/results/python_memory.json"


def measure(kind, calls):
    import laminardb
    import test_memory as memory

    with laminardb.open(":memory:") as db:
        memory.fill(db)
        call = memory.CALLS[kind]
        began = time.monotonic()
        resident = []
        for tenth in range(10):
            for _ in range(calls // 10):
                call(db)
            resident.append(memory.resident())
        seconds = time.monotonic() - began
    grown = resident[-1] - resident[2]
    return {"calls": calls, "seconds": round(seconds, 1), "grown_bytes": grown, "bytes_a_call": round(grown / (calls * 0.7), 2),
            "resident_mib": [round(n / 2**20, 1) for n in resident],
            "is_flat": grown <= max(memory.SLACK_BYTES, calls * memory.LEAK_BYTES / 10)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="kinds, separated by commas; default: all")
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kind:
        print(json.dumps(measure(options.kind, options.calls)))
        return 0

    import run
    import test_memory as memory

    wanted = [kind for kind in options.only.split(",") if kind] or list(memory.CALLS)
    if unknown := set(wanted) - set(memory.CALLS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    described = run.machine()
    commit = described.pop("commit")
    kinds = json.loads(options.out.read_text())["kinds"] if options.out.exists() else {}
    environment = dict(os.environ, MALLOC_ARENA_MAX="2")
    ok = True
    for kind in wanted:
        result = run.run_worker([sys.executable, __file__, "--kind", kind, "--calls", options.calls], 7200, environment)[-1]
        now = datetime.datetime.now(datetime.timezone.utc)
        kinds[kind] = {"when": now.isoformat(timespec="seconds"), "commit": commit, **result}
        ok = ok and bool(result.get("is_flat"))
        print(f"{kind:20} {result}", flush=True)
        ordered = {name: kinds[name] for name in memory.CALLS if name in kinds}
        # A list of numbers on one line: the file is for readers too.
        text = json.dumps({"machine": described, "kinds": ordered}, indent=1)
        options.out.write_text(re.sub(r"\[[\d\s.,]+\]", lambda found: " ".join(found[0].split()), text) + "\n")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
