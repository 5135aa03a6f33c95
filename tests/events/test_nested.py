"""A chain that is run inside a node is a child run, without being passed anything; whoever listens is told of it."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio

import graphflow as gf
from tests.events.hearing import Heard, check_sound, hear, hear_all, listen, number
from tests.laws.simulation import simulate


@gf.aggregate
def reverse(text: str) -> str:
    return text[::-1]


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.chunkwise
def upper(chunk: str) -> str:
    return chunk.upper()


INNER = (letters | upper | reverse).with_config(name="inner")


def of_inner(heard: Heard) -> list[gf.Event]:
    """The events of `INNER` and all in it."""
    root = heard.start("inner").run_id
    return [event for event in heard.events if root in (event.run_id, *event.parent_ids)]


def check_child(heard: Heard, parent: str, count: int = 1) -> None:
    """Check that the inner chain has run inside the only run of that name, `count` times."""
    check_sound(heard.events)
    outer = heard.start(parent)
    starts = [event for event in heard.of("inner") if isinstance(event, gf.StartEvent)]
    assert len(starts) == count
    for start in starts:
        assert start.parent_ids == [*outer.parent_ids, outer.run_id]
    for name in ("letters", "upper", "reverse"):
        assert {tuple(event.parent_ids[:-1]) for event in heard.of(name)} == {(*outer.parent_ids, outer.run_id)}


# --- from every kind of node, by every verb --------------------------------------------------------------------


async def by_invoke(text: str) -> str:
    return await INNER.invoke(text)


async def by_stream(text: str) -> str:
    async with INNER.stream(text) as chunks:
        return "".join([chunk async for chunk in chunks])


async def by_transform(text: str) -> str:
    async def source() -> AsyncIterator[str]:
        yield text

    async with INNER.transform(source()) as chunks:
        return "".join([chunk async for chunk in chunks])


async def by_batch(text: str) -> str:
    return (await INNER.batch([text]))[0]


async def by_batch_as_completed(text: str) -> str:
    async with INNER.batch_as_completed([text]) as results:
        ((_, result),) = [one async for one in results]
        return result


async def by_events(text: str) -> str:
    async with INNER.events(text) as events:
        output = None
        async for event in events:
            output = event.output
    assert isinstance(output, str)
    return output


VERBS: list[Callable[[str], Awaitable[str]]] = [
    by_invoke,
    by_stream,
    by_transform,
    by_batch,
    by_batch_as_completed,
    by_events,
]


def function(use: Callable[[str], Awaitable[str]]) -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str) -> str:
        return await use(text)

    return outer


def tool(use: Callable[[str], Awaitable[str]]) -> gf.Chain[Any, Any]:
    @gf.tool
    async def outer(text: str) -> str:
        """Use another chain."""
        return await use(text)

    return outer


def producer(use: Callable[[str], Awaitable[str]]) -> gf.Chain[Any, Any]:
    @gf.aggregate
    async def outer(text: str) -> AsyncIterator[str]:
        yield "<"
        yield await use(text)
        yield ">"

    return outer


def transform(use: Callable[[str], Awaitable[str]]) -> gf.Chain[Any, Any]:
    @gf.transform
    async def outer(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield await use(chunk)

    return outer


def chunkwise(use: Callable[[str], Awaitable[str]]) -> gf.Chain[Any, Any]:
    @gf.chunkwise
    async def outer(chunk: str) -> str:
        return await use(chunk)

    return outer


def model(use: Callable[[str], Awaitable[str]]) -> gf.Chain[Any, Any]:
    class Outer(gf.ChatModel):
        async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[gf.AIMessageChunk]:
            yield gf.AIMessageChunk(await use(messages[0].text))

    return Outer(name="outer")


def predicate(use: Callable[[str], Awaitable[str]]) -> gf.Chain[Any, Any]:
    async def holds(text: str) -> bool:
        return bool(await use(text))

    return gf.branch((holds, reverse.with_config(name="yes")), reverse.with_config(name="no")).with_config(name="outer")


NODES = [function, tool, producer, transform, chunkwise, model, predicate]
PLACES: dict[str, Callable[[gf.Chain[Any, Any]], gf.Chain[Any, Any]]] = {
    "alone": lambda node: node,
    "in a sequence": lambda node: gf.passthrough() | node | gf.passthrough(),
    "in a task": lambda node: gf.parallel(a=node, b=gf.passthrough()),
    "in a branch": lambda node: gf.branch((bool, node), reverse.with_config(name="other")),
    "in an each": lambda node: gf.aggregate(lambda text: [text]) | gf.each(node),
    "in an each side by side": lambda node: gf.aggregate(lambda text: [text]) | gf.each(node, max_concurrency=2),
}


@pytest.mark.parametrize("use", VERBS)
@pytest.mark.parametrize("make", NODES)
def test_a_nested_run_is_a_child_of_its_node(make: Any, use: Callable[[str], Awaitable[str]]) -> None:
    check_child(hear_all(make(use), "abc"), "outer")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("make", NODES)
def test_a_nested_run_is_a_child_of_its_node_wherever_that_stands(make: Any, place: str) -> None:
    check_child(hear_all(PLACES[place](make(by_stream)), "abc"), "outer")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_every_run_of_a_batch_is_a_child(count: int) -> None:
    @gf.aggregate
    async def outer(text: str) -> list[str]:
        return await INNER.batch([text] * count, max_concurrency=2)

    heard = hear_all(outer, "abc")
    if count:
        check_child(heard, "outer", count)
    else:
        assert heard.names == ["outer"]


# --- from threads ----------------------------------------------------------------------------------------------


def thread_by_sync(text: str) -> str:
    return INNER.sync.invoke(text)


def thread_by_sync_stream(text: str) -> str:
    with INNER.sync.stream(text) as chunks:
        return "".join(chunks)


def thread_by_sync_events(text: str) -> str:
    with INNER.sync.events(text) as events:
        return [str(event.output) for event in events][-1]


def thread_by_sync_batch(text: str) -> str:
    return str(INNER.sync.batch([text])[0])


def thread_by_trio(text: str) -> str:
    return trio.from_thread.run(INNER.invoke, text)


def thread_by_its_own_loop(text: str) -> str:
    return trio.run(INNER.invoke, text)


def thread_by_its_own_thread(text: str) -> str:
    """Use a thread that Trio knows nothing of, but that was given the context."""
    results: list[str] = []
    context = contextvars.copy_context()
    own = threading.Thread(target=context.run, args=(lambda: results.append(INNER.sync.invoke(text)),))
    own.start()
    own.join()
    return results[0]


THREADS = [
    thread_by_sync,
    thread_by_sync_stream,
    thread_by_sync_events,
    thread_by_sync_batch,
    thread_by_trio,
    thread_by_its_own_loop,
    thread_by_its_own_thread,
]


@pytest.mark.parametrize("use", THREADS)
def test_a_run_in_the_thread_of_a_function_is_a_child(use: Callable[[str], str]) -> None:
    @gf.aggregate(thread=True)
    def outer(text: str) -> str:
        return use(text)

    heard = trio.run(listen, outer | reverse.with_config(name="after"), "abc")
    check_child(heard, "outer")
    assert heard.end("outer").output == "CBA"


@pytest.mark.parametrize("use", THREADS)
def test_a_run_in_the_thread_of_a_generator_is_a_child(use: Callable[[str], str]) -> None:
    @gf.transform(thread=True)
    def outer(chunks: Iterator[str]) -> Iterator[str]:
        for chunk in chunks:
            yield "<"
            yield use(chunk)
            yield ">"

    heard = trio.run(listen, letters.with_config(name="before") | outer, "x")
    check_child(heard, "outer")
    assert heard.end("outer").output == "<X>"


@pytest.mark.parametrize("use", THREADS)
def test_a_run_in_a_thread_that_a_node_starts_is_a_child(use: Callable[[str], str]) -> None:
    @gf.aggregate
    async def outer(text: str) -> str:
        return await trio.to_thread.run_sync(use, text)

    heard = trio.run(listen, outer, "abc")
    check_child(heard, "outer")


def test_a_run_of_another_loop_waits_for_the_listener_too() -> None:
    """A chain that runs in a loop of another thread, and makes far more events than fit, loses none."""
    many = (letters | upper).with_config(name="many")

    @gf.aggregate(thread=True)
    def outer(text: str) -> str:
        return trio.run(many.invoke, text)

    async def main() -> Heard:
        events: list[gf.Event] = []
        async with outer.events("a" * 3000) as stream:
            async for event in stream:
                if event.seq % 500 == 0:
                    await trio.sleep(0.001)
                events.append(event)
        return Heard(events, None)

    heard = trio.run(main)
    check_sound(heard.events)
    assert heard.chunks("letters") == ["a"] * 3000
    assert heard.chunks("upper") == ["A"] * 3000


def test_runs_of_several_loops_side_by_side_are_told_in_one_order() -> None:
    def node(use: Callable[[str], str], name: str) -> gf.Chain[Any, Any]:
        return gf.aggregate(thread=True, name=name)(use)

    fan = {use.__name__: node(use, use.__name__) for use in THREADS}

    async def main() -> list[gf.Event]:
        async with gf.parallel(fan).events("a" * 200) as events:
            return [event async for event in events]

    for _ in range(3):
        events = trio.run(main)
        check_sound(events)
        assert len([event for event in events if event.name == "letters"]) == 202 * len(THREADS)


# --- tasks inside a node ---------------------------------------------------------------------------------------


def test_runs_in_a_nursery_inside_a_node_are_children() -> None:
    @gf.aggregate
    async def outer(text: str) -> str:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(by_invoke, text)
        return text

    check_child(hear_all(outer, "abc"), "outer", 3)


def test_two_concurrent_runs_do_not_mix() -> None:
    @gf.aggregate
    async def outer(text: str) -> str:
        await trio.sleep(len(text))
        async with INNER.stream(text) as chunks:
            async for _ in chunks:
                await trio.sleep(1)
        return text

    heard = hear_all(gf.parallel(a=outer.with_config(name="one"), b=outer.with_config(name="two")), "abc")
    starts = [event for event in heard.of("inner") if isinstance(event, gf.StartEvent)]
    assert {start.parent_ids[-1] for start in starts} == {heard.start("one").run_id, heard.start("two").run_id}
    for start in starts:
        inside = [event for event in heard.events if start.run_id in event.parent_ids]
        assert [event.name for event in inside if isinstance(event, gf.StartEvent)] == ["letters", "upper", "reverse"]


def test_two_listeners_side_by_side_hear_only_their_own() -> None:
    @gf.aggregate
    async def outer(text: str) -> str:
        await trio.sleep(1)
        return await by_stream(text)

    async def main() -> list[Heard]:
        heard: list[Heard] = []

        async def hear_one(text: str) -> None:
            heard.append(await listen(outer, text))

        async with trio.open_nursery() as nursery:
            for text in ("abc", "xyz"):
                nursery.start_soon(hear_one, text)
        return heard

    for one in simulate(main):
        check_child(one, "outer")
        assert one.end("inner").input == one.start("outer").input


# --- the current run is per node, also where nodes run in one task ----------------------------------------------


def nested_in(name: str) -> gf.Chain[Any, Any]:
    """A transform that runs a chain named after it at its start, at every chunk and at its end."""

    @gf.transform
    async def node(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        await reverse.invoke("start", name=f"in {name}")
        async for chunk in chunks:
            await reverse.invoke("before", name=f"in {name}")
            yield chunk
            await reverse.invoke("after", name=f"in {name}")
        await reverse.invoke("end", name=f"in {name}")

    return node.with_config(name=name)


def test_nodes_that_share_a_task_never_see_each_others_runs() -> None:
    chain = letters | nested_in("a") | nested_in("b") | upper | nested_in("c")
    heard = hear_all(chain, "xyz")
    for name in ("a", "b", "c"):
        parents = {event.parent_ids[-1] for event in heard.of(f"in {name}")}
        assert parents == {heard.start(name).run_id}
        assert len([event for event in heard.of(f"in {name}") if isinstance(event, gf.StartEvent)]) == 8


def test_the_reader_of_a_nested_stream_keeps_its_own_run() -> None:
    @gf.aggregate
    async def outer(text: str) -> str:
        async with (letters | nested_in("deep")).stream(text) as chunks:
            async for chunk in chunks:
                await reverse.invoke(chunk, name="beside")
                gf.emit("here")
        return text

    heard = hear_all(outer, "ab")
    own = heard.start("outer").run_id
    assert {event.parent_ids[-1] for event in heard.of("beside")} == {own}
    assert {event.run_id for event in heard.of("here")} == {own}


def test_the_source_of_a_transform_runs_in_the_run_of_its_caller() -> None:
    @gf.aggregate
    async def outer(text: str) -> str:
        async def source() -> AsyncIterator[str]:
            for letter in text:
                yield await reverse.invoke(letter, name="of the source")

        async with (nested_in("inside") | upper).transform(source()) as chunks:
            return "".join([chunk async for chunk in chunks])

    heard = hear_all(outer, "ab")
    assert {event.parent_ids[-1] for event in heard.of("of the source")} == {heard.start("outer").run_id}
    assert {event.parent_ids[-1] for event in heard.of("in inside")} == {heard.start("inside").run_id}


def test_the_listener_itself_is_in_no_run() -> None:
    found: list[Heard] = []

    async def main() -> None:
        async with letters.events("ab") as events:
            async for _ in events:
                gf.emit("not heard")
                found.append(await listen(reverse, "x"))

    simulate(main)
    assert all(heard.events[0].parent_ids == [] for heard in found)


def test_a_stream_that_was_made_elsewhere_is_nested_where_it_is_entered() -> None:
    async def main() -> Heard:
        opened = INNER.stream("abc")

        @gf.aggregate
        async def outer(value: Any) -> str:
            async with opened as chunks:
                return "".join([chunk async for chunk in chunks])

        return await listen(outer, 0)

    check_child(simulate(main), "outer")


# --- deeper ----------------------------------------------------------------------------------------------------


def test_runs_nest_two_deep_and_deeper() -> None:
    @gf.aggregate
    async def down(depth: int) -> int:
        return 0 if depth == 0 else 1 + await again(depth - 1)

    async def again(depth: int) -> int:
        result: int = await down.invoke(depth, name=f"down {depth}")
        return result

    heard = hear_all(down, 4, name="down 4")
    ids = [heard.start(f"down {depth}").run_id for depth in (4, 3, 2, 1, 0)]
    for place, depth in enumerate((4, 3, 2, 1, 0)):
        assert heard.start(f"down {depth}").parent_ids == ids[:place]


def test_a_run_inside_a_body_inside_a_nested_run() -> None:
    leaf = function(by_stream).with_config(name="leaf")
    middle = gf.aggregate(lambda text: [text]) | gf.each(gf.branch((bool, leaf), reverse.with_config(name="no")))

    @gf.aggregate
    async def outer(text: str) -> list[str]:
        return await middle.invoke(text)

    heard = hear_all(outer, "abc")
    check_child(heard, "leaf")
    names = {event.run_id: event.name for event in heard.events}
    assert [names[parent] for parent in heard.start("inner").parent_ids] == [
        "outer",
        "sequence",
        "each",
        "branch",
        "leaf",
    ]


# --- what nested runs tell -------------------------------------------------------------------------------------


def test_an_invoked_run_has_no_stream_events_of_its_own() -> None:
    heard = hear_all(function(reverse.invoke), "abc")
    assert heard.story == ["start outer", "start reverse", "end reverse", "stream outer", "end outer"]
    assert heard.start("reverse").data == {"input": "abc"}
    assert heard.end("reverse").data == {"input": "abc", "output": "cba"}


def test_a_model_that_is_invoked_streams_its_events_all_the_same() -> None:
    scripted = gf.ScriptedChatModel(["Hi", "!"], name="model") | gf.text()

    @gf.aggregate
    async def outer(text: str) -> str:
        return await scripted.invoke(text)

    heard = hear_all(outer, "hello")
    assert [chunk.text for chunk in heard.chunks("model")] == ["Hi", "!"]
    assert heard.chunks("sequence") == []
    assert heard.start("model").input == {"messages": [[gf.HumanMessage("hello")]]}


def test_groups_and_bodies_of_an_invoked_run_tell_no_values_as_chunks() -> None:
    fan = gf.parallel(a=reverse, b=reverse)
    chain = fan | gf.pick("a") | gf.branch((bool, reverse.with_config(name="chosen")), reverse)
    heard = hear_all(function(chain.invoke), "abc")
    streamed = {event.name for event in heard.events if isinstance(event, gf.StreamEvent)}
    assert "parallel" not in streamed
    assert "chosen" not in streamed
    assert "reverse" not in streamed


def test_a_streamed_run_tells_its_chunks() -> None:
    heard = hear_all(function(by_stream), "abc")
    assert heard.chunks("inner") == ["CBA"]
    assert heard.chunks("letters") == ["a", "b", "c"]


def test_a_nested_run_inherits_tags_and_metadata() -> None:
    inner = (letters | upper.with_config(tags=["own"], metadata={"a": 3})).with_config(name="inner")

    @gf.aggregate
    async def outer(text: str) -> str:
        return await inner.invoke(text, tags=["called"], metadata={"b": 4})

    chain = reverse | outer.with_config(tags=["node"], metadata={"a": 1, "b": 2})
    heard = hear_all(chain, "abc", tags=["verb"], metadata={"c": 5})
    assert heard.start("inner").tags == ["called", "node", "verb"]
    assert heard.start("inner").metadata == {"a": 1, "b": 4, "c": 5}
    assert heard.start("upper").tags == ["seq:step:2", "own", "called", "node", "verb"]
    assert heard.start("upper").metadata == {"a": 3, "b": 4, "c": 5}


def test_tags_that_look_like_places_but_are_the_users_are_inherited() -> None:
    heard = hear_all(function(by_invoke).with_config(tags=["branch:main", "map:", "seq:step:x"]), "abc")
    assert heard.start("inner").tags == ["branch:main", "map:", "seq:step:x"]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"include_names": ["inner"]}, ["inner"]),
        ({"include_names": ["outer", "upper"]}, ["outer", "upper"]),
        ({"include_types": ["chain"], "exclude_names": ["inner", "outer"]}, ["letters", "upper", "reverse"]),
        ({"exclude_tags": ["seq:step:2"]}, ["outer", "inner", "letters", "reverse"]),
    ],
)
def test_a_nested_run_inherits_the_filter(options: dict[str, Any], kept: list[str]) -> None:
    heard = hear(function(by_invoke), "abc", **options, allow_unmatched=True)
    assert heard.names == kept
    check_sound(heard.events, filtered=True)


def test_a_nested_run_inherits_that_outputs_are_left_out() -> None:
    heard = hear_all(function(by_invoke), "abc", outputs=False)
    assert heard.end("inner").data == heard.end("letters").data == {}


@pytest.mark.parametrize(
    ("told", "parents"),
    [
        ([], ["sequence"]),
        (["middle"], ["sequence", "middle"]),
        (["group"], ["sequence", "group"]),
        (["sequence"], ["sequence"]),
        (["outer"], ["sequence", "group", "outer"]),
        (["outer", "middle"], ["sequence", "group", "outer", "middle"]),
    ],
    ids=str,
)
def test_a_run_in_a_node_that_nobody_is_told_of_hangs_on_the_nearest_that_somebody_is(
    told: list[str], parents: list[str]
) -> None:
    """The outermost run is always known."""
    middle = function(by_invoke).with_config(name="middle", tags=["of the middle"])
    chain = reverse | (reverse | function(lambda text: middle.invoke(text, metadata={"a": 1}))).with_config(
        name="group"
    )
    everything = hear_all(chain, "abc")
    heard = hear(chain, "abc", include_names=["inner", *told], allow_unmatched=True)
    check_sound(heard.events, filtered=True)
    inner = heard.start("inner")
    assert len(inner.parent_ids) == len(parents)
    for parent, name in zip(inner.parent_ids, parents, strict=True):
        if name in told:
            assert parent == heard.start(name).run_id
    assert number(inner.parent_ids[0]) == number(everything.start("sequence").run_id)
    # what it inherits does not depend on who is told of what
    assert (inner.tags, inner.metadata) == (["of the middle"], {"a": 1})


def test_upstream_nodes_that_nobody_is_told_of_do_not_see_the_run_of_who_reads_them() -> None:
    chain = letters | nested_in("a") | nested_in("b")
    heard = hear(chain, "xy", include_names=["b", "in a", "sequence"], allow_unmatched=True)
    check_sound(heard.events, filtered=True)
    assert {event.parent_ids[-1] for event in heard.of("in a")} == {heard.start("sequence").run_id}


# --- ids -------------------------------------------------------------------------------------------------------


def test_a_nested_run_may_be_given_an_id() -> None:
    run_id = "00000000-0000-4000-8000-000000000009"
    heard = hear_all(function(lambda text: INNER.invoke(text, run_id=run_id)), "abc")
    assert heard.start("inner").run_id == run_id
    assert heard.start("letters").parent_ids == [heard.start("outer").run_id, run_id]


@pytest.mark.parametrize("where", ["siblings", "parent and child"])
def test_an_id_that_is_given_twice_loses_no_event(where: str) -> None:
    same_id = "00000000-0000-4000-8000-000000000007"

    @gf.aggregate
    async def outer(text: str) -> str:
        await reverse.invoke(text, run_id=same_id)
        return await INNER.invoke(text, run_id=same_id)

    expected = hear_all(function(_both), "abc").story
    heard = hear(outer, "abc", run_id=None if where == "siblings" else same_id)
    assert heard.error is None
    assert heard.story == expected


async def _both(text: str) -> str:
    await reverse.invoke(text)
    return await INNER.invoke(text)


def test_two_answers_of_a_model_that_nobody_is_told_of_have_two_ids() -> None:
    scripted = gf.ScriptedChatModel("Hi", name="model")

    @gf.aggregate
    async def outer(text: str) -> list[Any]:
        return [(await scripted.invoke(text)).id for _ in range(2)]

    everything: dict[str, Any] = {}
    for options in ({"exclude_names": ["model"]}, {"include_names": ["outer"]}, everything):
        ids = hear(outer, "hello", **options, allow_unmatched=True).end("outer").output
        assert len(set(ids or ())) == 2


# --- listeners inside listeners --------------------------------------------------------------------------------


def listening_inside(**options: Any) -> tuple[gf.Chain[Any, Any], list[gf.Event]]:
    """A node that listens to `INNER`, and what it has heard."""
    inside: list[gf.Event] = []

    @gf.aggregate(tags=["outside"])
    async def outer(text: str) -> str:
        async with INNER.events(text, **options) as events:
            inside.extend([event async for event in events])
        return text

    return outer, inside


def test_a_listener_inside_hears_what_it_would_hear_alone() -> None:
    outer, inside = listening_inside()
    hear_all(outer, "abc")
    alone = hear_all(INNER, "abc")
    check_sound(inside)
    assert [(event.event, event.name, event.data) for event in inside] == [
        (event.event, event.name, event.data) for event in alone.events
    ]
    assert inside[0].parent_ids == []
    assert all(event.parent_ids == [inside[0].run_id] for event in inside if event.name != "inner")


def test_the_outer_listener_hears_the_same_runs_as_children() -> None:
    outer, inside = listening_inside()
    heard = hear_all(outer, "abc")
    check_child(heard, "outer")
    told = of_inner(heard)
    assert [(event.event, event.name, event.run_id) for event in told] == [
        (event.event, event.name, event.run_id) for event in inside
    ]
    assert all(
        event.parent_ids == [heard.events[0].run_id, *own.parent_ids] for event, own in zip(told, inside, strict=True)
    )
    assert heard.end("inner").data == {"input": "abc", "output": "CBA"}
    assert inside[-1].data == {"output": "CBA"}


def test_each_listener_has_its_own_filter_and_its_own_outputs() -> None:
    outer, inside = listening_inside(include_names=["upper"], outputs=False)
    heard = hear(outer, "abc", include_names=["letters", "outer"], allow_unmatched=True)
    assert heard.names == ["outer", "letters"]
    assert heard.end("letters").data == {"input": "abc", "output": "abc"}
    assert [event.event for event in inside] == ["on_chain_start", *["on_chain_stream"] * 3, "on_chain_end"]
    assert {event.name for event in inside} == {"upper"}
    assert inside[-1].data == {}


def test_tags_come_from_outside_for_both() -> None:
    outer, inside = listening_inside()
    heard = hear_all(outer, "abc")
    assert heard.start("inner").tags == inside[0].tags == ["outside"]


def test_custom_events_are_heard_by_both() -> None:
    @gf.aggregate
    def chatty(text: str) -> str:
        gf.emit("said", text)
        return text

    inside: list[gf.Event] = []

    @gf.aggregate
    async def outer(text: str) -> str:
        async with chatty.events(text) as events:
            inside.extend([event async for event in events])
        gf.emit("said", "outside")
        return text

    heard = hear_all(outer, "abc")
    assert [event.data for event in heard.of("said")] == ["abc", "outside"]
    assert [event.data for event in inside if isinstance(event, gf.CustomEvent)] == ["abc"]


def test_listeners_nest_three_deep() -> None:
    outer, innermost = listening_inside()
    middle: list[gf.Event] = []

    @gf.aggregate
    async def outermost(text: str) -> str:
        async with outer.events(text) as events:
            middle.extend([event async for event in events])
        return text

    heard = hear_all(outermost, "abc")
    check_sound(middle)
    check_sound(innermost)
    ids = [event.run_id for event in innermost]
    assert [event.run_id for event in of_inner(Heard(middle, None))] == ids
    assert [event.run_id for event in of_inner(heard)] == ids
    assert [len(one.start("inner").parent_ids) for one in (heard, Heard(middle, None), Heard(innermost, None))] == [
        2,
        1,
        0,
    ]


def test_a_listener_inside_that_leaves_early_does_not_deafen_the_outer_one() -> None:
    @gf.aggregate
    async def outer(text: str) -> str:
        async with INNER.events(text) as events:
            async for _ in events:
                break
        return await by_invoke(text)

    heard = hear_all(outer, "abc")
    starts = [event for event in heard.of("inner") if isinstance(event, gf.StartEvent)]
    assert len(starts) == 2
    assert heard.of("inner")[-1].output == "CBA"


def test_an_error_of_a_run_that_is_listened_to_inside_is_told_to_both() -> None:
    @gf.aggregate
    def bad(text: str) -> str:
        raise ValueError("bad")

    inside: list[gf.Event] = []

    @gf.aggregate
    async def outer(text: str) -> str:
        heard = await listen(bad, text)
        inside.extend(heard.events)
        assert isinstance(heard.error, ValueError)
        return text

    heard = hear_all(outer, "abc")
    assert [event.event for event in inside] == ["on_chain_start", "on_chain_error"]
    assert isinstance(heard.end("bad").error, ValueError)
