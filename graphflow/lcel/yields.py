"""When a generator function yields, read from its code: while it reads its input, after that, or without it."""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable, Iterable
from typing import Any, Final, final

import attrs
from langchain_core.runnables import Runnable

from graphflow.lcel.returns import Scope
from graphflow.lcel.source import body_of, inside


class Takes(enum.Enum):
    """What a step takes of its input before it gives its first chunk."""

    CHUNKS = "chunks"  # one chunk, or some
    WHOLE = "whole"  # all of it
    NOTHING = "nothing"  # it does not read it


class Gives(enum.Enum):
    """How many chunks a step gives."""

    ONE = "one"  # one
    EACH = "each"  # at most one for every chunk that it takes
    SEVERAL = "several"  # several, even for one chunk
    UNKNOWN = "unknown"  # one or several: only a run shows it


@attrs.frozen(eq=False)
class Passed:
    """A runnable whose stream a function passes on: ``async for chunk in model.astream(value): yield chunk``.

    Attributes:
        runnable: the runnable.
        method: which of its methods makes the stream.
    """

    runnable: Runnable[Any, Any]
    method: str


@attrs.frozen
class Yields:
    """When a generator function yields.

    Attributes:
        takes: what it reads of its input before its first ``yield``.
        gives: how many chunks it gives.
        passes: the stream that all it yields is taken from, if there is one.
    """

    takes: Takes
    gives: Gives
    passes: Passed | None = None


def yields_of(function: Callable[..., Any], *, of_chunks: bool) -> Yields | None:
    """Read a generator function, or a method; None without its source.

    Args:
        function: its first free parameter is its input.
        of_chunks: the input is an iterator of chunks; else it is one whole value.
    """
    scope = Scope.of(function)
    if scope is None or not scope.parameters:
        return None
    reader = _Reader(scope, of_chunks)
    count = reader.block(body_of(scope.definition), in_input=False)
    return Yields(_takes(reader, of_chunks), _gives(reader, count), _passed(reader))


def _takes(reader: _Reader, of_chunks: bool) -> Takes:
    if not of_chunks:
        return Takes.WHOLE
    if not reader.uses:
        return Takes.NOTHING
    begins_first = min(reader.yields, default=0) < min(reader.uses)
    return Takes.CHUNKS if reader.yields_while_reading or begins_first else Takes.WHOLE


def _gives(reader: _Reader, count: _Count) -> Gives:
    if reader.delegates:
        return Gives.UNKNOWN
    if count.least >= _MANY:
        return Gives.SEVERAL
    if count.most >= _MANY:
        return Gives.UNKNOWN
    return Gives.EACH if reader.yields_while_reading else Gives.ONE


def _passed(reader: _Reader) -> Passed | None:
    """Return the one stream that all is taken from."""
    sources = {id(source): source for source in reader.sources}
    return next(iter(sources.values())) if len(sources) == 1 else None


# --- counting ----------------------------------------------------------------------------------------------

#: More than any number that matters.
_MANY: Final = 2


@attrs.frozen
class _Count:
    """How many chunks are given for an input of one chunk, at least and at most; `_MANY` is any number above one."""

    least: int = 0
    most: int = 0

    def __add__(self, other: _Count) -> _Count:
        return _Count(min(_MANY, self.least + other.least), min(_MANY, self.most + other.most))

    def __or__(self, other: _Count) -> _Count:
        return _Count(min(self.least, other.least), max(self.most, other.most))

    def repeated(self) -> _Count:
        return _Count(_MANY if self.least else 0, _MANY if self.most else 0)


_NONE: Final = _Count()


@final
class _Reader:
    """One reading of a generator function, statement by statement.

    Attributes:
        uses: the lines where it uses its input.
        yields: the lines where it yields.
        yields_while_reading: it yields in a loop over its input.
        delegates: another function makes what it yields of its input.
        sources: for every ``yield``, the stream that it takes from another runnable; None where it does not.
    """

    def __init__(self, scope: Scope, of_chunks: bool) -> None:
        self._scope = scope
        self._input = set(scope.parameters[:1]) if of_chunks else set()
        self._source: Passed | None = None
        self.uses: list[int] = []
        self.yields: list[int] = []
        self.yields_while_reading = False
        self.delegates = False
        self.sources: list[Passed | None] = []

    def block(self, statements: Iterable[ast.stmt], *, in_input: bool) -> _Count:
        """Count what a block yields; `in_input` tells that it stands in a loop over the input."""
        total = _NONE
        for statement in statements:
            total += self._statement(statement, in_input)
        return total

    def _statement(self, statement: ast.stmt, in_input: bool) -> _Count:
        match statement:
            case ast.For() | ast.AsyncFor():
                return self._for(statement, in_input)
            case ast.While(test=test, body=body, orelse=otherwise):
                pulls = any(self._pulls(node) for node in inside([ast.Expr(test), *body]))
                count = self._simple([test], in_input) + self.block(body, in_input=in_input or pulls)
                once = pulls and not in_input
                return (count if once else count.repeated()) + self.block(otherwise, in_input=in_input)
            case ast.If(test=test, body=then, orelse=otherwise):
                taken = self.block(then, in_input=in_input) | self.block(otherwise, in_input=in_input)
                return self._simple([test], in_input) + taken
            case ast.Match(subject=subject, cases=cases):
                counts = [self.block(case.body, in_input=in_input) for case in cases]
                least = min(count.least for count in counts)
                return self._simple([subject], in_input) + _Count(least, max(count.most for count in counts))
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                entered = self._simple([item.context_expr for item in items], in_input)
                return entered + self.block(body, in_input=in_input)
            case ast.Try(body=body, handlers=handlers, orelse=otherwise, finalbody=finally_):
                count = self.block([*body, *otherwise], in_input=in_input)
                for handler in handlers:
                    count |= self.block(handler.body, in_input=in_input)
                return count + self.block(finally_, in_input=in_input)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return _NONE
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if self._reads(value):
                self._input.add(name)  # such as `chunks = iter(chunks)`
        return self._simple([statement], in_input)

    def _for(self, loop: ast.For | ast.AsyncFor, in_input: bool) -> _Count:
        reads = self._reads(loop.iter)
        before, outer = len(self.yields), self._source
        self._source = self._stream_of(loop.iter)
        count = self._simple([loop.iter], in_input) + self.block(loop.body, in_input=in_input or reads)
        if len(self.yields) > before:
            self.delegates = self.delegates or (reads and not self._is_input(loop.iter))
            if self._source is not None and count.most >= _MANY:
                self.sources.append(None)  # it is more than that stream
        self._source = outer
        once = reads and not in_input
        return (count if once else count.repeated()) + self.block(loop.orelse, in_input=in_input)

    def _simple(self, nodes: Iterable[ast.AST], in_input: bool) -> _Count:
        """Count what expressions, or a statement without a block, yield; note where the input is used."""
        count = _NONE
        for part in inside(nodes):
            match part:
                case ast.Name(id=name, ctx=ast.Load()) if name in self._input:
                    self.uses.append(part.lineno)
                case ast.Yield():
                    self._yields_at(part.lineno, self._source, in_input)
                    count += _Count(1, 1)
                case ast.YieldFrom(value=value):
                    reads = self._reads(value)
                    self._yields_at(part.lineno, self._stream_of(value), in_input or reads)
                    self.delegates = self.delegates or (reads and not self._is_input(value))
                    count += _Count(1, 1) if reads else _Count(_MANY, _MANY)
        return count

    def _yields_at(self, line: int, source: Passed | None, in_input: bool) -> None:
        self.yields.append(line)
        self.sources.append(source)
        self.yields_while_reading = self.yields_while_reading or in_input

    # --- the input ---

    def _reads(self, expression: ast.expr) -> bool:
        """Tell whether an expression reads the input when it is iterated, not before."""
        parts = [*ast.walk(expression)]
        used = any(isinstance(part, ast.Name) and part.id in self._input for part in parts)
        return used and not any(map(_exhausts, parts))

    def _is_input(self, expression: ast.expr) -> bool:
        """Tell whether an expression gives the chunks of the input, one for one."""
        match expression:
            case ast.Name(id=name):
                return name in self._input
            case ast.GeneratorExp(generators=[ast.comprehension(iter=source)]):
                return self._is_input(source)
            case ast.Call(func=ast.Name(id="enumerate" | "iter" | "aiter" | "map"), args=arguments):
                return any(map(self._is_input, arguments))
            case _:
                return False

    def _pulls(self, node: ast.AST) -> bool:
        match node:
            case ast.Call(func=ast.Name(id="next" | "anext") | ast.Attribute(attr="__next__" | "__anext__")):
                return self._reads(node)
            case _:
                return False

    def _stream_of(self, expression: ast.expr) -> Passed | None:
        """Return the runnable whose stream an expression is."""
        match expression:
            case ast.Call(func=ast.Attribute(owner, "stream" | "astream" | "transform" | "atransform" as method)):
                found = self._scope.evaluate(owner)
                is_one = len(found.runnables) == 1 and not (found.values or found.made)
                return Passed(found.runnables[0], method) if is_one else None
            case _:
                return None


_EXHAUSTING: Final = {
    *("all", "any", "Counter", "deque", "dict", "frozenset", "fsum", "join", "list", "max", "min", "reduce"),
    *("reversed", "set", "sorted", "sum", "tuple"),
}


def _exhausts(node: ast.AST) -> bool:
    """Tell whether an expression reads an iterator in it to its end before it gives anything."""
    match node:
        case ast.ListComp() | ast.SetComp() | ast.DictComp():
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _EXHAUSTING
        case _:
            return False
