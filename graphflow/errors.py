"""The errors of graphflow as users catch them; `graphflow_compiler.errors` draws the whole tree."""

from __future__ import annotations

from graphflow_compiler.errors import CompileError as CompileError
from graphflow_compiler.errors import Diagnostic as Diagnostic
from graphflow_compiler.errors import EmptyStreamError as EmptyStreamError
from graphflow_compiler.errors import FoldError as FoldError
from graphflow_compiler.errors import GraphflowError as GraphflowError
from graphflow_compiler.errors import InternalError as InternalError
from graphflow_compiler.errors import NotStreamingError as NotStreamingError


class UnmatchedFilterError(GraphflowError, ValueError):
    """A filter of `events` names something that the plan does not have."""


class NotInvokableError(GraphflowError, TypeError):
    """`invoke` was asked of a chain whose output has no accumulator."""


class InputError(GraphflowError, TypeError):
    """The caller's input is not what the first nodes of the chain can take."""
