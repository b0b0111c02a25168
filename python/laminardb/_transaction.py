"""Transaction: inserts into several sources and tables in one step."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from . import _laminar, codes


class Transaction:
    """Collects rows, and inserts all of them in one step at commit(). Made by Connection.transaction().

    A context manager: leaving it commits, an exception inside rolls back. Rows are checked against their table's schema by insert();
    until commit nobody sees them. Threads may share it.
    """

    __slots__ = ("_conn", "_writers", "_state", "_lock")

    def __init__(self, conn: _laminar.Connection) -> None:
        self._conn = conn
        self._writers: dict[str, _laminar.Writer] = {}
        self._state = "active"
        self._lock = threading.Lock()

    @property
    def is_active(self) -> bool:
        """True until it is committed or rolled back."""
        return self._state == "active"

    def _check(self) -> None:
        if self._state != "active":
            _laminar._raise(codes.WRITER_CLOSED, f"the transaction is {self._state}", "begin a new one with Connection.transaction()")

    def insert(self, table: str, data: Any) -> None:
        """Collects rows for a source or table: what Connection.insert takes. A refused call leaves those before it as they are."""
        with self._lock:
            self._writer(table).insert(data)

    def insert_json(self, table: str, data: str | bytes) -> None:
        """Collects rows of JSON: what Connection.insert_json takes."""
        with self._lock:
            self._writer(table).insert_json(data)

    def insert_csv(self, table: str, data: str | bytes) -> None:
        """Collects rows of CSV: what Connection.insert_csv takes."""
        with self._lock:
            self._writer(table).insert_csv(data)

    def _writer(self, table: str) -> _laminar.Writer:
        self._check()
        writer = self._writers.get(table) if isinstance(table, str) else None
        if writer is None:
            writer = self._conn._transaction_writer(table)
            self._writers[table] = writer
        return writer

    def commit(self) -> int:
        """Inserts all rows in one step and gives their number. Where it fails, nothing is inserted and the transaction is over."""
        with self._lock:
            self._check()
            self._state = "rolled back"
            writers = list(self._writers.values())
            self._writers.clear()
            n_rows = self._conn._commit(writers)
            self._state = "committed"
            return n_rows

    def rollback(self) -> None:
        """Forgets all rows. After commit() it does nothing."""
        with self._lock:
            self._writers.clear()
            if self._state == "active":
                self._state = "rolled back"

    def __enter__(self) -> Transaction:
        with self._lock:
            self._check()
        return self

    def __exit__(self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None) -> None:
        if exc_type is not None:
            self.rollback()
        elif self.is_active:
            self.commit()

    def __repr__(self) -> str:
        return f"Transaction({self._state})"
