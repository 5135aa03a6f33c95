"""Handles: what stands for a node's output while a `@graph` function is traced."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, Never, NoReturn, TypeVar, final

import attrs

from graphflow.declaration import Configured, Declaration, GraphFunction, Step, name_of
from graphflow.functions import brief
from graphflow.lower import Feed, Lowering, Surroundings
from graphflow.places import caller_location
from graphflow_compiler.errors import CompileError, compile_error
from graphflow_compiler.ir import Node, NodeClass, NodeId, Op, Port
from graphflow_compiler.types import UNKNOWN, record_of

if TYPE_CHECKING:
    from graphflow.chain import Chain

T_co = TypeVar("T_co", covariant=True)

_COMPARE: Final = "compare in a node, or in a predicate: gf.branch((predicate, chain), ..., default)"


@attrs.define(eq=False)
class Tracer:
    """The tracing of one graph function."""

    lowering: Lowering
    graph: GraphFunction
    around: Surroundings
    done: bool = False

    def owns(self, handle: object) -> bool:
        """Tell whether something is a handle of this very tracing."""
        return isinstance(handle, Handle) and handle._tracer is self


class Handle(Generic[T_co]):
    """The output of a node inside a `@graph` function: pass it to other nodes, or return it.

    Using it twice shares the node: it runs once. ``handle["key"]`` is one key of a record.
    """

    __slots__ = ("_feed", "_parameter", "_tracer")

    def __init__(self, tracer: Tracer, feed: Feed, parameter: str = "") -> None:
        self._tracer = tracer
        self._feed = feed
        self._parameter = parameter

    def __getitem__(self, key: str) -> Value[Any]:
        """Return a handle for one key of a record."""
        if not isinstance(key, str):
            raise self._misuse(f"indexed with {key!r:.30}", "take items in a node; only keys of records are taken here")
        feed = self._feed
        if feed.key is not None:
            part = Node(NodeId(""), "pick", Op.IDENTITY, (Port("chunks", streams=True),))
            feed = self._tracer.lowering.add(part, feed, self._tracer.around)
        return Value(self._tracer, Feed(feed.node, key))

    def __bool__(self) -> NoReturn:
        raise self._misuse("used as a bool", "decide while it runs: gf.branch((predicate, chain), ..., default)")

    if TYPE_CHECKING:

        def __format__(self, spec: Never, /) -> Never: ...  # type: ignore[override]

    else:  # type checkers refuse these by themselves, as long as they are not there

        def __iter__(self) -> Iterator[Any]:
            raise self._misuse(
                "iterated", "iterate in a node: @gf.transform, or gf.each(chain) for every item of a list"
            )

        def __len__(self) -> NoReturn:
            raise self._misuse("measured with len()", "measure in a node, such as an @gf.aggregate function")

        def __eq__(self, other: object) -> bool:
            if isinstance(other, Handle):
                return self is other
            raise self._misuse(f"compared with {brief(other)}", _COMPARE)

        __hash__ = object.__hash__

        def __lt__(self, other: object) -> NoReturn:
            raise self._misuse(f"compared with {brief(other)}", _COMPARE)

        __le__ = __gt__ = __ge__ = __lt__

        def __add__(self, other: object) -> NoReturn:
            raise self._misuse("computed with", "compute in a node, such as an @gf.aggregate function")

        __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __mod__ = __add__

        def __format__(self, spec: str) -> NoReturn:
            raise self._misuse("put into a text", 'fill texts in a node: gf.prompt("...{name}...")(name=handle)')

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_"):
                raise AttributeError(name)
            raise self._misuse(
                f"asked for its attribute `{name}`",
                f"take it in a node: gf.chunkwise(lambda value: value.{name}); a key of a record is handle[{name!r}]",
            )

    def __repr__(self) -> str:
        key = f"[{self._feed.key!r}]" if self._feed.key is not None else ""
        return f"<{type(self).__name__} of {self._feed.node}{key}>"

    def _misuse(self, how: str, hint: str) -> CompileError:
        key = f"key {self._feed.key!r} of " if self._feed.key is not None else ""
        what = f"`{self._parameter}`" if self._parameter else f"{key}the output of `{self._feed.node}`"
        return compile_error(
            "GF109",
            f"in the graph `{self._tracer.graph.name}`, {what} is {how}, "
            "but it has no value yet: a graph is declared before it runs",
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


def handle(name: str, annotation: object, tracer: Tracer, feed: Feed) -> Handle[Any]:
    """Make the handle of a parameter: a stream where the annotation says so, else a value."""
    kind = Stream if is_stream(annotation) else Value
    return kind(tracer, feed, name)


def is_stream(annotation: object) -> bool:
    """Tell whether an annotation is `Stream` or `Stream[T]`."""
    return annotation is Stream or typing.get_origin(annotation) is Stream


def is_handle(annotation: object) -> bool:
    """Tell whether an annotation is `Stream`, `Value`, or one of them with what it carries."""
    return (typing.get_origin(annotation) or annotation) in (Stream, Value)


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
        what = ", ".join(map(brief, (*args, *kwargs.values())))
        raise compile_error(
            "GF109",
            f"`{name}` was called with {what or 'nothing'}, and not with a handle",
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
    if len(args) == 1 and not kwargs:
        feed = tracer.lowering.written(declaration, given[0]._feed, around)
    else:
        feed = _call_by_name(chain, args, kwargs, tracer, around)
    streams = chain.node_class is NodeClass.PRODUCER or (
        chain.node_class is NodeClass.TRANSFORM and isinstance(given[0], Stream)
    )
    return (Stream if streams else Value)(tracer, feed)


def _call_by_name(
    chain: Chain[Any, Any],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    tracer: Tracer,
    around: Surroundings,
) -> Feed:
    """Feed the parameters of a node or graph, or else a record of the handles; what is no handle is bound."""
    name = chain.name
    inner = _unconfigured(chain._declaration)
    arguments = _by_name(name, _parameters_of(inner), args, kwargs, around)
    constants = {key: one for key, one in arguments.items() if not isinstance(one, Handle)}
    if constants:
        _refuse_hidden_handles(name, constants, around)
        chain = chain.bind(**constants)
        inner = _unconfigured(chain._declaration)
    feeds = {key: one._feed for key, one in arguments.items() if isinstance(one, Handle)}
    names = _parameters_of(inner)
    if len(names) > 1 and isinstance(inner, Step):
        return tracer.lowering.fed(chain._declaration, feeds, around)
    _refuse_unknown_holes(inner, feeds, around)
    if len(feeds) == 1 and len(names) == 1 and names[0] in feeds and not _takes_key(inner, names[0]):
        return tracer.lowering.written(chain._declaration, feeds[names[0]], around)
    return tracer.lowering.written(chain._declaration, tracer.lowering.joined("record", feeds, around), around)


def _by_name(
    name: str,
    names: tuple[str, ...],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    around: Surroundings,
) -> dict[str, object]:
    """Return the arguments of a call by the names of the parameters.

    Raises:
        CompileError: there are too many, or one is given twice, or has no parameter.
    """
    known = ", ".join(f"`{one}`" for one in names)
    if len(args) > len(names):
        takes = f"takes {known}" if names else "takes one input"
        raise compile_error(
            "GF110",
            f"`{name}` {takes}, but was called with {len(args)} arguments",
            location=around.location,
            snippet=around.snippet,
            hint=f"{name}(handle), or {name}(key=handle, ...) to give it a record",
        )
    arguments = dict(zip(names, args, strict=False))
    for key, one in kwargs.items():
        if key in arguments:
            raise compile_error(
                "GF105",
                f"parameter `{key}` of `{name}` is fed twice: by position and by name",
                location=around.location,
                snippet=around.snippet,
                hint="give each parameter once",
            )
        if isinstance(one, Handle) and len(names) > 1 and key not in names:
            raise compile_error(
                "GF110",
                f"`{name}` has no parameter `{key}`",
                location=around.location,
                snippet=around.snippet,
                hint=f"its parameters are {known}",
            )
        arguments[key] = one
    return arguments


def _refuse_hidden_handles(name: str, constants: Mapping[str, object], around: Surroundings) -> None:
    for key, one in constants.items():
        inside = one.values() if isinstance(one, Mapping) else one if isinstance(one, list | tuple) else ()
        if any(isinstance(each, Handle) for each in inside):
            raise compile_error(
                "GF109",
                f"`{name}` is given handles inside a {type(one).__name__}, as `{key}`, where they never get a value",
                location=around.location,
                snippet=around.snippet,
                hint="give each handle as an argument of its own, to a node that puts them together",
            )


def _refuse_unknown_holes(declaration: Declaration, names: Iterable[str], around: Surroundings) -> None:
    """Refuse what is given to a prompt by a name that is none of its holes."""
    if not isinstance(declaration, Step) or declaration.node.kind != "prompt":
        return
    for name in names:
        if not _takes_key(declaration, name):
            raise compile_error(
                "GF110",
                f"`{declaration.node.name}` has no hole {{{name}}}",
                location=around.location,
                snippet=around.snippet,
                hint=f"leave `{name}` out, or write {{{name}}} into the template",
            )


def _unconfigured(declaration: Declaration) -> Declaration:
    while isinstance(declaration, Configured):
        declaration = declaration.inner
    return declaration


def _parameters_of(declaration: Declaration) -> tuple[str, ...]:
    """Return the names by which a node or a graph takes its input; () for anything else."""
    match declaration:
        case Step(node):
            return tuple(port.name for port in node.ports)
        case GraphFunction(parameters=parameters):
            return tuple(name for name, _ in parameters)
        case _:
            return ()


def _takes_key(declaration: Declaration, key: str) -> bool:
    """Tell whether what a node takes is a record with that key, such as the holes of a prompt."""
    if not isinstance(declaration, Step):
        return False
    (port,) = declaration.node.ports
    records = (record_of(part) for part in (port.type, *typing.get_args(port.type)))
    return any(record is not None and record.get(key) is not None for record in records)
