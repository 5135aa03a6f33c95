"""Items 46 to 48: retrieval."""

from __future__ import annotations

import gc
import uuid

import trio

import graphflow as gf
from tests.inventory.guide import ANSWER, TEXTS, chunks_of, retrieval_chain
from tests.laws.simulation import simulate


def test_46_an_index_is_made_of_texts_and_becomes_a_retriever() -> None:
    with gf.SearchIndex.from_texts(TEXTS) as index:
        retriever = index.as_retriever()
        assert isinstance(retriever, gf.Retriever)
        assert simulate(lambda: retriever.invoke("kensho"))[0].text == "harrison worked at kensho"
    gc.collect()


def test_47_documents_have_an_id_metadata_and_text_and_a_retriever_gives_a_list_of_them() -> None:
    with gf.SearchIndex.from_texts(TEXTS) as index:
        found = simulate(lambda: index.as_retriever().invoke("harrison"))
    assert isinstance(found, list)
    assert sorted(document.text for document in found) == sorted(TEXTS)
    assert {type(document) for document in found} == {gf.Document}
    assert all(document.metadata == {} for document in found)
    ids = [uuid.UUID(document.id) for document in found]
    assert len(set(ids)) == 2


def test_48_a_retrieval_chain_streams_although_retriever_and_prompt_do_not() -> None:
    times: list[float] = []
    with gf.SearchIndex.from_texts(TEXTS) as index:
        chain = retrieval_chain(index)
        assert chunks_of(chain, "where did harrison work?") == ANSWER
        plan = gf.compile(chain).plan
        assert {node.name for node in plan.nodes if not node.streams} == {"Docs", "prompt"}
        assert plan.streams

        async def main() -> None:
            slow = {"context": index.as_retriever(), "question": gf.passthrough()} | (
                gf.prompt("{context} {question}") | gf.ScriptedChatModel(ANSWER, delay=1) | gf.text()
            )
            async with slow.stream("where did harrison work?") as chunks:
                begun = trio.current_time()
                async for _ in chunks:
                    times.append(trio.current_time() - begun)

        simulate(main)
    assert times == [0, 1, 2, 3, 4]
