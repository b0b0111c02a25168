"""The README's snippets run, and print what they say: Python, C (compiled as the README says), shell."""

import contextlib
import io
import os
import pathlib
import re
import shlex
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
TEXT = (ROOT / "README.md").read_text()


def snippets(language):
    found = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.M | re.S)
    assert found, f"the README has no {language}"
    return found


def sessions():
    """(command, output) of each `$ command`; lines with `>` go on with it."""
    for text in snippets("console"):
        for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
            first, *lines = part.splitlines(keepends=True)
            n_more = next((i for i, line in enumerate(lines) if not line.startswith(">")), len(lines))
            yield first + "".join(line[1:] for line in lines[:n_more]), "".join(lines[n_more:])


@pytest.mark.parametrize("code", snippets("python"))
def test_python(code):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    expected = re.findall(r"^print\(.*?\)\s+# (.*)$", code, re.M)
    assert expected and out.getvalue().splitlines() == expected


@pytest.mark.parametrize("code", snippets("c"))
def test_c(code, tmp_path):
    if os.environ.get("LAMINAR_SANITIZED"):
        pytest.skip("a sanitized library needs a sanitized program")
    (tmp_path / "app.c").write_text(code)
    environment = {**os.environ, "PKG_CONFIG_PATH": str(BUILD)}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "laminar"], env=environment, capture_output=True, text=True, check=True).stdout
    subprocess.run([os.environ.get("CC", "cc"), "-Wall", "-Wextra", "-Werror", "app.c", *shlex.split(flags)], cwd=tmp_path, check=True)
    run = subprocess.run(["./a.out"], cwd=tmp_path, capture_output=True, text=True)
    expected = re.findall(r"printf\(.*/\* (.*) \*/$", code, re.M)
    assert expected and (run.returncode, run.stderr, run.stdout.splitlines()) == (0, "", expected)


@pytest.mark.parametrize("command, expected", list(sessions()))
def test_shell(command, expected, tmp_path):
    environment = {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}", "LAMINAR_HISTORY": "", "NO_COLOR": "1"}
    run = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.stdout + run.stderr == expected
