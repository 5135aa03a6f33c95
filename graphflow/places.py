"""Where in the user's code something was declared."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from graphflow_compiler.ir import SourceLocation

_OURS: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep


def caller_frame() -> FrameType | None:
    """Return the nearest frame that is not graphflow's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def caller_location() -> SourceLocation | None:
    """Return the line of the user's code that is being run."""
    frame = caller_frame()
    return None if frame is None else SourceLocation(frame.f_code.co_filename, frame.f_lineno)


def location_of(function: Callable[..., Any]) -> SourceLocation | None:
    """Return the line where a Python function begins, decorators included; None for what is not written in Python."""
    code = getattr(function, "__code__", None) or getattr(getattr(function, "__func__", None), "__code__", None)
    return None if code is None else SourceLocation(code.co_filename, code.co_firstlineno)
