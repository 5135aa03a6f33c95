"""What is public is known by its public name: errors, reprs and pickles say `graphflow.Chain`, wherever it stands."""

from __future__ import annotations

import importlib
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any


def publish(package: str, lazy: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Give all that a package re-exports the package's name.

    Args:
        package: its name; all its other names are there.
        lazy: the modules of the names that are imported when they are first asked for.

    Returns:
        The ``__getattr__`` and the ``__dir__`` of the package.
    """
    names = vars(sys.modules[package])
    public = [name for name, value in names.items() if not (name.startswith("_") or inspect.ismodule(value))]
    for name in public:
        _rename(package, names[name])

    def get(name: str) -> Any:
        if name not in lazy:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = names[name] = getattr(importlib.import_module(lazy[name]), name)
        _rename(package, value)
        return value

    return get, lambda: sorted({*public, *lazy})


def _rename(package: str, value: Any) -> None:
    if isinstance(value, type):
        value.__annotations__ = {
            name: typing.ForwardRef(hint, module=value.__module__, is_class=True) if isinstance(hint, str) else hint
            for name, hint in inspect.get_annotations(value).items()
        }  # so that `typing.get_type_hints` still looks for the names where the class is written
    if isinstance(value, type | FunctionType):
        value.__module__ = package
