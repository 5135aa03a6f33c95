"""The tool calls of a model's answer, with their arguments as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, overload

import attrs

from graphflow.chain import Transform
from graphflow.components.messages import (
    AIMessage,
    AIMessageChunk,
    CallJoin,
    IncompleteToolCallError,
    ToolCall,
    ToolCallBlock,
    ToolCallChunk,
    made_up_id,
    parse_call,
)
from graphflow.components.parsers.node import parser, read_with
from graphflow.components.signature import InvalidArgumentsError, validate_arguments
from graphflow.components.tool import Tool
from graphflow.components.tool_calls import UnknownToolError, tools_by_name
from graphflow.errors import GraphflowError
from graphflow.jsonstream import NOTHING, JsonStream, JsonStreamError
from graphflow.jsonstream.errors import Fault
from graphflow.jsonstream.schema import reader
from graphflow.places import caller_location
from graphflow.public import public
from graphflow_compiler.accumulate import accumulator

A = TypeVar("A", covariant=True)
T = TypeVar("T")

Check: TypeAlias = Callable[[ToolCall], Any]
"""What gives the arguments of a complete call, or raises `InvalidToolCallError`."""

_BLANKS: Final = " \t\n\r"  # of JSON


@attrs.frozen
class StreamedToolCall(Generic[A]):
    """A tool call of a model's answer, as far as it has come.

    Attributes:
        position: which call of the answer it is, from 0. What comes of one call has one position.
        id: its id; when it is complete and the provider gave none, one that was made up.
        name: the name of the tool; None if that has not come yet.
        arguments: as far as they have come, a dict that never changes later; when the call is complete, what `schema`
            or `tools` make of them.
        complete: whether it is. Then it does not come again.
    """

    position: int
    id: str | None
    name: str | None
    arguments: A
    complete: bool = False


@public
class InvalidToolCallError(GraphflowError, ValueError):
    """A tool call is complete, but none of those that were asked for: its name or its arguments are not.

    Attributes:
        call: the call; its `id` is what a `ToolMessage` to the model answers.
        reason: what is wrong with it, in words. What found that is the cause of the error.
    """

    def __init__(self, call: ToolCall, reason: str) -> None:
        super().__init__(call, reason)
        self.call = call
        self.reason = reason

    def __str__(self) -> str:
        return f"tool call `{self.call.name}` (id {self.call.id!r}) is not valid: {self.reason}"


@overload
def tool_calls(
    *,
    schema: None = None,
    tools: Iterable[Tool[Any]] | None = None,
    scalars: Literal["partial", "complete"] = "partial",
    max_depth: int = 200,
    max_chars: int | None = None,
) -> Transform[AIMessage, list[StreamedToolCall[dict[str, Any]]]]: ...
@overload
def tool_calls(
    *,
    schema: type[T],
    tools: None = None,
    scalars: Literal["partial", "complete"] = "partial",
    max_depth: int = 200,
    max_chars: int | None = None,
) -> Transform[AIMessage, list[StreamedToolCall[dict[str, Any] | T]]]: ...
@overload
def tool_calls(
    *,
    schema: Mapping[str, type[Any]],
    tools: None = None,
    scalars: Literal["partial", "complete"] = "partial",
    max_depth: int = 200,
    max_chars: int | None = None,
) -> Transform[AIMessage, list[StreamedToolCall[Any]]]: ...
def tool_calls(
    *,
    schema: type[Any] | Mapping[str, type[Any]] | None = None,
    tools: Iterable[Tool[Any]] | None = None,
    scalars: Literal["partial", "complete"] = "partial",
    max_depth: int = 200,
    max_chars: int | None = None,
) -> Transform[AIMessage, Any]:
    """Return a parser that gives the tool calls of a model's answer, with their arguments as they come.

    Each chunk is the list of the calls that one chunk of the message changed. All of them together are the calls of the
    answer, each as it came last: an aggregate after the parser, and `invoke`, get that list, in which all are complete.
    An answer without calls gives none.

    A call is complete with the bracket that closes its arguments. One that is cut off never is: it is an error.

    Args:
        schema: what the arguments of complete calls become: a pydantic model, an attrs class, a dataclass, a TypedDict
            or a msgspec struct; or several by the names of the tools.
        tools: in the place of a schema, the tools that may be called: arguments are checked against their signatures,
            and become what their functions take.
        scalars: "complete" shows strings and numbers only when they are complete.
        max_depth: how deep arguments may be nested.
        max_chars: how many characters the arguments of a call may have.

    Raises:
        CompileError: there is no tool in `tools`, two have the same name, or one is not made by `tool`.
        IncompleteToolCallError: while it runs: a call was cut off, or its arguments are no JSON object. It carries
            what came of it, and its cause has the place, and the arguments as far as they could be read.
        InvalidToolCallError: while it runs: a complete call is not what `schema` or `tools` ask for.

    >>> from graphflow import AIMessageChunk, ScriptedChatModel, ToolCallChunk
    >>> pieces = [ToolCallChunk(0, "call_1", "add", '{"x": 1'), ToolCallChunk(0, arguments_text='2, "y": 3}')]
    >>> chain = ScriptedChatModel([AIMessageChunk(tool_call_chunks=[piece]) for piece in pieces]) | tool_calls()
    >>> with chain.sync.stream("What is 12 + 3?") as chunks:
    ...     for (call,) in chunks:
    ...         print(call.name, call.arguments, call.complete)
    add {'x': 1} False
    add {'x': 12, 'y': 3} True
    """
    check = _checked_by(schema, tools)

    def arguments() -> JsonStream[Any]:
        return JsonStream(
            root="object", nan=False, strict=True, scalars=scalars, max_depth=max_depth, max_chars=max_chars
        )

    arguments()  # wrong options are told here, not when the chain runs
    return parser(
        "tool_calls",
        read_with(lambda: ToolCalls(arguments, check), _message_of),
        list[StreamedToolCall[Any]],
        accumulator(initial=dict, step=_latest, finish=lambda calls: list(calls.values()), name="latest of each call"),
        takes=AIMessage,
    )


def _latest(
    calls: dict[int, StreamedToolCall[Any]], changed: list[StreamedToolCall[Any]]
) -> dict[int, StreamedToolCall[Any]]:
    for call in changed:
        calls[call.position] = call
    return calls


def _message_of(chunk: object) -> AIMessage:
    if isinstance(chunk, AIMessage):
        return chunk
    raise TypeError(f"tool calls stand in the messages of a model, not in {type(chunk).__name__}: {chunk!r:.60}")


# --- reading them ------------------------------------------------------------------------------------------


class _Call:
    """One call, while it comes in pieces."""

    def __init__(self, position: int, join: CallJoin, joined: int, arguments: JsonStream[Any]) -> None:
        self.position = position
        self.joined = joined  # its position among those that come in pieces
        self.id: str | None = None
        self.name: str | None = None
        self.arguments: Any = {}  # as far as they have come
        self.complete = False
        self._join = join
        self._stream = arguments
        self._begun = False

    def add(self, piece: ToolCallChunk) -> bool:
        """Add a piece; return whether that changed what is shown."""
        before = (self.id, self.name)
        self.id = self.id or piece.id
        self.name = self.name or piece.name
        text = piece.arguments_text
        if not self._begun and (begin := text.lstrip(_BLANKS)):
            self._begun = True
            if begin[0] != "{":  # no text goes before the arguments, as it may before other JSON
                raise self._incomplete("its arguments are no JSON object")
        return self._take(lambda: self._stream.feed(text)) or before != (self.id, self.name)

    def check(self) -> None:
        """Raise what is wrong with the arguments, if that is known."""
        if self._stream.error is not None:
            self._take(lambda: self._stream.feed(""))

    def end(self) -> None:
        """Raise what is missing, if something is, since no more comes."""
        if self.complete:
            return
        if self._begun:
            self._take(self._stream.finish)
        raise self._incomplete("it has no name" if self.name is None else "its arguments did not come")

    @property
    def ended(self) -> bool:
        """Whether all of it is there."""
        return self._stream.complete and self.name is not None

    def as_it_came(self) -> ToolCallChunk:
        """Its pieces, joined."""
        return self._join.joined(self.joined)

    def _take(self, read: Callable[[], Any]) -> bool:
        try:
            value = read()
        except JsonStreamError as error:
            raise self._incomplete(
                f"its arguments are no JSON object ({error.message} at character {error.offset})"
            ) from error
        if value is NOTHING or value == self.arguments == {}:
            return False
        self.arguments = value
        return True

    def _incomplete(self, reason: str) -> IncompleteToolCallError:
        return IncompleteToolCallError(self.as_it_came(), reason)


class ToolCalls:
    """Reads tool calls from messages that come in chunks, and gives those that each of them changed."""

    def __init__(self, arguments: Callable[[], JsonStream[Any]], check: Check) -> None:
        self._arguments = arguments
        self._check = check
        self._join = CallJoin()
        self._calls: list[_Call] = []  # as they are joined
        self._newest: dict[int, _Call] = {}  # by index
        self._count = 0  # of all, also of those that came whole
        self._message_id: str | None = None

    def feed(self, message: AIMessage, /) -> Iterator[list[StreamedToolCall[Any]]]:
        """Read one more chunk of the message, or all of it; give the calls that it changed.

        Raises:
            IncompleteToolCallError: a call was cut off, or is malformed.
            InvalidToolCallError: a complete call is not what was asked for.
        """
        self._message_id = self._message_id or message.id
        changed: list[StreamedToolCall[Any]] = []
        wrong: Exception | None = None
        try:
            changed.extend(self._read(message))  # what came before an error counts
        except (IncompleteToolCallError, InvalidToolCallError) as error:
            wrong = error
        if changed:
            yield changed
        if wrong is not None:
            raise wrong

    def finish(self) -> Iterator[list[StreamedToolCall[Any]]]:
        """Say that the message has ended.

        Raises:
            IncompleteToolCallError: a call is not complete.
        """
        for call in self._calls:
            call.end()
        yield from ()

    def _read(self, message: AIMessage) -> Iterator[StreamedToolCall[Any]]:
        if not isinstance(message, AIMessageChunk):
            yield from map(self._whole, message.tool_calls)
            return
        blocks = () if isinstance(message.content, str) else message.content
        yield from (self._whole(block.call) for block in blocks if isinstance(block, ToolCallBlock))
        for piece in message.tool_call_chunks:
            yield from self._add(self._call_of(piece), piece)

    def _whole(self, call: ToolCall) -> StreamedToolCall[Any]:
        self._count += 1
        return self._given(self._count - 1, call)

    def _given(self, position: int, call: ToolCall) -> StreamedToolCall[Any]:
        return StreamedToolCall(position, call.id, call.name, self._check(call), complete=True)

    def _call_of(self, piece: ToolCallChunk) -> _Call:
        """Put a piece to those before; return the call that it is of."""
        joined = self._join.add(piece)
        if joined == len(self._calls):
            if piece.index in self._newest:
                self._newest[piece.index].end()  # another one has begun in its place
            call = self._newest[piece.index] = _Call(self._count, self._join, joined, self._arguments())
            self._calls.append(call)
            self._count += 1
        return self._calls[joined]

    def _add(self, call: _Call, piece: ToolCallChunk) -> Iterator[StreamedToolCall[Any]]:
        """Read a piece of a call; give the call, if that changed it."""
        changed = call.add(piece)
        completed = call.ended and not call.complete
        if completed:
            call.complete = True
            assert call.name is not None
            id_of_call = call.id or made_up_id(self._message_id, call.joined)
            yield self._given(call.position, ToolCall(id_of_call, call.name, call.arguments))
        elif changed and not call.complete:
            yield StreamedToolCall(call.position, call.id, call.name, call.arguments)
        call.check()
        if call.complete and (completed or piece.arguments_text.strip(_BLANKS)):
            parse_call(call.as_it_came(), "")  # nothing may follow the arguments


# --- what they must be -------------------------------------------------------------------------------------


def _checked_by(schema: type[Any] | Mapping[str, type[Any]] | None, tools: Iterable[Tool[Any]] | None) -> Check:
    if schema is None and tools is None:
        return lambda call: call.arguments
    if schema is not None and tools is not None:
        raise ValueError("schema= and tools= both say what the arguments become: choose one")
    if tools is not None:
        named = tools_by_name(tools, "tool_calls", caller_location())
        return _one_of({name: _fitting(tool) for name, tool in named.items()})
    if isinstance(schema, Mapping):
        return _one_of({name: _valid(each) for name, each in schema.items()})
    return _valid(schema)


def _one_of(checks: Mapping[str, Check]) -> Check:
    if not checks:
        raise ValueError("schema= names no tool: give a schema for each, by their names")

    def check(call: ToolCall) -> Any:
        if call.name not in checks:
            unknown = UnknownToolError(call.name, checks)
            raise InvalidToolCallError(call, str(unknown)) from unknown
        return checks[call.name](call)

    return check


def _fitting(tool: Tool[Any]) -> Check:
    def check(call: ToolCall) -> dict[str, Any]:
        try:
            return validate_arguments(tool._signature, call.arguments)
        except InvalidArgumentsError as error:
            raise InvalidToolCallError(call, "; ".join(map(str, error.problems))) from error

    return check


def _valid(schema: Any) -> Check:
    read = reader(schema)

    def check(call: ToolCall) -> Any:
        try:
            return read(call.arguments)
        except Fault as fault:
            where = f" in {fault.path.lstrip('.')}" if fault.path else ""
            raise InvalidToolCallError(call, f"{fault}{where}") from fault.__cause__

    return check
