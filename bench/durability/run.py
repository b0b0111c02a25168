"""What durability costs: throughput by durability, threads and batch size, beside SQLite and DuckDB on the same disk in the same run; the pause of a step by a
checkpoint; bytes of an incremental checkpoint; speed of recovery; what the disk itself does, without a database.

  bench/durability/run.py [--quick] [--folder DIR] [--out FILE]

BUILD names the build tree (build). The databases are made in DIR (default: beside the results, so on the disk of the tree), and removed. Prints tables and writes
JSON with the machine's load, without which the numbers mean little."""

import argparse
import json
import mmap
import os
import pathlib
import shutil
import sqlite3
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / os.environ.get("BUILD", "build") / "python"))

import laminardb  # noqa: E402
import pyarrow as pa  # noqa: E402

try:
    import duckdb
except ImportError:
    duckdb = None


def rows(first, n):
    return pa.table({"k": pa.array(range(first, first + n), pa.int64()), "g": pa.array([i % 1000 for i in range(n)], pa.int64()),
                     "v": pa.array([i * 0.5 for i in range(n)], pa.float64())})


def run_threads(n_threads, seconds, make):
    """Rows a second; make(thread) gives a function that inserts once and returns how many rows."""
    counts, began = [0] * n_threads, [0.0]
    barrier = threading.Barrier(n_threads, action=lambda: began.__setitem__(0, time.perf_counter()))

    def work(i):
        insert = make(i)
        barrier.wait()
        end = began[0] + seconds
        while time.perf_counter() < end:
            counts[i] += insert()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began[0])


def ours(folder, durability, n_threads, n_batch, seconds):
    path = ":memory:" if durability == "memory" else str(folder / "db")
    config = None if durability == "memory" else laminardb.LaminarConfig(durability=durability)
    with laminardb.open(path, config=config) as db:
        db.execute("CREATE SOURCE s (k BIGINT, g BIGINT, v DOUBLE)")
        db.execute("CREATE STREAM sums AS SELECT g, count(*) AS n, sum(v) AS v FROM s GROUP BY g")
        batch = rows(0, n_batch)

        def make(_thread):
            def insert():
                db.insert("s", batch)
                return n_batch
            return insert

        return run_threads(n_threads, seconds, make)


def sqlite(folder, synchronous, n_threads, n_batch, seconds):
    path = str(folder / "sqlite.db")
    values = list(zip(*rows(0, n_batch).to_pydict().values(), strict=True))
    with sqlite3.connect(path) as first:
        first.execute("PRAGMA journal_mode = WAL")
        first.execute("CREATE TABLE s (k INTEGER, g INTEGER, v REAL)")

    def make(_thread):
        db = sqlite3.connect(path, timeout=60, isolation_level=None)
        db.execute(f"PRAGMA synchronous = {synchronous}")

        def insert():
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO s VALUES (?, ?, ?)", values)
            db.execute("COMMIT")
            return n_batch
        return insert

    return run_threads(n_threads, seconds, make)


def duck(folder, n_threads, n_batch, seconds):
    db = duckdb.connect(str(folder / "duck.db"))
    db.execute("CREATE TABLE s (k BIGINT, g BIGINT, v DOUBLE)")
    batch = rows(0, n_batch)

    def make(_thread):
        cursor = db.cursor()
        cursor.register("b", batch)

        def insert():
            cursor.execute("INSERT INTO s SELECT * FROM b")
            return n_batch
        return insert

    speed = run_threads(n_threads, seconds, make)
    db.close()
    return speed


def throughput(folder, options):
    out = []
    engines = [(f"laminardb {d}", lambda f, t, b, s, d=d: ours(f, d, t, b, s)) for d in ("memory", "off", "async", "sync")]
    engines += [(f"sqlite {s}", lambda f, t, b, x, s=s: sqlite(f, s, t, b, x)) for s in ("NORMAL", "FULL")]
    if duckdb:
        engines.append(("duckdb", duck))
    for n_threads in (1, 8, 64):
        for n_batch in (1, 100, 10_000):
            for name, run in engines:
                place = pathlib.Path(tempfile.mkdtemp(dir=folder))
                try:
                    speed = run(place, n_threads, n_batch, options.seconds)
                    out.append({"engine": name, "threads": n_threads, "batch": n_batch, "rows_per_s": round(speed)})
                    print(f"{name:18} {n_threads:3} threads, batches of {n_batch:6}: {speed:14,.0f} rows/s", flush=True)
                finally:
                    shutil.rmtree(place)
    return out


def checkpoints(folder, options, n_keys):
    """Pause, and bytes against changed keys."""
    place = pathlib.Path(tempfile.mkdtemp(dir=folder))
    out = {"keys": n_keys, "incremental": []}
    newest = "SELECT bytes_written, pause_us, state_bytes FROM system.checkpoints ORDER BY id DESC LIMIT 1"
    try:
        config = laminardb.LaminarConfig(durability="off", checkpoint_interval_ms=10**9)
        with laminardb.open(str(place / "db"), config=config) as db:
            db.execute("CREATE SOURCE s (k BIGINT, g BIGINT, v DOUBLE) WITH ('retention' = 'none')")
            db.execute("CREATE STREAM sums AS SELECT k, count(*) AS n, sum(v) AS v FROM s GROUP BY k")
            for first in range(0, n_keys, 100_000):
                db.insert("s", rows(first, min(100_000, n_keys - first)))
            db.checkpoint()
            pauses = []
            for share in (0.0001, 0.001, 0.01, 0.1):
                n = max(1, int(n_keys * share))
                db.insert("s", rows(0, n))
                db.checkpoint()
                written, pause, state = db.query(newest).fetchone()
                pauses.append(pause)
                out["incremental"].append({"changed_keys": n, "bytes_written": written, "state_bytes": state, "pause_us": pause})
            # steps of one row beside a checkpoint
            samples, stop = [], threading.Event()

            def insert():
                batch = rows(n_keys // 2, 1)
                while not stop.is_set():
                    began = time.perf_counter_ns()
                    db.insert("s", batch)
                    samples.append((time.perf_counter_ns() - began) / 1000)

            thread = threading.Thread(target=insert)
            thread.start()
            for i in range(options.checkpoints):
                db.insert("s", rows(i * 1000, 1000))
                db.checkpoint()
                pauses.append(db.query(newest).fetchone()[1])
            stop.set()
            thread.join()
            samples.sort()
            out |= {"pause_us_max": max(pauses), "step_us": {"n": len(samples), "p50": samples[len(samples) // 2],
                                                             "p999": samples[int(len(samples) * 0.999)], "max": samples[-1]}}
    finally:
        shutil.rmtree(place)
    print(json.dumps(out, indent=1), flush=True)
    return out


def recovery(folder, n_rows):
    place = pathlib.Path(tempfile.mkdtemp(dir=folder))
    config = laminardb.LaminarConfig(durability="async", checkpoint_interval_ms=10**9)
    try:
        with laminardb.open(str(place / "db"), config=config) as db:
            db.execute("SET checkpoint_log_bytes = '0'")
            db.execute("CREATE SOURCE s (k BIGINT, g BIGINT, v DOUBLE) WITH ('retention' = 'all')")
            batch = rows(0, 10_000)
            for _ in range(n_rows // 10_000):
                db.insert("s", batch)
        began = time.perf_counter()
        db = laminardb.open(str(place / "db"), config=config)
        replay = time.perf_counter() - began
        db.checkpoint()
        state = db.query("SELECT state_bytes FROM system.checkpoints ORDER BY id DESC LIMIT 1").fetchone()[0]
        db.close()
        began = time.perf_counter()
        laminardb.open(str(place / "db"), config=config).close()
        restore = time.perf_counter() - began
    finally:
        shutil.rmtree(place)
    out = {"rows": n_rows, "replay_rows_per_s": round(n_rows / replay), "state_bytes": state, "state_mb_per_s": round(state / restore / 1e6)}
    print(json.dumps(out), flush=True)
    return out


def disk(folder, seconds):
    """Sequential writing into a file that has its room, through the system's cache with a sync every 16 MiB and past it; and syncs of 4 KiB one after the other."""
    size, piece = 256 << 20, 4 << 20
    out = {}
    block = mmap.mmap(-1, piece)  # aligned, which writing past the cache asks for
    block.write(os.urandom(piece))
    path = folder / "disk"
    for name, flags in (("cached", 0), ("direct", getattr(os, "O_DIRECT", None))):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
        except (OSError, TypeError):  # not here
            out[f"{name}_mb_per_s"] = None
            continue
        try:
            os.posix_fallocate(fd, 0, size)
            done, began = 0, time.perf_counter()
            while done < size and time.perf_counter() - began < 4 * seconds:
                done += os.pwrite(fd, block, done)
                if done % (16 << 20) == 0:
                    os.fdatasync(fd)
            os.fdatasync(fd)
            out[f"{name}_mb_per_s"] = round(done / (time.perf_counter() - began) / 1e6)
        finally:
            os.close(fd)
    fd = os.open(path, os.O_RDWR)
    syncs, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        os.pwrite(fd, block[:4096], syncs % 1000 * 4096)
        os.fdatasync(fd)
        syncs += 1
    out["syncs_per_s"] = round(syncs / (time.perf_counter() - began))
    os.close(fd)
    path.unlink()
    print(json.dumps(out), flush=True)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--folder")
    parser.add_argument("--out", default=str(ROOT / "bench/results/durability.json"))
    options = parser.parse_args()
    options.seconds = 0.2 if options.quick else 2.0
    options.checkpoints = 3 if options.quick else 20
    pathlib.Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(dir=options.folder or pathlib.Path(options.out).parent))
    before = os.getloadavg()
    try:
        result = {
            "disk": disk(folder, options.seconds),
            "throughput": throughput(folder, options),
            "checkpoints": [checkpoints(folder, options, n) for n in ((100_000,) if options.quick else (1_000_000, 10_000_000))],
            "recovery": recovery(folder, 1_000_000 if options.quick else 10_000_000),
            "machine": {"cores": os.cpu_count(), "load_before": before, "load_after": os.getloadavg()},
        }
    finally:
        shutil.rmtree(folder)
    pathlib.Path(options.out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
