"""What a report says: the verdict, every step, what breaks it and where, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import (
    ConfigurableField,
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSequence,
    RunnableSerializable,
)

import graphflow as gf
from graphflow.lcel import Report, Verdict, lint
from graphflow_compiler.errors import CODES
from tests.lcel.chains import CASES
from tests.lcel.recording import Recorder

PROMPT = ChatPromptTemplate.from_template("Tell me of {topic}.")
MODEL = FakeListChatModel(responses=["At 7:40."])
ANSWER = PROMPT | MODEL | StrOutputParser()


def shout(text: str) -> str:
    return text.upper()


def collected(chunks: Iterator[str]) -> Iterator[str]:
    yield "".join(chunks)


def line_of(function: Any) -> int:
    line: int = function.__code__.co_firstlineno
    return line


def codes(report: Report) -> list[str]:
    return [one.code for one in report.diagnostics]


def test_a_report_says_what_breaks_where_and_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    here = f"test_report.py:{line_of(shout)}"
    assert (
        str(lint(ANSWER | shout))
        == f"""\
RunnableSequence · LCEL · does not stream

  ChatPromptTemplate  whole → one value  `ChatPromptTemplate` waits for every value that it is filled with
  FakeListChatModel   whole → chunks     a chat model waits for its whole prompt, then streams its answer
  StrOutputParser     chunks → chunks    `StrOutputParser` parses what has come so far
■ shout               whole → one value  `shout` is a plain function of its whole input ({here})

warning[GF501]: the output does not stream: `shout` is a plain function of its whole input, so what \
`FakeListChatModel` streams is held back until it is complete
  --> {here}  StrOutputParser | shout
  hint: in LCEL: let it take chunks; of a generator function `|` makes a RunnableGenerator:
            async def shout(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
                async for chunk in chunks:
                    yield ...  # what this chunk adds
        stream() needs a plain one: RunnableGenerator(plain_shout, shout)
        in graphflow: decorate that generator with @gf.transform, for both; or write gf.chunkwise(shout), \
if one chunk is enough for it"""
    )


def test_a_break_is_data() -> None:
    (found,) = lint(ANSWER | shout).breaks
    assert found.name == "shout"
    assert found.location is not None
    assert (found.location.file, found.location.line) == (__file__, line_of(shout))
    assert found.holds_back == ("FakeListChatModel",)
    assert (found.code, found.key) == ("GF501", None)
    assert "RunnableGenerator" in found.lcel
    assert "@gf.transform" in found.graphflow


def test_a_report_of_a_chain_that_streams_finds_nothing() -> None:
    report = lint(ANSWER)
    assert report.streams
    assert report.require_streaming() is report
    assert report.stream == report.astream
    assert report.stream.begins == ("FakeListChatModel",)
    assert (report.breaks, report.diagnostics) == ((), ())
    assert "streaming begins at `FakeListChatModel`" in report.explain()


def test_what_differs_between_the_modes_is_told_with_its_mode() -> None:
    report = lint(ANSWER | collected)
    assert report.stream.verdict is Verdict.BLOCKS
    assert report.astream.verdict is Verdict.RAISES
    assert str(report).startswith("RunnableSequence · LCEL · stream() does not stream, astream() raises")
    first, second = report.diagnostics
    assert (first.code, first.severity) == ("GF501", "warning")
    assert first.message.startswith("with stream(), the output does not stream: `collected` reads its whole input")
    assert (second.code, second.severity) == ("GF503", "error")
    assert second.message == (
        "with astream(), the chain cannot be run: `collected` is a plain generator, "
        "and astream() raises a NotImplementedError"
    )


def test_keys_are_told_one_by_one() -> None:
    report = lint(RunnableParallel(answer=ANSWER, loud=ANSWER | shout))
    assert report.streams
    assert report.stream.by_key == {"answer": Verdict.STREAMS, "loud": Verdict.BLOCKS}
    (found,) = report.breaks
    assert (found.name, found.key) == ("shout", "loud")
    assert "key 'loud' of the output does not stream" in report.diagnostics[0].message
    assert "key 'answer' streams\nkey 'loud' does not stream\n" in str(report)
    assert report.require_streaming() is report


def test_keys_that_come_whole_come_one_after_another() -> None:
    report = lint(RunnableParallel(first=shout, second=shout))
    assert report.streams
    assert report.stream.by_key == {"first": Verdict.BLOCKS, "second": Verdict.BLOCKS}
    assert "its keys come one after another, each of them whole" in str(report)


def test_an_assigned_key_that_is_withheld_has_a_code_of_its_own() -> None:
    loud = RunnablePick("answer") | RunnableGenerator(collected) | RunnablePassthrough()
    report = lint(RunnableParallel(answer=ANSWER) | RunnablePassthrough.assign(answer=loud))
    assert codes(report)[0] == "GF501"
    report = lint(RunnableParallel(answer=ANSWER) | RunnablePassthrough.assign(copy=RunnablePick("answer")))
    assert codes(report) == ["GF505"]
    assert report.breaks[0].key == "copy"


def test_a_chain_that_streams_for_some_inputs_says_which_step_decides() -> None:
    report = lint(RunnableBranch((bool, ANSWER), ANSWER | shout))
    assert report.stream.verdict is Verdict.DEPENDS
    assert codes(report) == ["GF504"]
    assert not report.streams
    with pytest.raises(gf.NotStreamingError, match="streams for some inputs only"):
        report.require_streaming()


def test_a_chain_in_which_nothing_streams_has_a_note() -> None:
    report = lint(RunnableLambda(shout) | len)
    (found,) = report.diagnostics
    assert (found.code, found.severity) == ("GF502", "note")
    assert found.message.endswith("`len` is a plain function of its whole input, and nothing before it streams either")
    with pytest.raises(gf.NotStreamingError):
        report.require_streaming()


def test_a_chain_that_only_passes_its_input_on_has_a_note() -> None:
    report = lint(RunnablePassthrough())
    assert report.stream.verdict is Verdict.BLOCKS
    assert codes(report) == ["GF502"]
    assert report.breaks == ()


def test_what_streaming_leaves_out_is_a_note() -> None:
    model = MODEL.with_retry().with_fallbacks([MODEL])
    report = lint(PROMPT | model)
    assert report.streams
    assert codes(report) == ["GF506", "GF506"]
    assert {one.severity for one in report.diagnostics} == {"note"}
    messages = " ".join(one.message for one in report.diagnostics)
    assert "`FakeListChatModel` is not tried again when it streams" in messages
    assert "take over only before its first chunk" in messages
    assert report.require_streaming() is report


def test_a_cache_that_streaming_does_not_ask_is_a_note() -> None:
    model = FakeListChatModel(responses=["a"], cache=InMemoryCache())
    (found,) = lint(PROMPT | model).diagnostics
    assert found.message == "the cache of `FakeListChatModel` is not asked when it streams: it serves invoke only"


def made_later(value: object) -> Runnable[Any, Any]:
    return RunnableLambda(shout)


def test_what_only_the_run_can_show_is_told_as_such() -> None:
    report = lint(ANSWER | RunnableLambda(made_later))
    assert report.stream.verdict is Verdict.DEPENDS
    assert "GF507" in codes(report)
    assert "whether the output streams is not known: `made_later`" in str(report)


def test_what_is_not_known_does_not_matter_before_a_step_that_blocks() -> None:
    report = lint(ANSWER | RunnableLambda(made_later) | shout)
    assert report.stream.verdict is Verdict.BLOCKS
    assert codes(report) == ["GF501"]
    assert report.breaks[0].name == "shout"


def test_an_alternative_that_is_made_later_is_not_made() -> None:
    def other() -> Runnable[Any, Any]:
        raise AssertionError("a function of the chain was run")

    field = ConfigurableField(id="model")
    chain = PROMPT | MODEL.configurable_alternatives(field, other=other)
    assert lint(chain).streams
    assert lint(chain, configurable={"model": "other"}).stream.verdict is Verdict.DEPENDS


def test_what_is_configured_from_outside_counts() -> None:
    field = ConfigurableField(id="off")
    chain = PROMPT | MODEL.configurable_fields(disable_streaming=field)
    assert lint(chain).streams
    report = lint(chain, configurable={"off": True})
    assert report.stream.verdict is Verdict.BLOCKS
    assert "disable_streaming=True is set" in report.breaks[0].reason
    assert not lint(chain.with_config(configurable={"off": True})).streams


def test_a_function_that_returns_its_own_chain_is_not_followed_for_ever() -> None:
    def again(value: Any) -> Any:
        return chain if value else value

    chain: Any = RunnableLambda(again) | shout
    assert lint(chain).stream.verdict is Verdict.BLOCKS
    alone: Any = RunnableLambda(lambda value: alone if value else value)
    assert lint(alone).stream.verdict is Verdict.DEPENDS


def test_a_class_that_changes_how_a_known_one_streams_is_read_anew() -> None:
    class Whole(RunnableSequence[Any, Any]):
        def transform(self, input: Iterator[Any], config: Any = None, **kwargs: Any) -> Iterator[Any]:
            yield self.invoke("".join(input))

    chain = ANSWER | RunnableParallel(answer=Whole(first=RunnablePassthrough(), last=RunnablePassthrough()))
    report = lint(chain)
    assert report.stream.verdict is Verdict.BLOCKS
    assert report.stream.breaks[0].name == "Whole"
    assert report.astream.verdict is Verdict.STREAMS


def test_a_class_is_found_where_it_is_written() -> None:
    class Loud(RunnableSerializable[str, str]):
        """A class of the user's own."""

        def invoke(self, input: str, config: Any = None, **kwargs: Any) -> str:
            return input.upper()

    (found,) = lint(ANSWER | Loud()).breaks
    assert found.location is not None
    assert (found.location.file, found.location.line) == (__file__, line_of(Loud.invoke) - 3)


def test_several_lambdas_on_one_line_have_their_own_findings() -> None:
    report = lint(RunnableParallel(a=lambda value: ANSWER, b=lambda value: value))
    assert report.stream.by_key == {"a": Verdict.STREAMS, "b": Verdict.BLOCKS}


def test_every_code_of_lcel_chains_is_found_in_one_and_has_a_hint() -> None:
    found = [one for case in CASES for one in lint(case.build(Recorder())).diagnostics]
    found += lint(ANSWER | RunnableLambda(made_later)).diagnostics
    assert {one.code for one in found} == {code for code in CODES if code.startswith("GF5")}
    assert all(one.hint and one.hint.startswith("in LCEL") for one in found)


@pytest.mark.parametrize("value", [shout, {"a": shout}, "text", None, gf.prompt("{topic}")])
def test_what_is_no_lcel_chain_is_refused(value: object) -> None:
    for function in (lint, gf.from_lcel):
        with pytest.raises(gf.CompileError, match="is no LCEL chain") as raised:
            function(value)
        (found,) = raised.value.diagnostics
        assert found.code == "GF111"
        assert found.location is not None
        assert found.location.file == __file__
