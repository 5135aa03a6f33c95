"""An index of documents by meaning: directions in SQLite, exact search in memory."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import attrs
import trio

from graphflow.components.retrieval.connections import MEMORY, transaction
from graphflow.components.retrieval.document import Document
from graphflow.components.retrieval.embedder import Embedder, Vectors
from graphflow.components.retrieval.index import WANTED, DocumentIndex, fits
from graphflow.components.retrieval.rows import Row, Scalar, check_options, check_query, paired, wanted_fields
from graphflow.errors import DocumentIndexError, EmbeddingError
from graphflow.extras import require
from graphflow.runtime import portal
from graphflow.runtime.threads import in_thread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from graphflow.components.retrieval.nearest import Matrix

_KNOWN: Final = """
SELECT text, vector FROM documents JOIN vectors ON vectors.document = documents.number
WHERE id IN (SELECT value FROM json_each(?))
"""
_FITTING: Final = f"WITH {WANTED} SELECT number FROM documents WHERE {fits('number')}"
_FOUND: Final = "SELECT number, id, text, metadata FROM documents WHERE number IN (SELECT value FROM json_each(?))"
# The plus keeps SQLite from walking along the vectors themselves: the index of the documents has the versions, too.
_COUNT_KEPT: Final = "SELECT count(*) FROM vectors WHERE +version <= ?"
_KEPT: Final = "SELECT version FROM vectors WHERE +version <= ?"
_COUNT_NEW: Final = "SELECT count(*) FROM vectors WHERE version > ?"
_NEW: Final = "SELECT version, document, vector FROM vectors WHERE version > ? ORDER BY version"


class VectorIndex(DocumentIndex):
    """An index of documents by meaning, ranked by the cosine of their vectors. Needs the extra `vectors`.

    The search is exact: it looks at every vector. All of them are kept in memory, too, 4 bytes a number, and
    what has changed since, also by other processes, is read before each search.

    Args:
        embedder: makes the vectors. It is asked once for every new text, and once for every query.
        path: a file, created if absent and kept on disk, or `:memory:`.

    Any number of threads may use one index; several processes may use one file. Readers of a file run side by side,
    also while one writes; a memory index takes one thread at a time. Every change is made wholly or not at all.
    Close it, or use it in a `with` statement; one that is dropped is closed by the garbage collector.

    With an asynchronous embedder, methods that embed may be called from any thread but that of a Trio loop; there,
    use the retriever, or ``await trio.to_thread.run_sync(index.add, documents)``.

    Raises:
        MissingExtraError: numpy is not installed.
        DocumentIndexError: the file cannot be opened, is something else, or was built with another schema version or
            model; from every method: the index is closed, or SQLite reports an error. The error names the path.
        EmbeddingError: from methods that embed: the vectors are not finite, or of another dimension than the index's.

    >>> class Vowels(Embedder):
    ...     def embed(self, texts: list[str], /) -> list[list[float]]:
    ...         return [[text.count(vowel) for vowel in "aeiou"] for text in texts]
    >>> with VectorIndex.from_texts(["bananas", "cherries", "plums"], Vowels()) as index:
    ...     [(document.text, document.score) for document in index.search("papaya", k=1)]
    [('bananas', 1.0)]
    """

    _application_id: ClassVar[int] = 0x67667678
    _tables: ClassVar[tuple[str, ...]] = (
        # A new vector is a new row with a version that none had before: what has come and gone is plain to see.
        """CREATE TABLE vectors (
            version INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL UNIQUE, vector BLOB NOT NULL)""",
        "CREATE TRIGGER vectors_delete AFTER DELETE ON documents BEGIN"
        " DELETE FROM vectors WHERE document = old.number; END",
        "CREATE TRIGGER vectors_come AFTER INSERT ON vectors BEGIN"
        " UPDATE settings SET value = value + 1 WHERE key = 'changes'; END",
        "CREATE TRIGGER vectors_go AFTER DELETE ON vectors BEGIN"
        " UPDATE settings SET value = value + 1 WHERE key = 'changes'; END",
    )

    def __init__(self, embedder: Embedder, path: str | os.PathLike[str] = MEMORY) -> None:
        require("numpy", "VectorIndex", "vectors")
        if not isinstance(embedder, Embedder):
            raise TypeError(f"embedder is an Embedder, not {type(embedder).__name__}")
        self._embedder = embedder
        self._matrix: Matrix | None = None
        self._loading = threading.Lock()
        super().__init__(path)

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str | Document],
        embedder: Embedder,
        metadatas: Iterable[Mapping[str, Any]] | None = None,
        *,
        path: str | os.PathLike[str] = MEMORY,
    ) -> Self:
        """Open an index and add texts (or documents) to it.

        Raises:
            ValueError: there are more or fewer `metadatas` than `texts`; else as `VectorIndex` and `add`.
        """
        documents = paired(texts, metadatas)
        index = cls(embedder, path)
        try:
            index.add(documents)
        except BaseException:
            index.close()
            raise
        return index

    @property
    def embedder(self) -> Embedder:
        """What makes the vectors."""
        return self._embedder

    def _settings(self) -> dict[str, str]:
        return {"model": self._embedder.model, "changes": "0"}

    def _check(self, settings: Mapping[str, str]) -> None:
        built_with = settings.get("model")
        if built_with != self._embedder.model:
            raise DocumentIndexError(
                self._path,
                f"its vectors are of the model {built_with!r}, which cannot be compared with those of "
                f"{self._embedder.model!r}: open it with an embedder of that model, or build the index anew",
            )

    # --- writing ---

    def _rows(self, documents: object, verb: str) -> list[Row]:
        rows = super()._rows(documents, verb)
        with self._pool.connection() as connection:
            ids = json.dumps([row.id for row in rows])
            vectors: dict[str, bytes | None] = dict(connection.execute(_KNOWN, (ids,)))
        missing = list(dict.fromkeys(row.text for row in rows if row.text not in vectors))
        vectors.update(zip(missing, self._embedded(missing, verb), strict=True))
        return [attrs.evolve(row, vector=vectors[row.text]) for row in rows]

    def _embedded(self, texts: list[str], verb: str) -> Iterator[bytes | None]:
        from graphflow.components.retrieval.nearest import packed

        for at in range(0, len(texts), self._embedder.batch_size):
            batch = texts[at : at + self._embedder.batch_size]
            yield from map(packed, self._directions(self._called(self._embedder.embed, batch, verb), batch))

    @contextlib.contextmanager
    def _changing(self, rows: Sequence[Row] = ()) -> Iterator[sqlite3.Connection]:
        with super()._changing(rows) as connection:
            for dimension in sorted({len(row.vector) // 4 for row in rows if row.vector is not None}):
                connection.execute("INSERT INTO settings VALUES ('dimension', ?) ON CONFLICT DO NOTHING", (dimension,))
                self._check_dimension(dimension, self._setting(connection, "dimension"))
            yield connection

    def _keep(self, connection: sqlite3.Connection, number: int, row: Row) -> None:
        super()._keep(connection, number, row)
        there = connection.execute("SELECT vector FROM vectors WHERE document = ?", (number,)).fetchone()
        if there != (row.vector,):
            connection.execute("DELETE FROM vectors WHERE document = ?", (number,))
            if row.vector is not None:
                connection.execute("INSERT INTO vectors (document, vector) VALUES (?, ?)", (number, row.vector))

    # --- searching ---

    def search(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Mapping[str, Scalar] | None = None,
        min_score: float | None = None,
    ) -> list[Document]:
        """Give the `k` documents that mean most nearly the same as `query`, best first, each with its `score`.

        Ties are in order of adding. A query whose vector is all zeros finds nothing.

        Args:
            query: any text.
            k: how many documents at most; 1 or more.
            filter: only documents whose metadata has all these keys with equal values (as in Python, but that
                True is not 1). Values are str, int, float, bool or None.
            min_score: only documents with at least this score. Scores are cosines, from -1 to 1: what is near
                depends on the embedder.

        Raises:
            TypeError, ValueError: an argument is not as said above.
            EmbeddingError: the vector of the query is not finite, or of another dimension than the index's.
        """
        texts = _queries(query)
        check_options(k, min_score)
        wanted = wanted_fields(filter)
        vectors = self._called(self._embedder.embed_queries, texts, "search")
        return self._nearest(self._directions(vectors, texts)[0], k, wanted, min_score)

    def _searcher(
        self, k: int, filter: Mapping[str, Scalar], min_score: float | None
    ) -> Callable[[str], list[Document]] | Callable[[str], Awaitable[list[Document]]]:
        if not self._embedder.is_async:
            return super()._searcher(k, filter, min_score)
        wanted = wanted_fields(filter)

        async def search(query: str) -> list[Document]:
            texts = _queries(query)
            vectors = await _awaited(self._embedder.embed_queries, texts)
            found: list[Document] = await in_thread(
                self._nearest, self._directions(vectors, texts)[0], k, wanted, min_score
            )
            return found

        return search

    def _nearest(
        self, query: NDArray[np.float32], k: int, wanted: list[tuple[str, str]], min_score: float | None
    ) -> list[Document]:
        while True:
            with self._pool.connection() as connection, transaction(connection, "DEFERRED"):
                dimension = self._setting(connection, "dimension")
                if dimension is None or not query.any():
                    return []
                self._check_dimension(len(query), dimension)
                matrix = self._loaded(connection, dimension)
                if matrix is not None:
                    return self._found(connection, matrix, query, k, wanted, min_score)

    def _found(
        self,
        connection: sqlite3.Connection,
        matrix: Matrix,
        query: NDArray[np.float32],
        k: int,
        wanted: list[tuple[str, str]],
        min_score: float | None,
    ) -> list[Document]:
        import numpy as np

        among = None
        if wanted:
            fitting = connection.execute(_FITTING, {"filter": json.dumps(wanted)})
            among = np.fromiter((number for (number,) in fitting), np.int64)
        scores = dict(matrix.nearest(query, k, min_score, among))
        rows = connection.execute(_FOUND, (json.dumps(list(scores)),))
        found = {
            number: Document(text, json.loads(metadata), id, score=scores[number])
            for number, id, text, metadata in rows
        }
        return [found[number] for number in scores]

    def _loaded(self, connection: sqlite3.Connection, dimension: int) -> Matrix | None:
        """Return the vectors as this transaction sees them; None if another thread has loaded a later state."""
        from graphflow.components.retrieval.nearest import Matrix

        changes = self._setting(connection, "changes") or 0
        matrix = self._matrix
        if matrix is not None and matrix.changes == changes:
            return matrix
        with self._loading:
            matrix = self._matrix or Matrix.empty(dimension)
            if matrix.changes < changes:
                last = (matrix.last,)
                is_whole = connection.execute(_COUNT_KEPT, last).fetchone()[0] == len(matrix)
                kept = None if is_whole else (version for (version,) in connection.execute(_KEPT, last))
                (count,) = connection.execute(_COUNT_NEW, last).fetchone()
                try:
                    matrix = matrix.changed(changes, kept, count, connection.execute(_NEW, last))
                except ValueError as error:
                    raise DocumentIndexError(self._path, f"the file is damaged: {error}") from None
                self._matrix = matrix
            return matrix if matrix.changes == changes else None

    def _setting(self, connection: sqlite3.Connection, key: str) -> int | None:
        row = connection.execute("SELECT CAST(value AS INTEGER) FROM settings WHERE key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    # --- embedding ---

    def _called(
        self, embed: Callable[[list[str]], Vectors | Awaitable[Vectors]], texts: list[str], verb: str
    ) -> Vectors:
        """Call the embedder from a thread that may block."""
        if not self._embedder.is_async:
            vectors = embed(texts)
            if inspect.iscoroutine(vectors):
                vectors.close()
            if inspect.isawaitable(vectors):
                raise EmbeddingError(self._embedder.model, "`embed` is not `async def`, but gave something to await")
            return vectors
        if trio.lowlevel.in_trio_run():
            raise RuntimeError(
                f"VectorIndex.{verb} would block the Trio task that called it, and with it the asynchronous embedder; "
                f"write `await trio.to_thread.run_sync(index.{verb}, ...)`"
            )
        return portal.call(lambda: _awaited(embed, texts))

    def _directions(self, vectors: Vectors, texts: list[str]) -> NDArray[np.float32]:
        from graphflow.components.retrieval.nearest import directions

        return directions(vectors, texts, self._embedder.model)

    def _check_dimension(self, dimension: int, expected: int | None) -> None:
        if dimension != expected:
            raise EmbeddingError(
                self._embedder.model,
                f"its vectors have {dimension} numbers, and those of the index {self._path!r} have {expected}: "
                "a model of another size needs another name, and an index of its own",
            )

    def __repr__(self) -> str:
        return f"VectorIndex({self._embedder.model!r}, {self._path!r})"


def _queries(query: str) -> list[str]:
    """Return a query as texts for an embedder, which gets Unicode only: a lone surrogate is no character."""
    check_query(query)
    return [query.encode("utf-8", "replace").decode()]


async def _awaited(embed: Callable[[list[str]], Vectors | Awaitable[Vectors]], texts: list[str]) -> Vectors:
    vectors = embed(texts)
    return await vectors if inspect.isawaitable(vectors) else vectors
