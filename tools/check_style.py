"""Checks what neither the compiler nor the formatter does: banned calls, names, length, headers that compile alone.

Problems fail; warnings (long files) are counted, and listed with --warnings.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINES_MAX = 1000

# Banned in src/ outside base/, with what to use instead.
BANNED = {
    r"(?:malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup|strndup)": "mem_* of base/mem.h",
    r"(?:printf|fprintf|vprintf|vfprintf|puts|putchar|perror)": "errors, or strbuf; nothing prints",
    r"(?:abort|exit|_exit|quick_exit)": "an error; a library never ends the process",
    r"(?:strcpy|strcat|sprintf|vsprintf|gets|strncpy|strncat|strtok)": "strbuf, memcpy with a length, snprintf",
    r"(?:strtod|strtof|strtold|atof|atoi|atol|atoll)": "the number readers of the vector layer (locale-free)",
    r"(?:fopen|open|creat|fdopen|tmpfile|rename|unlink|fsync|fdatasync)": "base/file.h",
    r"(?:time|gettimeofday|clock_gettime|localtime|gmtime|clock)": "base/thread.h clock_*",
    r"(?:rand|srand|random|drand48)": "a seeded generator that the caller passes",
    r"(?:pthread_create|pthread_mutex_lock|pthread_mutex_unlock|pthread_cond_wait|pthread_cond_timedwait)": "base/thread.h",
    r"(?:usleep|sleep|nanosleep)": "a condition with a deadline",
    r"(?:alloca|setjmp|longjmp)": "nothing: not used here",
}
BANNED_RE = [(re.compile(r"(?<![\w.>])" + names + r"\s*\("), instead) for names, instead in BANNED.items()]
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_only(text):
    """The text with comments and literals blanked, line numbers kept."""
    return COMMENT_OR_STRING.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def our_files(*folders):
    for folder in folders:
        yield from sorted(p for p in (ROOT / folder).rglob("*.[ch]"))


def check_text(path, problems, warnings):
    name = path.relative_to(ROOT)
    text = path.read_text()
    lines = text.splitlines()
    if len(lines) > LINES_MAX:
        warnings.append(f"{name}: {len(lines)} lines; above {LINES_MAX} a file is two concepts")
    if not text.startswith("/*"):
        problems.append(f"{name}:1: does not open with a comment that says what it is")
    for number, line in enumerate(lines, 1):
        if line.rstrip() != line:
            problems.append(f"{name}:{number}: white space at the end")
        if "\t" in line:
            problems.append(f"{name}:{number}: tab")
    parts = name.parts
    if parts[0] == "src" and parts[1] != "base":
        for number, line in enumerate(code_only(text).splitlines(), 1):
            for pattern, instead in BANNED_RE:
                match = pattern.search(line)
                if match:
                    problems.append(f"{name}:{number}: {match[0].rstrip('( ')} is banned here; use {instead}")


def check_unique_names(paths, problems):
    seen = {}
    for path in paths:
        if path.name in seen:
            problems.append(f"{path.relative_to(ROOT)}: the name is taken by {seen[path.name].relative_to(ROOT)}")
        seen[path.name] = path


def compile_header(path):
    command = [os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused-function",
               "-Wno-unused-parameter", "-Isrc", "-Iinclude", "-Itests/unit"]
    command += [f"-isystem{folder}" for folder in ("third_party/nanoarrow/include", "third_party/flatcc/include",
                                                   "third_party/yyjson", "third_party/xxhash")]
    name = path.relative_to(ROOT)
    run = subprocess.run([*command, "-x", "c", "-"], input=f'#include "{name}"\n', cwd=ROOT, text=True, capture_output=True)
    if run.returncode:
        return f"{name}: does not compile alone:\n{run.stderr}"
    if name.parts[0] == "include" and (cxx := shutil.which("c++")):
        run = subprocess.run([cxx, "-std=c++17", "-fsyntax-only", "-Wall", "-Iinclude", "-x", "c++", "-"],
                             input=f'#include "{name}"\n', cwd=ROOT, text=True, capture_output=True)
        if run.returncode:
            return f"{name}: is not valid C++:\n{run.stderr}"
    return None


def main():
    problems, warnings = [], []
    library = list(our_files("src", "include"))
    users = list(our_files("cli", "python/src", "examples", "bench", "fuzz", "tests"))
    for path in library + users:
        check_text(path, problems, warnings)
    check_unique_names(library + users, problems)
    headers = [path for path in library if path.suffix == ".h" and "template" not in path.name]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems.extend(filter(None, pool.map(compile_header, headers)))
    for problem in problems:
        print(problem, file=sys.stderr)
    if "--warnings" in sys.argv:
        print("\n".join(warnings))
    print(f"check_style: {len(library) + len(users)} files, {len(problems)} problems, {len(warnings)} warnings")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
