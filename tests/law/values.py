"""Columns that a generated relation may have: their types in both dialects and random values, as SQL literals that both read alike.

Domains are small, so that groups, joins, ties, upserts and retractions meet; each has its nulls, edges and texts beyond the inline size.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Rng = random.Random


@dataclass(frozen=True)
class Kind:
    ours: str
    duck: str
    cat: str  # what expressions may do with it
    draw: Callable[[Rng], str]
    bound: int = 0
    bits: int = 64
    level: int = 0
    may_be_null: bool = True


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


WORDS = ["", "a", "b", "ab", "A", "zebra", "Zürich", "日本", " a ", "12", "it's", "a,b"]
LONG = ["x" * 13, "a rather long text, not inline", "same prefix 1", "same prefix 2", "twelve bytes"]
EDGES = [2**63 - 1, -(2**63) + 1, 2**53 + 1, 2**31, -(2**31), 0, 1]


def draw_wild(rng: Rng) -> str:
    return rng.choice(["'NaN'::DOUBLE", "'Infinity'::DOUBLE", "'-Infinity'::DOUBLE", "'-0.0'::DOUBLE", "0.0::DOUBLE", "1.5::DOUBLE"])


def draw_list(rng: Rng) -> str:
    return "[" + ", ".join(rng.choice(["1", "2", "NULL"]) for _ in range(rng.randrange(4))) + "]::BIGINT[]"


def draw_struct(rng: Rng) -> str:
    return f"{{'a': {rng.choice(['1', '2', 'NULL'])}, 'b': {rng.choice(['NULL', text('x'), text(LONG[1])])}}}"


def draw_date(rng: Rng) -> str:
    return f"DATE '2026-0{rng.randrange(1, 3)}-{rng.randrange(26, 29)}'"


def draw_blob(rng: Rng) -> str:
    return "'" + "".join(f"\\x{rng.choice([0, 65, 255]):02X}" for _ in range(rng.choice([0, 1, 2, 15]))) + "'::BLOB"


KINDS: dict[str, Kind] = {
    "key": Kind("BIGINT", "BIGINT", "int", lambda r: str(r.randrange(8)), 8, may_be_null=False),
    "key_int": Kind("INT", "INT", "int", lambda r: str(r.randrange(6)), 6, 32, may_be_null=False),
    "key_text": Kind("VARCHAR", "VARCHAR", "text", lambda r: text(r.choice(WORDS)), 12, may_be_null=False),
    "key_date": Kind("DATE", "DATE", "date", draw_date, may_be_null=False),
    "tiny": Kind("TINYINT", "TINYINT", "int", lambda r: str(r.randrange(-9, 10)), 9, 8),
    "small": Kind("SMALLINT", "SMALLINT", "int", lambda r: str(r.choice([-300, 300, r.randrange(-5, 6)])), 300, 16),
    "int": Kind("INT", "INT", "int", lambda r: str(r.randrange(-6, 7)), 6, 32),
    "int_edge": Kind("INT", "INT", "int", lambda r: str(r.choice([2**31 - 1, -(2**31), r.randrange(3)])), 2**31, 32),
    "big": Kind("BIGINT", "BIGINT", "int", lambda r: str(r.randrange(-5, 6)), 5),
    "big_edge": Kind("BIGINT", "BIGINT", "int", lambda r: str(r.choice(EDGES)), 2**63),
    "ushort": Kind("SMALLINT UNSIGNED", "USMALLINT", "int", lambda r: str(r.choice([0, 65535, r.randrange(6)])), 65535, 17),
    "ubig": Kind("BIGINT UNSIGNED", "UBIGINT", "int", lambda r: str(r.choice([0, 2**64 - 1, r.randrange(6)])), 2**64, 65),
    "double": Kind("DOUBLE", "DOUBLE", "double", lambda r: f"{r.choice([0.0, -1.5, 1e6, r.randrange(-40, 41) / 4])}::DOUBLE", 1000000),
    "wild": Kind("DOUBLE", "DOUBLE", "double", draw_wild, 2**200),
    "real": Kind("REAL", "REAL", "double", lambda r: f"{r.randrange(-16, 17) / 8}::REAL", 2, 32),
    "dec": Kind("DECIMAL(10,2)", "DECIMAL(10,2)", "decimal", lambda r: f"{r.choice([r.randrange(-500, 500), -99999999]) / 100:.2f}", 10**6, 10),
    "dec4": Kind("DECIMAL(18,4)", "DECIMAL(18,4)", "decimal", lambda r: f"{r.randrange(-30, 30) / 16:.4f}", 2, 18),
    "dec38": Kind("DECIMAL(38,6)", "DECIMAL(38,6)", "decimal", lambda r: r.choice(["99999999999999999999.000001", "-0.000001", "1.5", "0"]), 10**20, 38),
    "word": Kind("VARCHAR", "VARCHAR", "text", lambda r: text(r.choice(WORDS)), 12),
    "long": Kind("VARCHAR", "VARCHAR", "text", lambda r: text(r.choice(LONG)), 40),
    "bool": Kind("BOOLEAN", "BOOLEAN", "bool", lambda r: r.choice(["TRUE", "FALSE"])),
    "date": Kind("DATE", "DATE", "date", draw_date),
    "time": Kind("TIME", "TIME", "time", lambda r: f"TIME '{r.randrange(24):02}:00:{r.randrange(3):02}.5'"),
    "stamp": Kind("TIMESTAMP", "TIMESTAMP", "ts", lambda r: f"TIMESTAMP '2026-01-0{r.randrange(1, 3)} 0{r.randrange(3)}:30:00.25'"),
    "stamp_s": Kind("TIMESTAMP(0)", "TIMESTAMP_S", "ts", lambda r: f"TIMESTAMP '1969-12-31 23:5{r.randrange(6)}:59'"),
    "zoned": Kind("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", "zoned", lambda r: f"'2026-03-29 0{r.randrange(4)}:00:00+00'::TIMESTAMPTZ"),
    "interval": Kind("INTERVAL", "INTERVAL", "interval", lambda r: f"INTERVAL '{r.randrange(4)}' HOUR"),
    "blob": Kind("BYTEA", "BLOB", "blob", draw_blob),
    "uuid": Kind("UUID", "UUID", "uuid", lambda r: f"'00000000-0000-0000-0000-00000000000{r.randrange(5)}'::UUID"),
    "list": Kind("BIGINT[]", "BIGINT[]", "list", draw_list),
    "struct": Kind("STRUCT<a BIGINT, b VARCHAR>", "STRUCT(a BIGINT, b VARCHAR)", "struct", draw_struct),
}

VALUE_KINDS = [k for k in KINDS if not k.startswith("key")]
# What most columns are; the others come now and then.
COMMON_KINDS = ["int", "big", "double", "dec", "word", "bool", "date", "small"]

ORDERED = {"int", "double", "decimal", "text", "bool", "date", "ts", "zoned", "time", "blob", "uuid"}
GROUPED = ORDERED | {"list", "struct"}


def literal(rng: Rng, cat: str) -> str:
    """A constant of the category, as it may stand in a query."""
    if cat == "struct":  # a null within would have no type
        return f"{{'a': {rng.choice([1, 2])}, 'b': {rng.choice([text('x'), text(LONG[1])])}}}"
    kinds = {"int": "int", "double": "double", "decimal": "dec", "text": "word", "bool": "bool", "date": "date", "ts": "stamp", "time": "time",
             "zoned": "zoned", "blob": "blob", "uuid": "uuid", "list": "list", "struct": "struct", "interval": "interval"}
    value = KINDS[kinds[cat]].draw(rng)
    if cat == "double":
        return f"CAST({value.removesuffix('::DOUBLE')} AS DOUBLE)"
    return f"CAST({value} AS DECIMAL(10,2))" if cat == "decimal" else value
