"""Random graphs whose shape is what matters: every node works on text, passes on what it reads, and may be held.

A chunk says which nodes it has come through. A node that is held gives so many chunks and no more, for good.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import attrs
import hypothesis.strategies as st
import trio

import graphflow as gf

INPUT: Final = "input"

Role = Literal["transform", "aggregate", "producer"]
ALL_ROLES: Final[Sequence[Role]] = ("transform", "transform", "aggregate", "producer")
#: A node by its number, -1 being the input, and a key of it where it is a record.
Ref = tuple[int, str | None]


@attrs.frozen
class Node:
    """A node: its streams come first, and are read one after the other."""

    role: Role
    streams: tuple[Ref, ...]
    wholes: tuple[Ref, ...]


@attrs.frozen
class Record:
    fields: tuple[tuple[str, Ref], ...]


@attrs.frozen
class Assign:
    """A record with one key more, or another one: what a node makes of one of its keys."""

    record: int
    key: str
    node: Node


@attrs.frozen
class Drawing:
    """A graph: its parts in order, and the keys of what it returns; one without a name where it is no record."""

    parts: tuple[Node | Record | Assign, ...]
    result: tuple[tuple[str, Ref], ...]

    def node_at(self, ref: Ref) -> int:
        """Return the number of the node whose chunks a reference means."""
        while True:
            index, key = ref
            part = None if index < 0 else self.parts[index]
            if isinstance(part, Record):
                assert key is not None
                ref = dict(part.fields)[key]
            elif isinstance(part, Assign) and key != part.key:
                ref = part.record, key
            else:
                return index

    def node(self, index: int) -> Node:
        """Return a node by its number."""
        part = self.parts[index]
        assert not isinstance(part, Record)
        return part if isinstance(part, Node) else part.node

    def nodes(self) -> Iterator[int]:
        """Yield the numbers of the nodes, and of the input."""
        yield -1
        for index, part in enumerate(self.parts):
            if not isinstance(part, Record):
                yield index


def label(index: int) -> str:
    """Return the name of a node."""
    return INPUT if index < 0 else f"n{index}"


# --- declared and run --------------------------------------------------------------------------------------


class Meter:
    """How many chunks nodes have given, and read by port."""

    def __init__(self) -> None:
        self.given: Counter[str] = Counter()
        self.read: Counter[tuple[str, str]] = Counter()


def declare(drawing: Drawing, held: Mapping[int, int], meter: Meter | None = None) -> gf.Chain[str, Any]:
    """Declare a drawing; `held` says after how many chunks a node gives no more."""
    meter = meter or Meter()

    def trace(x: gf.Stream[str]) -> Any:
        handles: dict[int, Any] = {-1: x}

        def at(ref: Ref) -> Any:
            return handles[ref[0]] if ref[1] is None else handles[ref[0]][ref[1]]

        def fed(index: int, node: Node) -> Any:
            chain = _declared(label(index), node, held.get(index, 1 << 30), meter)
            feeds = {f"s{number}": at(ref) for number, ref in enumerate(node.streams)}
            feeds |= {f"w{number}": at(ref) for number, ref in enumerate(node.wholes)}
            return chain(*feeds.values()) if len(feeds) == 1 else chain(**feeds)

        for index, part in enumerate(drawing.parts):
            match part:
                case Node():
                    handles[index] = fed(index, part)
                case Record(fields):
                    record = _record(f"r{index}", [key for key, _ in fields])
                    feeds = {key: at(ref) for key, ref in fields}
                    handles[index] = record(*feeds.values()) if len(feeds) == 1 else record(**feeds)
                case Assign(base, key, node):
                    chain = _declared(label(index), node, held.get(index, 1 << 30), meter)
                    source = (node.streams + node.wholes)[0][1]
                    assert source is not None
                    handles[index] = gf.assign({key: gf.pick(source) | chain})(handles[base])
        if drawing.result[0][0] == "":
            return at(drawing.result[0][1])
        return {key: at(ref) for key, ref in drawing.result}

    chain: gf.Chain[str, Any] = gf.graph(trace)
    return chain


def _record(name: str, keys: list[str]) -> gf.Chain[Any, Any]:
    def record(*args: Any, **parts: Any) -> Any:
        return dict(zip(keys, args, strict=True)) if args else parts

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function: Any = record
    function.__signature__ = inspect.Signature([inspect.Parameter(key, kind) for key in keys])
    chain: gf.Chain[Any, Any] = gf.graph(record).with_config(name=name)
    return chain


def _declared(name: str, node: Node, limit: int, meter: Meter) -> gf.Chain[Any, Any]:
    streams = [f"s{number}" for number in range(len(node.streams))]
    wholes = [f"w{number}" for number in range(len(node.wholes))]

    async def transform(*args: Any, **ports: Any) -> AsyncIterator[str]:
        values = "".join(ports[port] for port in wholes)
        for port, stream in zip(streams, args or [ports[port] for port in streams], strict=True):
            async for chunk in stream:
                meter.read[name, port] += 1
                if meter.given[name] >= limit:
                    await trio.sleep_forever()
                meter.given[name] += 1
                yield f"{name}({chunk}{values})"

    async def aggregate(*args: str, **ports: str) -> str:
        if not limit:
            await trio.sleep_forever()
        return f"{name}({''.join((*args, *ports.values()))})"

    async def producer(*args: str, **ports: str) -> AsyncIterator[str]:
        for number in range(3):
            if number >= limit:
                await trio.sleep_forever()
            yield f"{name}#{number}({''.join((*args, *ports.values()))})"

    function: Any = {"transform": transform, "aggregate": aggregate, "producer": producer}[node.role]
    hints: dict[str, Any] = dict.fromkeys(streams, AsyncIterator[str]) | dict.fromkeys(wholes, str)
    kind = inspect.Parameter.KEYWORD_ONLY if len(hints) > 1 else inspect.Parameter.POSITIONAL_ONLY
    function.__signature__ = inspect.Signature([inspect.Parameter(one, kind) for one in hints])
    function.__annotations__ = {**hints, "return": str if node.role == "aggregate" else AsyncIterator[str]}
    chain: gf.Chain[Any, Any] = (gf.transform if node.role == "transform" else gf.aggregate)(name=name)(function)
    return chain


@st.composite
def drawings(draw: st.DrawFn, *, roles: Sequence[Role] = ALL_ROLES) -> Drawing:
    """Draw a small graph; without other roles than transforms, each has one stream and nothing else."""
    parts: list[Node | Record | Assign] = []
    keys: dict[int, tuple[str, ...]] = {-1: ()}

    def ref() -> Ref:
        index = draw(st.sampled_from(sorted(keys)))
        return index, draw(st.sampled_from(keys[index])) if keys[index] else None

    def refs(least: int, most: int) -> tuple[Ref, ...]:
        return tuple(ref() for _ in range(draw(st.integers(least, most))))

    used: set[Ref] = set()
    most = 2 if len(set(roles)) > 1 else 1
    for index in range(draw(st.sampled_from(range(1, 8)))):
        kind = draw(st.sampled_from(["node", "node", "node", "record", "assign"]))
        records = [one for one in keys if keys[one]]
        part: Node | Record | Assign
        if kind == "record":
            names = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True))
            part = Record(tuple((name, ref()) for name in names))
            keys[index] = tuple(names)
            used |= {one for _, one in part.fields}
        elif kind == "assign" and records:
            record = draw(st.sampled_from(records))
            source: Ref = record, draw(st.sampled_from(keys[record]))
            role = draw(st.sampled_from(roles))
            node = Node(role, (source,), ()) if role == "transform" else Node(role, (), (source,))
            part = Assign(record, draw(st.sampled_from("abc")), node)
            keys[index] = tuple(dict.fromkeys((*keys[record], part.key)))
            used |= {source, *((record, key) for key in keys[record] if key != part.key)}
        else:
            role = draw(st.sampled_from(roles))
            part = Node(role, (), refs(1, 2))
            if role == "transform":
                part = Node(role, refs(1, most), refs(0, most - 1))
            keys[index] = ()
            used |= {*part.streams, *part.wholes}
        parts.append(part)
    # What nothing uses is returned: a key that is made for nothing would hold up the others.
    ends = [(index, key) for index in range(len(parts)) for key in keys[index] or (None,) if (index, key) not in used]
    if len(ends) == 1 and ends[0][1] is None and draw(st.booleans()):
        return Drawing(tuple(parts), (("", ends[0]),))
    return Drawing(tuple(parts), tuple((f"k{number}", one) for number, one in enumerate(ends)))
