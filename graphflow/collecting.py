"""Collect what all runs of this process measure, for a while: what `pytest --graphflow-profile` prints."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias, final

import attrs

from graphflow.profiling import profile_of
from graphflow.runtime.failures import only_errors
from graphflow.runtime.metering import COLLECTING, Meter

#: How many chains are shown, in the order in which their first runs end; the runs of others are only counted.
MOST_SHOWN: Final = 10

Ending: TypeAlias = Literal["to the end", "left", "failed"]


@attrs.define(eq=False)
class Runs:
    """The runs of one chain that have ended in one way.

    Attributes:
        ending: how.
        count: how many there are.
        slowest: what the slowest of them has measured.
        duration: how long that took, in seconds.
        error: the type of the error that ended it; "" if none did.
    """

    ending: Ending
    count: int
    slowest: Meter
    duration: float
    error: str

    def __str__(self) -> str:
        runs = "1 run" if self.count == 1 else f"{self.count:,} runs"
        ending = {"to the end": "", "left": " that did not come to the end", "failed": " that failed"}[self.ending]
        slowest = "" if self.count == 1 else ", the slowest"
        error = f" with {self.error}" if self.error else ""
        profile = profile_of(self.slowest, self.duration, output=None)
        return f"`{self.slowest.plan.name}`: {runs}{ending}{slowest}{error}\n\n{profile}"


@final
class Collected:
    """What runs have measured: for every chain, and every way in which its runs have ended, the slowest.

    It stays small however many runs there are, and keeps nothing that goes in or comes out of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # chains run in any thread
        self._chains: list[list[Runs]] = []
        self._others = 0

    def over(self, meter: Meter, failure: BaseException | None) -> None:
        """Take what a run has measured, and what ended it."""
        duration, ending = meter.now(), _ending(failure)
        error = type(failure).__name__ if ending == "failed" else ""
        with self._lock:
            chain = self._chain_of(meter)
            if chain is None:
                self._others += 1
                return
            for runs in chain:
                if runs.ending == ending:
                    runs.count += 1
                    if duration > runs.duration:
                        runs.slowest, runs.duration, runs.error = meter, duration, error
                    return
            chain.append(Runs(ending, 1, meter, duration, error))

    def take(self) -> list[str]:
        """Return what there is to print, piece by piece, and begin anew."""
        with self._lock:
            chains, self._chains = self._chains, []
            others, self._others = self._others, 0
        texts = [str(runs) for chain in chains for runs in chain]
        if others:
            runs = "1 run" if others == 1 else f"{others:,} runs"
            texts.append(f"and {runs} of other chains: only {MOST_SHOWN} are shown")
        return texts

    def _chain_of(self, meter: Meter) -> list[Runs] | None:
        """Return the runs of the same chain; None if it is another, and there are enough."""
        for chain in self._chains:
            if _are_same(chain[0].slowest, meter):
                return chain
        if len(self._chains) == MOST_SHOWN:
            return None
        self._chains.append([])
        return self._chains[-1]


def _are_same(one: Meter, other: Meter) -> bool:
    """Tell whether two runs are of the same chain: it may have been made several times, of the same nodes."""
    if one.plan is other.plan:
        return True
    if len(one.plan.nodes) != len(other.plan.nodes) or one.plan.name != other.plan.name:
        return False
    places = (node.location == twin.location for node, twin in zip(one.plan.nodes, other.plan.nodes, strict=True))
    return all(places) and one.plan == other.plan


def _ending(failure: BaseException | None) -> Ending:
    if failure is None:
        return "to the end"
    return "failed" if only_errors([failure]) else "left"


@contextlib.contextmanager
def collecting() -> Iterator[Collected]:
    """Collect what all runs measure that begin inside this ``with``, in whatever thread or loop.

    Another one inside takes its place for as long.
    """
    before = COLLECTING.collector
    COLLECTING.collector = collected = Collected()
    try:
        yield collected
    finally:
        COLLECTING.collector = before
