"""A chat model and what takes the text out of its chunks: what most streams are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

import graphflow as gf
from benchmarks.cases import HAND, LCEL, NS, OURS, Case, Group, Side, Taken, faster
from benchmarks.measuring import on_asyncio, on_trio
from benchmarks.work import last_of

TOKEN: Final = "x"


async def answer(count: int) -> AsyncIterator[gf.AIMessageChunk]:
    for token in TOKEN * count:
        yield gf.AIMessageChunk(token)


async def texts(chunks: AsyncIterator[gf.AIMessageChunk]) -> AsyncIterator[str]:
    async for chunk in chunks:
        if chunk.text:
            yield chunk.text


async def by_hand(count: int) -> object:
    return await last_of(texts(answer(count)))


def ours(count: int) -> Taken:
    chain = gf.ScriptedChatModel(tuple(TOKEN * count)) | gf.text()

    async def work(count: int) -> object:
        async with chain.stream("go on") as chunks:
            return await last_of(chunks)

    return on_trio(work)(count)


def peers(count: int) -> Taken:
    from langchain_core.language_models import FakeListChatModel
    from langchain_core.output_parsers import StrOutputParser

    chain = FakeListChatModel(responses=[TOKEN * count]) | StrOutputParser()
    return on_asyncio(lambda _: last_of(chain.astream("go on")))(count)


def cases() -> Iterator[Case]:
    yield Case(
        "model | text()",
        NS,
        "token",
        (Side(OURS, ours, 10_000), Side(HAND, on_trio(by_hand), 10_000), Side(LCEL, peers, 10_000)),
        (faster(100),),
        most_rounds=5,
    )


GROUP = Group(
    "model",
    "A model and a parser",
    """
    A scripted model that says 10,000 tokens without delay, and what takes their text. By hand it is two
    asynchronous generators over the same message chunks; in LCEL `FakeListChatModel | StrOutputParser`, also
    10,000 tokens.
    """,
    cases,
)
