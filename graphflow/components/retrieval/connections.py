"""Connections to an SQLite file, for any number of threads."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from typing import Final, Literal, final

from graphflow.errors import DocumentIndexError

MEMORY: Final = ":memory:"

_OLDEST: Final = (3, 35)
_MAX_CONNECTIONS: Final = 16
_BUSY_SECONDS: Final = 30.0


@contextlib.contextmanager
def reporting(path: str) -> Iterator[None]:
    """Tell of SQLite's errors as those of the index with this path."""
    try:
        yield
    except sqlite3.Error as error:
        raise DocumentIndexError(path, str(error)) from error


def connect(path: str) -> sqlite3.Connection:
    """Open a file, or a database in memory.

    Raises:
        DocumentIndexError: this Python's SQLite is too old.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise DocumentIndexError(path, f"it needs SQLite {oldest} or later, and this is {sqlite3.sqlite_version}")
    # The pool, not SQLite's Python module, sees to it that one thread at a time uses a connection.
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")  # the right one for WAL: a crash never corrupts
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, mode: Literal["IMMEDIATE", "DEFERRED"]) -> Iterator[None]:
    """All or nothing, and one state of the file from begin to end.

    Args:
        connection: no other transaction of it is open.
        mode: IMMEDIATE, to write, takes the write lock first, since a reader that becomes a writer may not wait.
    """
    connection.execute(f"BEGIN {mode}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it by itself after some errors
            connection.execute("ROLLBACK")
        raise


@final
class Pool:
    """Connections, each used by one thread at a time; beyond a number of them, threads wait.

    Not one per thread, since the worker threads of a runtime come and go and would leave theirs open. A database in
    memory *is* its connection, so it has one.

    Args:
        path: the file, for further connections.
        connection: the first one, which the pool closes from now on.
    """

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._permits = threading.Semaphore(1 if path == MEMORY else _MAX_CONNECTIONS)
        self._lock = threading.Lock()
        self._idle = [connection]
        self._closed = False

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to the thread that asks."""
        with self._permits, reporting(self._path):
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise DocumentIndexError(self._path, "it is closed")
            if self._idle:
                return self._idle.pop()
        return connect(self._path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle now and what is in use as soon as it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
