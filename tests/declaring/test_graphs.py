"""`@gf.graph`: nodes called on handles, shared handles, several inputs, dicts, graphs in graphs, constants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import trio

import graphflow as gf


def value(chain: gf.Chain[Any, Any], given: object) -> Any:
    return trio.run(chain.invoke, given)


def chunks(chain: gf.Chain[Any, Any], given: object) -> list[Any]:
    async def read() -> list[Any]:
        async with chain.stream(given) as stream:
            return [chunk async for chunk in stream]

    return trio.run(read)


@gf.aggregate
async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@gf.chunkwise
def upper(text: str) -> str:
    return text.upper()


@gf.chunkwise
def marked(text: str, mark: str = "!") -> str:
    return text + mark


@gf.aggregate
def size(text: str) -> int:
    return len(text)


@gf.aggregate
def between(left: str, text: str, right: str = ">") -> str:
    return left + text + right


def test_each_call_is_a_node() -> None:
    @gf.graph
    def shouted(text: gf.Value[str]) -> gf.Stream[str]:
        once = upper(letters(text))
        return marked(marked(once))

    assert chunks(shouted, "ab") == ["A!!", "B!!"]
    assert list(shouted.compile().plan.by_id) == ["input", "letters", "upper", "marked", "marked.2"]
    assert isinstance(shouted, gf.Producer)
    assert shouted.name == shouted.compile().plan.name == "shouted"


def test_a_handle_used_twice_is_shared() -> None:
    runs = []

    @gf.aggregate
    def once(text: str) -> str:
        runs.append(text)
        return text

    @gf.graph
    def twice(text: gf.Value[str]) -> gf.Value[str]:
        given = once(text)
        return between(left=given, text=given, right=given)

    assert value(twice, "x") == "xxx"
    assert runs == ["x"]


def test_a_graph_over_a_stream_is_a_transform() -> None:
    @gf.graph
    def shouted(text: gf.Stream[str]) -> gf.Stream[str]:
        return marked(upper(text))

    assert isinstance(shouted, gf.Transform)
    assert chunks(letters | shouted, "ab") == ["A!", "B!"]


def test_a_graph_that_promises_a_value_is_an_aggregate() -> None:
    @gf.graph
    def measured(text: gf.Value[str]) -> gf.Value[int]:
        return size(upper(letters(text)))

    assert isinstance(measured, gf.Aggregate)
    assert value(measured, "ab") == 2


def test_a_graph_without_annotations_promises_nothing_and_streams_as_early_as_it_can() -> None:
    @gf.graph
    def shouted(text):  # type: ignore[no-untyped-def]
        return upper(letters(text))

    assert isinstance(shouted, gf.Aggregate)
    assert shouted.compile().plan.streams
    assert chunks(shouted, "ab") == ["A", "B"]


def test_several_inputs_are_keys_of_the_input() -> None:
    @gf.graph
    def put(left: gf.Value[str], text: gf.Value[str]) -> gf.Value[str]:
        return between(left=left, text=upper(text))

    assert value(put, {"left": "<", "text": "x"}) == "<X>"
    assert value({"text": gf.passthrough(), "left": lambda text: "("} | put, "x") == "(X>"


def test_an_input_that_is_not_used_is_not_asked_for() -> None:
    @gf.graph
    def put(left: gf.Value[str], text: gf.Value[str]) -> gf.Value[str]:
        return upper(text)

    assert value(put, {"text": "x"}) == "X"


def test_a_graph_may_return_its_input_or_a_key_of_something() -> None:
    @gf.graph
    def same(text: gf.Value[str]) -> gf.Value[str]:
        return text

    @gf.graph
    def one_key(text: gf.Value[str]) -> gf.Value[str]:
        return gf.parallel(a=upper, b=size)(text)["a"]

    assert value(same, "x") == "x"
    assert value(one_key, "x") == "X"
    assert value(one_key | upper, "x") == "X"


def test_a_graph_that_returns_a_dict_is_a_parallel() -> None:
    @gf.graph
    def both(text: gf.Value[str]) -> Mapping[str, Any]:
        streamed = letters(text)
        return {"loud": upper(streamed), "size": size(streamed)}

    assert isinstance(both, gf.Aggregate)
    assert dict(both.compile().plan.streams_by_key) == {"loud": True, "size": False}
    assert value(both, "ab") == {"loud": "AB", "size": 2}
    assert value(both | gf.pick("size"), "ab") == 2


def test_keys_of_records_and_keys_of_keys() -> None:
    @gf.aggregate
    def nested(text: str) -> dict[str, dict[str, str]]:
        return {"outer": {"inner": text}}

    @gf.graph
    def dug(text: gf.Value[str]) -> gf.Value[str]:
        return upper(nested(text)["outer"]["inner"])

    assert value(dug, "x") == "X"


def test_graphs_in_graphs() -> None:
    @gf.graph
    def inner(text: gf.Value[str]) -> gf.Stream[str]:
        return marked(letters(text))

    @gf.graph
    def outer(text: gf.Value[str]) -> gf.Value[int]:
        return size(inner(upper(text)))

    assert value(outer, "ab") == 4
    assert value(outer | str, "ab") == "4"
    assert [scope.name for scope in outer.compile().plan.scopes] == ["outer", "inner"]


def test_graphs_take_their_inputs_by_name_in_order_or_from_a_record() -> None:
    @gf.graph
    def put(left: gf.Value[str], text: gf.Value[str]) -> gf.Value[str]:
        return between(left=left, text=text)

    @gf.graph
    def by_name(text: gf.Value[str]) -> gf.Value[str]:
        return put(text=text, left=upper(text))

    @gf.graph
    def in_order(text: gf.Value[str]) -> gf.Value[str]:
        return put(upper(text), text)

    @gf.graph
    def from_record(text: gf.Value[str]) -> gf.Value[str]:
        return put(gf.parallel(text=gf.passthrough(), left=upper)(text))

    @gf.graph
    def from_key(text: gf.Value[str]) -> gf.Value[str]:
        return put(gf.parallel(record=gf.parallel(text=gf.passthrough(), left=upper))(text)["record"])

    for graph in (by_name, in_order, from_record, from_key):
        assert value(graph, "x") == "Xx>"


def test_the_only_parameter_may_be_given_by_name() -> None:
    @gf.graph
    def inner(text: gf.Value[str]) -> gf.Value[str]:
        return upper(text=text)

    @gf.graph
    def outer(given: gf.Value[str]) -> gf.Value[str]:
        return inner(text=given)

    assert value(outer, "x") == "X"


def test_names_that_a_chain_has_no_parameters_for_make_a_record() -> None:
    @gf.graph
    def put(text: gf.Value[str]) -> gf.Value[dict[str, Any]]:
        return gf.passthrough()(loud=upper(text), plain=text)

    assert value(put, "x") == {"loud": "X", "plain": "x"}


def test_constants_in_a_call_are_bound() -> None:
    @gf.graph
    def put(text: gf.Value[str]) -> gf.Value[str]:
        starred = marked(text, mark="*")
        return between("(", starred, right=")")

    assert value(put, "x") == "(x*)"
    assert value(marked, "x") == "x!"


def test_chains_of_any_kind_are_called_on_handles() -> None:
    @gf.graph
    def put(text: gf.Value[str]) -> gf.Value[str]:
        joined = (letters | upper)(text)
        routed = gf.branch((str.isupper, marked), upper)(joined)
        return gf.passthrough()(routed)

    assert value(put, "ab") == "AB!"


def test_configured_nodes_keep_their_configuration_in_a_call() -> None:
    loud = upper.with_config(name="Loud", tags=["t"], metadata={"m": 1})
    put_between = between.with_config(name="Between", tags=["u"], metadata={"n": 2})

    @gf.graph
    def put(text: gf.Value[str]) -> gf.Value[str]:
        return put_between(left=loud(text), text=text)

    plan = put.with_config(tags=["all"], metadata={"a": 0}).compile().plan
    assert plan["Loud"].tags == ("t", "all")
    assert dict(plan["Loud"].metadata) == {"a": 0, "m": 1}
    assert plan["Between"].tags == ("u", "all")
    assert dict(plan["Between"].metadata) == {"a": 0, "n": 2}


def test_the_function_of_a_graph_is_called_once_when_it_is_compiled() -> None:
    calls = []

    @gf.graph
    def put(text: gf.Value[str]) -> gf.Value[str]:
        calls.append(text)
        return upper(text)

    assert calls == []
    assert [value(put, "x"), value(put, "y")] == ["X", "Y"]
    assert len(calls) == 1


def test_parameters_with_a_default_are_not_inputs() -> None:
    @gf.graph
    def repeated(text: gf.Value[str], times: int = 2) -> gf.Value[str]:
        for _ in range(times):
            text = marked(text)
        return text

    assert value(repeated, "x") == "x!!"


def test_positional_only_parameters() -> None:
    @gf.graph
    def put(left: gf.Value[str], text: gf.Value[str], /) -> gf.Value[str]:
        return between(left=left, text=text)

    assert value(put, {"left": "<", "text": "x"}) == "<x>"


def test_bodies_of_branch_and_each_may_be_graphs() -> None:
    @gf.graph
    def loud(text: gf.Value[str]) -> gf.Value[str]:
        return upper(text)

    assert value(gf.branch((bool, loud), size), "x") == "X"
    assert value(gf.aggregate(str.split) | gf.each(loud), "a b") == ["A", "B"]


def test_handles_say_what_they_are() -> None:
    seen: list[object] = []

    @gf.graph
    def put(text: gf.Value[str]) -> gf.Value[str]:
        streamed = letters(text)
        key = gf.parallel(a=upper)(streamed)["a"]
        seen.extend([text, streamed, key])
        return upper(key)

    put.compile()
    assert [repr(handle) for handle in seen[:2]] == ["<Value of input>", "<Stream of letters>"]
    assert repr(seen[2]) == "<Value of parallel['a']>"
    assert seen[0] == seen[0]
    assert seen[0] != seen[1]
    assert len({*seen}) == 3


MISUSES = {
    "used as a bool": lambda text: upper(text) if text else size(text),
    "iterated": lambda text: [upper(letter) for letter in text],
    "unpacked": lambda text: between(*text),
    "measured": lambda text: upper(text) if len(text) else size(text),
    "compared": lambda text: upper(text) if text == "x" else size(text),
    "ordered": lambda text: upper(text) if text > "x" else size(text),
    "computed with": lambda text: upper(text + "!"),
    "computed with, from the right": lambda text: upper("!" + text),
    "formatted": lambda text: between(left=text, text=f"{text}!"),
    "asked for an attribute": lambda text: text.upper(),
    "indexed": lambda text: upper(text[0]),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_a_handle_used_as_a_plain_value_raises(misuse: str) -> None:
    chain: gf.Chain[Any, Any] = gf.graph(MISUSES[misuse])
    with pytest.raises(gf.CompileError, match=r"error\[GF109\]: in the graph `lambda`, `text` is .*has no value yet"):
        chain.compile()


def test_a_handle_in_a_list_is_told() -> None:
    @gf.graph
    def put(text: gf.Value[str]) -> gf.Value[str]:
        return between(left=text, text=[upper(text)])

    with pytest.raises(gf.CompileError, match="`between` is given handles inside a list, as `text`"):
        put.compile()


def test_a_handle_of_another_graph_is_told() -> None:
    kept: list[gf.Value[str]] = []

    @gf.graph
    def first(text: gf.Value[str]) -> gf.Value[str]:
        kept.append(text)
        return upper(text)

    @gf.graph
    def called_with_it(text: gf.Value[str]) -> gf.Value[str]:
        return upper(kept[0])

    @gf.graph
    def returns_it(text: gf.Value[str]) -> gf.Value[str]:
        return kept[0]

    first.compile()
    with pytest.raises(gf.CompileError, match="a handle of another graph, or of one that is finished"):
        called_with_it.compile()
    with pytest.raises(gf.CompileError, match="returns <Value of input>, which is not what its nodes give"):
        returns_it.compile()
