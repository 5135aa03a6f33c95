"""Make nodes of functions: the decorators, and what `|` makes of a bare function or a dict.

A decorator says what a function is; a bare function is taken by its annotations. Either way its parameters become
ports: those annotated as iterators take chunks as they come, the others wait for the whole value.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Concatenate, Literal, Never, Unpack, overload

import attrs

from graphflow.chain import A, Aggregate, B, Chain, Later, P, Producer, Reader, Transform, Untyped, wrap
from graphflow.code import suspends
from graphflow.declaration import Declaration, Fan, GraphFunction, Step
from graphflow.functions import Signature, brief, callable_for, ignoring_input, options_of, signature_of, with_given
from graphflow.handles import Handle, Stream, Value, carried_type, is_handle, is_stream
from graphflow.limits import Limit
from graphflow.places import caller_location
from graphflow.scopes import open_scope
from graphflow_compiler.accumulate import Accumulator, Collect
from graphflow_compiler.errors import compile_error
from graphflow_compiler.ir import Node, NodeClass, NodeId, Op, Port
from graphflow_compiler.types import UNKNOWN, iterated, iterated_sync, show

Intent = Literal["transform", "chunkwise", "aggregate", "bare"]


# --- nodes -------------------------------------------------------------------------------------------------


def node_of(
    function: Callable[..., Any],
    intent: Intent,
    *,
    name: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
    accumulate: Accumulator | None = None,
    thread: bool = False,
    kind: str = "chain",
) -> Node:
    """Make the node of a function.

    Raises:
        CompileError: the function cannot be what it is declared as.
    """
    signature = signature_of(function)
    _refuse_result(signature)
    if accumulate is not None and (isinstance(accumulate, Collect) or not callable(getattr(accumulate, "fold", None))):
        raise _misdeclared(
            signature,
            f"accumulate= of `{signature.name}` says how its own chunks fold into one of their kind, "
            f"which {brief(accumulate)} does not",
            "take gf.latest, gf.concat or gf.accumulator(...); for a list of the chunks, put gf.collect() after it",
        )
    if thread and signature.is_async:
        raise _misdeclared(
            signature,
            f"`{signature.name}` is asynchronous, so it cannot run in a thread",
            "leave thread=True out, or write it as a plain `def`",
        )
    if intent == "chunkwise":
        op, ports, output = _as_chunkwise(signature)
    elif intent == "transform":
        op, ports, output = _as_transform(signature)
    elif intent == "aggregate":
        op, ports, output = _as_aggregate(signature)
    else:
        op, ports, output = _as_bare(signature)
    around = open_scope(function) if op is Op.GENERATE else None
    if around is not None and not signature.is_async:
        raise compile_error(
            "GF114",
            f"`{signature.name}` yields inside of {around.written}, but is not asynchronous: "
            "it cannot wait itself, so only what others wait for could be cancelled",
            location=signature.location and attrs.evolve(signature.location, line=around.line),
            hint=f"write `async def {signature.name}`, or leave the scope before each `yield`",
        )
    call = callable_for(function, tuple(port.name for port in ports))
    if not ports:  # it needs no input, but must be told when to run
        ports = (Port("input", streams=False, type=object),)
        call = ignoring_input(function)
    return Node(
        NodeId(""),
        name or signature.name,
        op,
        ports,
        output,
        function=call,
        is_async=signature.is_async,
        thread=thread,
        suspends=signature.is_async and suspends(function),
        keeps_open="" if around is None else str(around),
        accumulate=accumulate,
        kind=kind,
        tags=_tags(tags),
        metadata=dict(metadata or {}),
        location=signature.location or caller_location(),
    )


def _as_chunkwise(signature: Signature) -> tuple[Op, tuple[Port, ...], object]:
    if signature.yields:
        raise _misdeclared(
            signature,
            f"`{signature.name}` is chunkwise, but yields: a chunkwise function returns one chunk for one chunk",
            f"declare it with @gf.transform, or return instead of yielding in `{signature.name}`",
        )
    required = [one for one in signature.parameters if one.default is one.empty]
    if len(required) > 1 or not signature.parameters:
        has = f"{len(required)} parameters without a default" if required else "no parameter"
        raise _misdeclared(
            signature,
            f"`{signature.name}` is chunkwise, so it takes one chunk, but it has {has}",
            "leave one parameter without a default, for the chunk",
        )
    parameter = (required or list(signature.parameters))[0]
    port = Port(parameter.name, streams=True, type=signature.hint(parameter))
    return Op.MAP, (port,), signature.value


def _as_transform(signature: Signature) -> tuple[Op, tuple[Port, ...], object]:
    if not signature.is_generator:
        raise compile_error(
            "GF101",
            f"`{signature.name}` is declared as a transform, but has no `yield`",
            location=signature.location or caller_location(),
            hint=f"yield chunks in `{signature.name}`, or declare it with @gf.aggregate "
            "(a function of the whole input) or @gf.chunkwise (a function of one chunk)",
        )
    ports = _ports(signature, stream_if_unannotated=True)
    if not any(port.streams for port in ports):
        described = ", ".join(f"`{port.name}: {show(port.type)}`" for port in ports) or "no parameter"
        raise _misdeclared(
            signature,
            f"`{signature.name}` is declared as a transform, but takes no stream: it has {described}",
            "annotate the parameter that it iterates as "
            f"{'AsyncIterator' if signature.is_async else 'Iterator'}[...], "
            "or declare it with @gf.aggregate: a generator that waits for its input is a producer",
        )
    return Op.GENERATE, ports, signature.chunk


def _as_aggregate(signature: Signature) -> tuple[Op, tuple[Port, ...], object]:
    ports = _ports(signature, stream_if_unannotated=False)
    if not signature.yields:
        return Op.CALL, ports, signature.value
    streams = [port.name for port in ports if port.streams]
    if streams:
        raise _misdeclared(
            signature,
            f"`{signature.name}` is declared as an aggregate, but it yields while it reads the stream `{streams[0]}`",
            "declare it with @gf.transform",
        )
    return Op.GENERATE, ports, signature.chunk


def _as_bare(signature: Signature) -> tuple[Op, tuple[Port, ...], object]:
    """Take a function by its annotations first, then by whether it yields."""
    ports = _ports(signature, stream_if_unannotated=signature.is_generator)
    if signature.yields:
        return Op.GENERATE, ports, signature.chunk
    return Op.CALL, ports, signature.value


def _ports(signature: Signature, *, stream_if_unannotated: bool) -> tuple[Port, ...]:
    """Make the ports of the parameters: iterators take chunks, the others wait for the value.

    Where no parameter is an iterator, the first one streams if it is not annotated and `stream_if_unannotated`.
    """
    ports = []
    iterates = False
    for parameter in signature.parameters:
        hint = signature.hint(parameter)
        chunk = iterated(hint)
        if chunk is None:
            chunk = iterated_sync(hint)
        elif not signature.is_async:
            raise _misdeclared(
                signature,
                f"`{signature.name}` is not asynchronous, so it cannot iterate `{parameter.name}: {show(hint)}`",
                f"write `async def {signature.name}`, or annotate `{parameter.name}` as Iterator[{show(chunk)}]",
            )
        if chunk is not None and iterated(hint) is None and signature.is_async:
            raise _misdeclared(
                signature,
                f"`{signature.name}` is asynchronous, but `{parameter.name}: {show(hint)}` is a synchronous iterator",
                f"annotate `{parameter.name}` as AsyncIterator[{show(chunk)}] and read it with `async for`",
            )
        iterates = iterates or chunk is not None
        required = parameter.default is parameter.empty
        ports.append(Port(parameter.name, chunk is not None, hint if chunk is None else chunk, required))
    if not iterates and stream_if_unannotated and ports and ports[0].type is UNKNOWN:
        ports[0] = attrs.evolve(ports[0], streams=True)
    return tuple(ports)


def _refuse_result(signature: Signature) -> None:
    result = signature.result
    origin = typing.get_origin(result) or result
    if isinstance(origin, type) and issubclass(origin, Chain):
        raise compile_error(
            "GF108",
            f"`{signature.name}` returns a chain ({show(result)}): which nodes run would only be known while it runs",
            location=signature.location or caller_location(),
            hint="choose between chains with gf.branch((predicate, chain), ..., default), "
            "or run the chain in the function: return await chain.invoke(value)",
        )


def bound(node: Node, options: Mapping[str, object]) -> Node:
    """Return the node with some parameters given.

    Raises:
        CompileError: it has no parameter of that name, the parameter takes a stream, or all would be given.
    """
    assert node.function is not None
    names, takes_any = options_of(node.function)
    streams = [port.name for port in node.ports if port.streams]
    for name in options:
        if name in streams:
            raise compile_error(
                "GF110",
                f"parameter `{name}` of `{node.name}` takes a stream, so no value can be bound to it",
                location=caller_location(),
                hint=f"leave `{name}` free: it is what the chain gives to `{node.name}`",
            )
        if name not in names and not takes_any:
            known = ", ".join(f"`{one}`" for one in names if one not in streams)
            raise compile_error(
                "GF110",
                f"`{node.name}` has no parameter `{name}`",
                location=caller_location(),
                hint=f"what can be bound is {known}" if known else f"`{node.name}` has nothing that can be bound",
            )
    ports = tuple(port for port in node.ports if port.name not in options)
    if not ports:
        raise compile_error(
            "GF110",
            f"every parameter of `{node.name}` would be bound, so nothing could be given to it",
            location=caller_location(),
            hint=f"leave one free: {', '.join(f'`{port.name}`' for port in node.ports)}",
        )
    function = with_given(node.function, options, tuple(port.name for port in ports))
    return attrs.evolve(node, ports=ports, function=function)


def _misdeclared(signature: Signature, message: str, hint: str) -> Exception:
    return compile_error("GF113", message, location=signature.location or caller_location(), hint=hint)


def _tags(tags: Iterable[str]) -> tuple[str, ...]:
    if isinstance(tags, str):
        raise TypeError(f"tags takes several strings, not the string {tags!r}: write [{tags!r}]")
    return tuple(tags)


# --- the decorators ----------------------------------------------------------------------------------------


class Options(typing.TypedDict, total=False):
    """What every decorator takes."""

    name: str | None
    tags: Iterable[str]
    metadata: Mapping[str, object] | None
    accumulate: Accumulator | None
    thread: bool
    limit: int | Limit | None


class TransformDecorator(typing.Protocol):
    """`transform` as type checkers see it, and what it gives when it is called with options only."""

    @overload
    def __call__(
        self, function: Callable[[AsyncIterator[A]], AsyncIterator[B]], /, **options: Unpack[Options]
    ) -> Transform[A, B]: ...
    @overload
    def __call__(
        self, function: Callable[[Iterator[A]], Iterator[B]], /, **options: Unpack[Options]
    ) -> Transform[A, B]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Never, Never, P], AsyncIterator[B]], /, **options: Unpack[Options]
    ) -> Transform[Any, B]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Never, Never, P], Iterator[B]], /, **options: Unpack[Options]
    ) -> Transform[Any, B]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[AsyncIterator[A], P], AsyncIterator[B]], /, **options: Unpack[Options]
    ) -> Transform[A, B]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Iterator[A], P], Iterator[B]], /, **options: Unpack[Options]
    ) -> Transform[A, B]: ...
    @overload
    def __call__(self, **options: Unpack[Options]) -> TransformDecorator: ...


class ChunkwiseDecorator(typing.Protocol):
    """`chunkwise`, likewise."""

    @overload
    def __call__(
        self, function: Callable[[A], Coroutine[Any, Any, B]], /, **options: Unpack[Options]
    ) -> Transform[A, B]: ...
    @overload
    def __call__(self, function: Callable[[A], Later], /, **options: Unpack[Options]) -> Transform[A, Any]: ...
    @overload
    def __call__(self, function: Callable[[A], B], /, **options: Unpack[Options]) -> Transform[A, B]: ...
    @overload
    def __call__(self, **options: Unpack[Options]) -> ChunkwiseDecorator: ...


class AggregateDecorator(typing.Protocol):
    """`aggregate`, likewise."""

    @overload
    def __call__(self, function: Callable[..., Untyped], /, **options: Unpack[Options]) -> Aggregate[Any, Any]: ...
    @overload
    def __call__(self, function: Callable[[A], AsyncIterator[B]], /, **options: Unpack[Options]) -> Producer[A, B]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, function: Callable[[A], Iterator[B]], /, **options: Unpack[Options]) -> Producer[A, B]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(
        self, function: Callable[[object], Coroutine[Any, Any, B]], /, **options: Unpack[Options]
    ) -> Aggregate[Any, B]: ...
    @overload
    def __call__(
        self, function: Callable[[AsyncIterator[A]], Coroutine[Any, Any, B]], /, **options: Unpack[Options]
    ) -> Aggregate[A, B]: ...
    @overload
    def __call__(
        self, function: Callable[[A], Coroutine[Any, Any, B]], /, **options: Unpack[Options]
    ) -> Aggregate[A, B]: ...
    @overload
    def __call__(self, function: Callable[[A], Later], /, **options: Unpack[Options]) -> Aggregate[A, Any]: ...
    @overload
    def __call__(self, function: Callable[[Reader], B], /, **options: Unpack[Options]) -> Aggregate[Any, B]: ...
    @overload
    def __call__(self, function: Callable[[A], B], /, **options: Unpack[Options]) -> Aggregate[A, B]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[Never, Never, P], AsyncIterator[B]], /, **options: Unpack[Options]
    ) -> Producer[Any, B]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[Never, Never, P], Iterator[B]], /, **options: Unpack[Options]
    ) -> Producer[Any, B]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Never, Never, P], Coroutine[Any, Any, B]], /, **options: Unpack[Options]
    ) -> Aggregate[Any, B]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Never, Never, P], B], /, **options: Unpack[Options]
    ) -> Aggregate[Any, B]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[A, P], AsyncIterator[B]], /, **options: Unpack[Options]
    ) -> Producer[Any, B]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[A, P], Iterator[B]], /, **options: Unpack[Options]
    ) -> Producer[Any, B]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[A, P], Coroutine[Any, Any, B]], /, **options: Unpack[Options]
    ) -> Aggregate[Any, B]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[A, P], B], /, **options: Unpack[Options]
    ) -> Aggregate[Any, B]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[[], AsyncIterator[B]], /, **options: Unpack[Options]
    ) -> Producer[object, B]: ...
    @overload
    def __call__(self, function: Callable[[], Iterator[B]], /, **options: Unpack[Options]) -> Producer[object, B]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(
        self, function: Callable[[], Coroutine[Any, Any, B]], /, **options: Unpack[Options]
    ) -> Aggregate[object, B]: ...
    @overload
    def __call__(self, function: Callable[[], B], /, **options: Unpack[Options]) -> Aggregate[object, B]: ...
    @overload
    def __call__(self, **options: Unpack[Options]) -> AggregateDecorator: ...


def _transform_decorator(function: Callable[..., Any]) -> TransformDecorator:
    return function


def _chunkwise_decorator(function: Callable[..., Any]) -> ChunkwiseDecorator:
    return function


def _aggregate_decorator(function: Callable[..., Any]) -> AggregateDecorator:
    return function


@_transform_decorator
def transform(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
    accumulate: Accumulator | None = None,
    thread: bool = False,
    limit: int | Limit | None = None,
) -> Any:
    """Declare a generator that takes chunks as they come and yields chunks.

    The parameters annotated as iterators are streams; without any, the first. Others wait for their whole value.

    Args:
        function: an asynchronous or plain generator function.
        name: the name of its node and run; the function's name if not given.
        tags: for its events.
        metadata: for its events.
        accumulate: how its own chunks fold into one value, where their type does not say it.
        thread: run the (plain) generator in a worker thread.
        limit: how many of its runs may be at work at once, as with `with_limit`.

    Raises:
        CompileError: it does not yield, or takes no stream.
    """
    return _declare(
        "transform",
        function,
        name=name,
        tags=tags,
        metadata=metadata,
        accumulate=accumulate,
        thread=thread,
        limit=limit,
    )


@_chunkwise_decorator
def chunkwise(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
    accumulate: Accumulator | None = None,
    thread: bool = False,
    limit: int | Limit | None = None,
) -> Any:
    """Declare a transform as a function of one chunk, plain or asynchronous: one chunk in, one chunk out.

    Args and errors as for `transform`.
    """
    return _declare(
        "chunkwise",
        function,
        name=name,
        tags=tags,
        metadata=metadata,
        accumulate=accumulate,
        thread=thread,
        limit=limit,
    )


@_aggregate_decorator
def aggregate(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
    accumulate: Accumulator | None = None,
    thread: bool = False,
    limit: int | Limit | None = None,
) -> Any:
    """Declare a function that waits for its whole input and gives one value; a generator is a producer.

    Args:
        function: a plain or asynchronous function or generator function.
        name: the name of its node and run; the function's name if not given.
        tags: for its events.
        metadata: for its events.
        accumulate: how the chunks of a producer fold into one value, where their type does not say it.
        thread: run a blocking plain function in a worker thread.
        limit: how many of its runs may be at work at once, as with `with_limit`.

    Raises:
        CompileError: it yields while it reads a stream: that is a transform.
    """
    return _declare(
        "aggregate",
        function,
        name=name,
        tags=tags,
        metadata=metadata,
        accumulate=accumulate,
        thread=thread,
        limit=limit,
    )


def _declare(intent: Intent, function: Callable[..., Any] | None, *, limit: int | Limit | None, **options: Any) -> Any:
    if function is None:
        return lambda decorated: _declare(intent, decorated, limit=limit, **options)
    if isinstance(function, Chain):
        raise compile_error(
            "GF111",
            f"`{function.name}` is a chain already",
            location=caller_location(),
            hint="use it as it is; configure it with .with_config(...)",
        )
    chain = wrap(Step(node_of(function, intent, **options)))
    return chain if limit is None else chain.with_limit(limit)


@overload
def graph(function: Callable[[Stream[A]], Stream[B]], /) -> Transform[A, B]: ...
@overload
def graph(function: Callable[[Value[A]], Stream[B]], /) -> Producer[A, B]: ...
@overload
def graph(function: Callable[[Stream[A]], Value[B]], /) -> Aggregate[A, B]: ...
@overload
def graph(function: Callable[[Value[A]], Value[B]], /) -> Aggregate[A, B]: ...
@overload
def graph(function: Callable[[Stream[A]], Mapping[str, object]], /) -> Aggregate[A, dict[str, Any]]: ...
@overload
def graph(function: Callable[[Value[A]], Mapping[str, object]], /) -> Aggregate[A, dict[str, Any]]: ...
@overload
def graph(function: Callable[Concatenate[Never, Never, P], Stream[B]], /) -> Producer[Mapping[str, Any], B]: ...
@overload
def graph(function: Callable[Concatenate[Never, Never, P], Value[B]], /) -> Aggregate[Mapping[str, Any], B]: ...
@overload
def graph(
    function: Callable[Concatenate[Never, Never, P], Mapping[str, object]], /
) -> Aggregate[Mapping[str, Any], dict[str, Any]]: ...
def graph(function: Callable[..., Any], /) -> Any:
    """Declare any acyclic graph, by calling nodes on handles.

    The function is called once, when the chain is compiled, with a handle for every parameter; each call of a chain
    on handles is one node, and a handle used twice is shared. The annotations `Stream[T]` and `Value[T]` are a
    promise that type checkers and the compiler hold it to. A graph may return a dict of handles.

    Raises:
        CompileError: when compiled: a cycle, a broken promise, a handle used as a plain value.
    """
    signature = signature_of(function)
    if signature.is_async or signature.yields:
        raise _misdeclared(
            signature,
            f"the graph `{signature.name}` is {'asynchronous' if signature.is_async else 'a generator'}",
            "write it as a plain `def`: it is called once, to declare the graph, and runs nothing",
        )
    parameters = tuple(
        (one.name, signature.hint(one))
        for one in signature.parameters
        if one.default is one.empty or is_handle(signature.hint(one))
    )
    if not parameters:
        raise _misdeclared(
            signature, f"the graph `{signature.name}` has no parameter for its input", "give it one without a default"
        )
    result = signature.result
    promises_stream = None
    if is_handle(result):
        promises_stream = is_stream(result)
    node_class = NodeClass.AGGREGATE
    if promises_stream:
        all_streams = all(is_stream(annotation) for _, annotation in parameters)
        node_class = NodeClass.TRANSFORM if all_streams else NodeClass.PRODUCER
    return wrap(
        GraphFunction(
            callable_for(function, tuple(name for name, _ in parameters)),
            signature.name,
            parameters,
            promises_stream,
            UNKNOWN if promises_stream is None else carried_type(result),
            node_class,
            signature.location,
        )
    )


# --- bare functions and dicts ------------------------------------------------------------------------------


def as_chain(value: object) -> Chain[Any, Any]:
    """Return the chain that `|` takes a value for.

    Raises:
        CompileError: it cannot be one.
    """
    if isinstance(value, Chain):
        return value
    if isinstance(value, Mapping):
        return wrap(fan_of(value, "parallel"))
    return wrap(_step_of(value))


def fan_of(branches: Mapping[Any, object], name: Literal["parallel", "assign"], record: type | None = None) -> Fan:
    """Return the declaration of a fan. Dicts among its branches are fans themselves, however deep they are nested.

    Args:
        branches: chains, functions or dicts by key.
        name: the function that declares it.
        record: the TypedDict that it gives.

    Raises:
        CompileError: a branch cannot be a node, a key is not a string, or there is no branch.
    """
    location = caller_location()
    opened = [_Opened(branches, name)]
    while True:
        fan = opened[-1]
        key, value = next(fan.remaining, (None, None))
        if key is None:
            declaration = Fan(tuple(fan.done.items()), fan.name == "assign", location)
            opened.pop()
            if not opened:
                return attrs.evolve(declaration, record=record)
            opened[-1].done[fan.key] = declaration
        elif isinstance(value, Mapping):
            if any(value is outer.branches for outer in opened):
                raise compile_error(
                    "GF103",
                    f"the dict at key {key!r} leads back into itself",
                    location=location,
                    hint="a chain has an end: give the dict chains that do not contain it",
                )
            opened.append(_Opened(value, "parallel", key))
        else:
            fan.done[key] = value._declaration if isinstance(value, Chain) else _step_of(value, key)


class _Opened:
    """A fan in the making."""

    def __init__(self, branches: Mapping[Any, object], name: Literal["parallel", "assign"], key: str = "") -> None:
        self.branches = branches
        self.name = name
        self.key = key
        self.remaining: Iterator[tuple[str, object]] = iter(branches.items())
        self.done: dict[str, Declaration] = {}
        if not branches:
            raise compile_error(
                "GF111", f"`{name}` has no branch", location=caller_location(), hint=f"gf.{name}(key=chain, ...)"
            )
        odd = [each for each in branches if not isinstance(each, str)]
        if odd:
            raise compile_error(
                "GF111",
                f"the keys of `{name}` are strings, not {type(odd[0]).__name__}: {brief(odd[0])}",
                location=caller_location(),
                hint=f"{{{str(odd[0])!r}: ...}}",
            )


def _step_of(value: object, key: str | None = None) -> Step:
    """Return the step of a bare function, which may stand at a key of a dict."""
    if callable(value) and not isinstance(value, Handle):
        return Step(node_of(value, "bare"))
    where = "" if key is None else f", at key {key!r},"
    raise compile_error(
        "GF111",
        f"{brief(value)}{where} cannot be a node",
        location=caller_location(),
        hint=_instead_of(value),
    )


def _instead_of(value: object) -> str:
    if isinstance(value, str):
        return "a text becomes a node as gf.prompt(...)"
    if isinstance(value, Handle):
        return "handles are not joined by `|`: call the node on the handle, node(handle)"
    if inspect.iscoroutine(value) or inspect.isgenerator(value) or inspect.isasyncgen(value):
        return f"give the function itself: {value.__name__}, not {value.__name__}(...)"
    return "a node is a chain, a function, or a dict of those"
