"""What a class says of the parameters of its bases: `class Rows(list[T])` is, as a `Sequence`, a `Sequence[T]`."""

import collections
import collections.abc as abc
import functools
import inspect
import sys
import types
import typing
from typing import Final, TypeVar

from graphflow_compiler.types.model import UNKNOWN
from graphflow_compiler.types.shapes import split, substitute, type_vars, union

_T_co = TypeVar("_T_co", covariant=True)
_K_co = TypeVar("_K_co", covariant=True)
_V_co = TypeVar("_V_co", covariant=True)
_R_co = TypeVar("_R_co", covariant=True)
_S_contra = TypeVar("_S_contra", contravariant=True)


def _of(cls: type, *args: object) -> object:
    return types.GenericAlias(cls, args)


# What stub files know of the standard library, and its classes do not say at run time: parameters and generic bases.
_STANDARD: Final[dict[type, tuple[tuple[TypeVar, ...], tuple[object, ...]]]] = {
    abc.Iterable: ((_T_co,), ()),
    abc.Container: ((_T_co,), ()),
    abc.Iterator: ((_T_co,), (_of(abc.Iterable, _T_co),)),
    abc.Reversible: ((_T_co,), (_of(abc.Iterable, _T_co),)),
    abc.Generator: ((_T_co, _S_contra, _R_co), (_of(abc.Iterator, _T_co),)),
    abc.Collection: ((_T_co,), (_of(abc.Iterable, _T_co), _of(abc.Container, _T_co))),
    abc.Sequence: ((_T_co,), (_of(abc.Reversible, _T_co), _of(abc.Collection, _T_co))),
    abc.MutableSequence: ((_T_co,), (_of(abc.Sequence, _T_co),)),
    abc.Set: ((_T_co,), (_of(abc.Collection, _T_co),)),
    abc.MutableSet: ((_T_co,), (_of(abc.Set, _T_co),)),
    abc.Mapping: ((_K_co, _V_co), (_of(abc.Collection, _K_co),)),
    abc.MutableMapping: ((_K_co, _V_co), (_of(abc.Mapping, _K_co, _V_co),)),
    abc.KeysView: ((_K_co,), (_of(abc.Set, _K_co),)),
    abc.ValuesView: ((_V_co,), (_of(abc.Collection, _V_co),)),
    abc.ItemsView: ((_K_co, _V_co), (_of(abc.Set, _of(tuple, _K_co, _V_co)),)),
    abc.Awaitable: ((_R_co,), ()),
    abc.Coroutine: ((_T_co, _S_contra, _R_co), (_of(abc.Awaitable, _R_co),)),
    abc.AsyncIterable: ((_T_co,), ()),
    abc.AsyncIterator: ((_T_co,), (_of(abc.AsyncIterable, _T_co),)),
    abc.AsyncGenerator: ((_T_co, _S_contra), (_of(abc.AsyncIterator, _T_co),)),
    list: ((_T_co,), (_of(abc.MutableSequence, _T_co),)),
    tuple: ((_T_co,), (_of(abc.Sequence, _T_co),)),
    set: ((_T_co,), (_of(abc.MutableSet, _T_co),)),
    frozenset: ((_T_co,), (_of(abc.Set, _T_co),)),
    dict: ((_K_co, _V_co), (_of(abc.MutableMapping, _K_co, _V_co), _of(abc.Reversible, _K_co))),
    collections.deque: ((_T_co,), (_of(abc.MutableSequence, _T_co),)),
    collections.defaultdict: ((_K_co, _V_co), (_of(dict, _K_co, _V_co),)),
    collections.OrderedDict: ((_K_co, _V_co), (_of(dict, _K_co, _V_co),)),
    collections.Counter: ((_K_co,), (_of(dict, _K_co, int),)),
    collections.ChainMap: ((_K_co, _V_co), (_of(abc.MutableMapping, _K_co, _V_co),)),
    types.MappingProxyType: ((_K_co, _V_co), (_of(abc.Mapping, _K_co, _V_co),)),
    str: ((), (_of(abc.Sequence, str),)),
    bytes: ((), (_of(abc.Sequence, int),)),
    bytearray: ((), (_of(abc.MutableSequence, int),)),
    memoryview: ((), (_of(abc.Sequence, int),)),
    range: ((), (_of(abc.Sequence, int),)),
}


def is_subclass(cls: type, ancestor: type) -> bool:
    """Tell whether `cls` is a subclass, also by registration or by a hook."""
    try:
        return issubclass(cls, ancestor)
    except Exception:  # a hook is the class's own code
        return ancestor in cls.__mro__


def parameters(cls: type) -> tuple[TypeVar, ...]:
    """Give the type variables of a generic class, in order.

    >>> parameters(dict)
    (+_K_co, +_V_co)
    """
    if cls in _STANDARD:
        return _STANDARD[cls][0]
    own = getattr(cls, "__parameters__", None)
    if own is None:
        own = type_vars(cls.__dict__.get("__orig_bases__", ()))
    return tuple(own)


def seen_as(annotation: object, ancestor: type) -> tuple[object, ...] | None:
    """Give the arguments of `ancestor` for a value of the (plain) type; None if it does not say.

    >>> class Names(dict[str, list[int]]): ...
    >>> seen_as(Names, dict), seen_as(Names, abc.Iterable), seen_as(list, abc.Sized)
    ((<class 'str'>, list[int]), (<class 'str'>,), None)
    >>> seen_as(tuple[int, str], abc.Sequence) == (int | str,)
    True
    """
    cls, args = split(annotation)
    if cls is None:
        return None
    if cls is ancestor:
        return args
    path = _path(cls, ancestor)
    if path is None or _is_variadic(cls):
        return None
    bindings = {} if args is None else _bind(cls, args)
    return tuple(substitute(part, bindings) for part in path)


def _is_variadic(cls: type) -> bool:
    return any(type(each).__name__ == "TypeVarTuple" for each in cls.__dict__.get("__parameters__", ()))


def _bind(cls: type, args: tuple[object, ...]) -> dict[TypeVar, object]:
    if cls is tuple:
        return {_T_co: tuple_item(args)}
    return dict(zip(parameters(cls), args, strict=False))


@functools.lru_cache(maxsize=1024)
def _path(cls: type, ancestor: type) -> tuple[object, ...] | None:
    """Give the arguments of `ancestor` in terms of the parameters of `cls`."""
    for base in _declared_bases(cls):
        origin, _ = split(base)
        if origin is not None and is_subclass(origin, ancestor):
            args = seen_as(base, ancestor)
            if args is not None:
                return args
    return None


def _declared_bases(cls: type) -> tuple[object, ...]:
    if cls in _STANDARD:
        return _STANDARD[cls][1]
    if tuple in cls.__bases__ and hasattr(cls, "_fields"):
        return (_of(tuple, *(hints(cls).get(name, UNKNOWN) for name in cls._fields)),)
    bases: tuple[object, ...] = cls.__dict__.get("__orig_bases__", cls.__bases__)
    return bases


def tuple_item(args: tuple[object, ...]) -> object:
    """Give the type of any item of `tuple[args]`.

    >>> tuple_item((int, ...)), tuple_item((int, str)) == int | str
    (<class 'int'>, True)
    """
    return union(part for part in args if part is not Ellipsis)


def hints(cls: type) -> dict[str, object]:
    """Give the annotations of a class and its bases, each resolved if it can be, else as it stands."""
    try:
        return _resolved(cls)
    except Exception:  # a name that only type checkers see, or code of the user's in an annotation
        found: dict[str, object] = {}
        for base in reversed(cls.__mro__):
            found |= {name: _resolved_alone(base, hint) for name, hint in inspect.get_annotations(base).items()}
        return found


@functools.lru_cache(maxsize=1024)
def _resolved(cls: type) -> dict[str, object]:
    return typing.get_type_hints(cls, include_extras=True)


def _resolved_alone(cls: type, hint: object) -> object:
    holder = types.SimpleNamespace(__annotations__={"hint": hint})
    try:
        return typing.get_type_hints(holder, vars(sys.modules[cls.__module__]), include_extras=True)["hint"]
    except Exception:  # as above
        return hint
