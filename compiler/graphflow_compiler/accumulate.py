"""Accumulators: how the chunks of a stream become one value.

An `Accumulator` is frozen data, so that equal declarations give equal plans; `fold()` gives the mutable
`Fold` that one run feeds. Folding costs linear time: text and lists are joined once, at the end.

>>> fold = CONCAT_STR.fold()
>>> fold.add("stre")
>>> fold.add("am")
>>> fold.value()
'stream'
"""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Callable, Mapping
from typing import Final, Protocol, final

import attrs

from graphflow_compiler.errors import EmptyStreamError, FoldError
from graphflow_compiler.types import UNKNOWN, Record, record_of, show


class Fold(Protocol):
    """The state of one fold in one run."""

    def add(self, chunk: object) -> None:
        """Take the next chunk.

        Raises:
            FoldError: the chunk is of a type that the accumulator cannot fold.
        """

    def value(self) -> object:
        """Give the value of the chunks so far; may be asked more than once.

        Raises:
            EmptyStreamError: there was no chunk and the accumulator has no initial value.
        """


class Accumulator(Protocol):
    """How chunks become a value: a name for people, and a `Fold` for each run."""

    @property
    def name(self) -> str:
        """What the plan prints: ``concat``, ``latest``, ``single``..."""

    def fold(self) -> Fold:
        """Start a fold."""


def fold_all(accumulator: Accumulator, chunks: typing.Iterable[object]) -> object:
    """Fold chunks that are all there.

    >>> fold_all(CONCAT_LIST, [[1], [2, 3]])
    [1, 2, 3]
    """
    fold = accumulator.fold()
    for chunk in chunks:
        fold.add(chunk)
    return fold.value()


# --- latest, single, collect -------------------------------------------------------------------------------


@final
class _LatestFold:
    __slots__ = ("_chunks",)

    def __init__(self) -> None:
        self._chunks: tuple[object, ...] = ()

    def add(self, chunk: object) -> None:
        self._chunks = (chunk,)

    def value(self) -> object:
        if not self._chunks:
            raise EmptyStreamError("the latest chunk was asked of a stream that gave none")
        return self._chunks[0]


@attrs.frozen
class Latest:
    """The last chunk is the value: for snapshots, such as partial JSON."""

    name: str = "latest"

    def fold(self) -> Fold:
        """Start a fold."""
        return _LatestFold()


@final
class _SingleFold:
    __slots__ = ("_chunks",)

    def __init__(self) -> None:
        self._chunks: tuple[object, ...] = ()

    def add(self, chunk: object) -> None:
        if self._chunks:
            raise FoldError(
                "exactly one chunk was expected, and a second one came: "
                f"{_brief(self._chunks[0])}, then {_brief(chunk)}; say how they fold with accumulate="
            )
        self._chunks = (chunk,)

    def value(self) -> object:
        if not self._chunks:
            raise EmptyStreamError("exactly one chunk was expected, and the stream gave none")
        return self._chunks[0]


@attrs.frozen
class Single:
    """There is exactly one chunk, and it is the value: the output of an aggregate."""

    name: str = "single"

    def fold(self) -> Fold:
        """Start a fold."""
        return _SingleFold()


@final
class _CollectFold:
    __slots__ = ("_chunks",)

    def __init__(self) -> None:
        self._chunks: list[object] = []

    def add(self, chunk: object) -> None:
        self._chunks.append(chunk)

    def value(self) -> object:
        return list(self._chunks)


@attrs.frozen
class Collect:
    """The chunks become one list."""

    name: str = "collect"

    def fold(self) -> Fold:
        """Start a fold."""
        return _CollectFold()


LATEST: Final = Latest()
SINGLE: Final = Single()
COLLECT: Final = Collect()


# --- concat ------------------------------------------------------------------------------------------------


def _join_str(chunks: list[typing.Any]) -> object:
    return "".join(chunks)


def _join_bytes(chunks: list[typing.Any]) -> object:
    return b"".join(chunks)


def _join_list(chunks: list[typing.Any]) -> object:
    return [item for chunk in chunks for item in chunk]


def _join_tuple(chunks: list[typing.Any]) -> object:
    return tuple(item for chunk in chunks for item in chunk)


@final
class _ConcatFold:
    __slots__ = ("_chunks", "_join", "_type")

    def __init__(self, chunk_type: type, join: Callable[[list[typing.Any]], object]) -> None:
        self._type = chunk_type
        self._join = join
        self._chunks: list[object] = []

    def add(self, chunk: object) -> None:
        if not isinstance(chunk, self._type):
            raise FoldError(
                f"this stream folds by concatenating {self._type.__name__}, "
                f"and {type(chunk).__name__} came: {_brief(chunk)}"
            )
        self._chunks.append(chunk)

    def value(self) -> object:
        # A lone chunk is given as it is: the value of one chunk is that chunk, whatever subclass it is of.
        return self._chunks[0] if len(self._chunks) == 1 else self._join(self._chunks)


@attrs.frozen
class Concat:
    """The chunks are joined end to end: str, bytes, list and tuple. No chunk gives the empty one."""

    type: type
    join: Callable[[list[typing.Any]], object] = attrs.field(eq=False, repr=False)
    name: str = "concat"

    def fold(self) -> Fold:
        """Start a fold."""
        return _ConcatFold(self.type, self.join)


CONCAT_STR: Final = Concat(str, _join_str)
CONCAT_BYTES: Final = Concat(bytes, _join_bytes)
CONCAT_LIST: Final = Concat(list, _join_list)
CONCAT_TUPLE: Final = Concat(tuple, _join_tuple)


class PartialSum(Protocol):
    """A sum under way, as `__sum_chunks__` of a class of chunks begins it."""

    def add(self, chunk: typing.Any, /) -> object:
        """Take the next chunk."""

    def result(self) -> object:
        """Give the sum of the chunks so far; may be asked more than once."""


@final
class _SumFold:
    __slots__ = ("_first", "_sum", "_type")

    def __init__(self, chunk_type: type, begin: Callable[[], PartialSum]) -> None:
        self._type = chunk_type
        self._sum = begin()
        self._first: tuple[object, ...] | None = ()

    def add(self, chunk: object) -> None:
        if not isinstance(chunk, self._type):
            raise FoldError(
                f"this stream folds {self._type.__name__}s, and {type(chunk).__name__} came: {_brief(chunk)}"
            )
        self._first = (chunk,) if self._first == () else None
        self._sum.add(chunk)

    def value(self) -> object:
        if self._first is None:
            return self._sum.result()
        if not self._first:
            raise EmptyStreamError(f"the sum of a stream of {self._type.__name__}s that gave none was asked")
        return self._first[0]  # a lone chunk is given as it is


@attrs.frozen
class Sum:
    """Chunks of a class that says itself, by `__sum_chunks__`, how many of it become one.

    The class method begins a sum, which takes one chunk after another, so that no step of it holds the event loop.
    """

    type: type
    name: str = "concat"

    def fold(self) -> Fold:
        """Start a fold."""
        begin: Callable[[], PartialSum] = self.type.__sum_chunks__  # type: ignore[attr-defined]
        return _SumFold(self.type, begin)


@final
class _JoinedFold:
    __slots__ = ("_fold",)

    def __init__(self) -> None:
        self._fold: Fold | None = None

    def add(self, chunk: object) -> None:
        if self._fold is None:
            accumulator = accumulator_of(type(chunk))
            if accumulator is None:
                raise FoldError(f"{type(chunk).__name__} cannot be concatenated: {_brief(chunk)}")
            self._fold = accumulator.fold()
        self._fold.add(chunk)

    def value(self) -> object:
        if self._fold is None:
            raise EmptyStreamError("the concatenation of a stream that gave no chunk was asked")
        return self._fold.value()


@attrs.frozen
class Joined:
    """The chunks are joined end to end, in the way of the first one's class.

    For streams whose declared type does not say it. No chunk gives no value, since the class is not known then.
    """

    name: str = "concat"

    def fold(self) -> Fold:
        """Start a fold."""
        return _JoinedFold()


CONCAT: Final = Joined()


# --- your own ----------------------------------------------------------------------------------------------

_NO_INITIAL: Final = object()


@final
class _CustomFold:
    __slots__ = ("_accumulator", "_state")

    def __init__(self, accumulator: Custom) -> None:
        self._accumulator = accumulator
        self._state = accumulator.initial() if accumulator.initial is not None else _NO_INITIAL

    def add(self, chunk: object) -> None:
        if self._state is _NO_INITIAL:
            self._state = chunk
        else:
            self._state = self._accumulator.step(self._state, chunk)

    def value(self) -> object:
        if self._state is _NO_INITIAL:
            raise EmptyStreamError(f"`{self._accumulator.name}` has no initial value, and the stream gave no chunk")
        finish = self._accumulator.finish
        return self._state if finish is None else finish(self._state)


@attrs.frozen
class Custom:
    """An accumulator of the user's own; made by `accumulator`."""

    name: str
    initial: Callable[[], typing.Any] | None
    step: Callable[[typing.Any, typing.Any], typing.Any]
    finish: Callable[[typing.Any], typing.Any] | None

    def fold(self) -> Fold:
        """Start a fold."""
        return _CustomFold(self)


def accumulator(
    *,
    step: Callable[[typing.Any, typing.Any], typing.Any],
    initial: Callable[[], typing.Any] | None = None,
    finish: Callable[[typing.Any], typing.Any] | None = None,
    name: str | None = None,
) -> Accumulator:
    """Make an accumulator of your own.

    Args:
        step: takes the state and the next chunk, returns the new state.
        initial: a function that makes the first state; without it the first chunk is the first state, and a
            stream that gives nothing raises `EmptyStreamError`.
        finish: takes the last state, returns the value; without it the state is the value.
        name: what the plan prints; the name of `step` if not given.

    >>> total = accumulator(initial=int, step=lambda state, chunk: state + len(chunk), name="length")
    >>> fold_all(total, ["ab", "c"])
    3
    """
    for argument, given in (("step", step), ("initial", initial), ("finish", finish)):
        if given is not None and not callable(given):
            raise TypeError(f"accumulator({argument}=...) takes a function, not {_brief(given)}")
    return Custom(name or str(getattr(step, "__name__", "fold")), initial, step, finish)


# --- records -----------------------------------------------------------------------------------------------


@final
class _MergeFold:
    __slots__ = ("_folds", "_merge")

    def __init__(self, merge: Merge) -> None:
        self._merge = merge
        self._folds: dict[str, Fold] = {}

    def add(self, chunk: object) -> None:
        if not isinstance(chunk, Mapping):
            raise FoldError(f"this stream folds records key by key, and {type(chunk).__name__} came: {_brief(chunk)}")
        for key, piece in chunk.items():
            fold = self._folds.get(key)
            if fold is None:
                accumulator = self._merge.of(key)
                if accumulator is None:
                    raise FoldError(f"nothing says how the chunks of key {key!r} fold")
                fold = self._folds[key] = accumulator.fold()
            fold.add(piece)

    def value(self) -> object:
        record: dict[str, object] = {}
        for key, accumulator in self._merge.fields:
            fold = self._folds.get(key)
            if fold is not None:
                record[key] = fold.value()
                continue
            with contextlib.suppress(EmptyStreamError):  # no chunk came: the accumulator's initial value, if it has one
                record[key] = accumulator.fold().value()
        for key, fold in self._folds.items():
            if key not in record:
                record[key] = fold.value()
        missing = [key for key in self._merge.required if key not in record]
        if missing:
            raise EmptyStreamError(f"the required key {missing[0]!r} of a record got no chunk")
        return record


@attrs.frozen
class Merge:
    """Records fold key by key.

    Attributes:
        fields: the known keys and how each folds.
        rest: how a key that is not among them folds; None if such a key is an error.
        required: the keys that must be in the value.
    """

    fields: tuple[tuple[str, Accumulator], ...]
    rest: Accumulator | None = None
    required: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What the plan prints, such as ``merge(context: single, question: concat)``."""
        parts = [f"{key}: {accumulator.name}" for key, accumulator in self.fields]
        if self.rest is not None:
            parts.append(f"...: {self.rest.name}")
        return f"merge({', '.join(parts)})"

    def of(self, key: str) -> Accumulator | None:
        """Return how `key` folds."""
        return next((accumulator for name, accumulator in self.fields if name == key), self.rest)

    def fold(self) -> Fold:
        """Start a fold."""
        return _MergeFold(self)


def merge(**fields: Accumulator) -> Accumulator:
    """Make an accumulator of records: how the pieces of each key fold.

    >>> fold_all(merge(answer=CONCAT_STR, sources=LATEST), [{"answer": "a"}, {"sources": 1}, {"answer": "b"}])
    {'answer': 'ab', 'sources': 1}
    """
    for key, given in fields.items():
        if not callable(getattr(given, "fold", None)):
            raise TypeError(f"merge({key}=...) takes an accumulator, such as gf.concat, not {_brief(given)}")
    return Merge(tuple(fields.items()))


# --- a value, or chunks of one ------------------------------------------------------------------------------


@final
class _OneOrMoreFold:
    __slots__ = ("_accumulator", "_first", "_fold")

    def __init__(self, accumulator: Accumulator) -> None:
        self._accumulator = accumulator
        self._first: tuple[object, ...] = ()
        self._fold: Fold | None = None

    def add(self, chunk: object) -> None:
        if self._fold is not None:
            self._fold.add(chunk)
        elif not self._first:
            self._first = (chunk,)
        else:
            self._fold = self._accumulator.fold()
            self._fold.add(self._first[0])
            self._fold.add(chunk)

    def value(self) -> object:
        if self._fold is not None:
            return self._fold.value()
        return self._first[0] if self._first else self._accumulator.fold().value()


@attrs.frozen
class OneOrMore:
    """One chunk is the value whatever it is; more than one fold as `accumulator` says.

    For a branch of which one alternative gives a finished value and another a stream.
    """

    accumulator: Accumulator

    @property
    def name(self) -> str:
        """What the plan prints."""
        return self.accumulator.name

    def fold(self) -> Fold:
        """Start a fold."""
        return _OneOrMoreFold(self.accumulator)


def keeps_one(accumulator: Accumulator) -> bool:
    """Tell whether one chunk is its own value, so that a finished value need not be folded.

    >>> keeps_one(SINGLE), keeps_one(CONCAT_STR), keeps_one(COLLECT)
    (True, True, False)
    """
    if isinstance(accumulator, Merge):
        return all(keeps_one(field) for _, field in accumulator.fields)
    return isinstance(accumulator, Single | Latest | Concat | Sum | OneOrMore)


# --- which one ---------------------------------------------------------------------------------------------

_BY_TYPE: Final[dict[object, Accumulator]] = {
    str: CONCAT_STR,
    bytes: CONCAT_BYTES,
    list: CONCAT_LIST,
    tuple: CONCAT_TUPLE,
}


def accumulator_of(declared: object) -> Accumulator | None:
    """Return how chunks of the declared type fold, or None where the type does not say.

    Text, bytes, lists and tuples concatenate; a class may say it itself by `__sum_chunks__`; records fold per
    key. Numbers, `Any`, plain `dict` and the unannotated have none: there is no silent guess.

    >>> accumulator_of(list[int]).name
    'concat'
    >>> accumulator_of(int) is None
    True
    """
    if isinstance(declared, Record) or record_of(declared) is not None:
        return _merge_of(declared)
    origin = typing.get_origin(declared)
    if origin is typing.Annotated:
        return accumulator_of(typing.get_args(declared)[0])
    if origin is tuple and Ellipsis not in typing.get_args(declared):
        return None  # tuple[int, str] is a fixed record of places: two of them do not make a third
    base = origin or declared
    if isinstance(base, type):
        if hasattr(base, "__sum_chunks__"):
            return Sum(base)
        return next((known for kind, known in _BY_TYPE.items() if base is kind), None)
    return None


def _merge_of(declared: object) -> Accumulator | None:
    record = record_of(declared)
    assert record is not None
    fields = []
    for field in record.fields:
        accumulator = accumulator_of(field.type)
        if accumulator is None:
            return None
        fields.append((field.name, accumulator))
    return Merge(tuple(fields), required=frozenset(field.name for field in record.fields if field.required))


def why_none(declared: object) -> str:
    """Say in words why `accumulator_of` gives none for the type."""
    return "they are not annotated" if declared is UNKNOWN else f"{show(declared)} has no accumulator of its own"


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
