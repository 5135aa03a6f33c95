"""Vectors in memory, and the nearest of them: exact, by numpy. Needs the extra `vectors`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from graphflow.errors import EmbeddingError

#: How vectors are kept: 32 bits are more than any model means.
_KEPT: Final = np.dtype("<f4")
#: How many candidates are scored at once.
_BLOCK: Final = 4096


def directions(given: Any, texts: Sequence[str], model: str) -> NDArray[np.float32]:
    """Return the vectors of an embedder as directions: of length 1, where they are not all zeros.

    Raises:
        EmbeddingError: they are not one vector of finite numbers for every text, all of one length.
    """
    try:
        vectors = np.asarray(given if isinstance(given, np.ndarray) else list(given))
    except (TypeError, ValueError) as error:  # ValueError: vectors of different lengths
        raise EmbeddingError(model, f"it did not give vectors of numbers, all of one length ({error})") from None
    if len(vectors) != len(texts):
        raise EmbeddingError(model, f"it gave {len(vectors)} vectors for {len(texts)} texts")
    if vectors.ndim != 2 or vectors.shape[1] == 0 or vectors.dtype.kind not in "fiu":
        what = f"an array of {vectors.dtype} of the shape {vectors.shape}"
        raise EmbeddingError(model, f"it did not give vectors of numbers, all of one length, but {what}")
    vectors = vectors.astype(np.float64)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        text = texts[int(np.flatnonzero(~finite)[0])]
        shown = repr(text) if len(text) <= 60 else f"{text[:57]!r}..."
        raise EmbeddingError(model, f"the vector of {shown} has numbers that are not finite")
    # Scaled first, so that squares are neither too large nor too small for a float.
    scale = np.abs(vectors).max(axis=1, keepdims=True)
    vectors /= np.where(scale == 0, 1, scale)
    length = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    return (vectors / np.where(length == 0, 1, length)).astype(np.float32)


def packed(direction: NDArray[np.float32]) -> bytes | None:
    """Return a direction as an index keeps it; None for zeros, which are none."""
    return direction.astype(_KEPT).tobytes() if direction.any() else None


@attrs.frozen(eq=False)
class Matrix:
    """All directions of an index in one state, which never changes.

    Attributes:
        changes: how many changes had led to that state.
        versions: the versions of the rows, ascending.
        documents: the numbers of their documents.
        vectors: the rows.
    """

    changes: int
    versions: NDArray[np.int64]
    documents: NDArray[np.int64]
    vectors: NDArray[np.float32]

    @classmethod
    def empty(cls, dimension: int) -> Matrix:
        """Return the state before all changes."""
        numbers = np.empty(0, np.int64)
        return cls(-1, numbers, numbers, np.empty((0, dimension), np.float32))

    def __len__(self) -> int:
        return len(self.versions)

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self.vectors.shape[1])

    @property
    def last(self) -> int:
        """The last version."""
        return int(self.versions[-1]) if len(self) else 0

    def changed(
        self, changes: int, versions: Iterable[int] | None, count: int, rows: Iterable[tuple[int, int, object]]
    ) -> Matrix:
        """Return a later state.

        Args:
            changes: how many changes led to it.
            versions: which of the present versions it still has; None for all.
            count: how many rows come after them.
            rows: those rows, each with version, document and packed vector.

        Raises:
            ValueError: a row is not of this matrix's dimension, or not of finite numbers.
        """
        before = self if versions is None else self._only(np.fromiter(versions, np.int64))
        begin = len(before)
        numbers = np.empty((2, begin + count), np.int64)
        numbers[:, :begin] = before.versions, before.documents
        vectors = np.empty((begin + count, self.dimension), np.float32)
        vectors[:begin] = before.vectors
        size = self.dimension * _KEPT.itemsize
        for at, (version, document, vector) in enumerate(rows, begin):
            if not isinstance(vector, bytes) or len(vector) != size:
                raise ValueError(f"vector {version} is not {size} bytes long")
            numbers[0, at], numbers[1, at], vectors[at] = version, document, np.frombuffer(vector, _KEPT)
        if not np.isfinite(vectors[begin:]).all():
            raise ValueError("a vector has numbers that are not finite")
        return Matrix(changes, numbers[0], numbers[1], vectors)

    def _only(self, versions: NDArray[np.int64]) -> Matrix:
        kept = np.isin(self.versions, versions, assume_unique=True)
        return Matrix(self.changes, self.versions[kept], self.documents[kept], self.vectors[kept])

    def nearest(
        self, query: NDArray[np.float32], k: int, min_score: float | None, among: NDArray[np.int64] | None
    ) -> list[tuple[int, float]]:
        """Return the documents with the largest cosines, and these, largest first; ties in order of the documents.

        Args:
            query: a direction.
            k: how many at most.
            min_score: with at least this cosine.
            among: of these documents only.
        """
        candidates = np.arange(len(self)) if among is None else np.flatnonzero(np.isin(self.documents, among))
        # A first look at all of them, in 32 bits: fast, and off by no more than this.
        near = (self.vectors @ query)[candidates]
        error = (self.dimension + 4) * 2.0**-23
        least = -np.inf if min_score is None else float(max(-2, min(2, min_score)))
        floor = least - error
        if len(near) > k:
            floor = max(floor, float(np.partition(near, len(near) - k)[len(near) - k]) - 2 * error)
        candidates = candidates[near >= floor]
        scores = self._cosines(candidates, query.astype(np.float64))
        best = np.lexsort((self.documents[candidates], -scores))[:k]
        return [(int(self.documents[candidates[at]]), float(scores[at])) for at in best if scores[at] >= least]

    def _cosines(self, candidates: NDArray[np.intp], query: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the cosines of some rows: of equal rows the same, whatever stands beside them."""
        scores = np.empty(len(candidates))
        for at in range(0, len(candidates), _BLOCK):
            rows = self.vectors[candidates[at : at + _BLOCK]].astype(np.float64)
            lengths = np.sqrt((rows * rows).sum(axis=1) * (query * query).sum())
            scores[at : at + _BLOCK] = (rows * query).sum(axis=1) / lengths
        return np.clip(scores, -1, 1)
