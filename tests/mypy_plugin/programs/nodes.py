"""The nodes that the programs put together."""

from collections.abc import AsyncIterator
from typing import NotRequired, TypedDict

import graphflow as gf


def use(_: object) -> None: ...


class Counted(TypedDict):
    words: list[str]
    size: int


class Optional(TypedDict):
    words: NotRequired[list[str]]
    size: NotRequired[int]


@gf.chunkwise
def words(text: str) -> list[str]:
    return text.split()


@gf.aggregate
def size(text: str) -> int:
    return len(text)


@gf.aggregate
async def told(text: str) -> AsyncIterator[str]:
    yield text


@gf.transform
async def shout(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk.upper()


@gf.aggregate
def render(counted: Counted) -> str:
    return f"{counted['size']}: {counted['words']}"


@gf.aggregate
def summary(words: list[str], size: int, mark: str = "!") -> str:
    return f"{size}{mark} {words}"


@gf.transform
async def letter(name: str, text: AsyncIterator[str]) -> AsyncIterator[str]:
    yield f"Dear {name}, "
    async for chunk in text:
        yield chunk


model = gf.ScriptedChatModel("yes")
