"""Models behind Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from typing import Any, Final

from graphflow.components.messages import (
    AIMessage,
    AIMessageChunk,
    Block,
    ImageBlock,
    Message,
    ReasoningBlock,
    SystemMessage,
    TextBlock,
    ToolCall,
    ToolCallBlock,
    ToolCallChunk,
    ToolMessage,
    Usage,
)
from graphflow.components.tool import Tool
from graphflow.providers.wire import CONNECTING, SILENCE, ErrorEventError, RemoteChatModel, options_of

#: Thinking that Anthropic does not show comes as one opaque text, which is kept as the signature of an empty block.
_REDACTED: Final = "redacted_thinking:"

#: What the API refuses since its version 2026-10-21, and the SDK with it: who asks for it gets the version before.
_SAMPLING: Final = ("temperature", "top_p", "top_k")
_VERSION_WITH_SAMPLING: Final = {"anthropic-version": "2023-06-01"}


class AnthropicChatModel(RemoteChatModel):
    """A chat model of Anthropic, by the `anthropic` SDK.

    Needs ``pip install 'graphflow-compiler[anthropic]'``. A run opens a connection of its own, and leaving the run
    closes it. Failures are not tried again unless `max_retries` says so.

    Args:
        model: its name, such as ``"claude-sonnet-4-5"``.
        base_url: the address of another server; the environment's ANTHROPIC_BASE_URL if not given, else Anthropic's.
        api_key: the environment's ANTHROPIC_API_KEY if not given.
        temperature: how much chance there is in the answer, from 0. Anthropic's newest API has no such option any
            more; with it, the request is of version 2023-06-01, and models that do not take it refuse it.
        max_tokens: how long the answer may be.
        timeout: for how many seconds nothing may come before the run fails, not even a sign of life, as in the SDK:
            it does not limit how long the whole answer takes. None is for ever.
        connect_timeout: how many seconds connecting may take.
        total_timeout: how many seconds the provider may take for the whole answer, retries included. What the reader
            of the stream takes is not counted.
        max_retries: how often the SDK tries again by itself before the answer begins.
        headers: further headers of the request; values of 4 characters or more are kept as secret as the key.
        name: the name of its node and run.
        metadata: what its events say of it, besides provider, model_name, model_type, temperature and max_tokens.

    Raises:
        MissingExtraError: the `anthropic` package is not installed.
        ProviderError: when it runs; see its kinds.
    """

    provider = "anthropic"
    key_variable = "ANTHROPIC_API_KEY"
    url_variable = "ANTHROPIC_BASE_URL"

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        temperature: float | None = None,
        max_tokens: int = 4096,
        timeout: float | None = SILENCE,
        connect_timeout: float | None = CONNECTING,
        total_timeout: float | None = None,
        max_retries: int = 0,
        headers: Mapping[str, str] | None = None,
        name: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(
            model,
            base_url=base_url,
            api_key=api_key,
            temperature=temperature,
            max_tokens=max_tokens,
            timeout=timeout,
            connect_timeout=connect_timeout,
            total_timeout=total_timeout,
            max_retries=max_retries,
            headers=headers,
            name=name,
            metadata=metadata,
        )

    def _schema_options(self, name: str, schema: dict[str, Any]) -> dict[str, object]:
        return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}

    def _known_options(self) -> frozenset[str]:
        return options_of(self._sdk.resources.messages.AsyncMessages.create) | {"stop", *_SAMPLING}

    def _request(self, messages: list[Message], options: dict[str, Any]) -> dict[str, Any]:
        system, conversation = messages_for_anthropic(messages)
        request: dict[str, Any] = {"model": self.model, "messages": conversation, **options}
        if system:
            request["system"] = system
        stop = request.pop("stop", None)
        if stop:
            request["stop_sequences"] = [stop] if isinstance(stop, str) else list(stop)
        if "tools" in options:
            request["tools"] = [tool_for_anthropic(tool) for tool in options["tools"]]
        sampling = {name: request.pop(name) for name in _SAMPLING if name in request}
        if sampling:
            request["extra_body"] = {**sampling, **(options.get("extra_body") or {})}
            request["extra_headers"] = {**_VERSION_WITH_SAMPLING, **(options.get("extra_headers") or {})}
        choice = options.get("tool_choice")
        if isinstance(choice, str):
            kind = "any" if choice == "required" else choice
            request["tool_choice"] = {"type": kind} if kind in ("auto", "any", "none") else _this_tool(choice)
        return request

    def _new_client(self, **options: Any) -> Any:
        return self._sdk.AsyncAnthropic(**options)

    def _open(self, client: Any, request: dict[str, Any]) -> Awaitable[Any]:
        opened: Awaitable[Any] = client.messages.create(**request, stream=True)
        return opened

    def _reader(self, request_id: str | None) -> MessageReader:
        return MessageReader(request_id)


# --- what is sent ------------------------------------------------------------------------------------------


def messages_for_anthropic(messages: Iterable[Message]) -> tuple[str, list[dict[str, Any]]]:
    """Write messages as Anthropic takes them: the text of the system, and turns of the user and of the assistant.

    What tools gave is the user's turn; messages of one turn are joined.

    Raises:
        ValueError: a system message does not stand at the beginning.

    >>> messages_for_anthropic([SystemMessage("Be brief."), ToolMessage("21", tool_call_id="call_1")])
    ('Be brief.', [{'role': 'user', 'content': [{'type': 'tool_result', 'tool_use_id': 'call_1', 'content': '21'}]}])
    """
    system: list[str] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, SystemMessage):
            if turns:
                raise ValueError("Anthropic takes system messages only before all others")
            system.append(message.text)
            continue
        role = "assistant" if isinstance(message, AIMessage) else "user"
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "content": []})
        turns[-1]["content"] += _blocks(message)
    return "\n\n".join(filter(None, system)), [turn for turn in turns if turn["content"]]


def _blocks(message: Message) -> list[dict[str, Any]]:
    if isinstance(message, ToolMessage):
        content = message.content if isinstance(message.content, str) else _content(message)
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": content}
        return [{**result, "is_error": True} if message.status == "error" else result]
    written = _content(message)
    if isinstance(message, AIMessage):
        in_content = set() if isinstance(message.content, str) else set(map(id, _calls_in(message.content)))
        written += [_tool_use(call) for call in message.tool_calls if id(call) not in in_content]
    return written


def _calls_in(content: Iterable[Block]) -> Iterator[ToolCall]:
    return (block.call for block in content if isinstance(block, ToolCallBlock))


def _content(message: Message) -> list[dict[str, Any]]:
    blocks = (TextBlock(message.content),) if isinstance(message.content, str) else message.content
    return [written for block in blocks if (written := _block(block)) is not None]


def _block(block: Block) -> dict[str, Any] | None:
    """Write a block; None for what cannot be sent: empty texts, and reasoning without the seal of Anthropic."""
    match block:
        case TextBlock(text):
            return {"type": "text", "text": text} if text else None
        case ReasoningBlock(signature=str(signature)) if signature.startswith(_REDACTED):
            return {"type": "redacted_thinking", "data": signature.removeprefix(_REDACTED)}
        case ReasoningBlock(text, signature):
            return {"type": "thinking", "thinking": text, "signature": signature} if signature else None
        case ToolCallBlock(call):
            return _tool_use(call)
        case ImageBlock(url=str(url)):
            return {"type": "image", "source": {"type": "url", "url": url}}
        case ImageBlock():
            source = {"type": "base64", "media_type": block.media_type, "data": block.base64}
            return {"type": "image", "source": source}


def _tool_use(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def _this_tool(name: str) -> dict[str, Any]:
    return {"type": "tool", "name": name}


def tool_for_anthropic(tool: Any) -> Any:
    """Write a tool as Anthropic takes it; what is no `Tool` is taken as written already."""
    if not isinstance(tool, Tool):
        return tool
    return {"name": tool.name, "description": tool.description, "input_schema": tool.schema}


# --- what comes back ---------------------------------------------------------------------------------------


class MessageReader:
    """Makes chunks of the events of one message."""

    def __init__(self, request_id: str | None = None) -> None:
        self.is_done = False
        self._request_id = request_id
        self._output_tokens = 0
        # The calls whose arguments have not begun: their id, and the arguments that came with the name.
        self._empty_calls: dict[int, tuple[str, dict[str, Any]]] = {}

    def feed(self, data: str) -> Iterator[AIMessageChunk]:
        """Give the chunk of an event, if it says anything."""
        event = json.loads(data)
        match event["type"]:
            case "message_start":
                yield self._first(event["message"])
            case "content_block_start":
                yield from self._block_start(event["index"], event["content_block"])
            case "content_block_delta":
                yield from self._delta(event["index"], event["delta"])
            case "message_delta":
                yield self._last(event)
            case "message_stop":
                self.is_done = True
            case "error":
                raise ErrorEventError(event)

    def finish(self) -> Iterator[AIMessageChunk]:
        """Give nothing more."""
        if not self.is_done:
            raise EOFError("the connection was closed before the response was complete")
        yield from ()

    def _first(self, message: dict[str, Any]) -> AIMessageChunk:
        found = {"model_name": message.get("model"), "response_id": message.get("id"), "request_id": self._request_id}
        usage = message.get("usage") or {}
        cached = {part: usage.get(f"cache_{part}_input_tokens") or 0 for part in ("creation", "read")}
        return AIMessageChunk(
            "",
            # The tokens of the output are counted at the end; those of the start are part of them.
            usage=Usage(
                (usage.get("input_tokens") or 0) + sum(cached.values()),
                0,
                input_details={f"cache_{part}": count for part, count in cached.items()},
            ),
            response_metadata={name: value for name, value in found.items() if value},
        )

    def _block_start(self, index: int, block: dict[str, Any]) -> Iterator[AIMessageChunk]:
        match block["type"]:
            case "text" if block.get("text"):
                yield AIMessageChunk(block["text"])
            case "thinking" if block.get("thinking"):
                yield AIMessageChunk([ReasoningBlock(block["thinking"], index=index)])
            case "redacted_thinking":
                yield AIMessageChunk([ReasoningBlock("", _REDACTED + block["data"], index=index)])
            case "tool_use":
                self._empty_calls[index] = block["id"], block.get("input") or {}
                yield AIMessageChunk("", tool_call_chunks=[ToolCallChunk(index, block["id"], block["name"])])

    def _delta(self, index: int, delta: dict[str, Any]) -> Iterator[AIMessageChunk]:
        match delta["type"]:
            case "text_delta":
                if not isinstance(delta["text"], str):
                    raise TypeError(f"text is {type(delta['text']).__name__}, not text")
                yield AIMessageChunk(delta["text"])
            case "thinking_delta":
                yield AIMessageChunk([ReasoningBlock(delta["thinking"], index=index)])
            case "signature_delta":
                yield AIMessageChunk([ReasoningBlock("", delta["signature"], index=index)])
            case "input_json_delta":
                text = delta["partial_json"]
                if text.strip():
                    self._empty_calls.pop(index, None)
                yield AIMessageChunk("", tool_call_chunks=[ToolCallChunk(index, arguments_text=text)])

    def _last(self, event: dict[str, Any]) -> AIMessageChunk:
        """Give what came at the end; what the event counts is the sum so far."""
        delta, usage = event.get("delta") or {}, event.get("usage") or {}
        new = max(0, (usage.get("output_tokens") or 0) - self._output_tokens)
        self._output_tokens += new
        pieces: list[ToolCallChunk] = []
        if delta.get("stop_reason") in ("end_turn", "tool_use", "stop_sequence", "pause_turn"):
            # Only now it is known that calls without arguments were not cut off.
            for index, (call_id, given) in self._empty_calls.items():
                pieces.append(ToolCallChunk(index, call_id, arguments_text=json.dumps(given)))
            self._empty_calls.clear()
        metadata = {name: delta[name] for name in ("stop_reason", "stop_sequence") if name in delta}
        return AIMessageChunk("", usage=Usage(0, new), response_metadata=metadata, tool_call_chunks=pieces)
