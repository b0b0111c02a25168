"""Runs Nexmark q0 to q22: ours, DuckDB once over the same events, PyPI's laminardb 0.17, Flink 2.3.

  bench/nexmark/run.py [--events N] [--only q5,q7] [--all-cores] [--no-peer] [--flink URL-OF-ITS-GATEWAY] [--rss-events N] [--equal-events N]
                       [--out FILE] [--strict]

Ours is fed 10,000 events at a time, an Arrow batch of each table that was made beforehand, and a subscriber takes every change. Events a second
are of all three tables, and of processor time (user and system, all threads), so that a busy machine changes them little; an idle one shows the same by the clock. One
process is one core's work: a database runs its steps one after the other, so more cores don't make one database faster yet. --all-cores runs one on each core at a
time, over events of its own, and adds up what they do. Flink and the peer are measured by the clock.
Then what each stream holds after a million events of the built-in source is compared with DuckDB's answer over the same, and resident memory is taken while it runs.
Prints a table, and writes JSON with a description of the machine to bench/results/. A query without a result makes the exit status 1; a missed target is marked.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
sys.path[:0] = [str(FOLDER.parent), str(FOLDER)]

import flink  # noqa: E402
import run as bench  # noqa: E402, the other benchmarks

WORKER = FOLDER / "worker.py"
FAST, WINDOWED, OTHERS = 20e6, 3e6, 1e6
TARGETS = {f"q{i}": OTHERS for i in range(23)}
TARGETS |= dict.fromkeys(("q0", "q1", "q2"), FAST)
TARGETS |= dict.fromkeys(("q3", "q5", "q7", "q8", "q11", "q12", "q14", "q17", "q20", "q21", "q22"), WINDOWED)
RSS_QUERIES = ("q5", "q7", "q8", "q11")
TIMEOUT_S = 240


def worker(python, engine, query, events, environment, timeout):
    command = [python, WORKER, "--engine", engine, "--query", query, "--events", str(events)]
    return bench.run_worker(command, timeout, environment)[-1]


def all_cores(query, events, environment):
    """A database on each core, at the same time."""
    def one(cpu):
        command = [bench.PYTHON, WORKER, "--engine", "laminardb", "--query", query, "--events", str(events), "--cpu", str(cpu)]
        return bench.run_worker(command, 2 * TIMEOUT_S, environment)[-1]

    cpus = sorted(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(len(cpus)) as pool:
        results = list(pool.map(one, cpus))
    failed = [result for result in results if "error" in result]
    return failed[0] if failed else {"processes": len(cpus), "events": events, "events_per_s": sum(result["events_per_s"] for result in results)}


def million(result):
    if result is None:
        return "-"
    if "error" in result:
        return "no"
    return f"{result['events_per_s'] / 1e6:.2f}"


def line(name, case):
    ours, target = case["laminardb"], TARGETS[name]
    verdict = "" if "error" in ours else "ok" if ours["events_per_s"] >= target else "MISS"
    return (f"{name:5} {million(ours):>10} {target / 1e6:>7.0f} {verdict:5} {million(case.get('duckdb')):>8} {million(case.get('peer')):>8} "
            f"{million(case.get('flink')):>8} {million(case.get('all_cores')):>9}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--only", help="queries, with commas")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--no-duckdb", action="store_true")
    parser.add_argument("--flink", default=os.environ.get("LAMINAR_FLINK_GATEWAY"), help="the SQL gateway of a cluster, like http://127.0.0.1:18084")
    parser.add_argument("--rss-events", type=int, default=10_000_000, help="0: memory is not measured")
    parser.add_argument("--equal-events", type=int, default=1_000_000, help="0: results are not compared")
    parser.add_argument("--no-speed", action="store_true", help="only compare results, and measure memory")
    parser.add_argument("--all-cores", action="store_true", help="also a database on each core at the same time")
    parser.add_argument("--strict", action="store_true", help="a missed target fails")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(TARGETS)

    described = bench.machine()
    peer = None if options.no_peer else bench.peer_python()
    ours = bench.python_environment("laminardb")
    cases = {}
    print(f"{'million events/s':16} {'target':>7} {'':5} {'DuckDB':>8} {'0.17':>8} {'Flink':>8} {'all cores':>9}")
    for name in names if not options.no_speed else ():
        case = cases[name] = {"laminardb": worker(bench.PYTHON, "laminardb", name, options.events, ours, TIMEOUT_S)}
        if options.all_cores:
            case["all_cores"] = all_cores(name, options.events, ours)
        if not options.no_duckdb:
            case["duckdb"] = worker(bench.PYTHON, "duckdb", name, options.events, ours, TIMEOUT_S)
        if peer:
            case["peer"] = worker(peer, "peer", name, min(options.events, 500_000), bench.python_environment("peer"), 60)
        if options.flink:
            case["flink"] = flink.measure(options.flink, name, min(options.events, 1_000_000))
        print(line(name, case), flush=True)
    equal = {}
    for name in names if options.equal_events else ():
        equal[name] = worker(bench.PYTHON, "equal", name, options.equal_events, ours, TIMEOUT_S)
        print(f"{name} as DuckDB over {options.equal_events} events: {equal[name].get('error') or 'yes, {} rows'.format(equal[name]['rows'])}", flush=True)
    memory = {}
    for name in RSS_QUERIES if options.rss_events else ():
        if name in names:
            memory[name] = worker(bench.PYTHON, "rss", name, options.rss_events, ours, TIMEOUT_S + options.rss_events // 200_000)
            shown = memory[name].get("error") or ", ".join(f"{n / 1e6:.0f}M: {mib:.0f}" for n, mib in memory[name]["rss_mib"])
            print(f"{name} resident MiB after events: {shown}", flush=True)
    for name, case in cases.items():
        for engine, result in case.items():
            if "error" in result:
                print(f"{name}, {engine}: {result['error']}")
    now = datetime.datetime.now(datetime.timezone.utc)
    out = options.out or FOLDER.parent / "results/local" / f"nexmark-{now:%Y%m%d-%H%M%S}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"when": now.isoformat(timespec="seconds"), "events": options.events, "machine": described, "cases": cases,
                               "equal": equal, "memory": memory}, indent=1) + "\n")
    print(f"\n{described['cpu']}, {described['cores']} cores, load {described['load_before']}; written to {os.path.relpath(out)}")
    failed = [name for name, case in cases.items() if "error" in case["laminardb"]]
    failed += [name for checked in (equal, memory) for name, result in checked.items() if "error" in result]
    missed = [name for name, case in cases.items() if case["laminardb"].get("events_per_s", 0) < TARGETS[name]]
    if failed:
        print(f"bench: failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed or (options.strict and missed))


if __name__ == "__main__":
    sys.exit(main())
