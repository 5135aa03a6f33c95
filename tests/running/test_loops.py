"""Which event loop the asynchronous verbs run in: Trio's, and a clear error in any other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import pytest

import graphflow as gf


@gf.aggregate
def shout(text: str) -> str:
    return text.upper()


async def source() -> Any:
    yield "a"


async def entered(manager: AbstractAsyncContextManager[Any]) -> None:
    async with manager:
        pass


VERBS: Final[dict[str, Callable[[], Awaitable[Any]]]] = {
    "invoke": lambda: shout.invoke("a"),
    "stream": lambda: entered(shout.stream("a")),
    "transform": lambda: entered(shout.transform(source())),
    "events": lambda: entered(shout.events("a")),
    "batch": lambda: shout.batch(["a"]),
    "batch_as_completed": lambda: entered(shout.batch_as_completed(["a"])),
}


@pytest.mark.parametrize("verb", VERBS)
def test_under_asyncio_the_error_says_trio_and_what_to_write(verb: str) -> None:
    async def main() -> None:
        await VERBS[verb]()

    with pytest.raises(RuntimeError, match=r"under Trio.*asyncio task.*asyncio\.to_thread\(chain\.sync\."):
        asyncio.run(main())


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_loop_the_error_says_what_to_write(verb: str) -> None:
    with pytest.raises(RuntimeError, match=r"write chain\.sync\.\w+\(\.\.\.\), or start with trio\.run"):
        VERBS[verb]().__await__().send(None)
