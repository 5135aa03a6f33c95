"""Which runnables a function may return, read from its code without running it.

LCEL streams the runnable that a function returns. Most functions that route return one of a few that stand in a
variable, a dict or a conditional expression, or are put together with `|`; those are found. What a function returns
otherwise is taken for a plain value, unless it shows that it makes a runnable which only the run could tell.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import types
from collections.abc import Callable, Iterable
from typing import Any, Final, final

import attrs
from langchain_core.runnables import Runnable, RunnableSequence
from langchain_core.runnables.base import coerce_to_runnable

from graphflow.lcel.source import Definition, body_of, definition_of, inside, parameters_of, python_function

#: Methods of runnables that give one that streams as the first does.
_CONFIGURES: Final = {
    "bind",
    "bind_tools",
    "with_alisteners",
    "with_config",
    "with_fallbacks",
    "with_listeners",
    "with_retry",
    "with_types",
}
#: Methods that make another runnable.
_MAKES: Final = {
    *("as_retriever", "as_tool", "assign", "configurable_alternatives", "configurable_fields", "from_function"),
    *("from_messages", "from_template", "map", "pick", "pipe", "with_structured_output"),
}

#: How many functions deep a return is followed.
_DEPTH: Final = 4


@attrs.frozen(eq=False)
class Possible:
    """What an expression may be when it runs.

    Attributes:
        objects: objects that are there already.
        data: something else that is no runnable, as far as is seen.
        made: a runnable that is made only then.
    """

    objects: tuple[object, ...] = ()
    data: bool = False
    made: bool = False

    @property
    def runnables(self) -> tuple[Runnable[Any, Any], ...]:
        """The runnables among the objects."""
        return tuple(one for one in self.objects if isinstance(one, Runnable))

    @property
    def values(self) -> bool:
        """Tell whether it may be something that is no runnable."""
        return self.data or len(self.runnables) < len(self.objects)


DATA: Final = Possible(data=True)
MADE: Final = Possible(made=True)


def returned_by(function: Callable[..., Any]) -> Possible:
    """Return what a function may return."""
    return _returned_by(function, _DEPTH)


def _returned_by(function: Callable[..., Any], depth: int) -> Possible:
    if isinstance(function, type):
        return MADE if issubclass(function, Runnable) else DATA
    scope = Scope.of(function, depth)
    if scope is None:
        return MADE if _says_runnable(function) else DATA
    returned = _any(scope.evaluate(value) for value in _returns(scope.definition))
    shows_none = not (returned.runnables or returned.made)
    return MADE if shows_none and _says_runnable(function) else returned


def _returns(definition: Definition) -> list[ast.expr | None]:
    body = body_of(definition)
    values = [node.value for node in inside(body) if isinstance(node, ast.Return)]
    return values if _ends(body) else [*values, None]


def _ends(body: list[ast.stmt]) -> bool:
    """Tell whether the end of a block is never reached."""
    match body[-1]:
        case ast.Return() | ast.Raise():
            return True
        case ast.If(body=then, orelse=otherwise):
            return bool(otherwise) and _ends(then) and _ends(otherwise)
        case ast.Match(cases=cases):
            last = cases[-1]
            takes_all = last.guard is None and isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
            return takes_all and all(_ends(case.body) for case in cases)
        case ast.With(body=then) | ast.AsyncWith(body=then):
            return _ends(then)
        case ast.Try(body=then, handlers=handlers, orelse=otherwise, finalbody=finally_):
            if finally_ and _ends(finally_):
                return True
            return _ends(otherwise or then) and all(_ends(handler.body) for handler in handlers)
        case _:
            return False


def _says_runnable(function: Callable[..., Any]) -> bool:
    """Tell whether the annotation of a result is a runnable; it is not evaluated where it is a string."""
    annotation = getattr(python_function(function) or function, "__annotations__", {}).get("return")
    if isinstance(annotation, str):
        return "Runnable" in annotation
    origin = getattr(annotation, "__origin__", annotation)
    return isinstance(origin, type) and issubclass(origin, Runnable)


# --- names and expressions ---------------------------------------------------------------------------------


@final
class Scope:
    """The names that the code of a function sees.

    Attributes:
        definition: its syntax tree.
        parameters: its parameters, those left out whose value is known.
    """

    def __init__(self, function: types.FunctionType, definition: Definition, given: list[object], depth: int) -> None:
        names = parameters_of(definition)
        self.definition = definition
        self.parameters = names[len(given) :]
        self._depth = depth
        self._known: dict[str, object] = _defaults(function)
        for name in self.parameters[:1]:
            self._known.pop(name, None)  # it is given the value
        self._known.update(zip(names, given, strict=False))
        self._taken = {argument.arg for argument in _arguments(definition)}
        self._assigned: dict[str, list[ast.expr]] = {}
        self._bound: set[str] = set()
        self._inner: dict[str, Definition] = {}
        self._cells = _cells(function)
        self._globals = function.__globals__
        self._following: set[str] = set()
        for node in inside(body_of(definition)):
            self._note(node)

    @classmethod
    def of(cls, function: Callable[..., Any], depth: int = _DEPTH) -> Scope | None:
        """Return the scope of a function, or of the method by which an object is called; None without source."""
        plain = python_function(function)
        definition = None if plain is None else definition_of(plain)
        if definition is None or not isinstance(plain, types.FunctionType):
            return None
        return cls(plain, definition, _given(function), depth)

    def _note(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                self._assign(target, value)
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                self._assign(target, ast.Subscript(value, ast.Name("any item"), ast.Load()))
            case ast.Name(id=name, ctx=ast.Store()):
                self._bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._inner[name] = node
            case ast.ClassDef(name=name):
                self._bound.add(name)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        match target:
            case ast.Name(id=name):
                self._assigned.setdefault(name, []).append(value)
            case ast.Tuple(elts=parts):
                for part in parts:
                    self._assign(part, value)

    def evaluate(self, expression: ast.expr | None) -> Possible:
        """Return what an expression may be, as far as it is seen without running anything."""
        match expression:
            case ast.Name(id=name):
                return self._name(name)
            case ast.Attribute(value=value, attr=attribute):
                return _any(map(functools.partial(_attribute, name=attribute), self.evaluate(value).objects), DATA)
            case ast.Subscript(value=value, slice=index):
                key = index.value if isinstance(index, ast.Constant) else _ANY
                return _any((_item(one, key) for one in self.evaluate(value).objects), DATA)
            case ast.Call():
                return self._call(expression)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self._joined(left, right)
            case ast.Dict(keys=keys, values=values):
                return self._dict(keys, values)
            case ast.IfExp(body=then, orelse=otherwise):
                return _any(map(self.evaluate, (then, otherwise)))
            case ast.BoolOp(values=values):
                return _any(map(self.evaluate, values))
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self.evaluate(value)
            case _:
                return DATA

    def _name(self, name: str) -> Possible:
        if name in self._assigned and name not in self._following:
            self._following.add(name)
            found = _any(map(self.evaluate, self._assigned[name]))
            self._following.discard(name)
            return _any([found, Possible((self._known[name],))]) if name in self._known else found
        if name in self._known:
            return Possible((self._known[name],))
        if any(name in names for names in (self._taken, self._assigned, self._bound, self._inner)):
            return DATA
        for names in (self._cells, self._globals, vars(builtins)):
            if name in names:
                return Possible((names[name],))
        return DATA

    def _dict(self, keys: list[ast.expr | None], values: list[ast.expr]) -> Possible:
        items = [self.evaluate(value) for value in values]
        if not any(item.made or item.runnables for item in items):
            return DATA
        made: dict[object, object] = {}
        for key, item in zip(keys, items, strict=True):
            if not isinstance(key, ast.Constant) or item.made or item.data or len(item.objects) != 1:
                return MADE  # it has runnables in it, but what it is exactly only the run tells
            made[key.value] = item.objects[0]
        return Possible((made,))

    def _joined(self, left: ast.expr, right: ast.expr) -> Possible:
        """Return what `|` makes of two expressions: a runnable, if one of them is."""
        first, second = self.evaluate(left), self.evaluate(right)
        if not (first.runnables or second.runnables or first.made or second.made):
            return DATA
        if first.made or second.made or first.data or second.data:
            return MADE
        try:
            return Possible(
                tuple(
                    RunnableSequence(coerce_to_runnable(one), coerce_to_runnable(other))  # type: ignore[call-overload]
                    for one in first.objects
                    for other in second.objects
                )
            )
        except TypeError:  # what cannot be a step raises when it runs, too
            return DATA

    # --- calls ---

    def _call(self, call: ast.Call) -> Possible:
        if isinstance(call.func, ast.Attribute):
            owner = self.evaluate(call.func.value)
            name = call.func.attr
            if owner.made:
                return MADE if name in _CONFIGURES | _MAKES else DATA
            if owner.runnables:
                return _any(self._method(one, name) for one in owner.objects)
            if any(isinstance(one, dict) for one in owner.objects):
                if name in ("values", "items", "copy"):
                    return owner
                items = _any(_item(one, _ANY) for one in owner.objects)
                return _any([items, *map(self.evaluate, call.args[1:])]) if name in ("get", "pop") else DATA
            if name in _MAKES and any(isinstance(one, type) and issubclass(one, Runnable) for one in owner.objects):
                return MADE
        if isinstance(call.func, ast.Name) and call.func.id in self._inner:
            inner = self._inner.pop(call.func.id)  # so that it is not followed into itself
            found = _any(map(self.evaluate, _returns(inner)))  # its own names aside, it sees those of this scope
            self._inner[call.func.id] = inner
            return found
        return _any(map(self._called, self.evaluate(call.func).objects), DATA)

    def _method(self, owner: object, name: str) -> Possible:
        if name in _CONFIGURES:
            return Possible((owner,))
        if name in _MAKES:
            return MADE
        method = _attribute(owner, name)
        return _any((self._called(one) for one in method.objects if not _is_langchains(one)), DATA)

    def _called(self, function: object) -> Possible:
        if isinstance(function, Runnable) or not callable(function):
            return DATA
        if self._depth == 0:
            return MADE if _says_runnable(function) else DATA
        return _returned_by(function, self._depth - 1)


_ANY: Final = object()


def _item(holder: object, key: object) -> Possible:
    """Return what stands in a dict, list or tuple under a key; anywhere in it, if the key is not known."""
    items: tuple[object, ...] = ()
    if isinstance(holder, dict):
        if key is not _ANY and dict.__contains__(holder, key):
            return Possible((dict.__getitem__(holder, key),))
        items = tuple(dict.values(holder))
    elif isinstance(holder, list | tuple):
        items = tuple(holder)
    return Possible(items) if any(isinstance(item, Runnable) for item in items) else DATA


def _attribute(owner: object, name: str) -> Possible:
    """Return an attribute, without calling what may stand behind it."""
    try:
        found = inspect.getattr_static(owner, name)
    except AttributeError:
        return DATA
    if isinstance(found, staticmethod):
        return Possible((found.__func__,))
    if isinstance(found, types.FunctionType) and not isinstance(owner, type | types.ModuleType):
        return Possible((types.MethodType(found, owner),))
    if isinstance(found, classmethod | property | functools.cached_property) or hasattr(type(found), "__get__"):
        return Possible((found,)) if isinstance(found, types.FunctionType) else DATA
    return Possible((found,))


def _is_langchains(function: object) -> bool:
    return str(getattr(function, "__module__", "")).startswith("langchain_core.")


# --- what a function brings with it ------------------------------------------------------------------------


def _arguments(definition: Definition) -> list[ast.arg]:
    arguments = definition.args
    several = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *several]


def _given(function: Callable[..., Any]) -> list[object]:
    """Return what the first parameters are given: the object of a method, the arguments of a partial."""
    if isinstance(function, functools.partial):
        return [*_given(function.func), *function.args]
    if inspect.ismethod(function):
        return [function.__self__]
    return [] if inspect.isfunction(function) else [function]


def _defaults(function: types.FunctionType) -> dict[str, object]:
    """Return the defaults that are runnables: `lambda value, chain=chain: chain` is a way to keep one."""
    code = function.__code__
    in_order = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    known = dict(zip(in_order[len(in_order) - len(defaults) :], defaults, strict=True))
    known.update(function.__kwdefaults__ or {})
    return {name: value for name, value in known.items() if isinstance(value, Runnable | dict)}


def _cells(function: types.FunctionType) -> dict[str, object]:
    cells: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            cells[name] = cell.cell_contents
        except ValueError:  # nothing has been assigned to it yet
            continue
    return cells


def _any(possible: Iterable[Possible], default: Possible | None = None) -> Possible:
    """Return what one of several may be."""
    all_of_them = list(possible)
    if not all_of_them and default is not None:
        return default
    objects = {id(one): one for each in all_of_them for one in each.objects}
    return Possible(
        tuple(objects.values()),
        data=any(one.data for one in all_of_them),
        made=any(one.made for one in all_of_them),
    )
