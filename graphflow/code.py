"""What the code of a function shows before it runs."""

from __future__ import annotations

import functools
import inspect
import opcode
from collections.abc import Callable
from types import CodeType
from typing import Any, Final

_AWAIT: Final = opcode.opmap["GET_AWAITABLE"]
_ITERATE: Final = opcode.opmap["GET_AITER"]


def suspends(function: Callable[..., Any]) -> bool:
    """Tell whether an asynchronous function awaits something of its own, other than its loop over one stream.

    Read from the bytecode: an ``await`` or ``async with``, or a second ``async for``. A callable without code of its
    own may do anything, so it counts as one that does.
    """
    code = _code_of(function)
    return True if code is None else _suspends(code)


def _code_of(function: Callable[..., Any]) -> CodeType | None:
    """Return the code of an asynchronous function; None where another function stands between."""
    while isinstance(function, functools.partial):
        function = function.func
    method = function if hasattr(function, "__code__") or inspect.ismethod(function) else type(function).__call__
    code = getattr(inspect.unwrap(method), "__code__", None)
    is_its_own = isinstance(code, CodeType) and code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)
    return code if is_its_own else None


@functools.lru_cache(maxsize=4096)
def _suspends(code: CodeType) -> bool:
    operations = code.co_code[::2]
    return _AWAIT in operations or operations.count(_ITERATE) > 1
