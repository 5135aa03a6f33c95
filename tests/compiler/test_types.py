"""How declared types relate. The tables read: a value of the first type, where the second is asked for."""
# ruff: noqa: UP006, UP007, UP045 - the old spellings are among what is tested

import abc
import asyncio
import collections
import copy
import dataclasses
import decimal
import enum
import functools
import io
import itertools
import pickle
import re
import sys
import types
import typing
import unittest.mock
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Container,
    Coroutine,
    Generator,
    Hashable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    MutableSequence,
    Reversible,
    Sequence,
    Set,
    Sized,
)
from pathlib import Path
from typing import (
    Annotated,
    Any,
    AnyStr,
    Concatenate,
    Dict,
    Final,
    Generic,
    List,
    Literal,
    LiteralString,
    NamedTuple,
    Never,
    NewType,
    NoReturn,
    NotRequired,
    Optional,
    ParamSpec,
    Protocol,
    Required,
    Self,
    Tuple,
    Type,
    TypedDict,
    TypeVar,
    Union,
    Unpack,
)

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphflow_compiler.types import (
    UNKNOWN,
    Field,
    Record,
    Verdict,
    awaited,
    element_of,
    field_type,
    iterated,
    iterated_sync,
    record_of,
    relate,
    show,
    solve,
    substitute,
    union,
)

YES, NO, UNCHECKED = Verdict.YES, Verdict.NO, Verdict.UNCHECKED
Row = tuple[object, object, Verdict]

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)
Number = TypeVar("Number", bound=float)
P = ParamSpec("P")


class Animal: ...


class Dog(Animal): ...


class Puppy(Dog): ...


class Cat(Animal): ...


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


class Abstract(abc.ABC):  # noqa: B024
    pass


class Concrete(Abstract): ...


class Untyped(Any): ...  # type: ignore[misc]


class Strings(List[str]): ...


class Rows(list[T]): ...


class ByName(dict[str, T]): ...


class Lines(Iterator[str]):
    def __next__(self) -> str:
        raise StopIteration


class Countdown:
    def __iter__(self) -> Iterator[int]:
        return iter((2, 1))


class Box(Generic[T]):
    value: T


class Out(Generic[T_co]): ...


class In(Generic[T_contra]): ...


class IntBox(Box[int]): ...


class Pair(Generic[T, U], Box[T]): ...


class Swapped(Pair[U, T]): ...


class Point(NamedTuple):
    x: int
    label: str


class Query(TypedDict):
    text: str
    limit: int


class Lenient(TypedDict, total=False):
    text: Required[str]
    limit: int


class Sparse(TypedDict):
    text: str
    limit: NotRequired[int]


class Words(TypedDict):
    first: str
    second: str


class Tree(TypedDict):
    value: int
    children: list["Tree"]


class OtherTree(TypedDict):
    value: int
    children: "list[OtherTree]"


class StringTree(TypedDict):
    value: int
    children: "list[StringLeaf]"


class StringLeaf(TypedDict):
    value: str
    children: list[StringTree]


class Page(TypedDict, Generic[T]):
    items: list[T]
    next: str


class IntPage(Page[int]):
    total: int


class Closable(Protocol):
    def close(self) -> None: ...


class Named(Protocol):
    name: str


class Titled(Protocol):
    @property
    def title(self) -> str: ...


class NamedClosable(Named, Closable, Protocol): ...


class Supplier(Protocol[T_co]):
    def supply(self) -> T_co: ...


class Linked(Protocol):
    @property
    def parent(self) -> "Linked | None": ...


class Handler(Protocol):
    def __call__(self, text: str) -> int: ...


class File:
    def close(self) -> None: ...


@attrs.frozen
class User:
    name: str
    title: str = ""


@dataclasses.dataclass
class Numbered:
    name: int


class Assigned:
    def __init__(self) -> None:
        self.name = "assigned"


class Dynamic:
    def __getattr__(self, name: str) -> str:
        return name


class TitledByProperty:
    @property
    def title(self) -> str:
        return ""


class TitledByNumber:
    @functools.cached_property
    def title(self) -> int:
        return 1


class Node:
    parent: "Node | None"


class Root:
    parent: None


class IntSupplier(Supplier[int]):
    def supply(self) -> int:
        return 1


class LooseSupplier:
    def supply(self) -> int:
        return 1


class NoHash:
    __hash__ = None  # type: ignore[assignment]


class Keyed(Protocol):
    def __hash__(self) -> int: ...


class Called:
    def __call__(self, text: str) -> int:
        return len(text)


UserId = NewType("UserId", int)
AdminId = NewType("AdminId", UserId)
Slug = NewType("Slug", str)


def record(*fields: Field, is_open: bool = False, **more: object) -> Record:
    return Record((*fields, *(Field(name, type_) for name, type_ in more.items())), open=is_open)


CLASSES: list[Row] = [
    (int, int, YES),
    (int, str, NO),
    (str, int, NO),
    (Dog, Animal, YES),
    (Puppy, Animal, YES),
    (Animal, Dog, NO),
    (Dog, Cat, NO),
    (Concrete, Abstract, YES),
    (Abstract, Concrete, NO),
    (Color, Color, YES),
    (Color, enum.Enum, YES),
    (Color, int, NO),
    (Level, int, YES),
    (int, object, YES),
    (list[int], object, YES),
    (object, int, NO),
    (None, None, YES),
    (None, type(None), YES),
    (None, int, NO),
    (int, None, NO),
    (None, object, YES),
    (User, User, YES),
    (User, dict, NO),
    (decimal.Decimal, float, NO),
    (Path, str, NO),
    (NoHash, Hashable, NO),
    (str, Hashable, YES),
    (list, Hashable, NO),
    (str, Sized, YES),
    (int, Sized, NO),
    (Untyped, int, UNCHECKED),
    (Untyped, object, YES),
]

NUMBERS: list[Row] = [
    (int, float, YES),
    (int, complex, YES),
    (float, complex, YES),
    (float, int, NO),
    (complex, float, NO),
    (bool, int, YES),
    (bool, float, YES),
    (int, bool, NO),
    (Level, float, YES),
    (Literal[1], float, YES),
    (list[int], list[float], YES),
    (list[float], list[int], NO),
    (bytearray, bytes, NO),
    (memoryview, bytes, NO),
    (bytes, bytearray, NO),
    (bytes, str, NO),
]

UNKNOWNS: list[Row] = [
    (UNKNOWN, int, UNCHECKED),
    (int, UNKNOWN, UNCHECKED),
    (UNKNOWN, UNKNOWN, UNCHECKED),
    (Any, int, UNCHECKED),
    (int, Any, UNCHECKED),
    (Any, Any, UNCHECKED),
    (list[Any], list[str], UNCHECKED),
    (list[str], list[Any], UNCHECKED),
    (list[Any], list, YES),
    (list[Any], object, YES),
    (list[Any], set[str], NO),
    (tuple[Any, int], tuple[int, str], NO),
    (tuple[int, Any], tuple[str, int], NO),
    (tuple[Any, int], tuple[int, int], UNCHECKED),
    (tuple[int, Any], Sequence[str], NO),
    (int | Any, str, NO),
    (int | Any, int, UNCHECKED),
    (int, Union[str, Any], UNCHECKED),
    (str, Union[str, Any], YES),
    ("Later", int, UNCHECKED),
    (int, typing.ForwardRef("Later"), UNCHECKED),
    (list["Later"], list[int], UNCHECKED),
    (Self, int, UNCHECKED),
    (int, Self, UNCHECKED),
    (P, int, UNCHECKED),
    (Generic, int, UNCHECKED),
    (int, Protocol, UNCHECKED),
    (int, 3, UNCHECKED),
    ([int], [int], UNCHECKED),
    ({"a": int}, int, UNCHECKED),
    (..., int, UNCHECKED),
    (print, int, UNCHECKED),
    (unittest.mock.Mock(), unittest.mock.Mock(), UNCHECKED),
    (Union, int, UNCHECKED),
    (Final, int, UNCHECKED),
]

UNIONS: list[Row] = [
    (int, int | str, YES),
    (int, Union[str, bytes], NO),
    (int | str, int, NO),
    (int | str, str | int, YES),
    (int | str, object, YES),
    (int | str, Union[str, int, None], YES),
    (int | None, int, NO),
    (Optional[int], int | None, YES),
    (None, Optional[int], YES),
    (bool | int, int, YES),
    (bool, Optional[float], YES),
    (Dog | Cat, Animal, YES),
    (Dog | str, Animal, NO),
    (list[int] | None, Sequence[int] | None, YES),
    (list[int], list[str] | None, NO),
    (list[int], list[str] | list[int], YES),
    (list[int | None], list[int], NO),
    (list[int], list[int | None], YES),
    (dict[str, int] | list[int], Iterable[Any], UNCHECKED),
    (UserId | None, int | None, YES),
]

LITERALS: list[Row] = [
    (Literal["a"], str, YES),
    (Literal["a", "b"], str, YES),
    (Literal["a"], Literal["a", "b"], YES),
    (Literal["a", "b"], Literal["a"], NO),
    (Literal["b", "a"], Literal["a", "b"], YES),
    (Literal["a"], int, NO),
    (Literal["a", 1], str, NO),
    (Literal["a", 1], str | int, YES),
    (str, Literal["a"], NO),
    (Literal[1], Literal[True], NO),
    (Literal[True], Literal[1], NO),
    (bool, Literal[True, False], YES),
    (bool, Literal[True], NO),
    (Color, Literal[Color.RED, Color.BLUE], YES),
    (Color, Literal[Color.RED], NO),
    (Literal[Color.RED], Color, YES),
    (Literal[None], None, YES),
    (None, Literal[None], YES),
    (Literal["a", None], str | None, YES),
    (Literal["abc"], Sequence[str], YES),
    (Literal["a"], Literal["a"] | None, YES),
    (LiteralString, str, YES),
    (list[Literal["a"]], list[str], YES),
]

NAMED_TYPES: list[Row] = [
    (UserId, int, YES),
    (UserId, float, YES),
    (int, UserId, NO),
    (UserId, UserId, YES),
    (AdminId, UserId, YES),
    (AdminId, int, YES),
    (UserId, AdminId, NO),
    (UserId, str, NO),
    (UserId, Slug, NO),
    (UserId, int | None, YES),
    (list[UserId], list[int], YES),
    (list[int], list[UserId], NO),
    (Annotated[int, "port"], int, YES),
    (int, Annotated[int, "port"], YES),
    (Annotated[list[Annotated[int, []]], 1], list[int], YES),
    (Annotated[str, "x"], int, NO),
    (typing.ClassVar[int], int, YES),
    (typing.Final[int], str, NO),
    (Never, int, YES),
    (NoReturn, str, YES),
    (Never, Never, YES),
    (int, Never, NO),
    (list[Never], list[int], YES),
]

CONTAINERS: list[Row] = [
    (list[int], list[int], YES),
    (list[int], List[int], YES),
    (List[int], list[int], YES),
    (list[int], list[str], NO),
    (list[bool], list[int], YES),
    (list[list[int]], list[list[str]], NO),
    (list[list[int]], Sequence[Iterable[float]], YES),
    (list[int], Sequence[int], YES),
    (list[int], MutableSequence[int], YES),
    (list[int], Collection[int], YES),
    (list[int], Container[int], YES),
    (list[int], Reversible[object], YES),
    (list[int], typing.Iterable[int], YES),
    (list[int], Iterable[str], NO),
    (list[int], Iterator[int], NO),
    (Sequence[int], list[int], NO),
    (list[int], set[int], NO),
    (list[int], tuple[int, ...], NO),
    (list, list, YES),
    (list, List, YES),
    (list, list[int], UNCHECKED),
    (list, Sequence[int], UNCHECKED),
    (list[int], list, YES),
    (list[int], Sequence, YES),
    (set[int], Set[int], YES),
    (frozenset[int], Set[float], YES),
    (set[int], frozenset[int], NO),
    (dict[str, int], dict[str, float], YES),
    (dict[str, int], Dict[str, int], YES),
    (dict[str, int], Mapping[str, int], YES),
    (dict[str, int], MutableMapping[str, object], YES),
    (dict[str, int], dict[str, str], NO),
    (dict[str, int], dict[int, int], NO),
    (dict[str, int], Iterable[str], YES),
    (dict[str, int], Iterable[int], NO),
    (dict, dict[str, int], UNCHECKED),
    (dict[str, int], dict, YES),
    (Mapping[str, int], dict[str, int], NO),
    (collections.OrderedDict[str, int], Mapping[str, int], YES),
    (collections.defaultdict[str, list[int]], dict[str, Sequence[int]], YES),
    (collections.Counter[str], Mapping[str, int], YES),
    (collections.Counter[str], Mapping[str, str], NO),
    (collections.Counter, Mapping[int, str], NO),
    (collections.deque[int], Sequence[int], YES),
    (KeysView[str], Set[str], YES),
    (ItemsView[str, int], Iterable[tuple[str, int]], YES),
    (str, Sequence[str], YES),
    (str, Iterable[int], NO),
    (str, list[str], NO),
    (bytes, Sequence[int], YES),
    (range, Sequence[int], YES),
    (range, Sequence[str], NO),
    (Strings, list[str], YES),
    (Strings, Sequence[str], YES),
    (Strings, Iterable[object], YES),
    (Strings, list[int], NO),
    (Strings, list, YES),
    (list[str], Strings, NO),
    (Rows[int], list[int], YES),
    (Rows[int], Iterable[str], NO),
    (Rows, list[int], UNCHECKED),
    (ByName[int], Mapping[str, float], YES),
    (ByName[int], Mapping[str, str], NO),
    (Lines, Iterator[str], YES),
    (Lines, Iterable[str], YES),
    (Lines, Iterable[int], NO),
    (Countdown, Iterable, YES),
    (Countdown, Iterable[int], UNCHECKED),
    (re.Pattern[str], re.Pattern[str], YES),
    (re.Pattern[str], re.Pattern[bytes], NO),
    (asyncio.PriorityQueue[int], asyncio.Queue[int], UNCHECKED),
    (io.StringIO, io.TextIOBase, YES),
]

STREAMS: list[Row] = [
    (AsyncIterator[int], AsyncIterator[int], YES),
    (AsyncIterator[int], AsyncIterator[str], NO),
    (AsyncIterator[bool], AsyncIterable[int], YES),
    (AsyncGenerator[int, None], AsyncIterator[int], YES),
    (AsyncGenerator[int, str], AsyncGenerator[int, str], YES),
    (AsyncGenerator[int, object], AsyncGenerator[int, str], YES),
    (AsyncGenerator[int, str], AsyncGenerator[int, int], NO),
    (AsyncIterator[int], AsyncGenerator[int, None], NO),
    (AsyncIterator[int], Iterator[int], NO),
    (Generator[int, None, None], Iterator[int], YES),
    (Generator[int, None, None], Iterable[str], NO),
    (typing.Generator[int, None, str], Generator[int, None, str], YES),
    (Generator[int, None, str], Generator[int, None, int], NO),
    (Coroutine[Any, Any, int], Awaitable[int], YES),
    (Coroutine[Any, Any, int], Awaitable[str], NO),
]

TUPLES: list[Row] = [
    (tuple[int, str], tuple[int, str], YES),
    (tuple[int, str], Tuple[int, str], YES),
    (tuple[int, str], tuple[str, int], NO),
    (tuple[int, str], tuple[int], NO),
    (tuple[int, str], tuple[int, str, int], NO),
    (tuple[int, int], tuple[int, ...], YES),
    (tuple[int, str], tuple[int, ...], NO),
    (tuple[int, str], tuple[int | str, ...], YES),
    (tuple[int, ...], tuple[float, ...], YES),
    (tuple[int, ...], tuple[str, ...], NO),
    (tuple[int, ...], tuple[int, int], UNCHECKED),
    (tuple[int, ...], tuple[int, str], NO),
    (tuple[()], tuple[int, ...], YES),
    (tuple[()], tuple[()], YES),
    (tuple[int], tuple[()], NO),
    (tuple[()], Sequence[str], YES),
    (tuple, tuple[int, ...], UNCHECKED),
    (tuple, Tuple, YES),
    (tuple[int, str], tuple, YES),
    (tuple[int, ...], Sequence[int], YES),
    (tuple[int, str], Sequence[int | str], YES),
    (tuple[int, str], Sequence[int], NO),
    (tuple[int, str], Iterable[object], YES),
    (tuple[int, str], list[int], NO),
    (Point, tuple[int, str], YES),
    (Point, tuple[str, str], NO),
    (Point, Sequence[int | str], YES),
    (tuple[int, str], Point, NO),
    (tuple[int, Unpack[tuple[str, ...]]], tuple[int, str], UNCHECKED),
]

CALLABLES: list[Row] = [
    (Callable[[int], str], Callable[[int], str], YES),
    (Callable[[int], str], typing.Callable[[int], str], YES),
    (Callable[[int], str], Callable[[str], str], NO),
    (Callable[[float], str], Callable[[int], str], YES),
    (Callable[[int], str], Callable[[float], str], NO),
    (Callable[[int], bool], Callable[[int], int], YES),
    (Callable[[int], int], Callable[[int], bool], NO),
    (Callable[[int], str], Callable[[], str], NO),
    (Callable[[], str], Callable[[int, int], str], NO),
    (Callable[..., str], Callable[[int], str], UNCHECKED),
    (Callable[[int], str], Callable[..., str], UNCHECKED),
    (Callable[..., str], Callable[..., int], NO),
    (Callable[P, str], Callable[[int], str], UNCHECKED),
    (Callable[Concatenate[int, P], str], Callable[[int], int], NO),
    (Callable, Callable[[int], str], UNCHECKED),
    (Callable[[int], str], Callable, YES),
    (Callable[[int], str], int, NO),
    (Callable[[int], str], Hashable, YES),
    (int, Callable[[], int], NO),
    (Called, Callable[[str], int], UNCHECKED),
    (Called, Callable, YES),
    (type[int], Callable[[str], int], UNCHECKED),
    (type[int], Callable, YES),
    (Callable[[str], int], Handler, YES),
    (types.FunctionType, Callable, YES),
]

METATYPES: list[Row] = [
    (type[Dog], type[Animal], YES),
    (type[Animal], type[Dog], NO),
    (type[Dog], Type[Animal], YES),
    (type[Dog], type, YES),
    (type, type[Dog], UNCHECKED),
    (type[Any], type[Dog], UNCHECKED),
    (type[Dog], object, YES),
    (type[Dog], Dog, NO),
    (Dog, type[Dog], NO),
    (type[Dog | Cat], type[Animal], YES),
    (type[Abstract], abc.ABCMeta, YES),
    (type[Dog], abc.ABCMeta, UNCHECKED),
    (abc.ABCMeta, type[Abstract], UNCHECKED),
    (type[File], Closable, UNCHECKED),
]

GENERICS: list[Row] = [
    (Box[int], Box[int], YES),
    (Box[int], Box[str], NO),
    (Box[bool], Box[int], NO),
    (Box[int], Box[bool], NO),
    (Box[Any], Box[int], UNCHECKED),
    (Box[int], Box, YES),
    (Box, Box[int], UNCHECKED),
    (Box[int | str], Box[str | int], YES),
    (Out[bool], Out[int], YES),
    (Out[int], Out[bool], NO),
    (In[int], In[bool], YES),
    (In[bool], In[int], NO),
    (IntBox, Box[int], YES),
    (IntBox, Box[str], NO),
    (Pair[int, str], Box[int], YES),
    (Pair[int, str], Box[str], NO),
    (Swapped[str, int], Pair[str, int], YES),
    (Swapped[str, int], Box[str], YES),
    (Swapped[str, int], Box[int], NO),
]

VARIABLES: list[Row] = [
    (int, T, YES),
    (list[int], list[T], YES),
    (set[int], list[T], NO),
    (int, Number, YES),
    (str, Number, NO),
    (str, AnyStr, YES),
    (int, AnyStr, NO),
    (T, T, YES),
    (T, T | None, YES),
    (T, object, YES),
    (T, int, UNCHECKED),
    (Number, float, YES),
    (Number, complex, YES),
    (Number, int, UNCHECKED),
    (Number, str, NO),
    (AnyStr, str | bytes, YES),
    (AnyStr, int, NO),
    (list[T], list[int], UNCHECKED),
]

PROTOCOLS: list[Row] = [
    (File, Closable, YES),
    (int, Closable, NO),
    (User, Named, YES),
    (Numbered, Named, NO),
    (File, Named, NO),
    (Assigned, Named, UNCHECKED),
    (Dynamic, Named, UNCHECKED),
    (User, Titled, YES),
    (TitledByProperty, Titled, YES),
    (TitledByNumber, Titled, NO),
    (File, NamedClosable, NO),
    (NamedClosable, Named, YES),
    (NamedClosable, Closable, YES),
    (Named, NamedClosable, NO),
    (Closable, Closable, YES),
    (Closable, File, NO),
    (File, object, YES),
    (File | None, Closable, NO),
    (File | None, Closable | None, YES),
    (IntSupplier, Supplier[int], YES),
    (IntSupplier, Supplier[float], YES),
    (IntSupplier, Supplier[str], NO),
    (LooseSupplier, Supplier[int], UNCHECKED),
    (Node, Linked, YES),
    (Root, Linked, YES),
    (Called, Handler, YES),
    (File, Handler, NO),
    (NoHash, Keyed, NO),
    (int, typing.SupportsInt, YES),
    (str, typing.SupportsInt, NO),
    (list[int], Keyed, NO),
]

RECORDS: list[Row] = [
    (Query, Query, YES),
    (Query, record(text=str), YES),
    (Query, record(text=str, limit=float), YES),
    (Query, record(text=int), NO),
    (Query, record(answer=str), NO),
    (record(text=str, limit=int), Query, YES),
    (record(text=str, limit=int, more=bytes), Query, YES),
    (record(text=str), Query, NO),
    (record(text=str), Sparse, YES),
    (record(text=str, limit=str), Sparse, NO),
    (Sparse, Query, NO),
    (Lenient, Query, NO),
    (Lenient, Sparse, YES),
    (Sparse, Lenient, YES),
    (Query, Sparse, YES),
    (record(text=str, is_open=True), Query, UNCHECKED),
    (record(text=int, is_open=True), Query, NO),
    (record(text=str, is_open=True), Sparse, UNCHECKED),
    (record(text=UNKNOWN, limit=int), Query, UNCHECKED),
    (record(text=UNKNOWN, limit=str), Query, NO),
    (record(a=UNKNOWN), record(a=UNKNOWN), UNCHECKED),
    (record(a=int), record(), YES),
    (record(), record(a=int), NO),
    (record(a=list[int]), record(a=Sequence[float]), YES),
    (record(a=int), object, YES),
    (record(a=int), str, NO),
    (str, record(question=str), NO),
    (list[str], record(question=str), NO),
    (Query, str, NO),
    (Query, Optional[Sparse], YES),
    (Query, dict, YES),
    (Query, Mapping, YES),
    (Query, dict[str, Any], UNCHECKED),
    (Query, dict[str, object], YES),
    (Query, Mapping[str, str | int], YES),
    (Query, dict[str, str], NO),
    (Words, dict[str, str], YES),
    (Words, MutableMapping[str, str], YES),
    (Words, Mapping[int, str], NO),
    (Words, Iterable[str], YES),
    (Words, Sized, YES),
    (Words, Collection[int], NO),
    (Words, collections.OrderedDict[str, str], NO),
    (record(), dict[int, int], YES),
    (record(a=str), dict[str, str], YES),
    (record(a=str, is_open=True), dict[str, str], UNCHECKED),
    (record(a=int, is_open=True), dict[str, str], NO),
    (dict[str, str], record(question=str), UNCHECKED),
    (dict[str, Any], Query, UNCHECKED),
    (dict, Query, UNCHECKED),
    (Mapping[str, str], record(question=str), UNCHECKED),
    (dict[str, int], record(question=str), NO),
    (dict[int, str], record(question=str), NO),
    (dict[str, int], Record((Field("question", str, required=False),)), UNCHECKED),
    (dict[str, int], record(), YES),
    (ByName[str], record(question=str), UNCHECKED),
    (Page[int], Page[float], YES),
    (Page[int], Page[str], NO),
    (Page[int], record(items=list[int]), YES),
    (Page, Page[int], UNCHECKED),
    (Page[int], Page, UNCHECKED),
    (IntPage, Page[int], YES),
    (IntPage, Page[str], NO),
    (Tree, Tree, YES),
    (Tree, OtherTree, YES),
    (OtherTree, Tree, YES),
    (Tree, StringTree, NO),
    (StringTree, Tree, NO),
]

ROWS = [
    *itertools.chain(
        CLASSES, NUMBERS, UNKNOWNS, UNIONS, LITERALS, NAMED_TYPES, CONTAINERS, STREAMS, TUPLES, CALLABLES, METATYPES),
    *itertools.chain(GENERICS, VARIABLES, PROTOCOLS, RECORDS),
]


def row_id(row: Row) -> str:
    return f"{show(row[0])} into {show(row[1])}"


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_a_type_flows_into_another(row: Row) -> None:
    source, target, verdict = row
    relation = relate(source, target)
    assert relation.verdict is verdict, relation.reason
    assert bool(relation.reason) == (verdict is not YES)
    assert relate(source, target) == relation
