"""What is compared: cases, the sides of a case, and the targets that its figures are held against."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import attrs

OURS: Final = "graphflow"
HAND: Final = "hand"
LCEL: Final = "langchain-core"


@attrs.frozen
class Taken:
    """What it took to do the work once.

    Attributes:
        amount: nanoseconds, bytes or a number of things, for all units together.
        outcome: what came out, which must be the same on all sides.
    """

    amount: float
    outcome: object


@attrs.frozen
class Side:
    """One way to do the work of a case.

    Attributes:
        name: `OURS`, `LCEL`, or what kind of twin it is.
        take: does the work for so many units, and says what it took.
        count: the number of units in a round; sides that are slow do fewer.
    """

    name: str
    take: Callable[[int], Taken]
    count: int


@attrs.frozen
class Unit:
    """What figures count: `name` as it is printed, and how much of an amount is one of it."""

    name: str
    size: float


NS: Final = Unit("ns", 1)
US: Final = Unit("µs", 1e3)
MS: Final = Unit("ms", 1e6)
MB: Final = Unit("MB", 1e6)
MODULES: Final = Unit("modules", 1)


@attrs.frozen
class Figures:
    """What was measured of a case: for every side that ran the amounts of its rounds, in the unit of the case."""

    rounds: Mapping[str, Sequence[float]]

    def median(self, side: str) -> float:
        """Return the median of the rounds of a side."""
        return statistics.median(self.rounds[side])

    def ratio(self, side: str, to: str) -> float:
        """Return how many times as much one side takes as another: the median of the ratios of the rounds."""
        return statistics.median(a / b for a, b in zip(self.rounds[side], self.rounds[to], strict=True))


@attrs.frozen
class Target:
    """What graphflow is to reach.

    Attributes:
        text: what it says.
        holds: tells whether figures reach it.
        beside: the side that it compares with; "" where it is a limit.
    """

    text: str
    holds: Callable[[Figures], bool]
    beside: str = ""

    def reached(self, figures: Figures) -> bool | None:
        """Tell whether figures reach it; None where the side that it compares with has not run."""
        return self.holds(figures) if not self.beside or self.beside in figures.rounds else None


def within(limit: float, unit: str) -> Target:
    """Return the target to take so much at most."""
    return Target(f"≤ {limit:,g} {unit}", lambda figures: figures.median(OURS) <= limit)


def at_most(times: float, twin: str = HAND) -> Target:
    """Return the target to take so many times as much as a twin, at most."""
    return Target(f"≤ {times:g} × {twin}", lambda figures: figures.ratio(OURS, twin) <= times, twin)


def at_most_plus(times: float, more: float, unit: str, twin: str = HAND) -> Target:
    """Return the target to take so many times as much as a twin, and so much more, at most."""
    return Target(
        f"≤ {twin if times == 1 else f'{times:g} × {twin}'} + {more:g} {unit}",
        lambda figures: figures.median(OURS) <= times * figures.median(twin) + more,
        twin,
    )


def faster(times: float) -> Target:
    """Return the target to be so many times as fast as LCEL."""
    return Target(f"≥ {times:g} × LCEL", lambda figures: figures.ratio(LCEL, OURS) >= times, LCEL)


def either(limit: Target, other: Target) -> Target:
    """Return the target to keep a limit, or else to reach the other."""
    return Target(
        f"{limit.text}, or {other.text}", lambda figures: limit.holds(figures) or other.holds(figures), other.beside
    )


@attrs.frozen
class Case:
    """One row: the same work, done by several sides.

    Attributes:
        name: what is done.
        unit: what its figures count.
        per: of what, such as ``"chunk"``; "" where all is one.
        sides: who does it, ours first.
        targets: what we are to reach.
        units: how many of what figures are per come of a count; the count itself, if not given.
        most_rounds: it is measured so often at most, where that takes long.
        compares: ratios say something.
    """

    name: str
    unit: Unit
    per: str
    sides: tuple[Side, ...]
    targets: tuple[Target, ...] = ()
    units: Callable[[int], int] = lambda count: count
    most_rounds: int = 99
    compares: bool = True

    @property
    def twins(self) -> list[Side]:
        """The sides that are neither ours nor the peer's."""
        return [side for side in self.sides if side.name not in (OURS, LCEL)]


@attrs.frozen
class Group:
    """Cases of one kind.

    Attributes:
        name: the word to choose them by.
        title: what they are.
        note: what is compared with what, for the reader of the table; its white space does not matter.
        cases: makes the cases.
    """

    name: str
    title: str
    note: str
    cases: Callable[[], Iterable[Case]]
