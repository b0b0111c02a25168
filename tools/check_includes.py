"""Checks that includes point only downwards.

A file of src/<layer>/ may include its own layer, those below it, the public headers and the system's. What lies outside
src/ (module, shell, examples, benchmarks, connectors) may include the public headers and its own folder. A header named
*_internal.h is visible in its own folder only. Includes of src/ are written from src/: "vector/chunk.h".
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = "base vector segment format sql function catalog plan exec storage connect engine api".split()
RANK = {layer: rank for rank, layer in enumerate(LAYERS)}
OUTSIDE = "python cli examples bench connectors server tests/api".split()
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def check_layer_file(path, problems):
    layer = path.relative_to(ROOT / "src").parts[0]
    if layer not in RANK:
        problems.append(f"{path.relative_to(ROOT)}: folder src/{layer} is not a layer")
        return
    for number, quoted, name in includes(path):
        where = f"{path.relative_to(ROOT)}:{number}"
        if not quoted:
            continue
        if not (ROOT / "src" / name).exists():
            problems.append(f'{where}: "{name}" is no file below src/ (write it from src/)')
            continue
        target = name.split("/")[0]
        if RANK.get(target, len(LAYERS)) > RANK[layer]:
            problems.append(f'{where}: {layer} includes "{name}" of the higher layer {target}')
        if name.endswith("_internal.h") and target != layer:
            problems.append(f'{where}: "{name}" is internal to {target}')


def check_outside_file(path, problems):
    for number, quoted, name in includes(path):
        where = f"{path.relative_to(ROOT)}:{number}"
        if quoted:
            if not (path.parent / name).exists():
                problems.append(f'{where}: "{name}" is not in the same folder')
        elif (ROOT / "src" / name).exists() or name.split("/")[0] in RANK:
            problems.append(f"{where}: <{name}> is internal; only <laminar/...> is public")


def main():
    problems = []
    n_files = 0
    for path in sorted((ROOT / "src").rglob("*.[ch]")):
        check_layer_file(path, problems)
        n_files += 1
    for folder in OUTSIDE:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            check_outside_file(path, problems)
            n_files += 1
    for path in sorted((ROOT / "include").rglob("*.h")):
        for number, _, name in includes(path):
            if not name.startswith("laminar/") and "/" in name:
                problems.append(f"{path.relative_to(ROOT)}:{number}: public header includes {name}")
        n_files += 1
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"check_includes: {n_files} files, {len(problems)} problems")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
