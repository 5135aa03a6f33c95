"""What all indexes share: documents in SQLite, embedded, in a file or in memory.

An index of a kind is a subclass, which adds tables of its own and says how to search.
"""

from __future__ import annotations

import abc
import contextlib
import functools
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Final, Self

from graphflow.components.retrieval.connections import MEMORY, Pool, connect, reporting, transaction
from graphflow.components.retrieval.document import Document
from graphflow.components.retrieval.retriever import Retriever
from graphflow.components.retrieval.rows import Row, Scalar, check_options, documents_of, ids_of, wanted_fields
from graphflow.errors import DocumentConflictError, DocumentIndexError, UnknownDocumentError

_VERSION: Final = 1

#: Whose file it is, at a fixed place in the file's header.
_KINDS: Final = {0x67666978: "SearchIndex", 0x67667678: "VectorIndex"}  # "gfix", "gfvx"

_SCHEMA: Final = (
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE documents (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, metadata TEXT NOT NULL)""",
    # What filters look at: each plain value of a document's metadata, as canonical JSON.
    """CREATE TABLE fields (
        document INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (document, key)
    ) WITHOUT ROWID""",
    "CREATE TRIGGER fields_delete AFTER DELETE ON documents BEGIN DELETE FROM fields WHERE document = old.number; END",
    "CREATE TRIGGER fields_update AFTER UPDATE ON documents BEGIN DELETE FROM fields WHERE document = old.number; END",
)

_INSERT: Final = "INSERT INTO documents (id, text, metadata) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING number"

#: What `:filter` asks for, as a table: the head of a statement with `fits` in it.
WANTED: Final = """wanted AS MATERIALIZED (
    SELECT json_extract(value, '$[0]') AS key, json_extract(value, '$[1]') AS value FROM json_each(:filter))"""


def fits(number: str) -> str:
    """Return the condition that the document of this number has all that is wanted."""
    return f"""NOT EXISTS (
        SELECT 1 FROM wanted WHERE NOT EXISTS (
            SELECT 1 FROM fields
            WHERE fields.document = {number} AND fields.key = wanted.key AND fields.value = wanted.value))"""


class DocumentIndex(abc.ABC):
    """Documents that can be searched; any number of threads may use one.

    Args:
        path: a file, created if absent and kept on disk, or `:memory:`.
    """

    _application_id: ClassVar[int]
    _tables: ClassVar[tuple[str, ...]]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = _absolute(path)
        self._writing = threading.Lock()
        with reporting(self._path):
            connection = connect(self._path)
            try:
                self._open(connection)
            except BaseException:
                connection.close()
                raise
        self._pool = Pool(self._path, connection)
        self._close_when_dropped = weakref.finalize(self, self._pool.close)

    # --- the file ---

    def _open(self, connection: sqlite3.Connection) -> None:
        """Make the file an index of this kind, or see that it is one, built with what it is opened with."""
        with transaction(connection, "IMMEDIATE"):
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if application_id == 0 and version == 0 and tables == 0:
                self._create(connection)
            else:
                self._check_kind(application_id, version)
                self._check(dict(connection.execute("SELECT key, value FROM settings")))
        # Another process may hold the file at this moment. Then it stays without WAL until it is next opened:
        # correct, only with readers and writers waiting for each other.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")

    def _create(self, connection: sqlite3.Connection) -> None:
        for statement in (*_SCHEMA, *self._tables):
            connection.execute(statement)
        connection.executemany("INSERT INTO settings VALUES (?, ?)", self._settings().items())
        connection.execute(f"PRAGMA application_id = {self._application_id}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")

    def _check_kind(self, application_id: int, version: int) -> None:
        if application_id not in _KINDS:
            raise DocumentIndexError(
                self._path, "the file is an SQLite database of something else; choose another path"
            )
        if application_id != self._application_id:
            wanted, found = _KINDS[self._application_id], _KINDS[application_id]
            raise DocumentIndexError(self._path, f"it is a {found}, not a {wanted}: each needs a file of its own")
        if version != _VERSION:
            then = "upgrade graphflow to open it" if version > _VERSION else "build the index anew"
            reason = f"the file has schema version {version}, and this graphflow reads version {_VERSION}"
            raise DocumentIndexError(self._path, f"{reason}: {then}")

    @abc.abstractmethod
    def _settings(self) -> dict[str, str]:
        """Return what a new file is to remember of how it was built."""

    @abc.abstractmethod
    def _check(self, settings: Mapping[str, str]) -> None:
        """Refuse a file that was built otherwise."""

    @property
    def path(self) -> str:
        """The file's path, or `:memory:`."""
        return self._path

    # --- documents ---

    def add(self, documents: str | Document | Iterable[str | Document]) -> list[str]:
        """Add documents, or texts, and give their ids, in order. What is in the index already is not added again.

        Raises:
            DocumentConflictError: an id belongs to a document with another text or other metadata.
            TypeError: not documents or texts, or metadata that JSON cannot hold.
            ValueError: an empty id, or text that is not Unicode (a lone surrogate).
        """
        rows = self._rows(documents, "add")
        with self._changing(rows) as connection:
            for row in rows:
                self._insert(connection, row)
        return [row.id for row in rows]

    def _insert(self, connection: sqlite3.Connection, row: Row) -> None:
        inserted = connection.execute(_INSERT, (row.id, row.text, row.metadata)).fetchall()
        if inserted:
            self._keep(connection, inserted[0][0], row)
            return
        there = connection.execute("SELECT text, metadata FROM documents WHERE id = ?", (row.id,)).fetchone()
        if not row.is_kept_as(*there):
            raise DocumentConflictError(self._path, row.id)

    def update(self, documents: Document | Iterable[Document]) -> None:
        """Replace text and metadata of the documents with these ids.

        Raises:
            UnknownDocumentError: an id is not in the index; then nothing is replaced. Else as `add`.
        """
        rows = self._rows(documents, "update")
        with self._changing(rows) as connection:
            unknown = []
            for row in rows:
                statement = "UPDATE documents SET text = ?, metadata = ? WHERE id = ? RETURNING number"
                updated = connection.execute(statement, (row.text, row.metadata, row.id)).fetchall()
                if updated:
                    self._keep(connection, updated[0][0], row)
                else:
                    unknown.append(row.id)
            if unknown:
                raise UnknownDocumentError(self._path, unknown)

    def delete(self, ids: str | Iterable[str]) -> int:
        """Delete the documents with these ids, and say how many there were; unknown ids are ignored."""
        listed = json.dumps(ids_of(ids))
        with self._changing() as connection:
            statement = "DELETE FROM documents WHERE id IN (SELECT value FROM json_each(?))"
            return connection.execute(statement, (listed,)).rowcount

    def get(self, ids: str | Iterable[str]) -> list[Document]:
        """Give the documents with these ids, in this order.

        Raises:
            UnknownDocumentError: an id is not in the index.
        """
        wanted = ids_of(ids)
        with self._pool.connection() as connection:
            statement = "SELECT id, text, metadata FROM documents WHERE id IN (SELECT value FROM json_each(?))"
            rows = connection.execute(statement, (json.dumps(wanted),)).fetchall()
        found = {id: Document(text, json.loads(metadata), id) for id, text, metadata in rows}
        unknown = [id for id in dict.fromkeys(wanted) if id not in found]
        if unknown:
            raise UnknownDocumentError(self._path, unknown)
        return [found[id] for id in wanted]

    def __len__(self) -> int:
        with self._pool.connection() as connection:
            count: int = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
            return count

    def _rows(self, documents: object, verb: str) -> list[Row]:
        """Return what `verb` was given as rows, complete."""
        return [Row.of(document) for document in documents_of(documents)]

    def _keep(self, connection: sqlite3.Connection, number: int, row: Row) -> None:
        """Keep what is searched besides the text of a document that has been written."""
        fields = [(number, key, value) for key, value in row.fields]
        connection.executemany("INSERT INTO fields (document, key, value) VALUES (?, ?, ?)", fields)

    @contextlib.contextmanager
    def _changing(self, rows: Sequence[Row] = ()) -> Iterator[sqlite3.Connection]:
        """Make a change, wholly or not at all, that brings these rows."""
        # Threads queue up here, since SQLite's own waiting for other writers is a poll.
        with self._writing, self._pool.connection() as connection, transaction(connection, "IMMEDIATE"):
            yield connection

    # --- searching ---

    @abc.abstractmethod
    def search(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Mapping[str, Scalar] | None = None,
        min_score: float | None = None,
    ) -> list[Document]:
        """Give the best `k` documents, best first, each with its `score`.

        Args:
            query: any text.
            k: how many documents at most; 1 or more.
            filter: only documents whose metadata has all these keys with equal values (as in Python, but that
                True is not 1). Values are str, int, float, bool or None.
            min_score: only documents with at least this score.

        Raises:
            TypeError, ValueError: an argument is not as said above.
        """

    def as_retriever(
        self,
        *,
        k: int = 4,
        filter: Mapping[str, Scalar] | None = None,
        min_score: float | None = None,
        name: str = "retriever",
    ) -> Retriever:
        """Return a chain from a query to documents, which blocks no event loop. Args as for `search`."""
        check_options(k, min_score)
        wanted_fields(filter)
        return Retriever(self._searcher(k, dict(filter or {}), min_score), name=name)

    def _searcher(
        self, k: int, filter: Mapping[str, Scalar], min_score: float | None
    ) -> Callable[[str], list[Document]] | Callable[[str], Awaitable[list[Document]]]:
        return functools.partial(self.search, k=k, filter=filter, min_score=min_score)

    # --- closing ---

    def close(self) -> None:
        """Close the index; again is fine. Calls that other threads have under way end normally."""
        self._close_when_dropped()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._path!r})"


def _absolute(path: str | os.PathLike[str]) -> str:
    # Connections are opened later, too, when the working directory may be another.
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"path is a str or a path, not {type(path).__name__}")
    if not text or "\0" in text:
        raise ValueError(f"path is a file's path or ':memory:', not {text!r}")
    return text if text == MEMORY else os.path.abspath(text)
