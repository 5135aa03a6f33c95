"""What a declared type is made of: what it iterates, awaits, holds."""

import collections.abc as abc
import typing
from typing import Final, TypeVar

from graphflow_compiler.types.bases import is_subclass, seen_as, tuple_item
from graphflow_compiler.types.model import UNKNOWN, Verdict
from graphflow_compiler.types.records import record_of
from graphflow_compiler.types.relate import relate
from graphflow_compiler.types.shapes import is_newtype, is_unknown, members, plain, split, supertype, union

_WHOLE: Final = (str, bytes, bytearray, memoryview, abc.Mapping)


def iterated(annotation: object) -> object | None:
    """Give the chunk type of an async stream: of AsyncIterator, AsyncIterable, AsyncGenerator; None for any other type.

    >>> iterated(abc.AsyncIterator[str]), iterated(abc.AsyncGenerator[int, None]), iterated(abc.AsyncIterator)
    (<class 'str'>, <class 'int'>, UNKNOWN)
    >>> iterated(list[str]) is None
    True
    """
    return _argument(annotation, (abc.AsyncIterator, abc.AsyncIterable, abc.AsyncGenerator), 0)


def iterated_sync(annotation: object) -> object | None:
    """Give the chunk type of a sync stream: of Iterator and Generator; None for any other type.

    Iterable is not one: a list is an Iterable too, so that a parameter of this type asks for a whole value.

    >>> iterated_sync(abc.Iterator[str]), iterated_sync(abc.Generator[int, None, bool])
    (<class 'str'>, <class 'int'>)
    >>> iterated_sync(abc.Iterable[str]) is None
    True
    """
    return _argument(annotation, (abc.Iterator, abc.Generator), 0)


def yielded(annotation: object) -> object | None:
    """Give the chunk type of what a function returns that can be iterated with `async for`; None for any other type.

    Unlike a parameter, a result may be of any class of asynchronous iterators.

    >>> yielded(abc.AsyncIterator[str]), yielded(list[str]) is None
    (<class 'str'>, True)
    """
    return _first_of(annotation, (abc.AsyncIterator, abc.AsyncIterable))


def yielded_sync(annotation: object) -> object | None:
    """Give the chunk type of what a function returns that is an iterator, of any class; None for any other type.

    >>> yielded_sync(abc.Iterator[str]), yielded_sync(typing.TextIO), yielded_sync(list[str]) is None
    (<class 'str'>, <class 'str'>, True)
    """
    return _first_of(annotation, (abc.Iterator, typing.IO))


def awaited(annotation: object) -> object | None:
    """Give what awaiting gives: of Awaitable and Coroutine; None for any other type.

    >>> awaited(abc.Awaitable[str]), awaited(abc.Coroutine[None, None, int])
    (<class 'str'>, <class 'int'>)
    """
    return _argument(annotation, (abc.Awaitable, abc.Coroutine), -1)


def may_be_awaitable(annotation: object) -> bool:
    """Tell whether a value of a declared type may have to be awaited, as far as the type says.

    >>> may_be_awaitable(str), may_be_awaitable(str | abc.Awaitable[str]), may_be_awaitable(UNKNOWN)
    (False, True, True)
    """
    annotation = plain(annotation)
    if is_unknown(annotation) or annotation is object or isinstance(annotation, TypeVar):
        return True
    if parts := members(annotation):
        return any(may_be_awaitable(part) for part in parts)
    cls, _ = split(annotation)
    return cls is not None and is_subclass(cls, abc.Awaitable)


def _argument(annotation: object, classes: tuple[type, ...], index: int) -> object | None:
    cls, args = split(plain(annotation))
    if not any(cls is each for each in classes):
        return None
    return args[index] if args else UNKNOWN


def _first_of(annotation: object, classes: tuple[type, ...]) -> object | None:
    """Give the first type argument of an annotation as one of the classes; None where it is none of them."""
    annotation = plain(annotation)
    cls, args = split(annotation)
    if cls is None:
        return None
    for ancestor in classes:
        if is_subclass(cls, ancestor):
            args = args if cls is ancestor else seen_as(annotation, ancestor)
            return args[0] if args else UNKNOWN
    return None


def element_of(annotation: object) -> object | None:
    """Give the type of the items of a sized collection such as list, tuple, set or Sequence; None for any other type.

    Text and mappings are whole values, and an Iterable may be a stream; so they have none.

    >>> element_of(list[str]), element_of(tuple[int, ...]), element_of(list)
    (<class 'str'>, <class 'int'>, UNKNOWN)
    >>> element_of(str) is None
    True
    """
    annotation = _valued(annotation)
    if is_unknown(annotation):
        return UNKNOWN
    if parts := members(annotation):
        return _shared([element_of(part) for part in parts])
    cls, _ = split(annotation)
    if cls is None or not is_subclass(cls, abc.Collection) or any(is_subclass(cls, each) for each in _WHOLE):
        return None
    if is_subclass(cls, tuple):
        items = seen_as(annotation, tuple)
        return UNKNOWN if items is None else tuple_item(items)
    return _first(seen_as(annotation, abc.Collection) or seen_as(annotation, cls))


def field_type(annotation: object, key: str) -> object | None:
    """Give the type of the value at `key` of a record or mapping; None if it cannot have that key.

    >>> field_type(dict[str, int], "n"), field_type(dict, "n"), field_type(UNKNOWN, "n")
    (<class 'int'>, UNKNOWN, UNKNOWN)
    >>> field_type(list[int], "n") is None
    True
    """
    annotation = _valued(annotation)
    if is_unknown(annotation):
        return UNKNOWN
    if parts := members(annotation):
        return _shared([field_type(part, key) for part in parts])
    record = record_of(annotation)
    if record is not None:
        field = record.get(key)
        return field.type if field else UNKNOWN if record.open else None
    cls, _ = split(annotation)
    if cls is None or not is_subclass(cls, abc.Mapping):
        return None
    held = seen_as(annotation, abc.Mapping)
    if held is None:
        return UNKNOWN
    return held[1] if relate(str, held[0]).verdict is not Verdict.NO else None


def _valued(annotation: object) -> object:
    """Give the plain type of the values themselves: below NewTypes; an unsolved variable is unknown."""
    annotation = plain(annotation)
    while is_newtype(annotation):
        annotation = plain(supertype(annotation))
    return UNKNOWN if isinstance(annotation, TypeVar) else annotation


def _shared(found: list[object | None]) -> object | None:
    return None if any(each is None for each in found) else union(found)


def _first(args: tuple[object, ...] | None) -> object:
    return args[0] if args else UNKNOWN
