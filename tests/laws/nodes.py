"""Random nodes through the public API: every flavour of function that graphflow takes, over one behaviour.

What a node saw, what it raised and whether it is still open is written into a `Watch`.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Final, Literal, cast

import attrs
import trio

import graphflow as gf
from tests.laws.behaviours import (
    AGGREGATES,
    END,
    PRODUCERS,
    READERS,
    TRANSFORMS,
    TYPES,
    Kind,
    Logic,
    Machine,
    Order,
    of_values,
    several,
)

Role = Literal["transform", "aggregate", "producer", "reader"]
#: How a node is written: `pulled` is an asynchronous generator that awaits nothing but its input, `scoped` one that
#: keeps a cancel scope open, and `nested` runs another chain.
Flavour = Literal[
    "pulled", "awaiting", "scoped", "sync", "thread", "chunkwise", "awaiting chunkwise", "thread chunkwise", "nested"
]

ACCUMULATORS: Final[Mapping[str, Any]] = {
    "total": gf.accumulator(initial=int, step=lambda state, chunk: state + chunk, name="total"),
    "from ten": gf.accumulator(initial=lambda: 10, step=lambda state, chunk: state + chunk, name="from_ten"),
    "counted": gf.accumulator(initial=int, step=lambda state, chunk: state + 1, name="counted"),
    "latest": gf.latest,
}


class Boom(Exception):
    """What a node raises that is told to fail."""


@attrs.frozen
class Port:
    """A parameter of a node; one that is never fed has a default."""

    name: str
    kind: Kind | None
    streams: bool
    default: int | None = None


@attrs.frozen
class Step:
    """One node.

    Attributes:
        label: its name, unique in its chain.
        ports: its parameters.
        does: the name of its behaviour; an order of reading, for a transform of several streams.
        delay: in virtual seconds, before everything that it gives.
        folds: how its output is declared to fold.
        fails_at: the number of the chunk at which it raises: read by what reads a stream, given by a producer.
    """

    label: str
    role: Role
    ports: tuple[Port, ...]
    does: str
    flavour: Flavour
    delay: int = 0
    folds: str | None = None
    fails_at: int | None = None


class Watch:
    """What happens in the nodes of one run.

    Attributes:
        seen: for every node, in the order in which its function was called, what each call read: ports and chunks.
        raised: the errors that nodes have raised on purpose.
        held: for a node, after how many chunks it stops giving any, for good.
        given: how many chunks each node has given.
        open: how many functions are being run.
        limit: what some chains share.
    """

    def __init__(self, held: Mapping[str, int] | None = None) -> None:
        self.seen: dict[str, list[list[tuple[str, Any]]]] = {}
        self.raised: list[Boom] = []
        self.held = held or {}
        self.given: Counter[str] = Counter()
        self.open = 0
        self.limit = gf.Limit(1)


class Call:
    """One call of a node's function, as the code of every flavour sees it."""

    def __init__(self, step: Step, watch: Watch) -> None:
        self.step = step
        self.watch = watch
        self._log: list[tuple[str, Any]] = []
        self._count = 0
        watch.seen.setdefault(step.label, []).append(self._log)

    def __enter__(self) -> Call:
        self.watch.open += 1
        return self

    def __exit__(self, *raised: object) -> None:
        self.watch.open -= 1

    def saw(self, port: str, chunk: Any) -> None:
        """Write down a chunk that was read, or a value."""
        if chunk is not END:
            self._log.append((port, chunk))

    def count(self) -> None:
        """Fail, if it is time to."""
        if self._count == self.step.fails_at:
            error = Boom(self.step.label)
            self.watch.raised.append(error)
            raise error
        self._count += 1

    async def wait(self, chunk: Any = None) -> None:
        """Wait before something is given."""
        if self.watch.given[self.step.label] >= self.watch.held.get(self.step.label, 1 << 30):
            await trio.sleep_forever()
        self.watch.given[self.step.label] += 1
        if self.step.delay:
            await trio.sleep(self.step.delay * (1 + len(repr(chunk)) % 3))


def logic_of(step: Step, values: Mapping[str, Any]) -> Logic:
    """Return what a node does with its streams."""
    streams = tuple(port.name for port in step.ports if port.streams)
    if len(step.ports) > 1:
        order: Order = step.does  # type: ignore[assignment]
        return several(streams, values, order)
    return (READERS if step.role == "reader" else TRANSFORMS)[step.does].logic(streams[0])


def value_of(step: Step, values: Mapping[str, Any]) -> Any:
    """Return what an aggregate gives, or the chunks of a producer."""
    if len(step.ports) > 1 or step.ports[0].kind is None:
        text = of_values(values)
        return [text[: len(text) // 2], text[len(text) // 2 :]] if step.role == "producer" else text
    return (PRODUCERS if step.role == "producer" else AGGREGATES)[step.does].call(*values.values())


# --- flavours ----------------------------------------------------------------------------------------------


def build(step: Step, watch: Watch) -> gf.Chain[Any, Any]:
    """Declare the node."""
    function = _FLAVOURS[step.role, step.flavour](step, watch)
    _sign(function, step)
    accumulate = ACCUMULATORS[step.folds] if step.folds is not None else None
    declare: Any = gf.transform if step.role == "transform" else gf.aggregate
    if step.flavour.endswith("chunkwise"):
        declare = gf.chunkwise
    chain: gf.Chain[Any, Any] = declare(
        name=step.label, accumulate=accumulate, thread=step.flavour.startswith("thread")
    )(function)
    return chain


def gives(step: Step) -> Kind:
    """Return what kind of chunks a node gives."""
    if len(step.ports) > 1 or step.ports[0].kind is None:
        return "text"
    known: Mapping[str, Any] = {
        "transform": TRANSFORMS,
        "reader": READERS,
        "aggregate": AGGREGATES,
        "producer": PRODUCERS,
    }[step.role]
    kind: Kind = known[step.does].gives
    return kind


def _sign(function: Any, step: Step) -> None:
    """Give a function the parameters and annotations of its node."""
    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    iterator: Any = AsyncIterator if is_async else Iterator
    annotations: dict[str, Any] = {}
    parameters = []
    for port in step.ports:
        if port.kind is not None:
            hint = TYPES[port.kind]
            annotations[port.name] = hint if not port.streams or "chunkwise" in step.flavour else iterator[hint]
        elif port.streams:
            annotations[port.name] = iterator[Any]
        default = inspect.Parameter.empty if port.default is None else port.default
        parameters.append(inspect.Parameter(port.name, inspect.Parameter.KEYWORD_ONLY, default=default))
    if len(step.ports) == 1:
        parameters = [parameters[0].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    result: Any = TYPES[gives(step)]
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        result = iterator[result]
    function.__annotations__ = {**annotations, "return": result}
    function.__signature__ = inspect.Signature(parameters)


def _arguments(step: Step, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    given = {step.ports[0].name: args[0]} if args else kwargs
    return {port.name: given.get(port.name, port.default) for port in step.ports}


def _begin(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the streams and the values that a function was called with."""
    arguments = _arguments(call.step, args, kwargs)
    values = {port.name: arguments[port.name] for port in call.step.ports if not port.streams}
    for port, value in values.items():
        call.saw(port, value)
    return {port.name: arguments[port.name] for port in call.step.ports if port.streams}, values


def _pulled(step: Step, watch: Watch) -> Callable[..., AsyncIterator[Any]]:
    async def node(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
        with Call(step, watch) as call:
            machine = Machine(logic_of(step, {}))
            port = step.ports[0].name
            call.count()
            for chunk in machine.feed():
                yield chunk
            if machine.wants is not None:
                async for read in chunks:
                    call.saw(port, read)
                    call.count()
                    for chunk in machine.feed(read):
                        yield chunk
                    if machine.wants is None:
                        return
            for chunk in machine.feed(END):
                yield chunk

    return node


def _awaiting(step: Step, watch: Watch) -> Callable[..., AsyncIterator[Any]]:
    async def node(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with Call(step, watch) as call:
            streams, values = _begin(call, args, kwargs)
            machine = Machine(logic_of(step, values))
            call.count()
            given = machine.feed()
            while True:
                for chunk in given:
                    await call.wait(chunk)
                    yield chunk
                if machine.wants is None:
                    return
                read = await anext(streams[machine.wants], END)
                call.saw(machine.wants, read)
                if read is not END:
                    call.count()
                given = machine.feed(read)

    return node


def _sync(step: Step, watch: Watch) -> Callable[..., Iterator[Any]]:
    def node(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with Call(step, watch) as call:
            streams, values = _begin(call, args, kwargs)
            machine = Machine(logic_of(step, values))
            call.count()
            given = machine.feed()
            while True:
                yield from given
                if machine.wants is None:
                    return
                read = next(streams[machine.wants], END)
                call.saw(machine.wants, read)
                if read is not END:
                    call.count()
                given = machine.feed(read)

    return node


def _chunkwise(step: Step, watch: Watch) -> Callable[[Any], Any]:
    def node(chunk: Any) -> Any:
        with Call(step, watch) as call:
            call.saw(step.ports[0].name, chunk)
            return _changed(call, chunk)

    return node


def _awaiting_chunkwise(step: Step, watch: Watch) -> Callable[[Any], Awaitable[Any]]:
    async def node(chunk: Any) -> Any:
        with Call(step, watch) as call:
            call.saw(step.ports[0].name, chunk)
            result = _changed(call, chunk)
            await call.wait(result)
            return result

    return node


def _changed(call: Call, chunk: Any) -> Any:
    if call.step.fails_at is not None and len(call.watch.seen[call.step.label]) > call.step.fails_at:
        call.step = attrs.evolve(call.step, fails_at=0)
        call.count()
    (result,) = TRANSFORMS[call.step.does].step([], chunk)
    return result


def _reader(step: Step, watch: Watch) -> Callable[..., Awaitable[Any]]:
    write = _awaiting(step, watch)

    async def node(*args: Any, **kwargs: Any) -> Any:
        result = None
        async for chunk in write(*args, **kwargs):
            result = chunk
        return result

    return node


def _sync_reader(step: Step, watch: Watch) -> Callable[..., Any]:
    write = _sync(step, watch)

    def node(*args: Any, **kwargs: Any) -> Any:
        (result,) = write(*args, **kwargs)
        return result

    return node


def _aggregate(step: Step, watch: Watch) -> Callable[..., Any]:
    def node(*args: Any, **kwargs: Any) -> Any:
        with Call(step, watch) as call:
            _, values = _begin(call, args, kwargs)
            call.count()
            return value_of(step, values)

    return node


def _awaiting_aggregate(step: Step, watch: Watch) -> Callable[..., Awaitable[Any]]:
    async def node(*args: Any, **kwargs: Any) -> Any:
        with Call(step, watch) as call:
            _, values = _begin(call, args, kwargs)
            result = value_of(step, values)
            await call.wait(result)
            call.count()
            return result

    return node


def _nested(step: Step, watch: Watch) -> Callable[..., Awaitable[Any]]:
    write = _awaiting_aggregate(step, watch)

    @gf.aggregate
    async def inside(arguments: Any) -> Any:
        args, kwargs = arguments
        return await write(*args, **kwargs)

    chain = (inside | gf.passthrough()).compile()

    async def node(*args: Any, **kwargs: Any) -> Any:
        async with chain.stream((args, kwargs)) as chunks:
            (result,) = [chunk async for chunk in chunks]
        return result

    return node


def _producer(step: Step, watch: Watch) -> Callable[..., Iterator[Any]]:
    def node(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with Call(step, watch) as call:
            _, values = _begin(call, args, kwargs)
            call.count()
            for chunk in value_of(step, values):
                yield chunk
                call.count()

    return node


def _awaiting_producer(step: Step, watch: Watch) -> Callable[..., AsyncIterator[Any]]:
    async def node(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with Call(step, watch) as call:
            _, values = _begin(call, args, kwargs)
            call.count()
            for chunk in value_of(step, values):
                await call.wait(chunk)
                yield chunk
                call.count()

    return node


def _scoped(step: Step, watch: Watch) -> Callable[..., AsyncIterator[Any]]:
    inside = (_awaiting_producer if step.role == "producer" else _awaiting)(step, watch)

    async def node(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with trio.CancelScope():
            async with aclosing(cast("AsyncGenerator[Any, None]", inside(*args, **kwargs))) as chunks:
                async for chunk in chunks:
                    yield chunk

    return node


_FLAVOURS: Final[Mapping[tuple[Role, Flavour], Callable[[Step, Watch], Callable[..., Any]]]] = {
    ("transform", "pulled"): _pulled,
    ("transform", "awaiting"): _awaiting,
    ("transform", "scoped"): _scoped,
    ("producer", "scoped"): _scoped,
    ("transform", "sync"): _sync,
    ("transform", "thread"): _sync,
    ("transform", "chunkwise"): _chunkwise,
    ("transform", "awaiting chunkwise"): _awaiting_chunkwise,
    ("transform", "thread chunkwise"): _chunkwise,
    ("reader", "awaiting"): _reader,
    ("reader", "sync"): _sync_reader,
    ("reader", "thread"): _sync_reader,
    ("aggregate", "awaiting"): _awaiting_aggregate,
    ("aggregate", "sync"): _aggregate,
    ("aggregate", "thread"): _aggregate,
    ("aggregate", "nested"): _nested,
    ("producer", "awaiting"): _awaiting_producer,
    ("producer", "sync"): _producer,
    ("producer", "thread"): _producer,
}
