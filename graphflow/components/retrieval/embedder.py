"""Embedders: from texts to vectors, near each other where the texts mean nearly the same."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Awaitable, Iterable, Sequence
from typing import TypeAlias

Vectors: TypeAlias = Iterable[Sequence[float]]


class Embedder(abc.ABC):
    """What makes vectors of texts, for a `VectorIndex`.

    Subclasses write `embed`, plain or asynchronous. A plain one may block, and may be called from several threads at
    once: retrievers call it in worker threads. An asynchronous one runs under Trio.

    Args:
        model: the name of what makes the vectors; the name of the class if not given. An index remembers it, and
            refuses an embedder of another name, since vectors of different models cannot be compared.
        batch_size: how many texts `embed` is given at most at once.

    Raises:
        ValueError: `batch_size` is less than 1, or `model` is empty.

    >>> class Vowels(Embedder):
    ...     def embed(self, texts: list[str], /) -> list[list[float]]:
    ...         return [[text.count(vowel) for vowel in "aeiou"] for text in texts]
    >>> Vowels().model
    'Vowels'
    """

    def __init__(self, model: str | None = None, *, batch_size: int = 64) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is 1 or more, not {batch_size}")
        if model == "":
            raise ValueError("model is a name, not ''")
        self.model = type(self).__name__ if model is None else model
        self.batch_size = batch_size

    @abc.abstractmethod
    def embed(self, texts: list[str], /) -> Vectors | Awaitable[Vectors]:
        """Make a vector of every text, in order: all of one length, of finite numbers.

        A text that means nothing may have a vector of zeros: it is never found.
        """

    def embed_queries(self, texts: list[str], /) -> Vectors | Awaitable[Vectors]:
        """Make a vector of every query: for models that want questions marked as such. Else the same as `embed`."""
        return self.embed(texts)

    @property
    def is_async(self) -> bool:
        """Tell whether `embed` is asynchronous."""
        return inspect.iscoroutinefunction(self.embed)
