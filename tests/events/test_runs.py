"""Which runs there are, and what they are called: names, kinds, ids, parents, tags, metadata."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import trio

import graphflow as gf
from tests.events.hearing import Heard, check_sound, hear, hear_all, listen
from tests.laws.simulation import simulate


@gf.aggregate
def one(value: Any) -> Any:
    return value


@gf.aggregate
def two(value: Any) -> Any:
    return value


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.chunkwise
def upper(chunk: str) -> str:
    return chunk.upper()


@gf.transform
async def each_twice(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk
        yield chunk


@gf.tool
def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


class Echo(gf.TextModel):
    async def generate(self, text: str, /, **options: Any) -> AsyncIterator[str]:
        yield text


def search(query: str) -> list[gf.Document]:
    return [gf.Document(query)]


def tree(heard: Heard) -> list[str]:
    """The runs in the order in which they start, each under its parents: ``sequence/one``."""
    names: dict[str, str] = {}
    for event in heard.events:
        if isinstance(event, gf.StartEvent):
            names[event.run_id] = "/".join(
                [*(names[parent].rpartition("/")[2] for parent in event.parent_ids), event.name]
            )
    return list(names.values())


def tags(heard: Heard) -> dict[str, list[str]]:
    return {event.name: event.tags for event in heard.events}


# --- which runs there are --------------------------------------------------------------------------------------


def test_a_chain_of_one_node_has_no_wrapper() -> None:
    assert tree(hear_all(one, 1)) == ["one"]
    assert tree(hear_all(gf.ScriptedChatModel("a"), "hi")) == ["ScriptedChatModel"]


def test_there_is_one_run_for_every_node_and_one_for_the_sequence() -> None:
    heard = hear_all(letters | upper | each_twice | one, "ab")
    assert tree(heard) == ["sequence", *(f"sequence/{name}" for name in ("letters", "upper", "each_twice", "one"))]


def test_a_node_that_stands_in_two_places_has_two_runs() -> None:
    heard = hear_all(letters | upper | upper, "ab")
    starts = [event for event in heard.of("upper") if isinstance(event, gf.StartEvent)]
    assert len({event.run_id for event in starts}) == 2
    assert [event.tags for event in starts] == [["seq:step:2"], ["seq:step:3"]]


def test_a_parallel_is_a_run_around_its_branches() -> None:
    heard = hear_all(gf.parallel(a=one, b=one | two), 1)
    assert sorted(tree(heard)) == [
        "parallel",
        "parallel/one",
        "parallel/sequence",
        "parallel/sequence/one",
        "parallel/sequence/two",
    ]


def test_a_dict_in_a_sequence_is_a_run() -> None:
    assert tree(hear_all(one | {"a": two}, 1)) == [
        "sequence",
        "sequence/one",
        "sequence/parallel",
        "sequence/parallel/two",
    ]


@gf.aggregate
def whole(text: str) -> str:
    return text.upper()


@gf.aggregate
def refuse(text: str) -> str:
    raise ValueError(text)


WHOLE_BRANCHES: list[gf.Chain[Any, Any]] = [
    gf.parallel(a=upper, b=whole),
    gf.parallel(a=whole, b=upper),
    gf.parallel(a=whole, b=whole),
    gf.parallel(a=upper, b=upper | whole, c=whole),
    gf.parallel(a=upper, b=whole) | gf.passthrough(),
]


@pytest.mark.parametrize("text", ["ab", "a", ""])
@pytest.mark.parametrize("fan", WHOLE_BRANCHES, ids=str)
def test_a_parallel_ends_after_the_branches_that_wait_for_the_whole_stream(fan: gf.Chain[Any, Any], text: str) -> None:
    heard = hear_all(letters | fan, text)
    check_sound(heard.events)
    end = heard.end("parallel")
    assert isinstance(end, gf.EndEvent)
    assert end.output == (letters | fan).sync.invoke(text)
    assert {event.run_id for event in heard.events if isinstance(event, gf.ErrorEvent)} == set()


def test_a_parallel_fails_with_a_branch_that_waits_for_the_whole_stream() -> None:
    heard = hear(letters | gf.parallel(a=upper, b=refuse, c=whole), "ab")
    check_sound(heard.events)
    assert isinstance(heard.error, ValueError)
    failed = [event.name for event in heard.events if isinstance(event, gf.ErrorEvent)]
    assert failed == ["refuse", "parallel", "sequence"]


def test_an_assign_is_a_run_around_its_chains() -> None:
    assert tree(hear_all(gf.assign(b=one), {"a": 1})) == ["assign", "assign/one"]


def test_a_branch_is_a_run_around_the_alternative_that_it_chose() -> None:
    chain = gf.branch((lambda value: value > 1, one), two | two)
    assert tree(hear_all(chain, 2)) == ["branch", "branch/one"]
    assert tree(hear_all(chain, 0)) == ["branch", "branch/sequence", "branch/sequence/two", "branch/sequence/two"]


def test_an_each_is_a_run_around_one_run_for_every_item() -> None:
    assert tree(hear_all(gf.each(one), [1, 2])) == ["each", "each/one", "each/one"]
    assert tree(hear_all(gf.each(one), [])) == ["each"]


def test_a_graph_is_a_run_around_its_calls() -> None:
    @gf.graph
    def twice(value: gf.Value[int]) -> Any:
        return two(one(value))

    assert tree(hear_all(twice, 1)) == ["twice", "twice/one", "twice/two"]
    assert tree(hear_all(twice | one, 1)) == [
        "sequence",
        "sequence/twice",
        "sequence/twice/one",
        "sequence/twice/two",
        "sequence/one",
    ]


@pytest.mark.parametrize("value", ["parameter", "key"])
def test_what_a_graph_passes_on_is_inside_its_run(value: str) -> None:
    @gf.graph
    def passing(record: gf.Value[dict[str, Any]]) -> Any:
        return record if value == "parameter" else record["a"]

    heard = hear_all(passing | one, {"a": 1})
    assert tree(heard) == ["sequence", "sequence/passing", "sequence/passing/passthrough", "sequence/one"]
    assert heard.end("passing").output == ({"a": 1} if value == "parameter" else 1)
    assert heard.chunks("passing") == [heard.end("passing").output]


def test_a_handle_that_is_used_twice_is_one_run() -> None:
    @gf.aggregate
    def both(a: Any, b: Any) -> Any:
        return a, b

    @gf.graph
    def diamond(value: gf.Value[int]) -> Any:
        shared = one(value)
        return both(a=shared, b=two(shared))

    assert sorted(tree(hear_all(diamond, 1))) == ["diamond", "diamond/both", "diamond/one", "diamond/two"]


def test_an_unconfigured_sequence_in_a_sequence_is_flattened() -> None:
    flat = hear_all(one | one | two | two, 1)
    assert tree(hear_all((one | one) | (two | two), 1)) == tree(flat)
    assert tree(hear_all(one | (one | (two | two)), 1)) == tree(flat)


@pytest.mark.parametrize("config", [{"name": "inner"}, {"tags": ["mine"]}, {"metadata": {"a": 1}}])
def test_a_configured_sequence_in_a_sequence_is_kept(config: dict[str, Any]) -> None:
    name = config.get("name", "sequence")
    assert tree(hear_all(one | (one | two).with_config(**config), 1)) == [
        "sequence",
        "sequence/one",
        f"sequence/{name}",
        f"sequence/{name}/one",
        f"sequence/{name}/two",
    ]


def test_predicates_have_no_runs() -> None:
    async def is_big(value: int) -> bool:
        return value > 1

    assert tree(hear_all(gf.branch((is_big, one), two), 2)) == ["branch", "branch/one"]


def test_a_fan_whose_keys_are_taken_by_name_is_still_a_run() -> None:
    @gf.aggregate
    def both(a: int, b: int) -> int:
        return a + b

    heard = hear_all(gf.parallel(a=one, b=two) | both, 1)
    assert sorted(tree(heard)) == [
        "sequence",
        "sequence/both",
        "sequence/parallel",
        "sequence/parallel/one",
        "sequence/parallel/two",
    ]
    assert heard.end("parallel").data == {"input": 1, "output": {"a": 1, "b": 1}}
    assert sorted(map(str, heard.chunks("parallel"))) == ["{'a': 1}", "{'b': 1}"]


def test_a_group_that_is_fed_by_name_has_the_record_as_its_input() -> None:
    @gf.aggregate
    def both(a: int, b: int) -> int:
        return a + b

    heard = hear_all(gf.parallel(a=one, b=two) | (both | one).with_config(name="inner"), 1)
    assert heard.start("inner").data == {}
    assert heard.end("inner").data == {"input": {"a": 1, "b": 1}, "output": 2}


def test_an_assign_whose_keys_are_taken_by_name_is_still_a_run() -> None:
    @gf.aggregate
    def both(a: int, b: int) -> int:
        return a + b

    heard = hear_all(gf.assign(b=gf.pick("a") | one) | both, {"a": 1})
    assert heard.end("assign").data == {"input": {"a": 1}, "output": {"a": 1, "b": 1}}


def test_joins_that_are_taken_away_one_inside_the_other_are_told() -> None:
    @gf.aggregate
    def both(p: int, q: int) -> int:
        return p + q

    @gf.graph
    def renamed(value: gf.Value[int]) -> Any:
        inner = gf.parallel(a=one, b=two)(value)
        return {"p": inner["a"], "q": inner["b"]}

    heard = hear_all(renamed | both, 1)
    assert heard.end("renamed").output == {"p": 1, "q": 1}
    assert heard.end("parallel").output == {"a": 1, "b": 1}


# --- kinds and names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "value", "kind", "name"),
    [
        (one, 1, "chain", "one"),
        (gf.ScriptedChatModel("a"), "hi", "chat_model", "ScriptedChatModel"),
        (Echo(), "hi", "llm", "Echo"),
        (gf.text(), "hi", "parser", "text"),
        (gf.json_parser(), "[]", "parser", "json_parser"),
        (gf.prompt("{a}"), "hi", "prompt", "prompt"),
        (gf.Retriever(search), "hi", "retriever", "retriever"),
        (shout, "hi", "tool", "shout"),
        (one | two, 1, "chain", "sequence"),
        (gf.parallel(a=one), 1, "chain", "parallel"),
        (gf.assign(a=one), {}, "chain", "assign"),
        (gf.branch((bool, one), two), 1, "chain", "branch"),
        (gf.each(one), [], "chain", "each"),
        (gf.passthrough(), 1, "chain", "passthrough"),
        (gf.pick("a"), {"a": 1}, "chain", "pick"),
        (gf.pick("a", "b"), {"a": 1}, "chain", "pick"),
        (gf.collect(), 1, "chain", "collect"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_kind_and_name(chain: gf.Chain[Any, Any], value: Any, kind: str, name: str) -> None:
    start = hear_all(chain, value).events[0]
    assert (start.event, start.kind, start.name) == (f"on_{kind}_start", kind, name)
    renamed = hear_all(chain.with_config(name="mine"), value).events[0]
    assert (renamed.kind, renamed.name) == (kind, "mine")


def test_all_eighteen_kinds_of_events_and_no_others() -> None:
    chain = (
        gf.prompt("{a}")
        | gf.ScriptedChatModel(["x", "y"])
        | gf.text()
        | gf.aggregate(lambda text: text)
        | Echo()
        | gf.Retriever(search)
        | gf.aggregate(lambda found: {"text": found[0].text})
        | shout
    )
    streaming = ("chain", "chat_model", "llm", "parser")
    expected = {f"on_{kind}_{action}" for kind in streaming for action in ("start", "stream", "end")}
    expected |= {f"on_{kind}_{action}" for kind in ("prompt", "retriever", "tool") for action in ("start", "end")}
    assert len(expected) == 18
    assert {event.event for event in hear_all(chain, "hi").events} == expected


@pytest.mark.parametrize(
    ("chain", "value"),
    [(gf.prompt("{a}"), "hi"), (gf.Retriever(search), "hi"), (shout, "hi")],
    ids=["prompt", "retriever", "tool"],
)
def test_prompts_retrievers_and_tools_have_no_stream_events(chain: gf.Chain[Any, Any], value: Any) -> None:
    name = chain.name
    assert hear_all(chain, value).story == [f"start {name}", f"end {name}"]
    assert hear_all(chain | one, value).chunks(name) == []


# --- ids and parents -------------------------------------------------------------------------------------------


def test_run_ids_are_uuids_and_unique() -> None:
    chain = gf.each(one | gf.parallel(a=one, b=one | two), max_concurrency=2)
    heard = [hear_all(chain, [1, 2, 3]) for _ in range(20)]
    ids = [event.run_id for run in heard for event in run.events if isinstance(event, gf.StartEvent)]
    assert len(set(ids)) == len(ids)
    for run_id in ids:
        assert str(uuid.UUID(run_id)) == run_id
        assert uuid.UUID(run_id).version == 4
        assert uuid.UUID(run_id).variant == uuid.RFC_4122


def test_all_events_of_a_run_share_its_id() -> None:
    heard = hear_all(letters, "abc")
    assert len({event.run_id for event in heard.events}) == 1


def test_parent_ids_begin_with_the_root() -> None:
    heard = hear_all((one | gf.parallel(a=two)).with_config(name="root"), 1)
    root, fan, leaf = (heard.start(name) for name in ("root", "parallel", "two"))
    assert root.parent_ids == []
    assert fan.parent_ids == [root.run_id]
    assert leaf.parent_ids == [root.run_id, fan.run_id]


# --- tags and metadata -----------------------------------------------------------------------------------------


def test_steps_of_a_sequence_are_numbered_from_one() -> None:
    assert tags(hear_all(letters | upper | each_twice | one, "a")) == {
        "sequence": [],
        "letters": ["seq:step:1"],
        "upper": ["seq:step:2"],
        "each_twice": ["seq:step:3"],
        "one": ["seq:step:4"],
    }


def test_a_kept_sequence_numbers_its_own_steps() -> None:
    assert tags(hear_all(letters | (upper | two).with_config(name="inner"), "a")) == {
        "sequence": [],
        "letters": ["seq:step:1"],
        "inner": ["seq:step:2"],
        "upper": ["seq:step:1"],
        "two": ["seq:step:2"],
    }


def test_branches_of_a_fan_have_their_keys() -> None:
    heard = hear_all(gf.parallel(a=one, b=upper | two), "x")
    assert tags(heard) == {
        "parallel": [],
        "one": ["map:key:a"],
        "sequence": ["map:key:b"],
        "upper": ["seq:step:1"],
        "two": ["seq:step:2"],
    }
    assert tags(hear_all(gf.assign(b=one), {}))["one"] == ["map:key:b"]


def test_alternatives_of_a_branch_are_numbered_from_one() -> None:
    chain = gf.branch((lambda value: value == 1, one), (lambda value: value == 2, two), upper)
    assert tags(hear_all(chain, 1)) == {"branch": [], "one": ["branch:1"]}
    assert tags(hear_all(chain, 2)) == {"branch": [], "two": ["branch:2"]}
    assert tags(hear_all(chain, "x")) == {"branch": [], "upper": ["branch:3"]}


def test_own_tags_come_after_the_place() -> None:
    assert tags(hear_all(one | two.with_config(tags=["mine"]), 1))["two"] == ["seq:step:2", "mine"]


def test_tags_of_declarations_and_configurations_add_up() -> None:
    @gf.aggregate(tags=["declared"])
    def node(value: int) -> int:
        return value

    chain = node.with_config(tags=["first"]).with_config(tags=["second", "first"])
    assert tags(hear_all(chain, 1))["node"] == ["declared", "first", "second"]


def test_tags_are_inherited_by_everything_inside() -> None:
    chain = one | gf.parallel(a=gf.branch((bool, two | two), one), b=gf.each(letters)) | one
    heard = hear_all(chain.with_config(tags=["mine"]), ["x"])
    assert {"sequence", "parallel", "branch", "two", "each", "letters"} < set(heard.names)
    assert all("mine" in event.tags for event in heard.events)


def test_places_are_not_inherited() -> None:
    heard = hear_all(one | gf.parallel(a=gf.branch((bool, two | two.with_config(name="leaf")), one)), 1)
    assert heard.start("leaf").tags == ["seq:step:2"]
    assert heard.start("branch").tags == ["map:key:a"]


def test_metadata_merge_downwards_and_the_inner_wins() -> None:
    inner = two.with_config(metadata={"a": "inner", "c": 3})
    chain = (one | inner).with_config(metadata={"a": "outer", "b": 2})
    heard = hear_all(chain, 1)
    assert heard.start("sequence").metadata == {"a": "outer", "b": 2}
    assert heard.start("one").metadata == {"a": "outer", "b": 2}
    assert heard.start("two").metadata == {"a": "inner", "b": 2, "c": 3}


def test_models_say_what_they_are_in_their_metadata() -> None:
    model = gf.ScriptedChatModel("a", metadata={"model_name": "small"})
    assert hear_all(model, "hi").events[0].metadata == {
        "provider": "scripted",
        "model_type": "chat",
        "model_name": "small",
    }


# --- what a verb says of its run -------------------------------------------------------------------------------


def test_a_verb_names_and_identifies_the_outermost_run_only() -> None:
    run_id = str(uuid.uuid4())
    heard = hear_all(one | two, 1, name="mine", run_id=run_id)
    assert tree(heard) == ["mine", "mine/one", "mine/two"]
    assert heard.start("mine").run_id == run_id
    assert heard.start("one").parent_ids == [run_id]
    assert heard.start("one").run_id != run_id


def test_a_verb_adds_tags_and_metadata_to_everything() -> None:
    chain = (one | two.with_config(tags=["own"], metadata={"a": 1})).with_config(metadata={"b": 2})
    heard = hear_all(chain, 1, tags=["called"], metadata={"a": 0, "b": 0, "c": 3})
    assert heard.start("sequence").tags == ["called"]
    assert heard.start("one").tags == ["seq:step:1", "called"]
    assert heard.start("two").tags == ["seq:step:2", "own", "called"]
    assert heard.start("sequence").metadata == {"b": 2, "a": 0, "c": 3}
    assert heard.start("two").metadata == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("verb", ["invoke", "stream", "transform", "events"])
def test_every_verb_says_the_same_of_a_nested_run(verb: str) -> None:
    said: dict[str, Any] = {"name": "mine", "tags": ["called"], "metadata": {"a": 1}, "run_id": str(uuid.uuid4())}

    async def chunks() -> AsyncIterator[str]:
        yield "x"

    @gf.aggregate
    async def outer(value: str) -> None:
        if verb == "invoke":
            await one.invoke(value, **said)
            return
        opened: Any = one.stream(value, **said) if verb == "stream" else one.events(value, **said)
        if verb == "transform":
            opened = one.transform(chunks(), **said)
        async with opened as given:
            async for _ in given:
                pass

    start = hear_all(outer, "x").start("mine")
    assert (start.tags, start.metadata, start.run_id) == (["called"], {"a": 1}, said["run_id"])


def test_a_single_string_is_refused_as_tags() -> None:
    with pytest.raises(TypeError, match="several strings"):
        one.compile().events(1, tags="mine")


def test_runs_of_one_program_do_not_know_each_other() -> None:
    async def main() -> list[Heard]:
        found: list[Heard] = []

        async def hear_one(number: int) -> None:
            found.append(await listen(letters | upper | one, "abc", name=str(number)))

        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(hear_one, number)
        return found

    heard = simulate(main)
    assert sorted(run.names[0] for run in heard) == ["0", "1", "2"]
    for run in heard:
        assert len(run.events) == len(heard[0].events)
        assert {event.parent_ids[0] for event in run.events if event.parent_ids} == {run.events[0].run_id}
