"""The Python snippets of docs/ run, and print what their comments say. The snippets of one page share their names, as a reader's
session does."""

import contextlib
import io
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = {path.name: re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S) for path in [ROOT / "docs/python.md"]}


@pytest.mark.parametrize("page", PAGES)
def test_snippets(page):
    names = {"__name__": "page"}
    assert PAGES[page]
    for code in PAGES[page]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, page, "exec"), names)
        expected = re.findall(r"^ *print\(.*\)\s+# (.*)$", code, re.M)
        assert out.getvalue().splitlines() == expected
