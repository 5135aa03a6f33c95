"""The log between stages: every reader gets every chunk in order, each is kept no longer than needed, writers wait."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from graphflow.runtime.buffers import Log, Reader


def take(reader: Reader) -> list[Any]:
    """Take what is there, which does not wait."""
    try:
        reader.take().send(None)
    except StopIteration as stop:
        chunks: list[Any] = stop.value
        return chunks
    raise AssertionError("it waits although there is something to read")


class Logs(RuleBasedStateMachine):
    """A log with several readers, beside lists that say what each of them should get."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Log()
        self.written = 0
        self.readers: list[Reader] = []
        self.got: dict[Reader, list[int]] = {}
        self.gone: dict[Reader, int] = {}

    @precondition(lambda self: not self.written)
    @rule(capacity=st.none() | st.integers(1, 4))
    def add(self, capacity: int | None) -> None:
        reader = Reader(self.log, capacity)
        self.readers.append(reader)
        self.got[reader] = []
        self.gone[reader] = 0

    @rule()
    def put(self) -> None:
        is_full = self.log.put(self.written)
        self.written += 1
        assert is_full == self.should_wait()

    @precondition(lambda self: any(len(self.got[one]) < self.written for one in self.readers))
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        reader = data.draw(st.sampled_from([one for one in self.readers if len(self.got[one]) < self.written]))
        self.gone[reader] = len(self.got[reader])  # what was taken before has been gone through
        self.got[reader] += take(reader)
        assert self.got[reader] == list(range(self.written))

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        reader = data.draw(st.sampled_from(self.readers))
        self.readers.remove(reader)
        reader.abandon()
        reader.abandon()

    def should_wait(self) -> bool:
        bounded = [one for one in self.readers if one.capacity is not None]
        return any(self.written - self.gone[one] >= (one.capacity or 0) for one in bounded)

    @invariant()
    def writers_wait_for_the_slowest(self) -> None:
        waits = False
        try:
            self.log.room().send(None)
            waits = True
        except (StopIteration, RuntimeError) as ended:  # outside of a task it cannot wait, and says so
            waits = isinstance(ended, RuntimeError)
        assert waits == self.should_wait()

    @invariant()
    def nothing_is_kept_that_all_have_gone_through(self) -> None:
        kept = self.written - min((self.gone[one] for one in self.readers), default=self.written)
        assert len(self.log._chunks) == kept


TestLogs = Logs.TestCase
