"""Law 3 and the facts of a plan: what streams, from where and after what, by its definition and by holding nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import trio
from hypothesis import given

from tests.laws.doses import dose
from tests.laws.drawings import INPUT, Drawing, Ref, declare, drawings, label
from tests.laws.simulation import simulate

# --- by definition -----------------------------------------------------------------------------------------


def streaming_paths(drawing: Drawing, ref: Ref) -> set[int]:
    """Return the nodes from which streams lead to a reference: the last that are no transforms."""
    index = drawing.node_at(ref)
    if index < 0 or drawing.node(index).role != "transform":
        return {index}
    return {found for stream in drawing.node(index).streams for found in streaming_paths(drawing, stream)}


def ancestors(drawing: Drawing, refs: tuple[Ref, ...]) -> set[int]:
    """Return all nodes that lead to the references, their own nodes included."""
    found: set[int] = set()
    for ref in refs:
        index = drawing.node_at(ref)
        found.add(index)
        if index >= 0:
            found |= ancestors(drawing, drawing.node(index).streams + drawing.node(index).wholes)
    return found


def needed(drawing: Drawing, ref: Ref, held: int) -> set[int] | None:
    """Return the nodes that must work for the first chunk of `held` to get through; None if it waits for its end."""
    index = drawing.node_at(ref)
    if index == held:
        return ancestors(drawing, () if index < 0 else drawing.node(index).streams + drawing.node(index).wholes)
    if index < 0 or drawing.node(index).role != "transform":
        return None
    node = drawing.node(index)
    before = ancestors(drawing, node.wholes)
    for stream in node.streams:
        if held in before:
            return None
        inside = needed(drawing, stream, held)
        if inside is not None:
            return before | inside | {index}
        before |= ancestors(drawing, (stream,))
    return None


# --- by holding nodes --------------------------------------------------------------------------------------


def comes_out(drawing: Drawing, held: Mapping[int, int], text: str) -> bool:
    """Tell whether a chunk with the text comes out of a run in which nodes are held."""
    chain = declare(drawing, held)

    async def source() -> AsyncIterator[str]:
        for number in range(3):
            if number >= held.get(-1, 99):
                await trio.sleep_forever()
            yield f"{INPUT}#{number}"

    async def main() -> bool:
        with trio.move_on_after(1000):
            async with chain.transform(source()) as chunks:
                async for chunk in chunks:
                    if text in repr(chunk):
                        return True
        return False

    return simulate(main)


# --- the laws ----------------------------------------------------------------------------------------------


@dose(150)
@given(drawings())
def test_the_plan_says_what_streams_from_where_and_after_what(drawing: Drawing) -> None:
    plan = declare(drawing, {}).compile().plan
    by_key = {key: streaming_paths(drawing, ref) for key, ref in drawing.result}
    begins = set().union(*by_key.values())

    def streams(found: set[int]) -> bool:
        return any(index < 0 or drawing.node(index).role == "producer" for index in found)

    assert plan.streams == streams(begins)
    assert set(plan.streaming_begins) == ({label(index) for index in begins} if streams(begins) else set())
    assert (plan.blocked_by is None) == streams(begins)
    if drawing.result[0][0]:
        assert dict(plan.streams_by_key) == {key: streams(found) for key, found in by_key.items()}
    for index in drawing.nodes():
        if index < 0:
            continue
        waits = {label(one) for one in ancestors(drawing, drawing.node(index).wholes)}
        assert {one for one in plan.waits_for[plan[label(index)].id] if one == INPUT or one.startswith("n")} == waits


@dose(60)
@given(drawings())
def test_a_first_chunk_comes_out_while_its_node_is_at_work(drawing: Drawing) -> None:
    plan = declare(drawing, {}).compile().plan
    for index in drawing.nodes():
        if index >= 0 and drawing.node(index).role != "producer":
            continue
        gets_through = [needed(drawing, ref, index) for _, ref in drawing.result]
        expected = any(one is not None for one in gets_through)
        assert comes_out(drawing, {index: 1}, f"{label(index)}#0") == expected
        if expected:
            assert label(index) in plan.streaming_begins


@dose(60)
@given(drawings())
def test_a_first_chunk_waits_for_nothing_but_what_it_needs(drawing: Drawing) -> None:
    for index in drawing.nodes():
        is_whole = index >= 0 and drawing.node(index).role == "aggregate"
        if index >= 0 and drawing.node(index).role == "transform":
            continue
        for _, ref in drawing.result:
            work = needed(drawing, ref, index)
            if work is None:
                continue
            held = {one: 0 for one in drawing.nodes() if one not in work | {index}}
            text = f"{label(index)}(" if is_whole else f"{label(index)}#0"
            assert comes_out(drawing, held | {index: 1}, text)
