"""What the benchmark workers share: test data, one core, timing, the engines.

A worker runs one case with one engine in a process of its own (bench/run.py starts it) and prints one JSON line. Engines:
  laminardb  the build tree's module (.venv)
  duckdb     the same query once, over the same Arrow data, with one thread (.venv)
  peer       PyPI's laminardb 0.17 (.venv-peer), whose API is the same
"""
import argparse
import json
import os
import sys
import time

BATCH_ROWS = 10_000
PEER_DEADLINE_S = 30


def pin():
    """One core for everything, so that rows per second mean one core's work."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def worker(cases, run):
    """The main function of a worker module: cases is {name: anything}; run(engine, name, options) gives a dict."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True)
    parser.add_argument("--case", required=True, choices=sorted(cases))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeat", type=int, default=0)
    options = parser.parse_args()
    pin()
    result = {"case": options.case, "engine": options.engine}
    try:
        result |= run(options.engine, options.case, options)
    except Exception as error:  # the table shows it; the run goes on with the next case
        result["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(result))
    return 1 if "error" in result else 0


def percentiles(samples_ns):
    """p50, p99 and p99.9 in microseconds."""
    ordered = sorted(samples_ns)

    def at(share):
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000

    return {"n": len(ordered), "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999), "max_us": ordered[-1] / 1000}


def repeat(times, once):
    """Seconds of each run; once() returns the seconds it measured."""
    return [once() for _ in range(times)]


def drain(sub, take):
    while (result := sub.try_next()) is not None:
        take(result.to_arrow())


def wait_until(done, sub, take):
    """Receives until done() or the deadline: for an engine that works in threads of its own."""
    deadline = time.perf_counter() + PEER_DEADLINE_S
    while not done():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"results incomplete after {PEER_DEADLINE_S} s")
        result = sub.try_next()
        if result is None:
            time.sleep(0.001)
        else:
            take(result.to_arrow())
