"""A model that says what it is told to: for tests and demonstrations, with the timing of a real one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, TypeAlias

import trio

from graphflow.components.chat_model import ChatModel, new_response_id
from graphflow.components.messages import AIMessageChunk, Message

Script: TypeAlias = str | Iterable[str | AIMessageChunk]
"""What the model says: a text, cut into words, or the chunks themselves."""


class ScriptedChatModel(ChatModel):
    """A chat model that replays a script.

    Args:
        script: what it says; or a function that is given the messages and returns that.
        first_delay: seconds before the first chunk.
        delay: seconds between two chunks.
        name: the name of its node and run.
        metadata: what its events say of it.

    >>> ScriptedChatModel("Hello there!").sync.invoke("hi").text
    'Hello there!'
    """

    def __init__(
        self,
        script: Script | Callable[[list[Message]], Script],
        *,
        first_delay: float = 0.0,
        delay: float = 0.0,
        name: str | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(name=name, metadata={"provider": "scripted", "model_type": "chat", **(metadata or {})})
        # An iterator could be read only once, and a model answers as often as it is asked.
        self._script = script if isinstance(script, str) or callable(script) else tuple(script)
        self._first_delay = first_delay
        self._delay = delay

    async def generate(self, messages: list[Message], /, **options: Any) -> AsyncIterator[AIMessageChunk]:
        """Say the script."""
        script = self._script(messages) if callable(self._script) else self._script
        pieces = words(script) if isinstance(script, str) else script
        delay = self._first_delay
        response_id = new_response_id()
        for piece in pieces:
            if delay:
                await trio.sleep(delay)
            yield AIMessageChunk(piece, id=response_id) if isinstance(piece, str) else piece
            delay = self._delay


def words(text: str) -> list[str]:
    """Cut a text into words, each with the space before it.

    >>> words("Hello there, you!")
    ['Hello', ' there,', ' you!']
    """
    return re.findall(r"\s*\S+|\s+$", text)
