"""Runs the benchmarks: ours, DuckDB once over the same data, PyPI's laminardb 0.17 as the peer.

  bench/run.py [--quick] [--only TEXT] [--no-peer] [--out FILE] [--strict]

BUILD names the build tree (build).

Each case runs with each engine in a process of its own, the engines of one case right after each other. Prints a table, and
writes JSON with a description of the machine to bench/results/. A case without a result, or with a wrong one, makes the exit
status 1; a missed target is only marked, unless --strict.
"""
import argparse
import datetime
import hashlib
import importlib
import json
import os
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
PYTHON = ROOT / ".venv/bin/python"
PEER_VENV = ROOT / ".venv-peer"
CASE_TIMEOUT_S = 300
PEER_TIMEOUT_S = 60

C_CASES = {
    "c_row": {"title": "one row in C, same thread", "targets": {"p50_us": 2, "p999_us": 50}},
    "c_row_thread": {"title": "one row in C, polling thread", "targets": {"p50_us": 2, "p999_us": 50}},
    "c_open": {"title": 'laminar_open(":memory:")', "targets": {"p50_us": 1000}},
}


def peer_python():
    """The Python with the peer, made when missing; None (and why) when that fails."""
    requirements = (ROOT / "requirements/peer.txt").read_bytes()
    wanted = hashlib.sha256(requirements).hexdigest()
    stamp = PEER_VENV / "bench.stamp"
    python = PEER_VENV / "bin/python"
    if not stamp.exists() or stamp.read_text() != wanted:
        made = subprocess.run([PYTHON, "-m", "venv", "--clear", PEER_VENV], capture_output=True, text=True)
        if made.returncode == 0:
            made = subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", ROOT / "requirements/peer.txt"],
                                  capture_output=True, text=True)
        if made.returncode:
            print(f"bench: no peer: {made.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            return None
        stamp.write_text(wanted)
    return python


def output(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def machine():
    """What a reader needs to judge the figures."""
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    memory = next((int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**20, 1),
        "kernel": platform.release(),
        "system": platform.platform(),
        "compiler": output([os.environ.get("CC", "cc"), "--version"]).split("\n")[0],
        "python": platform.python_version(),
        "duckdb": output([PYTHON, "-c", "import duckdb; print(duckdb.__version__)"]),
        "load_before": round(os.getloadavg()[0], 2),
        "commit": output(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]),
    }


def run_worker(command, timeout, environment=None):
    """The JSON lines that a worker prints, or one line with its error."""
    try:
        run = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout, env=environment, cwd=ROOT)
    except subprocess.TimeoutExpired:
        return [{"error": f"no result after {timeout} s"}]
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    if not lines or (run.returncode and "error" not in lines[-1]):
        why = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        return lines + [{"error": why[:200]}]
    return lines


def python_environment(engine):
    environment = dict(os.environ)
    environment.pop("PYTHONPATH", None)
    if engine != "peer":
        environment["PYTHONPATH"] = f"{ROOT}/{os.environ.get('BUILD', 'build')}/python"
    return environment


def progress(text):
    if sys.stderr.isatty():
        print(f"\r{text:60}\r", end="", file=sys.stderr, flush=True)


def collect(options):
    """{case: {"meta": ..., engine: result, ...}} in the order of the modules."""
    sys.path.insert(0, str(BENCH))
    peer = None if options.no_peer else peer_python()
    cases = {}

    def wanted(name, meta):
        return not options.only or options.only in name or options.only in meta["title"]

    for path in sorted(BENCH.glob("bench_*.py"), reverse=True):
        module = importlib.import_module(path.stem)
        for name, meta in module.CASES.items():
            if not wanted(name, meta):
                continue
            cases[name] = {"meta": meta}
            for engine in meta.get("engines", ["laminardb", "duckdb", "peer"]):
                python = peer if engine == "peer" else PYTHON
                if python is None:
                    continue
                command = [python, path, "--engine", engine, "--case", name, *(["--quick"] if options.quick else [])]
                if options.repeat:
                    command += ["--repeat", options.repeat]
                timeout = PEER_TIMEOUT_S if engine == "peer" else CASE_TIMEOUT_S
                cases[name][engine] = run_worker(command, timeout, python_environment(engine))[-1]
                progress(f"bench: {name} {engine}")
    if any(wanted(name, meta) for name, meta in C_CASES.items()):
        program = ROOT / "build/bench/latency"
        lines = run_worker([program, *(["--quick"] if options.quick else [])], CASE_TIMEOUT_S) if program.exists() else \
            [{"error": "build/bench/latency is not built"}]
        found = {line.get("case"): line for line in lines}
        for name, meta in C_CASES.items():
            if wanted(name, meta):
                cases[name] = {"meta": meta, "laminardb": found.get(name) or {"error": lines[-1].get("error", "no result")}}
    progress("")
    return cases


def judge(case):
    """Adds "ratio" and "meets_target" to a case."""
    meta, ours = case["meta"], case.get("laminardb", {})
    if "error" in ours:
        case["meets_target"] = False
    elif "bar" in meta:
        case["meets_target"] = ours["rows_per_s"] >= meta["bar"]
    elif "largest_mib" in meta:
        case["meets_target"] = ours["mib"] <= meta["largest_mib"]
    elif "target" in meta:
        duck = case.get("duckdb", {})
        case["ratio"] = ours["rows_per_s"] / duck["rows_per_s"] if "rows_per_s" in duck else None
        case["meets_target"] = case["ratio"] is not None and case["ratio"] >= meta["target"]
    else:
        case["meets_target"] = all(ours[key] <= limit for key, limit in meta.get("targets", {}).items())


def million(result):
    if result is None:
        return "-"
    if "error" in result:
        return "failed"
    return f"{result['rows_per_s'] / 1e6:.{1 if result['rows_per_s'] >= 1e6 else 2}f}"


def microseconds(result, key):
    if result is None:
        return "-"
    if "error" in result:
        return "failed"
    return f"{result[key]:,.1f}"


def print_table(cases):
    through = {name: case for name, case in cases.items() if "target" in case["meta"]}
    bars = {name: case for name, case in cases.items() if "bar" in case["meta"]}
    sizes = {name: case for name, case in cases.items() if "largest_mib" in case["meta"]}
    latency = {name: case for name, case in cases.items() if name not in through and name not in bars and name not in sizes}
    if through:
        print(f"{'million rows/s, one core':30} {'laminardb':>10} {'DuckDB':>8} {'ratio':>7} {'target':>7} {'':5} {'0.17':>8}")
        for case in through.values():
            ratio = f"{case['ratio']:.2f}" if case.get("ratio") else "-"
            print(f"{case['meta']['title']:30} {million(case.get('laminardb')):>10} {million(case.get('duckdb')):>8} {ratio:>7} "
                  f"{case['meta']['target']:>7.2f} {'ok' if case['meets_target'] else 'MISS':5} {million(case.get('peer')):>8}")
    if bars:
        print(f"\n{'million rows/s in Python':30} {'laminardb':>10} {'bar':>8} {'':5} {'DuckDB':>8} {'0.17':>8}")
        for case in bars.values():
            print(f"{case['meta']['title']:30} {million(case.get('laminardb')):>10} {case['meta']['bar'] / 1e6:>8.1f} "
                  f"{'ok' if case['meets_target'] else 'MISS':5} {million(case.get('duckdb')):>8} {million(case.get('peer')):>8}")
    for case in sizes.values():
        ours = case["laminardb"]
        print(f"\n{case['meta']['title']:30} {ours['mib']:>8.1f} MiB, at most {case['meta']['largest_mib']} "
              f"{'ok' if case['meets_target'] else 'MISS'}" + (f"; the wheel {ours['wheel_mib']:.1f} MiB" if ours["wheel_mib"] else ""))
    if latency:
        print(f"\n{'microseconds':30} {'p50':>10} {'p99':>8} {'p99.9':>8} {'target':>14} {'':5} {'0.17 p50':>10}")
        for case in latency.values():
            target = ", ".join(f"{key[:-3]}<={limit:,}" for key, limit in case["meta"].get("targets", {}).items())
            ours = case.get("laminardb")
            print(f"{case['meta']['title']:30} {microseconds(ours, 'p50_us'):>10} {microseconds(ours, 'p99_us'):>8} "
                  f"{microseconds(ours, 'p999_us'):>8} {target:>14} {'ok' if case['meets_target'] else 'MISS':5} "
                  f"{microseconds(case.get('peer'), 'p50_us'):>10}")
    for name, case in cases.items():
        for engine in ("laminardb", "duckdb", "peer"):
            if "error" in case.get(engine, {}):
                print(f"{name}, {engine}: {case[engine]['error']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="an eighth of the rows, fewer repeats: under three minutes")
    parser.add_argument("--only", help="cases whose name or title contains this, or whose name begins with it: py_")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--repeat", type=int, default=0)
    parser.add_argument("--strict", action="store_true", help="a missed target fails")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()

    described = machine()
    cases = collect(options)
    for case in cases.values():
        judge(case)
    print_table(cases)
    now = datetime.datetime.now(datetime.timezone.utc)
    out = options.out or BENCH / "results/local" / f"{now:%Y%m%d-%H%M%S}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"when": now.isoformat(timespec="seconds"), "quick": options.quick, "machine": described, "cases": cases},
                              indent=1) + "\n")
    print(f"\n{described['cpu']}, {described['cores']} cores, load {described['load_before']}; written to {os.path.relpath(out)}")
    failed = [name for name, case in cases.items() if "error" in case.get("laminardb", {})]
    missed = [name for name, case in cases.items() if not case["meets_target"]]
    if failed:
        print(f"bench: failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed or (options.strict and missed))


if __name__ == "__main__":
    sys.exit(main())
