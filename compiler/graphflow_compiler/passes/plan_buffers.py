"""Decide what stands between two stages, so that no run can deadlock and memory stays bounded where it can.

A deadlock needs a cycle of waits: a writer that waits for a full buffer, a reader that waits for an empty one. A reader
may wait for each of its writers; a writer only for readers whose buffers can be full. Such a cycle has a sink, a node
that is entered through a full port and left through an empty one, another of its ports. So a stream port of a node gets
an unbounded buffer where waits can lead from the writer of another port to the writer of this one, not by way of the
node itself; all others are bounded. Ports that wait for the whole value are never full, since every chunk is folded as
it comes; a join takes from whichever stream comes first, so it never waits for one of them.

The proof is in docs/explanation/buffers.md.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, final

from graphflow_compiler import dag
from graphflow_compiler.ir import INPUT, Edge, NodeId, Op
from graphflow_compiler.plan import CAPACITY, Buffer, Plan

#: Stages that are looked at for each pair of ports: what is further off is taken to be waited for.
MAX_WALK: Final = 32


def plan_buffers(plan: Plan) -> Plan:
    """Decide what stands between two stages, so that no run can deadlock and memory stays bounded where it can."""
    plan = plan.map_bodies(plan_buffers)
    places = {node.id: node.stage or INPUT for node in plan.nodes}
    crossing = [edge for edge in plan.edges if places[edge.source] != places[edge.target]]
    waits = _Waits(plan, places, crossing)
    return plan.changed(buffers=tuple(_buffer(plan, edge, waits) for edge in crossing))


def _buffer(plan: Plan, edge: Edge, waits: _Waits) -> Buffer:
    assert edge.port is not None
    node = plan.by_id[edge.target]
    make = functools.partial(Buffer, edge.source, edge.target, edge.port, edge.key)
    if edge.source == INPUT and plan.input_stage is not None:
        several = len(plan.edges_from[INPUT]) > 1
        why = "the branches that share it take turns" if several else "the only consumer of the input reads it in place"
        return make("call", None, why)
    hint = plan.by_id[edge.source].buffer
    if node.op is Op.JOIN:
        why = "a join takes whichever stream comes first, so it never waits for the wrong one"
        return make("bounded", hint or CAPACITY, why)
    if not node.port(edge.port).streams:
        return make("fold", None, "every chunk is folded as it comes: the port waits for the whole value")
    rivals = waits.rivals(edge)
    if rivals:
        named = ", ".join(f"`{rival.port}`" for rival in rivals)
        in_vain = f", so no bound is safe, not of {hint} either" if hint else ""
        why = f"the same stream also leads to {named}, which may have to be read first{in_vain}"
        return make("unbounded", None, why)
    return make("bounded", hint or CAPACITY, "a writer that is ahead waits")


@final
class _Waits:
    """Who may have to wait for whom, by places: stages, and the input."""

    def __init__(self, plan: Plan, places: Mapping[NodeId, str], crossing: Sequence[Edge]) -> None:
        self._places = places
        self._crossing = crossing
        self._links: list[tuple[str, str]] = []
        self._into: dict[str, list[Edge]] = {}
        self._for: dict[str, set[str]] = {place: set() for place in places.values()}
        for edge in crossing:
            source, target = places[edge.source], places[edge.target]
            self._links.append((source, target))
            self._into.setdefault(target, []).append(edge)
            self._for[target].add(source)
            if _can_be_full(plan, edge):
                self._for[source].add(target)
        # What feeds the input of a body may be waited for together with its output, by nodes around the body.
        self._links.append((INPUT, places[plan.output]))
        self._for[INPUT].add(places[plan.output])

    def rivals(self, edge: Edge) -> list[Edge]:
        """Return the other edges into the same node whose writer may wait, in the end, for the writer of this."""
        place = self._places[edge.target]
        if len(self._into[place]) == 1:
            return []
        component = self._component[id(edge)]  # two edges into one place lie on a circle, by way of the input
        writer = self._places[edge.source]
        return [
            other
            for other in self._into[place]
            if other is not edge
            and self._component[id(other)] == component
            and self._leads(self._places[other.source], writer, without=place)
        ]

    @functools.cached_property
    def _component(self) -> Mapping[int, int | None]:
        """The components of the edges: only looked for where streams meet."""
        components = dag.two_edge_connected_components(tuple(self._for), self._links)
        return {id(edge): component for edge, component in zip(self._crossing, components, strict=False)}

    def _leads(self, start: str, goal: str, without: str) -> bool:
        """Tell whether waits may lead from one place to another, not by way of a third: True too where that is far."""
        pending = deque([start])
        seen = {without}
        while pending:
            place = pending.popleft()
            if place == goal or len(seen) > MAX_WALK:
                return True
            if place not in seen:
                seen.add(place)
                pending += self._for[place]
        return False


def _can_be_full(plan: Plan, edge: Edge) -> bool:
    """Tell whether a writer may have to wait for the reader of an edge."""
    node = plan.by_id[edge.target]
    assert edge.port is not None
    return node.op is Op.JOIN or node.port(edge.port).streams
