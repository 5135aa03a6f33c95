"""Where in the user's code something was declared."""

from __future__ import annotations

import bisect
import functools
import inspect
import opcode
import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

from graphflow_compiler.ir import SourceLocation

_OPERATOR: Final = opcode.opmap["BINARY_OP"]
_OURS: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep


def caller_frame() -> FrameType | None:
    """Return the nearest frame that is not graphflow's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def caller_location() -> SourceLocation | None:
    """Return the line of the user's code that is being run.

    Of an operator it is the line where its right side begins: in an expression over several lines, that tells one `|`
    from another.
    """
    frame = caller_frame()
    if frame is None:
        return None
    code, line = frame.f_code, frame.f_lineno
    if code.co_code[frame.f_lasti] == _OPERATOR:
        ends, lines = _lines_of(code)
        # What comes just before the operator loads its right side.
        line = max(line, lines[bisect.bisect_left(ends, frame.f_lasti)])
    return SourceLocation(code.co_filename, line)


@functools.lru_cache(maxsize=256)
def _lines_of(code: CodeType) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return where the instructions of each line end, and the lines: a module that builds long chains asks often."""
    pieces = [(end, line or 0) for _, end, line in code.co_lines()]
    return tuple(end for end, _ in pieces), tuple(line for _, line in pieces)


def unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that decorators such as `functools.wraps` have wrapped; itself, where none has."""
    if type(function) is FunctionType and not function.__dict__:  # `__wrapped__` would stand there
        return function
    innermost: Callable[..., Any] = inspect.unwrap(function)
    return innermost


def location_of(function: Callable[..., Any]) -> SourceLocation | None:
    """Return the line where a Python function begins, decorators included; None for what is not written in Python."""
    code = getattr(function, "__code__", None) or getattr(getattr(function, "__func__", None), "__code__", None)
    return None if code is None else SourceLocation(code.co_filename, code.co_firstlineno)
