"""What a step of an LCEL chain is called, and where in the user's code it is written."""

from __future__ import annotations

import functools
import inspect
import operator
import sysconfig
from collections.abc import Callable
from typing import Any, Final

from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.tools import StructuredTool, Tool

from graphflow.lcel.source import line_of
from graphflow.places import location_of
from graphflow_compiler.ir import SourceLocation

#: Where code is that no user writes.
_INSTALLED: Final = tuple(map(sysconfig.get_path, ("purelib", "platlib", "stdlib")))


def name_of(runnable: Runnable[Any, Any]) -> str:
    """Return the name of a runnable, without calling anything of it."""
    given = inspect.getattr_static(runnable, "name", None)
    if isinstance(given, str):
        return given
    function = function_of(runnable)
    if isinstance(function, operator.itemgetter):
        return repr(function).removeprefix("operator.")
    if function is not None:
        name = getattr(function, "__name__", type(function).__name__)
        return "lambda" if name == "<lambda>" else str(name)
    return type(runnable).__name__.partition("[")[0]


def label_of(runnable: Runnable[Any, Any]) -> str:
    """Return what a runnable is called in what stands beside it: its configured name, or that of what is bound."""
    while isinstance(runnable, RunnableBindingBase):
        name = (runnable.config or {}).get("run_name")
        if name is not None:
            return name
        runnable = runnable.bound
    return name_of(runnable)


def function_of(runnable: Runnable[Any, Any]) -> Callable[..., Any] | None:
    """Return the function that a runnable was made of, if it was made of one."""
    if isinstance(runnable, RunnableLambda):
        names = ("func", "afunc")
    elif isinstance(runnable, RunnableGenerator):
        names = ("_transform", "_atransform")
    elif isinstance(runnable, StructuredTool | Tool):
        names = ("func", "coroutine")
    else:
        return None
    found = (vars(runnable).get(name) for name in names)
    return next((function for function in found if callable(function)), None)


def written_at(runnable: Runnable[Any, Any]) -> SourceLocation | None:
    """Return where the function or the class of a runnable begins; None if no user wrote it."""
    function = function_of(runnable)
    return _start_of_class(type(runnable)) if function is None else _start_of_callable(function)


def _start_of_callable(function: Callable[..., Any]) -> SourceLocation | None:
    while isinstance(function, functools.partial):
        function = function.func
    location = location_of(function) or location_of(type(function).__call__)
    return None if location is None or location.file.startswith(_INSTALLED) else location


def _start_of_class(cls: type) -> SourceLocation | None:
    try:
        file = inspect.getsourcefile(cls)
    except TypeError:  # it was not read from a file
        return None
    if file is None or file.startswith(_INSTALLED):
        return None
    line = line_of(cls, file)
    return None if line is None else SourceLocation(file, line)
