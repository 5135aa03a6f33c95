"""What is public is known by its public name: errors, reprs and pickles say `graphflow.Chain`, wherever it stands."""

from __future__ import annotations

import importlib
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeVar

PACKAGE: typing.Final = "graphflow"

E = TypeVar("E", bound=type[Exception])


def publish(lazy: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Give all that the package re-exports the package's name.

    Args:
        lazy: for a module the names, parted by spaces, for whose sake it is imported when one is first asked for.

    Returns:
        The ``__getattr__`` and the ``__dir__`` of the package.
    """
    names = vars(sys.modules[PACKAGE])
    modules = {name: module for module, listed in lazy.items() for name in listed.split()}
    public = [name for name, value in names.items() if not (name.startswith("_") or inspect.ismodule(value))]
    for name in public:
        _rename(names[name])

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}")
        value = names[name] = getattr(importlib.import_module(modules[name]), name)
        _rename(value)
        return value

    return get, lambda: sorted({*public, *modules})


def public(error: E) -> E:
    """Give an error its public name from the start: it may be raised before anyone has asked for it by that name."""
    _rename(error)
    return error


def _rename(value: Any) -> None:
    if isinstance(value, type):
        value.__annotations__ = {
            name: typing.ForwardRef(hint, module=value.__module__, is_class=True) if isinstance(hint, str) else hint
            for name, hint in inspect.get_annotations(value).items()
        }  # so that `typing.get_type_hints` still looks for the names where the class is written
    if isinstance(value, type | FunctionType):
        value.__module__ = PACKAGE
