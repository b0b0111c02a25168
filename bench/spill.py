"""GROUP BY with more keys than memory: a stream over KEYS keys without a limit, and with a memory_limit of a part of what that took.

  bench/spill.py [--keys N] [--parts 2,4,8] [--folder DIR] [--out FILE]

BUILD names the build tree (build). Each run is a process of its own: it inserts every key once, in batches of 10,000 rows, then changes a quarter of them in the order
in which they came, then random ones (a sixteenth as many rows), and compares the sums with what they must be. Prints rows a second, the resident memory that the inserts added, and what is in the file;
writes JSON with the machine's load, without which the numbers mean little."""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATCH_ROWS = 10_000


def resident_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def metric(db, name):
    return db.query(f"SELECT value FROM system.metrics WHERE name = '{name}'").fetchall()[0][0]


def run(n_keys, limit, folder):
    sys.path.insert(0, str(ROOT / os.environ.get("BUILD", "build") / "python"))
    import laminardb
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(1)
    order = random.permutation(n_keys)
    with laminardb.open(":memory:") as db:
        db.execute(f"SET temp_directory = '{folder}'")
        db.execute(f"SET memory_limit = '{limit}'")
        db.execute("CREATE SOURCE t (k BIGINT, v BIGINT) WITH ('retention' = '10 rows')")
        db.execute("CREATE STREAM g AS SELECT k, count(*) AS n, sum(v) AS s FROM t GROUP BY k")
        db.execute("CREATE SOURCE warm (k BIGINT, v BIGINT) WITH ('retention' = '10 rows')")
        for _ in range(50):  # what Arrow, Python and the pool of batches keep for themselves
            db.insert("warm", pa.table({"k": order[:BATCH_ROWS], "v": order[:BATCH_ROWS]}))
        before = resident_bytes()
        most = 0

        def insert(keys):
            nonlocal most
            began = time.perf_counter()
            for at in range(0, len(keys), BATCH_ROWS):
                part = keys[at : at + BATCH_ROWS]
                db.insert("t", pa.table({"k": part, "v": part % 1000}))
                most = max(most, resident_bytes() - before)
            return len(keys) / (time.perf_counter() - began)

        changes = [order[: n_keys // 4], random.integers(0, n_keys, n_keys // 16)]
        result = {"limit_bytes": limit, "new_rows_per_s": insert(order)}
        result["clustered_rows_per_s"] = insert(changes[0])
        result["random_rows_per_s"] = insert(changes[1])
        result["resident_bytes"] = most
        result["counted_bytes"] = metric(db, "memory_bytes")
        result["spilled_bytes"] = metric(db, "spilled_bytes")
        began = time.perf_counter()
        got = db.query("SELECT count(*), CAST(sum(n) AS BIGINT), CAST(sum(s) AS BIGINT) FROM g").fetchall()[0]
        result["read_s"] = time.perf_counter() - began
        rows = [order, *changes]
        if tuple(got) != (n_keys, sum(map(len, rows)), sum(int((r % 1000).sum()) for r in rows)):
            sys.exit(f"wrong sums: {got}")
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=4_000_000)
    parser.add_argument("--parts", default="2,4,8")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "bench/results")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/results/spill.json")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker is not None:
        print(json.dumps(run(args.keys, args.worker, args.folder)))
        return
    args.folder.mkdir(parents=True, exist_ok=True)
    cases = []
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for part in [0, *map(int, args.parts.split(","))]:
            limit = cases[0]["counted_bytes"] // part if part else 0
            command = [sys.executable, __file__, "--keys", str(args.keys), "--folder", folder, "--worker", str(limit)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"limit {limit}: {done.stderr.strip()[-500:]}")
            case = json.loads(done.stdout)
            case["part"] = part or 1
            cases.append(case)
            print(f"1/{case['part']} of memory ({limit / 1e6:6.0f} MB): {case['new_rows_per_s'] / 1e3:6.0f} k new rows/s, "
                  f"{case['clustered_rows_per_s'] / 1e3:6.0f} k clustered, {case['random_rows_per_s'] / 1e3:6.0f} k random, read in {case['read_s']:.2f} s, "
                  f"resident {case['resident_bytes'] / 1e6:.0f} MB, in the file {case['spilled_bytes'] / 1e6:.0f} MB", flush=True)
    args.out.write_text(json.dumps({"machine": {"cpus": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg()},
                                    "keys": args.keys, "batch_rows": BATCH_ROWS, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
