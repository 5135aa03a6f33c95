"""How declared types relate. The tables read: a value of the first type, where the second is asked for."""
# The old spellings are among what is tested, and types are data here: variables have no scope.
# ruff: noqa: UP006, UP007, UP013, UP035, UP044, UP045
# mypy: disable-error-code="valid-type"

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
import operator
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


class Swapped(Pair[U, T], Generic[T, U]): ...


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


class TitledByMethod:
    def title(self) -> str:
        return ""


class TitledByTypeChecker:
    @property
    def title(self) -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821
        return ""


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
    (types.GenericAlias(list, "Later"), list[int], UNCHECKED),
    (Self, int, UNCHECKED),
    (int, Self, UNCHECKED),
    (P, int, UNCHECKED),
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
    (Swapped[str, int], Pair[int, str], YES),
    (Swapped[str, int], Box[int], YES),
    (Swapped[str, int], Box[str], NO),
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
        CLASSES, NUMBERS, UNKNOWNS, UNIONS, LITERALS, NAMED_TYPES, CONTAINERS, STREAMS, TUPLES, CALLABLES, METATYPES
    ),
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


REASONS: list[tuple[object, object, str]] = [
    (int, str, "int is not str"),
    (list[int], list[str], "list[int] is not list[str]: int is not str"),
    (int | str, str, "int | str is not str: int is not str"),
    (int, str | None, "int is not str | None"),
    (list[int], list[str] | None, "list[int] is not list[str] | None: list[int] is not list[str]: int is not str"),
    (Literal["b"], Literal["a"], "Literal['b'] is not Literal['a']"),
    (int, UserId, "int is not UserId"),
    (Box[bool], Box[int], "Box[bool] is not Box[int]: int is not bool (T is invariant)"),
    (tuple[int, str], tuple[int], "tuple[int, str] is not tuple[int]: it has 2 items, not 1"),
    (Callable[[int], str], Callable[[], str], "(int) -> str is not () -> str: it takes 1 argument, not 0"),
    (int, Closable, "int is not Closable: it has no 'close'"),
    (Numbered, Named, "Numbered is not Named: 'name': int is not str"),
    (str, Number, "str is not Number: str is not float"),
    (record(n=int), record(n=str), "{n: int} is not {n: str}: key 'n': int is not str"),
    (record(n=int), record(m=str), "{n: int} is not {m: str}: key 'm' is missing"),
    (Sparse, Query, "Sparse is not Query: key 'limit' may be missing"),
    (Query, dict[str, str], "Query is not dict[str, str]: key 'limit': int is not str"),
    (str, record(question=str), "str is not {question: str}"),
    (dict[str, int], record(q=str), "dict[str, int] is not {q: str}: key 'q': int is not str"),
    (UNKNOWN, str, "? is not annotated"),
    (str, UNKNOWN, "? is not annotated"),
    (list[Any], list[str], "Any is not checked"),
    ("Later", str, "the name 'Later' is not resolved"),
    (list, list[str], "what list holds is not known"),
    (Countdown, Iterable[int], "what Countdown holds is not known"),
    (tuple[int, ...], tuple[int, int], "the length of tuple[int, ...] is not known"),
    (dict[str, str], record(q=str), "keys of a plain dict are not known"),
    (record(is_open=True), record(q=str), "key 'q' is not known"),
    (record(n=UNKNOWN), record(n=int), "key 'n': ? is not annotated"),
    (Assigned, Named, "the type of 'name' is not declared"),
    (TitledByMethod, Titled, "the type of 'title' is not declared"),
    (TitledByTypeChecker, Titled, "'title': ? is not annotated"),
    (LooseSupplier, Supplier[int], "the parameters of Supplier[int] are not known of LooseSupplier"),
    (Callable[..., str], Callable[[int], str], "the parameters of (...) -> str are not known"),
    (T, int, "T is not solved"),
    (Untyped, int, "Untyped derives from Any"),
    (3, int, "3 is not checked"),
    (Dog, Animal, ""),
]


@pytest.mark.parametrize(("source", "target", "reason"), REASONS)
def test_the_reason_names_the_part_that_fails_or_is_not_known(source: object, target: object, reason: str) -> None:
    assert relate(source, target).reason == reason


def test_two_classes_of_one_name_are_told_apart_in_the_reason() -> None:
    def define(module: str) -> type:
        return type("Message", (), {"__module__": module, "__qualname__": "Message"})

    assert relate(define("ours"), define("theirs")).reason == "ours.Message is not theirs.Message"
    assert relate(define("ours"), define("ours")).reason == "ours.Message is not ours.Message of another definition"


class RefusesChecks(type):
    def __subclasscheck__(cls, subclass: type) -> bool:
        raise RuntimeError("no")


class Refusing(metaclass=RefusesChecks): ...


class Unhashable(type):
    __hash__ = None  # type: ignore[assignment]


class NotHashed(metaclass=Unhashable): ...


class Unequal:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = object.__hash__


ODD = [
    UNKNOWN,
    Refusing,
    list[Refusing],
    NotHashed,
    list[NotHashed],
    Unequal(),
    list[Unequal()],  # type: ignore[misc]
    Literal[Unequal()],
    Annotated[int, []],
    [],
    {},
    set(),
    {"key": [int]},
    object(),
    "not even ( a name",
    "",
    typing.ForwardRef("Missing"),
    0,
    NotImplemented,
    print,
    lambda: None,
    re,
    unittest.mock.MagicMock(),
    Union,
    Optional,
    Literal,
    Callable,
    typing.Callable,
    Concatenate[int, P],
    Unpack[tuple[int, ...]],
    tuple[Unpack[tuple[int, ...]]],
    Callable[[Unpack[tuple[int, ...]]], Any],
    TypedDict,
    NamedTuple,
    Generic,
    Protocol,
    NewType,
    typing.TypeGuard[int],
    dataclasses.InitVar[int],
    Record((Field("odd", []),)),
    Record((Field("n", Unequal()),)),
]


def test_an_odd_annotation_never_raises() -> None:
    for source, target in itertools.product([*ODD, int, list[int], Query, Closable, T, list[T]], repeat=2):
        assert relate(source, target).verdict in Verdict
        assert isinstance(show(source), str)
        assert isinstance(solve(target, source), dict)
    for odd in [object(), "Missing", [], 0, print]:
        assert relate(odd, int).verdict is relate(int, odd).verdict is UNCHECKED


def test_names_that_only_a_type_checker_sees_leave_the_rest_of_a_class_checked() -> None:
    class Partly(TypedDict):
        known: "int"
        hidden: "Nowhere"  # type: ignore[name-defined]  # noqa: F821

    assert relate(Partly, record(known=str)).reason.endswith("key 'known': int is not str")
    assert relate(Partly, record(hidden=str)).reason == "key 'hidden': the name 'Nowhere' is not resolved"


def test_a_recursive_type_of_forward_references_is_not_followed_forever() -> None:
    json = dict[str, "Json"] | list["Json"] | str | int  # type: ignore[name-defined]  # noqa: F821
    assert relate(json, json).verdict is UNCHECKED
    assert relate(str, json).verdict is YES
    assert relate(float, json).verdict is NO


def test_the_type_statement_is_followed() -> None:
    if sys.version_info < (3, 12):
        pytest.skip("the type statement came with Python 3.12")
    names: dict[str, Any] = {}
    exec(
        """
type Number = int | float
type Json = dict[str, Json] | list[Json] | str | int | None
type Config = dict[str, Config] | str
type Nested[T] = T | list[Nested[T]]
type Endless[T] = list[Endless[list[T]]] | dict[str, Endless[set[T]]]
type Selfish = Selfish
type Undefined = Nowhere
class Stack[T]:
    def pop(self) -> T: ...
class Sorted[T](list[T]): ...
""",
        names,
    )
    rows = [
        ("int", "Number", YES),
        ("Number", "int", NO),
        ("list[Number]", "list[complex]", YES),
        ("Json", "Json", YES),
        ("Config", "Json", YES),
        ("Json", "Config", NO),
        ("list[dict[str, int]]", "Json", YES),
        ("list[dict[str, bytes]]", "Json", NO),
        ("Json", "str", NO),
        ("Nested[int]", "Nested[float]", YES),
        ("Nested[int]", "Nested[str]", NO),
        ("list[list[int]]", "Nested[int]", YES),
        ("Nested", "Nested[int]", UNCHECKED),
        ("Endless[int]", "Endless[int]", UNCHECKED),
        ("Selfish", "int", UNCHECKED),
        ("int", "Selfish", UNCHECKED),
        ("Undefined", "int", UNCHECKED),
        ("Stack[bool]", "Stack[int]", YES),
        ("Stack[int]", "Stack[str]", NO),
        ("Sorted[int]", "list[float]", YES),
        ("Sorted[int]", "Iterable[str]", NO),
    ]
    for source, target, verdict in rows:
        relation = relate(eval(source, globals(), names), eval(target, globals(), names))
        assert relation.verdict is verdict, (source, target, relation)
    assert show(names["Json"]) == "Json"
    assert show(names["Nested"][int]) == "Nested[int]"
    assert solve(names["Nested"][T], list[list[int]]) == {T: int}
    assert show(substitute(types.GenericAlias(list, names["Nested"][T]), {T: int})) == "list[Nested[int]]"


def test_what_typing_extensions_defines_is_recognised() -> None:
    extensions = pytest.importorskip("typing_extensions")
    spec = {"n": extensions.ReadOnly[int], "text": extensions.NotRequired[str]}
    made = extensions.TypedDict("made", spec)
    assert record_of(made) == Record((Field("n", int), Field("text", str, required=False)))
    assert relate(made, record(n=str)).verdict is NO
    assert relate(extensions.NewType("Id", int), int).verdict is YES
    assert relate(extensions.Literal["a"], str).verdict is YES
    alias = extensions.TypeAliasType("alias", list[T], type_params=(T,))
    assert relate(alias[int], list[str]).verdict is NO
    assert relate(alias[int], list[float]).verdict is YES
    assert show(alias[int]) == "alias[int]"

    class Sized(extensions.Protocol):  # type: ignore[name-defined,misc]
        size: int

    assert relate(User, Sized).reason == "User is not Sized: it has no 'size'"


SOLUTIONS: list[tuple[object, object, dict[TypeVar, object]]] = [
    (T, int, {T: int}),
    (T, list[int] | None, {T: list[int] | None}),
    (T, UNKNOWN, {T: UNKNOWN}),
    (int, str, {}),
    (list[T], list[int], {T: int}),
    (list[T], str, {}),
    (list[T], list, {T: UNKNOWN}),
    (list[T], UNKNOWN, {T: UNKNOWN}),
    (Iterable[T], Strings, {T: str}),
    (Iterable[T], str, {T: str}),
    (Iterable[T], Countdown, {T: UNKNOWN}),
    (Iterable[T], list[int] | tuple[str, ...], {T: int | str}),
    (AsyncIterator[T], AsyncGenerator[int, None], {T: int}),
    (Mapping[T, U], dict[str, int], {T: str, U: int}),
    (Mapping[T, U], Words, {T: str, U: str}),
    (Mapping[str, T], record(a=int, b=str), {T: int | str}),
    (Mapping[str, T], record(a=int, is_open=True), {T: UNKNOWN}),
    (dict[T, T], dict[str, int], {T: str | int}),
    (tuple[T, T], tuple[int, float], {T: float}),
    (tuple[T, T], tuple[float, int], {T: float}),
    (tuple[T, T], tuple[int, Any], {T: UNKNOWN}),
    (tuple[T, U], tuple[int, str], {T: int, U: str}),
    (tuple[T, ...], tuple[int, str], {T: int | str}),
    (tuple[T, U], tuple[int, ...], {T: int, U: int}),
    (tuple[T, U], Point, {T: int, U: str}),
    (Optional[T], int | None, {T: int}),
    (Optional[T], None, {}),
    (T | None, list[int], {T: list[int]}),
    (T | list[T], list[int], {T: int}),
    (T | list[T], int, {T: int}),
    (list[T] | dict[str, T], dict[str, int], {T: int}),
    (list[T | None], list[int | str | None], {T: int | str}),
    (Callable[[T], U], Callable[[int], str], {T: int, U: str}),
    (Callable[..., T], Callable[[int], str], {T: str}),
    (Callable[[T], U], Called, {T: UNKNOWN, U: UNKNOWN}),
    (type[T], type[int], {T: int}),
    (Box[T], IntBox, {T: int}),
    (Box[T], Swapped[int, str], {T: str}),
    (Rows[T], Rows[int], {T: int}),
    (Page[T], Page[int], {T: int}),
    (Page[T], IntPage, {T: int}),
    (record(a=T, b=list[U]), record(a=int, b=list[str]), {T: int, U: str}),
    (record(a=T, b=T), record(a=int, b=str), {T: int | str}),
    (record(a=T), dict[str, int], {T: int}),
    (record(a=T), record(is_open=True), {T: UNKNOWN}),
    (Annotated[list[T], "x"], Annotated[list[int], "y"], {T: int}),
    (AnyStr, Slug, {AnyStr: str}),
    (list[AnyStr], list[Literal["a"]], {AnyStr: str}),
    (Sequence[T], Literal["abc"], {T: str}),
    (Sequence[T], Slug, {T: str}),
]


@pytest.mark.parametrize(("target", "source", "bindings"), SOLUTIONS)
def test_variables_are_bound_to_what_the_source_has_there(
    target: object, source: object, bindings: dict[TypeVar, object]
) -> None:
    assert solve(target, source) == bindings


SUBSTITUTIONS: list[tuple[object, dict[TypeVar, object], str]] = [
    (T, {T: int}, "int"),
    (T, {}, "?"),
    (int, {T: int}, "int"),
    (list[T], {T: int}, "list[int]"),
    (list[T], {}, "list[?]"),
    (List[T], {T: int}, "list[int]"),
    (List[T], {}, "list[?]"),
    (dict[T, list[U]], {T: str, U: int}, "dict[str, list[int]]"),
    (T | None, {T: int}, "int | None"),
    (T | None, {T: str | None}, "str | None"),
    (T | str, {}, "? | str"),
    (tuple[T, ...], {T: int}, "tuple[int, ...]"),
    (tuple[T, T], {T: int}, "tuple[int, int]"),
    (Callable[[T, int], U], {T: str, U: bool}, "(str, int) -> bool"),
    (Callable[..., T], {T: str}, "(...) -> str"),
    (Callable[[], T], {T: str}, "() -> str"),
    (Callable[P, T], {T: str}, "(...) -> str"),
    (typing.Callable[[T], T], {}, "(?) -> ?"),
    (type[T], {T: int}, "type[int]"),
    (Type[T], {T: int}, "type[int]"),
    (Box[T], {T: int}, "Box[int]"),
    (Box[T], {T: record(a=int)}, "Box[{a: int}]"),
    (Page[T], {T: int}, "Page[int]"),
    (record(a=T, b=int), {T: str}, "{a: str, b: int}"),
    (list[record(a=T)], {T: str}, "list[{a: str}]"),  # type: ignore[misc]
    (Annotated[list[T], "x"], {T: int}, "list[int]"),
    (NotRequired[T], {T: int}, "int"),
    (AsyncIterator[T], {T: list[str]}, "AsyncIterator[list[str]]"),
    (Generator[T, None, U], {T: int, U: str}, "Generator[int, None, str]"),
]


@pytest.mark.parametrize(("annotation", "bindings", "text"), SUBSTITUTIONS)
def test_variables_are_replaced_by_what_they_were_bound_to(
    annotation: object, bindings: dict[TypeVar, object], text: str
) -> None:
    assert show(substitute(annotation, bindings)) == text


def test_metadata_and_untouched_types_survive_substitution() -> None:
    assert substitute(Annotated[list[T], "x"], {T: int}) == Annotated[list[int], "x"]
    untouched = dict[str, list[int]]
    assert substitute(untouched, {T: int}) is untouched


def test_an_identity_function_types_through() -> None:
    def same(x: list[T]) -> dict[str, T]: ...  # type: ignore[empty-body]

    hints = typing.get_type_hints(same)
    assert substitute(hints["return"], solve(hints["x"], list[int])) == dict[str, int]


SHOWN: list[tuple[object, str]] = [
    (str, "str"),
    (None, "None"),
    (type(None), "None"),
    (object, "object"),
    (UNKNOWN, "?"),
    (Any, "Any"),
    (User, "User"),
    (list[User], "list[User]"),
    (List[User], "list[User]"),
    (List, "list"),
    (Tuple, "tuple"),
    (str | None, "str | None"),
    (None | str, "None | str"),
    (Optional[str], "str | None"),
    (dict[str, Any], "dict[str, Any]"),
    (typing.Mapping[str, int], "Mapping[str, int]"),
    (AsyncIterator[str], "AsyncIterator[str]"),
    (typing.AsyncIterator, "AsyncIterator"),
    (tuple[int, ...], "tuple[int, ...]"),
    (tuple[int, str], "tuple[int, str]"),
    (tuple[()], "tuple[()]"),
    (Literal["a", 1, True, None, b"x"], "Literal['a', 1, True, None, b'x']"),
    (Literal[Color.RED], "Literal[Color.RED]"),
    (T, "T"),
    (list[T], "list[T]"),
    (P, "P"),
    (Callable[[int], str], "(int) -> str"),
    (Callable[[], None], "() -> None"),
    (Callable[..., str], "(...) -> str"),
    (Callable[[int], str] | None, "((int) -> str) | None"),
    (Callable[[int], str | None], "(int) -> str | None"),
    (Callable, "Callable"),
    (typing.Callable, "Callable"),
    (type[int], "type[int]"),
    (UserId, "UserId"),
    (Query, "Query"),
    (Page[int], "Page[int]"),
    (Box[int], "Box[int]"),
    (Closable, "Closable"),
    (Annotated[int, object()], "int"),
    (list[Annotated[int, "x"]], "list[int]"),
    (NotRequired[int], "int"),
    ("Later", "Later"),
    (typing.ForwardRef("Later"), "Later"),
    (types.GenericAlias(list, "Later"), "list[Later]"),
    (Never, "Never"),
    (NoReturn, "NoReturn"),
    (Self, "Self"),
    (LiteralString, "LiteralString"),
    (record(), "{}"),
    (record(is_open=True), "{...}"),
    (record(context=list[User], question=str), "{context: list[User], question: str}"),
    (record(Field("a", int, required=False), is_open=True), "{a?: int, ...}"),
    (list[record(a=UNKNOWN)], "list[{a: ?}]"),  # type: ignore[misc]
    (object(), "<object>"),
    (Literal[Unequal()], "Literal[<Unequal>]"),
    (unittest.mock.Mock(), "<Mock>"),
    (3, "3"),
    (print, "print"),
]


@pytest.mark.parametrize(("annotation", "text"), SHOWN, ids=[text for _, text in SHOWN])
def test_a_type_is_shown_as_its_user_would_write_it(annotation: object, text: str) -> None:
    assert show(annotation) == text


def test_an_async_stream_is_told_by_its_annotation() -> None:
    assert iterated(AsyncIterator[int]) is iterated(AsyncIterable[int]) is iterated(AsyncGenerator[int, str]) is int
    assert iterated(typing.AsyncIterator[int]) is iterated(Annotated[AsyncIterator[int], "x"]) is int
    assert iterated(AsyncIterator) is iterated(typing.AsyncGenerator) is UNKNOWN
    for other in (int, list[int], Iterator[int], Awaitable[int], Optional[AsyncIterator[int]], UNKNOWN, Any, None, "X"):
        assert iterated(other) is None


def test_a_sync_stream_is_an_iterator_or_a_generator_and_nothing_else() -> None:
    assert iterated_sync(Iterator[int]) is iterated_sync(Generator[int, str, bytes]) is int
    assert iterated_sync(typing.Iterator[int]) is iterated_sync(typing.Generator[int, None, None]) is int
    assert iterated_sync(Iterator) is iterated_sync(typing.Generator) is UNKNOWN
    for other in (Iterable[int], Sequence[int], list[int], Lines, AsyncIterator[int], str, UNKNOWN, None):
        assert iterated_sync(other) is None


def test_an_awaitable_is_told_by_its_annotation() -> None:
    assert awaited(Awaitable[int]) is awaited(Coroutine[str, bytes, int]) is awaited(typing.Awaitable[int]) is int
    assert awaited(Awaitable) is awaited(Coroutine) is UNKNOWN
    assert awaited(int) is awaited(AsyncIterator[int]) is awaited(UNKNOWN) is None


ELEMENTS: list[tuple[object, object]] = [
    (list[int], int),
    (List[int], int),
    (Sequence[int], int),
    (set[int], int),
    (frozenset[int], int),
    (collections.deque[int], int),
    (Collection[int], int),
    (tuple[int, ...], int),
    (tuple[int, str], int | str),
    (Point, int | str),
    (Strings, str),
    (Rows[int], int),
    (range, int),
    (list, UNKNOWN),
    (tuple, UNKNOWN),
    (Rows, UNKNOWN),
    (UNKNOWN, UNKNOWN),
    (Any, UNKNOWN),
    (T, UNKNOWN),
    (NewType("Ids", list[int]), int),
    (Annotated[list[int], "x"], int),
    (list[int] | tuple[str, ...], int | str),
    (list[int] | None, None),
    (str, None),
    (bytes, None),
    (int, None),
    (dict[str, int], None),
    (Query, None),
    (record(a=int), None),
    (Iterable[int], None),
    (Iterator[int], None),
]


@pytest.mark.parametrize(("annotation", "element"), ELEMENTS)
def test_a_sized_collection_has_elements(annotation: object, element: object) -> None:
    assert element_of(annotation) == element


FIELDS: list[tuple[object, str, object]] = [
    (Query, "text", str),
    (Query, "more", None),
    (Sparse, "limit", int),
    (Page[int], "items", list[int]),
    (IntPage, "items", list[int]),
    (Page, "next", str),
    (record(a=int), "a", int),
    (record(a=int), "b", None),
    (record(a=int, is_open=True), "b", UNKNOWN),
    (dict[str, int], "any", int),
    (Mapping[str, int], "any", int),
    (ByName[int], "any", int),
    (dict[Any, int], "any", int),
    (dict[int, str], "any", None),
    (dict, "any", UNKNOWN),
    (UNKNOWN, "any", UNKNOWN),
    (Any, "any", UNKNOWN),
    (Annotated[Query, "x"], "text", str),
    (NewType("Request", Query), "text", str),
    (Query | Words, "text", None),
    (Query | Sparse, "limit", int),
    (Query | dict[str, bytes], "limit", int | bytes),
    (Query | None, "text", None),
    (list[int], "any", None),
    (str, "any", None),
    (User, "name", None),
]


@pytest.mark.parametrize(("annotation", "key", "found"), FIELDS)
def test_a_key_of_a_record_or_mapping_has_a_type(annotation: object, key: str, found: object) -> None:
    assert field_type(annotation, key) == found


def test_records_are_read_from_typed_dicts() -> None:
    assert record_of(Query) == record(text=str, limit=int)
    assert record_of(Annotated[Query, "x"]) == record_of(Query)
    assert record_of(Lenient) == Record((Field("text", str), Field("limit", int, required=False)))
    assert record_of(Sparse) == record_of(Lenient)
    assert record_of(Page[int]) == record(items=list[int], next=str)
    assert record_of(IntPage) == record(items=list[int], next=str, total=int)
    assert show(record_of(Page)) == "{items: list[?], next: str}"
    own = record(a=int)
    assert record_of(own) == own
    assert all(
        record_of(other) is None for other in (dict[str, int], dict, User, Point, int, UNKNOWN, Any, None, "Query")
    )


def test_qualifiers_written_as_strings_are_understood() -> None:
    quoted = TypedDict("quoted", {"a": "NotRequired[int]", "b": "Annotated[NotRequired[str], 'x']", "c": "int"})
    assert record_of(quoted) == Record(
        (Field("a", int, required=False), Field("b", str, required=False), Field("c", int))
    )


def test_a_record_knows_its_fields() -> None:
    made = record(a=int, b=str)
    assert made.names == ("a", "b")
    assert made.get("b") == Field("b", str)
    assert made.get("c") is None
    assert made == record(a=int, b=str)
    assert hash(made) == hash(record(a=int, b=str))


def test_unknown_is_one_object() -> None:
    assert copy.deepcopy(UNKNOWN) is pickle.loads(pickle.dumps(UNKNOWN)) is UNKNOWN
    assert repr(UNKNOWN) == "UNKNOWN"
    assert UNKNOWN is not Any


def test_a_union_is_flat_and_in_order() -> None:
    assert show(union([str, int | str, None])) == "str | int | None"
    assert show(union([record(a=int), UNKNOWN])) == "{a: int} | ?"
    assert union([int, int]) is int
    assert union([]) is Never


def atoms() -> st.SearchStrategy[object]:
    return st.sampled_from(
        [
            int,
            str,
            float,
            bool,
            None,
            Dog,
            Color,
            User,
            UserId,
            Query,
            Tree,
            Point,
            Closable,
            Named,
            Literal["a"],
            Strings,
            record(a=int),
            IntBox,
            Never,
            object,
        ]
    )


def made_of(parts: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    one, two = parts, st.tuples(parts, parts)
    generics = (list, set, Sequence, Iterator, Box, Out, In, type, Page)
    return st.one_of(
        *(one.map(functools.partial(operator.getitem, each)) for each in generics),
        *(two.map(functools.partial(operator.getitem, each)) for each in (dict, Mapping, tuple, Union)),
        one.map(lambda part: tuple[part, ...]),
        two.map(lambda pair: Callable[[pair[0]], pair[1]]),
        two.map(lambda pair: record(a=pair[0], b=pair[1])),
        one.map(lambda part: record(Field("a", part, required=False))),
    )


known_types = st.recursive(atoms(), made_of, max_leaves=6)
types_with_unknowns = st.recursive(atoms() | st.sampled_from([UNKNOWN, Any, "Later"]), made_of, max_leaves=6)


@given(known_types)
def test_every_known_type_flows_into_itself(annotation: object) -> None:
    assert relate(annotation, annotation).verdict is YES


@given(types_with_unknowns)
def test_no_type_is_refused_by_itself(annotation: object) -> None:
    assert relate(annotation, annotation).verdict is not NO


@given(known_types, known_types, known_types)
def test_what_flows_on_flows_through(first: object, second: object, third: object) -> None:
    if relate(first, second).verdict is relate(second, third).verdict is YES:
        assert relate(first, third).verdict is not NO


@given(known_types, known_types)
def test_a_type_flows_into_every_union_with_it(annotation: object, other: object) -> None:
    assert relate(annotation, union([annotation, other])).verdict is YES
    assert relate(union([other, annotation]), union([annotation, other])).verdict is YES


@given(types_with_unknowns, types_with_unknowns)
def test_a_verdict_has_the_same_reason_every_time(source: object, target: object) -> None:
    assert relate(source, target) == relate(source, target)
    assert "0x" not in show(source) + relate(source, target).reason


@given(known_types, made_of(st.sampled_from([T, U])))
def test_what_was_solved_fits_what_it_was_solved_for(source: object, target: object) -> None:
    if relate(source, target).verdict is YES:
        assert relate(source, substitute(target, solve(target, source))).verdict is not NO


@given(st.lists(st.sampled_from([Animal, Dog, Puppy, Cat, object, int, bool, Level]), min_size=2, max_size=2))
def test_classes_relate_as_python_says(pair: list[type]) -> None:
    source, target = pair
    for wrap in (lambda each: each, lambda each: list[each], lambda each: tuple[each, ...]):
        assert (relate(wrap(source), wrap(target)).verdict is YES) == issubclass(source, target)
