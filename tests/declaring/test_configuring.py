"""`with_config` and `bind`, labels that repeat, and chains that never change."""

from __future__ import annotations

import copy
import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
import trio.testing

import graphflow as gf
from graphflow_compiler.plan import Plan


def value(chain: gf.Chain[Any, Any], given: object) -> Any:
    return trio.run(chain.invoke, given)


@gf.chunkwise
def shout(text: str) -> str:
    return text.upper() + "!"


@gf.aggregate(name="Count", tags=["own"], metadata={"level": "node", "unit": "letters"})
def count(text: str) -> int:
    return len(text)


@gf.aggregate
def mixed(a: int, b: int = 2, *, c: int = 3) -> tuple[int, int, int]:
    return a, b, c


def ids(chain: gf.Chain[Any, Any]) -> list[str]:
    return [node.id for node in chain.compile().plan.nodes[1:]]


def tags(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {str(node.id): node.tags for node in plan.nodes[1:]}


# --- names -------------------------------------------------------------------------------------------------


def test_labels_repeat_and_ids_do_not() -> None:
    chain = shout | shout | shout
    assert ids(chain) == ["shout", "shout.2", "shout.3"]
    assert [node.name for node in chain.compile().plan.nodes[1:]] == ["shout"] * 3
    assert value(chain, "a") == "A!!!"


def test_ids_are_unique_whatever_the_names() -> None:
    named = [shout.with_config(name=name) for name in ("x", "x.2", "x", "x", "input", "input", "x.2", "")]
    chain: gf.Chain[Any, Any] = named[0]
    for one in named[1:]:
        chain = chain | one
    assert ids(chain) == ["x", "x.2", "x.3", "x.4", "input.2", "input.3", "x.2.2", "shout"]


def test_ids_contain_the_name() -> None:
    chain = gf.passthrough() | (lambda text: text) | gf.branch((bool, shout), shout) | {"a": shout, "b": count}
    assert all(node.name in node.id for node in chain.compile().plan.nodes[1:])


def test_equal_declarations_give_equal_ids() -> None:
    assert ids(shout | {"a": shout, "b": shout}) == ids(shout | {"a": shout, "b": shout})


# --- with_config -------------------------------------------------------------------------------------------


def test_a_name_of_its_own() -> None:
    loud = shout.with_config(name="Loud")
    assert (loud.name, ids(loud)) == ("Loud", ["Loud"])
    assert (shout.name, ids(shout)) == ("shout", ["shout"])
    assert (shout | count).with_config(name="both").compile().plan.name == "both"


def test_what_is_configured_again_wins_and_tags_add_up() -> None:
    once = count.with_config(name="first", tags=["a", "b"], metadata={"k": 1, "l": 1})
    twice = once.with_config(name="second", tags=["b", "c"], metadata={"k": 2})
    (node,) = twice.compile().plan.nodes[1:]
    assert node.name == "second"
    assert node.tags == ("own", "a", "b", "c")
    assert dict(node.metadata) == {"k": 2, "l": 1, "level": "node", "unit": "letters"}


def test_configuring_one_thing_keeps_the_others() -> None:
    chain = shout.with_config(name="Loud").with_config(tags=["t"]).with_config(metadata={"m": 1}).with_config()
    (node,) = chain.compile().plan.nodes[1:]
    assert (node.name, node.tags, dict(node.metadata)) == ("Loud", ("t",), {"m": 1})


def test_tags_of_a_chain_are_inherited_after_those_of_the_place_and_the_node() -> None:
    chain = (shout | count.with_config(tags=["inner"])).with_config(tags=["outer"])
    assert tags(chain.compile().plan) == {
        "shout": ("seq:step:1", "outer"),
        "Count": ("seq:step:2", "own", "inner", "outer"),
    }


def test_metadata_merges_downwards_and_the_nearer_word_wins() -> None:
    chain = (shout | count).with_config(metadata={"level": "chain", "owner": "ada"})
    plan = chain.compile().plan
    assert dict(plan["shout"].metadata) == {"level": "chain", "owner": "ada"}
    assert dict(plan["Count"].metadata) == {"level": "node", "unit": "letters", "owner": "ada"}
    assert dict(plan.scopes[0].metadata) == {"level": "chain", "owner": "ada"}


def test_bodies_inherit_too() -> None:
    chain = gf.branch((bool, shout), count).with_config(tags=["outer"], metadata={"owner": "ada"})
    first, second = chain.compile().plan["branch"].plans
    assert first["shout"].tags == ("branch:1", "outer")
    assert second["Count"].tags == ("branch:2", "own", "outer")
    assert dict(first["shout"].metadata) == {"owner": "ada"}


def test_keys_and_steps_are_tags() -> None:
    plan = (shout | {"a": shout | shout, "b": count}).compile().plan
    assert tags(plan) == {
        "shout": ("seq:step:1",),
        "shout.2": ("seq:step:1",),
        "shout.3": ("seq:step:2",),
        "Count": ("map:key:b", "own"),
        "parallel": (),
    }
    assert [(scope.name, scope.tags) for scope in plan.scopes] == [
        ("sequence", ()),
        ("parallel", ("seq:step:2",)),
        ("sequence", ("map:key:a",)),
    ]


def test_an_unconfigured_sequence_in_a_sequence_is_flattened() -> None:
    left, right = (shout | shout) | shout, shout | (shout | shout)
    assert str(left.compile()) == str(right.compile())
    assert tags(right.compile().plan) == {
        "shout": ("seq:step:1",),
        "shout.2": ("seq:step:2",),
        "shout.3": ("seq:step:3",),
    }
    assert len(right.compile().plan.scopes) == 1


def test_a_configured_sequence_in_a_sequence_stays() -> None:
    inner = (shout | shout).with_config(name="inner")
    plan = (shout | inner).compile().plan
    assert [scope.name for scope in plan.scopes] == ["sequence", "inner"]
    assert tags(plan)["shout.3"] == ("seq:step:2",)


def test_tags_are_several_strings() -> None:
    with pytest.raises(TypeError, match=r"write \['slow'\]"):
        shout.with_config(tags="slow")


# --- bind --------------------------------------------------------------------------------------------------


def test_bound_parameters_are_given() -> None:
    assert value(mixed.bind(b=5), 1) == (1, 5, 3)
    assert value(mixed.bind(a=7, c=8), 1) == (7, 1, 8)
    assert value(mixed.bind(a=7, b=8), 1) == (7, 8, 1)


def test_bindings_merge_and_the_later_wins() -> None:
    assert value(mixed.bind(b=5).bind(c=6), 1) == (1, 5, 6)
    assert value(mixed.bind(b=5).bind(b=6), 1) == (1, 6, 3)
    assert value(mixed.bind(b=5, c=5).bind(c=6), 1) == (1, 5, 6)


def test_options_that_a_function_takes_by_any_name() -> None:
    def counted(*args: Any, **options: int) -> int:
        return 3 + options.get("n", 0)

    bound = gf.aggregate(counted).bind(n=1)
    assert value(bound, "x") == 4
    assert value(bound.bind(n=2, m=3), "x") == 5


def test_options_that_are_no_ports() -> None:
    @gf.chunkwise
    def marked(text: str, mark: str = "!") -> str:
        return text + mark

    assert value(marked.bind(mark="?"), "x") == "x?"


def test_positional_only_parameters_can_be_bound() -> None:
    @gf.aggregate
    def listed(a: int, b: int, c: int = 3, /) -> list[int]:
        return [a, b, c]

    assert value(listed.bind(a=9), 1) == [9, 1, 3]
    assert value(listed.bind(b=9), 1) == [1, 9, 3]
    assert value(listed.bind(b=9).bind(c=8), 1) == [1, 9, 8]
    assert value({"a": int, "c": int} | listed.bind(b=9), 1) == [1, 9, 1]


def test_what_is_bound_is_no_parameter_any_more() -> None:
    chain = {"a": lambda number: number * 2, "b": lambda number: number * 3} | mixed.bind(c=0)
    assert value(chain, 1) == (2, 3, 0)
    assert [port.name for port in chain.compile().plan["mixed"].ports] == ["a", "b"]


def test_generators_can_be_bound() -> None:
    @gf.transform
    async def joined(texts: AsyncIterator[str], sign: str) -> AsyncIterator[str]:
        async for text in texts:
            yield text + sign

    chain = joined.bind(sign="-")
    assert isinstance(chain, gf.Transform)
    assert value(chain, "x") == "x-"


def test_binding_keeps_the_configuration() -> None:
    chain = mixed.with_config(name="M", tags=["t"]).bind(b=5)
    (node,) = chain.compile().plan.nodes[1:]
    assert (node.name, node.tags) == ("M", ("t",))
    assert value(chain.with_config(name="N"), 1) == (1, 5, 3)


# --- immutability ------------------------------------------------------------------------------------------


def test_chains_never_change() -> None:
    before = str(count.compile())
    count.with_config(name="other", tags=["x"], metadata={"y": 1})
    mixed.bind(b=9)
    _ = count | str
    assert str(count.compile()) == str(copy.copy(count).compile()) == before
    assert value(mixed, 1) == (1, 2, 3)


def test_one_chain_in_several_places() -> None:
    both = shout | {"a": shout, "b": shout | shout}
    again = both | gf.pick("b")
    assert value(both, "x") == {"a": "X!!", "b": "X!!!"}
    assert value(again, "x") == "X!!!"
    assert value(shout, "x") == "X!"


def test_what_was_given_may_change_afterwards() -> None:
    branches: dict[str, Any] = {"a": shout}
    labels, notes = ["t"], {"m": 1}
    chain = gf.parallel(branches)
    configured = shout.with_config(tags=labels, metadata=notes)
    branches["b"] = shout
    labels.append("u")
    notes["n"] = 2
    assert value(chain, "x") == {"a": "X!"}
    (node,) = configured.compile().plan.nodes[1:]
    assert (node.tags, dict(node.metadata)) == (("t",), {"m": 1})


def test_a_chain_is_compiled_once() -> None:
    chain = shout | count
    assert chain.compile() is chain.compile() is gf.compile(chain)
    assert chain.with_config(name="other").compile() is not chain.compile()


def test_a_chain_says_what_it_is() -> None:
    assert repr(shout) == "<Transform shout>"
    assert repr(shout | count) == "<Aggregate shout | Count>"
    assert repr((shout | count).with_config(name="both")) == "<Aggregate both>"
    assert repr((shout | (shout | count)).with_config(tags=["mine"])) == "<Aggregate shout | shout | Count>"
    assert repr(shout | {"one": count, "all": shout}) == "<Aggregate shout | {one, all}>"
    assert repr(gf.assign(number=count)) == "<Aggregate assign>"


def test_a_long_chain_says_how_it_begins_and_ends() -> None:
    chain: gf.Chain[Any, Any] = shout
    for _ in range(5000):
        chain = chain | shout
    assert repr(chain | count) == "<Aggregate shout | shout | shout | shout | ... | shout | shout | Count>"


def test_a_program_says_what_it_is() -> None:
    assert repr(gf.compile(shout)) == "<Program shout>"


def test_errors_can_be_pickled() -> None:
    with pytest.raises(gf.CompileError) as caught:
        shout.bind(nothing=1)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.diagnostics == caught.value.diagnostics


# --- how far a node may be ahead ---------------------------------------------------------------------------


@gf.chunkwise
async def echoed(chunk: str) -> str:
    return chunk


@gf.transform
async def in_turn(left: AsyncIterator[str], right: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in left:
        yield chunk
    async for chunk in right:
        yield chunk


def capacities(chain: gf.Chain[Any, Any]) -> dict[str, int | None]:
    return {f"{buffer.source}-{buffer.port}": buffer.capacity for buffer in chain.compile().plan.buffers}


def test_a_buffer_is_as_large_as_its_writer_says() -> None:
    fan = echoed.with_config(name="source", buffer=8) | {"a": echoed.with_config(name="one", buffer=3), "b": echoed}
    assert capacities(fan) == {"input-chunk": None, "source-chunk": 8, "one-a": 3, "echoed-b": 64}
    assert fan.compile().plan.most_chunks == 8 + (3 + 64 + 1)


def test_of_a_sequence_the_last_node_is_meant() -> None:
    fan = (echoed | gf.passthrough()).with_config(buffer=5) | {"a": echoed, "b": echoed}
    assert capacities(fan)["passthrough-chunk"] == 5
    assert capacities(fan.with_config(name="other", buffer=7))["passthrough-chunk"] == 5


def test_what_is_said_again_wins_and_other_words_leave_it() -> None:
    source = echoed.with_config(buffer=5).with_config(buffer=6).with_config(name="source")
    assert capacities(source | {"a": echoed, "b": echoed})["source-chunk"] == 6


def test_in_a_graph_too() -> None:
    @gf.graph
    def both(text: gf.Stream[str]) -> gf.Stream[str]:
        first = echoed.with_config(name="first", buffer=2)(text)
        return in_turn(left=first, right=echoed(text))

    plan = both.compile().plan
    (buffer,) = (buffer for buffer in plan.buffers if buffer.source == "first")
    assert (buffer.kind, plan["first"].buffer) == ("unbounded", 2)
    assert "so no bound is safe, not of 2 either" in buffer.reason
    assert plan.most_chunks is None
    assert "what waits in it has no bound" in str(plan)


def test_a_plan_without_buffers_holds_nothing() -> None:
    assert echoed.compile().plan.most_chunks == 0
    assert "wait in it" not in str(echoed.compile().plan)


def test_bodies_count_as_often_as_they_run() -> None:
    body = gf.parallel(a=echoed, b=echoed)
    most = body.compile().plan.most_chunks
    assert most == 64 + (64 + 64 + 1)
    each = gf.each(body, max_concurrency=3)
    assert each.compile().plan.most_chunks == 3 * most + 3  # and the results of the items, until their turn comes
    assert body.with_retry().compile().plan.most_chunks is None  # it keeps what it has read, to read it again
    branch = gf.branch((bool, body), echoed)
    assert branch.compile().plan.most_chunks == most


@pytest.mark.parametrize("buffer", [0, -1])
def test_a_buffer_holds_one_chunk_at_least(buffer: int) -> None:
    with pytest.raises(ValueError, match=f"1 at least, not {buffer}"):
        echoed.with_config(buffer=buffer)


@pytest.mark.parametrize("buffer", ["8", 1.5, True])
def test_a_buffer_is_a_number_of_chunks(buffer: Any) -> None:
    with pytest.raises(TypeError, match="a number of chunks"):
        echoed.with_config(buffer=buffer)


def test_the_writer_is_no_further_ahead() -> None:
    made: list[str] = []

    @gf.aggregate
    async def letters(text: str) -> AsyncIterator[str]:
        for letter in text:
            made.append(letter)
            yield letter

    async def main() -> None:
        fan = letters.with_config(buffer=2) | {"a": echoed.with_config(buffer=1), "b": echoed.with_config(buffer=1)}
        most = fan.compile().plan.most_chunks
        assert most == 2 + 3
        async with fan.stream("x" * 1000) as chunks:
            await anext(chunks)
            await trio.testing.wait_all_tasks_blocked()
            assert len(made) <= 1 + most + 3  # one in every hand

    trio.run(main)
