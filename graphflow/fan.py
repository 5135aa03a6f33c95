"""Chains made of chains: several on one input, one of several, one for every item; and what moves keys about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

from graphflow.chain import A, Aggregate, AnyResult, B, Chain, GivenWhole, Plain, Producer, Transform, wrap
from graphflow.declaration import Branch, Each, Step
from graphflow.declare import as_chain, fan_of
from graphflow.places import caller_location
from graphflow_compiler.accumulate import COLLECT, CONCAT, LATEST, SINGLE, Accumulator
from graphflow_compiler.errors import compile_error
from graphflow_compiler.ir import Node, NodeId, Op, Port
from graphflow_compiler.types import UNKNOWN, record_of

#: Of the chunks that a fold takes: plans show it.
T = TypeVar("T")

Branches: TypeAlias = Mapping[str, object]

TheRecord = TypeVar("TheRecord", bound=Mapping[str, object])
"""A TypedDict."""


@overload
def parallel(branches: Branches | None = None, /, **more: object) -> Aggregate[Any, dict[str, Any]]: ...
@overload
def parallel(record: type[TheRecord], /, **branches: object) -> Aggregate[Any, TheRecord]: ...
def parallel(branches: Branches | type | None = None, /, **more: object) -> Aggregate[Any, Any]:
    """Give the same input to several chains; the output is a stream of records ``{key: chunk}``.

    Order is kept per key. Between keys chunks come in the order in which they arrive, which may differ from run to run;
    where all branches are plain functions of one chunk, they take turns, as declared. A dict in `|` is the same.

    Args:
        branches: chains, functions or dicts by key; or a TypedDict, which type checkers then take for the output, and
            which the compiler compares with what the branches give.
        more: chains, functions or dicts by key.

    Raises:
        CompileError: a key is given twice, or is not a string, or there is no branch; the TypedDict has other keys.
    """
    if not isinstance(branches, type):
        return _fan(branches, more, "parallel")
    _refuse_other_keys(branches, more)
    return wrap(fan_of(more, "parallel", branches))  # type: ignore[return-value]


def _refuse_other_keys(record: type, branches: Mapping[str, object]) -> None:
    known = record_of(record)
    if known is None:
        raise compile_error(
            "GF111",
            f"`{record.__name__}` cannot be the type of a record, since it is no TypedDict",
            location=caller_location(),
            hint="declare it as one: class Answer(TypedDict): ...",
        )
    missing = [field.name for field in known.fields if field.required and field.name not in branches]
    unknown = [key for key in branches if key not in known.names]
    if missing or unknown:
        keys = ", ".join(f"{name}=..." for name in known.names)
        raise compile_error(
            "GF202",
            f"`{record.__name__}` has the key {missing[0]!r}, for which there is no branch"
            if missing
            else f"`{record.__name__}` has no key {unknown[0]!r}",
            location=caller_location(),
            hint=f"gf.parallel({record.__name__}, {keys})",
        )


def assign(branches: Branches | None = None, /, **more: object) -> Aggregate[Mapping[str, Any], dict[str, Any]]:
    """Add keys to a record: every chain gets the whole record, and the record passes on with their outputs.

    An assigned key replaces a passed one; it comes as soon as it exists.
    """
    return _fan(branches, more, "assign")


def _fan(
    branches: Branches | None, more: Mapping[str, object], name: Literal["parallel", "assign"]
) -> Aggregate[Any, dict[str, Any]]:
    given: dict[Any, Any] = dict(branches or {})
    twice = [key for key in more if key in given]
    if twice:
        raise compile_error(
            "GF104",
            f"key {twice[0]!r} is given twice to `{name}`",
            location=caller_location(),
            hint="give each key once, in the dict or as a keyword",
        )
    # What is declared is the least that it promises: its class is that of its weakest branch.
    return wrap(fan_of({**given, **more}, name))  # type: ignore[return-value]


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


@overload
def pick(key: str, /) -> Transform[Mapping[str, Any], Any]: ...
@overload
def pick(key: str, another: str, /, *more: str) -> Transform[Mapping[str, Any], dict[str, Any]]: ...
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


if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    # What an alternative adds to the result of `branch`; functions and dicts do not tell, so they add the default.
    R1 = TypeVarWithDefault("R1", default=Aggregate[Any, Any])
    R2 = TypeVarWithDefault("R2", default=Aggregate[Any, Any])
    R3 = TypeVarWithDefault("R3", default=Aggregate[Any, Any])
    R4 = TypeVarWithDefault("R4", default=Aggregate[Any, Any])

Predicate: TypeAlias = Callable[[Any], object]
Alternative: TypeAlias = GivenWhole[A] | Callable[..., AnyResult] | Mapping[str, object]


@overload
def branch(first: tuple[Predicate, Alternative[R1]], default: Alternative[R2], /) -> R1 | R2: ...
@overload
def branch(
    first: tuple[Predicate, Alternative[R1]],
    second: tuple[Predicate, Alternative[R2]],
    default: Alternative[R3],
    /,
) -> R1 | R2 | R3: ...
@overload
def branch(
    first: tuple[Predicate, Alternative[R1]],
    second: tuple[Predicate, Alternative[R2]],
    third: tuple[Predicate, Alternative[R3]],
    default: Alternative[R4],
    /,
) -> R1 | R2 | R3 | R4: ...
@overload
def branch(
    first: tuple[Predicate, Alternative[Any]],
    second: tuple[Predicate, Alternative[Any]],
    third: tuple[Predicate, Alternative[Any]],
    fourth: tuple[Predicate, Alternative[Any]],
    /,
    *others: tuple[Predicate, Alternative[Any]] | Alternative[Any],
) -> Aggregate[Any, Any]: ...
def branch(*alternatives: Any) -> Any:
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


@overload
def each(chain: Chain[A, B], /, *, max_concurrency: int = 1) -> Producer[list[A], list[B]]: ...
@overload
def each(chain: Callable[[A], AsyncIterator[B]], /, *, max_concurrency: int = 1) -> Producer[list[A], list[B]]: ...
@overload
def each(chain: Callable[[A], Iterator[B]], /, *, max_concurrency: int = 1) -> Producer[list[A], list[B]]: ...
@overload
def each(chain: Callable[[A], Awaitable[B]], /, *, max_concurrency: int = 1) -> Producer[list[A], list[B]]: ...
@overload
def each(chain: Callable[[A], Plain], /, *, max_concurrency: int = 1) -> Producer[list[A], list[Plain]]: ...
@overload
def each(chain: Mapping[str, object], /, *, max_concurrency: int = 1) -> Producer[list[Any], list[dict[str, Any]]]: ...
def each(chain: Any, /, *, max_concurrency: int = 1) -> Any:
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
                (Port("chunks", streams=False, type=T, fold=accumulator),),
                function=_same,
                output=_folded_type(accumulator),
                location=caller_location(),
            )
        )
    )


def collect() -> Aggregate[Any, list[Any]]:
    """Return a chain that waits for all chunks and gives them as one list."""
    return fold(COLLECT, name="collect")


def _folded_type(accumulator: Accumulator) -> object:
    if accumulator == COLLECT:
        return list[T]  # type: ignore[valid-type]
    return T if accumulator in (CONCAT, LATEST, SINGLE) else UNKNOWN


def _same(value: A) -> A:
    return value
