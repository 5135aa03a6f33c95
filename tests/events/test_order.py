"""The order rules R1 to R7 of `reference/behaviours.md`, for random chains; R8 is in `test_filters.py`.

R1  The root's start is first, its end is last.
R2  Of one run: its start, then its stream events, then its end.
R3  A stream event comes after the one that caused it and, within a stage, before the next one of that run.
R4  Parents start before their children.
R5  `parent_ids` is the chain of starts, root first.
R6  The root's stream events are the chunks that `stream` gives.
R7  The fold of a run's chunks is the output of its end event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import pairwise
from typing import Any

import attrs
import pytest
import trio
from hypothesis import assume, given
from hypothesis import strategies as st

import graphflow as gf
from graphflow_compiler.accumulate import Accumulator, fold_all
from graphflow_compiler.plan import Plan
from tests.events.hearing import Heard, check_sound, hear, hear_all
from tests.laws.doses import dose
from tests.laws.graphs import Example, changed, declare, examples, steps
from tests.laws.nodes import Step, Watch
from tests.laws.reference import per_key
from tests.laws.running import run


def heard_of(example: Example) -> Heard:
    return hear(declare(example.spec, Watch()), example.value, seed=example.seed)


# --- R1, R2, R4, R5 --------------------------------------------------------------------------------------------


@dose(60)
@given(examples())
def test_r1_r2_r4_r5_starts_ends_and_parents(example: Example) -> None:
    check_sound(heard_of(example).events)


@st.composite
def failing_examples(draw: st.DrawFn) -> Example:
    """Draw a chain of which one node fails, at one of its first chunks."""
    example = draw(examples())
    labels = [step.label for step in steps(example.spec)]
    assume(labels)
    label, at = draw(st.sampled_from(labels)), draw(st.integers(0, 2))

    def fail(step: Step) -> Step:
        return attrs.evolve(step, fails_at=at) if step.label == label else step

    return attrs.evolve(example, spec=changed(example.spec, fail))


@dose(60)
@given(failing_examples())
def test_r1_r2_r4_r5_of_runs_that_fail(example: Example) -> None:
    heard = heard_of(example)
    check_sound(heard.events)
    last = heard.events[-1]
    if heard.error is None:
        assert isinstance(last, gf.EndEvent)
    else:
        assert isinstance(last, gf.ErrorEvent)
        assert last.error is heard.error


@dose(40)
@given(examples(), st.integers(0, 6))
def test_r1_r2_r4_r5_of_nested_runs_that_are_left_early(example: Example, count: int) -> None:
    chain = declare(example.spec, Watch())

    @gf.aggregate
    async def outer(value: Any) -> None:
        async with chain.stream(value) as chunks:
            for _ in range(count):
                await anext(chunks, None)

    check_sound(hear(outer, example.value, seed=example.seed).events)


@dose(40)
@given(examples(threads=False), st.floats(0, 20))
def test_r1_r2_r4_r5_of_nested_runs_that_are_cancelled(example: Example, seconds: float) -> None:
    chain = declare(example.spec, Watch())

    @gf.aggregate
    async def outer(value: Any) -> None:
        with trio.move_on_after(seconds):
            async with chain.stream(value) as chunks:
                async for _ in chunks:
                    pass

    check_sound(hear(outer, example.value, seed=example.seed).events)


# --- R3 --------------------------------------------------------------------------------------------------------


@gf.aggregate
def numbers(count: int) -> Iterator[str]:
    for number in range(count):
        yield str(number)


@gf.aggregate
async def slow_numbers(count: int) -> AsyncIterator[str]:
    for number in range(count):
        await trio.sleep(1)
        yield str(number)


@gf.chunkwise
def fused(chunk: str) -> str:
    return chunk


@gf.chunkwise
async def awaited(chunk: str) -> str:
    return chunk


@gf.chunkwise
async def sleeping(chunk: str) -> str:
    await trio.sleep(2)
    return chunk


@gf.transform
def plain(chunks: Iterator[str]) -> Iterator[str]:
    yield from chunks


@gf.transform
async def pulled(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk


@gf.transform(thread=True)
def in_thread(chunks: Iterator[str]) -> Iterator[str]:
    yield from chunks


STEPS = [fused, awaited, sleeping, plain, pulled, in_thread, gf.passthrough(), gf.text()]


@dose(60)
@given(st.sampled_from([numbers, slow_numbers]), st.lists(st.sampled_from(STEPS), min_size=1, max_size=6))
def test_r3_a_stream_event_follows_its_cause(source: Any, parts: list[Any]) -> None:
    names = [source.name, *(f"step {number}" for number in range(len(parts)))]
    chain = source
    for part, name in zip(parts, names[1:], strict=True):
        chain = chain | part.with_config(name=name)
    heard = hear_all(chain, 5)
    places = {
        name: [event.seq for event in heard.of(name) if isinstance(event, gf.StreamEvent)]
        for name in [*names, "sequence"]
    }
    plan = gf.compile(chain).plan
    stage_of = {node.name: node.stage for node in plan.nodes}
    for before, after in pairwise(names):
        for index in range(5):
            assert places[before][index] < places[after][index]
            if stage_of[before] == stage_of[after] and index < 4:
                assert places[after][index] < places[before][index + 1]
    for index in range(5):
        assert places["sequence"][index] == places[names[-1]][index] + 1


def test_r3_chunks_that_cause_nothing_are_followed_by_nothing() -> None:
    @gf.transform
    async def odd(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            if int(chunk) % 2:
                yield chunk

    story = hear_all(numbers | odd, 4).story
    assert [line for line in story if line.startswith("stream")] == [
        "stream numbers",
        "stream numbers",
        "stream odd",
        "stream sequence",
        "stream numbers",
        "stream numbers",
        "stream odd",
        "stream sequence",
    ]


# --- R6, R7 ----------------------------------------------------------------------------------------------------


@dose(50)
@given(examples())
def test_r6_the_root_tells_the_chunks_that_stream_gives(example: Example) -> None:
    streamed = run(example, "stream")
    heard = heard_of(example)
    assert type(streamed.error) is type(heard.error)
    if streamed.chunks is not None and streamed.error is None:
        root = heard.events[0].run_id
        chunks = [event.chunk for event in heard.events if isinstance(event, gf.StreamEvent) and event.run_id == root]
        assert per_key(chunks, example.spec.gives) == per_key(streamed.chunks, example.spec.gives)


def folds_by_name(plan: Plan) -> Mapping[str, Accumulator | None]:
    """Return how every node folds whose name stands for one node only."""
    found: list[tuple[str, Accumulator | None]] = []
    pending = [plan]
    while pending:
        one = pending.pop()
        found += [(node.name, node.folds) for node in one.nodes if node.has_run]
        found += [(scope.name, None) for scope in one.scopes]
        pending += one.nested
    count = Counter(name for name, _ in found)
    return {name: folds for name, folds in found if count[name] == 1}


@dose(60)
@given(examples())
def test_r7_the_chunks_of_a_run_fold_to_its_output(example: Example) -> None:
    chain = declare(example.spec, Watch())
    folds = folds_by_name(gf.compile(chain).plan)
    heard = hear(chain, example.value, seed=example.seed)
    chunks: dict[str, list[Any]] = {}
    for event in heard.events:
        if isinstance(event, gf.StreamEvent):
            chunks.setdefault(event.run_id, []).append(event.chunk)
        elif isinstance(event, gf.EndEvent) and "output" in event.data and folds.get(event.name) is not None:
            assert fold_all(folds[event.name], chunks.get(event.run_id, [])) == event.output  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chain", "value"),
    [
        (pulled | gf.json_parser(), '{"a": [1, 2]}'),
        (numbers | gf.text(), 3),
        (gf.parallel(a=numbers, b=slow_numbers), 3),
        (gf.ScriptedChatModel(["a", "b"]) | gf.passthrough(), "hi"),
    ],
    ids=["latest", "text", "record", "messages"],
)
def test_r7_for_groups(chain: gf.Chain[Any, Any], value: Any) -> None:
    plan = gf.compile(chain).plan
    folds = plan.by_id[plan.output].folds
    heard = hear_all(chain, value)
    assert folds is not None
    assert fold_all(folds, heard.chunks(heard.events[0].name)) == heard.events[-1].output
