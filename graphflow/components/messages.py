"""Messages: what chat models take and give.

`SystemMessage`, `HumanMessage`, `AIMessage` and `ToolMessage` are frozen values. A model streams
`AIMessageChunk`s, which add up with `+`; a chunk *is* an `AIMessage`, so what a stream folds to can stand
wherever messages are taken.

>>> chunks = [AIMessageChunk("Hel", id="run-1", usage=Usage(8, 0)), AIMessageChunk("lo", usage=Usage(0, 40))]
>>> sum_chunks(chunks)
AIMessageChunk('Hello', id='run-1', usage=Usage(input_tokens=8, output_tokens=40, total_tokens=48))
>>> as_messages("hello")
[HumanMessage('hello')]
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NoReturn, TypeAlias

import attrs

from graphflow.errors import GraphflowError
from graphflow.public import public


def _short(text: str | None) -> str:
    return repr(text) if text is None or len(text) <= 200 else f"{text[:160]!r}... ({len(text)} characters)"


def _named(value: object) -> str:
    """Name a value of the wrong type: its type and, if that is short, itself."""
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} with the keys {_short(str(list(value)))}"
    shown = repr(value) if isinstance(value, str | int | float | bool | tuple | None) else ""
    return f"{type(value).__name__} {shown}".strip() if len(shown) <= 80 else f"{type(value).__name__} {shown[:80]}..."


def _copied(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return dict(mapping)


def _none_if_empty(text: str | None) -> str | None:
    return text or None


def _input_plus_output(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens


@attrs.frozen(repr=False)
class Usage:
    """How many tokens a response took. Usages add up, details key by key.

    `total_tokens` is input plus output unless given. Details are counts that are *part* of the input or the
    output, such as `{"cache_read": 6}`.

    >>> Usage(8, 0, input_details={"cache_read": 6}) + Usage(0, 40)
    Usage(input_tokens=8, output_tokens=40, total_tokens=48, input_details={'cache_read': 6})
    """

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = attrs.field(default=attrs.Factory(_input_plus_output, takes_self=True))
    input_details: Mapping[str, int] = attrs.field(factory=dict, converter=_copied, hash=False, kw_only=True)
    output_details: Mapping[str, int] = attrs.field(factory=dict, converter=_copied, hash=False, kw_only=True)

    def __add__(self, other: Usage) -> Usage:
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.total_tokens + other.total_tokens,
            input_details=_added(self.input_details, other.input_details),
            output_details=_added(self.output_details, other.output_details),
        )

    def __repr__(self) -> str:
        counts = [f"{name}={getattr(self, name)}" for name in ("input_tokens", "output_tokens", "total_tokens")]
        details = [f"{name}={getattr(self, name)}" for name in ("input_details", "output_details")]
        return f"Usage({', '.join(counts + [shown for shown in details if not shown.endswith('={}')])})"


def _added(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {**left, **{key: left.get(key, 0) + count for key, count in right.items()}}


# --- tool calls -------------------------------------------------------------------------------------------


@attrs.frozen
class ToolCall:
    """A model's whole, parsed request to call a tool.

    >>> ToolCall("call_1", "search", {"query": "trio"}).arguments["query"]
    'trio'
    """

    id: str
    name: str
    arguments: dict[str, Any] = attrs.field(factory=dict, hash=False)


@attrs.frozen
class ToolCallChunk:
    """A piece of a tool call as it streams. Pieces of one `index` are one call.

    Joined, the first `id` and the first `name` count, and `arguments_text` is put together. A piece with
    *another* id at the same index begins another call, since some servers number all calls 0.
    """

    index: int
    id: str | None = attrs.field(default=None, converter=_none_if_empty)
    name: str | None = attrs.field(default=None, converter=_none_if_empty)
    arguments_text: str = attrs.field(default="", repr=_short)


@public
class IncompleteToolCallError(GraphflowError):
    """A tool call did not end as a name and one JSON object: it was cut off, or is malformed.

    It never becomes a `ToolCall`, not even one without arguments: a call whose arguments text is empty cannot be told
    from one that was cut off after its name, so providers write `{}` for a finished call without arguments.

    Attributes:
        call: the joined piece (`index`, `id`, `name`) that is not a call.
        partial: the arguments text as far as it came.
        reason: what is wrong with it, in words.
    """

    def __init__(self, call: ToolCallChunk, reason: str) -> None:
        super().__init__(call, reason)
        self.call = call
        self.reason = reason

    @property
    def partial(self) -> str:
        """The arguments text as far as it came."""
        return self.call.arguments_text

    def __str__(self) -> str:
        name = f"`{self.call.name}`" if self.call.name else "without a name"
        with_id = f", id {self.call.id!r}" if self.call.id else ""
        so_far = f"so far: {_short(self.partial)}" if self.partial else "no arguments came"
        return f"tool call {name} (index {self.call.index}{with_id}) is not complete: {self.reason}; {so_far}"


def parse_call(piece: ToolCallChunk, id_if_absent: str) -> ToolCall:
    """Make a call of its joined pieces.

    Raises:
        IncompleteToolCallError: it was cut off, or is malformed.
    """
    if piece.name is None:
        raise IncompleteToolCallError(piece, "it has no name")
    try:
        arguments = json.loads(piece.arguments_text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise IncompleteToolCallError(piece, f"its arguments are not whole JSON ({error})") from None
    except (ValueError, RecursionError) as error:  # NaN; integers and nestings beyond Python's own limits
        raise IncompleteToolCallError(piece, f"its arguments cannot be read ({error})") from None
    if not isinstance(arguments, dict):
        raise IncompleteToolCallError(piece, f"its arguments are a JSON {type(arguments).__name__}, not an object")
    return ToolCall(piece.id or id_if_absent, piece.name, arguments)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def made_up_id(message_id: str | None, position: int) -> str:
    """Make an id for a call that has none: some servers give none, but a ToolMessage must name the call it answers."""
    return f"{message_id or 'call'}-{position + 1}"


class CallJoin:
    """Tool-call pieces in order of arrival, each call's text joined when that is asked for."""

    __slots__ = ("_calls", "_newest")

    def __init__(self) -> None:
        self._calls: list[list[ToolCallChunk]] = []
        # By index: the position of its newest call, and that call's id.
        self._newest: dict[int, tuple[int, str | None]] = {}

    def add(self, piece: ToolCallChunk) -> int:
        """Add a piece; return the position of the call that it is of, which is a new one if there is none there yet."""
        position, call_id = self._newest.get(piece.index, (None, None))
        if position is None or (call_id and piece.id and piece.id != call_id):
            position, call_id = len(self._calls), None
            self._calls.append([])
        self._calls[position].append(piece)
        self._newest[piece.index] = (position, call_id or piece.id)
        return position

    def joined(self, position: int) -> ToolCallChunk:
        """Give the call at a position, as far as it has come."""
        return _joined_call(self._calls[position])

    def result(self) -> tuple[ToolCallChunk, ...]:
        """Give all calls, as far as they have come."""
        return tuple(map(_joined_call, self._calls))


def _joined_call(pieces: list[ToolCallChunk]) -> ToolCallChunk:
    return ToolCallChunk(
        pieces[0].index,
        next((piece.id for piece in pieces if piece.id), None),
        next((piece.name for piece in pieces if piece.name), None),
        "".join([piece.arguments_text for piece in pieces]),
    )


# --- content ----------------------------------------------------------------------------------------------


@attrs.frozen
class TextBlock:
    """A piece of text among other blocks. `index` says which block of a stream it continues."""

    text: str = attrs.field(repr=_short)
    index: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ReasoningBlock:
    """What a model thought before it answered; `signature` is the provider's seal, to be sent back unchanged."""

    text: str = attrs.field(repr=_short)
    signature: str | None = attrs.field(default=None, repr=_short)
    index: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class ToolCallBlock:
    """A tool call at its place in the content. It counts among its message's `tool_calls`."""

    call: ToolCall


@attrs.frozen(repr=False, kw_only=True)
class ImageBlock:
    """An image: a `url`, or `media_type` and `data` (the raw bytes). Raises `ValueError` for anything else.

    >>> ImageBlock(media_type="image/png", data=bytes(3))
    ImageBlock(media_type='image/png', data=<3 bytes>)
    >>> _.base64
    'AAAA'
    """

    url: str | None = None
    media_type: str | None = None
    data: bytes | None = None

    def __attrs_post_init__(self) -> None:
        if (self.url is None) == (self.data is None):
            raise ValueError("an ImageBlock is a url or data: give exactly one of the two")
        if self.data is not None and self.media_type is None:
            raise ValueError("an ImageBlock with data needs its media type, such as media_type='image/png'")

    @property
    def base64(self) -> str:
        """The data in base64; `ValueError` if the image is a url."""
        if self.data is None:
            raise ValueError("this ImageBlock is a url and has no data")
        return base64.b64encode(self.data).decode("ascii")

    def __repr__(self) -> str:
        shown = {"url": self.url and _short(self.url), "media_type": self.media_type and repr(self.media_type)}
        if self.data is not None:
            shown["data"] = f"<{len(self.data)} bytes>"
        return f"ImageBlock({', '.join(f'{name}={value}' for name, value in shown.items() if value)})"


Block: TypeAlias = TextBlock | ReasoningBlock | ToolCallBlock | ImageBlock
Content: TypeAlias = str | tuple[Block, ...]


def _as_content(content: str | Sequence[Block]) -> Content:
    """Take a str or blocks; no blocks are the empty text, so that nothing has two forms."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        raise TypeError(f"content is a str or a list of blocks, not {_named(content)}")
    for position, block in enumerate(content):
        if not isinstance(block, Block):
            raise TypeError(f"content[{position}] is {_named(block)}, not a block (TextBlock, ImageBlock, ...)")
    return tuple(content) or ""


def _as_joined_content(content: str | Sequence[Block]) -> Content:
    content = _as_content(content)
    if isinstance(content, str) or len(content) == 1:
        return content
    joined = _BlockJoin()
    for block in content:
        joined.add(block)
    return joined.result()


class _BlockJoin:
    """Blocks in order of arrival, the pieces of each joined once, at the end.

    A piece continues the block of its own kind and index, wherever that stands; a piece without an index
    continues the last block, if that is of its kind and has no index either.
    """

    __slots__ = ("_blocks", "_indexed")

    def __init__(self) -> None:
        self._blocks: list[list[Block]] = []
        self._indexed: dict[tuple[type, int], list[Block]] = {}

    def add(self, block: Block) -> None:
        pieces = self._continued_by(block)
        if pieces is None:
            pieces = []
            self._blocks.append(pieces)
            if isinstance(block, TextBlock | ReasoningBlock) and block.index is not None:
                self._indexed[type(block), block.index] = pieces
        pieces.append(block)

    def _continued_by(self, block: Block) -> list[Block] | None:
        if not isinstance(block, TextBlock | ReasoningBlock):
            return None
        if block.index is not None:
            return self._indexed.get((type(block), block.index))
        last = self._blocks[-1] if self._blocks else None
        return last if last and type(last[0]) is type(block) and getattr(last[0], "index", None) is None else None

    def result(self) -> tuple[Block, ...]:
        return tuple(_joined_block(pieces) for pieces in self._blocks)


def _joined_block(pieces: list[Block]) -> Block:
    first = pieces[0]
    if len(pieces) == 1:
        return first
    texts = [piece.text for piece in pieces if isinstance(piece, TextBlock | ReasoningBlock)]
    if isinstance(first, ReasoningBlock):
        signatures = [piece.signature for piece in pieces if isinstance(piece, ReasoningBlock) and piece.signature]
        return attrs.evolve(first, text="".join(texts), signature="".join(signatures) or None)
    assert isinstance(first, TextBlock)
    return attrs.evolve(first, text="".join(texts))


# --- messages ---------------------------------------------------------------------------------------------


@attrs.frozen(repr=False, slots=False)
class Message:
    """Any message; one of `SystemMessage`, `HumanMessage`, `AIMessage` and `ToolMessage`."""

    role: ClassVar[Literal["system", "human", "ai", "tool"]]

    content: Content = attrs.field(converter=_as_content)
    id: str | None = attrs.field(default=None, kw_only=True)
    name: str | None = attrs.field(default=None, kw_only=True)

    @property
    def text(self) -> str:
        """The text of the content: blocks that are not text are left out."""
        if isinstance(self.content, str):
            return self.content
        return "".join([block.text for block in self.content if isinstance(block, TextBlock)])

    def __repr__(self) -> str:
        shown = [_short(self.content) if isinstance(self.content, str) else repr(self.content)]
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if field.name != "content" and value and value != field.default:
                shown.append(f"{field.alias}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


@attrs.frozen(repr=False, slots=False)
class SystemMessage(Message):
    """Instructions to the model: `SystemMessage("Answer in French.")`."""

    role = "system"


@attrs.frozen(repr=False, slots=False)
class HumanMessage(Message):
    """What the user says, as text, or as blocks such as text and an image: `HumanMessage("hello")`."""

    role = "human"


@attrs.frozen(repr=False, slots=False)
class ToolMessage(Message):
    """What a tool gave, or why it failed, in answer to the call `tool_call_id`.

    >>> ToolMessage("no such city", tool_call_id="call_1", status="error")
    ToolMessage('no such city', tool_call_id='call_1', status='error')
    """

    role = "tool"

    tool_call_id: str = attrs.field(kw_only=True)
    status: Literal["success", "error"] = attrs.field(default="success", kw_only=True)


def _as_calls(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    calls = tuple(calls)
    for position, call in enumerate(calls):
        if not isinstance(call, ToolCall):
            raise TypeError(f"tool_calls[{position}] is {_named(call)}, not a ToolCall")
    return calls


@attrs.frozen(repr=False, slots=False)
class AIMessage(Message):
    """A model's whole response.

    Raises `ValueError` if one call stands both in a `ToolCallBlock` and in `tool_calls=`.

    >>> AIMessage(tool_calls=[ToolCall("call_1", "search", {"query": "trio"})]).tool_calls[0].name
    'search'
    """

    role = "ai"

    content: Content = attrs.field(default="", converter=_as_content)
    # Private, because a chunk computes its calls from their pieces and yet is an AIMessage.
    _tool_calls: tuple[ToolCall, ...] = attrs.field(default=(), converter=_as_calls, alias="tool_calls", kw_only=True)
    usage: Usage | None = attrs.field(default=None, kw_only=True)
    response_metadata: Mapping[str, Any] = attrs.field(factory=dict, converter=_copied, hash=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self._tool_calls and not isinstance(self.content, str):
            twice = {call.id for call in self._calls_in_content()} & {call.id for call in self._tool_calls}
            if twice:
                raise ValueError(f"tool call {min(twice)!r} is given twice: in a ToolCallBlock and in tool_calls=")

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls in the content's `ToolCallBlock`s, then those given as `tool_calls=`."""
        return self._calls_in_content() + self._tool_calls

    def _calls_in_content(self) -> tuple[ToolCall, ...]:
        if isinstance(self.content, str):
            return ()
        return tuple(block.call for block in self.content if isinstance(block, ToolCallBlock))


def _as_joined_pieces(pieces: Iterable[ToolCallChunk]) -> tuple[ToolCallChunk, ...]:
    pieces = tuple(pieces)
    if len(pieces) < 2:
        return pieces
    joined = CallJoin()
    for piece in pieces:
        joined.add(piece)
    return joined.result()


@attrs.frozen(repr=False, slots=False, init=False)
class AIMessageChunk(AIMessage):
    """A piece of a model's response, additive by `+`; the sum of a response's chunks is the response.

    Texts are put together; blocks and tool-call pieces are joined by kind and index; usages add up; in
    `response_metadata` the later value wins unless it is None, and dicts in it are merged; the first `id` and
    the first `name` that are not None stay. `AIMessageChunk()` is the empty piece.

    To add many, use `sum_chunks`: it takes linear time where repeated `+` is quadratic.

    >>> hello = AIMessageChunk("Hel") + AIMessageChunk("lo", response_metadata={"stop_reason": "end_turn"})
    >>> hello.to_message()
    AIMessage('Hello', response_metadata={'stop_reason': 'end_turn'})
    """

    content: Content = attrs.field(default="", converter=_as_joined_content)
    _tool_calls: tuple[ToolCall, ...] = attrs.field(default=(), converter=_as_calls, init=False)
    tool_call_chunks: tuple[ToolCallChunk, ...] = attrs.field(default=(), converter=_as_joined_pieces, kw_only=True)

    def __init__(
        self,
        content: str | Sequence[Block] = "",
        *,
        id: str | None = None,
        name: str | None = None,
        usage: Usage | None = None,
        response_metadata: Mapping[str, Any] | None = None,
        tool_call_chunks: Iterable[ToolCallChunk] = (),
    ) -> None:
        if type(content) is str and not tool_call_chunks and not response_metadata:
            # Nearly every chunk of a model is plain text: there is nothing to check or to join.
            self.__dict__.update(
                content=content,
                id=id,
                name=name,
                _tool_calls=(),
                usage=usage,
                response_metadata={},
                tool_call_chunks=(),
            )
            return
        self.__attrs_init__(
            content,
            id=id,
            name=name,
            usage=usage,
            response_metadata=response_metadata or {},
            tool_call_chunks=tool_call_chunks,
        )

    def with_id(self, id: str) -> AIMessageChunk:
        """Return the same chunk as a piece of the response with that id."""
        chunk = object.__new__(type(self))
        chunk.__dict__.update(self.__dict__)
        chunk.__dict__["id"] = id
        return chunk

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls so far, parsed; look at `tool_call_chunks` while they stream.

        Raises:
            IncompleteToolCallError: a call is not complete (yet).
        """
        return self._calls_in_content() + self._parsed_calls()

    def _parsed_calls(self) -> tuple[ToolCall, ...]:
        return tuple(parse_call(piece, made_up_id(self.id, n)) for n, piece in enumerate(self.tool_call_chunks))

    def to_message(self) -> AIMessage:
        """Give the finished message, with parsed tool calls and without stream indices.

        Raises:
            IncompleteToolCallError: a tool call was cut off or is malformed.
        """
        return AIMessage(
            self.content if isinstance(self.content, str) else [_without_index(block) for block in self.content],
            id=self.id,
            name=self.name,
            tool_calls=self._parsed_calls(),
            usage=self.usage,
            response_metadata=self.response_metadata,
        )

    @classmethod
    def __sum_chunks__(cls) -> ChunkSum:
        """Begin a sum: how graphflow folds a stream of them."""
        return ChunkSum()

    def __add__(self, other: AIMessageChunk) -> AIMessageChunk:
        if not isinstance(other, AIMessageChunk):
            return NotImplemented
        return ChunkSum().add(self).add(other).result()


def _without_index(block: Block) -> Block:
    return attrs.evolve(block, index=None) if isinstance(block, TextBlock | ReasoningBlock) else block


class ChunkSum:
    """A sum of chunks under way: `add` takes each in constant time, `result` joins what has come so far.

    This is the fold for a graph's accumulator: the work is spread over the chunks, so no single step holds
    the event loop. `result` may be asked again after more chunks; results never change later.
    """

    __slots__ = ("_blocks", "_calls", "_id", "_metadata", "_name", "_texts", "_usage")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._blocks: _BlockJoin | None = None  # takes over from _texts with the first block
        self._calls = CallJoin()
        self._usage: Usage | None = None
        self._metadata: dict[str, Any] = {}
        self._id: str | None = None
        self._name: str | None = None

    def add(self, chunk: AIMessageChunk) -> ChunkSum:
        """Add one chunk and return the sum itself."""
        if chunk.content:
            self._add_content(chunk.content)
        for piece in chunk.tool_call_chunks:
            self._calls.add(piece)
        if chunk.usage is not None:
            self._usage = chunk.usage if self._usage is None else self._usage + chunk.usage
        if chunk.response_metadata:
            _merge_into(self._metadata, chunk.response_metadata)
        if self._id is None:
            self._id = chunk.id
        if self._name is None:
            self._name = chunk.name
        return self

    def _add_content(self, content: Content) -> None:
        if self._blocks is None:
            if isinstance(content, str):
                self._texts.append(content)
                return
            self._blocks = _BlockJoin()
            content = (*(TextBlock(text) for text in self._texts), *content)
        for block in (TextBlock(content),) if isinstance(content, str) else content:
            self._blocks.add(block)

    def result(self) -> AIMessageChunk:
        """Give the sum of the chunks so far; of none, the empty chunk."""
        metadata: dict[str, Any] = {}
        _merge_into(metadata, self._metadata)
        return AIMessageChunk(
            "".join(self._texts) if self._blocks is None else self._blocks.result(),
            id=self._id,
            name=self._name,
            usage=self._usage,
            response_metadata=metadata,
            tool_call_chunks=self._calls.result(),
        )


def sum_chunks(chunks: Iterable[AIMessageChunk]) -> AIMessageChunk:
    """Add chunks in linear time; equal to repeated `+`. Of none, the empty chunk.

    >>> sum_chunks(AIMessageChunk(piece) for piece in ["a", "b", "c"]).text
    'abc'
    """
    total = ChunkSum()
    for chunk in chunks:
        total.add(chunk)
    return total.result()


def _merge_into(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    """Merge `source` into `target`, copying its dicts; by a stack, since nesting may be any depth."""
    pending = [(target, source)]
    while pending:
        into, new = pending.pop()
        for key, value in new.items():
            if isinstance(value, dict):
                if not isinstance(into.get(key), dict):
                    into[key] = {}
                pending.append((into[key], value))
            elif value is not None or key not in into:
                into[key] = value


# --- coercion ---------------------------------------------------------------------------------------------

MessageLike: TypeAlias = Message | tuple[str, Content] | Mapping[str, Any]
MessagesLike: TypeAlias = str | MessageLike | Sequence[MessageLike]
"""What `as_messages` takes."""

_ACCEPTED = 'a str, a message, or a list of messages, ("human", "text") pairs or {"role": ..., "content": ...} dicts'

_CLASSES: dict[str, Callable[..., Message]] = {
    "system": SystemMessage,
    "developer": SystemMessage,
    "human": HumanMessage,
    "user": HumanMessage,
    "ai": AIMessage,
    "assistant": AIMessage,
    "tool": ToolMessage,
}


def as_messages(value: MessagesLike) -> list[Message]:
    """Take whatever stands for messages and give a list of them.

    A str is one human message. A list may hold messages, `(role, content)` pairs and dicts with `role`, `content`
    and the fields of that message (`tool_calls` also as OpenAI writes them). Roles are `system`, `human` or `user`,
    `ai` or `assistant`, and `tool`. Messages, chunks among them, are kept as they are.

    Raises:
        TypeError: something else was found; the error names it and its place.
        IncompleteToolCallError: a dict's tool call has arguments text that is not whole.

    >>> as_messages([("system", "Be brief."), {"role": "user", "content": "hello"}])
    [SystemMessage('Be brief.'), HumanMessage('hello')]
    """
    return _as_messages(value)


def _as_messages(value: object) -> list[Message]:
    if isinstance(value, str):
        return [HumanMessage(value)]
    if isinstance(value, Message | Mapping) or _is_pair(value):
        return [_as_message(value, "")]
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [_as_message(item, f" at [{position}]") for position, item in enumerate(value)]
    raise TypeError(f"expected {_ACCEPTED}; found {_named(value)}")


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def _as_message(item: object, where: str) -> Message:
    if isinstance(item, Message):
        return item
    if _is_pair(item):
        assert isinstance(item, tuple)
        return _built(item[0], {"content": item[1]}, where)
    if isinstance(item, Mapping):
        fields = dict(item)
        if "role" not in fields:
            raise TypeError(f"expected a message dict with a 'role'; found {_named(item)}{where}")
        return _built(fields.pop("role"), fields, where)
    if isinstance(item, str):
        # A list of texts is more often a mistake upstream than a conversation, so nothing is guessed.
        raise TypeError(f'expected a message; found {_named(item)}{where}: write ("human", text) to say whose it is')
    raise TypeError(f"expected {_ACCEPTED}; found {_named(item)}{where}")


def _built(role: object, fields: dict[str, Any], where: str) -> Message:
    make = _CLASSES.get(role) if isinstance(role, str) else None
    if make is None:
        raise TypeError(f"expected a role ({', '.join(_CLASSES)}); found {_named(role)}{where}")
    if fields.get("content", "") is None:  # OpenAI's form of a message that only calls tools
        fields["content"] = ""
    try:
        if "tool_calls" in fields:
            fields["tool_calls"] = [_as_call(call) for call in fields["tool_calls"] or ()]
        return make(**fields)
    except TypeError as error:
        raise TypeError(f"this {role} message cannot be made{where}: {error}") from None


def _as_call(call: object) -> ToolCall:
    if isinstance(call, ToolCall):
        return call
    if isinstance(call, Mapping):
        function = call.get("function", call)
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            arguments = function.get("arguments", {})
            if isinstance(arguments, str):
                return parse_call(ToolCallChunk(0, call.get("id"), function["name"], arguments), "call-1")
            if isinstance(arguments, dict) and isinstance(call.get("id"), str):
                return ToolCall(call["id"], function["name"], arguments)
    raise TypeError(f"expected a tool call with 'id', 'name' and 'arguments'; found {_named(call)}")
