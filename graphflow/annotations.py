"""The annotations of a callable, resolved."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from graphflow.places import caller_frame, unwrapped


def hints_of(function: Callable[..., Any]) -> dict[str, object]:
    """Resolve annotations, also names that are local to the function that declares the node."""
    annotations = getattr(function, "__annotations__", None)
    if not annotations:
        return {}
    local_names = _local_names(function)
    if type(function) is types.FunctionType and not function.__dict__:  # no `__wrapped__`, no `__no_type_check__`
        evaluated = _evaluated(function, annotations, local_names)
        if evaluated is not None:
            return evaluated
    try:
        return typing.get_type_hints(function, localns=local_names, include_extras=True)
    except Exception:  # an annotation may be any expression, and may raise anything
        global_names = getattr(unwrapped(function), "__globals__", {})
        return {
            name: _resolved(hint, global_names, _Names(global_names, local_names)) for name, hint in annotations.items()
        }


def _evaluated(
    function: types.FunctionType, annotations: Mapping[str, object], local_names: dict[str, Any]
) -> dict[str, object] | None:
    """Return what annotations are where that is all that `get_type_hints` would find: a tenth of its time.

    None where it would do more: a name is not known, a string stands inside, None stands for its class.
    """
    if getattr(function, "__type_params__", ()):  # names of a scope of their own
        return None
    hints = {}
    try:
        for name, written in annotations.items():
            hint = eval(_code_of(written), function.__globals__, local_names) if isinstance(written, str) else written
            if not _is_whole(hint):
                return None
            hints[name] = hint
    except Exception:  # an annotation may be any expression, and may raise anything
        return None
    return hints


@functools.lru_cache(maxsize=1024)
def _code_of(annotation: str) -> types.CodeType:
    return compile(annotation, "<annotation>", "eval")


def _is_whole(hint: object) -> bool:
    """Tell whether it is a class, or one with such arguments: nothing in it is still to be resolved."""
    if isinstance(hint, type):
        return True
    return isinstance(typing.get_origin(hint), type) and all(map(_is_whole, typing.get_args(hint)))


def _local_names(function: Any) -> dict[str, Any]:
    """Return the local names that stood around a function where it was written, as far as they can still be seen."""
    function = unwrapped(function)
    qualified = getattr(function, "__qualname__", "")
    names: dict[str, Any] = {}
    frame = caller_frame() if "<locals>" in qualified else None
    while frame is not None:
        if qualified.startswith(f"{frame.f_code.co_qualname}.<locals>."):
            names = {**frame.f_locals, **names}  # what is further in hides what is further out
        frame = frame.f_back
    return names


def hints_of_class(cls: type) -> dict[str, object]:
    """Resolve the annotations of what makes an object of a class; it gives that object."""
    made_by = [cls.__init__, cls.__new__]  # type: ignore[misc]
    hints = hints_of(cls)
    for function in made_by:
        if inspect.isfunction(function):
            hints |= hints_of(function)
    return {**hints, "return": cls}


def _resolved(hint: object, global_names: dict[str, Any], names: _Names) -> object:
    """Resolve one annotation as far as it goes; a name that is not known stays one, and the plan shows it."""
    holder = types.SimpleNamespace(__annotations__={"hint": hint})
    try:
        return typing.get_type_hints(holder, globalns=global_names, localns=names, include_extras=True)["hint"]
    except Exception:
        return hint


class _Names(dict[str, Any]):
    """Local names; what is not known there, nor to the module, is a forward reference.

    But names of `typing` and `collections.abc` are known: they may be imported for type checkers only.
    """

    def __init__(self, global_names: Mapping[str, Any], local_names: Mapping[str, Any]) -> None:
        super().__init__(local_names)
        self._global_names = global_names

    def __missing__(self, name: str) -> object:
        if name in self._global_names:
            return self._global_names[name]
        builtins = self._global_names.get("__builtins__", {})
        for known in (builtins, collections.abc, typing):
            names = known if isinstance(known, dict) else vars(known)
            if name in names:
                return names[name]
        return typing.ForwardRef(name)
