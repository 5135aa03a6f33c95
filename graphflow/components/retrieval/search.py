"""A full-text index of documents: SQLite FTS5."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sqlite3
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Self

from graphflow.components.retrieval.connections import MEMORY
from graphflow.components.retrieval.document import Document
from graphflow.components.retrieval.index import WANTED, DocumentIndex, fits
from graphflow.components.retrieval.rows import Scalar, check_options, check_query, paired, wanted_fields
from graphflow.errors import DocumentIndexError

_DEFAULT_TOKENIZER: Final = "unicode61 remove_diacritics 2"
# bm25 is a sum over words, so a long query may be asked in groups and added up. One group would take time
# quadratic in its words: 24 s for a megabyte of them, against 1.5 s in groups.
_WORDS_PER_GROUP: Final = 64

# The best k are chosen before any text is read. MATERIALIZED, because bm25() may not stand inside an aggregate.
_SEARCH: Final = f"""
WITH {WANTED},
hits AS MATERIALIZED (
    SELECT words.rowid AS number, -bm25(words) AS score
    FROM json_each(:groups) AS word_group CROSS JOIN words
    WHERE words MATCH word_group.value AND {fits("words.rowid")}),
best AS MATERIALIZED (
    SELECT number, sum(score) AS score FROM hits GROUP BY number ORDER BY 2 DESC, 1 LIMIT :k)
SELECT id, text, metadata, score FROM best JOIN documents USING (number) ORDER BY score DESC, number
"""


class SearchIndex(DocumentIndex):
    """A full-text index of documents, ranked by bm25.

    Args:
        path: a file, created if absent and kept on disk, or `:memory:`.
        tokenizer: how texts become words, as in FTS5's `tokenize` option: `porter unicode61` for English word stems,
            `trigram` for languages without spaces. An index keeps the one that it was built with.

    Any number of threads may use one index; several processes may use one file. Readers of a file run side by side,
    also while one writes; a memory index takes one thread at a time. Every change is made wholly or not at all.
    Close it, or use it in a `with` statement; one that is dropped is closed by the garbage collector.

    Raises:
        DocumentIndexError: the file cannot be opened, is something else, or has another schema version or tokenizer;
            from every method: the index is closed, or SQLite reports an error. The error names the path.
        ValueError: `tokenizer` is not one.

    >>> with SearchIndex.from_texts(["harrison worked at kensho", "harrison likes spicy food"]) as index:
    ...     [document.text for document in index.search("where did harrison work?", k=1)]
    ['harrison worked at kensho']
    """

    _application_id: ClassVar[int] = 0x67666978
    _tables: ClassVar[tuple[str, ...]] = (
        """CREATE TRIGGER words_insert AFTER INSERT ON documents BEGIN
            INSERT INTO words (rowid, text) VALUES (new.number, new.text);
        END""",
        """CREATE TRIGGER words_delete AFTER DELETE ON documents BEGIN
            INSERT INTO words (words, rowid, text) VALUES ('delete', old.number, old.text);
        END""",
        """CREATE TRIGGER words_update AFTER UPDATE ON documents BEGIN
            INSERT INTO words (words, rowid, text) VALUES ('delete', old.number, old.text);
            INSERT INTO words (rowid, text) VALUES (new.number, new.text);
        END""",
    )

    def __init__(self, path: str | os.PathLike[str] = MEMORY, *, tokenizer: str | None = None) -> None:
        _check_fts()
        if tokenizer is not None:
            _check_tokenizer(tokenizer)
        self._tokenizer = tokenizer
        super().__init__(path)

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str | Document],
        metadatas: Iterable[Mapping[str, Any]] | None = None,
        *,
        path: str | os.PathLike[str] = MEMORY,
        tokenizer: str | None = None,
    ) -> Self:
        """Open an index and add texts (or documents) to it.

        Raises:
            ValueError: there are more or fewer `metadatas` than `texts`; else as `SearchIndex` and `add`.
        """
        documents = paired(texts, metadatas)
        index = cls(path, tokenizer=tokenizer)
        try:
            index.add(documents)
        except BaseException:
            index.close()
            raise
        return index

    def _create(self, connection: sqlite3.Connection) -> None:
        _create_words(connection, self._settings()["tokenizer"])
        super()._create(connection)

    def _settings(self) -> dict[str, str]:
        return {"tokenizer": self._tokenizer or _DEFAULT_TOKENIZER}

    def _check(self, settings: Mapping[str, str]) -> None:
        built_with = settings["tokenizer"]
        if self._tokenizer is not None and self._tokenizer != built_with:
            reason = f"it was built with the tokenizer {built_with!r}, not {self._tokenizer!r}"
            raise DocumentIndexError(self._path, reason)

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
        check_query(query)
        check_options(k, min_score)
        wanted = wanted_fields(filter)
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


# --- words ------------------------------------------------------------------------------------------------


def _create_words(connection: sqlite3.Connection, tokenizer: str) -> None:
    # A table's options take no parameters: this is the one value that becomes part of a statement, as a literal.
    literal = tokenizer.replace("'", "''")
    options = f"content='documents', content_rowid='number', tokenize='{literal}'"
    connection.execute(f"CREATE VIRTUAL TABLE words USING fts5 (text, {options})")


def _check_tokenizer(tokenizer: str) -> None:
    if not isinstance(tokenizer, str):
        raise TypeError(f"tokenizer is a str such as 'porter unicode61', not {type(tokenizer).__name__}")
    with contextlib.closing(sqlite3.connect(MEMORY)) as connection:
        try:
            if not tokenizer.strip():
                raise ValueError("it is empty")
            _create_words(connection, tokenizer)
        except (sqlite3.Error, ValueError) as error:  # ValueError: NUL, lone surrogates
            raise ValueError(f"{tokenizer!r} is not an FTS5 tokenizer ({error}), as 'porter unicode61' is") from None


@functools.cache
def _check_fts() -> None:
    with contextlib.closing(sqlite3.connect(MEMORY)) as connection:
        try:
            _create_words(connection, _DEFAULT_TOKENIZER)
        except sqlite3.OperationalError as error:
            raise DocumentIndexError(MEMORY, f"this Python's SQLite is built without FTS5 ({error})") from None


def _words(query: str) -> list[str]:
    """Give the words of a query, each once and quoted, so that to FTS5 they are text and nothing else."""
    # Marks belong to the letters before them, but are no word characters to Python's regular expressions.
    breaks = {ord(c): " " for c in set(query) if not (c.isalnum() or c == "_" or unicodedata.category(c)[0] == "M")}
    distinct = {word.lower(): word for word in query.translate(breaks).split()}
    return [f'"{word}"' for word in distinct.values()]
