"""What the code of a function shows before it runs."""

from __future__ import annotations

import functools
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


def _code_of(function: object) -> CodeType | None:
    while isinstance(function, functools.partial):
        function = function.func
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None) or getattr(getattr(type(function), "__call__", None), "__code__", None)
    return code if isinstance(code, CodeType) else None


@functools.lru_cache(maxsize=4096)
def _suspends(code: CodeType) -> bool:
    operations = code.co_code[::2]
    return _AWAIT in operations or operations.count(_ITERATE) > 1
