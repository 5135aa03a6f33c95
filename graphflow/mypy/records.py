"""Records whose keys are known, and whether they have what is asked of them.

Records are read by key, as the compiler reads them: keys that nobody asks for do no harm, and a value may have a
narrower type than is asked for. mypy's own rules for TypedDicts are stricter, because a dict can be written to.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import attrs
from mypy.checker import TypeChecker
from mypy.errorcodes import ErrorCode
from mypy.messages import format_type
from mypy.nodes import ARG_NAMED, ARG_OPT, ARG_POS
from mypy.options import Options
from mypy.subtypes import is_subtype
from mypy.typeops import get_all_type_vars
from mypy.types import AnyType, CallableType, Instance, Type, TypedDictType, TypeVarType, UnionType, get_proper_type

from graphflow.mypy.chains import ANY

GRAPHFLOW: Final = ErrorCode("graphflow", "Check what is read by name from the records of chains", "graphflow")

_STREAMS: Final = {
    f"typing.{name}" for name in ("AsyncIterator", "AsyncIterable", "AsyncGenerator", "Iterator", "Generator")
}
_MAPPINGS: Final = {"builtins.dict", "typing.Mapping", "typing.MutableMapping"}
#: What is handed over is not written to by who made it, so these are as good as covariant.
_CONTAINERS: Final = {"builtins.dict", "builtins.list", "builtins.set"}

STREAM: Final = "graphflow.handles.Stream"
VALUE: Final = "graphflow.handles.Value"


def record_of(api: TypeChecker, fields: Mapping[str, Type]) -> TypedDictType:
    """Return the type of a record. What is folded of its chunks has every key."""
    return TypedDictType(dict(fields), set(fields), set(), api.named_generic_type("typing._TypedDict", []))


# --- what nodes ask for ------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Parameter:
    """A parameter of a node.

    Attributes:
        type: what is given to it; of a stream, its chunks.
        streams: it takes chunks as they come.
        required: it has no default.
    """

    name: str
    type: Type
    streams: bool
    required: bool


def parameters(node: CallableType) -> list[Parameter]:
    """Return the parameters of a node."""
    found = zip(node.arg_names, node.arg_types, node.arg_kinds, strict=True)
    return [Parameter(name or "", *_carried(typ), required=kind.is_required()) for name, typ, kind in found]


def _carried(typ: Type) -> tuple[Type, bool]:
    proper = get_proper_type(typ)
    if isinstance(proper, Instance) and proper.args:
        if proper.type.fullname in _STREAMS:
            return proper.args[0], True
        if proper.type.fullname in (STREAM, VALUE):
            return proper.args[0], proper.type.fullname == STREAM
    return typ, False


def node_of(typ: Type) -> CallableType | None:
    """Return what a function is as a node; None where it does not say which parameters it has."""
    function = get_proper_type(typ)
    if not isinstance(function, CallableType) or function.is_type_obj():
        return None
    if not function.arg_kinds or any(kind.is_star() for kind in function.arg_kinds):
        return None
    if None in function.arg_names and len(function.arg_names) > 1:
        return None
    return function.copy_modified(arg_kinds=[ARG_POS if kind.is_required() else ARG_OPT for kind in function.arg_kinds])


def is_prompt(node: CallableType) -> bool:
    """Tell whether a node is a prompt: its keywords are the holes."""
    return ARG_NAMED in node.arg_kinds


def by_name(record: TypedDictType, node: CallableType) -> bool:
    """Tell whether a node takes the keys of a record, and not the record as a whole.

    A function does when the record has one of its parameters, a prompt always.
    """
    taken = parameters(node)
    has_one = any(one.name in record.items for one in taken)
    needs_several = sum(one.required for one in taken) > 1
    return is_prompt(node) or (len(taken) > 1 and (has_one or needs_several))


def misfit(record: TypedDictType, node: CallableType, options: Options) -> str | None:
    """Say why a record cannot be given to a node; None if nothing speaks against it."""
    name = node.name or "it"
    taken = parameters(node)
    if by_name(record, node):
        asked = {one.name: one.type for one in taken}
        required = {one.name for one in taken if one.required}
        return _misfit(record, asked, required, name, options, surely=is_prompt(node))
    whole = [one for one in taken if one.required] or taken
    wanted = get_proper_type(whole[0].type) if len(whole) == 1 else None
    if isinstance(wanted, TypedDictType):
        return _misfit(record, wanted.items, wanted.required_keys, name, options, surely=True)
    return None


def _misfit(
    record: TypedDictType,
    asked: Mapping[str, Type],
    required: Collection[str],
    name: str,
    options: Options,
    *,
    surely: bool,
) -> str | None:
    """Compare the keys, which a record has to have `surely`, or only may have, as for the parameters of a function."""
    missing = [key for key in required if key not in record.items]
    if missing:
        return unknown_keys(name, missing, record)
    unsure = sorted(key for key in required if surely and key not in record.required_keys)
    if unsure:
        return f"{name} asks for {quoted(unsure)}, which the record before it may not have"
    for key, wanted in sorted(asked.items()):
        given = record.items.get(key)
        if given is not None and not fits(given, wanted):
            types = [format_type(typ, options) for typ in (wanted, given)]
            return f'{name} takes {types[0]} for "{key}"; the record before it has {types[1]}'
    return None


def unknown_keys(name: str, keys: Iterable[str], record: TypedDictType) -> str:
    """Say that a record does not have keys that somebody asks for.

    Keys stand in alphabetical order: mypy's cache does not keep that of TypedDicts.
    """
    keys = sorted(keys)
    near = difflib.get_close_matches(keys[0], record.items, n=1) if len(keys) == 1 else []
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f"{name} asks for {quoted(keys)}; the record before it has {quoted(sorted(record.items))}{hint}"


def quoted(keys: Iterable[str]) -> str:
    """List keys as they stand in messages."""
    return ", ".join(f'"{key}"' for key in keys)


# --- what fits ---------------------------------------------------------------------------------------------


def fits(given: Type, wanted: Type) -> bool:
    """Tell whether something may be given where a type is asked for: records by key, what is not known always."""
    given, wanted = get_proper_type(given), get_proper_type(wanted)
    match given, wanted:
        case Instance(), Instance() if given.type is wanted.type and given.type.fullname in _CONTAINERS:
            return all(map(fits, given.args, wanted.args))
        case TypedDictType(), _:
            return seen_as(given, wanted) is not None
    return bool(get_all_type_vars(wanted)) or is_subtype(given, wanted)


def seen_as(record: TypedDictType, wanted: Type) -> Type | None:
    """Return the type as which what asks for `wanted` gets a record; None if it does not fit."""
    wanted = get_proper_type(wanted)
    match wanted:
        case TypedDictType():
            has_all = wanted.required_keys <= record.required_keys
            shared = wanted.items.keys() & record.items.keys()
            return wanted if has_all and all(fits(record.items[key], wanted.items[key]) for key in shared) else None
        case UnionType():
            return wanted if any(seen_as(record, item) is not None for item in wanted.items) else None
        case Instance(type=info) if info.fullname in _MAPPINGS:
            key, value = wanted.args
            text = get_proper_type(key)
            is_text = not isinstance(text, Instance) or text.type.fullname == "builtins.str"
            return wanted if is_text and all(fits(item, value) for item in record.items.values()) else None
        case AnyType() | TypeVarType():
            return ANY
        case _:
            return wanted if is_subtype(record, wanted) else None
