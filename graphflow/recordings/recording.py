"""What a file of a recorded run holds, and how it is played back."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, final

import attrs
import trio

from graphflow.components.chat_model import ChatModel
from graphflow.components.messages import AIMessage, AIMessageChunk, Message
from graphflow.events import EndEvent, ErrorEvent, Event, StreamEvent


@final
@attrs.frozen
class Recording:
    """A run that was recorded: its events, and when they came.

    Attributes:
        path: the file.
        events: the events, in order. Their `seq` counts those that were kept.
        times: when each of them came, in seconds from the beginning of the run.
    """

    path: str
    events: Sequence[Event] = attrs.field(repr=False)
    times: Sequence[float] = attrs.field(repr=False)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    @property
    def is_complete(self) -> bool:
        """Tell whether the run was recorded to its end: whether its outermost run has ended or failed.

        That needs the events of the outermost run: where a filter of `events` has left them out, such as
        ``include_types=["chat_model"]``, it is False, and there is no `output` and no `error`.
        """
        return self._end is not None

    @property
    def output(self) -> Any:
        """The output of the outermost run; None if it has none, or has failed."""
        return self._end.output if isinstance(self._end, EndEvent) else None

    @property
    def error(self) -> BaseException | None:
        """The error of the outermost run, if it has failed."""
        return self._end.error if isinstance(self._end, ErrorEvent) else None

    @property
    def _end(self) -> EndEvent | ErrorEvent | None:
        for event in reversed(self.events):
            if isinstance(event, EndEvent | ErrorEvent) and not event.run.parent_ids:
                return event
        return None

    @asynccontextmanager
    async def play(self, speed: float = 1.0) -> AsyncIterator[AsyncIterator[Event]]:
        """Give the events once more, each when it came; inside the ``async with``, iterate over them.

        Args:
            speed: how many times as fast as they came; `math.inf` is at once.

        Raises:
            ValueError: the speed is not above 0.
        """
        if not speed > 0:
            raise ValueError(f"speed is how many times as fast as recorded, above 0, not {speed!r}")
        events = self._played(speed)
        try:
            yield events
        finally:
            await events.aclose()  # type: ignore[attr-defined]

    async def _played(self, speed: float) -> AsyncIterator[Event]:
        began = trio.current_time()
        for event, at in zip(self.events, self.times, strict=True):
            await trio.sleep_until(began + (0.0 if math.isinf(speed) else at / speed))
            yield event

    def model(self, name: str | None = None, *, speed: float = math.inf) -> ChatModel:
        """Return a chat model that answers as the recorded one did: the first call as its first run, and so on.

        A run that failed fails again. One that was recorded without its end, because the reader left or the program
        died, gives the chunks that there are, and then raises an `EOFError`. One that the chain itself left early has
        an end, and answers as far as the chain read.

        Args:
            name: the name of the recorded model; needed where there were several.
            speed: how many times as fast as it answered; at once, unless said otherwise.

        Raises:
            LookupError: there was no such model, or there were several.
            ValueError: the speed is not above 0.
        """
        if not speed > 0:
            raise ValueError(f"speed is how many times as fast as recorded, above 0, not {speed!r}")
        runs = {event.run.run_id: event.run for event in self.events if event.run.kind == "chat_model"}
        names = sorted({run.name for run in runs.values()})
        if (name is None and len(names) != 1) or (name is not None and name not in names):
            has = f"it has {', '.join(map(repr, names))}" if names else "it has none"
            raise LookupError(f"{self.path}: which recorded chat model is to answer? {has}")
        chosen = names[0] if name is None else name
        answers = [_answer(self, run_id) for run_id, run in runs.items() if run.name == chosen]
        return _ReplayedModel(chosen, self.path, answers, speed)


@attrs.frozen
class _Answer:
    """What a model gave in one run: chunks with the pauses before them, and how it ended."""

    chunks: tuple[tuple[float, AIMessageChunk], ...]
    error: BaseException | None
    has_end: bool


def _answer(recording: Recording, run_id: str) -> _Answer:
    before = 0.0
    chunks: list[tuple[float, AIMessageChunk]] = []
    whole: AIMessage | None = None
    error: BaseException | None = None
    has_end = False
    for event, at in zip(recording.events, recording.times, strict=True):
        if event.run.run_id != run_id:
            continue
        if isinstance(event, StreamEvent) and isinstance(event.chunk, AIMessageChunk):
            chunks.append((at - before, event.chunk))
        elif isinstance(event, EndEvent):
            has_end = True
            whole = event.output if isinstance(event.output, AIMessage) else None
        elif isinstance(event, ErrorEvent):
            error = event.error
        before = at
    if not chunks and whole is not None:  # only its end was recorded
        chunks.append((0.0, _as_chunk(whole)))
    return _Answer(tuple(chunks), error, has_end)


def _as_chunk(message: AIMessage) -> AIMessageChunk:
    if isinstance(message, AIMessageChunk):
        return message
    return AIMessageChunk(message.content, id=message.id, name=message.name, usage=message.usage)


@final
class _ReplayedModel(ChatModel):
    def __init__(self, name: str, path: str, answers: Sequence[_Answer], speed: float) -> None:
        super().__init__(name=name, metadata={"provider": "recording", "model_type": "chat"})
        self._answers = iter(answers)
        self._count = len(answers)
        self._path = path
        self._speed = speed

    async def generate(self, messages: list[Message], /, **options: Any) -> AsyncIterator[AIMessageChunk]:
        """Answer as in the next recorded run."""
        answer = next(self._answers, None)
        if answer is None:
            raise LookupError(f"{self._path}: `{self.name}` was asked more often than recorded: {self._count} times")
        for pause, chunk in answer.chunks:
            await trio.sleep(pause / self._speed)
            yield chunk
        if answer.error is not None:
            raise answer.error
        if not answer.has_end:
            raise EOFError(
                f"{self._path}: the recorded answer of `{self.name}` has no end: its run was left, or its program "
                "died; record until the run has ended"
            )
