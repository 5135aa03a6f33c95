"""Find that an execution has come to a standstill because of its buffers, and give one of them more room.

The rule by which the compiler plans buffers leaves nothing to find here: docs/explanation/buffers.md has the proof.
This is the second line, in case that the rule or the proof is wrong. As long as any stage is at work it costs a count
for every wait; once all of them wait, it looks who waits for whom.

That buffers grow in a standstill, and the smallest of those that are full, is the way of Parks (1995).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any, final

import attrs

from graphflow.runtime.buffers import Log, Reader, Slot
from graphflow.runtime.tasks import Sleepers
from graphflow_compiler.plan import StageId

if TYPE_CHECKING:
    from trio.lowlevel import Task

#: Whether buffers grow. Tests turn it off, to see that without the rule runs would wait forever.
GROWS = True

#: The name of the event that tells of it.
GREW = "graphflow_buffer_grew"

_Wait = Log | Reader | Slot


@attrs.frozen
class _Connection:
    """A buffer with who writes to it, and who reads it."""

    buffer: Reader | Slot
    writer: StageId
    reader: StageId


@final
class Waits:
    """Who waits for whom among the stages of one execution.

    Args:
        output: the stage whose task is that of whoever reads the output.
        tasks_of: returns the tasks of a stage, but for that of whoever reads the output.
        grown: is called with what has grown: who writes, who reads, and how many chunks there is room for now.

    Attributes:
        sleepers: counts the stages that wait for a buffer.
        live: how many stages there are that have not ended.
    """

    __slots__ = ("_connections", "_grown", "_output", "_over", "_tasks_of", "live", "sleepers")

    def __init__(
        self,
        output: StageId,
        tasks_of: Callable[[StageId], Collection[Task]],
        grown: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self.sleepers = Sleepers()
        self.live = 1
        self._output = output
        self._tasks_of = tasks_of
        self._grown = grown
        self._connections: list[_Connection] = []
        self._over: set[StageId] = set()

    def connect(self, buffer: Reader | Slot, writer: StageId, reader: StageId) -> None:
        """Say who writes to a buffer, and who reads it."""
        self._connections.append(_Connection(buffer, writer, reader))
        buffer.waits, buffer.stage = self, reader
        for parking in buffer.parkings:
            parking.sleepers = self.sleepers

    def end(self, stage: StageId) -> None:
        """Say that a stage has ended; those that wait for more may be all that is left."""
        self._over.add(stage)
        self.live -= 1
        if self.sleepers.count >= self.live > 0:
            self.look()

    def look(self, stage: StageId | None = None, what: _Wait | None = None) -> bool:
        """See whether those that wait do so for each other, and if so let the smallest buffer that is full grow.

        Args:
            stage: who is about to wait; None where nobody is.
            what: what for.

        Returns:
            whether one has grown.
        """
        if not GROWS:
            return False
        stuck = dict(self._waiting())
        if stage is not None and what is not None:
            stuck[stage] = what
        ended = True
        while ended:
            ended = False
            for other, waits_for in list(stuck.items()):
                if not self._lasts(waits_for, stuck):
                    del stuck[other]
                    ended = True
        full = {one: log for one, log in stuck.items() if isinstance(log, Log)}
        if full:
            writer = min(full, key=lambda one: full[one].room_in_all())
            log = full[writer]
            readers = sorted(self._reader_of(reader) for reader in log.slowest())
            self._grown({"writer": writer, "readers": readers, "room": log.grow()})
        return bool(full)

    def _waiting(self) -> Iterator[tuple[StageId, _Wait]]:
        """Yield the stages whose tasks wait for a buffer."""
        others = {one.reader for one in self._connections if one.reader != self._output}
        known = {task for other in others for task in self._tasks_of(other)}

        def is_among(stage: StageId, tasks: Collection[Task]) -> bool:
            if stage != self._output:
                return any(task in tasks for task in self._tasks_of(stage))
            return any(task not in known for task in tasks)

        for one in self._connections:
            readers, *writers = one.buffer.parkings
            if one.buffer.keeps_waiting and is_among(one.reader, readers.tasks):  # another may share the log
                yield one.reader, one.buffer
            if isinstance(one.buffer, Reader) and is_among(one.writer, writers[0].tasks):
                yield one.writer, one.buffer.log

    def _lasts(self, what: _Wait, waiting: Container[StageId]) -> bool:
        """Tell whether a wait lasts as long as those of some stages do."""
        if isinstance(what, Log):  # whoever of its readers is hindmost lets nobody write
            return any(self._reader_of(reader) in waiting for reader in what.slowest())
        writers = [one.writer for one in self._connections if one.buffer is what and one.writer not in self._over]
        return bool(writers) and all(writer in waiting for writer in writers)

    def _reader_of(self, reader: Reader) -> StageId:
        assert reader.stage is not None
        return reader.stage


def warn(plan: str, what: Mapping[str, Any]) -> None:
    """Warn that a run of a plan would have waited forever."""
    warnings.warn(
        f"a run of `{plan}` had come to a standstill, which its plan should have made impossible: the buffer between "
        f"stage {what['writer']} and {' and '.join(what['readers'])} holds {what['room']} chunks from now on. "
        "Please report it, with the plan",
        RuntimeWarning,
        stacklevel=2,
    )
