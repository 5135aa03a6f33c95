"""Find what a generator keeps open while it yields, and could be cancelled by.

A nursery or cancel scope acts on the task that opened it. A generator that yields inside of one gives control to code
that does not know of it: where that runs in the same task, it is cancelled in the generator's place. So such a
generator gets a task of its own. It is found by its syntax; what a name in it stands for is looked up where it is
declared.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any, Final

import attrs

from graphflow.places import unwrapped

#: The packages whose scopes and nurseries are known, and the names of these.
_PACKAGES: Final = frozenset({"trio", "anyio"})
_SCOPES: Final = frozenset(
    {
        "CancelScope",
        "as_safe_channel",
        "create_task_group",
        "fail_after",
        "fail_at",
        "move_on_after",
        "move_on_at",
        "open_nursery",
    }
)
#: What may hold a scope, though it is nobody's in particular.
_STACKS: Final = frozenset({"AsyncExitStack", "ExitStack"})

_GENERATORS: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_NOT_FOUND: Final = object()


@attrs.frozen
class Around:
    """A `with` around a `yield`.

    Attributes:
        text: what stands behind `with`.
        target: what is called there, or used as it is.
        is_async: it is an ``async with``.
        line: where it stands.
    """

    text: str
    target: ast.expr
    is_async: bool
    line: int

    @property
    def written(self) -> str:
        """It, as it is written."""
        return f"`{'async with' if self.is_async else 'with'} {self.text}`"

    def __str__(self) -> str:
        return f"{self.written} (line {self.line})"


def open_scope(function: Callable[..., Any]) -> Around | None:
    """Return the `with` that a generator yields in and that may be a nursery or a cancel scope; None if there is none.

    Of an ``async with`` whose name tells nothing it is assumed, because many keep a nursery; of a ``with`` it is not.
    Where there is no source to look at, it is assumed of an asynchronous generator with any ``with`` at all.
    """
    return _open_scope(function, frozenset())


def _open_scope(function: Any, seen: frozenset[CodeType]) -> Around | None:
    while isinstance(function, functools.partial):
        function = function.func
    has_code = hasattr(function, "__code__")  # so has a method; an object that can be called has none
    function = unwrapped(function if has_code else type(function).__call__)
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or code in seen or not code.co_flags & _GENERATORS or not _opens_something(code):
        return None
    found = _withs_around_yields(code)
    if found is None:
        is_async = bool(code.co_flags & inspect.CO_ASYNC_GENERATOR)
        return Around("...", ast.Constant(...), is_async, code.co_firstlineno) if is_async else None
    return next((one for one in found if _may_be_scope(one, function, seen | {code})), None)


@functools.lru_cache(maxsize=4096)
def _opens_something(code: CodeType) -> bool:
    """Tell whether there is a `with` in the bytecode: most generators have none, and are not parsed."""
    return any(one.opname in ("BEFORE_WITH", "BEFORE_ASYNC_WITH", "LOAD_SPECIAL") for one in dis.get_instructions(code))


@functools.lru_cache(maxsize=4096)
def _withs_around_yields(code: CodeType) -> tuple[Around, ...] | None:
    """Return every `with` that a function yields in, outermost first; None where its source cannot be read."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError, ValueError):  # not there, or no longer what was compiled
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
            ast.increment_lineno(tree, code.co_firstlineno - 1)
            return tuple(_around(node, _assigned(node)))
    return None


def _assigned(function: ast.AST) -> Mapping[str, ast.expr]:
    """Return what the local names of a function are assigned: ``scope = trio.CancelScope()``."""
    return {
        target.id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _around(function: ast.FunctionDef | ast.AsyncFunctionDef, assigned: Mapping[str, ast.expr]) -> Iterator[Around]:
    seen: set[int] = set()
    pending: list[tuple[ast.AST, tuple[Around, ...]]] = [(node, ()) for node in reversed(function.body)]
    while pending:
        node, withs = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Yield | ast.YieldFrom):
            for one in withs:
                if id(one.target) not in seen:
                    seen.add(id(one.target))
                    yield one
        if isinstance(node, ast.With | ast.AsyncWith):
            withs += tuple(_with(item.context_expr, node, assigned) for item in node.items)
        pending += [(child, withs) for child in reversed(list(ast.iter_child_nodes(node)))]


def _with(opened: ast.expr, node: ast.With | ast.AsyncWith, assigned: Mapping[str, ast.expr]) -> Around:
    made = assigned.get(opened.id, opened) if isinstance(opened, ast.Name) else opened
    target = made.func if isinstance(made, ast.Call) else made
    return Around(ast.unparse(opened), target, isinstance(node, ast.AsyncWith), node.lineno)


def _may_be_scope(around: Around, function: Any, seen: frozenset[CodeType]) -> bool:
    opened = _looked_up(around.target, function)
    if opened is _NOT_FOUND:
        return around.is_async
    name = getattr(opened, "__name__", type(opened).__name__)
    package = (getattr(opened, "__module__", None) or type(opened).__module__ or "").partition(".")[0]
    if package in _PACKAGES:
        return name in _SCOPES
    if package == __name__.partition(".")[0] or package in sys.stdlib_module_names:
        return name in _STACKS
    return around.is_async or _open_scope(opened, seen) is not None  # a generator that `contextlib` made a manager of


def _looked_up(expression: ast.expr, function: Any) -> object:
    """Return what a dotted name stands for where a function was written, `_NOT_FOUND` where that is not to be seen."""
    if isinstance(expression, ast.Attribute):
        holder = _looked_up(expression.value, function)
        if isinstance(holder, ModuleType):  # it may import what it is asked for
            return getattr(holder, expression.attr, _NOT_FOUND)
        return inspect.getattr_static(holder, expression.attr, _NOT_FOUND)
    if not isinstance(expression, ast.Name) or expression.id in function.__code__.co_varnames:
        return _NOT_FOUND
    name = expression.id
    if name in function.__code__.co_freevars:
        cell = (function.__closure__ or ())[function.__code__.co_freevars.index(name)]
        try:
            return cell.cell_contents
        except ValueError:  # not filled yet
            return _NOT_FOUND
    return function.__globals__.get(name, getattr(builtins, name, _NOT_FOUND))
