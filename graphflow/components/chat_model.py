"""Chat and text models: subclass, write one asynchronous generator, and the model is a node."""

from __future__ import annotations

import abc
import inspect
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Self, TypeVar

import attrs

from graphflow.chain import Producer
from graphflow.components.messages import AIMessageChunk, Message, MessagesLike, as_messages
from graphflow.components.parsers import json_items
from graphflow.components.signature import _shape_of
from graphflow.declaration import Step
from graphflow.functions import brief
from graphflow.places import caller_location
from graphflow.runtime.closing import aclose
from graphflow.runtime.current import CURRENT
from graphflow.scopes import open_scope
from graphflow_compiler.ir import Node, NodeId, Op, Port

M = TypeVar("M", bound="ChatModel | TextModel")
T = TypeVar("T")

#: The options that the events of a model have in their metadata.
_TOLD_BY_EVENTS: Final = ("temperature", "max_tokens")


class _Model:
    """What chat and text models share: their options, and what their events say of them."""

    _options: Mapping[str, object]

    def __init__(self) -> None:
        self._options = {}

    @property
    def options(self) -> Mapping[str, object]:
        """What `bind` has given: tools, stop words, temperature..."""
        return self._options


class ChatModel(_Model, Producer[MessagesLike, AIMessageChunk], abc.ABC):
    """A model that answers messages with a streamed message.

    Subclasses write `generate`. A string is taken as one human message. All chunks of a response get one id, that of
    the run, unless the provider gave them one.

    Args:
        name: the name of its node and run; the name of the class if not given.
        metadata: what its events say of it, such as ``provider`` and ``model_name``.
    """

    def __init__(self, *, name: str | None = None, metadata: Mapping[str, object] | None = None) -> None:
        _Model.__init__(self)
        Producer.__init__(self, Step(_node(self, "chat_model", name, metadata, str | list[Message], AIMessageChunk)))

    @abc.abstractmethod
    def generate(self, messages: list[Message], /, **options: Any) -> AsyncIterator[AIMessageChunk]:
        """Answer messages: an asynchronous generator of the chunks of one response.

        Args:
            messages: the conversation so far.
            options: what `bind` has given.
        """

    def bind(self, **options: object) -> Self:
        """Return the same model with options for every call; what is bound again wins."""
        return _rebound(self, options)

    def with_schema(self, schema: type[T]) -> Producer[MessagesLike, T]:
        """Return a chain of the model and a parser, whose output is one instance of a class.

        The model is told the JSON schema of the class, so that providers that can hold it to that do. In any case the
        answer is validated: what is cut off or does not fit is an error and never becomes an instance. For partial
        values while they stream, put `json_parser(schema=...)` behind the model instead.

        Args:
            schema: a dataclass, an attrs class, a TypedDict or a pydantic model.

        Raises:
            TypeError: the class cannot be described as a JSON schema.
            JsonStreamError: when it runs, the answer is not what the schema asks for.

        >>> from dataclasses import dataclass
        >>> from graphflow import ScriptedChatModel
        >>> @dataclass
        ... class City:
        ...     name: str
        >>> ScriptedChatModel('{"name": "Paris"}').with_schema(City).sync.invoke("Where?")
        City(name='Paris')
        """
        described = _json_schema(schema)
        return self.bind(**self._schema_options(schema.__name__, described)) | json_items("$", schema=schema)

    def _schema_options(self, name: str, schema: dict[str, Any]) -> dict[str, object]:
        """Return the options that tell the model of a JSON schema; OpenAI's, which most servers understand."""
        named = {"name": re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64], "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": named}}

    async def _stream(self, value: MessagesLike) -> AsyncIterator[AIMessageChunk]:
        chunks = _generated(self, self.generate(as_messages(value), **self._options))
        response_id = None
        try:
            async for chunk in chunks:
                if not isinstance(chunk, AIMessageChunk):
                    raise _misgenerated(self, chunk, "AIMessageChunk")
                response_id = response_id or chunk.id or new_response_id()
                yield chunk if chunk.id == response_id else chunk.with_id(response_id)
        finally:
            await aclose(chunks)

    @staticmethod
    def _present(value: Any) -> object:
        return {"messages": [as_messages(value)]}


class TextModel(_Model, Producer[MessagesLike, str], abc.ABC):
    """A model that continues a text with a streamed text. Subclasses write `generate`."""

    def __init__(self, *, name: str | None = None, metadata: Mapping[str, object] | None = None) -> None:
        _Model.__init__(self)
        Producer.__init__(self, Step(_node(self, "llm", name, metadata, str | list[Message], str)))

    @abc.abstractmethod
    def generate(self, text: str, /, **options: Any) -> AsyncIterator[str]:
        """Continue a text: an asynchronous generator of the pieces of one response."""

    def bind(self, **options: object) -> Self:
        """Return the same model with options for every call; what is bound again wins."""
        return _rebound(self, options)

    async def _stream(self, value: str | list[Message]) -> AsyncIterator[str]:
        pieces = _generated(self, self.generate(_as_text(value), **self._options))
        try:
            async for piece in pieces:
                if not isinstance(piece, str):
                    raise _misgenerated(self, piece, "str")
                yield piece
        finally:
            await aclose(pieces)

    @staticmethod
    def _present(value: Any) -> object:
        return {"prompts": [_as_text(value)]}


def _node(
    model: ChatModel | TextModel,
    kind: str,
    name: str | None,
    metadata: Mapping[str, object] | None,
    takes: object,
    gives: object,
) -> Node:
    around = open_scope(model.generate)
    return Node(
        NodeId(""),
        name or type(model).__name__,
        Op.GENERATE,
        (Port("prompt", streams=False, type=takes),),
        gives,
        function=model._stream,
        is_async=True,
        suspends=True,
        keeps_open="" if around is None else str(around),
        kind=kind,
        metadata=dict(metadata or {}),
        present=model._present,
        location=caller_location(),
    )


def _generated(model: _Model, generated: Any) -> AsyncIterator[Any]:
    """Return what `generate` gives, if it gives chunks.

    Raises:
        TypeError: it is no asynchronous generator.
    """
    if hasattr(generated, "__aiter__"):
        return aiter(generated)
    if inspect.iscoroutine(generated):
        generated.close()  # or Python warns that nobody has awaited it
    raise TypeError(
        f"`generate` of {type(model).__name__} gives {brief(generated)}, but it is to be an asynchronous generator: "
        "yield the chunks of the answer in an `async def`"
    )


def _misgenerated(model: _Model, chunk: object, kind: str) -> TypeError:
    hint = ": wrap it, AIMessageChunk(text)" if isinstance(chunk, str) else ""
    return TypeError(f"`generate` of {type(model).__name__} yields {kind}s, but gave {brief(chunk)}{hint}")


def _rebound(model: M, options: Mapping[str, object]) -> M:
    """Return a copy with more options, whose node runs the copy."""
    copy = model._with(model._declaration)
    copy._options = {**model._options, **options}
    told = {name: options[name] for name in _TOLD_BY_EVENTS if name in options}
    bound = copy._with_node(lambda node: attrs.evolve(node, function=copy._stream, metadata={**node.metadata, **told}))
    assert isinstance(bound, type(model))
    return bound


def _json_schema(of: type[Any]) -> dict[str, Any]:
    """Return the JSON schema of a class, in which no object takes further keys: some providers insist on that."""
    describe = getattr(of, "model_json_schema", None)  # pydantic's, which is not imported for it
    schema: dict[str, Any] = _closed(_shape_of(of, ()).schema if describe is None else describe())
    return schema


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return closed | {key: _closed(part) for key, part in schema.items()}


def new_response_id() -> str:
    """Return the id of a response whose provider gives it none: that of its run."""
    current = CURRENT.get()
    is_own = current is not None and current.kind == "chat_model"  # else nobody is told of this model's run
    return f"run--{current.path[-1] if current is not None and is_own else uuid.uuid4()}"


def _as_text(value: str | list[Message]) -> str:
    """Return messages as the text that a model without roles continues."""
    if isinstance(value, str):
        return value
    return "\n".join(f"{message.role.capitalize()}: {message.text}" for message in as_messages(value))
