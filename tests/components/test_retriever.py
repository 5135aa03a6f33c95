"""Retrievers: of both indexes, of functions of one's own; what they take, what they tell, and what they leave."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio
import trio.testing

import graphflow as gf
from graphflow import Document
from tests.components.embedders import Written, WrittenLater
from tests.laws.simulation import simulate
from tests.leaving.watch import PATIENCE, watching

Index: TypeAlias = gf.SearchIndex | gf.VectorIndex

#: As words they have nothing in common; as vectors the first is nearest to the second.
TEXTS = ["[31, 1]", "[22, 33]", "[4, 55]", "[-66, 7]"]


def search_index(path: Path) -> Index:
    return gf.SearchIndex.from_texts(TEXTS, [{"n": n, "even": n % 2 == 0} for n in range(4)], path=path)


def vector_index(path: Path, embedder: gf.Embedder | None = None) -> Index:
    metadatas = [{"n": n, "even": n % 2 == 0} for n in range(4)]
    return gf.VectorIndex.from_texts(TEXTS, embedder or Written(), metadatas, path=path)


def later_index(path: Path) -> Index:
    return vector_index(path, WrittenLater())


KINDS = [search_index, vector_index, later_index]


@pytest.fixture(params=KINDS, ids=["words", "vectors", "asynchronous vectors"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    with request.param(tmp_path / "index.db") as index:
        yield index


def test_a_retriever_gives_what_its_index_finds(index: Index) -> None:
    some: list[dict[str, Any]] = [{}, {"k": 2}, {"k": 3, "filter": {"even": True}}, {"min_score": 0.1}]
    for options in some:
        retriever = index.as_retriever(**options)
        expected = index.search(TEXTS[0], **options)
        for found in (retriever.sync.invoke(TEXTS[0]), trio.run(retriever.invoke, TEXTS[0])):
            assert [(document, document.score) for document in found] == [(one, one.score) for one in expected]
        assert expected


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"k": 0}, ValueError, "k is 1 or more, not 0"),
        ({"k": "3"}, TypeError, "k is an int, not str"),
        ({"min_score": "high"}, TypeError, "min_score is a number or None, not str"),
        ({"min_score": float("nan")}, ValueError, "min_score is a number or None, not nan"),
        ({"filter": [("a", 1)]}, TypeError, "filter is a mapping of metadata keys"),
        ({"filter": {"k": [1]}}, TypeError, r"filter\['k'\] is a str, int, .*, not list"),
    ],
)
def test_options_that_mean_nothing_are_refused_when_the_retriever_is_made(
    index: Index, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        index.as_retriever(**options)


def test_a_filter_that_is_changed_later_is_still_the_old_one(index: Index) -> None:
    wanted: dict[str, str | int | float | bool | None] = {"n": 0}
    retriever = index.as_retriever(filter=wanted)
    wanted["n"] = 1
    assert [document.metadata["n"] for document in retriever.sync.invoke(TEXTS[0])] == [0]


def test_a_retriever_tells_its_query_and_its_documents(index: Index) -> None:
    chain = index.as_retriever(k=1, name="ports") | gf.aggregate(len)
    with chain.sync.events(TEXTS[0], include_types=["retriever"]) as events:
        start, end = events
    assert (start.event, start.name, start.input) == ("on_retriever_start", "ports", {"query": TEXTS[0]})
    assert (end.event, [document.text for document in end.output]) == ("on_retriever_end", [TEXTS[0]])
    plan = gf.compile(index.as_retriever(k=1, name="ports")).plan
    assert plan["ports"].location is not None
    assert plan["ports"].location.file == __file__


def test_many_queries_at_once_are_answered_each_by_its_own_documents(index: Index) -> None:
    async def main() -> list[list[Document]]:
        return await index.as_retriever(k=1).batch(TEXTS * 20)

    assert [found[0].text for found in trio.run(main)] == TEXTS * 20


def test_an_index_of_words_and_one_of_vectors_answer_side_by_side(tmp_path: Path) -> None:
    def merged(words: list[Document], meaning: list[Document]) -> list[str]:
        return [document.text for document in words + meaning]

    with search_index(tmp_path / "words.db") as words, vector_index(tmp_path / "vectors.db") as vectors:
        chain = gf.parallel(words=words.as_retriever(k=1), meaning=vectors.as_retriever(k=1)) | gf.aggregate(merged)
        assert trio.run(chain.invoke, TEXTS[3]) == [TEXTS[3], TEXTS[3]]


# --- functions of one's own -------------------------------------------------------------------------------


def plain(query: str) -> list[Document]:
    return [Document(query), Document(threading.current_thread().name)]


async def asynchronous(query: str) -> list[Document]:
    await trio.lowlevel.checkpoint()
    return plain(query)


class Service:
    async def __call__(self, query: str) -> list[Document]:
        return plain(query)


@pytest.mark.parametrize("search", [asynchronous, Service()])
def test_an_asynchronous_search_runs_in_the_event_loop(search: Callable[[str], Awaitable[list[Document]]]) -> None:
    retriever = gf.Retriever(search, name="service")
    found = trio.run(retriever.invoke, "what")
    assert [document.text for document in found] == ["what", threading.current_thread().name]


def test_a_plain_search_runs_in_a_worker_thread() -> None:
    found = trio.run(gf.Retriever(plain).invoke, "what")
    assert found[0].text == "what"
    assert found[1].text != threading.current_thread().name


def test_a_chain_that_is_run_in_a_search_is_a_child_of_the_retriever() -> None:
    shout = gf.aggregate(str.upper).with_config(name="shout")

    def in_thread(query: str) -> list[Document]:
        return [Document(shout.sync.invoke(query))]

    async def in_loop(query: str) -> list[Document]:
        return [Document(await shout.invoke(query))]

    for retriever in (gf.Retriever(in_thread), gf.Retriever(in_loop)):
        with retriever.sync.events("what", allow_unmatched=True) as events:
            runs = {event.name: event for event in events if isinstance(event, gf.StartEvent)}
        assert runs["shout"].parent_ids == [runs["retriever"].run_id]


def test_queries_that_wait_for_an_asynchronous_embedder_hold_no_threads(tmp_path: Path) -> None:
    everybody = 200

    class Together(gf.Embedder):
        """Answers when all have asked."""

        def __init__(self) -> None:
            super().__init__()
            self.waiting = 0
            self.all_are_here = trio.Event()

        async def embed(self, texts: list[str], /) -> list[list[float]]:
            self.waiting += 1
            if self.waiting == everybody:
                self.all_are_here.set()
            await self.all_are_here.wait()
            return [[1.0] for _ in texts]

    async def main() -> list[list[Document]]:
        with trio.fail_after(60):  # else it would wait for ever for those that found no thread
            return await meeting.as_retriever().batch(["a"] * everybody, max_concurrency=everybody)

    with gf.VectorIndex(Together(), tmp_path / "index.db") as meeting:
        assert trio.run(main) == [[]] * everybody


# --- leaving ----------------------------------------------------------------------------------------------


def test_a_query_that_is_cancelled_while_it_is_embedded_in_a_thread_leaves_nothing(tmp_path: Path) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert goes_on.wait(PATIENCE)

    async def main() -> None:
        watch.enter_loop()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(searched.as_retriever().invoke, TEXTS[0])
            assert await trio.to_thread.run_sync(begun.wait, PATIENCE)
            nursery.cancel_scope.cancel()
            goes_on.set()
        assert watch.left(in_loop=True) == []

    embedder = Written()
    with vector_index(tmp_path / "index.db", embedder) as searched:
        embedder.before = wait
        with watching() as watch:
            trio.run(main)
        assert watch.complaints == []
        assert searched.search(TEXTS[0])[0].text == TEXTS[0]


def test_a_query_that_is_cancelled_while_it_is_embedded_asynchronously_ends_at_once(tmp_path: Path) -> None:
    embedder = WrittenLater(seconds=10)

    async def main() -> None:
        begun = trio.current_time()
        with trio.move_on_after(1) as scope:
            await searched.as_retriever().invoke(TEXTS[0])
        assert scope.cancelled_caught
        assert (trio.current_time() - begun, embedder.closed) == (1, 1)

    with gf.VectorIndex(embedder, tmp_path / "index.db") as searched:
        simulate(main)


@pytest.mark.parametrize("make", KINDS)
def test_queries_cancelled_at_any_moment_leave_nothing_and_the_index_whole(
    make: Callable[[Path], AbstractContextManager[Index]], tmp_path: Path
) -> None:
    async def main() -> None:
        watch.enter_loop()
        for moment in range(40):
            with trio.move_on_after(moment * 0.0002):
                await searched.as_retriever().batch(TEXTS, max_concurrency=2)
        # Connections are the index's, which keeps them until it is closed.
        assert not [one for one in watch.left(in_loop=True) if "index.db" not in one]
        assert (await searched.as_retriever().invoke(TEXTS[0]))[0].text == TEXTS[0]

    with make(tmp_path / "index.db") as searched, watching() as watch:
        trio.run(main)
    assert watch.complaints == []
    assert not [one for one in watch.left(in_loop=False) if "index.db" in one]
