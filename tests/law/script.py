"""Runs one generated case, given as plain texts, and says where the law does not hold.

A script is relations, steps and two texts of one query: ours and DuckDB's. It knows nothing of how it was drawn, so that a script that
once failed can be kept as it is (regressions.py). After each step these must be the same bag of rows:

* what a subscriber has added up of the changes that it was sent,
* what SELECT * FROM the stream reads,
* the one-shot query;

and at the end also the one-shot query over the streams that the stream reads, and DuckDB's answer over the same rows. Numbers that are
not exact are compared with a tolerance. Where DuckDB differs it is asked again without its optimizations: its answer counts only when
all its plans give it.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import laminardb

Row = tuple[Any, ...]

UNSUPPORTED = 403
TOLERANCE = 1e-8
PLAIN = (int, str, type(None))


@dataclass
class Table:
    name: str
    ddl: str
    columns: list[tuple[str, str]]  # name, DuckDB's type


@dataclass
class Step:
    kind: str  # "sql", "create", "subscribe", "recreate", "watermark", "transaction"
    text: str  # of a transaction: an INSERT a line
    millis: int = 0  # of "watermark"; text is the source
    expect: str = ""  # the query that the stream must equal after the step, where that is not the one-shot query; "-": nothing is known yet


@dataclass
class Script:
    name: str
    tables: list[Table]
    steps: list[Step]
    shot: str
    duck: str = ""  # "": DuckDB can't say it
    contents: dict[str, list[str]] = field(default_factory=dict)  # the rows of each table after the last step, for DuckDB
    cells: dict[str, list[list[str]]] = field(default_factory=dict)  # the same by columns, where they are known
    stream: str = "q"
    over_streams: str = ""  # the same query over the streams that `stream` reads
    at_end_only: bool = False
    reason: str = ""  # why it is expected to fail, for a bug that is known and not fixed yet


class Difference(AssertionError):
    """The law does not hold. `kind` is what a smaller script must show too."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}\n{detail}")
        self.kind = kind


class Refused(Exception):
    """The engine says that it can't: no difference, but counted."""


class NoAnswer(Exception):
    """DuckDB refuses what we answer: not compared with it, but counted."""


class RowError(Exception):
    """Both engines say that a row can't be computed: nothing to compare."""


class TwoAnswers(Exception):
    """DuckDB differs from us, but also from itself: a plan of its own that leaves out an optimization says what we say."""


def canonical(value: Any) -> Any:
    """A value that compares and hashes alike whichever engine it came from."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value + 0.0
    if isinstance(value, decimal.Decimal):
        return value.normalize() + 0
    if isinstance(value, bool):
        return f"bool {value}"
    if isinstance(value, dt.timedelta):
        return ("interval", value.total_seconds())
    if isinstance(value, dict):
        return tuple((k, canonical(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(canonical(v) for v in value)
    return value


def bag(rows: list[Row]) -> Counter[Row]:
    return Counter(tuple(map(canonical, row)) for row in rows)


def is_close(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(is_close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(a == b)


def without_floats(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(without_floats, value))
    return 0.5 if isinstance(value, float) else value


def difference(left: Counter[Row], right: Counter[Row], names: tuple[str, str]) -> str:
    """"" if they are the same bag. Rows that are not found exactly are matched by what is not float, then by tolerance."""
    if left == right:
        return ""
    only_left, only_right = list((left - right).elements()), list((right - left).elements())
    by_shape: dict[Row, list[Row]] = {}
    for row in only_right:
        by_shape.setdefault(without_floats(row), []).append(row)
    unmatched = []
    for row in only_left:
        candidates = by_shape.get(without_floats(row), [])
        match = next((c for c in candidates if is_close(row, c)), None)
        if match is None:
            unmatched.append(row)
        else:
            candidates.remove(match)
    rest = [row for rows in by_shape.values() for row in rows]
    if not unmatched and not rest:
        return ""
    lines = []
    for name, rows in ((names[0], unmatched), (names[1], rest)):
        for row, n in sorted(Counter(rows).items(), key=repr)[:10]:
            lines.append(f"  only in {name} (x{n}): {row}")
    return "\n".join(lines)


_duck: dict[bool, duckdb.DuckDBPyConnection] = {}


def duck_connection(is_plain: bool = False) -> duckdb.DuckDBPyConnection:
    """A database for answers as they come, and one that is told which optimizations to leave out: that setting is of the database."""
    if is_plain not in _duck:
        _duck[is_plain] = duckdb.connect()
        _duck[is_plain].execute("SET TimeZone = 'UTC'; SET threads = 1")
    return _duck[is_plain]


def duck_query(script: Script) -> tuple[str, dict[str, list[str | None]]]:
    """DuckDB's query over the rows that the steps leave behind, and its parameters."""
    ctes = []
    cells: dict[str, list[str | None]] = {}
    for table in script.tables:
        rows = script.contents[table.name]
        names = [c for c, _ in table.columns]
        if (known := script.cells.get(table.name)) is not None:  # as texts: a list is read in a fifth of the time
            columns = ", ".join(f"unnest($t{len(cells) + i})::{t} AS {c}" for i, (c, t) in enumerate(table.columns))
            cells.update({f"t{len(cells) + i}": [bare(row[i]) for row in known] for i in range(len(names))})
            ctes.append(f"{table.name} AS MATERIALIZED (SELECT {columns})")
            continue
        casts = ", ".join(f"{c}::{t} AS {c}" for c, t in table.columns)
        values = ", ".join(rows) or f"({', '.join('NULL' for _ in names)})"
        none = "" if rows else " WHERE FALSE"
        ctes.append(f"{table.name} AS MATERIALIZED (SELECT {casts} FROM (VALUES {values}) v({', '.join(names)}){none})")
    return f"WITH {', '.join(ctes)} SELECT * FROM ({script.duck}) q", cells


QUOTED = re.compile(r"(?:(?:TIMESTAMP|DATE|TIME) )?'((?:[^']|'')*)'(?:::\w+)?")
HOURS = re.compile(r"INTERVAL '(\d+)' HOUR")


def bare(literal: str) -> str | None:
    """What a cast from VARCHAR reads as the literal's value."""
    if literal == "NULL":
        return None
    if found := QUOTED.fullmatch(literal):
        return found[1].replace("''", "'")
    if found := HOURS.fullmatch(literal):
        return f"{found[1]} hours"
    return literal.split("::")[0] if literal[0] not in "{" else literal


DUCK_SECONDS = 3


def duck_rows(connection: duckdb.DuckDBPyConnection, text: str, cells: dict[str, list[str | None]]) -> list[Row]:
    """DuckDB 2.0 waits for ever in some ASOF RIGHT and FULL joins: then it is interrupted, which is an error like others."""
    watch = threading.Timer(DUCK_SECONDS, connection.interrupt)
    watch.daemon = True
    watch.start()
    try:
        return connection.execute(text, cells).fetchall()
    finally:
        watch.cancel()


def duck_answer(script: Script) -> list[Row]:
    return duck_rows(duck_connection(), *duck_query(script))


def other_answers(script: Script) -> Iterator[tuple[str, list[Row] | duckdb.Error]]:
    """What DuckDB says without all its optimizations, or without one: some queries have no plan without all."""
    connection = duck_connection(is_plain=True)
    text, cells = duck_query(script)
    known = [row[0] for row in connection.execute("SELECT name FROM duckdb_optimizers() ORDER BY name").fetchall()]
    for without in ["", *known]:
        connection.execute(f"SET disabled_optimizers = '{without}'; PRAGMA {'enable' if without else 'disable'}_optimizer")
        try:
            yield without or "at all", duck_rows(connection, text, cells)
        except duckdb.Error as error:
            yield without or "at all", error


END_OF_TIME_MS = 1798761600000


@dataclass
class Runner:
    script: Script
    net: Counter[Row] = field(default_factory=Counter)
    waits: bool = False  # a join of the stream holds rows back until the watermark says that they find no partner

    def run(self) -> None:
        self.conn = laminardb.open(":memory:")
        self.sub: Any = None
        self.is_refused = ""
        try:
            for table in self.script.tables:
                self.conn.execute(table.ddl)
            for step in self.script.steps:
                self.step(step)
                if self.sub is not None:
                    self.drain()
                    self.compare_stream(step, step is self.script.steps[-1])
            if self.waits and self.sub is not None and self.script.steps[-1].kind != "watermark":
                self.end_of_time()
            self.compare_end()
        finally:
            if self.sub is not None:
                self.sub.cancel()
            self.conn.close()

    def end_of_time(self) -> None:
        """Rows that wait come out: none that could be their partner may come any more."""
        for table in self.script.tables:
            if "WATERMARK FOR" in table.ddl:
                self.step(Step("watermark", table.name, END_OF_TIME_MS))
        self.drain()
        self.compare_stream(Step("watermark", "all", END_OF_TIME_MS), True)

    def step(self, step: Step) -> None:
        if step.kind == "sql":
            try:
                self.conn.execute(step.text)
            except laminardb.LaminarError as error:
                kind = " ".join(w for w in str(error).split("\n")[0].split() if w.isalpha())
                raise Difference(f"a statement failed: {kind}", str(error)) from error
        elif step.kind == "create":
            if self.is_refused:
                return
            try:
                self.conn.execute(step.text)
                plan = self.conn.query(f"EXPLAIN {step.text}").fetchall()
                self.waits |= any("join  interval" in line and "emit: ON WINDOW CLOSE" in line for (line,) in plan)
            except laminardb.LaminarError as error:
                if error.code != UNSUPPORTED:
                    self.refuse_or_fail(error)
                self.is_refused = str(error)
        elif step.kind == "subscribe":
            if not self.is_refused:
                try:
                    self.sub = self.conn.subscribe_stream(self.script.stream, changes=True, snapshot=True)
                except laminardb.LaminarError as error:
                    raise Difference("the stream can't be subscribed to", str(error)) from error
        elif step.kind == "recreate":
            self.recreate(step)
        elif step.kind == "transaction":
            self.transaction(step)
        elif step.kind == "watermark":
            with self.conn.writer(step.text) as writer:
                writer.watermark(step.millis)
        else:
            raise ValueError(step.kind)

    def transaction(self, step: Step) -> None:
        """Rows of several relations in one step, as values of Python."""
        try:
            with self.conn.transaction() as transaction:
                for line in step.text.split("\n"):
                    name, values = re.fullmatch(r"INSERT INTO (\w+) VALUES \((.*)\)", line).groups()  # type: ignore[union-attr]
                    columns = [c for c, _ in next(t for t in self.script.tables if t.name == name).columns]
                    # A row at a time: a null has no type of its own.
                    rows = [self.conn.query(f"SELECT {row}").fetchall()[0] for row in values.split("), (")]
                    transaction.insert(name, [dict(zip(columns, row)) for row in rows])
        except laminardb.LaminarError as error:
            kind = " ".join(w for w in str(error).split("\n")[0].split() if w.isalpha())
            raise Difference(f"a transaction failed: {kind}", str(error)) from error

    def recreate(self, step: Step) -> None:
        """The stream is dropped and made again: from what is there."""
        if self.is_refused or self.sub is None:
            return
        self.sub.cancel()
        try:
            self.conn.execute(f"DROP STREAM {self.script.stream}")
            self.conn.execute(step.text)
            self.sub = self.conn.subscribe_stream(self.script.stream, changes=True, snapshot=True)
        except laminardb.LaminarError as error:
            raise Difference("the stream can't be made again", str(error)) from error
        self.net.clear()

    def refuse_or_fail(self, error: laminardb.LaminarError) -> None:
        """An error where none is expected: DuckDB decides whether the query is at fault."""
        if self.script.duck:
            try:
                duck_answer(self.script)
            except duckdb.InterruptException:
                raise Difference("an error, and DuckDB has no answer", str(error)) from error
            except duckdb.Error as theirs:
                raise RowError(f"{error}\nDuckDB: {theirs}") from error
            _, theirs = next(other_answers(self.script))
            if isinstance(theirs, (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)):
                raise RowError(f"{error}\nDuckDB, not optimized: {theirs}") from error
        kind = " ".join(w for w in str(error).split("\n")[0].split() if w.isalpha())
        raise Difference(f"an error: {kind}", str(error))

    def shot(self, text: str) -> Counter[Row]:
        try:
            return bag(self.conn.query(text).fetchall())
        except laminardb.LaminarError as error:
            if error.code == UNSUPPORTED:
                raise Refused(str(error)) from error
            self.refuse_or_fail(error)
            raise

    def drain(self) -> None:
        try:
            while (result := self.sub.try_next()) is not None:
                for row in result.fetchall():
                    self.net[tuple(map(canonical, row[:-1]))] += row[-1]
        except laminardb.LaminarError as error:
            self.shot(self.script.shot)  # a row error there, too, is no difference
            raise Difference("the stream stopped", str(error)) from error

    def compare_stream(self, step: Step, is_last: bool) -> None:
        if step.expect == "-" or (self.script.at_end_only and not is_last and not step.expect):
            return
        if self.waits and not step.expect and not (is_last and step.kind == "watermark"):
            return
        shot = self.shot(step.expect or self.script.shot)
        net = Counter({r: n for r, n in self.net.items() if n != 0})
        if min(net.values(), default=1) < 0:
            raise Difference("the subscriber's net has a row less than none", f"after: {step.text}\n  {min(net.items(), key=lambda i: i[1])}")
        if found := difference(net, shot, ("net", "one-shot")):
            raise Difference("the subscriber's net differs from the one-shot query", f"after: {step.text}\n{found}")
        try:
            read = bag(self.conn.query(f"SELECT * FROM {self.script.stream}").fetchall())
        except laminardb.LaminarError as error:
            raise Difference("the stream can't be read", str(error)) from error
        if found := difference(read, shot, ("read", "one-shot")):
            raise Difference("SELECT * FROM the stream differs from the one-shot query", f"after: {step.text}\n{found}")

    def compare_snapshot(self, shot: Counter[Row]) -> None:
        """One who comes late gets what is there."""
        late = self.conn.subscribe_stream(self.script.stream, changes=True, snapshot=True)
        found: Counter[Row] = Counter()
        while (result := late.try_next()) is not None:
            for row in result.fetchall():
                found[tuple(map(canonical, row[:-1]))] += row[-1]
        late.cancel()
        if text := difference(+found, shot, ("snapshot", "one-shot")):
            raise Difference("the snapshot of a late subscriber differs from the one-shot query", text)

    def compare_end(self) -> None:
        shot = self.shot(self.script.shot)
        if self.script.over_streams and self.sub is not None:
            over = self.shot(self.script.over_streams)
            if found := difference(over, shot, ("over streams", "over relations")):
                raise Difference("the one-shot query over streams differs from the one over relations", found)
        if self.sub is not None:
            expect = self.script.steps[-1].expect if self.script.steps else ""
            self.compare_snapshot(self.shot(expect) if expect not in ("", "-") else shot)
        if self.script.duck:
            try:
                theirs = bag(duck_answer(self.script))
            except duckdb.Error as error:
                raise NoAnswer(f"{type(error).__name__}: {str(error).splitlines()[0]}") from error
            if found := difference(shot, theirs, ("ours", "DuckDB")):
                self.arbitrate(shot)
                raise Difference("the one-shot query differs from DuckDB", f"{found}\n  {self.script.duck}")
        if self.is_refused:
            raise Refused(self.is_refused)

    def arbitrate(self, shot: Counter[Row]) -> None:
        for without, answer in other_answers(self.script):
            if not isinstance(answer, duckdb.Error) and not difference(shot, bag(answer), ("ours", "DuckDB")):
                raise TwoAnswers(without)


def run(script: Script) -> None:
    """Raises Difference, Refused, NoAnswer, RowError or TwoAnswers."""
    Runner(script).run()


def show(script: Script) -> str:
    """The script as what somebody would type."""
    lines = [f"-- {script.name}"]
    lines += [table.ddl + ";" for table in script.tables]
    for step in script.steps:
        if step.kind == "subscribe":
            lines.append(f"-- subscribe {script.stream}")
        elif step.kind == "recreate":
            lines.append(f"DROP STREAM {script.stream}; {step.text};  -- subscribe {script.stream}")
        elif step.kind == "transaction":
            lines.append("-- a transaction:\n" + ";\n".join(step.text.split("\n")) + "; -- its end")
        elif step.kind == "watermark":
            lines.append(f"-- watermark of {step.text}: {step.millis} ms")
        else:
            lines.append(step.text + ";")
    lines.append(f"-- equals: {script.shot};")
    if script.duck:
        lines.append(f"-- DuckDB: {script.duck};")
    return "\n".join(lines)


def source(script: Script) -> str:
    """The script as an entry of regressions.py."""
    lines = ["    Script(", f"        {script.name!r},", "        ["]
    lines += [f"            Table({t.name!r}, {t.ddl!r}, {t.columns!r})," for t in script.tables]
    lines += ["        ],", "        ["]
    for step in script.steps:
        fields = [repr(step.kind), repr(step.text)] + ([repr(step.millis)] if step.millis else [])
        if step.expect:
            fields.append(f"expect={step.expect!r}")
        lines.append(f"            Step({', '.join(fields)}),")
    lines += ["        ],", f"        {script.shot!r},"]
    if script.duck:
        lines += [f"        duck={script.duck!r},", f"        contents={script.contents!r},"]
    if script.over_streams:
        lines.append(f"        over_streams={script.over_streams!r},")
    if script.at_end_only:
        lines.append("        at_end_only=True,")
    return "\n".join([*lines, "    ),"])
