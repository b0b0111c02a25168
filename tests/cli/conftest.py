"""What the shell's tests share: a runner for scripts, and a terminal for conversations."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from shell_session import ENVIRONMENT, SHELL, Terminal

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the shell without a terminal: run("-c", "SELECT 1", input="…")."""

    def call(*arguments: str, input: str = "", **env: Any) -> subprocess.CompletedProcess[str]:
        env = {**ENVIRONMENT, "LAMINAR_HISTORY": "", **env}
        return subprocess.run([SHELL, *arguments], input=input, text=True, capture_output=True, timeout=30, cwd=tmp_path, env=env)

    return call


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str, columns: int = 100, **env: str) -> Terminal:
        opened.append(Terminal(arguments, {"LAMINAR_HISTORY": str(tmp_path / "history"), **env}, tmp_path, columns))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str, name: str = "script.sql") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write
