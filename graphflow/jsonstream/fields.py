"""The fields of classes: which keys an object must and may have to become an instance of one."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import attrs


@attrs.frozen
class ClassField:
    """A field of a class.

    Attributes:
        key: its name, which is its key in JSON.
        parameter: the parameter that takes it.
        type: its type; Any if it has none.
        required: whether it has no default.
        converted: whether the class converts what it is given.
    """

    key: str
    parameter: str
    type: Any
    required: bool
    converted: bool = False


def fields_of(cls: Any) -> list[ClassField] | None:
    """The fields of an attrs class, a dataclass or a TypedDict that its instances are made with; None of another."""
    typed_dict = is_typed_dict(cls)
    if not (attrs.has(cls) or dataclasses.is_dataclass(cls) or typed_dict):
        return None
    hints = typing.get_type_hints(cls, include_extras=True)
    if typed_dict:
        return [ClassField(key, key, hint, is_required(cls, key, hint)) for key, hint in hints.items()]
    if attrs.has(cls):
        return [
            ClassField(
                field.name,
                field.alias or field.name,
                hints.get(field.name, Any),
                field.default is attrs.NOTHING,
                converted=field.converter is not None,
            )
            for field in attrs.fields(cls)
            if field.init
        ]
    fields = []
    for key, own in cls.__dataclass_fields__.items():  # `dataclasses.fields` leaves `InitVar`s out
        hint = hints.get(key, own.type)
        if own.init and typing.get_origin(hint) is not typing.ClassVar and hint is not typing.ClassVar:
            needed = own.default is dataclasses.MISSING and own.default_factory is dataclasses.MISSING
            fields.append(ClassField(key, key, hint, needed))
    return fields


def is_typed_dict(cls: Any) -> bool:
    """Whether a class is a TypedDict, of `typing` or of typing_extensions."""
    return typing.is_typeddict(cls) or type(cls).__name__ == "_TypedDictMeta"


def is_required(cls: Any, key: str, hint: Any) -> bool:
    """Whether a TypedDict needs a key, whose type is this."""
    # __required_keys__ alone is wrong where annotations are texts (`from __future__ import annotations`).
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    origin = typing.get_origin(hint)
    return origin is typing.Required or (origin is not typing.NotRequired and key in cls.__required_keys__)
