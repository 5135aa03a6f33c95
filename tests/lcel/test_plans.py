"""`gf.from_lcel` gives the plan of the graphflow chain that an LCEL chain would be."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableBranch, RunnableLambda, RunnablePassthrough, RunnablePick

import graphflow as gf
from graphflow.lcel import Verdict, lint
from graphflow_compiler.ir import NodeClass
from tests.lcel.chains import CASES, Case, Search, answer, lookup, shout
from tests.lcel.recording import Recorder

PROMPT = ChatPromptTemplate.from_template("Answer from {context}: {question}")
MODEL = FakeListChatModel(responses=["At 7:40."])

#: Where graphflow streams what LCEL holds back or cannot run, or promises what LCEL does for some inputs only.
BETTER = {
    "a_plain_generator",
    "a_generator_of_a_value",
    "a_generator_that_passes_a_whole_value_on",
    "a_parser_that_validates",
    "structured_output",
    "a_replaced_key_is_withheld",
    "fallbacks_of_transforms_in_mid_chain",
    "every_item_of_a_list",
    "a_map_in_mid_chain",
    "a_map_of_a_tool",
}
#: Where LCEL gives several chunks, but graphflow promises nothing: one whole key after another, pieces of one value.
PROMISES_LESS = {"a_dict_of_functions_comes_key_by_key", "a_class_whose_stream_is_its_transform"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_plan_of_a_chain_explains_and_draws_itself(case: Case) -> None:
    chain = case.build(Recorder())
    plan = gf.from_lcel(chain)
    assert plan.explain() == gf.from_lcel(chain).explain()
    for node in plan.nodes:
        assert node.name in plan.explain("mermaid")
        assert node.name in plan.explain("dot")
    assert len(json.loads(plan.explain("json"))["nodes"]) == len(plan.nodes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_plan_streams_as_the_chain_does_or_better(case: Case) -> None:
    chain = case.build(Recorder())
    streams = gf.from_lcel(chain).streams
    verdict = lint(chain).astream.verdict
    if case.name in BETTER:
        assert streams
        assert verdict is not Verdict.STREAMS
    elif case.name in PROMISES_LESS:
        assert not streams
        assert verdict is Verdict.STREAMS
    else:
        assert streams is (verdict is Verdict.STREAMS)


def test_every_step_is_of_its_class_and_kind() -> None:
    context = itemgetter("question") | Search() | RunnableLambda(str)
    chain: Runnable[Any, Any] = (
        {"context": context, "question": RunnablePick("question")} | PROMPT | MODEL | StrOutputParser() | lookup
    )
    plan = gf.from_lcel(chain)
    steps = [node for node in plan.nodes if node.name not in ("input", "parallel")]
    assert [(node.name, node.kind, node.node_class) for node in steps] == [
        ("itemgetter('question')", "chain", NodeClass.AGGREGATE),
        ("Search", "retriever", NodeClass.AGGREGATE),
        ("str", "chain", NodeClass.AGGREGATE),
        ("pick", "chain", NodeClass.TRANSFORM),
        ("ChatPromptTemplate", "prompt", NodeClass.AGGREGATE),
        ("FakeListChatModel", "chat_model", NodeClass.PRODUCER),
        ("StrOutputParser", "parser", NodeClass.TRANSFORM),
        ("lookup", "tool", NodeClass.AGGREGATE),
    ]
    assert plan.blocked_by == "lookup"


def test_a_function_is_found_where_it_is_written() -> None:
    plan = gf.from_lcel(answer(Recorder()) | shout)
    location = plan["shout"].location
    assert location is not None
    assert location.line == shout.__code__.co_firstlineno
    (found,) = [one for one in plan.diagnostics if one.code == "GF301"]
    assert "`shout` is a plain function of its whole input" in found.message
    with pytest.raises(gf.NotStreamingError):
        plan.require_streaming()


def test_names_tags_and_metadata_of_a_configuration_are_kept() -> None:
    model = MODEL.with_config(run_name="writer", tags=["slow"], metadata={"team": "harbour"})
    node = gf.from_lcel(PROMPT | model)["writer"]
    assert node.tags == ("seq:step:2", "slow")
    assert node.metadata == {"team": "harbour"}


def test_conditions_have_the_names_of_their_functions() -> None:
    def is_short(value: object) -> bool:
        return True

    plan = gf.from_lcel(RunnableBranch((is_short, MODEL), MODEL | StrOutputParser()))
    assert "if `is_short`" in plan.explain()


def test_what_is_configured_is_what_is_planned() -> None:
    case = next(case for case in CASES if case.name == "an_alternative_that_streams_is_the_default")
    chain = case.build(Recorder())
    assert "StreamingChatModel" in gf.from_lcel(chain).by_id
    plan = gf.from_lcel(chain, configurable={"model": "whole"})
    assert plan["ChatModel"].node_class is NodeClass.AGGREGATE
    assert plan["ChatModel"].reason == "this chat model waits for its whole prompt, then gives its answer at once"


def test_a_plan_is_to_be_looked_at_and_its_functions_refuse_to_run() -> None:
    plan = gf.from_lcel(PROMPT | MODEL | StrOutputParser() | shout)
    functions = [node.function for node in plan.nodes if node.function is not None]
    assert len(functions) == 4
    for function in functions:
        with pytest.raises(gf.GraphflowError, match="is there to be looked at: run the chain with LCEL"):
            function("text")


def test_what_graphflow_refuses_is_refused() -> None:
    with pytest.raises(gf.CompileError, match="asks for key 'answer'"):
        gf.from_lcel(RunnablePassthrough() | {"text": MODEL} | RunnablePick("answer"))
