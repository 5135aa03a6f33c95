"""Every error and diagnostic of graphflow that is found before a run, in one place.

The tree, as users see it (all but `InternalError` are re-exported by ``graphflow``)::

    GraphflowError
    ├── CompileError            everything found before a run, with `.diagnostics`
    │   └── NotStreamingError   `plan.require_streaming()` on a plan that blocks
    ├── EmptyStreamError        a value was asked of a stream that gave nothing
    ├── FoldError               chunks that the accumulator of an edge cannot fold
    ├── DrawingError            `explain("svg")` without graphviz
    └── InternalError           a broken invariant of graphflow itself: please report it

Errors raised by a user's node are never wrapped: they arrive as themselves, with a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graphflow_compiler.ir import NodeId, SourceLocation

Severity = Literal["error", "warning", "note"]

#: What each code means, in one line: the index that the reference pages are made from.
CODES: Final[dict[str, str]] = {
    "GF101": "a transform without `yield`",
    "GF102": "a parameter that nothing feeds",
    "GF103": "a cycle",
    "GF104": "a key given twice",
    "GF105": "a port fed twice",
    "GF106": "an unknown key",
    "GF107": "a node that does not reach the output",
    "GF108": "a function that returns a chain",
    "GF109": "a handle used as a plain value",
    "GF110": "an unknown option or parameter name",
    "GF111": "something that cannot be a node",
    "GF112": "a graph that breaks the promise of its annotation",
    "GF113": "a signature that cannot be a node",
    "GF114": "a nursery or a cancel scope around a `yield` of a plain generator",
    "GF201": "two ends of an edge whose types do not fit",
    "GF202": "a record whose keys do not fit",
    "GF220": "chunks that nothing says how to fold",
    "GF301": "an output that does not stream because a node blocks it",
    "GF302": "an output that does not stream because nothing upstream does",
    "GF303": "a synchronous generator that is bridged in a worker thread",
    "GF305": "a key that nothing uses",
    "GF306": "an output that has no accumulator, so `invoke` is refused",
    "GF401": "a transform that was seen to give nothing before its input had ended",
    "GF501": "an LCEL chain whose output does not stream because a step holds it back",
    "GF502": "an LCEL chain whose output does not stream because nothing in it does",
    "GF503": "an LCEL chain that cannot be run in one of the ways to stream",
    "GF504": "an LCEL chain whose output streams for some inputs only",
    "GF505": "an LCEL key that is withheld until the input of its `assign` has ended",
    "GF506": "something that LCEL does in `invoke` only, not when a chain streams",
    "GF507": "an LCEL chain whose code does not show whether it streams",
}


@attrs.frozen
class Diagnostic:
    """One finding of the compiler.

    Attributes:
        code: stable, such as ``"GF301"``; `CODES` says what each means.
        severity: ``"error"`` stops the compilation, ``"warning"`` and ``"note"`` do not.
        message: what was found, in one sentence.
        node: the node that it is about, if it is about one.
        location: where in the user's code, if known.
        snippet: the expression there, in a few words.
        hint: what to write instead.
    """

    code: str
    severity: Severity
    message: str
    node: NodeId | None = None
    location: SourceLocation | None = attrs.field(default=None, eq=False)
    snippet: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        lines = [f"{self.severity}[{self.code}]: {self.message}"]
        if self.location is not None:
            snippet = f"  {self.snippet}" if self.snippet else ""
            lines.append(f"  --> {self.location}{snippet}")
        elif self.snippet:
            lines.append(f"  --> {self.snippet}")
        if self.hint:
            first, *rest = self.hint.splitlines()
            lines.append(f"  hint: {first}")
            lines.extend(f"        {line}" for line in rest)
        return "\n".join(lines)


class GraphflowError(Exception):
    """The root of every error that graphflow itself raises."""


class CompileError(GraphflowError):
    """Errors found before a run, each with a code, a place and a hint.

    Attributes:
        diagnostics: all that was found, in the order of the graph.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))

    def __reduce__(self) -> tuple[type[CompileError], tuple[tuple[Diagnostic, ...]]]:
        return type(self), (self.diagnostics,)


class NotStreamingError(CompileError):
    """`Plan.require_streaming` was asked of a plan whose output does not stream."""


class EmptyStreamError(GraphflowError, ValueError):
    """A value was asked of a stream that gave no chunk, and its accumulator has no initial value."""


class FoldError(GraphflowError, TypeError):
    """A chunk arrived that the accumulator of the edge cannot fold."""


class DrawingError(GraphflowError, RuntimeError):
    """A drawing was asked for that another program makes, which is not there, or has failed."""


class InternalError(GraphflowError):
    """An invariant of graphflow is broken: a defect of ours, never of the user's chain."""


def compile_error(
    code: str,
    message: str,
    *,
    location: SourceLocation | None = None,
    snippet: str | None = None,
    hint: str | None = None,
    node: NodeId | None = None,
) -> CompileError:
    """Make the error for a single finding."""
    return CompileError([Diagnostic(code, "error", message, node=node, location=location, snippet=snippet, hint=hint)])
