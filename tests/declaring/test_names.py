"""How the parameters of a node are found: by name in a record, in a graph's keywords, in the input; or by default."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NotRequired, TypedDict

import pytest
import trio

import graphflow as gf


def value(chain: gf.Chain[Any, Any], given: object) -> Any:
    return trio.run(chain.invoke, given)


def wiring(chain: gf.Chain[Any, Any], node: str) -> dict[str | None, str]:
    """Return where the ports of a node are fed from."""
    plan = chain.compile().plan
    return {
        edge.port: edge.source if edge.key is None else f"{edge.source}[{edge.key}]"
        for edge in plan.edges_into[plan[node].id]
    }


@gf.aggregate
def ask(context: str, question: str) -> str:
    return f"{context}: {question}?"


@gf.aggregate
def asked_politely(context: str, question: str = "how", please: str = "please") -> str:
    return f"{context}: {question}, {please}?"


@gf.aggregate
def found(query: str) -> str:
    return f"found {query}"


def test_a_record_upstream_feeds_parameters_by_name() -> None:
    chain = {"question": gf.passthrough(), "context": found} | ask
    assert value(chain, "x") == "found x: x?"


def test_the_branches_of_a_fan_lead_to_the_parameters_themselves() -> None:
    chain = {"question": gf.passthrough(), "context": found} | ask
    assert wiring(chain, "ask") == {"context": "found", "question": "passthrough"}
    assert "parallel" not in chain.compile().plan.by_id


def test_keys_that_no_parameter_asks_for_still_run() -> None:
    runs = []

    @gf.aggregate
    def noted(text: str) -> str:
        runs.append(text)
        return text

    chain = {"question": gf.passthrough(), "context": found, "noted": noted} | ask
    assert value(chain, "x") == "found x: x?"
    assert runs == ["x"]
    (warning,) = (one for one in chain.compile().plan.diagnostics if one.severity == "warning")
    assert warning.code == "GF305"


def test_an_assign_upstream_feeds_what_was_there_and_what_was_added() -> None:
    chain = {"question": gf.passthrough()} | gf.assign(context=gf.pick("question") | found) | ask
    assert value(chain, "x") == "found x: x?"
    assert wiring(chain, "ask") == {"context": "found", "question": "passthrough"}


def test_a_node_that_gives_a_record_feeds_parameters_by_name() -> None:
    class Query(TypedDict):
        question: str
        context: str
        limit: NotRequired[int]

    @gf.aggregate
    def parsed(text: str) -> Query:
        return {"question": text, "context": "here"}

    assert value(parsed | ask, "x") == "here: x?"
    assert wiring(parsed | ask, "ask") == {"context": "parsed[context]", "question": "parsed[question]"}


def test_the_input_feeds_parameters_by_name() -> None:
    assert value(ask, {"context": "here", "question": "why", "other": 1}) == "here: why?"
    assert wiring(ask, "ask") == {"context": "input[context]", "question": "input[question]"}


def test_what_no_key_feeds_takes_its_default() -> None:
    assert value({"context": found} | asked_politely, "x") == "found x: how, please?"
    assert value({"context": found, "please": str.upper} | asked_politely, "x") == "found x: how, X?"


def test_the_one_parameter_without_a_default_takes_all_of_what_is_no_record() -> None:
    assert value(found | asked_politely, "x") == "found x: how, please?"


def test_keywords_in_a_graph_feed_parameters_by_name() -> None:
    @gf.graph
    def answered(text: gf.Value[str]) -> gf.Value[str]:
        return ask(question=text, context=found(text))

    assert value(answered, "x") == "found x: x?"
    assert wiring(answered, "ask") == {"context": "found", "question": "input"}


def test_arguments_in_a_graph_feed_parameters_in_order() -> None:
    @gf.graph
    def answered(text: gf.Value[str]) -> gf.Value[str]:
        return ask(found(text), text)

    assert value(answered, "x") == "found x: x?"


def test_a_record_in_a_graph_feeds_parameters_by_name() -> None:
    @gf.graph
    def answered(text: gf.Value[str]) -> gf.Value[str]:
        both = gf.parallel(context=found, question=gf.passthrough())(text)
        return ask(both)

    assert value(answered, "x") == "found x: x?"


def test_stream_ports_and_whole_ports_are_fed_from_one_record() -> None:
    @gf.aggregate
    async def letters(text: str) -> AsyncIterator[str]:
        for letter in text:
            yield letter

    @gf.transform
    async def marked(letters: AsyncIterator[str], mark: str) -> AsyncIterator[str]:
        async for letter in letters:
            yield letter + mark

    assert value({"mark": found, "letters": letters} | marked, "ab") == "afound abbfound ab"


def test_a_stream_that_two_parameters_need_is_read_once() -> None:
    @gf.aggregate
    async def letters(text: str) -> AsyncIterator[str]:
        for letter in text:
            yield letter

    @gf.transform
    async def measured(letters: AsyncIterator[str], whole: str) -> AsyncIterator[str]:
        async for letter in letters:
            yield f"{letter} of {whole}; "

    chain = letters | {"letters": gf.passthrough(), "whole": gf.passthrough()} | measured
    assert value(chain, "ab") == "a of ab; b of ab; "
    kinds = {buffer.port: buffer.kind for buffer in chain.compile().plan.buffers if buffer.target == "measured"}
    assert kinds == {"letters": "unbounded", "whole": "fold"}


def test_more_than_one_parameter_cannot_take_what_has_no_keys() -> None:
    with pytest.raises(gf.CompileError, match=r"`ask` takes `context` and `question`, but `size` gives int") as caught:
        (gf.aggregate(size) | ask).compile()
    assert "  --> " + __file__ in str(caught.value)


def size(text: str) -> int:
    return len(text)
