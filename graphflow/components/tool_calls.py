"""The tool calls of a model's answer, run side by side."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Literal, TypeAlias

import attrs

from graphflow.chain import Producer
from graphflow.components.messages import AIMessage, Block, Content, ToolCall, ToolMessage
from graphflow.components.tool import Tool
from graphflow.declaration import Branch, Configured, Declaration, Each, Step
from graphflow.declaration import Sequence as InSequence
from graphflow.errors import GraphflowError
from graphflow.functions import brief
from graphflow.places import caller_location
from graphflow.public import public
from graphflow.runtime.batches import MAX_CONCURRENCY
from graphflow_compiler.errors import CompileError, compile_error
from graphflow_compiler.ir import Node, NodeId, Op, Port, SourceLocation

Explain: TypeAlias = Callable[[ToolCall, Exception], str | Sequence[Block]]
"""What the model is told of a call that failed."""


@public
class UnknownToolError(GraphflowError, LookupError):
    """A model called a tool that there is not.

    Attributes:
        name: what it called.
        known: the names of the tools that there are.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(name, self.known)

    def __str__(self) -> str:
        near = difflib.get_close_matches(self.name, self.known, n=1)
        mend = f"; did you mean `{near[0]}`?" if near else ""
        return f"there is no tool `{self.name}` (there is {', '.join(f'`{name}`' for name in self.known)}){mend}"


def call_tools(
    tools: Iterable[Tool[Any]],
    /,
    *,
    max_concurrency: int = MAX_CONCURRENCY,
    on_error: Literal["raise", "message"] | Explain = "raise",
) -> Producer[AIMessage, list[ToolMessage]]:
    """Return a chain that runs the tool calls of a message side by side, and answers each with a `ToolMessage`.

    The answers come as lists of one, in the order of the calls, each when it and all before it are there; folded they
    are one list. A message without calls gives none. Every call is a run of its tool, whose events have the id of the
    call in their metadata, as ``tool_call_id``; so has the data of its error event.

    A text is the content of the answer as it is, and so are blocks; of anything else it is the JSON.

    Args:
        tools: those that may be called, by their names.
        max_concurrency: how many calls may be worked on at once, the finished ones that wait for their turn included.
        on_error: what becomes of a call that fails, because there is no such tool, the arguments do not fit, or the
            tool raises. ``"raise"`` raises that, and cancels the other calls. ``"message"`` tells the model: the
            answer has the text of the error, and the status ``"error"``; its error event is told all the same. A
            function of the call and the error says what the model is told.

    Raises:
        CompileError: there is no tool, two have the same name, or one is not made by `tool`.
        ValueError: max_concurrency is less than 1.
        IncompleteToolCallError: when it runs: a call was cut off, so nobody can say what it asks for.
        UnknownToolError: when it runs: there is no tool of that name.
        InvalidArgumentsError: when it runs: the arguments are not what the tool takes.

    >>> import graphflow as gf
    >>> @gf.tool
    ... def double(number: int) -> int:
    ...     return 2 * number
    >>> message = gf.AIMessage(tool_calls=[gf.ToolCall("call_1", "double", {"number": 21})])
    >>> gf.call_tools([double]).sync.invoke(message)
    [ToolMessage('42', name='double', tool_call_id='call_1')]
    """
    if max_concurrency < 1:
        raise ValueError(f"max_concurrency is how many calls are worked on at once: at least 1, not {max_concurrency}")
    if not (on_error in ("raise", "message") or callable(on_error)):
        raise ValueError(
            f'on_error is "raise", "message", or a function of a call and its error, not {brief(on_error)}'
        )
    location = caller_location()
    by_name = tools_by_name(tools, "call_tools", location)
    one = Branch(
        tuple(_calls(name) for name in by_name),
        (*(_answering(tool) for tool in by_name.values()), Step(_unknown_tool(tuple(by_name), location))),
        location,
    )
    explain = str_of_error if on_error == "message" else on_error
    each = Each(
        one,
        max_concurrency,
        location,
        describe=lambda call: {"tool_call_id": call.id},
        rescue=None if isinstance(explain, str) else _Rescue(explain),
    )
    return Producer(Configured(InSequence(Step(_tool_calls(location)), each, location), "call_tools", (), {}))


def str_of_error(call: ToolCall, error: Exception) -> str:
    """Return what a model is told of an error, unless the user says it."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


@attrs.frozen
class _Rescue:
    """Makes the answer to a call that failed."""

    explain: Explain

    def __call__(self, call: ToolCall, error: Exception) -> ToolMessage:
        content = self.explain(call, error)
        return ToolMessage(content, name=call.name, tool_call_id=call.id, status="error")


def tools_by_name(tools: Iterable[Tool[Any]], taker: str, location: SourceLocation | None) -> dict[str, Tool[Any]]:
    """Return tools by their names.

    Args:
        tools: what was given as tools.
        taker: the name of the function that it was given to.
        location: where that was.

    Raises:
        CompileError: there is no tool, two have the same name, or one is not made by `tool`.
    """
    given: object = tools
    hint = f"make tools of functions with @gf.tool, and give gf.{taker} a list of them"
    if not isinstance(given, Iterable):
        raise _misused(f"{taker} takes a list of tools, not {brief(given)}", location, hint)
    found: dict[str, Tool[Any]] = {}
    for tool in given:
        if not isinstance(tool, Tool):
            raise _misused(f"{taker} takes a list of tools, not of {brief(tool)}", location, hint)
        if tool.name in found:
            raise _misused(
                f"two tools are called `{tool.name}`", location, "give one of them another name: gf.tool(name=...)"
            )
        found[tool.name] = tool
    if not found:
        raise _misused(f"{taker} was given no tool", location, hint)
    return found


def _misused(message: str, location: SourceLocation | None, hint: str) -> CompileError:
    return compile_error("GF111", message, location=location, hint=hint)


# --- its nodes ---------------------------------------------------------------------------------------------


def _tool_calls(location: SourceLocation | None) -> Node:
    return Node(
        NodeId(""),
        "tool_calls",
        Op.CALL,
        (Port("message", streams=False, type=AIMessage),),
        list[ToolCall],
        function=_calls_of,
        location=location,
    )


def _calls_of(message: AIMessage) -> list[ToolCall]:
    if not isinstance(message, AIMessage):
        raise TypeError(f"call_tools takes the message of a model, not {type(message).__name__}: {brief(message)}")
    return list(message.tool_calls)


def _calls(name: str) -> Callable[[ToolCall], bool]:
    def calls(call: ToolCall) -> bool:
        return call.name == name

    calls.__name__ = f"calls_{name}"  # for the plan
    return calls


def _answering(tool: Tool[Any]) -> Declaration:
    """Return the node of a tool, changed so that it takes a call and gives the answer."""

    def run(call: ToolCall) -> ToolMessage | Awaitable[ToolMessage]:
        result = tool._run(call.arguments)
        return _answer_later(call, result) if inspect.isawaitable(result) else _answer(call, result)

    def answering(node: Node) -> Node:
        return attrs.evolve(
            node,
            ports=(Port("call", streams=False, type=ToolCall),),
            output=ToolMessage,
            function=run,
            present=_arguments,
        )

    return tool._with_node(answering)._declaration


async def _answer_later(call: ToolCall, result: Awaitable[object]) -> ToolMessage:
    return _answer(call, await result)


def _unknown_tool(known: tuple[str, ...], location: SourceLocation | None) -> Node:
    def unknown_tool(call: ToolCall) -> ToolMessage:
        raise UnknownToolError(call.name, known)

    return Node(
        NodeId(""),
        "unknown_tool",
        Op.CALL,
        (Port("call", streams=False, type=ToolCall),),
        ToolMessage,
        function=unknown_tool,
        kind="tool",
        emits_chunks=False,
        present=_arguments,
        location=location,
    )


def _arguments(call: ToolCall) -> Mapping[str, Any]:
    return call.arguments


# --- answers -----------------------------------------------------------------------------------------------


def _answer(call: ToolCall, result: object) -> ToolMessage:
    """Return the answer to a call, unless the tool itself gave one."""
    if isinstance(result, ToolMessage):
        return attrs.evolve(result, name=result.name or call.name, tool_call_id=call.id)
    return ToolMessage(_content(result), name=call.name, tool_call_id=call.id)


def _content(result: object) -> Content:
    if isinstance(result, enum.Enum):
        result = result.value
    if isinstance(result, str):
        return result
    if isinstance(result, Block):
        return (result,)
    if isinstance(result, list | tuple) and result and all(isinstance(one, Block) for one in result):
        return tuple(result)
    try:
        return json.dumps(result, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError, RecursionError):  # keys that are no texts; what holds itself
        return str(result)


def _plain(value: Any) -> object:
    """Return what JSON has for a value: fields for an object that has some, else its text."""
    kind = type(value)
    if hasattr(kind, "model_dump"):  # pydantic's, which is not imported for it
        return value.model_dump(mode="json")
    if attrs.has(kind):
        return {field.name: getattr(value, field.name) for field in attrs.fields(kind)}
    if dataclasses.is_dataclass(kind):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(kind)}
    match value:
        case enum.Enum():
            return value.value
        case Mapping():
            return dict(value)
        case Set():
            return list(value)
        case _:
            return str(value)
