"""What is between two nodes of a stage: one whole value, or a stream that is iterated with or without `await`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from typing import Any, final

import attrs

from graphflow.runtime.slices import Slice
from graphflow_compiler.accumulate import Fold


@final
@attrs.define(eq=False)
class Whole:
    """One finished value; `is_folded` if chunks were folded to it on their way."""

    value: Any
    is_folded: bool = False


@final
@attrs.define(eq=False)
class SyncStream:
    """Chunks that come without waiting."""

    chunks: Iterator[Any]


@final
@attrs.define(eq=False)
class AsyncStream:
    """Chunks that may have to be waited for."""

    chunks: AsyncIterator[Any]


Flow = Whole | SyncStream | AsyncStream


def as_async(flow: Flow, time: Slice) -> AsyncIterator[Any]:
    """Return the chunks of a flow as an asynchronous stream."""
    match flow:
        case AsyncStream(chunks):
            return chunks
        case SyncStream(iterator):
            return _lifted(iterator, time)
        case Whole(value):
            return _lifted(iter((value,)), time)


def as_sync(flow: Whole | SyncStream) -> Iterator[Any]:
    """Return the chunks of a flow that has no need to wait."""
    return flow.chunks if isinstance(flow, SyncStream) else iter((flow.value,))


async def _lifted(chunks: Iterator[Any], time: Slice) -> AsyncGenerator[Any, None]:
    for chunk in chunks:
        yield chunk
        if time.due():  # whoever reads this may drop every chunk, and so never wait
            await time.renew()


async def drain(flow: SyncStream | AsyncStream, fold: Fold, started: Callable[[], None], time: Slice) -> None:
    """Feed a fold with all chunks of a stream.

    Args:
        flow: what is folded.
        fold: what takes the chunks.
        started: called when a chunk has come, and when the stream has ended.
        time: how long this may go on without letting others run.
    """
    add = fold.add
    if isinstance(flow, SyncStream):
        for chunk in flow.chunks:
            started()
            add(chunk)
            if time.due():
                await time.renew()
    else:
        async for chunk in flow.chunks:
            started()
            add(chunk)
            if time.due():
                await time.renew()
    started()


def mapped(flow: Flow, change: Callable[[Any], Any], keep: Callable[[Any], bool]) -> Flow:
    """Change every chunk that is kept; of a whole value that is not kept an empty stream is left."""
    match flow:
        case Whole(value):
            return Whole(change(value)) if keep(value) else SyncStream(iter(()))
        case SyncStream(chunks):
            return SyncStream(change(chunk) for chunk in chunks if keep(chunk))
        case AsyncStream(stream):
            return AsyncStream(_mapped(stream, change, keep))


async def _mapped(
    chunks: AsyncIterator[Any], change: Callable[[Any], Any], keep: Callable[[Any], bool]
) -> AsyncGenerator[Any, None]:
    time = Slice()
    async for chunk in chunks:
        if keep(chunk):
            yield change(chunk)
        elif time.due():
            await time.renew()


def selector(key: str, giver: str) -> tuple[Callable[[Any], Any], Callable[[Any], bool]]:
    """Return what takes one key of record chunks, and what tells which chunks have it."""

    def keep(chunk: Any) -> bool:
        if not isinstance(chunk, Mapping):
            raise TypeError(f"key {key!r} was asked of `{giver}`, which gave no record but {_brief(chunk)}")
        return key in chunk

    return (lambda chunk: chunk[key]), keep


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
