"""The demo's display: a board that is redrawn in place on a terminal, plain lines every second elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import deque
from datetime import datetime, timezone
from typing import Any

REDRAW_S = 0.08
PLAIN_S = 1.0
N_LINES = 6  # of each list


class Board:
    def __init__(self, n_total: int, is_plain: bool) -> None:
        self.n_total = n_total
        self.is_live = not is_plain and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.start = time.monotonic()
        self.drawn = 0.0
        self.n_lines = 0
        self.windows: deque[tuple[Any, ...]] = deque(maxlen=N_LINES)
        self.n_windows = 0
        self.speeds: deque[tuple[float, int]] = deque([(self.start, 0)], maxlen=32)

    def add_windows(self, rows: list[tuple[Any, ...]]) -> None:
        """Closed windows of `hourly`, as the subscription delivered them."""
        self.n_windows += len(rows)
        self.windows.extend(rows)

    def is_due(self) -> bool:
        return time.monotonic() - self.drawn >= (REDRAW_S if self.is_live else PLAIN_S)

    def speed(self, n_rows: int) -> float:
        """Rows a second over the last redraws."""
        now = time.monotonic()
        self.speeds.append((now, n_rows))
        then, n_then = self.speeds[0]
        return (n_rows - n_then) / (now - then) if now > then else 0.0

    def draw(self, n_rows: int, watermark_ms: int, routes: list[tuple[Any, ...]]) -> None:
        self.drawn = time.monotonic()
        speed = self.speed(n_rows)
        if self.is_live:
            self.draw_live(n_rows, speed, watermark_ms, routes)
            return
        top = ", ".join(f"{origin}-{dest} {n:,}" for origin, dest, n, _ in routes[:3])
        print(f"{n_rows:>9,} of {self.n_total:,} departures  {speed:>9,.0f} rows/s  watermark {when(watermark_ms)}  "
              f"{self.n_windows:,} windows closed  top: {top}", flush=True)

    def draw_live(self, n_rows: int, speed: float, watermark_ms: int, routes: list[tuple[Any, ...]]) -> None:
        width = shutil.get_terminal_size((100, 30)).columns
        share = n_rows / self.n_total if self.n_total else 1.0
        cells = max(10, min(60, width - 12))
        bar = "█" * int(share * cells) + "░" * (cells - int(share * cells))
        left = ["newest windows (hourly)", f"{'':4}{'hour':>16} {'sched':>6} {'dep':>5} {'delay':>7}"]
        left += [f"{origin:4}{hour:%Y-%m-%d %H:%M} {n:>6} {departed:>5} {number(delay):>7}"
                 for origin, hour, n, departed, delay, *_ in reversed(self.windows)]
        right = ["busiest routes", f"{'route':9}{'flights':>8} {'delay':>7}"]
        right += [f"{origin}-{dest:5}{n:>8,} {number(delay):>7}" for origin, dest, n, delay in routes[:N_LINES]]
        lines = [f"{bar} {share:6.1%}",
                 f"{n_rows:,} of {self.n_total:,} departures   {speed:,.0f} rows/s   watermark {when(watermark_ms)}   "
                 f"{self.n_windows:,} windows closed", ""]
        for i in range(N_LINES + 2):
            a = left[i] if i < len(left) else ""
            b = right[i] if i < len(right) else ""
            lines.append(f"{a:44}  {b}")
        up = f"\x1b[{self.n_lines}A" if self.n_lines else ""
        sys.stdout.write(up + "".join(f"\x1b[2K{line[: width - 1]}\n" for line in lines))
        sys.stdout.flush()
        self.n_lines = len(lines)


def when(ms: int) -> str:
    if ms <= -(2**62):
        return "none yet"
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M")


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
