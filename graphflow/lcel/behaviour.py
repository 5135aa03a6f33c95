"""What one step of an LCEL chain does with a stream, by its class and its code.

LCEL's rule is that a step waits for its whole input unless its class overrides `transform` (`atransform` for
`astream`), and gives one value unless it overrides `stream` (`astream`). What langchain's own classes do beyond that
stands here, one function a class; everything else goes by the rule. Classes that put others together are in `walk`.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any, Final

import attrs
from langchain_core.language_models import BaseChatModel, BaseLanguageModel, BaseLLM
from langchain_core.output_parsers import (
    BaseLLMOutputParser,
    BaseTransformOutputParser,
    PydanticOutputParser,
    PydanticToolsParser,
)
from langchain_core.prompts import BasePromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda
from langchain_core.runnables.base import RunnableEachBase
from langchain_core.runnables.utils import is_async_generator
from langchain_core.tools import BaseTool, StructuredTool, Tool

from graphflow.lcel import mends
from graphflow.lcel.configuration import Given
from graphflow.lcel.flow import Mode
from graphflow.lcel.mends import Mend
from graphflow.lcel.returns import Possible, returned_by
from graphflow.lcel.source import definition_of, parameters_of, python_function
from graphflow.lcel.steps import name_of
from graphflow.lcel.yields import Gives, Passed, Takes, Yields, yields_of


@attrs.frozen
class Behaviour:
    """What a step does with a stream.

    Attributes:
        takes: what it takes before it gives its first chunk.
        gives: how many chunks it gives.
        reason: how that is known.
        mend: what to write instead, where it holds a stream back.
        is_source: it is a model, which would stream by itself.
        may_give_one: although it takes chunks, it may give only one for all of them.
        raises: it cannot be run in this mode.
        returned: what the function returns, if that may be a runnable.
        passes: the runnable whose stream it passes on.
    """

    takes: Takes
    gives: Gives
    reason: str
    mend: Mend
    is_source: bool = False
    may_give_one: bool = False
    raises: bool = False
    returned: Possible | None = None
    passes: Passed | None = None


def behaviour_of(runnable: Runnable[Any, Any], given: Given, *, of_chunks: bool) -> Behaviour:
    """Return what a step does.

    Args:
        runnable: the step.
        given: what it is run with.
        of_chunks: it is fed by `transform`, as a step of a sequence; else its `stream` is called with a whole value.
    """
    raising = raises_when_invoked(runnable, given.mode)
    if raising is not None:
        return raising
    if is_plain(runnable, RunnableLambda, given.mode):
        assert isinstance(runnable, RunnableLambda)
        return _of_lambda(runnable, given.mode)
    if is_plain(runnable, RunnableGenerator, given.mode):
        assert isinstance(runnable, RunnableGenerator)
        return _of_generator(runnable, given.mode)
    if not of_chunks or not overrides(runnable, _methods(given.mode).transform):
        return _of_whole(runnable, given)
    if is_plain(runnable, BaseTransformOutputParser, given.mode, besides=("_transform", "_atransform")):
        assert isinstance(runnable, BaseTransformOutputParser)
        return _of_parser(runnable, given.mode)
    method = _methods(given.mode).transform
    name = name_of(runnable)
    read = _read(runnable, method, of_chunks=True) or Yields(Takes.CHUNKS, Gives.UNKNOWN)
    reason = f"`{name}` overrides `{method}`"
    if read.takes is Takes.WHOLE:
        reason += ", but reads its whole input there before its first `yield`"
    return Behaviour(read.takes, read.gives, reason, mends.of_generator(name, "input"), passes=read.passes)


# --- classes and their methods -----------------------------------------------------------------------------


@attrs.frozen
class _Methods:
    """The names of the methods by which a runnable streams in one of the modes."""

    stream: str
    transform: str


_METHODS: Final = {Mode.SYNC: _Methods("stream", "transform"), Mode.ASYNC: _Methods("astream", "atransform")}
_DECIDING: Final = {
    Mode.SYNC: ("stream", "transform", "_transform"),
    Mode.ASYNC: ("astream", "atransform", "_atransform"),
}


def _methods(mode: Mode) -> _Methods:
    return _METHODS[mode]


def overrides(runnable: Runnable[Any, Any], method: str) -> bool:
    """Tell whether the class of a runnable has a streaming method of its own, not the one that waits."""
    return getattr(type(runnable), method) is not getattr(Runnable, method)


def is_plain(runnable: Runnable[Any, Any], cls: type, mode: Mode, *, besides: tuple[str, ...] = ()) -> bool:
    """Tell whether a runnable is of a class, and no subclass in between changes how that class streams."""
    if not isinstance(runnable, cls):
        return False
    below = type(runnable).__mro__[: type(runnable).__mro__.index(cls)]
    return not any(method in vars(one) for one in below for method in _DECIDING[mode] if method not in besides)


def _read(runnable: Runnable[Any, Any], method: str, *, of_chunks: bool) -> Yields | None:
    """Read a method that is a generator."""
    function = inspect.getattr_static(type(runnable), method)
    if not (inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)):
        return None
    return yields_of(types.MethodType(function, runnable), of_chunks=of_chunks)


# --- functions ---------------------------------------------------------------------------------------------


def _of_lambda(runnable: RunnableLambda[Any, Any], mode: Mode) -> Behaviour:
    name = name_of(runnable)
    own = vars(runnable)
    function = own.get("func") if mode is Mode.SYNC else own.get("afunc") or own.get("func")
    assert function is not None  # else it raises, which has been looked for
    is_generator = inspect.isgeneratorfunction(function)
    if mode is Mode.ASYNC and is_generator:
        reason = f"`{name}` is a plain generator, and astream() raises a TypeError"
        return _raising(reason, mends.of_asynchronous(name))
    if is_generator or (mode is Mode.ASYNC and is_async_generator(function)):
        read = yields_of(function, of_chunks=False) or Yields(Takes.WHOLE, Gives.SEVERAL)
        then = "yields once" if read.gives is Gives.ONE else "yields"
        reason = f"`{name}` waits for its whole input, then {then}: RunnableLambda makes it a function of a value"
        return Behaviour(Takes.WHOLE, read.gives, reason, mends.of_function(function, name), passes=read.passes)
    returned = returned_by(function)
    if returned.runnables or returned.made:
        reason, mend = f"`{name}` needs its whole input to return a runnable", mends.of_branch()
        if not returned.runnables:
            reason, mend = f"{reason}, which is made only then", mends.of_made()
        return Behaviour(Takes.WHOLE, Gives.ONE, reason, mend, returned=returned)
    reason = f"`{name}` is a plain function of its whole input"
    return Behaviour(Takes.WHOLE, Gives.ONE, reason, mends.of_function(function, name))


def _of_generator(runnable: RunnableGenerator[Any, Any], mode: Mode) -> Behaviour:
    name = name_of(runnable)
    function = vars(runnable).get("_transform" if mode is Mode.SYNC else "_atransform")
    if function is None:
        kind = "an asynchronous" if mode is Mode.SYNC else "a plain"
        reason = f"`{name}` is {kind} generator, and {mode}() raises a NotImplementedError"
        return _raising(reason, mends.of_other_kind(name, wanted=mode))
    read = yields_of(function, of_chunks=True) or Yields(Takes.CHUNKS, Gives.UNKNOWN)
    mend = mends.of_generator(name, _first_parameter(function))
    return Behaviour(read.takes, read.gives, _when_it_yields(name, read.takes), mend, passes=read.passes)


def _when_it_yields(name: str, takes: Takes) -> str:
    match takes:
        case Takes.CHUNKS:
            return f"`{name}` yields while it reads its input"
        case Takes.WHOLE:
            return f"`{name}` reads its whole input before its first `yield`"
        case Takes.NOTHING:
            return f"`{name}` yields without reading its input"


def _first_parameter(function: Callable[..., Any]) -> str:
    plain = python_function(function)
    definition = None if plain is None else definition_of(plain)
    return next(iter(parameters_of(definition)), "input") if definition is not None else "input"


def raises_when_invoked(runnable: Runnable[Any, Any], mode: Mode) -> Behaviour | None:
    """Return what a step does that cannot be run at all without an event loop; None if it can."""
    if isinstance(runnable, RunnableEachBase):
        return raises_when_invoked(runnable.bound, mode)
    name = name_of(runnable)
    own = vars(runnable)
    if mode is Mode.ASYNC or own.get("func") is not None:
        return None
    if isinstance(runnable, RunnableLambda):
        return _raising(
            f"`{name}` is asynchronous, and stream() raises a TypeError", mends.of_plain(name, "RunnableLambda")
        )
    if isinstance(runnable, StructuredTool | Tool):
        reason = f"`{name}` is an asynchronous tool, and stream() raises a NotImplementedError"
        return _raising(reason, mends.of_plain(name, f"{type(runnable).__name__}.from_function"))
    return None


def _raising(reason: str, mend: Mend) -> Behaviour:
    return Behaviour(Takes.WHOLE, Gives.ONE, reason, mend, raises=True)


# --- components --------------------------------------------------------------------------------------------


def _of_parser(parser: BaseTransformOutputParser[Any], mode: Mode) -> Behaviour:
    name = name_of(parser)
    method = "_transform" if mode is Mode.SYNC else "_atransform"
    is_langchains = getattr(type(parser), method).__module__.startswith("langchain_core.")
    read = None if is_langchains else _read(parser, method, of_chunks=True)
    if read is not None:
        return Behaviour(read.takes, read.gives, _when_it_yields(name, read.takes), mends.of_generator(name, "input"))
    is_strict = isinstance(parser, PydanticOutputParser) or (
        isinstance(parser, PydanticToolsParser) and parser.first_tool_only
    )
    if is_strict:
        reason = f"`{name}` gives nothing before all that has come is valid, which may be at the very end"
        return Behaviour(Takes.CHUNKS, Gives.EACH, reason, mends.of_pydantic(), may_give_one=True)
    return Behaviour(Takes.CHUNKS, Gives.EACH, f"`{name}` parses what has come so far", mends.of_parser(name))


def _of_whole(runnable: Runnable[Any, Any], given: Given) -> Behaviour:
    """Return what a step does that waits for its whole input."""
    name = name_of(runnable)
    if isinstance(runnable, BaseLanguageModel):
        return _of_model(runnable, name, given)
    method = _methods(given.mode).stream
    if overrides(runnable, method):
        read = _read(runnable, method, of_chunks=False) or Yields(Takes.WHOLE, Gives.SEVERAL)
        gives = Gives.ONE if read.gives is Gives.EACH else read.gives
        reason = _of_default(runnable, name, given.mode)
        return Behaviour(Takes.WHOLE, gives, reason, mends.of_class(name), passes=read.passes)
    return Behaviour(Takes.WHOLE, Gives.ONE, *_why_whole(runnable, name, given.mode))


def _why_whole(runnable: Runnable[Any, Any], name: str, mode: Mode) -> tuple[str, Mend]:
    match runnable:
        case BasePromptTemplate():
            return f"`{name}` waits for every value that it is filled with", mends.by_moving(name)
        case BaseRetriever():
            return f"`{name}` waits for its whole query and gives its documents at once", mends.by_moving(name)
        case BaseTool():
            return f"`{name}` waits for all its arguments and gives one result", mends.by_moving(name)
        case BaseTransformOutputParser():
            return f"`{name}` is given a whole answer, and parses it at once", mends.of_parser(name)
        case BaseLLMOutputParser():
            return f"`{name}` parses whole answers: it is no BaseTransformOutputParser", mends.of_parser(name)
        case RunnableEachBase():
            return f"`{name}` waits for its whole list and gives all results as one", mends.of_each()
    return _of_default(runnable, name, mode), mends.of_class(name)


def _of_default(runnable: Runnable[Any, Any], name: str, mode: Mode) -> str:
    """Say in words that a class has no method of its own by which it would take chunks."""
    wanted = _methods(mode).transform
    other = _methods(Mode.SYNC if mode is Mode.ASYNC else Mode.ASYNC).transform
    if overrides(runnable, other):
        return f"`{name}` overrides `{other}`, but not `{wanted}`: it waits for its whole input"
    return f"`{name}` overrides neither `transform` nor `atransform`: it waits for its whole input"


def _of_model(model: BaseLanguageModel[Any], name: str, given: Given) -> Behaviour:
    kind = "a chat model" if isinstance(model, BaseChatModel) else "a text model"
    switched_off = _switched_off(model, given) if isinstance(model, BaseChatModel) else None
    why = f"{switched_off} is set" if switched_off else _not_implemented(model)
    mend = mends.of_model(name, switched_off=switched_off)
    if not _can_stream(model, given.mode) or switched_off:
        reason = f"`{name}` is {kind} that gives its answer whole, because {why}"
        return Behaviour(Takes.WHOLE, Gives.ONE, reason, mend, is_source=True)
    reason = f"{kind} waits for its whole prompt, then streams its answer"
    return Behaviour(Takes.WHOLE, Gives.SEVERAL, reason, mend, is_source=True)


def _can_stream(model: BaseLanguageModel[Any], mode: Mode) -> bool:
    base = next((base for base in (BaseChatModel, BaseLLM) if isinstance(model, base)), None)
    if base is None or not is_plain(model, base, mode):
        return overrides(model, _methods(mode).stream)
    methods = ("_stream",) if mode is Mode.SYNC else ("_stream", "_astream")
    return any(getattr(type(model), method) is not getattr(base, method) for method in methods)


def _not_implemented(model: BaseLanguageModel[Any]) -> str:
    """Say in words which methods for streaming a model has not."""
    if _can_stream(model, Mode.ASYNC):
        return "it implements `_astream`, but not `_stream`"
    return "it implements neither `_stream` nor `_astream`"


#: Whether `stream` heeds a field of that name, as it does in newer versions of langchain-core.
_HEEDS_STREAMING: Final = hasattr(BaseChatModel, "_streaming_disabled")


def _switched_off(model: BaseChatModel, given: Given) -> str | None:
    """Return the setting by which a chat model does not stream, if one says so."""
    disabled = given.fields.get("disable_streaming", model.disable_streaming)
    if disabled is True:
        return "disable_streaming=True"
    if disabled == "tool_calling" and given.options.get("tools"):
        return 'disable_streaming="tool_calling"'
    is_set = "streaming" in model.model_fields_set or "streaming" in given.fields
    if _HEEDS_STREAMING and is_set and given.fields.get("streaming", getattr(model, "streaming", None)) is False:
        return "streaming=False"
    return None
