"""Which failures of a boot may be the old Worker's doing."""

from __future__ import annotations

import errno

import pytest

from devserver.common.failure import Failure
from devserver.master.reload.contention import Held, is_held, is_suspect

NOBODY = Held()
LOCKS = Held(pids=frozenset({4711}), locks=True)
FILES = Held(pids=frozenset({4711}), files=frozenset({"/shop/data.duckdb"}))
PORT = Held(pids=frozenset({4711}), ports=frozenset({5678}))


def failure(type_: str, message: str, number: int = 0, cause: Failure | None = None) -> Failure:
    return Failure("import", type_, message, errno=number, cause=cause)


AGAIN = failure("BlockingIOError", "[Errno 11] Resource temporarily unavailable", errno.EAGAIN)
DUCKDB = failure(
    "duckdb.IOException",
    'IO Error: Could not set lock on file "/shop/data.duckdb": Conflicting lock is held in python (PID 4711)',
)


@pytest.mark.parametrize(
    ("what", "held"),
    [
        (DUCKDB, FILES),
        (DUCKDB, Held(pids=frozenset({4711}))),
        (AGAIN, LOCKS),
        (failure("shop.Busy", "no", cause=AGAIN), LOCKS),
        (failure("zc.lockfile.LockError", "Couldn't lock '/shop/Data.fs.lock'"), LOCKS),
        (failure("RuntimeError", "/shop/q is already accessed by another instance of Qdrant client"), LOCKS),
        (failure("sqlite3.OperationalError", "database is locked"), LOCKS),
        (failure("OSError", "[Errno 98] Address already in use", errno.EADDRINUSE), PORT),
        (failure("RuntimeError", "Can't listen: [Errno 98] Address already in use"), PORT),
        (failure("SystemExit", "already running (pid 4711)"), FILES),
        (failure("RuntimeError", "port 5678 is used by another process"), PORT),
    ],
)
def test_what_the_old_worker_has_and_the_new_one_asks_for(what: Failure, held: Held) -> None:
    """The new Worker is tried once the old one has left; without an old one it is the app's own fault."""
    assert is_suspect(what)
    assert is_held(what, held)
    assert not is_held(what, NOBODY)


@pytest.mark.parametrize(
    "what",
    [
        failure("ImportError", "cannot import name 'Lock' from 'shop'"),
        failure("ValueError", "4711 is no price"),
        failure("FileNotFoundError", "[Errno 2] No such file: '/shop/data.duckdb'", errno.ENOENT),
        failure("sqlite3.OperationalError", "table rooms already exists"),
    ],
)
def test_what_is_wrong_with_the_app_itself(what: Failure) -> None:
    """A name, a value or a missing file is refused at once, and the old Worker stays."""
    for held in (LOCKS, FILES, PORT):
        assert not is_held(what, held)


def test_a_lock_that_the_old_worker_has_not_is_somebody_elses() -> None:
    """It is refused, and not tried again."""
    other = failure("RuntimeError", "the lock /other/place is held by pid 99")
    assert is_suspect(other)
    assert not is_held(other, FILES)
