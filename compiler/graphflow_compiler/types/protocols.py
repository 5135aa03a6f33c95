"""What a Protocol asks for, and what a class has of it, as far as running code can tell."""

import functools
import inspect
import types
import typing
from typing import Any, Final

from graphflow_compiler.types.bases import hints, parameters
from graphflow_compiler.types.model import UNKNOWN
from graphflow_compiler.types.shapes import split, substitute

# Names in the namespace of a Protocol class that are no members. From Python 3.12 on the class knows its members.
_MACHINERY: Final = frozenset(
    {"_is_protocol", "_is_runtime_protocol", "__abstractmethods__", "__annotations__", "__class_getitem__", "__dict__"}
    | {"__doc__", "__init__", "__init_subclass__", "__match_args__", "__module__", "__new__", "__orig_bases__"}
    | {"__parameters__", "__qualname__", "__slots__", "__subclasshook__", "__weakref__"}
)


def protocol_members(protocol: type) -> tuple[str, ...]:
    """Give the names of the members that a Protocol and its bases declare, in order.

    >>> protocol_members(typing.SupportsInt)
    ('__int__',)
    """
    known = getattr(protocol, "__protocol_attrs__", None)
    names: dict[str, None] = {}
    for base in reversed(protocol.__mro__):
        if getattr(base, "_is_protocol", False) and base.__name__ != "Protocol":
            names |= dict.fromkeys((*inspect.get_annotations(base), *base.__dict__))
    return tuple(
        name
        for name in names
        if (name in known if known is not None else name not in _MACHINERY and not name.startswith("_abc_"))
    )


def has_member(cls: type, name: str) -> bool:
    """Tell whether instances of a class have the member for certain: defined or annotated, in the class or a base."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name] is not None  # `__hash__ = None` takes the member away
        if name in inspect.get_annotations(base):
            return True
    return False


def may_have_member(cls: type, name: str) -> bool:
    """Tell whether instances may have the member all the same: a method names it, or `__getattr__` finds it."""
    return any(
        attribute == "__getattr__" or (isinstance(value, types.FunctionType) and name in value.__code__.co_names)
        for base in cls.__mro__
        for attribute, value in base.__dict__.items()
    )


def data_type(annotation: object, name: str) -> object | None:
    """Give the type of a data member, be it annotated or a property; None if it is a method or the like."""
    cls, args = split(annotation)
    assert cls is not None
    declared = hints(cls)
    if name in declared:
        found = declared[name]
    else:
        value = inspect.getattr_static(cls, name, None)
        getter = value.fget if isinstance(value, property) else getattr(value, "func", None)
        if not isinstance(value, property | functools.cached_property) or getter is None:
            return None
        found = _returned(getter)
    return substitute(found, dict(zip(parameters(cls), args or (), strict=False)))


def _returned(getter: Any) -> object:
    try:
        return typing.get_type_hints(getter, include_extras=True).get("return", UNKNOWN)
    except Exception:  # a name that only type checkers see, or code of the user's in an annotation
        return UNKNOWN
