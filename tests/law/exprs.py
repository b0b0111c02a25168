"""Random expressions, typed: what they may read is a list of columns, what they give is asked for by category.

Nothing here may fail on a row: numbers carry bounds, divisors are guarded, texts are cast with TRY_CAST. What isn't exact (level 2) is
never compared, grouped, cast or sorted by.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tree import Expr
from values import GROUPED, KINDS, LONG, ORDERED, WORDS, literal, text

INT64 = 2**62


@dataclass(slots=True)
class Col:
    """A column of a query's input or output. `expr` is how it is referred to (inputs) or None (outputs)."""

    name: str
    cat: str
    bound: int = 0
    bits: int = 64
    level: int = 0
    expr: Expr | None = None
    is_unique: bool = False
    is_event: bool = False  # the time of a watermarked source, passed on unchanged
    has_duck: bool = True

    def ref(self) -> Expr:
        assert self.expr
        return self.expr


def col_of(name: str, e: Expr) -> Col:
    return Col(name, e.cat, e.bound, e.bits, e.level, has_duck=e.has_duck)


def leaf(col: Col, sql: str) -> Col:
    return replace(col, expr=Expr(sql, cat=col.cat, bound=col.bound, bits=col.bits, level=col.level, is_atom=True, is_column=True, has_duck=col.has_duck))


def make(like: Expr, template: str, *args: Expr, duck: str = "", **change: object) -> Expr:
    e = Expr(template, list(args), duck, like.cat, like.bound, like.bits, like.level)
    for name, value in change.items():
        setattr(e, name, value)
    e.has_duck = e.has_duck and all(a.has_duck for a in args)
    return e


@dataclass(frozen=True)
class Function:
    """A function or operator: categories of its arguments, and templates. `bound` from the arguments' bounds."""

    result: str
    args: tuple[str, ...]
    ours: str
    duck: str = ""
    bound: Callable[..., int] | None = None
    level: int = 1
    agrees: bool = True  # with DuckDB


FUNCTIONS: dict[str, Function] = {
    "length": Function("int", ("text",), "length({0})", bound=lambda: 1000),
    "octet_length": Function("int", ("text",), "octet_length({0})", "strlen({0})", bound=lambda: 4000),
    "strpos": Function("int", ("text", "text"), "strpos({0}, {1})", bound=lambda: 1000),
    "sign": Function("int", ("int",), "sign({0})", bound=lambda: 1),
    "bit_and_op": Function("int", ("int", "int"), "(CAST({0} AS BIGINT) & CAST({1} AS BIGINT))", bound=lambda: 2**63),
    "bit_or_op": Function("int", ("int", "int"), "(CAST({0} AS BIGINT) | CAST({1} AS BIGINT))", bound=lambda: 2**63),
    "bit_count": Function("int", ("int",), "bit_count(CAST({0} AS BIGINT))", bound=lambda: 64),
    "year": Function("int", ("ts",), "extract(year FROM {0})", bound=lambda: 3000),
    "day": Function("int", ("ts",), "extract(day FROM {0})", bound=lambda: 31),
    "hour": Function("int", ("ts",), "extract(hour FROM {0})", bound=lambda: 24),
    "minute": Function("int", ("ts",), "extract(minute FROM {0})", bound=lambda: 60),
    "second": Function("int", ("ts",), "extract(second FROM {0})", bound=lambda: 60),
    "month_date": Function("int", ("date",), "extract(month FROM {0})", bound=lambda: 12),
    "dayofweek": Function("int", ("date",), "dayofweek({0})", bound=lambda: 7),
    "week": Function("int", ("date",), "week({0})", bound=lambda: 53),
    "dayofyear": Function("int", ("date",), "dayofyear({0})", bound=lambda: 366),
    "date_minus": Function("int", ("date", "date"), "({0} - {1})", bound=lambda: 100000),
    "date_diff": Function("int", ("ts", "ts"), "date_diff('hour', {0}, {1})", bound=lambda: 10**6),
    "bool_int": Function("int", ("bool",), "CAST({0} AS INT)", bound=lambda: 1),
    "try_int": Function("int", ("text",), "TRY_CAST({0} AS INT)", bound=lambda: 10**6, agrees=False),
    "levenshtein": Function("int", ("text", "text"), "levenshtein({0}, {1})", bound=lambda: 1000, agrees=False),
    "list_length": Function("int", ("list",), "len({0})", bound=lambda: 100),
    "list_at": Function("int", ("list",), "({0})[1]", bound=lambda: 2**63),
    "struct_a": Function("int", ("struct",), "({0}).a", bound=lambda: 2**63),
    "struct_b": Function("text", ("struct",), "({0}).b"),
    "epoch_ms": Function("int", ("ts",), "epoch_ms({0})", bound=lambda: 2**45),
    "upper": Function("text", ("text",), "upper({0})"),
    "lower": Function("text", ("text",), "lower({0})"),
    "trim": Function("text", ("text",), "trim({0})"),
    "ltrim": Function("text", ("text",), "ltrim({0})"),
    "rtrim": Function("text", ("text",), "rtrim({0}, 'a')"),
    "reverse": Function("text", ("text",), "reverse({0})"),
    "substr": Function("text", ("text",), "substr({0}, 2, 3)"),
    "left": Function("text", ("text",), "left({0}, 2)"),
    "right": Function("text", ("text",), "right({0}, 3)"),
    "lpad": Function("text", ("text",), "lpad({0}, 4, '*')"),
    "rpad": Function("text", ("text",), "rpad({0}, 15, 'ü')"),
    "repeat": Function("text", ("text",), "repeat(left({0}, 4), 3)"),
    "replace": Function("text", ("text", "text"), "replace({0}, 'a', left({1}, 3))"),
    "split_part": Function("text", ("text",), "split_part({0}, ',', 2)"),
    "translate": Function("text", ("text",), "translate({0}, 'abü', 'bA')"),
    "append": Function("text", ("text", "text"), "(left({0}, 20) || left({1}, 20))"),
    "concat": Function("text", ("text", "int"), "concat(left({0}, 20), {1}, '-')"),
    "concat_ws": Function("text", ("text", "text"), "concat_ws('/', left({0}, 20), left({1}, 20))"),
    "md5": Function("text", ("text",), "md5({0})"),
    "regexp_replace": Function("text", ("text",), "regexp_replace({0}, '[ab]+', '<>', 'g')"),
    "int_text": Function("text", ("int",), "CAST({0} AS VARCHAR)"),
    "dec_text": Function("text", ("decimal",), "CAST({0} AS VARCHAR)"),
    "bool_text": Function("text", ("bool",), "CAST({0} AS VARCHAR)"),
    "date_text": Function("text", ("date",), "CAST({0} AS VARCHAR)"),
    "ts_text": Function("text", ("ts",), "strftime({0}, '%Y-%m-%d %H:%M')"),
    "double_text": Function("text", ("double",), "CAST({0} AS VARCHAR)", "replace(replace(CAST({0} AS VARCHAR), 'inf', 'Infinity'), 'nan', 'NaN')"),
    "int_double": Function("double", ("int",), "CAST({0} AS DOUBLE)"),
    "dec_double": Function("double", ("decimal",), "CAST({0} AS DOUBLE)"),
    "floor": Function("double", ("double",), "floor({0})"),
    "ceil": Function("double", ("double",), "ceil({0})"),
    "round": Function("double", ("double",), "round({0})"),
    "trunc": Function("double", ("double",), "trunc({0})"),
    "abs_double": Function("double", ("double",), "abs({0})"),
    "sqrt": Function("double", ("double",), "sqrt(abs({0}))"),
    "atan": Function("double", ("double",), "atan({0})", level=2),
    "cbrt": Function("double", ("double",), "cbrt({0})", level=2),
    "tanh": Function("double", ("double",), "tanh({0})", level=2),
    "int_decimal": Function("decimal", ("int",), "CAST(CAST({0} AS BIGINT) AS DECIMAL(22,2))", bound=lambda: 2**63),
    "round_decimal": Function("decimal", ("decimal",), "round({0}, 1)", bound=lambda: 10**20),
    "abs_decimal": Function("decimal", ("decimal",), "abs({0})", bound=lambda: 10**20),
    "date_ts": Function("ts", ("date",), "CAST({0} AS TIMESTAMP)"),
    "trunc_ts": Function("ts", ("ts",), "date_trunc('hour', {0})"),
    "ts_plus": Function("ts", ("ts",), "({0} + INTERVAL '90' MINUTE)"),
    "ts_minus_month": Function("ts", ("ts",), "({0} - INTERVAL '1' MONTH)"),
    "ts_date": Function("date", ("ts",), "CAST({0} AS DATE)"),
    "date_plus": Function("date", ("date",), "({0} + 3)"),
    "last_day": Function("date", ("date",), "last_day({0})"),
    "starts_with": Function("bool", ("text", "text"), "starts_with({0}, {1})"),
    "contains": Function("bool", ("text", "text"), "contains({0}, {1})"),
    "regexp": Function("bool", ("text",), "regexp_matches({0}, '^[a-z]+$')"),
    "list_contains": Function("bool", ("list",), "list_contains({0}, 2)"),
    "int_bool": Function("bool", ("int",), "CAST({0} AS BOOLEAN)"),
    "is_true": Function("bool", ("bool",), "({0} IS NOT TRUE)"),
    "is_false": Function("bool", ("bool",), "({0} IS FALSE)"),
    "isnan": Function("bool", ("double",), "isnan({0})"),
}


class Exprs:
    """Draws expressions. `off` are names of functions that the engine refuses."""

    def __init__(self, rng: random.Random, off: set[str]) -> None:
        self.rng = rng
        self.off = off
        self.by_result: dict[str, list[str]] = {}
        for name, f in FUNCTIONS.items():
            if name not in off:
                self.by_result.setdefault(f.result, []).append(name)

    # --- leaves

    def constant(self, cat: str) -> Expr:
        rng = self.rng
        if cat == "int":
            n = rng.choice([0, 1, 2, 3, 5, rng.randrange(-9, 10)])
            return Expr(str(n) if n >= 0 else f"({n})", bound=abs(n), bits=8, is_atom=True)
        if cat == "text":
            return Expr(text(rng.choice(WORDS + LONG[:1])), cat=cat, is_atom=True)
        bound = {"double": 1000000, "decimal": 10**6}.get(cat, 0)
        return Expr(literal(rng, cat), cat=cat, bound=bound, bits=10 if cat == "decimal" else 64, is_atom=True)

    def null(self, cat: str) -> Expr | None:
        types = {"int": "INT", "double": "DOUBLE", "text": "VARCHAR", "bool": "BOOLEAN", "date": "DATE", "ts": "TIMESTAMP", "decimal": "DECIMAL(10,2)"}
        return Expr(f"CAST(NULL AS {types[cat]})", cat=cat, bits=8, is_atom=True) if cat in types else None

    def columns(self, cols: list[Col], cat: str, level: int = 2) -> list[Col]:
        return [c for c in cols if c.cat == cat and c.level <= level]

    def leaf(self, cols: list[Col], cat: str, level: int) -> Expr:
        found = self.columns(cols, cat, level)
        if found and self.rng.random() < 0.85:
            return self.rng.choice(found).ref()
        if self.rng.random() < 0.08 and (null := self.null(cat)):
            return null
        return self.constant(cat)

    # --- expressions

    def draw(self, cols: list[Col], cat: str, depth: int, level: int = 2) -> Expr:
        """An expression of that category; of a double at most so inexact."""
        rng = self.rng
        if cat.startswith("array"):  # of what it was made of is not known
            return rng.choice(self.columns(cols, cat)).ref()
        if depth <= 0 or rng.random() < 0.3:
            return self.leaf(cols, cat, level)
        if cat == "bool":
            return self.condition(cols, depth)
        roll = rng.random()
        if roll < 0.2:
            return self.generic(cols, cat, depth, level)
        if roll < 0.6 and cat in ("int", "double", "decimal"):
            return self.arithmetic(cols, cat, depth, level)
        names = self.by_result.get(cat, [])
        if names:
            return self.call(cols, rng.choice(names), depth, level)
        return self.generic(cols, cat, depth, level)

    def call(self, cols: list[Col], name: str, depth: int, level: int) -> Expr:
        f = FUNCTIONS[name]
        if f.result == "double" and f.level > level:
            return self.leaf(cols, f.result, level)
        needs = [c for c in f.args if c in ("list", "struct", "date", "ts", "decimal")]
        if any(not self.columns(cols, c) for c in needs) and self.rng.random() < 0.7:
            return self.leaf(cols, f.result, level)
        is_smooth = f.result == "double" and name not in ("floor", "ceil", "round", "trunc")
        args = [self.draw(cols, c, depth - 1, level if is_smooth else 1) for c in f.args]
        if name == "dec_text" or f.result == "double":
            if name == "int_double" and args[0].bound >= 2**53:
                return self.leaf(cols, "double", level)
        if name in ("bit_and_op", "bit_or_op", "bit_count", "int_decimal") and args[0].bound >= 2**63:
            return self.leaf(cols, f.result, level)
        if name in ("bit_and_op", "bit_or_op") and args[1].bound >= 2**63:
            return self.leaf(cols, f.result, level)
        if name in ("date_plus", "last_day", "ts_plus", "ts_minus_month") and depth < 1:
            return args[0]
        if name in ("round_decimal", "abs_decimal") and args[0].bits > 30:
            return args[0]
        bound = f.bound() if f.bound else max((a.bound for a in args), default=0)
        lvl = 0
        if f.result == "double":
            exact = {"int_double", "floor", "ceil", "round", "trunc", "abs_double"}
            lvl = max([a.level for a in args] + [0 if name in exact else f.level])
        bits = max(args[0].bits, 22) if f.result == "decimal" else 64
        e = Expr(f.ours, args, f.duck, f.result, bound, bits, lvl)
        e.has_duck = f.agrees and all(a.has_duck for a in args)
        return e

    def arithmetic(self, cols: list[Col], cat: str, depth: int, level: int) -> Expr:
        rng = self.rng
        a, b = self.draw(cols, cat, depth - 1, level), self.draw(cols, cat, depth - 1, level)
        op = rng.choice(["+", "-", "*", "/", "%", "neg"])
        if cat == "decimal":
            return self.decimal_arithmetic(a, b, op)
        if cat == "double":
            return self.double_arithmetic(a, b, op, level)
        if a.bound >= INT64 or b.bound >= INT64:
            return a
        if op == "neg":
            a = self.widened(a, a.bound + 1)
            return make(a, "(- {0})", a)
        bound = {"+": a.bound + b.bound, "-": a.bound + b.bound, "*": a.bound * b.bound, "/": a.bound, "%": min(a.bound, b.bound)}[op]
        if bound >= INT64:
            return a
        a, b = self.widened(a, bound), self.widened(b, bound)
        bits = max(a.bits, b.bits)
        if op in "/%":
            guarded = "CASE WHEN {1} <> 0 THEN {0} " + op + " {1} END"
            return make(a, guarded, a, b, duck=guarded.replace(" / ", " // "), bound=bound, bits=bits)
        return make(a, "({0} " + op + " {1})", a, b, bound=bound, bits=bits)

    def widened(self, e: Expr, bound: int) -> Expr:
        """As BIGINT where a narrow or unsigned type could overflow."""
        if e.bits in (17, 65) or (e.bits < 64 and bound >= 2 ** (e.bits - 1)):
            return make(e, "CAST({0} AS BIGINT)", e, bits=64)
        return e

    def decimal_arithmetic(self, a: Expr, b: Expr, op: str) -> Expr:
        if a.bits + b.bits > 34:
            return a
        if op in "+-":
            return make(a, "({0} " + op + " {1})", a, b, bound=a.bound + b.bound, bits=max(a.bits, b.bits) + 6)
        if op == "*":
            return make(a, "({0} * {1})", a, b, bound=a.bound * b.bound, bits=a.bits + b.bits)
        return make(a, "(- {0})", a)

    def double_arithmetic(self, a: Expr, b: Expr, op: str, level: int) -> Expr:
        if op == "neg":
            return make(a, "(- {0})", a)
        if a.bits == 32 or b.bits == 32:  # REAL: its arithmetic rounds earlier
            a, b = (make(e, "CAST({0} AS DOUBLE)", e, bits=64) for e in (a, b))
        inexact = max(a.level, b.level)
        if op in "/%":
            if level < 1 or op == "%":
                return a
            return make(a, "CASE WHEN {1} <> 0 THEN {0} / {1} END", a, b, bound=2**200, level=max(1, inexact), bits=64)
        bound = a.bound * b.bound if op == "*" else a.bound + b.bound
        exact = inexact if bound < 2**40 else max(1, inexact)
        if exact > level:
            return a
        return make(a, "({0} " + op + " {1})", a, b, bound=min(bound, 2**200), level=exact, bits=64)

    def generic(self, cols: list[Col], cat: str, depth: int, level: int) -> Expr:
        rng = self.rng
        a, b = self.draw(cols, cat, depth - 1, level), self.draw(cols, cat, depth - 1, level)
        joined: dict[str, Any] = {"bound": max(a.bound, b.bound), "bits": max(a.bits, b.bits), "level": max(a.level, b.level)}
        if cat == "int" and 65 in (a.bits, b.bits):
            return a
        if cat == "decimal" and (joined["bits"] > 30 and a.bits != b.bits or joined["bits"] == 39):
            return a
        forms = ["case", "case_value", "coalesce"]
        if cat in ORDERED and joined["level"] < 2:
            forms += ["nullif", "greatest", "least"]
        form = rng.choice(forms)
        if form == "case":
            return make(a, "CASE WHEN {0} THEN {1} ELSE {2} END", self.draw(cols, "bool", depth - 1), a, b, **joined)
        if form == "case_value":
            probe = self.draw(cols, "int", 0)
            return make(a, "CASE {0} WHEN {1} THEN {2} WHEN {3} THEN {4} END", probe, self.constant("int"), a, self.constant("int"), b, **joined)
        if form == "nullif":
            return make(a, "nullif({0}, {1})", a, b)
        return make(a, form + "({0}, {1})", a, b, **joined)

    def condition(self, cols: list[Col], depth: int) -> Expr:
        rng = self.rng
        like = Expr("", cat="bool")
        roll = rng.random()
        if depth >= 2 and roll < 0.3:
            a, b = self.condition(cols, depth - 1), self.condition(cols, depth - 1)
            return make(like, rng.choice(["({0} AND {1})", "({0} OR {1})", "({0} AND {1})", "(NOT ({0} OR {1}))"]), a, b)
        if roll < 0.36 and cols:
            return make(like, rng.choice(["({0} IS NULL)", "({0} IS NOT NULL)"]), rng.choice(cols).ref())
        if roll < 0.42 and self.columns(cols, "bool"):
            return make(like, rng.choice(["{0}", "(NOT {0})"]), rng.choice(self.columns(cols, "bool")).ref())
        if roll < 0.5:
            name = rng.choice(self.by_result["bool"])
            return self.call(cols, name, depth, 1)
        return self.comparison(cols, depth)

    def comparison(self, cols: list[Col], depth: int) -> Expr:
        rng = self.rng
        like = Expr("", cat="bool")
        known = [c for c in cols if c.cat in ORDERED and c.level < 2]
        cat = rng.choice(known).cat if known else "int"
        a, b = self.draw(cols, cat, depth - 1, 1), self.draw(cols, cat, depth - 1, 1)
        if a.is_atom and b.is_atom and a.text == b.text or cat == "decimal" and 39 in (a.bits, b.bits):
            b = self.constant(cat)
        form = rng.choice(["cmp", "cmp", "cmp", "distinct", "between", "in", "like"])
        if form == "like" and cat == "text":
            pattern = Expr(rng.choice(["'%a%'", "'a%'", "'%ü%'", "'_'", "''"]), cat="text", is_atom=True)
            return make(like, "({0} " + rng.choice(["LIKE", "NOT LIKE", "ILIKE"]) + " {1})", a, pattern)
        if form == "distinct":
            return make(like, "({0} " + rng.choice(["IS DISTINCT FROM", "IS NOT DISTINCT FROM"]) + " {1})", a, b)
        if form == "between":
            return make(like, "({0} " + rng.choice(["BETWEEN", "NOT BETWEEN"]) + " {1} AND {2})", a, b, self.constant(cat))
        if form == "in":
            return make(like, "({0} " + rng.choice(["IN", "NOT IN"]) + " ({1}, {2}, {3}))", a, b, self.constant(cat), self.constant(cat))
        op = rng.choice(["=", "<>", "<", "<=", ">", ">="])
        if cat == "int" and rng.random() < 0.1 and 65 not in (a.bits, b.bits) and a.bound < 2**50:
            b = self.draw(cols, "double", 0, 1)
        return make(like, "({0} " + op + " {1})", a, b)


def groupable(cols: list[Col]) -> list[Col]:
    return [c for c in cols if c.cat in GROUPED and c.level < 2]


def kind_col(name: str, kind: str) -> Col:
    k = KINDS[kind]
    return Col(name, k.cat, k.bound, k.bits, k.level)
