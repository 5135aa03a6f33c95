"""The kinds of chain that are left in every way, with nodes that say how they were left."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import attrs
import trio

import graphflow as gf

#: Chunks that the source has to give: few where all are read, and more than anyone may take where not.
FEW: Final = 4
MANY: Final = 50_000
#: The chunk at which a node does what the way of leaving wants of it.
TURN: Final = 3


@attrs.define(eq=False)
class Ledger:
    """What the nodes of one run say of themselves.

    Attributes:
        width: how many chunks the source gives for one chunk of its input.
        place: the node that does `act`, when it comes to its chunk number `turn`.
        moment: how long what sleeps does so; on a virtual clock it costs nothing.
        produced: what the source has given.
        opened, closed: how often each node has begun, and has come to the end of its cleanup.
        interrupted: the nodes whose cleanup was cancelled although they were closed where they yield.
    """

    width: int = FEW
    place: str = ""
    act: Callable[[], None] = lambda: None
    turn: int = TURN
    moment: float = 1
    produced: int = 0
    steps: Counter[str] = attrs.field(factory=Counter)
    opened: Counter[str] = attrs.field(factory=Counter)
    closed: Counter[str] = attrs.field(factory=Counter)
    interrupted: list[str] = attrs.field(factory=list)

    def step(self, node: str) -> None:
        """Say that a node has got its next chunk."""
        self.steps[node] += 1
        if node == self.place and self.steps[node] == self.turn:
            self.act()

    @contextmanager
    def open(self, node: str) -> Iterator[None]:
        """Say that a node is open, in its body."""
        self.opened[node] += 1
        try:
            yield
        finally:
            self.closed[node] += 1

    async def clean(self, node: str, error: BaseException | None) -> None:
        """Clean up, which takes a moment; `error` is how the node was left."""
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            if isinstance(error, GeneratorExit):
                self.interrupted.append(node)
            raise
        finally:
            self.closed[node] += 1

    def left_open(self) -> list[str]:
        """Return the nodes that are still open."""
        return [f"node {node}" for node in self.opened if self.opened[node] != self.closed[node]]


# --- nodes -------------------------------------------------------------------------------------------------
#
# A transform that awaits in its `finally` counts as one that waits for something of its own: two of them in a path
# are two stages. The others are pulled in place.


def spread(ledger: Ledger, name: str = "source", width: int | None = None) -> Any:
    """A source: gives every chunk of its input many times."""

    async def source(seeds: AsyncIterator[str]) -> AsyncIterator[str]:
        with ledger.open(name):
            async for seed in seeds:
                for _ in range(width or ledger.width):
                    ledger.produced += 1
                    ledger.step(name)
                    yield seed

    return gf.transform(_named(source, name))


def passing(ledger: Ledger, name: str) -> Any:
    """A transform that is pulled in place."""

    async def node(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        with ledger.open(name):
            async for chunk in chunks:
                ledger.step(name)
                yield chunk

    return gf.transform(_named(node, name))


def cleaning(ledger: Ledger, name: str) -> Any:
    """A transform whose cleanup awaits."""

    async def node(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        ledger.opened[name] += 1
        error: BaseException | None = None
        try:
            async for chunk in chunks:
                ledger.step(name)
                yield chunk
        except BaseException as raised:
            error = raised
            raise
        finally:
            await ledger.clean(name, error)

    return gf.transform(_named(node, name))


def sleeping(ledger: Ledger, name: str) -> Any:
    """A transform that waits at every chunk, and whose cleanup awaits."""

    async def node(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        ledger.opened[name] += 1
        error: BaseException | None = None
        try:
            async for chunk in chunks:
                await trio.sleep(ledger.moment)
                ledger.step(name)
                yield chunk
        except BaseException as raised:
            error = raised
            raise
        finally:
            await ledger.clean(name, error)

    return gf.transform(_named(node, name))


def scoped(ledger: Ledger, name: str) -> Any:
    """A transform that keeps a cancel scope open while it yields, and whose cleanup awaits."""

    async def node(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        ledger.opened[name] += 1
        error: BaseException | None = None
        try:
            with trio.CancelScope():
                async for chunk in chunks:
                    ledger.step(name)
                    yield chunk
        except BaseException as raised:
            error = raised
            raise
        finally:
            await ledger.clean(name, error)

    return gf.transform(_named(node, name))


def sync_spread(ledger: Ledger, name: str = "source") -> Any:
    """A source that is a plain generator."""

    def source(seeds: Iterator[str]) -> Iterator[str]:
        with ledger.open(name):
            for seed in seeds:
                for _ in range(ledger.width):
                    ledger.produced += 1
                    ledger.step(name)
                    yield seed

    return gf.transform(_named(source, name))


def sync_passing(ledger: Ledger, name: str) -> Any:
    """A transform that is a plain generator."""

    def node(chunks: Iterator[str]) -> Iterator[str]:
        with ledger.open(name):
            for chunk in chunks:
                ledger.step(name)
                yield chunk

    return gf.transform(_named(node, name))


def per_chunk(ledger: Ledger, name: str, *, thread: bool = False) -> Any:
    """A plain function of one chunk."""

    def node(chunk: str) -> str:
        with ledger.open(name):
            ledger.step(name)
            return chunk

    return gf.chunkwise(_named(node, name), thread=thread)


def function(ledger: Ledger, name: str) -> Any:
    """A plain function of its whole input."""

    def node(text: str) -> str:
        with ledger.open(name):
            ledger.step(name)
            return text

    return gf.aggregate(_named(node, name))


def choosing(ledger: Ledger, name: str) -> Any:
    """A plain function of a whole record."""

    def node(record: dict[str, str]) -> str:
        with ledger.open(name):
            ledger.step(name)
            return record["left"]

    return gf.aggregate(_named(node, name))


def listing(ledger: Ledger, name: str = "source") -> Any:
    """A function that gives a list, for an each."""

    def source(text: str) -> list[str]:
        with ledger.open(name):
            ledger.produced += 1
            ledger.step(name)
            return [text[:1]] * ledger.width

    return gf.aggregate(_named(source, name))


def refusing(ledger: Ledger, name: str, *, always: bool = False) -> Any:
    """A transform that breaks at its first chunk: the first time it is run, or always."""
    runs = 0

    async def node(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        nonlocal runs
        runs += 1
        with ledger.open(name):
            async for chunk in chunks:
                if always or runs == 1:
                    raise ConnectionError("not now")
                ledger.step(name)
                yield chunk

    return gf.transform(_named(node, name))


class Talker(gf.ChatModel):
    """A model that says one word again and again, and whose cleanup awaits."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(name="model")
        self.ledger = ledger

    async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[gf.AIMessageChunk]:
        self.ledger.opened["model"] += 1
        error: BaseException | None = None
        try:
            for _ in range(self.ledger.width):
                await trio.sleep(self.ledger.moment)
                self.ledger.produced += 1
                self.ledger.step("model")
                yield gf.AIMessageChunk("x")
        except BaseException as raised:
            error = raised
            raise
        finally:
            await self.ledger.clean("model", error)


def _named(node: Any, name: str) -> Any:
    node.__name__ = node.__qualname__ = name
    return node


# --- kinds -------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Kind:
    """One kind of chain.

    Attributes:
        make: makes the chain; its nodes write to the ledger.
        places: its nodes at which something may go wrong.
        once: the nodes that run once only, so that things go wrong there at the first chunk.
        late: the nodes that run when all that comes before is over.
        threads: whether worker threads run in it, so that no virtual clock may.
        waits: whether anything in it waits, so that a cancelled run can notice.
        whole: whether it reads its whole input before anything comes out.
        one: whether it gives one chunk only.
        asks: whether a function waits for a run of its own, which nothing but a cancellation can end.
    """

    make: Callable[[Ledger], Any]
    places: tuple[str, ...]
    once: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    threads: bool = False
    waits: bool = True
    whole: bool = False
    one: bool = False
    asks: bool = False


def generators(ledger: Ledger) -> Any:
    return spread(ledger) | cleaning(ledger, "middle") | passing(ledger, "last")


def functions(ledger: Ledger) -> Any:
    return function(ledger, "source") | function(ledger, "middle") | function(ledger, "last")


def fused(ledger: Ledger) -> Any:
    return spread(ledger) | per_chunk(ledger, "middle") | per_chunk(ledger, "last")


def sync_generators(ledger: Ledger) -> Any:
    return sync_spread(ledger) | per_chunk(ledger, "middle") | sync_passing(ledger, "last")


def fan_out(ledger: Ledger) -> Any:
    return spread(ledger) | {"left": cleaning(ledger, "left"), "right": passing(ledger, "right")}


def fan_in(ledger: Ledger) -> Any:
    return fan_out(ledger) | choosing(ledger, "last")


def staged(ledger: Ledger) -> Any:
    return spread(ledger) | sleeping(ledger, "middle") | sleeping(ledger, "last")


def each(ledger: Ledger) -> Any:
    body = spread(ledger, "copy", width=2) | sleeping(ledger, "body")
    return listing(ledger) | gf.each(body, max_concurrency=3) | function_of_lists(ledger, "last")


def function_of_lists(ledger: Ledger, name: str) -> Any:
    async def node(chunks: AsyncIterator[list[str]]) -> AsyncIterator[list[str]]:
        with ledger.open(name):
            async for chunk in chunks:
                ledger.step(name)
                yield chunk

    return gf.transform(_named(node, name))


def bridged(ledger: Ledger) -> Any:
    return spread(ledger) | sync_passing(ledger, "middle") | cleaning(ledger, "last")


def with_scopes(ledger: Ledger) -> Any:
    return spread(ledger) | scoped(ledger, "middle") | cleaning(ledger, "last")


def ends_in_a_scope(ledger: Ledger) -> Any:
    return spread(ledger) | passing(ledger, "middle") | scoped(ledger, "last")


def in_threads(ledger: Ledger) -> Any:
    return spread(ledger) | per_chunk(ledger, "middle", thread=True) | cleaning(ledger, "last")


def branch(ledger: Ledger) -> Any:
    def is_chosen(text: str) -> bool:
        ledger.step("predicate")
        return True

    chosen = spread(ledger) | cleaning(ledger, "body")
    return gf.branch((is_chosen, chosen), passing(ledger, "never")) | passing(ledger, "last")


def branch_with_tasks(ledger: Ledger) -> Any:
    chosen = spread(ledger) | cleaning(ledger, "body") | sleeping(ledger, "body end")
    return gf.branch((lambda text: False, passing(ledger, "never")), chosen) | passing(ledger, "last")


def nested(ledger: Ledger) -> Any:
    inner = fan_out(ledger)

    async def around(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        ledger.opened["around"] += 1
        error: BaseException | None = None
        try:
            async for chunk in chunks:
                async with inner.stream(chunk) as pieces:
                    async for piece in pieces:
                        ledger.step("around")
                        if "left" in piece:
                            yield piece["left"]
        except BaseException as raised:
            error = raised
            raise
        finally:
            await ledger.clean("around", error)

    return passing(ledger, "first") | gf.transform(around) | passing(ledger, "last")


def nested_value(ledger: Ledger) -> Any:
    inner = staged(ledger)

    async def asks(text: str) -> str:
        ledger.step("asks")
        answer: str = await inner.invoke(text)
        return answer

    return function(ledger, "first") | gf.aggregate(asks) | function(ledger, "last")


def model(ledger: Ledger) -> Any:
    return function(ledger, "first") | Talker(ledger) | gf.text() | cleaning(ledger, "last")


def retried(ledger: Ledger) -> Any:
    again = refusing(ledger, "middle") | cleaning(ledger, "body")
    return spread(ledger) | again.with_retry(attempts=2, on=ConnectionError, wait=0) | passing(ledger, "last")


def retried_to_the_end(ledger: Ledger) -> Any:
    again = refusing(ledger, "middle") | sleeping(ledger, "body")
    held = again.with_retry(attempts=2, on=ConnectionError, wait=0, until="end")
    return spread(ledger) | held | function(ledger, "last")


def with_fallbacks(ledger: Ledger) -> Any:
    instead = passing(ledger, "middle") | sleeping(ledger, "body")
    falls = refusing(ledger, "refused", always=True).with_fallbacks(instead, on=ConnectionError)
    return spread(ledger) | falls | passing(ledger, "last")


def with_time_limits(ledger: Ledger) -> Any:
    timed = passing(ledger, "middle") | sleeping(ledger, "body")
    return spread(ledger) | timed.with_timeout(total=1e6, between_chunks=1e6) | cleaning(ledger, "last")


def limited(ledger: Ledger) -> Any:
    return (spread(ledger) | sleeping(ledger, "middle")).with_limit(2) | sleeping(ledger, "last")


def cached(ledger: Ledger) -> Any:
    return (
        function(ledger, "first") | (spread(ledger) | sleeping(ledger, "middle")).with_cache() | passing(ledger, "last")
    )


KINDS: Final[dict[str, Kind]] = {
    "generators": Kind(generators, ("source", "middle", "last")),
    "functions": Kind(
        functions, ("source", "middle", "last"), once=("source", "middle", "last"), waits=False, whole=True, one=True
    ),
    "fused": Kind(fused, ("source", "middle", "last")),
    "sync generators": Kind(sync_generators, ("source", "middle", "last"), threads=True),
    "fan-out": Kind(fan_out, ("source", "left", "right")),
    "fan-in": Kind(fan_in, ("source", "left", "right", "last"), once=("last",), late=("last",), one=True),
    "staged": Kind(staged, ("source", "middle", "last")),
    "each": Kind(each, ("source", "body", "last"), once=("source",), whole=True),
    "bridged": Kind(bridged, ("source", "middle", "last"), threads=True),
    "with scopes": Kind(with_scopes, ("source", "middle", "last")),
    "ends in a scope": Kind(ends_in_a_scope, ("source", "middle", "last")),
    "in threads": Kind(in_threads, ("source", "middle", "last"), threads=True),
    "branch": Kind(branch, ("predicate", "source", "body", "last"), once=("predicate",), whole=True),
    "branch with tasks": Kind(branch_with_tasks, ("source", "body", "body end", "last"), whole=True),
    "nested": Kind(nested, ("first", "source", "left", "around", "last"), once=("first",)),
    "nested value": Kind(
        nested_value,
        ("first", "source", "middle", "last"),
        once=("first", "last"),
        late=("last",),
        whole=True,
        one=True,
        asks=True,
    ),
    "model": Kind(model, ("first", "model", "last"), once=("first",), whole=True),
    "retried": Kind(retried, ("source", "middle", "body", "last")),
    "retried to the end": Kind(
        retried_to_the_end,
        ("source", "middle", "body", "last"),
        once=("last",),
        late=("last",),
        whole=True,
        one=True,
    ),
    "with fallbacks": Kind(with_fallbacks, ("source", "middle", "body", "last")),
    "with time limits": Kind(with_time_limits, ("source", "middle", "body", "last")),
    "limited": Kind(limited, ("source", "middle", "last"), whole=True),
    "cached": Kind(cached, ("first", "source", "middle", "last"), once=("first",), whole=True),
}
