"""Streams over one aggregate: N streams whose plans have it in common compute it once; the same N streams, each over rows that another condition lets through
(it lets all of them through), compute it each.

  bench/sharing.py [--rows N] [--keys N] [--streams 1,2,10] [--repeat N] [--out FILE]

BUILD names the build tree (build). Each run is a process of its own: it makes the streams, inserts the rows in batches of 10,000, and compares what the streams hold with
what it must be. Prints rows a second of the process's CPU time, and what the operators keep; writes JSON."""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATCH_ROWS = 10_000


def run(n_rows, n_keys, n_streams, is_shared):
    sys.path.insert(0, str(ROOT / os.environ.get("BUILD", "build") / "python"))
    import laminardb
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(1)
    keys, values = random.integers(0, n_keys, n_rows), random.integers(0, 1000, n_rows)
    batches = [pa.table({"k": keys[at : at + BATCH_ROWS], "v": values[at : at + BATCH_ROWS]}) for at in range(0, n_rows, BATCH_ROWS)]
    with laminardb.open(":memory:") as db:
        db.execute("CREATE SOURCE t (k BIGINT, v BIGINT) WITH ('retention' = '10 rows')")
        for i in range(n_streams):
            db.execute(f"CREATE STREAM s{i} AS SELECT k, count(*) AS n, sum(v) AS total FROM t WHERE k >= {0 if is_shared else -i} GROUP BY k")
        shared = db.query("SELECT count(DISTINCT relation) FROM system.operators WHERE shared_with IS NOT NULL").fetchall()[0][0]
        if shared != (n_streams if is_shared and n_streams > 1 else 0):
            sys.exit(f"{shared} streams share")
        memory = db.query("SELECT value FROM system.metrics WHERE name = 'memory_bytes'").fetchall()[0][0]
        began, cpu = time.perf_counter(), time.process_time()
        for batch in batches:
            db.insert("t", batch)
        result = {"streams": n_streams, "is_shared": is_shared, "cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - began}
        result["memory_bytes"] = db.query("SELECT value FROM system.metrics WHERE name = 'memory_bytes'").fetchall()[0][0] - memory
        for i in range(n_streams):
            got = db.query(f"SELECT CAST(sum(n) AS BIGINT), CAST(sum(total) AS BIGINT) FROM s{i}").fetchall()[0]
            if tuple(got) != (n_rows, int(values.sum())):
                sys.exit(f"wrong sums: {got}")
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--streams", default="1,2,10")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/results/sharing.json")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker is not None:
        n_streams, is_shared = map(int, args.worker.split(","))
        print(json.dumps(run(args.rows, args.keys, n_streams, bool(is_shared))))
        return
    cases = []
    for n_streams in map(int, args.streams.split(",")):
        for is_shared in (1, 0) if n_streams > 1 else (1,):
            command = [sys.executable, __file__, "--rows", str(args.rows), "--keys", str(args.keys), "--worker", f"{n_streams},{is_shared}"]
            runs = []
            for _ in range(args.repeat):
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    sys.exit(f"{n_streams} streams: {done.stderr.strip()[-500:]}")
                runs.append(json.loads(done.stdout))
            case = min(runs, key=lambda r: r["cpu_s"])
            cases.append(case)
            print(f"{n_streams:3d} streams, {'shared ' if is_shared else 'each by itself'}: {args.rows / case['cpu_s'] / 1e6:6.2f} M rows a second of CPU, "
                  f"{case['cpu_s'] / cases[0]['cpu_s']:5.2f} times the CPU of one, {case['memory_bytes'] / 1e6:.0f} MB", flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"machine": {"cpus": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg()},
                                    "rows": args.rows, "keys": args.keys, "batch_rows": BATCH_ROWS, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
