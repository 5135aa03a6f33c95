"""Typed values: from an element to an instance of a class.

XML has texts where JSON has numbers, and no lists. So the types say what an element means: it becomes the data that the
same value would be in JSON, and that is read as JSON is.
"""

from __future__ import annotations

import enum
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from graphflow.jsonstream.errors import Fault
from graphflow.jsonstream.fields import fields_of
from graphflow.jsonstream.schema import MAPPINGS, SEQUENCES, bare, later
from graphflow.jsonstream.schema import reader as json_reader
from graphflow.xmlstream.element import XmlElement

T = TypeVar("T")
Shape: typing.TypeAlias = Callable[[XmlElement], Any]

_BOOLS: Final = {"true": True, "1": True, "false": False, "0": False}
_integer = re.compile(r"[+-]?[0-9]+").fullmatch


def reader(schema: type[T]) -> Callable[[XmlElement], T]:
    """A function that turns an element into what `schema` asks for.

    The function raises `Fault` of kind "invalid". It is made here, so that a schema which cannot be read is told at
    once, by a `TypeError`.
    """
    read = json_reader(schema)
    shape = _shape(schema, {})
    return lambda element: read(shape(element))


def _shape(schema: Any, known: dict[Any, Shape]) -> Shape:
    """A function that gives the plain data that an element means to a type. What does not fit it is given as text."""
    schema = bare(schema)
    origin, args = typing.get_origin(schema), typing.get_args(schema)
    if origin in (typing.Union, types.UnionType):
        return _first_of([(_shape(arg, known), _fits(arg)) for arg in args])
    if origin is typing.Literal:
        return _choice(args)
    cls = origin or schema
    if cls in SEQUENCES:
        item = _shape(_item(args), known)
        return lambda element: [item(child) for child in element.elements]
    if cls in MAPPINGS:
        return _mapping(_shape(args[1], known) if args else _text)
    if schema in _SCALARS:
        return _SCALARS[schema]
    if isinstance(cls, type) and issubclass(cls, enum.Enum):
        return _choice([member.value for member in cls])
    hints = _hints(cls)
    if hints is None:
        return _text
    if getattr(cls, "__pydantic_root_model__", False):
        return _shape(hints["root"], known)
    if cls not in known:
        # A class may hold itself: then its shape is asked for while it is being made.
        known[cls] = later(known, cls)
        known[cls] = _record(hints, known)
    return known[cls]


def _text(element: XmlElement) -> str:
    return element.text


def _int(element: XmlElement) -> Any:
    try:
        return int(element.text) if _integer(element.text) else element.text
    except ValueError:  # more digits than Python takes
        return element.text


def _float(element: XmlElement) -> Any:
    try:
        return float(element.text)
    except ValueError:
        return element.text


def _bool(element: XmlElement) -> Any:
    return _BOOLS.get(element.text.lower(), element.text)


def _none(element: XmlElement) -> Any:
    return element.text if element.content or element.attributes else None


_SCALARS: Final[Mapping[Any, Shape]] = {
    int: _int,
    float: _float,
    bool: _bool,
    None: _none,
    type(None): _none,
    Any: lambda element: element,
    object: lambda element: element,
}


def _choice(values: Iterable[Any]) -> Shape:
    by_text = {str(value).lower() if isinstance(value, bool) else str(value): value for value in values}
    return lambda element: by_text.get(element.text, element.text)


def _fits(schema: Any) -> Callable[[Any], bool]:
    try:
        read = json_reader(schema)
    except TypeError:  # a type that pydantic knows, as part of one of its models
        return lambda data: data is not None

    def fits(data: Any) -> bool:
        try:
            read(data)
        except Fault:
            return False
        return True

    return fits


def _first_of(options: list[tuple[Shape, Callable[[Any], bool]]]) -> Shape:
    def shape(element: XmlElement) -> Any:
        data = [shape_one(element) for shape_one, _ in options]
        return next((one for one, (_, fits) in zip(data, options, strict=True) if fits(one)), data[0])

    return shape


def _mapping(item: Shape) -> Shape:
    def shape(element: XmlElement) -> Any:
        names = dict.fromkeys([*element.attributes, *(child.name for child in element.elements)])
        return {name: _only(_called(element, name), item) for name in names}

    return shape


def _record(hints: Mapping[str, Any], known: dict[Any, Shape]) -> Shape:
    # Of each field: what reads it if it is one element, or each of several, and which elements would be one of those.
    fields: list[tuple[str, Shape, Callable[[XmlElement], bool] | None]] = []
    for name, hint in hints.items():
        item = _item_of(hint)
        fields.append((name, _shape(hint if item is None else item, known), None if item is None else _wraps(item)))

    def shape(element: XmlElement) -> Any:
        data = {}
        for name, read, wraps in fields:
            found = _called(element, name)
            if wraps is not None and len(found) == 1 and wraps(found[0]):
                found = found[0].elements
            if not found and name == "text" and (own := _own_text(element)):
                found = [XmlElement(name, {}, (own,))]
            if found:
                data[name] = _only(found, read) if wraps is None else [read(each) for each in found]
        return data

    return shape


def _called(element: XmlElement, name: str) -> list[XmlElement]:
    """The elements in an element that have a name; else its attribute."""
    found = [child for child in element.elements if child.name == name]
    if not found and name in element.attributes:
        return [XmlElement(name, {}, (element.attributes[name],))]
    return found


def _only(found: list[XmlElement], read: Shape) -> Any:
    """What one element means; of several, the list, which is told to be too much."""
    return read(found[0]) if len(found) == 1 else [read(each) for each in found]


def _own_text(element: XmlElement) -> str:
    return "".join([part for part in element.content if isinstance(part, str)]).strip()


def _item_of(hint: Any) -> Any | None:
    """The type of the items, if a type is a list, or a list or None."""
    hint = bare(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        return _item_of(options[0]) if len(options) == 1 else None
    return _item(typing.get_args(hint)) if (typing.get_origin(hint) or hint) in SEQUENCES else None


def _item(args: tuple[Any, ...]) -> Any:
    return args[0] if args else str


def _wraps(item: Any) -> Callable[[XmlElement], bool]:
    """A function that says whether an element is none of the items but stands around them."""
    names = (_hints(typing.get_origin(bare(item)) or bare(item)) or {}).keys()

    def wraps(element: XmlElement) -> bool:
        inside = {child.name for child in element.elements} | element.attributes.keys()
        return bool(element.elements) and not (inside & names) and not _own_text(element)

    return wraps


def _hints(cls: Any) -> Mapping[str, Any] | None:
    """The types of the fields of a class, by the keys that they have in JSON; None if it has none."""
    fields = getattr(cls, "model_fields", None) or getattr(cls, "__pydantic_fields__", None)
    if fields is not None:
        aliases = {name: field.validation_alias for name, field in fields.items()}
        return {
            alias if isinstance(alias := aliases[name], str) else name: field.annotation
            for name, field in fields.items()
        }
    if hasattr(cls, "__struct_fields__"):
        hints = typing.get_type_hints(cls, include_extras=True)
        return {key: hints[name] for key, name in zip(cls.__struct_encode_fields__, cls.__struct_fields__, strict=True)}
    fields_here = fields_of(cls)
    if fields_here is None:
        return None
    # Of a field without a type, the text is taken: what converts it knows nothing of elements.
    return {field.key: str if field.type is Any else field.type for field in fields_here}
