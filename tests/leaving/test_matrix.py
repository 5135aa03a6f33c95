"""Every verb, left in every way, on every kind of chain: nothing is left, and what arrives is what went wrong."""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Literal

import attrs
import pytest
import trio
import trio.testing

from tests.leaving.chains import FEW, KINDS, MANY, TURN, Kind, Ledger
from tests.leaving.watch import Watch

# --- the table ---------------------------------------------------------------------------------------------

Does = Literal["nothing", "break", "error", "cancel", "move on", "fail", "interrupt"]


@attrs.frozen
class Way:
    """One way of leaving.

    Attributes:
        does: what happens.
        place: the node it happens in; empty for the body of the ``with``.
    """

    does: Does
    place: str = ""

    def __str__(self) -> str:
        return self.does + (f" in {self.place}" if self.place else " in the body" if self.does != "nothing" else "")


@attrs.frozen
class Verb:
    """One verb.

    Attributes:
        name: what it is called.
        where: ``trio``: in a task; ``thread``: its sync twin, in a plain thread; ``worker``: its sync twin, in a worker
            thread of a task.
        body: whether it has a body, which may be left early.
        values: whether it takes several values.
    """

    name: str
    where: Literal["trio", "thread", "worker"] = "trio"
    body: bool = True
    values: bool = False

    def __str__(self) -> str:
        return self.name if self.where == "trio" else f"sync.{self.name} in a {self.where}"


VERBS: Final = (
    Verb("stream"),
    Verb("transform"),
    Verb("events"),
    Verb("batch_as_completed", values=True),
    Verb("invoke", body=False),
    Verb("batch", body=False, values=True),
    Verb("explain_analyze", body=False),
    Verb("stream", "thread"),
    Verb("events", "thread"),
    Verb("batch_as_completed", "thread", values=True),
    Verb("invoke", "thread", body=False),
    Verb("batch", "thread", body=False, values=True),
    Verb("explain_analyze", "thread", body=False),
    Verb("stream", "worker"),
    Verb("events", "worker"),
    Verb("invoke", "worker", body=False),
)

IN_BODY: Final[tuple[Does, ...]] = ("break", "error", "cancel", "move on", "fail", "interrupt")
IN_NODE: Final[tuple[Does, ...]] = ("error", "cancel", "move on", "fail", "interrupt")
CANCELS: Final = ("cancel", "move on", "fail")


def ways(kind: Kind) -> Iterator[Way]:
    """Return the ways in which a kind of chain may be left."""
    yield Way("nothing")
    yield from (Way(does) for does in IN_BODY)
    for place in kind.places:
        yield from (Way(does, place) for does in IN_NODE)


def why_not(verb: Verb, way: Way, kind: Kind) -> str:
    """Return why a combination makes no sense; nothing if it does."""
    if not way.place and way.does != "nothing" and not verb.body:
        return "the verb has no body"
    if way.does in CANCELS and verb.where == "thread":
        return "a plain thread has no cancel scope"
    if way.does in CANCELS and way.place and not kind.waits:
        return "nothing in it waits, so it is over before it could notice"
    if way.does in CANCELS and way.place in kind.late:
        return "that node is the last thing that happens, so it is over before it could notice"
    if way.does in ("move on", "fail") and way.place and way.place != kind.places[0]:
        return "to a node a deadline is a cancellation; once a kind is enough"
    if way.does == "interrupt" and way.place not in ("", kind.places[0], kind.places[-1]):
        return "to the run it is an error; in the first and the last node is enough"
    return ""


TABLE: Final = [
    pytest.param(verb, way, name, id=f"{verb}-{way}-{name}")
    for verb in VERBS
    for name, kind in KINDS.items()
    for way in ways(kind)
    if not why_not(verb, way, kind)
]

# --- one combination ---------------------------------------------------------------------------------------


class BodyError(Exception):
    """What goes wrong in a body."""


class NodeError(Exception):
    """What goes wrong in a node."""


class Leaving:
    """One combination: makes the run, leaves it, and remembers what arrived and what was left."""

    def __init__(self, verb: Verb, way: Way, kind: Kind, watch: Watch) -> None:
        self.verb, self.way, self.kind, self.watch = verb, way, kind, watch
        reads_all = (
            way.does == "nothing"
            or way.place in kind.late
            or (kind.one and not way.place)
            or (verb.values and not way.place)
        )
        self.width = FEW if reads_all else MANY
        turn = 1 if way.place in kind.once else TURN
        self.is_virtual = verb.where == "trio" and not kind.threads
        self.ledger = Ledger(self.width, way.place, self.happens, turn, 1 if self.is_virtual else 0.0001)
        self.chain = kind.make(self.ledger)
        self.scope = trio.CancelScope()
        self.error: BaseException | None = None
        if way.does == "error":
            self.error = NodeError("in a node") if way.place else BodyError("in the body")
        elif way.does == "interrupt":
            self.error = KeyboardInterrupt()
        self.got: list[Any] = []
        self.left: list[str] = []
        self.arrived: BaseException | None = None

    # --- what happens ---

    def happens(self) -> None:
        """Do what the way of leaving wants."""
        if self.error is not None:
            raise self.error
        if self.way.does == "cancel":
            self._in_loop(self.scope.cancel)
        elif self.way.does in ("move on", "fail"):
            self._in_loop(self._expire)

    def _expire(self) -> None:
        self.scope.deadline = trio.current_time()

    @staticmethod
    def _in_loop(function: Callable[[], object]) -> None:
        if trio.lowlevel.in_trio_task():
            function()
        else:
            trio.from_thread.run_sync(function)

    # --- the verbs ---

    async def upstream(self) -> AsyncIterator[str]:
        """The input of `transform`."""
        with self.ledger.open("upstream"):
            for _ in range(2 if self.kind.whole or self.width == FEW else MANY):
                self.ledger.produced += 1
                yield "x"

    def opened(self, verbs: Any) -> Any:
        """Return what the verb gives."""
        match self.verb.name:
            case "transform":
                return verbs.transform(self.upstream())
            case "batch_as_completed":
                return verbs.batch_as_completed(["x"] * 5, max_concurrency=3)
            case "batch":
                return verbs.batch(["x"] * 5, max_concurrency=3)
            case name:
                return getattr(verbs, name)("x")

    async def run(self) -> None:
        """Use the verb in a task."""
        try:
            if not self.verb.body:
                self.got.append(await self.opened(self.chain))
            else:
                async with self.opened(self.chain) as items:
                    async for item in items:
                        self.got.append(item)
                        if self.way.does != "nothing" and not self.way.place:
                            if self.way.does == "break":
                                break
                            self.happens()
                            await trio.sleep_forever()
        finally:
            self.look(in_loop=True)

    def run_sync(self) -> None:
        """Use its sync twin, in a thread."""
        try:
            if not self.verb.body:
                self.got.append(self.opened(self.chain.sync))
            else:
                with self.opened(self.chain.sync) as items:
                    for item in items:
                        self.got.append(item)
                        if self.way.does != "nothing" and not self.way.place:
                            if self.way.does == "break":
                                break
                            self.happens()
                            trio.from_thread.run(trio.sleep_forever)
        finally:
            if self.verb.where == "worker":
                self.watch.working.add(threading.current_thread())
                trio.from_thread.run_sync(self._look_in_loop)
            else:
                self.look(in_loop=False)

    def _look_in_loop(self) -> None:
        self.look(in_loop=True)

    def look(self, *, in_loop: bool) -> None:
        """See what is left at the moment at which the verb has been left."""
        self.left = self.watch.left(in_loop=in_loop) + self.ledger.left_open()

    # --- around ---

    def start(self) -> None:
        """Leave, and remember what arrived."""
        try:
            if self.verb.where == "thread":
                self.run_sync()
            else:
                clock = trio.testing.MockClock(autojump_threshold=0) if self.is_virtual else None
                trio.run(self._in_scope, clock=clock)
        except BaseException as error:
            self.arrived = error

    async def _in_scope(self) -> None:
        self.watch.enter_loop()
        work = self.run if self.verb.where == "trio" else self._in_worker
        if self.way.does == "fail":
            with trio.fail_after(math.inf) as self.scope:
                await work()
        else:
            with self.scope:
                await work()

    async def _in_worker(self) -> None:
        await trio.to_thread.run_sync(self.run_sync)


@pytest.mark.parametrize(("verb", "way", "kind_name"), TABLE)
def test_leaving(verb: Verb, way: Way, kind_name: str, watch: Watch) -> None:
    leaving = Leaving(verb, way, KINDS[kind_name], watch)
    leaving.start()
    error, arrived, ledger = leaving.error, leaving.arrived, leaving.ledger
    assert not leaving.left
    # what arrives
    if error is not None:
        assert arrived is error
        notes = getattr(error, "__notes__", [])
        assert any("in node `" in note for note in notes) == isinstance(error, NodeError)
    elif way.does == "fail":
        assert type(arrived) is trio.TooSlowError
    else:
        assert arrived is None
    assert leaving.scope.cancelled_caught == (way.does in CANCELS)
    # what came before
    if way.does == "nothing":
        assert leaving.got
    elif not way.place:
        assert len(leaving.got) == 1
    # upstream is not drained
    if leaving.width == MANY:
        assert ledger.produced < MANY
    # who was closed where it yields could clean up, unless a cancellation was all that could end what it stands by
    is_cancelled = way.does in CANCELS or (verb.values and way.does != "nothing") or leaving.kind.threads
    is_cancelled |= leaving.kind.asks and verb.where != "trio"  # the thread may leave at any moment of that run
    assert is_cancelled or not ledger.interrupted
