"""What a callable looks like from outside, and how a node calls it.

A node calls its function with the value of its only port by position, or with those of several ports by name. Most
functions can be called so as they are; the others get a `Call` around them.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, final

import attrs

from graphflow.places import caller_frame, caller_location, location_of
from graphflow_compiler.errors import compile_error
from graphflow_compiler.ir import SourceLocation
from graphflow_compiler.types import UNKNOWN, awaited, yielded, yielded_sync

_BY_POSITION: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_ANY: Final = inspect.Parameter("value", inspect.Parameter.POSITIONAL_ONLY)


# --- what it looks like ------------------------------------------------------------------------------------


@attrs.frozen
class Signature:
    """A callable as graphflow sees it.

    Attributes:
        function: the callable.
        name: what its node is called.
        parameters: the parameters that a value can be given to.
        hints: the resolved annotations, by parameter and for ``return``.
        is_generator: its code has a `yield`.
        yields: calling it gives an iterator of chunks: it is a generator function, or annotated so.
        is_async: calling it gives something to await, or to iterate with `async for`.
        location: where it is written.
    """

    function: Callable[..., Any]
    name: str
    parameters: tuple[inspect.Parameter, ...]
    hints: Mapping[str, object]
    is_generator: bool
    yields: bool
    is_async: bool
    location: SourceLocation | None

    def hint(self, parameter: inspect.Parameter) -> object:
        """Return the annotation of a parameter, `UNKNOWN` where there is none."""
        return self.hints.get(parameter.name, UNKNOWN)

    @property
    def result(self) -> object:
        """The annotation of the result."""
        return self.hints.get("return", UNKNOWN)


def signature_of(function: Callable[..., Any]) -> Signature:
    """Read the signature of a callable.

    Raises:
        CompileError: it is not callable.
    """
    if not callable(function):
        raise compile_error(
            "GF111",
            f"{brief(function)} cannot be a node",
            location=caller_location(),
            hint="a node is a chain, a function, or a dict of those",
        )
    plain: Any = function
    while isinstance(plain, functools.partial):
        plain = plain.func
    written = plain if inspect.isroutine(plain) or isinstance(plain, type) else type(plain).__call__
    code = inspect.unwrap(written)  # of what decorators such as functools.wraps have wrapped, the function itself
    hints = _hints_of_class(plain) if isinstance(plain, type) else _hints(written)
    result = hints.get("return", UNKNOWN)
    is_generator = inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code)
    is_coroutine = inspect.iscoroutinefunction(code)
    return Signature(
        function,
        _name_of(plain),
        _parameters(function),
        hints,
        is_generator=is_generator,
        yields=is_generator or not (is_coroutine or yielded(result) is yielded_sync(result) is None),
        is_async=is_coroutine
        or inspect.isasyncgenfunction(code)
        or not (is_generator or yielded(result) is awaited(result) is None),
        location=location_of(code),
    )


def brief(value: object) -> str:
    """Return what a value looks like, in a few characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _name_of(function: object) -> str:
    name = getattr(function, "__name__", None) or type(function).__name__
    return "lambda" if name == "<lambda>" else str(name)


def _parameters(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """Return the parameters that can be given by name or in order; of ``*args``, one."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # a builtin that does not tell: such as `str` or `dict`
        return (_ANY,)
    named = tuple(one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD))
    takes_more = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    if takes_more and all(one.kind is one.KEYWORD_ONLY and one.default is not one.empty for one in named):
        return (_ANY,)  # such as print(*args, sep=" "): what it is about are the args
    return named


# --- annotations -------------------------------------------------------------------------------------------


def _hints(function: Callable[..., Any]) -> dict[str, object]:
    """Resolve annotations, also names that are local to the function that declares the node."""
    annotations = getattr(function, "__annotations__", None)
    if not annotations:
        return {}
    local_names = _local_names(function)
    try:
        return typing.get_type_hints(function, localns=local_names, include_extras=True)
    except Exception:  # an annotation may be any expression, and may raise anything
        global_names = getattr(inspect.unwrap(function), "__globals__", {})
        return {
            name: _resolved(hint, global_names, _Names(global_names, local_names)) for name, hint in annotations.items()
        }


def _local_names(function: Any) -> dict[str, Any]:
    """Return the local names that stood around a function where it was written, as far as they can still be seen."""
    function = inspect.unwrap(function)
    qualified = getattr(function, "__qualname__", "")
    names: dict[str, Any] = {}
    frame = caller_frame() if "<locals>" in qualified else None
    while frame is not None:
        if qualified.startswith(f"{frame.f_code.co_qualname}.<locals>."):
            names = {**frame.f_locals, **names}  # what is further in hides what is further out
        frame = frame.f_back
    return names


def _hints_of_class(cls: type) -> dict[str, object]:
    """Resolve the annotations of what makes an object of a class; it gives that object."""
    made_by = [cls.__init__, cls.__new__]  # type: ignore[misc]
    hints = _hints(cls)
    for function in made_by:
        if inspect.isfunction(function):
            hints |= _hints(function)
    return {**hints, "return": cls}


def _resolved(hint: object, global_names: dict[str, Any], names: _Names) -> object:
    """Resolve one annotation as far as it goes; a name that is not known stays one, and the plan shows it."""
    holder = types.SimpleNamespace(__annotations__={"hint": hint})
    try:
        return typing.get_type_hints(holder, globalns=global_names, localns=names, include_extras=True)["hint"]
    except Exception:
        return hint


class _Names(dict[str, Any]):
    """Local names; what is not known there, nor to the module, is a forward reference.

    But names of `typing` and `collections.abc` are known: they may be imported for type checkers only.
    """

    def __init__(self, global_names: Mapping[str, Any], local_names: Mapping[str, Any]) -> None:
        super().__init__(local_names)
        self._global_names = global_names

    def __missing__(self, name: str) -> object:
        if name in self._global_names:
            return self._global_names[name]
        builtins = self._global_names.get("__builtins__", {})
        for known in (builtins, collections.abc, typing):
            names = known if isinstance(known, dict) else vars(known)
            if name in names:
                return names[name]
        return typing.ForwardRef(name)


# --- how it is called --------------------------------------------------------------------------------------


@final
class Call:
    """A function with some arguments given, or one that insists on how it gets them: only by name, only in order.

    Attributes:
        func: the function.
        keywords: the arguments that are given.
    """

    __slots__ = ("__signature__", "__weakref__", "_in_order", "_only", "func", "keywords")

    def __init__(
        self,
        func: Callable[..., Any],
        keywords: Mapping[str, Any],
        parameters: Iterable[inspect.Parameter],
        free: tuple[str, ...],
    ) -> None:
        parameters = tuple(parameters)
        self.func = func
        self.keywords = dict(keywords)
        self._only = free[0] if free else ""
        self._in_order = tuple(one for one in parameters if one.kind is one.POSITIONAL_ONLY)
        self.__signature__ = inspect.Signature(
            [one.replace(kind=one.KEYWORD_ONLY) for one in parameters if one.kind is not one.VAR_KEYWORD]
            + [one for one in parameters if one.kind is one.VAR_KEYWORD]
        )

    def __call__(self, /, *values: Any, **named: Any) -> Any:
        """Call with the value of the one free parameter, or with arguments by name."""
        arguments = {**self.keywords, **named}
        if values and self._only:
            (arguments[self._only],) = values
        if not self._in_order:
            return self.func(**arguments)
        given = [index for index, one in enumerate(self._in_order) if one.name in arguments]
        needed = self._in_order[: given[-1] + 1] if given else ()
        in_order = [arguments.pop(one.name, one.default) for one in needed]
        return self.func(*in_order, **arguments)

    def __repr__(self) -> str:
        return f"Call({self.func!r}, {self.keywords!r})"


def callable_for(function: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    """Return what a node with ports of these names calls: the function itself, if it can be called so."""
    return _calling(function, {}, names)


def ignoring_input(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what calls a function that takes nothing, whatever it is given."""
    return Call(function, {}, (), ())


def with_given(function: Callable[..., Any], given: Mapping[str, Any], names: tuple[str, ...]) -> Callable[..., Any]:
    """Return what a node with ports of these names calls once some arguments are given; what is given again wins."""
    inner, keywords = _taken_apart(function)
    return _calling(inner, {**keywords, **given}, names)


def options_of(function: Callable[..., Any]) -> tuple[tuple[str, ...], bool]:
    """Return the names that can be given to a node's function, and whether it may take others too."""
    parameters = _options(_taken_apart(function)[0])
    if parameters is None:
        return (), True
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
    return tuple(one.name for one in parameters if one.kind is not one.VAR_KEYWORD), takes_any


def _taken_apart(function: Callable[..., Any]) -> tuple[Callable[..., Any], Mapping[str, Any]]:
    """Return a node's function as the user gave it, and the arguments that it was given since."""
    if isinstance(function, Call):
        return function.func, function.keywords
    if isinstance(function, functools.partial) and not function.args:
        return function.func, function.keywords
    return function, {}


def _options(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # a builtin that does not tell
        return None
    return [one for one in parameters if one.kind is not one.VAR_POSITIONAL]


def _calling(function: Callable[..., Any], given: Mapping[str, Any], names: tuple[str, ...]) -> Callable[..., Any]:
    parameters = _options(function) or []
    kinds = {one.name: one.kind for one in parameters}
    if len(names) == 1:
        in_order = [one.name for one in parameters if one.kind in _BY_POSITION]
        fits = names[0] not in kinds or in_order[:1] == [names[0]]
        fits = fits and all(kinds.get(name) is not inspect.Parameter.POSITIONAL_ONLY for name in given)
    else:
        fits = all(kind is not inspect.Parameter.POSITIONAL_ONLY for kind in kinds.values())
    if not fits:
        return Call(function, given, parameters, names)
    return functools.partial(function, **given) if given else function
