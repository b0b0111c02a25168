"""Random aggregate calls, with DISTINCT, FILTER and ORDER BY where they may have them."""

from __future__ import annotations

import random

from constructs import CONSTRUCTS, Support
from exprs import Col, Exprs, make
from tree import Expr
from values import GROUPED, ORDERED

MAX_GROUP = 5000  # no group has more rows

# Of one exact double or integer argument; all inexact.
MOMENTS = ["stddev_pop", "stddev_samp", "var_pop", "var_samp"]
PAIRS = ["covar_pop", "covar_samp", "corr", "regr_slope", "regr_intercept", "regr_r2", "regr_avgx", "regr_sxx", "regr_sxy"]


class Aggregates:
    def __init__(self, rng: random.Random, exprs: Exprs, support: Support) -> None:
        self.rng = rng
        self.exprs = exprs
        self.support = support
        self.used: set[str] = set()

    def draw(self, cols: list[Col], cats: list[str] | None, is_append_only: bool, level: int = 2) -> Expr:
        """One call over the columns, of one of the categories."""
        for _ in range(20):
            e = self.attempt(cols, is_append_only)
            if e and (cats is None or e.cat in cats) and (e.cat != "double" or e.level <= level):
                return e
        return make(Expr("", cat="int", bound=MAX_GROUP), "count(*)")

    def attempt(self, cols: list[Col], is_append_only: bool) -> Expr | None:
        rng = self.rng
        kind = rng.choice(["count", "sum", "minmax", "minmax", "avg", "bool", "bit", "moments", "pairs", "quantile", "ordered", "arg", "sum", "count"])
        if rng.random() < 0.02:
            kind = "mode"
        e: Expr | None = getattr(self, kind)(cols)
        if e is None or not self.support.has(f"aggregate {e.text.split('(')[0]}"):
            return None
        if self.support.has("filter") and rng.random() < CONSTRUCTS["filter"].weight:
            self.used.add("filter")
            where = self.exprs.condition(cols, 1)
            clause = " FILTER (WHERE {" + str(len(e.args)) + "})"
            e.text += clause
            e.duck = e.duck.replace("@", clause) if "@" in e.duck else e.duck + clause if e.duck else ""
            e.args = [*e.args, where]
        e.duck = e.duck.replace("@", "")
        return e

    def pick(self, cols: list[Col], cats: set[str], level: int = 1) -> Expr | None:
        """A column, or an expression over columns."""
        known = [c for c in cols if c.cat in cats and c.level <= level]
        if not known:
            return None
        col = self.rng.choice(known)
        return col.ref() if self.rng.random() < 0.75 else self.exprs.draw(cols, col.cat, 1, level)

    def is_distinct(self) -> str:
        on = self.support.has("distinct aggregate") and self.rng.random() < CONSTRUCTS["distinct aggregate"].weight
        if on:
            self.used.add("distinct aggregate")
        return "DISTINCT " if on else ""

    def count(self, cols: list[Col]) -> Expr | None:
        like = Expr("", cat="int", bound=MAX_GROUP)
        roll = self.rng.random()
        if roll < 0.3:
            return make(like, "count(*)")
        if roll < 0.45:
            return make(like, "count_if({0})", self.exprs.condition(cols, 1), duck="coalesce(count_if({0})@, 0)")
        if distinct := self.is_distinct():
            arg = self.pick(cols, GROUPED)
            return make(like, f"count({distinct}{{0}})", arg) if arg else None
        return make(like, "count({0})", self.rng.choice(cols).ref())

    def sum(self, cols: list[Col]) -> Expr | None:
        arg = self.pick(cols, {"int", "double", "decimal"})
        if arg is None or (arg.cat == "decimal" and (arg.bits > 28 or arg.bound > 10**15)):
            return None
        distinct = self.is_distinct()
        if arg.cat == "int":
            return make(arg, f"sum({distinct}{{0}})", arg, bound=arg.bound * MAX_GROUP, bits=64) if arg.bound < 2**48 else None
        if arg.cat == "decimal":
            return make(arg, f"sum({distinct}{{0}})", arg, bound=arg.bound * MAX_GROUP, bits=39)  # DECIMAL(38, as it is): not that of a column
        if arg.bits == 32:
            arg = make(arg, "CAST({0} AS DOUBLE)", arg, bits=64)
        is_exact = arg.level == 0 and (arg.bound < 2**40 or arg.bound == 2**200)
        return make(arg, f"sum({distinct}{{0}})", arg, bound=min(arg.bound * MAX_GROUP, 2**200), level=0 if is_exact else 2)

    def avg(self, cols: list[Col]) -> Expr | None:
        arg = self.pick(cols, {"int", "double", "decimal"})
        if arg is None or (arg.cat == "int" and arg.bound > 2**40) or (arg.cat == "decimal" and arg.bits > 28):
            return None
        level = 1 if arg.level == 0 and arg.bound < 2**40 and arg.cat != "decimal" else 2
        return make(Expr("", cat="double"), f"avg({self.is_distinct()}{{0}})", arg, bound=min(arg.bound, 2**200), level=level)

    def minmax(self, cols: list[Col]) -> Expr | None:
        arg = self.pick(cols, ORDERED)
        return make(arg, self.rng.choice(["min", "max"]) + "({0})", arg) if arg else None

    def bool(self, cols: list[Col]) -> Expr | None:
        return make(Expr("", cat="bool"), self.rng.choice(["bool_and", "bool_or"]) + "({0})", self.exprs.condition(cols, 1))

    def bit(self, cols: list[Col]) -> Expr | None:
        arg = self.pick(cols, {"int"})
        if arg is None or arg.bits == 65 or arg.bound >= 2**63:
            return None
        name = self.rng.choice(["bit_and", "bit_or", "bit_xor"])
        return make(Expr("", cat="int", bound=2**63), name + "(CAST({0} AS BIGINT))", arg)

    def number(self, cols: list[Col], limit: int) -> Expr | None:
        arg = self.pick(cols, {"int", "double"}, 0)
        return arg if arg and arg.bound <= limit and not (arg.cat == "int" and arg.bits == 65) else None

    def moments(self, cols: list[Col]) -> Expr | None:
        arg = self.number(cols, 10**4)
        return make(Expr("", cat="double", level=2), self.rng.choice(MOMENTS) + "({0})", arg) if arg else None

    def pairs(self, cols: list[Col]) -> Expr | None:
        a, b = self.number(cols, 1000), self.number(cols, 1000)
        if a is None or b is None:
            return None
        if self.rng.random() < 0.2:
            return make(Expr("", cat="int", bound=MAX_GROUP), "regr_count({0}, {1})", a, b)
        name = self.rng.choice(PAIRS)
        # DuckDB says NaN where a variance is zero.
        duck = "nullif(" + name + "({0}, {1})@, 'NaN'::DOUBLE)"
        return make(Expr("", cat="double", level=2), name + "({0}, {1})", a, b, duck=duck)

    def quantile(self, cols: list[Col]) -> Expr | None:
        arg = self.number(cols, 2**40)
        if arg is None:
            return None
        if arg.cat == "double" and arg.bits == 32:
            arg = make(arg, "CAST({0} AS DOUBLE)", arg, bits=64)
        form = self.rng.choice(["median({0})", "percentile_cont", "percentile_disc"])
        if form == "median({0})":
            return make(Expr("", cat="double", bound=arg.bound, level=1), form, arg)
        fraction = self.rng.choice(["0", "0.25", "0.5", "0.9", "1"])
        duck = form.replace("percentile", "quantile") + "({0}, " + fraction + ")"
        if form == "percentile_disc":
            return make(arg, form + "({0}, " + fraction + ")", arg, duck=duck)
        return make(Expr("", cat="double", bound=arg.bound, level=2), form + "({0}, " + fraction + ")", arg, duck=duck)

    def ordered(self, cols: list[Col]) -> Expr | None:
        if self.rng.random() < 0.5:
            arg = self.pick(cols, {"text"})
            descending = self.rng.choice(["", " DESC"])
            distinct = self.is_distinct()
            return make(Expr("", cat="text"), f"string_agg({distinct}{{0}}, ';' ORDER BY {{0}}{descending})", arg) if arg else None
        arg = self.pick(cols, ORDERED - {"blob", "time", "zoned", "uuid"})
        if arg is None:
            return None
        order = self.rng.choice(["NULLS FIRST", "NULLS LAST", "DESC NULLS LAST"])
        return make(Expr("", cat=f"array {arg.cat}"), f"array_agg({{0}} ORDER BY {{0}} {order})", arg)

    def arg(self, cols: list[Col]) -> Expr | None:
        unique = [c for c in cols if c.is_unique and c.cat in ORDERED]
        values = [c for c in cols if c.level < 2 and c.cat in ORDERED]
        if not unique or not values:
            return None
        name = self.rng.choice(["arg_min({0}, {1})", "arg_max({0}, {1})", "first_value({0} ORDER BY {1})", "last_value({0} ORDER BY {1})"])
        duck = name.replace("_value", "") if "value" in name else ""
        value = self.rng.choice(values).ref()
        return make(value, name, value, self.rng.choice(unique).ref(), duck=duck)

    def mode(self, cols: list[Col]) -> Expr | None:
        arg = self.pick(cols, ORDERED - {"bool"})
        return make(arg, "mode({0})", arg, has_duck=False) if arg and arg.level < 2 else None
