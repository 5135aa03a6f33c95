"""Documents, and a full-text index of them: SQLite FTS5, embedded, in a file or in memory.

>>> with SearchIndex.from_texts(["harrison worked at kensho", "harrison likes spicy food"]) as index:
...     [document.text for document in index.search("where did harrison work?", k=1)]
['harrison worked at kensho']
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import sqlite3
import threading
import unicodedata
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import attrs

from graphflow.errors import GraphflowError

if TYPE_CHECKING:
    from graphflow.components.retriever import Retriever

Scalar: TypeAlias = str | int | float | bool | None

_DEFAULT_TOKENIZER = "unicode61 remove_diacritics 2"
_APPLICATION_ID = 0x67666978  # "gfix", at a fixed place in the file's header
_SCHEMA_VERSION = 1
_MAX_CONNECTIONS = 16
_BUSY_SECONDS = 30.0
# bm25 is a sum over words, so a long query may be asked in groups and added up. One group would take time
# quadratic in its words: 24 s for a megabyte of them, against 1.5 s in groups.
_WORDS_PER_GROUP = 64
_NAMESPACE = uuid.UUID("6f9c2c9e-54a1-5b0e-9a53-0c5f5a2a9f4d")

_SCHEMA = (
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE documents (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, metadata TEXT NOT NULL)""",
    # What filters look at: each plain value of a document's metadata, as canonical JSON.
    """CREATE TABLE fields (
        document INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (document, key)
    ) WITHOUT ROWID""",
    """CREATE TRIGGER documents_insert AFTER INSERT ON documents BEGIN
        INSERT INTO words (rowid, text) VALUES (new.number, new.text);
    END""",
    """CREATE TRIGGER documents_delete AFTER DELETE ON documents BEGIN
        INSERT INTO words (words, rowid, text) VALUES ('delete', old.number, old.text);
        DELETE FROM fields WHERE document = old.number;
    END""",
    """CREATE TRIGGER documents_update AFTER UPDATE ON documents BEGIN
        INSERT INTO words (words, rowid, text) VALUES ('delete', old.number, old.text);
        INSERT INTO words (rowid, text) VALUES (new.number, new.text);
        DELETE FROM fields WHERE document = old.number;
    END""",
)

_INSERT = "INSERT INTO documents (id, text, metadata) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING number"

# The best k are chosen before any text is read. MATERIALIZED, because bm25() may not stand inside an aggregate.
_SEARCH = """
WITH hits AS MATERIALIZED (
    SELECT words.rowid AS number, -bm25(words) AS score
    FROM json_each(:groups) AS word_group CROSS JOIN words
    WHERE words MATCH word_group.value AND NOT EXISTS (
        SELECT 1 FROM json_each(:filter) AS wanted WHERE NOT EXISTS (
            SELECT 1 FROM fields WHERE fields.document = words.rowid
                AND fields.key = json_extract(wanted.value, '$[0]')
                AND fields.value = json_extract(wanted.value, '$[1]')))),
best AS MATERIALIZED (
    SELECT number, sum(score) AS score FROM hits GROUP BY number ORDER BY 2 DESC, 1 LIMIT :k)
SELECT id, text, metadata, score FROM best JOIN documents USING (number) ORDER BY score DESC, number
"""


# --- documents --------------------------------------------------------------------------------------------


def _copied(metadata: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata is a mapping, not {type(metadata).__name__}")
    return dict(metadata)


def _must_be_str(document: object, field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{field.name} of a Document is a str, not {type(value).__name__}")


def _id_of_content(document: Document) -> str:
    try:
        content = json.dumps([document.text, document.metadata], sort_keys=True, default=_stable_text)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"no id can be made for a document with this metadata ({error}): give it an id=") from None
    return str(uuid.uuid5(_NAMESPACE, content))


def _stable_text(value: object) -> object:
    # The order of a set changes with the hash seed; an id must not.
    return sorted(map(repr, value)) if isinstance(value, set | frozenset) else str(value)


@attrs.frozen(repr=False)
class Document:
    """A text with metadata: what retrievers give.

    Without an `id` it gets one made from its text and metadata, a UUID: equal documents have equal ids in every
    process, so indexing the same documents again adds nothing. `score` says how well a search result matches
    (higher is better) and has no part in equality.

    Raises:
        TypeError: text or id is not a str, metadata is not a mapping, or no id can be made from it.

    >>> Document("a text").id == Document("a text").id
    True
    """

    text: str = attrs.field(validator=_must_be_str)
    metadata: Mapping[str, Any] = attrs.field(factory=dict, converter=_copied, hash=False)
    id: str = attrs.field(default=attrs.Factory(_id_of_content, takes_self=True), validator=_must_be_str)
    score: float | None = attrs.field(default=None, eq=False, kw_only=True)

    def __repr__(self) -> str:
        text = repr(self.text) if len(self.text) <= 120 else f"{self.text[:100]!r}... ({len(self.text)} characters)"
        metadata = f", metadata={self.metadata!r}" if self.metadata else ""
        score = "" if self.score is None else f", score={self.score:.4g}"
        return f"Document({text}{metadata}, id={self.id!r}{score})"


# --- errors -----------------------------------------------------------------------------------------------


class SearchIndexError(GraphflowError):
    """The index cannot be opened, read or written.

    Attributes:
        path: the index's file, or `:memory:`.
        reason: why, in words.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"search index {self.path!r}: {self.reason}"


class UnknownDocumentError(SearchIndexError, KeyError):
    """No document of the index has these ids.

    Attributes:
        ids: the unknown ids.
    """

    def __init__(self, path: str, ids: Sequence[str]) -> None:
        more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
        super().__init__(path, f"no document with id {', '.join(map(repr, ids[:5]))}{more}")
        self.ids = tuple(ids)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.ids)

    __str__ = SearchIndexError.__str__


class DocumentConflictError(SearchIndexError, ValueError):
    """`add` was given a document whose id belongs to another one; `update` replaces.

    Attributes:
        id: that id.
    """

    def __init__(self, path: str, id: str) -> None:
        super().__init__(path, f"id {id!r} already belongs to another document; to replace that one, use update()")
        self.id = id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.id)


@contextlib.contextmanager
def _reporting(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise SearchIndexError(path, str(error)) from error


# --- connections ------------------------------------------------------------------------------------------


class _Pool:
    """Connections, each used by one thread at a time; at most `limit` of them, beyond which threads wait.

    Not one per thread, since the worker threads of a runtime come and go and would leave theirs open. A memory
    database *is* its connection, so its limit is one.
    """

    def __init__(self, path: str, connect: Callable[[], sqlite3.Connection], limit: int) -> None:
        self._path = path
        self._connect = connect
        self._permits = threading.Semaphore(limit)
        self._lock = threading.Lock()
        self._idle = [connect()]
        self._closed = False

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        with self._permits, _reporting(self._path):
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise SearchIndexError(self._path, "it is closed")
            if self._idle:
                return self._idle.pop()
        return self._connect()

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


def _connect(path: str) -> sqlite3.Connection:
    # The pool, not SQLite's Python module, sees to it that one thread at a time uses a connection.
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")  # the right one for WAL: a crash never corrupts
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. IMMEDIATE takes the write lock first, since a reader that becomes a writer may not wait."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it by itself after some errors
            connection.execute("ROLLBACK")
        raise


def _prepare(path: str, tokenizer: str | None) -> None:
    """Make the file an index, or see that it is one, of a version and a tokenizer that fit."""
    with contextlib.closing(_connect(path)) as connection:
        _create_or_check(connection, path, tokenizer)
        # Another process may hold the file at this moment. Then it stays without WAL until it is next opened:
        # correct, only with readers and writers waiting for each other.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")


def _create_or_check(connection: sqlite3.Connection, path: str, tokenizer: str | None) -> None:
    with _transaction(connection):
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application_id == 0 and version == 0 and tables == 0:
            _create(connection, tokenizer or _DEFAULT_TOKENIZER)
            return
        if application_id != _APPLICATION_ID:
            raise SearchIndexError(path, "the file is an SQLite database of something else; choose another path")
        if version != _SCHEMA_VERSION:
            then = "upgrade graphflow to open it" if version > _SCHEMA_VERSION else "build the index anew"
            reason = f"the file has schema version {version}, and this graphflow reads version {_SCHEMA_VERSION}"
            raise SearchIndexError(path, f"{reason}: {then}")
        (built_with,) = connection.execute("SELECT value FROM settings WHERE key = 'tokenizer'").fetchone()
        if tokenizer is not None and tokenizer != built_with:
            raise SearchIndexError(path, f"it was built with the tokenizer {built_with!r}, not {tokenizer!r}")


def _create(connection: sqlite3.Connection, tokenizer: str) -> None:
    _create_words(connection, tokenizer)
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO settings VALUES ('tokenizer', ?)", (tokenizer,))
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _create_words(connection: sqlite3.Connection, tokenizer: str) -> None:
    # A table's options take no parameters: this is the one value that becomes part of a statement, as a literal.
    literal = tokenizer.replace("'", "''")
    options = f"content='documents', content_rowid='number', tokenize='{literal}'"
    connection.execute(f"CREATE VIRTUAL TABLE words USING fts5 (text, {options})")


def _check_tokenizer(tokenizer: str) -> None:
    if not isinstance(tokenizer, str):
        raise TypeError(f"tokenizer is a str such as 'porter unicode61', not {type(tokenizer).__name__}")
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            if not tokenizer.strip():
                raise ValueError("it is empty")
            _create_words(connection, tokenizer)
        except (sqlite3.Error, ValueError) as error:  # ValueError: NUL, lone surrogates
            raise ValueError(f"{tokenizer!r} is not an FTS5 tokenizer ({error}), as 'porter unicode61' is") from None


@functools.cache
def _check_sqlite() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        if sqlite3.sqlite_version_info < (3, 35):
            raise SearchIndexError(":memory:", f"it needs SQLite 3.35 or later, and this is {sqlite3.sqlite_version}")
        try:
            _create_words(connection, _DEFAULT_TOKENIZER)
        except sqlite3.OperationalError as error:
            raise SearchIndexError(":memory:", f"this Python's SQLite is built without FTS5 ({error})") from None


# --- the index --------------------------------------------------------------------------------------------


class SearchIndex:
    """A full-text index of documents, ranked by bm25.

    Args:
        path: a file, created if absent and kept on disk, or `:memory:`.
        tokenizer: how texts become words, as in FTS5's `tokenize` option: `porter unicode61` for English word stems,
            `trigram` for languages without spaces. An index keeps the one that it was built with.

    Any number of threads may use one index; several processes may use one file. Readers of a file run side by side,
    also while one writes; a memory index takes one thread at a time. Every change is made wholly or not at all.
    Close it, or use it in a `with` statement; one that is dropped is closed by the garbage collector.

    Raises:
        SearchIndexError: the file cannot be opened, is something else, or has another schema version or tokenizer;
            from every method: the index is closed, or SQLite reports an error. The error names the path.
        ValueError: `tokenizer` is not one.
    """

    def __init__(self, path: str | os.PathLike[str] = ":memory:", *, tokenizer: str | None = None) -> None:
        self._path = _absolute(path)
        _check_sqlite()
        if tokenizer is not None:
            _check_tokenizer(tokenizer)
        self._writing = threading.Lock()
        with _reporting(self._path):
            if self._path == ":memory:":
                self._pool = _Pool(self._path, functools.partial(_connect_memory, tokenizer), limit=1)
            else:
                _prepare(self._path, tokenizer)
                self._pool = _Pool(self._path, functools.partial(_connect, self._path), limit=_MAX_CONNECTIONS)
        self._close_when_dropped = weakref.finalize(self, self._pool.close)

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str | Document],
        metadatas: Iterable[Mapping[str, Any]] | None = None,
        *,
        path: str | os.PathLike[str] = ":memory:",
        tokenizer: str | None = None,
    ) -> Self:
        """Open an index and add texts (or documents) to it.

        Raises:
            ValueError: there are more or fewer `metadatas` than `texts`; else as `SearchIndex` and `add`.
        """
        documents = list(texts)
        if metadatas is not None:
            documents = [Document(_text(item), metadata) for item, metadata in zip(documents, metadatas, strict=True)]
        index = cls(path, tokenizer=tokenizer)
        try:
            index.add(documents)
        except BaseException:
            index.close()
            raise
        return index

    @property
    def path(self) -> str:
        """The file's path, or `:memory:`."""
        return self._path

    def add(self, documents: str | Document | Iterable[str | Document]) -> list[str]:
        """Add documents, or texts, and give their ids, in order. What is in the index already is not added again.

        Raises:
            DocumentConflictError: an id belongs to a document with another text or other metadata.
            TypeError: not documents or texts, or metadata that JSON cannot hold.
            ValueError: an empty id, or text that is not Unicode (a lone surrogate).
        """
        rows = [_Row.of(document) for document in _documents(documents)]
        with self._changing() as connection:
            for row in rows:
                self._insert(connection, row)
        return [row.id for row in rows]

    def _insert(self, connection: sqlite3.Connection, row: _Row) -> None:
        inserted = connection.execute(_INSERT, (row.id, row.text, row.metadata)).fetchall()
        if inserted:
            _insert_fields(connection, inserted[0][0], row)
            return
        there = connection.execute("SELECT text, metadata FROM documents WHERE id = ?", (row.id,)).fetchone()
        if there[0] != row.text or _sorted_json(there[1]) != _sorted_json(row.metadata):
            raise DocumentConflictError(self._path, row.id)

    def update(self, documents: Document | Iterable[Document]) -> None:
        """Replace text and metadata of the documents with these ids.

        Raises:
            UnknownDocumentError: an id is not in the index; then nothing is replaced. Else as `add`.
        """
        rows = [_Row.of(document) for document in _documents(documents)]
        with self._changing() as connection:
            unknown = []
            for row in rows:
                statement = "UPDATE documents SET text = ?, metadata = ? WHERE id = ? RETURNING number"
                updated = connection.execute(statement, (row.text, row.metadata, row.id)).fetchall()
                if updated:
                    _insert_fields(connection, updated[0][0], row)
                else:
                    unknown.append(row.id)
            if unknown:
                raise UnknownDocumentError(self._path, unknown)

    def delete(self, ids: str | Iterable[str]) -> int:
        """Delete the documents with these ids, and say how many there were; unknown ids are ignored."""
        listed = json.dumps(_ids(ids))
        with self._changing() as connection:
            statement = "DELETE FROM documents WHERE id IN (SELECT value FROM json_each(?))"
            return connection.execute(statement, (listed,)).rowcount

    def get(self, ids: str | Iterable[str]) -> list[Document]:
        """Give the documents with these ids, in this order.

        Raises:
            UnknownDocumentError: an id is not in the index.
        """
        wanted = _ids(ids)
        with self._pool.connection() as connection:
            statement = "SELECT id, text, metadata FROM documents WHERE id IN (SELECT value FROM json_each(?))"
            rows = connection.execute(statement, (json.dumps(wanted),)).fetchall()
        found = {id: Document(text, json.loads(metadata), id) for id, text, metadata in rows}
        unknown = [id for id in dict.fromkeys(wanted) if id not in found]
        if unknown:
            raise UnknownDocumentError(self._path, unknown)
        return [found[id] for id in wanted]

    def search(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Mapping[str, Scalar] | None = None,
        min_score: float | None = None,
    ) -> list[Document]:
        """Give the best `k` documents that hold any word of `query`, best first, each with its `score`.

        The query is plain text: quotes, operators and the like have no meaning, and a query without a word finds
        nothing. Ties are in order of adding.

        Args:
            query: any text, of any length.
            k: how many documents at most; 1 or more.
            filter: only documents whose metadata has all these keys with equal values (as in Python, but that
                True is not 1). Values are str, int, float, bool or None.
            min_score: only documents with at least this score. Scores are bm25's: more than 0, comparable
                within one query only.

        Raises:
            TypeError, ValueError: an argument is not as said above.
        """
        _check_search(query, k, min_score)
        wanted = _filter_pairs(filter or {})
        words = _words(query)
        if not words:
            return []
        groups = [" OR ".join(words[at : at + _WORDS_PER_GROUP]) for at in range(0, len(words), _WORDS_PER_GROUP)]
        # The largest integer that SQLite knows is more than enough documents.
        values = {"groups": json.dumps(groups), "filter": json.dumps(wanted), "k": min(k, 2**63 - 1)}
        with self._pool.connection() as connection:
            rows = connection.execute(_SEARCH, values).fetchall()
        return [
            Document(text, json.loads(metadata), id, score=score)
            for id, text, metadata, score in rows
            if min_score is None or score >= min_score
        ]

    def as_retriever(
        self,
        *,
        k: int = 4,
        filter: Mapping[str, Scalar] | None = None,
        min_score: float | None = None,
        name: str = "retriever",
    ) -> Retriever:
        """Return a chain from a query to documents, which searches in a worker thread. Args as for `search`."""
        from graphflow.components.retriever import Retriever

        def search(query: str) -> list[Document]:
            return self.search(query, k, filter=filter, min_score=min_score)

        return Retriever(search, name=name)

    def __len__(self) -> int:
        with self._pool.connection() as connection:
            count: int = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
            return count

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        # Threads queue up here, since SQLite's own waiting for other writers is a poll.
        with self._writing, self._pool.connection() as connection, _transaction(connection):
            yield connection

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
        return f"SearchIndex({self._path!r})"


def _absolute(path: str | os.PathLike[str]) -> str:
    # Connections are opened later, too, when the working directory may be another.
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"path is a str or a path, not {type(path).__name__}")
    if not text or "\0" in text:
        raise ValueError(f"path is a file's path or ':memory:', not {text!r}")
    return text if text == ":memory:" else os.path.abspath(text)


def _connect_memory(tokenizer: str | None) -> sqlite3.Connection:
    connection = _connect(":memory:")
    try:
        _create_or_check(connection, ":memory:", tokenizer)
    except BaseException:
        connection.close()
        raise
    return connection


# --- from values to rows ----------------------------------------------------------------------------------


@attrs.frozen
class _Row:
    id: str
    text: str
    metadata: str
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, document: Document) -> _Row:
        _check_unicode(document.text, f"the text of document {document.id!r}")
        _check_id(document.id)
        try:
            _check_json(document.metadata)
            metadata = json.dumps(document.metadata, allow_nan=False)
        except RecursionError:
            raise ValueError(f"metadata of document {document.id!r} is nested too deeply") from None
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"metadata of document {document.id!r} is not JSON: {error}") from None
        return cls(document.id, document.text, metadata, tuple(_canonical_pairs(document.metadata)))


def _insert_fields(connection: sqlite3.Connection, number: int, row: _Row) -> None:
    rows = [(number, key, value) for key, value in row.fields]
    connection.executemany("INSERT INTO fields (document, key, value) VALUES (?, ?, ?)", rows)


def _canonical(value: Scalar) -> str:
    """Give one text for all values that are equal, except that True and False are no numbers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)


def _canonical_pairs(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give the plain values of metadata, those that filters can ask for."""
    return [(json.dumps(key), _canonical(value)) for key, value in metadata.items() if isinstance(value, Scalar)]


def _sorted_json(text: str) -> str:
    # Texts are compared, not values, since to Python True equals 1.
    return json.dumps(json.loads(text), sort_keys=True)


def _check_json(value: object) -> None:
    # json.dumps itself would turn a key 1 into "1" and say nothing.
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} is {type(key).__name__}, not str")
            _check_json(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_json(item)


def _documents(documents: object) -> list[Document]:
    if isinstance(documents, str | Document):
        documents = [documents]
    if not isinstance(documents, Iterable) or isinstance(documents, Mapping | bytes):
        raise TypeError(f"expected documents or texts, not {type(documents).__name__}")
    return [item if isinstance(item, Document) else Document(_text(item)) for item in documents]


def _text(item: object) -> str:
    if not isinstance(item, str):
        raise TypeError(f"expected a document or a text, not {type(item).__name__}")
    return item


def _ids(ids: object) -> list[str]:
    listed = [ids] if isinstance(ids, str) else ids
    if not isinstance(listed, Iterable) or isinstance(listed, Mapping | bytes):
        raise TypeError(f"expected ids, not {type(ids).__name__}")
    checked = list(listed)
    for id in checked:
        _check_id(id)
    return checked


def _check_id(id: object) -> None:
    if not isinstance(id, str):
        raise TypeError(f"an id is a str, not {type(id).__name__}")
    if not id or "\0" in id:
        raise ValueError(f"an id is a text without NUL and not empty, not {id!r}")
    _check_unicode(id, f"the id {id!r}")


def _check_unicode(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} is not Unicode: a lone surrogate at {error.start}") from None


def _check_search(query: object, k: object, min_score: object) -> None:
    if not isinstance(query, str):
        raise TypeError(f"query is a str, not {type(query).__name__}")
    if not isinstance(k, int) or isinstance(k, bool):
        raise TypeError(f"k is an int, not {type(k).__name__}")
    if k < 1:
        raise ValueError(f"k is 1 or more, not {k}")
    if min_score is not None and (not isinstance(min_score, int | float) or isinstance(min_score, bool)):
        raise TypeError(f"min_score is a number or None, not {type(min_score).__name__}")


def _filter_pairs(filter: Mapping[str, Scalar]) -> list[tuple[str, str]]:
    if not isinstance(filter, Mapping):
        raise TypeError(f"filter is a mapping of metadata keys to values, not {type(filter).__name__}")
    for key, value in filter.items():
        if not isinstance(key, str):
            raise TypeError(f"a key of filter is a str, not {key!r}")
        if not isinstance(value, Scalar):
            raise TypeError(f"filter[{key!r}] is a str, int, float, bool or None, not {type(value).__name__}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"filter[{key!r}] is {value}, which no metadata can hold")
    return _canonical_pairs(filter)


def _words(query: str) -> list[str]:
    """Give the words of a query, each once and quoted, so that to FTS5 they are text and nothing else."""
    # Marks belong to the letters before them, but are no word characters to Python's regular expressions.
    breaks = {ord(c): " " for c in set(query) if not (c.isalnum() or c == "_" or unicodedata.category(c)[0] == "M")}
    distinct = {word.lower(): word for word in query.translate(breaks).split()}
    return [f'"{word}"' for word in distinct.values()]
