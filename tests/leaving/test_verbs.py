"""Law 5, verb by verb: a failing branch cancels its siblings, no error is lost, and each says where it comes from."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

import pytest
import trio

import graphflow as gf

AnyChain = gf.Chain[str, Any]


async def source(value: str) -> AsyncIterator[str]:
    yield value


async def read(opened: AbstractAsyncContextManager[AsyncIterator[object]]) -> None:
    async with opened as items:
        async for _ in items:
            pass


def read_in_thread(opened: AbstractContextManager[Iterator[object]]) -> None:
    with opened as items:
        for _ in items:
            pass


def in_loop(verb: Callable[[AnyChain], Awaitable[object]]) -> Callable[[AnyChain], None]:
    async def main(chain: AnyChain) -> None:
        with trio.fail_after(60):
            await verb(chain)

    return lambda chain: trio.run(main, chain)


VERBS: dict[str, Callable[[AnyChain], object]] = {
    "invoke": in_loop(lambda chain: chain.invoke("q")),
    "stream": in_loop(lambda chain: read(chain.stream("q"))),
    "transform": in_loop(lambda chain: read(chain.transform(source("q")))),
    "events": in_loop(lambda chain: read(chain.events("q"))),
    "batch": in_loop(lambda chain: chain.batch(["q"])),
    "batch_as_completed": in_loop(lambda chain: read(chain.batch_as_completed(["q"]))),
    "explain_analyze": in_loop(lambda chain: chain.explain_analyze("q")),
    "sync.invoke": lambda chain: chain.sync.invoke("q"),
    "sync.stream": lambda chain: read_in_thread(chain.sync.stream("q")),
    "sync.events": lambda chain: read_in_thread(chain.sync.events("q")),
    "sync.batch": lambda chain: chain.sync.batch(["q"]),
    "sync.batch_as_completed": lambda chain: read_in_thread(chain.sync.batch_as_completed(["q"])),
    "sync.explain_analyze": lambda chain: chain.sync.explain_analyze("q"),
}
every_verb = pytest.mark.parametrize("verb", VERBS)


class Meeting:
    """Branches that wait for each other, so that what they then do they do at once, whichever is the first."""

    def __init__(self, expected: int) -> None:
        self._missing = expected
        self._all_here = trio.Event()

    async def wait(self) -> None:
        self._missing -= 1
        if not self._missing:
            self._all_here.set()
        with trio.CancelScope(shield=True):
            await self._all_here.wait()


def failing(meeting: Meeting, error: Exception) -> gf.Aggregate[str, str]:
    @gf.aggregate
    async def failing(_: str) -> str:
        await meeting.wait()
        raise error

    return failing


def waiting(meeting: Meeting, ends: list[str], error: Exception | None = None) -> gf.Producer[str, str]:
    """Return a branch that waits for ever, writes down how it ends, and may fail as it does."""

    @gf.aggregate
    async def waiting(text: str) -> AsyncIterator[str]:
        await meeting.wait()
        try:
            await trio.sleep_forever()
            yield text
        except trio.Cancelled:
            ends.append("cancelled")
            raise
        finally:
            if error is not None:
                raise error

    return waiting


def wraps(how: str, chain: gf.Chain[str, Any]) -> gf.Chain[str, Any]:
    """Return the chain by itself, or with something around it that runs it as a body."""
    match how:
        case "branch":
            return gf.branch((bool, chain), chain)
        case "each":
            return gf.aggregate(as_list) | gf.each(chain)
        case "retry":
            return chain.with_retry(attempts=1)
        case "nested":
            return gf.aggregate(functools.partial(nested, chain))
        case _:
            return chain


def as_list(text: str) -> list[str]:
    return [text]


async def nested(chain: gf.Chain[str, Any], text: str) -> Any:
    return await chain.invoke(text)


every_place = pytest.mark.parametrize("place", ["chain", "branch", "each", "retry", "nested"])


def check_note(error: BaseException, name: str) -> None:
    """Check that an error says once for each run that it went through in which node it was."""
    first, *others = error.__notes__
    assert re.fullmatch(rf"in node `{name}` \(.*test_verbs\.py:\d+\)( in `.*`)?, run [-0-9a-f]{{36}}", first)
    assert all(re.search(r"^in node `.*, run [-0-9a-f]{36}$", other) for other in others)
    assert len(set(error.__notes__)) == len(error.__notes__)


@every_verb
@every_place
def test_one_error_cancels_the_siblings_and_arrives_as_itself(verb: str, place: str) -> None:
    ends: list[str] = []
    meeting, error = Meeting(2), ValueError("one")
    chain = wraps(place, gf.parallel(left=failing(meeting, error), right=waiting(meeting, ends)))
    with pytest.raises(ValueError, match="one") as raised:
        VERBS[verb](chain)
    assert raised.value is error
    assert ends == ["cancelled"]
    check_note(error, "failing")


@every_verb
@every_place
def test_several_errors_arrive_as_a_group(verb: str, place: str) -> None:
    meeting, errors = Meeting(2), (ValueError("one"), KeyError("two"))
    chain = wraps(place, gf.parallel(left=failing(meeting, errors[0]), right=failing(meeting, errors[1])))
    with pytest.raises(ExceptionGroup) as raised:
        VERBS[verb](chain)
    assert set(raised.value.exceptions) == set(errors)
    check_note(errors[0], "failing")
    check_note(errors[1], r"failing(\.2)?")


@every_verb
@every_place
def test_the_error_of_a_cleanup_arrives_with_the_one_that_caused_it(verb: str, place: str) -> None:
    ends: list[str] = []
    meeting, error, dirt = Meeting(2), ValueError("one"), OSError("cleanup")
    chain = wraps(place, gf.parallel(left=failing(meeting, error), right=waiting(meeting, ends, dirt)))
    with pytest.raises(ExceptionGroup) as raised:
        VERBS[verb](chain)
    assert set(raised.value.exceptions) == {error, dirt}
    assert ends == ["cancelled"]
    check_note(error, "failing")
    check_note(dirt, "waiting")
