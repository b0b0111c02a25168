"""LaminarConfig: the options of a database, checked when they are given."""

from __future__ import annotations

from . import _laminar, codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DURABILITIES = ("sync", "async", "off")
PROFILES = ("embedded", "bare_metal", "durable", "cluster")
JITS = ("off", "auto", "always")


def _whole(name: str, value: object, least: int, optional: bool = True) -> int | None:
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not least <= value < 2**63:
        raise ValueError(f"{name} must be at least {least}, and is {value}")
    return value


def _word(name: str, value: object, words: tuple[str, ...]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if value not in words:
        raise ValueError(f"{name} must be one of {', '.join(words)}, and is {value!r}")
    return value


class LaminarConfig:
    """Options for laminardb.open.

    buffer_size: rows that may wait for a step before inserts wait. storage_dir, checkpoint_interval_ms, durability ("sync", "async",
    "off"), wal_segment_bytes, read_only: storage. profile: "embedded", "bare_metal", "durable" or "cluster". workers: threads that run steps.
    memory_limit: bytes, or text such as "1gb", at which inserts are refused (300) and queries fail. insert_timeout_ms: how long an
    insert waits for a full queue. jit: "off", "auto", "always". variables: what ${NAME} in options of connectors stands for;
    what is not among them is looked up in the environment.

    An option that this build does not have is refused by open(), never ignored.
    """

    __slots__ = ("_buffer_size", "_storage_dir", "_checkpoint_interval_ms", "_durability", "_profile", "_workers", "_memory_limit",
                 "_insert_timeout_ms", "_jit", "_wal_segment_bytes", "_read_only", "_variables")

    def __init__(
        self,
        *,
        buffer_size: int = 65536,
        storage_dir: str | None = None,
        checkpoint_interval_ms: int | None = None,
        durability: str | None = None,
        profile: str | None = None,
        workers: int | None = None,
        memory_limit: int | str | None = None,
        insert_timeout_ms: int | None = None,
        jit: str | None = None,
        wal_segment_bytes: int | None = None,
        read_only: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        from os import fspath

        self._buffer_size = _whole("buffer_size", buffer_size, 1, optional=False) or 0
        if storage_dir is not None:
            storage_dir = fspath(storage_dir)
            if not isinstance(storage_dir, str):
                raise TypeError(f"storage_dir must be a str, not {type(storage_dir).__name__}")
        self._storage_dir = storage_dir
        self._checkpoint_interval_ms = _whole("checkpoint_interval_ms", checkpoint_interval_ms, 1)
        self._durability = _word("durability", durability, DURABILITIES)
        self._profile = _word("profile", profile, PROFILES)
        self._workers = _whole("workers", workers, 1)
        if memory_limit is not None and not isinstance(memory_limit, str):
            memory_limit = _whole("memory_limit", memory_limit, 0)
        self._memory_limit = memory_limit
        self._insert_timeout_ms = _whole("insert_timeout_ms", insert_timeout_ms, 0)
        self._jit = _word("jit", jit, JITS)
        self._wal_segment_bytes = _whole("wal_segment_bytes", wal_segment_bytes, 1)
        if not isinstance(read_only, bool):
            raise TypeError(f"read_only must be a bool, not {type(read_only).__name__}")
        self._read_only = read_only or None
        if variables is not None:
            variables = dict(variables)
            for name, value in variables.items():
                if not isinstance(name, str) or not isinstance(value, str):
                    raise TypeError("variables must be a mapping of str to str")
        self._variables: dict[str, str] | None = variables

    @property
    def buffer_size(self) -> int:
        """Rows that may wait for a step before inserts wait."""
        return self._buffer_size

    @property
    def storage_dir(self) -> str | None:
        """Directory of the log and the checkpoints; None: nothing is kept."""
        return self._storage_dir

    @property
    def checkpoint_interval_ms(self) -> int | None:
        """Milliseconds between checkpoints."""
        return self._checkpoint_interval_ms

    @property
    def durability(self) -> str | None:
        """What an insert waits for: "sync", "async" or "off"."""
        return self._durability

    @property
    def profile(self) -> str | None:
        """A set of defaults: "embedded", "bare_metal", "durable" or "cluster"."""
        return self._profile

    @property
    def workers(self) -> int | None:
        """Threads that run steps; None: the caller's."""
        return self._workers

    @property
    def memory_limit(self) -> int | str | None:
        """Bytes of state and kept rows at which inserts are refused."""
        return self._memory_limit

    @property
    def insert_timeout_ms(self) -> int | None:
        """How long an insert waits for a full queue that is being drained."""
        return self._insert_timeout_ms

    @property
    def jit(self) -> str | None:
        """When expressions are compiled to machine code."""
        return self._jit

    @property
    def wal_segment_bytes(self) -> int | None:
        """Size of a segment of the write-ahead log."""
        return self._wal_segment_bytes

    @property
    def read_only(self) -> bool:
        """Open the storage directory for reading only; several may do so at a time."""
        return bool(self._read_only)

    @property
    def variables(self) -> dict[str, str]:
        """What ${NAME} in options of connectors stands for: a copy."""
        return dict(self._variables or {})

    def __repr__(self) -> str:
        shown = [f"buffer_size={self._buffer_size}", f"storage_dir={self._storage_dir!r}",
                 f"checkpoint_interval_ms={self._checkpoint_interval_ms}"]
        for slot in self.__slots__[3:]:
            value = getattr(self, slot)
            if value is not None:
                shown.append(f"{slot[1:]}={value!r}")
        return f"LaminarConfig({', '.join(shown)})"

    def _options(self) -> dict[str, str]:
        """Names and values for the library. ConnectionError 100 for what this build does not have."""
        missing = []
        if self._profile == "cluster":
            missing.append(f"profile={self._profile!r}")
        if self._jit not in (None, "off"):
            missing.append(f"jit={self._jit!r}")
        if self._workers not in (None, 1):
            missing.append(f"workers={self._workers}")
        if missing:
            _laminar._raise(codes.CONNECTION_FAILED, f"not available in this build: {', '.join(missing)}", "leave the option out")
        options = {"profile": self._profile} if self._profile else {}
        if self._buffer_size != 65536:
            options["buffer_size"] = str(self._buffer_size)
        if self._memory_limit is not None:
            options["memory_limit"] = str(self._memory_limit)
        for name in ("checkpoint_interval_ms", "durability", "wal_segment_bytes"):
            value = getattr(self, "_" + name)
            if value is not None:
                options[name] = str(value)
        if self._read_only:
            options["read_only"] = "true"
        if self._insert_timeout_ms is not None:
            options["insert_timeout_ms"] = str(self._insert_timeout_ms)
        return options
