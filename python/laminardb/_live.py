"""Subscription.live(): a table that keeps itself up to date, in a notebook or in a terminal.

With the column __weight (changes=True) it shows what there is now: rows that came and have not been taken back. Without it the
newest rows that were delivered. In a notebook a thread waits for deliveries and updates the output; in a terminal the
caller waits, until the subscription ends or Ctrl-C. Memory: of a subscription with changes all rows that there are, else max_rows.
"""

from __future__ import annotations

import collections
import html
import shutil
import sys
import threading
import time
from typing import Any

from . import _display
from ._laminar import LaminarError


class _Table:
    """The rows to show, as texts; what _display shows as if it were a QueryResult."""

    def __init__(self, max_rows: int) -> None:
        self.columns: list[str] = []
        self.column_types: list[str] = []
        self.rows: Any = collections.deque(maxlen=max_rows)
        self.counts: dict[tuple[str | None, ...], int] = {}
        self.is_weighted = False
        self.n_deliveries = 0
        self.n_changes = 0

    def apply(self, result: Any) -> None:
        if not self.columns:
            self.columns = list(result.columns)
            self.column_types = list(result.column_types)
            self.is_weighted = "__weight" in self.columns
            if self.is_weighted:
                self.place = self.columns.index("__weight")
                del self.columns[self.place], self.column_types[self.place]
        self.n_deliveries += 1
        self.n_changes += result.num_rows
        texts = result._texts(0, result.num_rows)
        if not self.is_weighted:
            self.rows.extend(texts)
            return
        for row, weight in zip(texts, result._column(self.place), strict=True):
            key = row[: self.place] + row[self.place + 1:]
            count = self.counts.pop(key, 0) + weight  # popped: what changes goes to the end
            if count:
                self.counts[key] = count

    def finish(self) -> None:
        if self.is_weighted:
            self.rows = [row for row, count in self.counts.items() for _ in range(max(count, 0))]

    @property
    def num_rows(self) -> int:
        return len(self.rows)

    @property
    def num_columns(self) -> int:
        return len(self.columns)

    def _texts(self, first: int, n: int) -> list[Any]:
        return list(self.rows)[first:first + n]

    def note(self) -> str:
        return f"{self.n_changes:,} changes in {self.n_deliveries:,} deliveries"


def _notebook_handle() -> Any:
    """A display handle where this process is the kernel of a notebook, else None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import DisplayHandle  # type: ignore[import-not-found,unused-ignore]

    return DisplayHandle()  # type: ignore[no-untyped-call,unused-ignore]


class LiveTable:
    """A table on the screen that follows a subscription. stop() ends it, and the subscription with it; wait() waits for its end."""

    def __init__(self, subscription: Any, max_rows: int, refresh_ms: int, handle: Any) -> None:
        self._sub = subscription
        self._table = _Table(max_rows)
        self._max_rows = max_rows
        self._refresh_s = refresh_ms / 1000
        self._handle = handle
        self._lines = 0
        self._error: str | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_active(self) -> bool:
        """True while it follows the subscription."""
        return bool(self._sub.is_active) and (self._thread is None or self._thread.is_alive())

    def stop(self) -> None:
        """Ends it and cancels the subscription. Twice is fine."""
        self._sub.cancel()
        self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the subscription ends; False when it has not within `timeout` seconds."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def __repr__(self) -> str:
        return f"LiveTable({'active' if self.is_active else 'finished'}, rows={self._table.num_rows})"

    # --- Following -------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._handle.display(self._mime(), raw=True)
        self._thread = threading.Thread(target=self._follow, name="laminardb-live", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        try:
            while (result := self._sub.next()) is not None:
                self._table.apply(result)
                due = time.monotonic() + self._refresh_s
                self._show()  # the first at once, then as many as come in time together
                while (left := due - time.monotonic()) > 0:
                    time.sleep(left)
                while (result := self._sub.try_next()) is not None and time.monotonic() < due + self._refresh_s:
                    self._table.apply(result)
                if result is not None:
                    self._table.apply(result)
                self._show()
        except LaminarError as error:
            self._error = str(error)
        self._show()

    def _show(self) -> None:
        self._table.finish()
        if self._handle is not None:
            self._handle.update(self._mime(), raw=True)
            return
        size = shutil.get_terminal_size((120, 24))
        text = _display.table_text(self._table, max(min(self._max_rows, size.lines - 8), 1), size.columns)
        text += self._table.note() + "\n"
        if self._error:
            text += self._error + "\n"
        is_terminal = sys.stdout.isatty()
        if is_terminal and self._lines:
            sys.stdout.write(f"\x1b[{self._lines}A\x1b[J")
        _display.write(text)
        sys.stdout.flush()
        self._lines = text.count("\n")

    def _mime(self) -> dict[str, str]:
        note = self._table.note() if self._sub.is_active else f"ended after {self._table.note()}"
        if self._error:
            note = self._error
        body = _display.repr_html(self._table, self._max_rows) if self._table.columns else ""
        return {"text/html": f"{body}<br><small>{html.escape(note)}</small>", "text/plain": repr(self)}


def live(subscription: Any, max_rows: Any = None, refresh_ms: Any = None) -> LiveTable:
    """What Subscription.live() does."""
    limit = 20 if max_rows is None else max_rows
    pause = 100 if refresh_ms is None else refresh_ms
    if not isinstance(limit, int) or limit < 1:
        raise ValueError(f"max_rows must be a number of rows, and is {limit!r}")
    if not isinstance(pause, int) or pause < 0:
        raise ValueError(f"refresh_ms must be a number of milliseconds, and is {pause!r}")
    handle = _notebook_handle()
    table = LiveTable(subscription, limit, pause, handle)
    if handle is not None:
        table._start()
        return table
    try:
        table._follow()
    except KeyboardInterrupt:
        subscription.cancel()
    return table
