"""Handles: what stands for a node's output while a `@graph` function is traced."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, final

import attrs

from graphflow.declaration import Configured, Declaration, GraphFunction, Step, name_of
from graphflow.lower import Feed, Lowering, Surroundings, _run
from graphflow.places import caller_location
from graphflow_compiler.errors import CompileError, compile_error
from graphflow_compiler.ir import Node, NodeClass, NodeId, Op, Port
from graphflow_compiler.types import UNKNOWN

if TYPE_CHECKING:
    from graphflow.chain import Chain

T_co = TypeVar("T_co", covariant=True)


@attrs.define(eq=False)
class Tracer:
    """The tracing of one graph function."""

    lowering: Lowering
    graph: GraphFunction
    around: Surroundings
    done: bool = False


class Handle(Generic[T_co]):
    """The output of a node inside a `@graph` function: pass it to other nodes, or return it.

    Using it twice shares the node: it runs once. ``handle["key"]`` is one key of a record.
    """

    __slots__ = ("_feed", "_tracer")

    def __init__(self, tracer: Tracer, feed: Feed) -> None:
        self._tracer = tracer
        self._feed = feed

    def __getitem__(self, key: str) -> Value[Any]:
        """Return a handle for one key of a record."""
        feed = self._feed
        if feed.key is not None:
            part = Node(NodeId(""), "pick", Op.IDENTITY, (Port("chunks", streams=True),))
            feed = self._tracer.lowering.add(part, feed, self._tracer.around)
        return Value(self._tracer, Feed(feed.node, key))

    def __bool__(self) -> NoReturn:
        raise self._misuse("used as a bool", "decide with gf.branch((predicate, chain), default)")

    def __iter__(self) -> Iterator[Any]:
        raise self._misuse("iterated", "iterate in a node: @gf.transform, or gf.each(chain) for every item of a list")

    def __len__(self) -> NoReturn:
        raise self._misuse("measured with len()", "measure in a node: an @gf.aggregate function")

    def __repr__(self) -> str:
        key = f"[{self._feed.key!r}]" if self._feed.key is not None else ""
        return f"<{type(self).__name__} of {self._feed.node}{key}>"

    def _misuse(self, how: str, hint: str) -> CompileError:
        return compile_error(
            "GF109",
            f"in `{self._tracer.graph.name}`, the output of `{self._feed.node}` is {how}: "
            "there is no value yet, a graph is declared before it runs",
            location=caller_location(),
            hint=hint,
        )


@final
class Stream(Handle[T_co]):
    """A handle on chunks that come while they are made; also the annotation of a graph's parameters and result."""

    __slots__ = ()


@final
class Value(Handle[T_co]):
    """A handle on one whole value; also the annotation of a graph's parameters and result."""

    __slots__ = ()


def handle(annotation: object, tracer: Tracer, feed: Feed) -> Handle[Any]:
    """Make the handle of a parameter: a stream where the annotation says so, else a value."""
    kind = Stream if is_stream(annotation) else Value
    return kind(tracer, feed)


def is_stream(annotation: object) -> bool:
    """Tell whether an annotation is `Stream` or `Stream[T]`."""
    return annotation is Stream or typing.get_origin(annotation) is Stream


def carried_type(annotation: object) -> object:
    """Return `T` of `Stream[T]` or `Value[T]`; any other annotation is taken as it is."""
    if typing.get_origin(annotation) in (Stream, Value):
        return typing.get_args(annotation)[0]
    return UNKNOWN if annotation in (Stream, Value) else annotation


# --- calls -------------------------------------------------------------------------------------------------


def call(chain: Chain[Any, Any], args: tuple[object, ...], kwargs: Mapping[str, object]) -> Handle[Any]:
    """Write a node for `chain(handle)`, `chain(a, b)` or `chain(key=handle)` into the graph that is traced.

    Raises:
        CompileError: there is no handle among the arguments, they belong to different graphs, or a parameter is
            unknown or given twice.
    """
    declaration = chain._declaration
    name = name_of(declaration)
    given = [one for one in (*args, *kwargs.values()) if isinstance(one, Handle)]
    if not given:
        raise compile_error(
            "GF109",
            f"`{name}` was called with no handle",
            location=caller_location(),
            hint=f"inside a @gf.graph, call it with what another node gives; to run it: await {name}.invoke(...)",
        )
    tracer = given[0]._tracer
    if tracer.done or any(one._tracer is not tracer for one in given):
        raise compile_error(
            "GF109",
            f"`{name}` was called with a handle of another graph, or of one that is finished",
            location=caller_location(),
            hint="handles live as long as the call of their @gf.graph function; pass them in as parameters",
        )
    around = attrs.evolve(tracer.around, location=caller_location(), snippet=f"{name}(...)")
    ports = _ports_of(declaration)
    if len(args) == 1 and not kwargs:
        feed = _run(tracer.lowering.walk(declaration, given[0]._feed, around))
    elif len(ports) > 1:
        feed = _feed_ports(chain, ports, args, kwargs, tracer, around)
    else:
        feeds = {key: one._feed for key, one in kwargs.items() if isinstance(one, Handle)}
        if args or len(feeds) < len(kwargs):
            raise compile_error(
                "GF109",
                f"`{name}` takes one input: a handle, or handles by name that make a record",
                location=caller_location(),
                hint=f"{name}(handle) or {name}(key=handle, ...)",
            )
        record = tracer.lowering.joined("record", feeds, around)
        feed = _run(tracer.lowering.walk(declaration, record, around))
    streams = chain.node_class is NodeClass.PRODUCER or (
        chain.node_class is NodeClass.TRANSFORM and isinstance(given[0], Stream)
    )
    return (Stream if streams else Value)(tracer, feed)


def _ports_of(declaration: Declaration) -> tuple[Port, ...]:
    while isinstance(declaration, Configured):
        declaration = declaration.inner
    return declaration.node.ports if isinstance(declaration, Step) else ()


def _feed_ports(
    chain: Chain[Any, Any],
    ports: tuple[Port, ...],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    tracer: Tracer,
    around: Surroundings,
) -> Feed:
    """Feed the parameters of one node; what is no handle is bound to it as a constant."""
    name = name_of(chain._declaration)
    names = [port.name for port in ports]
    if len(args) > len(ports):
        raise _wrong_call(name, f"takes {len(ports)} arguments, {len(args)} were given", names)
    arguments = list(zip(names, args, strict=False)) + list(kwargs.items())
    seen: set[str] = set()
    for key, _ in arguments:
        if key not in names:
            raise _wrong_call(name, f"has no parameter `{key}`", names)
        if key in seen:
            raise compile_error(
                "GF105",
                f"parameter `{key}` of `{name}` is fed twice",
                location=caller_location(),
                hint="give each parameter once",
            )
        seen.add(key)
    constants = {key: one for key, one in arguments if not isinstance(one, Handle)}
    declaration = (chain.bind(**constants) if constants else chain)._declaration
    while isinstance(declaration, Configured):
        around = attrs.evolve(around, name=declaration.name, tags=(*declaration.tags, *around.tags))
        declaration = declaration.inner
    assert isinstance(declaration, Step)
    node = tracer.lowering.place(declaration.node, around)
    for key, one in arguments:
        if isinstance(one, Handle):
            tracer.lowering.connect(one._feed, node, key, around)
    return Feed(node.id)


def _wrong_call(name: str, problem: str, names: list[str]) -> CompileError:
    return compile_error(
        "GF110",
        f"`{name}` {problem}",
        location=caller_location(),
        hint=f"its parameters are {', '.join(names)}",
    )
