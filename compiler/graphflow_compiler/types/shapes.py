"""How an annotation is taken apart and put together again, whichever of its many spellings it has.

Annotations are objects of a dozen private classes, which differ between Python versions and between `typing`,
`collections.abc` and `typing_extensions`. Only this module knows them; the others see `plain` annotations, `split` into
class and arguments.
"""

import operator
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin

import attrs

from graphflow_compiler.types.model import UNKNOWN, Record

CALLABLE: Final = typing.cast("type", Callable)
_NEVER: Final = (typing.Never, typing.NoReturn)
_QUALIFIERS: Final = frozenset({"Required", "NotRequired", "ReadOnly", "Final", "ClassVar"})
_ALIASES_DEEP: Final = 50
_WALK_DEEP: Final = 32
_WALK_LONG: Final = 5_000


def plain(annotation: object) -> object:
    """Strip what says nothing of values: Annotated, qualifiers such as Required, names of aliases, typing's spellings.

    >>> plain(typing.Annotated[int, "a port"]), plain(None), plain(typing.List), plain(typing.Final[str])
    (<class 'int'>, <class 'NoneType'>, <class 'list'>, <class 'str'>)
    """
    for _ in range(_ALIASES_DEEP):
        if isinstance(annotation, type):
            return annotation
        if type(annotation) is types.GenericAlias and isinstance(annotation.__origin__, type):
            return annotation  # such as list[int]: by far the most common
        if annotation is None:
            return types.NoneType
        if annotation is typing.LiteralString:
            return str
        inner = _aliased(annotation) if is_alias(annotation) else qualified(annotation)[1]
        if inner is annotation:
            origin = get_origin(annotation)
            bare = isinstance(origin, type) and origin is not types.UnionType and not hasattr(annotation, "__args__")
            return origin if bare else annotation
        annotation = inner
    return annotation


def qualified(annotation: object) -> tuple[str | None, object]:
    """Take off one layer of Annotated or of a qualifier, and name the qualifier.

    >>> qualified(typing.NotRequired[int]), qualified(int)
    (('NotRequired', <class 'int'>), (None, <class 'int'>))
    """
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return None, get_args(annotation)[0]
    name = None if origin is None or isinstance(origin, type) else getattr(origin, "_name", None)
    if name in _QUALIFIERS:
        return name, get_args(annotation)[0]
    return None, annotation


def is_alias(annotation: object) -> bool:
    """Tell whether it is a `type X = ...` alias (also typing_extensions'), subscripted or not."""
    return "TypeAliasType" in (type(annotation).__name__, type(get_origin(annotation)).__name__)


def _aliased(alias: Any) -> object:
    generic = get_origin(alias) or alias
    try:
        value = generic.__value__
    except Exception:  # it is the alias's own code, evaluated late
        return alias
    return substitute(value, dict(zip(generic.__type_params__, get_args(alias), strict=False)))


def split(annotation: object) -> tuple[type | None, tuple[object, ...] | None]:
    """Split a class or generic alias into the class and its arguments: None if there are none given.

    >>> split(dict[str, int]), split(dict), split(tuple[()]), split(int | str)
    ((<class 'dict'>, (<class 'str'>, <class 'int'>)), (<class 'dict'>, None), (<class 'tuple'>, ()), (None, None))
    """
    if isinstance(annotation, type):
        return annotation, None
    origin = get_origin(annotation)
    if isinstance(origin, type) and origin is not types.UnionType:
        return origin, get_args(annotation)
    return None, None


def is_unknown(annotation: object) -> bool:
    """Tell whether nothing is known of a plain annotation: none given, Any, an unresolved name, or no type at all.

    >>> is_unknown(UNKNOWN), is_unknown(Any), is_unknown("Later"), is_unknown(3), is_unknown(list[Any])
    (True, True, True, True, False)
    """
    if isinstance(annotation, type):
        return annotation is Any or (annotation.__name__ == "Protocol" and is_protocol(annotation))
    if isinstance(annotation, TypeVar | Record) or is_newtype(annotation) or is_never(annotation):
        return False
    if members(annotation) or literals(annotation):
        return False
    return split(annotation)[0] is None or is_unpacked(annotation)


def is_unpacked(annotation: object) -> bool:
    """Tell whether it stands for several types in a row: `*Ts` or `*tuple[int, ...]`."""
    name = getattr(get_origin(annotation), "_name", None)
    return name == "Unpack" or getattr(annotation, "__unpacked__", False) is True


def is_never(annotation: object) -> bool:
    """Tell whether no value is of this type."""
    return any(annotation is never for never in _NEVER)


def is_newtype(annotation: object) -> bool:
    """Tell whether it is what NewType gives."""
    return type(annotation).__name__ == "NewType" and hasattr(annotation, "__supertype__")


def supertype(newtype: Any) -> object:
    """Give what a NewType is made of."""
    return newtype.__supertype__


def is_typed_dict(annotation: object) -> bool:
    """Tell whether it is a TypedDict class, of typing or typing_extensions."""
    return isinstance(annotation, type) and issubclass(annotation, dict) and hasattr(annotation, "__required_keys__")


def is_protocol(annotation: object) -> bool:
    """Tell whether it is a Protocol class, of typing or typing_extensions."""
    return isinstance(annotation, type) and getattr(annotation, "_is_protocol", False) is True


def members(annotation: object) -> tuple[object, ...]:
    """Give the members of a union as written, () for anything else.

    >>> members(int | None), members(typing.Optional[int]), members(int)
    ((<class 'int'>, <class 'NoneType'>), (<class 'int'>, <class 'NoneType'>), ())
    """
    origin = get_origin(annotation)
    return get_args(annotation) if origin is Union or origin is types.UnionType else ()


def literals(annotation: object) -> tuple[object, ...]:
    """Give the values of a Literal, () for anything else."""
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def literal(value: object) -> object:
    """Give the Literal of one value."""
    return operator.getitem(Literal, value)


def union(parts: Iterable[object]) -> object:
    """Put types together: nested unions flat, each type once, in order of arrival. Of no types, Never.

    >>> union([int, int | str, None]) == int | str | None
    True
    >>> union([int]), union([])
    (<class 'int'>, typing.Never)
    """
    flat: list[object] = []
    for part in parts:
        flat.extend(member for member in members(part) or (part,) if member not in flat)
    if len(flat) < 2:
        return flat[0] if flat else typing.Never
    return _subscript(Union, flat)


def callable_parts(args: tuple[object, ...]) -> tuple[tuple[object, ...] | None, object]:
    """Split the arguments of Callable into parameters (None where they are not all known) and result."""
    first, result = args
    return (tuple(first) if isinstance(first, list | tuple) else None), result


def type_vars(annotation: object) -> tuple[TypeVar, ...]:
    """Give the type variables in an annotation, each once, in order.

    >>> K, V = TypeVar("K"), TypeVar("V")
    >>> type_vars(dict[K, list[V] | K])
    (~K, ~V)
    """
    return tuple(dict.fromkeys(_type_vars(annotation)))


def _type_vars(annotation: object) -> Iterator[TypeVar]:
    if isinstance(annotation, TypeVar):
        yield annotation
    elif isinstance(annotation, Record):
        for field in annotation.fields:
            yield from _type_vars(field.type)
    elif isinstance(annotation, list | tuple):
        for part in annotation:
            yield from _type_vars(part)
    elif not literals(annotation):
        yield from _type_vars(get_args(annotation))


def substitute(annotation: object, bindings: Mapping[TypeVar, object]) -> object:
    """Replace the type variables by what `solve` bound them to, those it did not solve by UNKNOWN.

    >>> T = TypeVar("T")
    >>> substitute(dict[str, T | None], {T: int})
    dict[str, typing.Optional[int]]
    >>> substitute(list[T], {})
    list[UNKNOWN]
    """
    if isinstance(annotation, TypeVar):
        return bindings.get(annotation, UNKNOWN)
    if isinstance(annotation, type) or not type_vars(annotation):
        return annotation
    if isinstance(annotation, Record):
        fields = (attrs.evolve(field, type=substitute(field.type, bindings)) for field in annotation.fields)
        return attrs.evolve(annotation, fields=tuple(fields))
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is CALLABLE:
        parameters, result = callable_parts(args)
        known = ... if parameters is None else [substitute(part, bindings) for part in parameters]
        return _subscript(CALLABLE, (known, substitute(result, bindings)))
    new = tuple(_substituted(part, bindings) for part in args)
    if members(annotation):
        return _subscript(Union, new)
    if origin is typing.Annotated:
        return _subscript(typing.Annotated, (new[0], *getattr(annotation, "__metadata__", ())))
    return _subscript(origin, new)


def _substituted(part: object, bindings: Mapping[TypeVar, object]) -> object:
    if isinstance(part, list | tuple):  # the parameters of a ParamSpec
        return [_substituted(each, bindings) for each in part]
    return substitute(part, bindings)


def _subscript(generic: Any, args: Sequence[object]) -> object:
    try:
        return operator.getitem(generic, tuple(args) if len(args) > 1 else args[0])
    except Exception:  # it is the generic's own `__class_getitem__`, or an argument that cannot be hashed
        return UNKNOWN


def may_recur(annotation: object) -> bool:
    """Tell whether a type can contain itself: it has a name to do it by.

    >>> may_recur(list[int]), may_recur(typing.TypedDict("Tree", {"left": "Tree"}))
    (False, True)
    """
    while (inner := qualified(annotation)[1]) is not annotation:
        annotation = inner
    cls = split(annotation)[0]
    return is_typed_dict(cls) or is_protocol(cls) or is_alias(annotation)


@attrs.define
class Trail:
    """Where a walk through a pair of types is, so that recursive types and endless aliases come to an end.

    Only pairs with a type that `may_recur` need noting.
    """

    _pairs: list[tuple[object, object]] = attrs.field(factory=list)
    _steps: int = 0

    def holds(self, pair: tuple[object, object]) -> bool:
        """Tell whether this very pair is what the walk is busy with, further up."""
        return pair in self._pairs

    def enter(self, pair: tuple[object, object]) -> bool:
        """Note the pair until `leave`; False, and nothing noted, when the walk has gone too deep or on for too long."""
        self._steps += 1
        if len(self._pairs) >= _WALK_DEEP or self._steps > _WALK_LONG:
            return False
        self._pairs.append(pair)
        return True

    def leave(self) -> None:
        """Forget the pair that was entered last."""
        self._pairs.pop()
