"""Tests that watch the clock, or what the whole process uses, are changed by whatever else the machine does: in these files a failure counts when it happens
twice. What ran again is printed ("RERUN"). Everything else runs once: different results, races and crashes get no second chance."""

import pathlib

import pytest

MEASURING = {
    "test_async.py",
    "test_memory.py",
    "test_notebook.py",
    "test_promises.py",
    "test_shell_scripts.py",
    "test_shell_terminal.py",
    "test_subscribe.py",
    "test_time.py",
}


def pytest_collection_modifyitems(items):
    for item in items:
        if pathlib.Path(item.fspath).name in MEASURING:
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))
