"""Subscriptions for event loops: a descriptor in the loop tells when there is something to read; no thread, no polling."""

from __future__ import annotations

import asyncio
from typing import Any

from ._laminar import QueryResult, StreamSubscription, Subscription


class _AsyncBase:
    """Reads one subscription in one event loop.

    `async for` and next_async() wait in the loop. next() and next_timeout() wait in the thread, as the synchronous
    subscriptions do: they are for programs without a loop.
    """

    __slots__ = ("_sub", "_waiting", "__weakref__")

    def __init__(self, sub: Subscription | StreamSubscription) -> None:
        self._sub = sub
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def is_active(self) -> bool:
        """True until it is cancelled or has ended."""
        return self._sub.is_active

    @property
    def state(self) -> str:
        """'active', 'finished' or 'cancelled'."""
        return self._sub.state

    @property
    def dropped_rows(self) -> int:
        """Rows dropped by the policy drop_oldest."""
        return self._sub.dropped_rows

    @property
    def epoch(self) -> int:
        """The newest epoch that was delivered; before the first delivery, where it began."""
        return self._sub.epoch

    @property
    def schema(self) -> Any:
        """The columns as a pyarrow.Schema. Needs pyarrow."""
        return self._sub.schema

    def try_next(self) -> QueryResult | None:
        """The next delivery if there is one; never waits."""
        return self._sub.try_next()

    def next(self) -> QueryResult | None:
        """Waits in this thread for the next delivery. None when the subscription was cancelled or has ended."""
        return self._sub.next()

    def next_timeout(self, timeout_ms: int) -> QueryResult | None:
        """Waits in this thread up to timeout_ms milliseconds; SubscriptionError (502) when nothing came."""
        return self._sub.next_timeout(timeout_ms)

    def cancel(self) -> None:
        """Ends the subscription; an `async for` over it ends. Any thread; twice is fine."""
        self._sub.cancel()

    def live(self, *, max_rows: int = 20, refresh_ms: int = 100) -> Any:
        """A table that keeps itself up to date: see Subscription.live()."""
        return self._sub.live(max_rows=max_rows, refresh_ms=refresh_ms)

    async def next_async(self) -> QueryResult | None:
        """Waits in the event loop for the next delivery. None when the subscription was cancelled or has ended."""
        while True:
            is_active = self._sub.is_active  # before the read: the end comes after the last delivery
            result = self._sub.try_next()
            if result is not None or not is_active:
                return result
            await self._readable()

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        fd = self._sub.fileno()
        if not self._waiting:
            loop.add_reader(fd, self._wake)
        self._waiting.append(future)
        try:
            await future
        finally:
            if future in self._waiting:
                self._waiting.remove(future)
            if not self._waiting:
                loop.remove_reader(fd)

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> QueryResult:
        result = await self.next_async()
        if result is None:
            raise StopAsyncIteration
        return result

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._sub.state})"


class AsyncSubscription(_AsyncBase):
    """A subscription to a query, for `async for`. Made by Connection.subscribe_async."""

    __slots__ = ()


class AsyncStreamSubscription(_AsyncBase):
    """A subscription to a stream by name, for `async for`. Made by Connection.subscribe_stream_async."""

    __slots__ = ()
