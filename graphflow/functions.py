"""What a callable looks like from outside, and how a node calls it.

A node calls its function with the value of its only port by position, or with those of several ports by name. Most
functions can be called so as they are; the others get a `Call` around them.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, final
from weakref import WeakKeyDictionary

import attrs

from graphflow.annotations import hints_of, hints_of_class
from graphflow.places import caller_location, location_of, unwrapped
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
        chunk: the type of what it yields, as its annotation says; `UNKNOWN` if that says nothing of chunks.
        value: the type of what it returns, once it is awaited.
        location: where it is written.
    """

    function: Callable[..., Any]
    name: str
    parameters: tuple[inspect.Parameter, ...]
    hints: Mapping[str, object]
    is_generator: bool
    yields: bool
    is_async: bool
    chunk: object
    value: object
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
    called = plain if inspect.isroutine(plain) or isinstance(plain, type) else type(plain).__call__
    code = unwrapped(called)
    written = _written(function)
    kind = written if code is function else _written(code)
    hints = hints_of_class(plain) if isinstance(plain, type) else hints_of(called)
    result = hints.get("return", UNKNOWN)
    chunk, once_awaited = yielded(result), awaited(result)
    sync_chunk = yielded_sync(result) if chunk is None else None
    return Signature(
        function,
        _name_of(plain),
        written.named,
        hints,
        is_generator=kind.is_generator,
        yields=kind.is_generator or not (kind.is_coroutine or chunk is sync_chunk is None),
        is_async=kind.is_coroutine
        or kind.is_async_generator
        or not (kind.is_generator or chunk is once_awaited is None),
        chunk=next((one for one in (chunk, sync_chunk) if one is not None), UNKNOWN),
        value=result if once_awaited is None else once_awaited,
        location=location_of(code),
    )


def brief(value: object) -> str:
    """Return what a value looks like, in a few characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _name_of(function: object) -> str:
    name = getattr(function, "__name__", None) or type(function).__name__
    return "lambda" if name == "<lambda>" else str(name)


def _named(parameters: tuple[inspect.Parameter, ...] | None) -> tuple[inspect.Parameter, ...]:
    if parameters is None:
        return (_ANY,)
    named = tuple(one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD))
    takes_more = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    if takes_more and all(one.kind is one.KEYWORD_ONLY and one.default is not one.empty for one in named):
        return (_ANY,)  # such as print(*args, sep=" "): what it is about are the args
    return named


@attrs.frozen(eq=False)
class _Written:
    """What the code of a callable says, whatever the names in it stand for.

    Attributes:
        parameters: all of them, without what they are annotated with and default to; None of a builtin that does not
            tell, such as `str` or `dict`.
        named: those that can be given by name or in order; of ``*args``, one.
        is_generator, is_async_generator, is_coroutine: how it was written.
    """

    parameters: tuple[inspect.Parameter, ...] | None
    named: tuple[inspect.Parameter, ...]
    is_generator: bool
    is_async_generator: bool
    is_coroutine: bool


def _written(function: Callable[..., Any]) -> _Written:
    """Read the code of a callable; of a function once, for in a long chain the same few stand again and again."""
    if type(function) is not types.FunctionType or function.__dict__:  # `__wrapped__` and `__signature__` stand there
        return _read(function)
    code = function.__code__
    optional = len(function.__defaults__ or ()), *(function.__kwdefaults__ or ())
    known = _already_read.get(function)
    if known is None or known[0] is not code or known[1] != optional:
        known = _already_read[function] = (code, optional, _read(function))
    return known[2]


def _read(function: Callable[..., Any]) -> _Written:
    try:
        parameters = tuple(map(_bare, inspect.signature(function).parameters.values()))
    except (ValueError, TypeError):
        parameters = None
    is_async_generator = inspect.isasyncgenfunction(function)
    return _Written(
        parameters,
        _named(parameters),
        is_async_generator or inspect.isgeneratorfunction(function),
        is_async_generator,
        inspect.iscoroutinefunction(function),
    )


def _bare(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter that keeps nothing alive: an annotation or default may hold the function itself."""
    has_default = parameter.default is not parameter.empty
    return inspect.Parameter(parameter.name, parameter.kind, default=None if has_default else parameter.empty)


_Read = tuple[types.CodeType, tuple[int | str, ...], _Written]
_already_read: Final[WeakKeyDictionary[types.FunctionType, _Read]] = WeakKeyDictionary()


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
    parameters = _written(function).parameters
    if parameters is None:
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
        whole = [one for one in inspect.signature(function).parameters.values() if one.kind is not one.VAR_POSITIONAL]
        return Call(function, given, whole, names)
    return functools.partial(function, **given) if given else function
