"""Documents, indexes, embedders and retrievers."""

from collections.abc import Sequence
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import graphflow as gf
from tests.typing.nodes import P


class Lengths(gf.Embedder):
    """Plain, with lists."""

    def embed(self, texts: Sequence[str], /) -> list[list[float]]:
        return [[len(text)] for text in texts]


class Arrays(gf.Embedder):
    """Plain, with an array."""

    def embed(self, texts: list[str], /) -> NDArray[np.float32]:
        return np.zeros((len(texts), 3), np.float32)


class Later(gf.Embedder):
    """Asynchronous."""

    async def embed(self, texts: list[str], /) -> list[list[int]]:
        return [[len(text)] for text in texts]


class Words(gf.Embedder):
    """What it gives are no vectors."""

    def embed(self, texts: list[str], /) -> list[str]:  # type: ignore[override]
        return texts


def search(query: str) -> list[gf.Document]:
    return [gf.Document(query)]


async def search_later(query: str) -> list[gf.Document]:
    return [gf.Document(query)]


def count(query: str) -> int:
    return len(query)


@gf.aggregate
def worded(documents: list[gf.Document]) -> str:
    return "".join(document.text for document in documents)


def indexes(embedder: gf.Embedder) -> None:
    words = gf.SearchIndex.from_texts(["a"], [{"page": 1}])
    vectors = gf.VectorIndex.from_texts(["a", gf.Document("b")], embedder, path="index.db")
    assert_type(words, gf.SearchIndex)
    assert_type(vectors, gf.VectorIndex)
    assert_type(vectors.search("a", 3, filter={"page": 1}, min_score=0.5), list[gf.Document])
    assert_type(vectors.add(["a"]), list[str])
    assert_type(vectors.as_retriever(k=2, filter={"page": 1}, min_score=0.5), gf.Retriever)
    assert_type(words.as_retriever() | worded, gf.Aggregate[str, str])
    assert_type(vectors.as_retriever() | worded | P, gf.Producer[str, str])
    with gf.VectorIndex(Lengths()) as opened:
        assert_type(opened, gf.VectorIndex)
    for one in (Arrays(), Later(), Words(), gf.LocalEmbedder()):
        gf.VectorIndex(one)


def retrievers() -> None:
    assert_type(gf.Retriever(search) | worded, gf.Aggregate[str, str])
    assert_type(gf.Retriever(search_later) | worded, gf.Aggregate[str, str])
    gf.Retriever(count)  # type: ignore[arg-type]
    gf.VectorIndex("model")  # type: ignore[arg-type]
    gf.Embedder()  # type: ignore[abstract]
    gf.VectorIndex(Lengths()).search("a", filter={"page": [1]})  # type: ignore[dict-item]
