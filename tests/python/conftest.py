"""Fixtures: an in-memory database, and one with the sources that most tests use."""

import laminardb
import pytest


@pytest.fixture
def db():
    with laminardb.open(":memory:") as connection:
        yield connection


@pytest.fixture
def trades(db):
    """A database with the source trades(sym VARCHAR, price DOUBLE, qty BIGINT)."""
    db.execute("CREATE SOURCE trades (sym VARCHAR, price DOUBLE, qty BIGINT)")
    return db
