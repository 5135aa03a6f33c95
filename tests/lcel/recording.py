"""What an LCEL chain really does: fake models that record when they make a chunk, and a reader of what arrives."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import attrs
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LLM, BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, GenerationChunk
from langchain_core.runnables import Runnable

from graphflow.lcel.report import Verdict


@attrs.define(eq=False)
class Maker:
    """What makes pieces in one run.

    Attributes:
        chunks: how many chunks it was given. What is given several does not make the stream, it only cuts it anew.
    """

    chunks: int = 1


@attrs.define(eq=False)
class Recorder:
    """When the pieces of an answer were made, and when chunks of the output arrived.

    Attributes:
        events: who made a piece, or None where a chunk has arrived, in order.
        arrived: set when the first chunk has arrived, for functions that wait for that.
        pause: for how many seconds everything pauses before every piece that it makes.
    """

    events: list[Maker | None] = attrs.field(factory=list)
    arrived: threading.Event = attrs.field(factory=threading.Event)
    pause: float = 0.0

    def made(self, maker: Maker | None = None) -> None:
        """Record that a piece was made."""
        self.events.append(maker or Maker())

    def got(self, chunk: object) -> None:
        """Record that a chunk of the output has arrived."""
        self.events.append(None)
        self.arrived.set()

    def piece(self, maker: Maker | None = None) -> None:
        """Make a piece, which takes its time."""
        time.sleep(self.pause)
        self.made(maker)

    async def apiece(self, maker: Maker | None = None) -> None:
        """Make a piece asynchronously."""
        await asyncio.sleep(self.pause)
        self.made(maker)

    def slowly(self, value: Any) -> Any:
        """Give back a value, but not before the first chunk of the output has arrived."""
        assert self.arrived.wait(60), "no chunk arrived while a part of the output was still being made"
        self.made()
        return value

    @property
    def streamed(self) -> bool:
        """Tell whether several chunks arrived, the first of them before the last piece was made."""
        if self.events.count(None) < 2:
            return False
        return any(maker is not None and maker.chunks == 1 for maker in self.events[self.events.index(None) :])


class ChatModel(BaseChatModel):
    """A chat model that answers in given pieces, each recorded when it is made."""

    recorder: Recorder
    pieces: Sequence[str] = ("a", "b", "c", "d")

    @property
    def _llm_type(self) -> str:
        return "recording"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        for _ in self.pieces:
            self.recorder.made()
        return ChatResult(generations=[ChatGeneration(message=AIMessage("".join(self.pieces)))])

    def bind_tools(self, tools: Any, *, tool_choice: str | None = None, **options: Any) -> Runnable[Any, AIMessage]:
        """Bind tools, without telling the answer of them."""
        return self.bind(tools=tools)


class StreamingChatModel(ChatModel):
    """The same, which streams its pieces."""

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for piece in self.pieces:
            self.recorder.piece()
            yield ChatGenerationChunk(message=self._chunk(piece))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for piece in self.pieces:
            await self.recorder.apiece()
            yield ChatGenerationChunk(message=self._chunk(piece))

    def _chunk(self, piece: str) -> AIMessageChunk:
        return AIMessageChunk(content=piece)


class ToolCallingChatModel(StreamingChatModel):
    """One whose pieces are those of the arguments of a tool call."""

    tool: str = "Answer"

    def _chunk(self, piece: str) -> AIMessageChunk:
        is_first = piece == self.pieces[0]
        call = tool_call_chunk(name=self.tool if is_first else None, args=piece, id="1" if is_first else None, index=0)
        return AIMessageChunk(content="", tool_call_chunks=[call])


class SyncOnlyChatModel(ChatModel):
    """One that implements only the plain method; `astream` runs it in a thread."""

    def _stream(self, *args: Any, **options: Any) -> Iterator[ChatGenerationChunk]:
        for piece in self.pieces:
            self.recorder.piece()
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))


class AsyncOnlyChatModel(ChatModel):
    """One that implements only the asynchronous method."""

    async def _astream(self, *args: Any, **options: Any) -> AsyncIterator[ChatGenerationChunk]:
        for piece in self.pieces:
            await self.recorder.apiece()
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))


class TextModel(LLM):
    """A text model that gives its answer whole."""

    recorder: Recorder
    pieces: Sequence[str] = ("a", "b", "c", "d")

    @property
    def _llm_type(self) -> str:
        return "recording"

    def _call(self, prompt: str, *args: Any, **options: Any) -> str:
        for _ in self.pieces:
            self.recorder.made()
        return "".join(self.pieces)


class StreamingTextModel(TextModel):
    """The same, which streams its pieces."""

    def _stream(self, prompt: str, *args: Any, **options: Any) -> Iterator[GenerationChunk]:
        for piece in self.pieces:
            self.recorder.piece()
            yield GenerationChunk(text=piece)


def seen(chain: Runnable[Any, Any], value: object, recorder: Recorder, mode: str, *, pause: float = 0.0) -> Verdict:
    """Run a chain, and tell what it did."""
    recorder.pause = pause
    recorder.events.clear()
    recorder.arrived.clear()
    try:
        if mode == "stream":
            for chunk in chain.stream(value):
                recorder.got(chunk)
        else:
            asyncio.run(_read(chain, value, recorder))
    except (NotImplementedError, TypeError) as error:
        if not any(words in str(error) for words in ("only supports", "Cannot", "does not support")):
            raise
        return Verdict.RAISES
    return Verdict.STREAMS if recorder.streamed else Verdict.BLOCKS


async def _read(chain: Runnable[Any, Any], value: object, recorder: Recorder) -> None:
    async for chunk in chain.astream(value):
        recorder.got(chunk)
