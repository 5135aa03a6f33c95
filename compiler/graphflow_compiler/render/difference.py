"""Say what has changed between two plans: above all what streams now and what no longer does.

Nodes are the same if they have the same id; stages, if they have the same nodes; buffers, if they stand on the same
edge. Source lines are not compared: a function that has only moved is no change.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeVar

import attrs

from graphflow_compiler.plan import Stage
from graphflow_compiler.render.outline import EdgeLine, NodeLine, Outline, listed, printable, who_runs

K = TypeVar("K")
T = TypeVar("T")


class Sign(enum.StrEnum):
    """What has happened to something."""

    ADDED = "+"
    REMOVED = "-"
    CHANGED = "~"


@attrs.frozen
class Change:
    """One difference.

    Attributes:
        what: what it is about: ``output``, ``node``, ``edge``, ``stage``, ``buffer`` or ``finding``.
        sign: whether that is new, gone, or not as it was.
        text: what has changed, in words.
        stops: it takes streaming away: the output streamed, or a key of it, and does not any more.
    """

    what: str
    sign: Sign
    text: str
    stops: bool = False


#: The headings of what changes, in the order in which it is told.
_HEADINGS: Final = {
    "node": "nodes",
    "edge": "edges",
    "stage": "stages",
    "buffer": "buffers",
    "finding": "findings",
}


def differences(old: Outline, new: Outline) -> tuple[Change, ...]:
    """Return what has changed between two plans, what matters most first."""
    return tuple(_differences(old, new, ""))


def as_difference(changes: Iterable[Change]) -> str:
    """Lay changes out as text, under headings; "no change" if there are none.

    >>> print(as_difference([Change("node", Sign.ADDED, "`shout` aggregate, str → str")]))
    nodes:
      + `shout` aggregate, str → str
    """
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.what, []).append(change)
    lines = [printable(change.text) for change in groups.pop("output", ())]
    for what, group in groups.items():
        lines += ["", f"{_HEADINGS[what]}:", *(f"  {change.sign} {printable(change.text)}" for change in group)]
    return "\n".join(lines).lstrip("\n") or "no change"


def _differences(old: Outline, new: Outline, where: str) -> Iterator[Change]:
    found = [
        *_of_output(old, new),
        *_of_nodes(old, new),
        *_of_edges(old, new),
        *_of_stages(old.stages, new.stages),
        *_of_buffers(old, new),
        *_of_findings(old, new),
    ]
    if where:
        # A body does not give the final output: that what it gives no longer streams is no loss by itself.
        found = [attrs.evolve(change, text=f"{where}: {change.text}", stops=False) for change in found]
        found = [attrs.evolve(change, what="node") if change.what == "output" else change for change in found]
    nested = [change for both in _both(old, new) for change in _of_bodies(*both, where)]
    yield from sorted((*found, *nested), key=lambda change: ["output", *_HEADINGS].index(change.what))


def _both(old: Outline, new: Outline) -> Iterator[tuple[NodeLine, NodeLine]]:
    """Yield the nodes that both plans have."""
    return ((old.by_id[node.id], node) for node in new.nodes if node.id in old.by_id)


# --- the output --------------------------------------------------------------------------------------------


def _of_output(old: Outline, new: Outline) -> Iterator[Change]:
    by_place = "; ".join(new.verdict_by_place)
    if old.streams and not new.streams:
        yield Change("output", Sign.CHANGED, f"the output no longer streams: {by_place}", stops=True)
    elif new.streams and not old.streams:
        yield Change("output", Sign.CHANGED, f"the output streams now: {by_place}")
    elif tuple(old.verdict_by_place) != tuple(new.verdict_by_place) and _places(old) != _places(new):
        yield Change("output", Sign.CHANGED, f"{by_place}; before: {'; '.join(old.verdict_by_place)}")
    for key, streams in new.streams_by_key.items():
        if key in old.streams_by_key and streams != old.streams_by_key[key]:
            text = f"key {key!r} {'streams now' if streams else 'no longer streams'}"
            yield Change("output", Sign.CHANGED, text, stops=not streams)
    if (old.takes, old.gives) != (new.takes, new.gives):
        text = f"the chain has the types {new.takes} → {new.gives}; before: {old.takes} → {old.gives}"
        yield Change("output", Sign.CHANGED, text)


def _places(outline: Outline) -> object:
    """Return where the output comes from, without source lines."""
    waits = [(each.node, each.mark, each.waits) for each in outline.beginnings]
    return waits, outline.begins, outline.blocked_by


# --- nodes -------------------------------------------------------------------------------------------------


def _of_nodes(old: Outline, new: Outline) -> Iterator[Change]:
    for node in old.nodes:
        if node.id not in new.by_id:
            yield Change("node", Sign.REMOVED, _described(node))
    for node in new.nodes:
        if node.id not in old.by_id:
            yield Change("node", Sign.ADDED, f"{_described(node)}: {node.reason}")
    for before, node in _both(old, new):
        told = list(_of_node(before, node))
        if told:
            yield Change("node", Sign.CHANGED, f"`{node.id}` {'; '.join(told)}")


def _described(node: NodeLine) -> str:
    where = f" ({node.location})" if node.location is not None else ""
    return f"`{node.id}` {node.node_class}, {node.types}{where}"


def _of_node(old: NodeLine, new: NodeLine) -> Iterator[str]:
    if old.node_class != new.node_class:
        yield f"is {_an(str(new.node_class))} now, was {_an(str(old.node_class))}: {new.reason}"
    if old.types != new.types:
        yield f"has the types {new.types}, had {old.types}"
    if old.folds != new.folds:
        yield f"folds by {new.folds or 'nothing'}, folded by {old.folds or 'nothing'}"
    if old.kind != new.kind:
        yield f"has events of kind {new.kind}, had {old.kind}"
    if old.details != new.details:
        changed = sorted({*old.details, *new.details})
        words = (f"{key} {_shown(old.details, key)} → {_shown(new.details, key)}" for key in changed)
        yield ", ".join(
            word for key, word in zip(changed, words, strict=True) if old.details.get(key) != new.details.get(key)
        )
    if len(old.bodies) != len(new.bodies):
        yield f"has {len(new.bodies)} bodies, had {len(old.bodies)}"


def _an(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _shown(details: Mapping[str, object], key: str) -> str:
    return repr(details[key]) if key in details else "—"


def _of_bodies(old: NodeLine, new: NodeLine, where: str) -> Iterator[Change]:
    for before, body in zip(old.bodies, new.bodies, strict=False):
        place = f"in `{new.id}`, {body.label}"
        yield from _differences(before.outline, body.outline, f"{where}, {place}" if where else place)


# --- edges, stages, buffers --------------------------------------------------------------------------------

_Ends = tuple[str, str, str | None, str | None]


def _edges(outline: Outline) -> dict[_Ends, EdgeLine]:
    return {(edge.source, edge.target, edge.port, edge.key): edge for node in outline.nodes for edge in node.inputs}


def _way(edge: EdgeLine) -> str:
    target = f"`{edge.target}`"
    return f"from {edge.origin} to {target if edge.sole else f'{edge.into} of {target}'}"


def _of_edges(old: Outline, new: Outline) -> Iterator[Change]:
    """Yield the edges that are new or gone between nodes that both plans have: those of others go without saying."""
    for sign, edge in _gone_and_new(_edges(old), _edges(new)):
        if all(end in old.by_id and end in new.by_id for end in (edge.source, edge.target)):
            yield Change("edge", sign, _way(edge))


def _of_stages(old: Iterable[Stage], new: Iterable[Stage]) -> Iterator[Change]:
    before = {stage.nodes: stage for stage in old}
    after = {stage.nodes: stage for stage in new}
    for sign, stage in _gone_and_new(before, after):
        yield Change("stage", sign, f"{listed(stage.nodes)}, {who_runs(stage)}: {stage.reason}")
    for nodes, stage in after.items():
        if nodes in before and stage.own_task != before[nodes].own_task:
            yield Change("stage", Sign.CHANGED, f"{listed(nodes)}, {who_runs(stage)} now: {stage.reason}")


def _of_buffers(old: Outline, new: Outline) -> Iterator[Change]:
    before = {ends: edge for ends, edge in _edges(old).items() if edge.buffer is not None}
    after = {ends: edge for ends, edge in _edges(new).items() if edge.buffer is not None}
    for sign, edge in _gone_and_new(before, after):
        why = f", because {edge.why}" if sign is Sign.ADDED else ""
        yield Change("buffer", sign, f"{edge.kind} {_way(edge)}{why}")
    for ends, edge in after.items():
        if ends in before and edge.kind != before[ends].kind:
            was = before[ends].kind
            yield Change("buffer", Sign.CHANGED, f"{edge.kind}, was {was}, {_way(edge)}, because {edge.why}")


# --- findings ----------------------------------------------------------------------------------------------


def _of_findings(old: Outline, new: Outline) -> Iterator[Change]:
    before, after = (
        {(each.code, each.node, each.message): each for each in outline.diagnostics} for outline in (old, new)
    )
    for sign, finding in _gone_and_new(before, after):
        where = f" ({finding.location})" if finding.location is not None else ""
        yield Change("finding", sign, f"{finding.severity}[{finding.code}]: {finding.message}{where}")


def _gone_and_new(before: Mapping[K, T], after: Mapping[K, T]) -> Iterator[tuple[Sign, T]]:
    """Yield what only the one has, then what only the other has, by their keys."""
    yield from ((Sign.REMOVED, value) for key, value in before.items() if key not in after)
    yield from ((Sign.ADDED, value) for key, value in after.items() if key not in before)
