"""What the nodes of random chains do: deterministic, and written once for every flavour of node and for the reference.

A node that reads streams is a `Logic`: a generator that asks for the next chunk of a port by yielding its name, and
gives a chunk by yielding a `Give`. A `Machine` drives it, from whichever loop the flavour of the node has.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, Final, Literal

import attrs

Kind = Literal["text", "int", "ints"]
Logic = Generator["str | Give", Any, None]

TYPES: Final[Mapping[Kind, Any]] = {"text": str, "int": int, "ints": list[int]}
END: Final = object()


@attrs.frozen
class Give:
    """What a logic yields to give a chunk."""

    chunk: Any


class Machine:
    """A logic at work.

    Attributes:
        wants: the port that is to be read next; None once it gives nothing more.
    """

    def __init__(self, logic: Logic) -> None:
        self._logic = logic
        self.wants: str | None = None

    def feed(self, chunk: Any = None) -> list[Any]:
        """Return what is given until the next chunk is asked for; the first call starts it."""
        given: list[Any] = []
        while True:
            try:
                asked = self._logic.send(chunk)
            except StopIteration:
                self.wants = None
                return given
            if not isinstance(asked, Give):
                self.wants = asked
                return given
            given.append(asked.chunk)
            chunk = None


# --- transforms of one stream ------------------------------------------------------------------------------


@attrs.frozen
class Transform:
    """A function of a chunk and of what it remembers, to any number of chunks.

    Attributes:
        step: takes the memory, which it may change, and a chunk.
        first, last: what is given before the first chunk and after the last one.
        limit: after how many chunks it ends by itself.
        is_chunkwise: it gives one chunk for one chunk and remembers nothing.
        is_itemwise: it treats every character or item alike, so that cuts between them make no difference to the fold.
    """

    name: str
    takes: Kind
    gives: Kind
    step: Callable[[list[Any], Any], Iterable[Any]]
    first: tuple[Any, ...] = ()
    last: Callable[[list[Any]], Iterable[Any]] = lambda memory: ()
    limit: int | None = None
    is_chunkwise: bool = False
    is_itemwise: bool = False

    def logic(self, port: str) -> Logic:
        """Return what it does with the stream of a port."""
        memory: list[Any] = []
        read = 0
        yield from map(Give, self.first)
        while read != self.limit and (chunk := (yield port)) is not END:
            read += 1
            yield from map(Give, self.step(memory, chunk))
        yield from map(Give, self.last(memory))


def _keep(memory: list[Any], chunk: Any) -> tuple[()]:
    memory.append(chunk)
    return ()


def _counted(memory: list[Any], chunk: Any) -> tuple[int]:
    memory.append(None)
    return (len(memory),)


def _every_other(memory: list[Any], chunk: Any) -> Iterable[Any]:
    memory.append(None)
    return (chunk,) if len(memory) % 2 else ()


def _running_total(memory: list[Any], chunk: int) -> tuple[int]:
    memory[:] = [sum(memory) + chunk]
    return (memory[0],)


TRANSFORMS: Final[Mapping[str, Transform]] = {
    one.name: one
    for one in (
        Transform("upper", "text", "text", lambda m, c: (c.upper(),), is_chunkwise=True, is_itemwise=True),
        Transform("erase", "text", "text", lambda m, c: (c.replace("a", ""),), is_chunkwise=True, is_itemwise=True),
        Transform("split", "text", "text", lambda m, c: tuple(c), is_itemwise=True),
        Transform("skip", "text", "text", _every_other),
        Transform("greet", "text", "text", lambda m, c: (c,), first=("<",), last=lambda m: (">",), is_itemwise=True),
        Transform("hold", "text", "text", _keep, last=lambda m: ("".join(m),), is_itemwise=True),
        Transform("mute", "text", "text", lambda m, c: (), is_itemwise=True),
        Transform("take", "text", "text", lambda m, c: (c,), limit=2),
        Transform("measure", "text", "int", lambda m, c: (len(c),), is_chunkwise=True),
        Transform("number", "text", "int", _counted),
        Transform(
            "codes", "text", "ints", lambda m, c: ([ord(one) % 7 for one in c],), is_chunkwise=True, is_itemwise=True
        ),
        Transform("add", "int", "int", lambda m, c: (c + 1,), is_chunkwise=True),
        Transform("total", "int", "int", _running_total),
        Transform("twice", "int", "int", lambda m, c: (c, c)),
        Transform("even", "int", "int", lambda m, c: (c,) if c % 2 == 0 else ()),
        Transform("take_int", "int", "int", lambda m, c: (c,), limit=1),
        Transform("spell", "int", "text", lambda m, c: (f"{c} ",), is_chunkwise=True),
        Transform("wrap", "int", "ints", lambda m, c: ([c],), is_chunkwise=True),
        Transform("negate", "ints", "ints", lambda m, c: ([-one for one in c],), is_chunkwise=True, is_itemwise=True),
        Transform(
            "odd", "ints", "ints", lambda m, c: ([one for one in c if one % 2],), is_chunkwise=True, is_itemwise=True
        ),
        Transform("pieces", "ints", "ints", lambda m, c: tuple([one] for one in c), is_itemwise=True),
        Transform("items", "ints", "int", lambda m, c: tuple(c)),
        Transform("sum", "ints", "int", lambda m, c: (sum(c),), is_chunkwise=True),
        Transform("list", "ints", "text", lambda m, c: tuple(f"{one};" for one in c), is_itemwise=True),
    )
}


# --- functions of whole values -----------------------------------------------------------------------------


@attrs.frozen
class OfValue:
    """A function of a whole value: to one value, or for a producer to chunks."""

    name: str
    takes: Kind
    gives: Kind
    call: Callable[[Any], Any]


AGGREGATES: Final[Mapping[str, OfValue]] = {
    one.name: one
    for one in (
        OfValue("reverse", "text", "text", lambda v: v[::-1]),
        OfValue("length", "text", "int", len),
        OfValue("ords", "text", "ints", lambda v: [ord(one) % 5 for one in v]),
        OfValue("square", "int", "int", lambda v: v * v % 1000),
        OfValue("digits", "int", "text", str),
        OfValue("range", "int", "ints", lambda v: list(range(v % 4))),
        OfValue("sorted", "ints", "ints", sorted),
        OfValue("count", "ints", "int", len),
        OfValue("show", "ints", "text", repr),
    )
}

PRODUCERS: Final[Mapping[str, OfValue]] = {
    one.name: one
    for one in (
        OfValue("letters", "text", "text", list),
        OfValue("halves", "text", "text", lambda v: [v[: len(v) // 2], v[len(v) // 2 :]]),
        OfValue("lengths", "text", "int", lambda v: [len(word) for word in v.split("a")]),
        OfValue("tails", "text", "ints", lambda v: [[index] for index, _ in enumerate(v)]),
        OfValue("countdown", "int", "int", lambda v: list(range(v % 4, 0, -1))),
        OfValue("numerals", "int", "text", lambda v: [f"{one}," for one in range(v % 4)]),
        OfValue("growing", "int", "ints", lambda v: [list(range(one)) for one in range(v % 4)]),
        OfValue("each_item", "ints", "int", list),
        OfValue("each_list", "ints", "ints", lambda v: [[one] for one in v]),
        OfValue("each_text", "ints", "text", lambda v: [f"{one}." for one in v]),
    )
}

#: Nodes that read their stream themselves and return one value.
READERS: Final[Mapping[str, Transform]] = {
    one.name: one
    for one in (
        Transform("read_all", "text", "text", _keep, last=lambda m: ("|".join(m),)),
        Transform("read_first", "text", "text", _keep, last=lambda m: ("|".join(m),), limit=1),
        Transform("read_sum", "int", "int", _keep, last=lambda m: (sum(m) % 1000,)),
        Transform("read_count", "ints", "int", _keep, last=lambda m: (len(m),)),
    )
}


# --- several ports -----------------------------------------------------------------------------------------

Order = Literal["in turn", "one by one", "backwards", "shortest", "first only"]
ORDERS: Final[tuple[Order, ...]] = ("in turn", "one by one", "backwards", "shortest", "first only")


def several(streams: tuple[str, ...], values: Mapping[str, Any], order: Order) -> Logic:
    """Give text of what the streams give, read in a certain order, and of the values."""
    around = "".join(f"{port}={_text(value)};" for port, value in values.items())
    if order in ("one by one", "backwards", "first only"):
        ports = streams[::-1] if order == "backwards" else streams[:1] if order == "first only" else streams
        for port in ports:
            while (chunk := (yield port)) is not END:
                yield Give(f"{port}:{_text(chunk)},{around}")
        return
    live = list(streams)
    while live:
        for port in tuple(live):
            if (chunk := (yield port)) is END:
                live.remove(port)
                if order == "shortest":
                    return
            else:
                yield Give(f"{port}:{_text(chunk)},{around}")


def of_values(values: Mapping[str, Any]) -> str:
    """Return text of several values."""
    return "".join(f"{port}={_text(value)};" for port, value in values.items())


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else repr(sorted(value.items()) if isinstance(value, dict) else value)
    return text if len(text) < 16 else f"{text[:8]}~{len(text)}"


# --- folds -------------------------------------------------------------------------------------------------


def fold(name: str, chunks: list[Any], kind: Kind) -> Any:
    """Return the value of chunks.

    Raises:
        Empty: there is none of no chunks.
        Twofold: there is none of several chunks.
    """
    while name.startswith("one or more ") and len(chunks) != 1:
        name = name.removeprefix("one or more ")
    if name == "concat":
        return "".join(chunks) if kind == "text" else [item for chunk in chunks for item in chunk]
    if name in ("total", "from ten", "counted"):
        start = 10 if name == "from ten" else 0
        return start + (len(chunks) if name == "counted" else sum(chunks))
    if name == "collect":
        return list(chunks)
    if not chunks:
        raise Empty
    if len(chunks) > 1 and name == "single":
        raise Twofold
    return chunks[-1]


class Empty(Exception):
    """The value of a stream that gave nothing was asked."""


class Twofold(Exception):
    """A stream that should give one chunk gave more."""
