"""Resident memory over a million calls of each kind: the calls of tests/python/test_memory.py, one process after the other for each.

  bench/python_memory.py [--calls N] [--only TEXT] [--out FILE]

A call that keeps its rows keeps 500 of them, and pools are bounded, so that memory has to be flat once they are full: from the third tenth
of the calls on. What is recorded is how much it grew from there to the last call, and the same per call; a tenth of LEAK_BYTES a call,
or less than SLACK_BYTES at all, is flat.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
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
    parser.add_argument("--only", default="", help="kinds whose name contains this")
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kind:
        print(json.dumps(measure(options.kind, options.calls)))
        return 0

    import run
    import test_memory as memory

    described = run.machine()
    kinds = {}
    environment = dict(os.environ, MALLOC_ARENA_MAX="2")
    for kind in memory.CALLS:
        if options.only not in kind:
            continue
        lines = run.run_worker([sys.executable, __file__, "--kind", kind, "--calls", options.calls], 7200, environment)
        kinds[kind] = lines[-1]
        print(f"{kind:20} {lines[-1]}", flush=True)
        now = datetime.datetime.now(datetime.timezone.utc)
        options.out.write_text(json.dumps({"when": now.isoformat(timespec="seconds"), "machine": described, "kinds": kinds}, indent=1) + "\n")
    return 0 if all(result.get("is_flat") for result in kinds.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
