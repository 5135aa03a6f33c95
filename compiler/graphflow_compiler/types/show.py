"""Print a type as its user would write it: short, without modules, and the same on every run."""

import enum
import typing
from typing import Any, get_args, get_origin

from graphflow_compiler.types.model import UNKNOWN, Record
from graphflow_compiler.types.shapes import CALLABLE, callable_parts, is_alias, literals, members, qualified

_DEEP = 40


def show(annotation: object) -> str:
    """Print a type.

    >>> show(dict[str, list[int] | None])
    'dict[str, list[int] | None]'
    >>> from collections.abc import Callable
    >>> from graphflow_compiler.types import Field
    >>> show(Record((Field("context", list[str]), Field("question", str, required=False)), open=True))
    '{context: list[str], question?: str, ...}'
    >>> show(Callable[[int, str], None]), show(UNKNOWN), show(Any)
    ('(int, str) -> None', '?', 'Any')
    """
    return _show(annotation, _DEEP)


def qualified_name(annotation: object) -> str:
    """Print a type with its module where it is a class: for two classes of one name."""
    return f"{annotation.__module__}.{annotation.__qualname__}" if isinstance(annotation, type) else show(annotation)


def _show(annotation: object, deep: int) -> str:
    if isinstance(annotation, type):
        return "None" if annotation is type(None) else annotation.__name__
    if deep == 0 or annotation is Ellipsis:
        return "..."
    if annotation is UNKNOWN:
        return "?"
    if isinstance(annotation, Record):
        keys = [f"{key.name}{'' if key.required else '?'}: {_show(key.type, deep - 1)}" for key in annotation.fields]
        return "{" + ", ".join([*keys, "..."] if annotation.open else keys) + "}"
    if isinstance(annotation, list | tuple):  # the parameters of a ParamSpec
        return "(" + ", ".join(_show(part, deep - 1) for part in annotation) + ")"
    if (inner := _stripped(annotation)) is not annotation:
        return _show(inner, deep)
    if parts := members(annotation):
        return " | ".join(_in_union(part, deep - 1) for part in parts)
    if values := literals(annotation):
        return "Literal[" + ", ".join(map(_value, values)) + "]"
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is CALLABLE and args:
        parameters, result = callable_parts(args)
        takes = "..." if parameters is None else ", ".join(_show(part, deep - 1) for part in parameters)
        return f"({takes}) -> {_show(result, deep - 1)}"
    if origin is tuple and hasattr(annotation, "__args__"):
        return "tuple[" + (", ".join(_show(part, deep - 1) for part in args) or "()") + "]"
    if args:
        return _show(origin, deep) + "[" + ", ".join(_show(part, deep - 1) for part in args) + "]"
    return _show(origin, deep) if origin is not None else _name(annotation)


def _stripped(annotation: object) -> object:
    return annotation if is_alias(annotation) else qualified(annotation)[1]


def _in_union(part: object, deep: int) -> str:
    text = _show(part, deep)
    return f"({text})" if get_origin(part) is CALLABLE else text


def _name(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    name = getattr(annotation, "__name__", None) or getattr(annotation, "_name", None)
    return name if isinstance(name, str) else _value(annotation)


def _value(value: object) -> str:
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if value is None or type(value) in (bool, int, float, str, bytes):
        return repr(value)
    return f"<{type(value).__name__}>"  # its own repr may have an address, or a set's order
