"""A shell in a pseudo-terminal, and where the built shell is."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
# The width is the terminal's, whatever the tests themselves run in.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
SHELL = BUILD / "laminar"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


class Terminal:
    """A shell in a pseudo-terminal. What it wrote is seen without escape sequences."""

    def __init__(self, arguments: tuple[str, ...], env: dict[str, str], cwd: Path, columns: int = 100) -> None:
        self.text = ""
        self.raw = ""
        self.mark = 0
        # Not pty.fork(): its child would run Python, and allocate, in a copy of a process whose other threads may hold the allocator's locks.
        self.fd, side = pty.openpty()
        ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", str(SHELL), *arguments], cwd=cwd, env={**ENVIRONMENT, "TERM": "xterm", **env}, stdin=side, stdout=side, stderr=side
        )
        os.close(side)

    def read(self, seconds: float) -> bool:
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side has closed
            return False
        self.raw += data.decode(errors="replace")
        self.text += ESCAPES.sub("", data.decode(errors="replace"))
        return bool(data)

    def expect(self, wanted: str, seconds: float = 15) -> str:
        """Waits for a text after the last one that was waited for, and gives what came up to its end."""
        end = time.monotonic() + seconds
        while (at := self.text.find(wanted, self.mark)) < 0:
            if time.monotonic() > end:
                raise AssertionError(f"{wanted!r} did not come; there is {self.text[self.mark:]!r}")
            self.read(0.1)
        before, self.mark = self.mark, at + len(wanted)
        return self.text[before : self.mark]

    def send(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def interrupt(self) -> None:
        self.send("\x03")

    def end_of_input(self) -> None:
        """Ctrl-D. libedit shows its prompt before it takes the terminal over; what comes between is an end of input to nobody."""
        end = time.monotonic() + 3
        while termios.tcgetattr(self.fd)[3] & termios.ICANON and time.monotonic() < end:
            self.read(0.01)
        self.send("\x04")

    def wait(self, seconds: float = 15) -> int:
        """The exit code."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.05)
            if (status := self.process.poll()) is not None:
                return status
        raise AssertionError(f"the shell does not end; there is {self.text[self.mark:]!r}")

    def close(self) -> None:
        """Kills the shell if it still runs. Twice is fine."""
        self.process.kill()
        self.process.wait()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
