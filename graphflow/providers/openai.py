"""Models behind OpenAI's chat completions, and behind the many servers that speak the same: vLLM, llama.cpp, Ollama."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from typing import Any, Final

from graphflow.components.messages import (
    AIMessage,
    AIMessageChunk,
    ImageBlock,
    Message,
    ReasoningBlock,
    TextBlock,
    ToolCallChunk,
    ToolMessage,
    Usage,
)
from graphflow.components.tool import Tool
from graphflow.providers.wire import CONNECTING, SILENCE, ErrorEventError, RemoteChatModel, options_of

_ROLES: Final = {"system": "system", "human": "user", "ai": "assistant", "tool": "tool"}


class OpenAIChatModel(RemoteChatModel):
    """A chat model of OpenAI, or of any server that speaks its chat completions, by the `openai` SDK.

    Needs ``pip install 'graphflow-compiler[openai]'``. A run opens a connection of its own, and leaving the run closes
    it. Failures are not tried again unless `max_retries` says so.

    Args:
        model: its name, such as ``"gpt-4.1-mini"``.
        base_url: the address of another server, such as ``"http://localhost:11434/v1"``; the environment's
            OPENAI_BASE_URL if not given, else OpenAI's.
        api_key: the environment's OPENAI_API_KEY if not given. Servers at another address may do without.
        temperature: how much chance there is in the answer, from 0.
        max_tokens: how long the answer may be.
        timeout: for how many seconds nothing may come before the run fails, not even a sign of life, as in the SDK:
            it does not limit how long the whole answer takes. None is for ever.
        connect_timeout: how many seconds connecting may take.
        total_timeout: how many seconds the provider may take for the whole answer, retries included. What the reader
            of the stream takes is not counted.
        max_retries: how often the SDK tries again by itself before the answer begins.
        headers: further headers of the request; values of 4 characters or more are kept as secret as the key.
        include_usage: ask for the usage of tokens; some older servers refuse that.
        name: the name of its node and run.
        metadata: what its events say of it, besides provider, model_name, model_type, temperature and max_tokens.

    Raises:
        MissingExtraError: the `openai` package is not installed.
        ProviderError: when it runs; see its kinds.
    """

    provider = "openai"
    key_variable = "OPENAI_API_KEY"
    url_variable = "OPENAI_BASE_URL"

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        timeout: float | None = SILENCE,
        connect_timeout: float | None = CONNECTING,
        total_timeout: float | None = None,
        max_retries: int = 0,
        headers: Mapping[str, str] | None = None,
        include_usage: bool = True,
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
        self._include_usage = include_usage

    def _known_options(self) -> frozenset[str]:
        return options_of(self._sdk.resources.chat.completions.AsyncCompletions.create)

    def _request(self, messages: list[Message], options: dict[str, Any]) -> dict[str, Any]:
        request = {"model": self.model, **request_for_openai(messages, options)}
        if self._include_usage:
            request.setdefault("stream_options", {"include_usage": True})
        return request

    def _new_client(self, **options: Any) -> Any:
        return self._sdk.AsyncOpenAI(**options)

    def _open(self, client: Any, request: dict[str, Any]) -> Awaitable[Any]:
        if "max_tokens" in request and client.base_url.host == "api.openai.com":
            request["max_completion_tokens"] = request.pop("max_tokens")  # its newer models refuse the old name
        opened: Awaitable[Any] = client.chat.completions.create(**request, stream=True)
        return opened

    def _reader(self, request_id: str | None) -> CompletionReader:
        return CompletionReader(request_id)


# --- what is sent ------------------------------------------------------------------------------------------


def request_for_openai(messages: Iterable[Message], options: Mapping[str, Any]) -> dict[str, Any]:
    """Write messages and options as chat completions take them, whoever serves them."""
    request: dict[str, Any] = {"messages": messages_for_openai(messages), **options}
    if "tools" in options:
        request["tools"] = [tool_for_openai(tool) for tool in options["tools"]]
    choice = options.get("tool_choice")
    if isinstance(choice, str) and choice not in ("auto", "none", "required"):
        request["tool_choice"] = {"type": "function", "function": {"name": choice}}
    return request


def messages_for_openai(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Write messages as OpenAI's chat completions take them; reasoning is left out.

    >>> messages_for_openai([ToolMessage("21 degrees", tool_call_id="call_1")])
    [{'role': 'tool', 'content': '21 degrees', 'tool_call_id': 'call_1'}]
    """
    return [_message(message) for message in messages]


def _message(message: Message) -> dict[str, Any]:
    written: dict[str, Any] = {"role": _ROLES[message.role], "content": _content(message)}
    if isinstance(message, ToolMessage):
        written["tool_call_id"] = message.tool_call_id  # which says whose answer it is: these messages have no name
    elif message.name:
        written["name"] = message.name
    if isinstance(message, AIMessage) and message.tool_calls:
        written["content"] = written["content"] or None
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            }
            for call in message.tool_calls
        ]
    return written


def _content(message: Message) -> str | list[dict[str, Any]]:
    if isinstance(message.content, str):
        return message.content
    if not any(isinstance(block, ImageBlock) for block in message.content):
        return message.text  # which servers of all kinds understand
    if message.role != "human":
        raise ValueError(f"chat completions take images in human messages only, not in a {message.role} message")
    parts: list[dict[str, Any]] = []
    for block in message.content:
        if isinstance(block, TextBlock):
            parts.append({"type": "text", "text": block.text})
        elif isinstance(block, ImageBlock):
            url = block.url or f"data:{block.media_type};base64,{block.base64}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts


def tool_for_openai(tool: Any) -> Any:
    """Write a tool as OpenAI's chat completions take it; what is no `Tool` is taken as written already."""
    if not isinstance(tool, Tool):
        return tool
    described = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    return {"type": "function", "function": described}


# --- what comes back ---------------------------------------------------------------------------------------


class CompletionReader:
    """Makes chunks of the events of one chat completion."""

    def __init__(self, request_id: str | None = None) -> None:
        self.is_done = False
        self._request_id = request_id
        self._begun = False
        self._finish_reason: str | None = None
        self._refusal = ""
        self._usage: Usage | None = None
        # The calls by index: the id of the newest, and whether it has arguments.
        self._calls: dict[int, tuple[str | None, bool]] = {}

    def feed(self, data: str) -> Iterator[AIMessageChunk]:
        """Give the chunks of an event."""
        if data.startswith("[DONE]"):
            self.is_done = True
        else:
            yield from self.take(json.loads(data))

    def take(self, event: dict[str, Any]) -> Iterator[AIMessageChunk]:
        """Give the chunk of an event that has been read, if it says anything."""
        if event.get("error"):
            raise ErrorEventError(event)
        if event.get("usage"):
            self._usage = _usage(event["usage"])  # some servers count up in every event, so the last one is right
        for choice in event.get("choices") or ():
            if not choice.get("index"):  # one answer is asked for; others are not part of it
                yield from self._choice(choice, event)

    def finish(self) -> Iterator[AIMessageChunk]:
        """Give the usage, once."""
        if self._finish_reason is None:
            raise EOFError("the connection was closed before the response was complete")
        if self._usage is not None:
            yield AIMessageChunk("", usage=self._usage)

    def _choice(self, choice: dict[str, Any], event: dict[str, Any]) -> Iterator[AIMessageChunk]:
        metadata = {} if self._begun else self._first_metadata(event)
        delta = choice.get("delta") or {}
        content = _delta_content(delta)
        pieces = list(self._pieces(delta.get("tool_calls") or ()))
        self._refusal += delta.get("refusal") or ""
        if choice.get("finish_reason"):
            self._finish_reason = metadata["finish_reason"] = str(choice["finish_reason"])
            pieces += self._closed_calls()
            if self._refusal:
                metadata["refusal"] = self._refusal
        if content is not None or pieces or metadata:
            self._begun = True
            yield AIMessageChunk(content or "", response_metadata=metadata, tool_call_chunks=pieces)

    def _first_metadata(self, event: dict[str, Any]) -> dict[str, Any]:
        found = {"model_name": event.get("model"), "response_id": event.get("id"), "request_id": self._request_id}
        return {name: value for name, value in found.items() if value}

    def _pieces(self, calls: Iterable[dict[str, Any]]) -> Iterator[ToolCallChunk]:
        for position, call in enumerate(calls):
            index, call_id, function = call.get("index", position), call.get("id"), call.get("function") or {}
            text = function.get("arguments") or ""
            known_id, has_arguments = self._calls.get(index, (None, False))
            if call_id and known_id and call_id != known_id:  # another call: some servers number all of them 0
                if not has_arguments:
                    yield ToolCallChunk(index, known_id, arguments_text="{}")
                has_arguments = False
            self._calls[index] = (call_id or known_id, has_arguments or bool(text.strip()))
            yield ToolCallChunk(index, call_id, function.get("name"), text)

    def _closed_calls(self) -> list[ToolCallChunk]:
        """Write out the arguments of calls that have none, now that they are known to be finished."""
        if self._finish_reason in ("length", "content_filter"):
            return []
        empty = [(index, call_id) for index, (call_id, has_arguments) in self._calls.items() if not has_arguments]
        self._calls.clear()
        return [ToolCallChunk(index, call_id, arguments_text="{}") for index, call_id in empty]


def _delta_content(delta: dict[str, Any]) -> str | list[TextBlock | ReasoningBlock] | None:
    """Return what a delta adds to the content, reasoning too as most servers write it; None if it does not say."""
    text = delta.get("content")
    if text is not None and not isinstance(text, str):
        raise TypeError(f"content is {type(text).__name__}, not text")
    reasoning = delta.get("reasoning_content") or delta.get("reasoning")
    if not isinstance(reasoning, str) or not reasoning:
        return text
    blocks: list[TextBlock | ReasoningBlock] = [ReasoningBlock(reasoning)]
    return [*blocks, TextBlock(text)] if text else blocks


def _usage(usage: dict[str, Any]) -> Usage:
    read = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
    return Usage(
        usage.get("prompt_tokens") or 0,
        usage.get("completion_tokens") or 0,
        input_details={} if read is None else {"cache_read": read},
        output_details={} if reasoning is None else {"reasoning": reasoning},
    )
