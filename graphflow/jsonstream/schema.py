"""Typed values: from plain data that is complete to an instance of a class, or an error that says what is wrong.

pydantic models and msgspec structs are read by their own libraries, which are imported only then. attrs classes,
dataclasses and TypedDicts are read here, so that they need no further library, and strictly: nothing is converted
that JSON has a type for, and classes are made by their own `__init__`, with its converters, validators and defaults.
(cattrs turns `None` into `'None'`, msgspec leaves converters and `InitVar`s out, pydantic does not know attrs.)
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import functools
import json
import types
import typing
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from graphflow.jsonstream.errors import Fault
from graphflow.jsonstream.fields import fields_of, is_typed_dict
from graphflow.jsonstream.tree import step_text

T = TypeVar("T")
Read: typing.TypeAlias = Callable[[Any], Any]

_SCALARS: Mapping[object, str] = {bool: "a bool", int: "an int", str: "a str", float: "a float", type(None): "null"}


class Invalid(Exception):  # noqa: N818  # never leaves the parser
    """A value is not what the schema asks for; `steps` lead from the value to the part that is not."""

    def __init__(self, message: str, steps: Iterable[str | int] = ()) -> None:
        super().__init__(message)
        self.steps = list(steps)


def reader(schema: type[T]) -> Callable[[Any], T]:
    """A function that turns complete plain data into what `schema` asks for.

    The function raises `Fault` of kind "invalid", with the path from the value to what is wrong. It is made here, so
    that a schema which cannot be read is told at once, by a `TypeError`.
    """
    read = _reader(schema, {})
    name = getattr(schema, "__name__", None) or str(schema)

    def checked(value: Any) -> T:
        try:
            return read(value)  # type: ignore[no-any-return]
        except Invalid as invalid:
            fault = Fault(f"no valid {name}: {invalid}", -1, "invalid")
            fault.path = "".join(step if type(step) is _Written else step_text(step) for step in invalid.steps)
            raise fault from invalid.__cause__

    return checked


def _reader(schema: Any, known: dict[Any, Read]) -> Read:  # a case for each form of type
    if isinstance(schema, str) or schema in (Any, object) or isinstance(schema, TypeVar):
        return _as_it_is
    if schema is None or schema in _SCALARS:
        return _scalar(type(None) if schema is None else schema)
    inner = bare(schema)
    if inner is not schema:
        return _reader(inner, known)
    origin, args = typing.get_origin(schema), typing.get_args(schema)
    if origin in (typing.Union, types.UnionType):
        return _union([_reader(arg, known) for arg in args], args)
    if origin is typing.Literal:
        return _literal(args)
    cls = origin or schema
    if cls in SEQUENCES:
        return _sequence(SEQUENCES[cls], args, known)
    if cls in MAPPINGS:
        return _mapping(*(_reader(arg, known) for arg in args or (str, Any)))
    if not isinstance(cls, type) or (args and not hasattr(cls, "__pydantic_validator__")):
        raise _unreadable(schema)
    if cls in _TEXTS:
        return _text(cls, _TEXTS[cls])
    if issubclass(cls, enum.Enum):
        return _enum(cls)
    return _class(schema, cls, known)


def bare(schema: Any) -> Any:
    """The type that a type stands for: without `Annotated` and the like, behind `NewType` and `type X = ...`."""
    if typing.get_origin(schema) in (typing.Annotated, typing.Required, typing.NotRequired, typing.Final):
        return bare(typing.get_args(schema)[0])
    if hasattr(schema, "__supertype__"):
        return bare(schema.__supertype__)
    if hasattr(schema, "__value__"):  # `type X = ...`
        return bare(schema.__value__)
    return bare(schema.type) if isinstance(schema, dataclasses.InitVar) else schema


def _class(schema: Any, cls: type, known: dict[Any, Read]) -> Read:
    if hasattr(cls, "__pydantic_validator__"):
        return _pydantic(schema)
    if hasattr(cls, "__struct_fields__"):
        return _msgspec(cls)
    if cls not in known:
        # A class may hold itself: then what reads it is asked for while it is being made.
        known[cls] = later(known, cls)
        known[cls] = _fields(cls, known)
    return known[cls]


def later(known: dict[Any, Callable[[Any], Any]], cls: type) -> Callable[[Any], Any]:
    """A function that is looked up in `known` when it is called: for a class that holds itself."""

    def read(value: Any) -> Any:
        return known[cls](value)

    return read


def _fields(cls: type, known: dict[Any, Read]) -> Read:
    listed = fields_of(cls)
    if listed is None:
        raise _unreadable(cls)
    fields = [
        # What a converter takes is its own affair.
        (field.key, field.parameter, _as_it_is if field.converted else _reader(field.type, known), field.required)
        for field in listed
    ]
    return functools.partial(_record, dict if is_typed_dict(cls) else cls, cls.__name__, fields)


def _record(make: Callable[..., Any], name: str, fields: list[tuple[str, str, Read, bool]], value: Any) -> Any:
    if type(value) is not dict:
        raise Invalid(f"expected an object for {name}, not {_kind(value)}")
    arguments = {}
    for key, parameter, read, required in fields:
        if key in value:
            arguments[parameter] = _within(key, read, value[key])
        elif required:
            raise Invalid(f"{name} needs the key {key!r}")
    try:
        return make(**arguments)
    except (ValueError, TypeError, AssertionError) as error:
        raise Invalid(str(error) or type(error).__name__) from error


def _within(step: str | int, read: Read, value: Any) -> Any:
    try:
        return read(value)
    except Invalid as invalid:
        invalid.steps.insert(0, step)
        raise


def _as_it_is(value: Any) -> Any:
    return value


def _scalar(cls: Any) -> Read:
    def read(value: Any) -> Any:
        if type(value) is cls:
            return value
        if cls is float and type(value) is int:
            try:
                return float(value)
            except OverflowError:
                raise Invalid("an int that is too large for a float") from None
        raise Invalid(f"expected {_SCALARS[cls]}, not {_kind(value)}")

    return read


def _union(reads: list[Read], args: tuple[Any, ...]) -> Read:
    def read(value: Any) -> Any:
        if type(value) in args:
            return value
        failed: list[Invalid] = []
        for read_one, arg in zip(reads, args, strict=True):
            try:
                return read_one(value)
            except Invalid as invalid:
                if arg is not type(None):
                    failed.append(invalid)
        deepest = max(failed, key=lambda invalid: len(invalid.steps))
        if len(failed) == 1 or deepest.steps:
            raise deepest
        raise Invalid("; or ".join(dict.fromkeys(map(str, failed))))

    return read


def _literal(args: tuple[Any, ...]) -> Read:
    def read(value: Any) -> Any:
        for arg in args:
            if type(value) is type(arg) and value == arg:
                return arg
        raise Invalid(f"expected {' or '.join(map(repr, args))}, not {_brief(value)}")

    return read


def _enum(cls: type[enum.Enum]) -> Read:
    members = [member.value for member in cls]

    def read(value: Any) -> Any:
        for member in cls:
            if type(value) in (type(member.value), *type(member.value).__bases__) and value == member.value:
                return member
        raise Invalid(f"expected {' or '.join(map(repr, members))} for {cls.__name__}, not {_brief(value)}")

    return read


# What JSON has no type for, and ISO 8601 or the class has a text for.
_TEXTS: Mapping[Any, Callable[[Any], Any]] = {
    datetime.datetime: datetime.datetime.fromisoformat,
    datetime.date: datetime.date.fromisoformat,
    datetime.time: datetime.time.fromisoformat,
    uuid.UUID: uuid.UUID,
    decimal.Decimal: decimal.Decimal,
}


def _text(cls: type, parse: Callable[[Any], Any]) -> Read:
    def read(value: Any) -> Any:
        if cls is decimal.Decimal and type(value) in (int, float):
            return decimal.Decimal(repr(value))
        if type(value) is not str:
            raise Invalid(f"expected a str for {cls.__name__}, not {_kind(value)}")
        try:
            return parse(value)
        except (ValueError, ArithmeticError):
            raise Invalid(f"expected {cls.__name__}, not {_brief(value)}") from None

    return read


SEQUENCES: Mapping[Any, Any] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
    collections.abc.MutableSequence: list,
    collections.abc.Set: frozenset,
}
MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def _sequence(make: Any, args: tuple[Any, ...], known: dict[Any, Read]) -> Read:
    fixed = None
    if make is tuple and args and args[-1] is not Ellipsis:
        fixed = [_reader(arg, known) for arg in args if arg != ()]
    item = _reader(args[0], known) if args and fixed is None else _as_it_is

    def read(value: Any) -> Any:
        if type(value) is not list:
            raise Invalid(f"expected an array, not {_kind(value)}")
        if fixed is not None and len(fixed) != len(value):
            raise Invalid(f"expected an array of {len(fixed)}, not of {len(value)}")
        reads = [item] * len(value) if fixed is None else fixed
        try:
            return make(_within(index, reads[index], element) for index, element in enumerate(value))
        except TypeError as error:  # a set of what cannot be in one
            raise Invalid(str(error)) from error

    return read


def _mapping(key: Read, item: Read) -> Read:
    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise Invalid(f"expected an object, not {_kind(value)}")
        return {_within(name, key, name): _within(name, item, element) for name, element in value.items()}

    return read


def _pydantic(schema: Any) -> Read:
    import pydantic

    adapter = pydantic.TypeAdapter[Any](schema)
    strict = getattr(schema, "model_config", {}).get("strict", False)

    def read(value: Any) -> Any:
        try:
            if strict:  # as JSON is read: a date is a string there
                return adapter.validate_json(json.dumps(value))
            return adapter.validate_python(value)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
            raise Invalid(first["msg"] + more, first["loc"]) from error

    return read


def _msgspec(cls: type) -> Read:
    import msgspec

    def read(value: Any) -> Any:
        try:
            return msgspec.convert(value, cls, str_keys=True)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `")
            raise Invalid(message, [_Written(path.strip("`").removeprefix("$"))] if path else ()) from error

    return read


class _Written(str):
    """Steps of a path that are written already."""

    __slots__ = ()


def _unreadable(schema: object) -> TypeError:
    return TypeError(
        f"schema: {schema!r} is none of what can be read from JSON: a pydantic model, an attrs class, a dataclass, a "
        "TypedDict, a msgspec struct, or lists, dicts and unions of them and of scalars"
    )


def _kind(value: object) -> str:
    if type(value) is dict:
        return "an object"
    return "an array" if type(value) is list else _SCALARS[type(value)]


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
