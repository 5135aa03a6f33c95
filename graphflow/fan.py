"""Chains made of chains: several on one input, one of several, one for every item; and what moves keys about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeVar

from graphflow.chain import Aggregate, Chain, Producer, Transform, wrap
from graphflow.declaration import Branch, Each, Step
from graphflow.declare import as_chain, fan_of
from graphflow.places import caller_location
from graphflow_compiler.accumulate import COLLECT, Accumulator
from graphflow_compiler.errors import compile_error
from graphflow_compiler.ir import Node, NodeId, Op, Port
from graphflow_compiler.types import UNKNOWN

A = TypeVar("A")
B = TypeVar("B")

Branches = Mapping[str, Any]


def parallel(branches: Branches | None = None, /, **more: Any) -> Chain[Any, dict[str, Any]]:
    """Give the same input to several chains; the output is a stream of records ``{key: chunk}``.

    Order is kept per key; between keys chunks come in the order in which they arrive. A dict in `|` is the same.

    Args:
        branches: chains, functions or dicts by key.
        more: the same, as keywords.

    Raises:
        CompileError: a key is given twice, or is not a string, or there is no branch.
    """
    return _fan(branches, more, "parallel")


def assign(branches: Branches | None = None, /, **more: Any) -> Chain[Any, dict[str, Any]]:
    """Add keys to a record: every chain gets the whole record, and the record passes on with their outputs.

    An assigned key replaces a passed one; it comes as soon as it exists.
    """
    return _fan(branches, more, "assign")


def _fan(
    branches: Branches | None, more: Mapping[str, Any], name: Literal["parallel", "assign"]
) -> Chain[Any, dict[str, Any]]:
    given: dict[Any, Any] = dict(branches or {})
    twice = [key for key in more if key in given]
    if twice:
        raise compile_error(
            "GF104",
            f"key {twice[0]!r} is given twice to `{name}`",
            location=caller_location(),
            hint="give each key once, in the dict or as a keyword",
        )
    return wrap(fan_of(given | more, name))


def passthrough() -> Transform[Any, Any]:
    """Return a chain that passes every chunk on, unchanged."""
    return Transform(
        Step(
            Node(
                NodeId(""),
                "passthrough",
                Op.IDENTITY,
                (Port("chunks", streams=True),),
                location=caller_location(),
            )
        )
    )


def pick(key: str, /, *more: str) -> Transform[Any, Any]:
    """Take one key of a record, or with several a record of those keys only.

    Chunks of the record without the key do not flow.

    Raises:
        CompileError: a key is given twice; when compiled: the record does not have it.
    """
    keys = (key, *more)
    for index, one in enumerate(keys):
        if not isinstance(one, str):
            raise compile_error(
                "GF111",
                f"pick takes keys, which are strings, not {one!r}",
                location=caller_location(),
                hint='gf.pick("answer")',
            )
        if one in keys[:index]:
            raise compile_error(
                "GF104",
                f"key {one!r} is given twice to `pick`",
                location=caller_location(),
                hint="give each key once",
            )
    op = Op.PROJECT if more else Op.IDENTITY
    return Transform(
        Step(
            Node(
                NodeId(""),
                "pick",
                op,
                (Port("record", streams=True),),
                keys=keys,
                location=caller_location(),
            )
        )
    )


def branch(*alternatives: Any) -> Chain[Any, Any]:
    """Choose one of several chains by the whole input.

    Args:
        alternatives: pairs ``(predicate, chain)``, tried in order, then the default chain. A predicate is a plain or
            asynchronous function of the value.

    Raises:
        CompileError: there is no pair, the last is one, or one is malformed.
    """
    usage = "gf.branch((predicate, chain), ..., default)"
    if len(alternatives) < 2:
        raise compile_error(
            "GF111",
            "a branch needs at least one pair and a default",
            location=caller_location(),
            hint=usage,
        )
    *pairs, default = alternatives
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and callable(pair[0]) and not isinstance(pair[0], Chain)):
            raise compile_error(
                "GF111",
                f"an alternative of a branch is a pair (predicate, chain), not {pair!r}",
                location=caller_location(),
                hint=usage,
            )
    if isinstance(default, tuple):
        raise compile_error(
            "GF111", "a branch ends with its default, which has no predicate", location=caller_location(), hint=usage
        )
    return wrap(
        Branch(
            tuple(predicate for predicate, _ in pairs),
            tuple(as_chain(chain)._declaration for chain in (*(chain for _, chain in pairs), default)),
            caller_location(),
        )
    )


def each(
    chain: Chain[A, B] | Callable[[A], Awaitable[B]] | Callable[[A], B], /, *, max_concurrency: int = 1
) -> Producer[list[A], list[B]]:
    """Run a chain once for every item of a list; gives a list of one result as each is done, in the order of the items.

    Args:
        chain: what runs for an item.
        max_concurrency: how many items may be worked on at once, the finished ones that wait for their turn included.

    Raises:
        ValueError: max_concurrency is less than 1.
    """
    if max_concurrency < 1:
        raise ValueError(f"max_concurrency is how many items run at once: at least 1, not {max_concurrency}")
    return Producer(Each(as_chain(chain)._declaration, max_concurrency, caller_location()))


def fold(accumulator: Accumulator, /, *, name: str = "fold") -> Aggregate[Any, Any]:
    """Return a chain that folds its whole input by an accumulator and gives the value."""
    if not callable(getattr(accumulator, "fold", None)):
        raise TypeError(f"gf.fold takes an accumulator, such as gf.latest or gf.accumulator(...), not {accumulator!r}")
    return Aggregate(
        Step(
            Node(
                NodeId(""),
                name,
                Op.CALL,
                (Port("chunks", streams=False, fold=accumulator),),
                function=_same,
                output=list if accumulator is COLLECT else UNKNOWN,
                location=caller_location(),
            )
        )
    )


def collect() -> Aggregate[Any, list[Any]]:
    """Return a chain that waits for all chunks and gives them as one list."""
    return fold(COLLECT, name="collect")


def _same(value: A) -> A:
    return value
