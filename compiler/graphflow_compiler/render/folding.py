"""What is shown of what is long: the two ends, and what stands for all between them.

Plans of up to `LONG` nodes are shown nearly whole; longer ones so that they can still be read at a glance. A node that
is marked, has bodies or is named in a diagnostic is never left out, unless there are very many of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import attrs

from graphflow_compiler.errors import Diagnostic
from graphflow_compiler.ir import NodeId
from graphflow_compiler.plan import Stage
from graphflow_compiler.render.outline import MANY, NodeLine, Outline, printable

#: More of one kind, such as nodes in a stage, stages or edges into a node, than this are folded in the middle.
FOLD_ABOVE: Final = 40
#: A plan of more nodes than this is long: in it, more than `FOLD_ABOVE_IF_LONG` of one kind are folded.
LONG: Final = 100
FOLD_ABOVE_IF_LONG: Final = 10
_HEAD: Final = 4
_TAIL: Final = 2

ItemT = TypeVar("ItemT")


@attrs.frozen
class Gap(Generic[ItemT]):
    """Several of one kind that are not shown; `first` and `last` are the names of those at its ends."""

    items: tuple[ItemT, ...]
    first: str
    last: str

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.items)

    def __str__(self) -> str:
        return printable(f"… {self.count:,} more like these (`{self.first}` to `{self.last}`)")


def fold(
    items: Sequence[ItemT],
    name: Callable[[ItemT], str],
    *,
    kept: Callable[[ItemT], bool] = lambda item: False,
    above: int = FOLD_ABOVE,
) -> list[ItemT | Gap[ItemT]]:
    """Leave out what stands in the middle of more than so many items, except those that are kept.

    >>> [str(each) for each in fold("abcdefgh", str, kept=lambda letter: letter == "f", above=6)]
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    >>> [str(each) for each in fold("abcdefgh", str, above=6)]
    ['a', 'b', 'c', 'd', '… 2 more like these (`e` to `f`)', 'g', 'h']
    """
    if len(items) <= above:
        return list(items)
    shown: list[ItemT | Gap[ItemT]] = []
    hidden: list[ItemT] = []

    def close() -> None:
        if len(hidden) > 1:
            shown.append(Gap(tuple(hidden), name(hidden[0]), name(hidden[-1])))
        else:
            shown.extend(hidden)
        hidden.clear()

    for index, item in enumerate(items):
        if _HEAD <= index < len(items) - _TAIL and not kept(item):
            hidden.append(item)
        else:
            close()
            shown.append(item)
    close()
    return shown


@attrs.frozen
class ShownStage:
    """A stage, with those of its nodes that are shown and what stands for the others."""

    stage: Stage
    nodes: tuple[NodeLine | Gap[NodeLine], ...]


def shown_findings(
    outline: Outline, *, full: bool = False
) -> list[tuple[str, Diagnostic] | Gap[tuple[str, Diagnostic]]]:
    """Return the diagnostics that are shown, each with the body that it is of: of very many notes not all are."""
    found = list(outline.all_diagnostics())
    above = len(found) if full else _most(outline)
    return fold(found, lambda each: each[1].code, kept=lambda each: each[1].severity != "note", above=above)


def _most(outline: Outline) -> int:
    """Return how many of one kind are shown before they are folded."""
    return FOLD_ABOVE_IF_LONG if len(outline.nodes) > LONG else FOLD_ABOVE


def shown_stages(outline: Outline, *, full: bool = False) -> list[ShownStage | Gap[Stage]]:
    """Return the stages that are shown, each with its nodes that are; all of them if `full`."""
    kept = _worth_a_look(outline)
    stages_kept = {outline.by_id[node_id].stage for node_id in kept}
    above = len(outline.nodes) if full else _most(outline)

    def shown(stage: Stage) -> ShownStage:
        nodes = [outline.by_id[node_id] for node_id in stage.nodes]
        return ShownStage(
            stage, tuple(fold(nodes, lambda node: node.id, kept=lambda node: node.id in kept, above=above))
        )

    stages = fold(outline.stages, lambda stage: stage.id, kept=lambda stage: stage.id in stages_kept, above=above)
    return [each if isinstance(each, Gap) else shown(each) for each in stages]


def _worth_a_look(outline: Outline) -> set[NodeId]:
    marked = [node.id for node in outline.nodes if node.mark]
    nested = [node.id for node in outline.nodes if node.bodies]
    named = [each.node for each in outline.diagnostics if each.node is not None and each.node in outline.by_id]
    return {outline.output, *marked[:MANY], *nested[:MANY], *named[:MANY]}
