"""What comes out of a step of an LCEL chain, as far as it is known before the chain runs.

A `Flow` is the abstract of one stream: whether its chunks come while they are made, where they begin, and which steps
have held back what would have come. Flows of records know it of every key.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

import attrs

from graphflow.lcel.mends import Mend
from graphflow_compiler.ir import SourceLocation

T = TypeVar("T")

Code = Literal["GF501", "GF502", "GF503", "GF504", "GF505", "GF507"]


class Mode(enum.StrEnum):
    """How a chain is run: LCEL's two ways of streaming do not always agree."""

    SYNC = "stream"
    ASYNC = "astream"


class Pace(enum.StrEnum):
    """How the chunks of a stream come."""

    LIVE = "live"  # several, each as it is made
    KEYED = "keyed"  # the keys of a record, each whole, one after another
    ONCE = "once"  # one; or several, but none before all that comes before them is complete
    MAYBE = "maybe"  # live or once: only a run shows it


@attrs.frozen(eq=False)
class Step:
    """One place in a chain.

    Attributes:
        name: of its function, or of its class.
        within: the keys and alternatives that it stands in, from the outside inwards.
        location: where the user's function or class begins; None if langchain gave it.
        snippet: what it comes after, as an expression.
    """

    name: str
    within: tuple[str, ...] = ()
    location: SourceLocation | None = None
    snippet: str | None = None


@attrs.frozen(eq=False)
class Hold:
    """A step that keeps a stream from flowing.

    Attributes:
        step: which.
        reason: how that is known, in words.
        mend: what to write instead.
        code: what it is told as.
        lost: the steps whose chunks it holds back; () if nothing streams before it.
        is_source: it is a model, which would stream by itself, whatever comes before it.
    """

    step: Step
    reason: str
    mend: Mend
    code: Code = "GF501"
    lost: tuple[Step, ...] = ()
    is_source: bool = False


@attrs.frozen(eq=False)
class Flow:
    """What comes out of a step.

    Attributes:
        pace: how its chunks come.
        begins: the steps where they begin, if they stream.
        held: the steps that hold it back, in order, since its chunks last began.
        keys: of a record that is made key by key, what comes under each.
        rest: of such a record, what comes under all other keys; None if it has no others.
        fails: the step that raises, if the chain cannot be run in this mode.
        risks: the steps that raise in this mode if they are chosen.
    """

    pace: Pace = Pace.ONCE
    begins: tuple[Step, ...] = ()
    held: tuple[Hold, ...] = ()
    keys: Mapping[str, Flow] | None = None
    rest: Flow | None = None
    fails: Hold | None = None
    risks: tuple[Hold, ...] = ()

    @property
    def lost(self) -> tuple[Step, ...]:
        """The steps whose chunks are held back on the way to here."""
        return _unique(step for hold in self.held for step in hold.lost)

    def after(self, flow: Flow) -> Flow:
        """Return this flow as what comes out of a step that is given another, which may not even begin."""
        return flow if flow.fails is not None else attrs.evolve(self, risks=_unique((*flow.risks, *self.risks)))

    def at(self, key: str) -> Flow:
        """Return what comes under a key."""
        if self.keys is not None:
            return self.keys.get(key) or self.rest or Flow()
        return attrs.evolve(self, pace=Pace.MAYBE) if self.pace is Pace.KEYED else self

    def as_chunks(self, pace: Pace | None = None) -> Flow:
        """Return the flow of a step that gives something else for every chunk of this one."""
        return attrs.evolve(self, pace=pace or self.pace, keys=None, rest=None)

    def held_by(self, hold: Hold) -> Flow:
        """Return the one value that a step gives, or takes, once all of this has come."""
        if self.fails is not None:
            return self
        live = self.pace in (Pace.LIVE, Pace.MAYBE)
        matters = self.lost or any(earlier.is_source for earlier in self.held)
        earlier = self.held if matters and self.pace is not Pace.LIVE and not hold.is_source else ()
        return Flow(held=(*earlier, attrs.evolve(hold, lost=self.begins if live else ())))


def live_from(step: Step) -> Flow:
    """Return the flow of a step whose chunks begin with it."""
    return Flow(Pace.LIVE, begins=(step,))


def record(keys: Mapping[str, Flow], rest: Flow | None = None) -> Flow:
    """Return the flow of a record that is put together key by key.

    Its keys come one after another, unless all of them wait for the end of one stream.
    """
    parts = [*keys.values(), *([] if rest is None else [rest])]
    return Flow(
        _pace_of_keys(parts),
        _unique(step for part in parts for step in part.begins),
        _unique(hold for part in parts for hold in part.held),
        keys,
        rest,
        next((part.fails for part in parts if part.fails is not None), None),
        _unique(risk for part in parts for risk in part.risks),
    )


def _pace_of_keys(parts: list[Flow]) -> Pace:
    paces = {part.pace for part in parts}
    for pace in (Pace.LIVE, Pace.MAYBE, Pace.KEYED):
        if pace in paces:
            return pace
    waits_for_one = set.intersection(*({id(step) for step in part.lost} for part in parts))
    return Pace.ONCE if len(parts) < 2 or waits_for_one else Pace.KEYED


def one_of(flows: list[Flow]) -> Flow:
    """Return the flow of a step that runs one of several, chosen when it runs."""
    running = [flow for flow in flows if flow.fails is None]
    if len(flows) == 1 or not running:
        return flows[0]
    paces = {flow.pace for flow in running}
    pace = Pace.LIVE if paces == {Pace.LIVE, Pace.KEYED} else Pace.MAYBE
    if len(paces) == 1:
        (pace,) = paces
    failures = [flow.fails for flow in flows if flow.fails is not None]
    return Flow(
        pace,
        _unique(step for flow in running for step in flow.begins),
        _unique(hold for flow in running for hold in flow.held),
        _common_keys(running),
        risks=_unique([*failures, *(risk for flow in running for risk in flow.risks)]),
    )


def _common_keys(flows: list[Flow]) -> Mapping[str, Flow] | None:
    first, *others = (flow.keys for flow in flows)
    if first is None or any(keys is None or keys.keys() != first.keys() for keys in others):
        return None
    if any(flow.rest is not None for flow in flows):
        return None
    return {key: one_of([flow.at(key) for flow in flows]) for key in first}


def _unique(items: Iterable[T]) -> tuple[T, ...]:
    return tuple({id(item): item for item in items}.values())
