"""Subscriptions that call a function with each delivery, from a thread of their own."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable
from typing import Any

from ._laminar import LaminarError, QueryResult, StreamSubscription, Subscription

_JOIN_S = 2.0
_live: weakref.WeakSet[CallbackSubscription] = weakref.WeakSet()


def check_callbacks(on_data: Any, on_error: Any) -> None:
    """TypeError for what cannot be called."""
    if not callable(on_data):
        raise TypeError(f"on_data must be callable, not {type(on_data).__name__}")
    if on_error is not None and not callable(on_error):
        raise TypeError(f"on_error must be callable, not {type(on_error).__name__}")


class CallbackSubscription:
    """Calls on_data(QueryResult) with each delivery until cancel(), shutdown or close.

    An exception in on_data goes to on_error as text, and the subscription goes on; without on_error, or when that raises too,
    it ends.
    """

    def __init__(self, sub: Subscription | StreamSubscription, on_data: Callable[[QueryResult], object],
                 on_error: Callable[[str], object] | None) -> None:
        self._sub = sub
        self._thread = threading.Thread(target=_run, args=(sub, on_data, on_error), name="laminardb-callback", daemon=True)
        _live.add(self)
        self._thread.start()

    @property
    def is_active(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive() and self._sub.is_active

    def cancel(self) -> None:
        """Ends it; a callback that runs is not interrupted. Any thread; twice is fine."""
        self._sub.cancel()

    def wait(self, timeout: float | None = None) -> None:
        """Waits until the thread has ended, or `timeout` seconds."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def __repr__(self) -> str:
        kind = "stream" if isinstance(self._sub, StreamSubscription) else "query"
        return f"CallbackSubscription({kind}, {'active' if self.is_active else 'finished'})"


def _failed(error: BaseException, on_error: Callable[[str], object] | None) -> bool:
    """Tells on_error; True when the subscription goes on."""
    if on_error is None:
        import sys
        import traceback

        print("laminardb: the callback of a subscription failed, which ends it:", file=sys.stderr)
        traceback.print_exception(error)
        return False
    try:
        on_error(f"{type(error).__name__}: {error}")
    except Exception:
        return False
    return True


def _run(sub: Subscription | StreamSubscription, on_data: Callable[[QueryResult], object], on_error: Callable[[str], object] | None) -> None:
    while True:
        try:
            result = sub.next()
        except LaminarError as error:
            _failed(error, on_error)
            break
        if result is None:
            return
        try:
            on_data(result)
        except Exception as error:
            if not _failed(error, on_error):
                break
    sub.cancel()


@atexit.register
def _at_exit() -> None:
    live = list(_live)
    for sub in live:
        sub.cancel()
    for sub in live:
        sub.wait(_JOIN_S)
