"""Tell listeners of the streams between nodes: what a node reads, what it gives, and how it ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from types import FrameType
from typing import Any, final

import attrs

from graphflow.runtime.closing import close
from graphflow.runtime.current import CURRENT, NOTHING, close_within
from graphflow.runtime.notes import find_node
from graphflow.runtime.recorder import Tap
from graphflow_compiler.generate import Source
from graphflow_compiler.ir import NodeId
from graphflow_compiler.plan import PlannedNode


@final
class Telling:
    """What is told of the nodes of one loop together: that they end, or fail. What they give, the loop tells.

    Args:
        node_ids: the nodes, in the order in which a chunk passes them.
        tap: returns what is told of one.
        frames: where the error of a node is found.
    """

    __slots__ = ("_frames", "_node_ids", "_tap")

    def __init__(
        self,
        node_ids: tuple[NodeId, ...],
        tap: Callable[[NodeId], Tap | None],
        frames: dict[FrameType, PlannedNode | Source],
    ) -> None:
        self._node_ids = node_ids
        self._tap = tap
        self._frames = frames

    def end(self) -> None:
        """Tell that all of them are done."""
        for node_id in self._node_ids:
            tap = self._tap(node_id)
            if tap is not None:
                tap.end()

    def fail(self, error: BaseException) -> None:
        """Tell that one of them has failed, and those after it by their input; those before it are closed."""
        found = find_node(error, self._frames)
        failed = self._node_ids.index(found) if found in self._node_ids else -1
        for index, node_id in enumerate(self._node_ids):
            tap = self._tap(node_id)
            if tap is not None and index >= failed:
                tap.fail(error, from_input=index > failed)


@final
@attrs.define(eq=False)
class Ends:
    """The two ends of a stream: the node that gives it, and the one that reads it, if somebody listens to that too."""

    giver: Tap
    reader: Tap | None = None


async def async_input(tap: Tap, chunks: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Tell of what a node reads, and let what stands before it run outside of its run."""
    outside, enter, leave = tap.outside, CURRENT.set, CURRENT.reset
    advance, take = chunks.__anext__, tap.take
    try:
        while True:
            token = enter(outside)
            try:
                chunk = await advance()
            except StopAsyncIteration:
                break
            finally:
                leave(token)
            if not tap.started:
                tap.start()
            if take is not None:
                take(chunk)
            yield chunk
        tap.start()
    except GeneratorExit:
        raise
    except BaseException as error:
        tap.fail(error, from_input=True)
        raise


def sync_input(tap: Tap, chunks: Iterator[Any]) -> Iterator[Any]:
    """Do the same for a node that reads with `for`."""
    while True:
        token = CURRENT.set(tap.outside)
        try:
            chunk = next(chunks, NOTHING)
        except BaseException as error:
            tap.fail(error, from_input=True)
            raise
        finally:
            CURRENT.reset(token)
        tap.start()
        if chunk is NOTHING:
            return
        yield chunk


async def told(ends: Ends, chunks: AsyncIterator[Any], *, resumes: bool) -> AsyncGenerator[Any, None]:
    """Tell of every chunk that a node gives; while the node's code runs, its run is the current one.

    Args:
        ends: what tells of the node, and of the one that reads this.
        chunks: what the node gives.
        resumes: iterating runs the node's own code.
    """
    tap = ends.giver
    current = tap.current if resumes else tap.outside
    listening, enter, leave = tap.listening, CURRENT.set, CURRENT.reset
    advance = chunks.__anext__
    tell = tap.chunk
    try:
        while True:
            token = enter(current)
            try:
                chunk = await advance()
            except StopAsyncIteration:
                break
            finally:
                leave(token)
            if not tap.started:
                tap.start()
            if tell(chunk):
                await listening.room()
            reader = ends.reader
            if reader is not None and not reader.started:
                reader.start()
            try:
                yield chunk
            except GeneratorExit:
                if resumes:  # what the node does while it is closed is still of its run
                    await close_within(current, chunks)
                raise
        tap.end()
        if ends.reader is not None:
            ends.reader.start()
    except GeneratorExit:
        raise
    except BaseException as error:
        tap.fail(error, from_input=not resumes)
        if ends.reader is not None:
            ends.reader.fail(error, from_input=True)
        raise


def told_sync(tap: Tap, chunks: Iterator[Any]) -> Iterator[Any]:
    """Do the same without waiting for the listener: whoever takes the chunks does that."""
    current, tell = tap.current, tap.chunk
    try:
        while True:
            token = CURRENT.set(current)
            try:
                chunk = next(chunks, NOTHING)
            finally:
                CURRENT.reset(token)
            if chunk is NOTHING:
                tap.end()
                return
            if not tap.started:
                tap.start()
            tell(chunk)
            try:
                yield chunk
            except GeneratorExit:
                token = CURRENT.set(current)
                try:
                    close(chunks)
                finally:
                    CURRENT.reset(token)
                raise
    except GeneratorExit:
        raise
    except BaseException as error:
        tap.fail(error, from_input=False)
        raise
