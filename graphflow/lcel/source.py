"""Where functions and classes are written: the syntax tree of a function, even of one of several lambdas on a line."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
from collections.abc import Callable, Iterable, Iterator
from types import CodeType
from typing import Any, TypeAlias

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def definition_of(function: Callable[..., Any]) -> Definition | None:
    """Return the syntax tree of a Python function; None where its source cannot be found."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    text = "".join(linecache.getlines(code.co_filename, getattr(function, "__globals__", None)))
    fitting = [node for node in _declared_in(text) if not isinstance(node, ast.ClassDef) and _fits(node, code)]
    if len(fitting) > 1 and not any(_places(code)):
        return None  # Python was told to leave out columns, so nothing tells one lambda from another
    return min(fitting, key=_size, default=None)


def line_of(cls: type, file: str) -> int | None:
    """Return the line of a file where a class begins; None where its source cannot be found."""
    codes = [value.__code__ for value in vars(cls).values() if inspect.isfunction(value)]
    methods = [code.co_firstlineno for code in codes if code.co_filename == file]
    for node in _declared_in("".join(linecache.getlines(file))):
        is_named_so = isinstance(node, ast.ClassDef) and node.name == cls.__name__.partition("[")[0]
        if is_named_so and all(node.lineno <= line <= (node.end_lineno or line) for line in methods):
            return node.lineno
    return None


@functools.lru_cache(maxsize=32)
def _declared_in(text: str) -> tuple[Definition | ast.ClassDef, ...]:
    try:
        tree = _parsed(text)
    except SyntaxError:  # the file has changed since, or is none of Python's
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, Definition | ast.ClassDef))


def _parsed(text: str) -> ast.Module:
    for _ in range(9):
        try:
            return ast.parse(text)
        except SystemError:  # Python 3.11 mixes up two parsings that go on at once, as LangChain's in other threads
            continue
    return ast.parse(text)


def _fits(node: Definition, code: CodeType) -> bool:
    if not isinstance(node, ast.Lambda):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        return node.name == code.co_name and first == code.co_firstlineno
    if code.co_name != "<lambda>" or node.lineno != code.co_firstlineno:
        return False
    begin, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    return all(begin <= start and stop <= end for start, stop in _places(code))


def _places(code: CodeType) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield where the instructions of a code begin and end; not those that stand for no expression."""
    for line, end_line, column, end_column in code.co_positions():
        if line is not None and end_line is not None and column is not None and end_column:
            yield (line, column), (end_line, end_column)


def _size(node: Definition) -> tuple[int, int]:
    lines = (node.end_lineno or node.lineno) - node.lineno
    return lines, (node.end_col_offset or 0) - (node.col_offset if not lines else 0)


def parameters_of(node: Definition) -> list[str]:
    """Return the names of the parameters that a value can be given to in order."""
    return [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]


def body_of(node: Definition) -> list[ast.stmt]:
    """Return the statements of a function; a lambda returns its expression."""
    if isinstance(node, ast.Lambda):
        return [ast.copy_location(ast.Return(node.body), node.body)]
    return node.body


def inside(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield nodes and all that stands in them, but not what stands in functions and classes that they define."""
    pending = list(nodes)[::-1]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, Definition | ast.ClassDef):
            pending.extend(reversed(list(ast.iter_child_nodes(node))))


def python_function(function: object) -> Callable[..., Any] | None:
    """Return the Python function that runs when something is called; None if none does."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.ismethod(function):
        function = function.__func__
    if inspect.isfunction(function):
        return function
    call = getattr(type(function), "__call__", None)  # noqa: B004
    return call if inspect.isfunction(call) else None
