"""Find what a generator keeps open while it yields, and could be cancelled by.

A nursery or cancel scope acts on the task that opened it. A generator that yields inside of one gives control to code
that does not know of it: where that runs in the same task, it is cancelled in the generator's place. So such a
generator gets a task of its own. It is found by its syntax; what a name in it stands for is looked up where it is
declared. Of an asynchronous generator what cannot be looked up is taken for a scope: a task too many does no harm.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import inspect
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

import attrs

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
_STACKS: Final = frozenset({"AsyncExitStack", "ExitStack", "pop_all"})
#: What opens something without a `with`.
_ENTERS: Final = frozenset({"__aenter__", "__enter__", "enter_async_context", "enter_context"})
#: The parts of the standard library whose functions return what they are given.
_OPAQUE: Final = frozenset({"_operator", "builtins", "copy", "operator"})

_GENERATORS: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_NOT_FOUND: Final = object()

#: How often a function may be wrapped.
_MOST_LAYERS: Final = 100

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS: Final = (FunctionType, MethodType)


@attrs.frozen
class Around:
    """A `with` around a `yield`, or what takes its place.

    Attributes:
        text: what stands behind `with`.
        how: ``with``, ``async with``, or nothing where it is opened without.
        line: where it stands.
        target: what is called there, or used as it is; None where that is not to be seen.
    """

    text: str
    how: str
    line: int
    target: ast.expr | None = None

    @property
    def written(self) -> str:
        """It, as it is written."""
        return f"`{self.how} {self.text}`" if self.how else f"`{self.text}`"

    def __str__(self) -> str:
        return f"{self.written} (line {self.line})"


def open_scope(function: Callable[..., Any]) -> Around | None:
    """Return the `with` that a generator yields in and that may be a nursery or a cancel scope; None if there is none.

    Of an ``async with`` whose name tells nothing it is assumed, because many keep a nursery, and so is any `with` of an
    asynchronous generator. What such a generator, or a plain function that returns one, asks other generators for is
    looked at too. Where there is no source to look at, a scope is assumed of an asynchronous generator with any `with`.
    """
    return _open_scope(function, frozenset(), assumes=False)


def _open_scope(function: Any, seen: frozenset[CodeType], *, assumes: bool) -> Around | None:
    return next(filter(None, (_scope_of(one, seen, assumes=assumes) for one in _layers(function))), None)


def _layers(function: Any) -> Iterator[Any]:
    """Yield what is called, and what decorators such as `functools.wraps` have wrapped in it."""
    while isinstance(function, functools.partial):
        function = function.func
    layer = function if hasattr(function, "__code__") else type(function).__call__  # so a method has; an object has not
    for _ in range(_MOST_LAYERS):
        yield layer
        layer = getattr(layer, "__wrapped__", None)
        if layer is None:
            return


def _scope_of(function: Any, seen: frozenset[CodeType], *, assumes: bool) -> Around | None:
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or code in seen or code.co_flags & inspect.CO_COROUTINE:
        return None
    is_async = bool(code.co_flags & inspect.CO_ASYNC_GENERATOR)
    assumes |= is_async
    seen |= {code}
    if code.co_flags & _GENERATORS and _opens_something(code):
        found = _withs_around_yields(code)
        if found is None and assumes:
            return Around("...", "async with" if is_async else "with", code.co_firstlineno)
        for one in found or ():
            if _may_be_scope(one, function, seen, assumes=assumes):
                return one
    if is_async and (entered := _ENTERS.intersection(code.co_names)):
        return Around(f"{min(entered)}()", "", code.co_firstlineno)
    if is_async or not code.co_flags & _GENERATORS:
        return _asked(function, code, seen)
    return None


def _asked(function: Any, code: CodeType, seen: frozenset[CodeType]) -> Around | None:
    """Return one for a generator that a function names, and probably reads, if that keeps a scope open."""
    for name, value in _named(function, code):
        if not isinstance(value, _FUNCTIONS) or not value.__code__.co_flags & inspect.CO_ASYNC_GENERATOR:
            continue
        if _open_scope(value, seen, assumes=False) is not None:
            return Around(f"{name}(...)", "", code.co_firstlineno)
    return None


def _named(function: Any, code: CodeType) -> Iterator[tuple[str, object]]:
    """Yield what the names in a function stand for: by themselves, in the modules among them, and in its object."""
    names = (*code.co_names, *code.co_freevars)
    values = [_name(name, function) for name in names]
    yield from zip(names, values, strict=True)
    for module in values:
        if isinstance(module, ModuleType):
            yield from ((name, vars(module)[name]) for name in names if name in vars(module))
    owner = getattr(function, "__self__", None)
    if owner is not None:
        yield from ((name, inspect.getattr_static(owner, name, None)) for name in names)


@functools.lru_cache(maxsize=4096)
def _opens_something(code: CodeType) -> bool:
    """Tell whether there is a `with` in the bytecode: most generators have none, and are not parsed."""
    inside = (one for one in code.co_consts if isinstance(one, CodeType))
    opens = any(
        one.opname in ("BEFORE_WITH", "BEFORE_ASYNC_WITH", "LOAD_SPECIAL") for one in dis.get_instructions(code)
    )
    return opens or any(map(_opens_something, inside))


@functools.lru_cache(maxsize=4096)
def _withs_around_yields(code: CodeType) -> tuple[Around, ...] | None:
    """Return every `with` that a function yields in, outermost first; None where its source cannot be read."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError, ValueError):  # not there, or no longer what was compiled
        return None
    for node in ast.walk(tree):
        if isinstance(node, _Function) and node.name == code.co_name:
            ast.increment_lineno(tree, code.co_firstlineno - 1)
            return tuple(_around(node))
    return None


def _assigned(function: ast.AST) -> Mapping[str, ast.expr]:
    """Return what the local names that are assigned once stand for: ``scope = trio.CancelScope()``."""
    stored = Counter(
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    return {
        target.id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and stored[target.id] == 1
    }


def _around(function: _Function) -> Iterator[Around]:
    assigned = _assigned(function)
    inside = {node.name: node for node in ast.walk(function) if isinstance(node, _Function) and node is not function}
    seen: set[int] = set()
    pending: list[tuple[ast.AST, tuple[Around, ...]]] = [(node, ()) for node in reversed(function.body)]
    while pending:
        node, withs = pending.pop()
        if isinstance(node, _Function | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):  # of a generator that is declared inside
            called = inside.pop(node.func.id, None)
            if called is not None:
                yield from _around(called)
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
    how = "async with" if isinstance(node, ast.AsyncWith) else "with"
    return Around(ast.unparse(opened), how, node.lineno, target)


def _may_be_scope(around: Around, function: Any, seen: frozenset[CodeType], *, assumes: bool) -> bool:
    opened = _looked_up(around.target, function)
    while isinstance(opened, functools.partial):
        opened = opened.func
    is_async = around.how == "async with"
    if opened is _NOT_FOUND:
        return is_async or assumes
    name = getattr(opened, "__name__", type(opened).__name__)
    package = (getattr(opened, "__module__", None) or type(opened).__module__ or "").partition(".")[0]
    if package in _PACKAGES:
        return name in _SCOPES
    if package == __name__.partition(".")[0]:
        return is_async  # it runs a chain
    if package in sys.stdlib_module_names:
        is_opaque = package in _OPAQUE and not isinstance(opened, type) and opened is not open
        return name in _STACKS or (assumes and is_opaque)
    if is_async:
        return True
    if getattr(getattr(opened, "__wrapped__", None), "__code__", None) is not None:  # `contextlib` made a manager of it
        return _open_scope(opened, seen, assumes=assumes) is not None
    return assumes and not _enters_nothing(opened if isinstance(opened, type) else type(opened))


def _enters_nothing(manager: type) -> bool:
    """Tell whether the `__enter__` of a class calls nothing, and so opens nothing."""
    code = getattr(inspect.getattr_static(manager, "__enter__", None), "__code__", None)
    return isinstance(code, CodeType) and not any(
        one.opname.startswith("CALL") and "INTRINSIC" not in one.opname for one in dis.get_instructions(code)
    )


def _looked_up(expression: ast.expr | None, function: Any) -> object:
    """Return what a dotted name stands for where a function was written, `_NOT_FOUND` where that is not to be seen."""
    if isinstance(expression, ast.Attribute):
        holder = _looked_up(expression.value, function)
        if isinstance(holder, ModuleType):  # it may import what it is asked for
            return getattr(holder, expression.attr, _NOT_FOUND)
        return inspect.getattr_static(holder, expression.attr, _NOT_FOUND)
    return _name(expression.id, function) if isinstance(expression, ast.Name) else _NOT_FOUND


def _name(name: str, function: Any) -> object:
    code = function.__code__
    if name in code.co_varnames or name in code.co_cellvars:
        return _NOT_FOUND
    if name in code.co_freevars:
        cell = (function.__closure__ or ())[code.co_freevars.index(name)]
        try:
            return cell.cell_contents
        except ValueError:  # not filled yet
            return _NOT_FOUND
    found = function.__globals__.get(name, _NOT_FOUND)
    return getattr(builtins, name, _NOT_FOUND) if found is _NOT_FOUND else found
