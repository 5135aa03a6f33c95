"""Listen to chains, and check what holds of every list of events."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from unittest import mock

import attrs

import graphflow as gf
from graphflow.runtime import log
from tests.laws.simulation import simulate


@attrs.frozen
class Heard:
    """What a listener got: the events, and then perhaps an error."""

    events: list[gf.Event]
    error: BaseException | None

    def of(self, name: str) -> list[gf.Event]:
        """Return the events of the runs of that name."""
        return [event for event in self.events if event.name == name]

    def start(self, name: str) -> gf.Event:
        """Return the start event of the only run of that name."""
        (event,) = [event for event in self.of(name) if isinstance(event, gf.StartEvent)]
        return event

    def end(self, name: str) -> gf.Event:
        """Return the end event, or error event, of the only run of that name."""
        (event,) = [event for event in self.of(name) if isinstance(event, gf.EndEvent | gf.ErrorEvent)]
        return event

    def chunks(self, name: str) -> list[Any]:
        """Return the chunks of the runs of that name."""
        return [event.chunk for event in self.of(name) if isinstance(event, gf.StreamEvent)]

    @property
    def names(self) -> list[str]:
        """The names of all runs, in the order in which they start."""
        return [event.name for event in self.events if isinstance(event, gf.StartEvent)]

    @property
    def story(self) -> list[str]:
        """What happened, in words: ``"start upper"``, ``"stream upper"``..."""
        return [words(event) for event in self.events]


def words(event: gf.Event) -> str:
    """Return what an event tells in words."""
    return f"{event.event.rpartition('_')[2]} {event.name}"


async def listen(chain: gf.Chain[Any, Any], value: Any, **options: Any) -> Heard:
    """Listen to a run until it ends, in a Trio task."""
    events: list[gf.Event] = []
    try:
        async with chain.events(value, **options) as stream:
            async for event in stream:
                events.append(event)
    except Exception as error:
        return Heard(events, error)
    return Heard(events, None)


def hear(chain: gf.Chain[Any, Any], value: Any, *, seed: int = 0, **options: Any) -> Heard:
    """Listen to a run until it ends, on a virtual clock."""
    return simulate(lambda: listen(chain, value, **options), seed=seed)


def hear_all(chain: gf.Chain[Any, Any], value: Any, **options: Any) -> Heard:
    """Listen to a run that ends well, and check that its events are sound."""
    heard = hear(chain, value, **options)
    if heard.error is not None:
        raise heard.error
    check_sound(heard.events)
    return heard


@contextlib.contextmanager
def unnoticed() -> Iterator[None]:
    """Give listeners their events only when the run is over, so that listening does not change the order of tasks."""

    def append(self: log.EventLog, event: gf.Event) -> None:
        if self._open:
            self._events.append(event)

    with mock.patch.object(log.EventLog, "append", append), mock.patch.object(log, "CAPACITY", 1 << 30):
        yield


# --- what holds of all events of one listener -----------------------------------------------------------------


def check_sound(events: Sequence[gf.Event], *, filtered: bool = False) -> None:
    """Check what holds of the events of any run: places, ids, starts and ends, parents.

    Args:
        events: all events that one listener got.
        filtered: runs may be missing, so that only those that are there can be compared.
    """
    assert [event.seq for event in events] == list(range(len(events)))
    runs: dict[str, list[gf.Event]] = {}
    for event in events:
        uuid.UUID(event.run_id)
        runs.setdefault(event.run_id, []).append(event)
    for own in runs.values():
        _check_run([event for event in own if not isinstance(event, gf.CustomEvent)], own)
    for own in runs.values():
        for depth, parent_id in enumerate(own[0].parent_ids):
            if filtered and parent_id not in runs:
                continue
            parent = runs[parent_id]
            assert parent[0].parent_ids == own[0].parent_ids[:depth]
            assert parent[0].seq < own[0].seq
            assert parent[-1].seq > own[-1].seq
    if events and not filtered:
        assert events[0].parent_ids == []
        assert events[-1].run_id == events[0].run_id
        assert all(event.parent_ids[:1] in ([], [events[0].run_id]) for event in events)


def _check_run(told: list[gf.Event], own: list[gf.Event]) -> None:
    """Check the events of one run: one start, chunks, one end or error, and one identity."""
    if not told:
        return  # only a custom event of a run that is not told of itself
    assert isinstance(told[0], gf.StartEvent)
    assert isinstance(told[-1], gf.EndEvent | gf.ErrorEvent)
    assert all(isinstance(event, gf.StreamEvent) for event in told[1:-1])
    assert own[0] is told[0]
    assert own[-1] is told[-1]
    assert len({(event.name, event.kind) for event in told}) == 1
    assert all(event.parent_ids == told[0].parent_ids for event in own)
    assert all(event.tags == told[0].tags and event.metadata == told[0].metadata for event in own)


def likeness(events: Iterable[gf.Event]) -> list[dict[str, Any]]:
    """Return what can be compared between two runs: ids become the numbers that are in them."""
    return [
        {
            **event.to_dict(),
            "run_id": number(event.run_id),
            "parent_ids": [number(parent) for parent in event.parent_ids],
        }
        for event in events
    ]


def number(run_id: str) -> int:
    """Return the number of a run: how many were made before it."""
    return int(run_id.rpartition("-")[2], 16)
