"""Embedders for tests: a text is the JSON of its vector, so that anybody can compute what is near what."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import trio

import graphflow as gf


class Written(gf.Embedder):
    """Reads the vector in the text, and remembers what it was asked.

    Attributes:
        asked: the texts of every call.
        before: what is called before each call returns.
    """

    def __init__(self, model: str = "written", *, batch_size: int = 64, before: Callable[[], None] | None = None):
        super().__init__(model, batch_size=batch_size)
        self.asked: list[list[str]] = []
        self.before = before

    def embed(self, texts: list[str], /) -> list[Any]:
        self.asked.append(texts)
        if self.before is not None:
            self.before()
        return [json.loads(text) for text in texts]


class WrittenLater(gf.Embedder):
    """The same, asynchronous.

    Attributes:
        loops: the Trio loops that it was asked in.
        closed: how many calls were over, by any way.
    """

    def __init__(self, *, seconds: float = 0) -> None:
        super().__init__("written")
        self.loops: set[object] = set()
        self.closed = 0
        self._seconds = seconds

    async def embed(self, texts: list[str], /) -> list[Any]:
        self.loops.add(trio.lowlevel.current_trio_token())
        try:
            await trio.sleep(self._seconds)
            return [json.loads(text) for text in texts]
        finally:
            self.closed += 1


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the cosine of two vectors, neither of which is all zeros."""
    return math.fsum(a * b for a, b in zip(left, right, strict=True)) / (math.hypot(*left) * math.hypot(*right))
