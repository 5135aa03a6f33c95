"""What lint says of a chain is what the chain does when it is run, with langchain-core's own classes."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.runnables import RunnableBranch, RunnableGenerator, RunnableLambda, RunnablePassthrough

from graphflow.lcel import Verdict, lint
from tests.lcel.chains import CASES, PROMPT, Case, ashout, upper
from tests.lcel.recording import Recorder, StreamingChatModel, seen

MODES = ["stream", "astream"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_what_the_run_shows(case: Case, mode: str) -> None:
    recorder = Recorder()
    chain = case.build(recorder)
    report = lint(chain)
    assert recorder.events == []  # nothing was run
    verdict = getattr(report, mode).verdict
    assert verdict is case.expected(mode)
    shown = [seen(chain, value, recorder, mode) for value in case.inputs]
    if verdict is Verdict.DEPENDS:
        assert set(shown) == {Verdict.STREAMS, Verdict.BLOCKS}
    else:
        assert set(shown) == {verdict}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_breaking_steps_are_named(case: Case) -> None:
    report = lint(case.build(Recorder()))
    assert tuple(one.name for one in report.breaks) == case.breaks
    assert all(one.reason and one.lcel and one.graphflow for one in report.breaks)
    modes = {case.expected(mode) for mode in MODES}
    assert bool(case.breaks) or modes == {Verdict.STREAMS}


class Switchable(StreamingChatModel):
    """A model with the field that many integrations have."""

    streaming: bool = True


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", [{}, {"streaming": True}, {"streaming": False}])
def test_the_streaming_field_of_a_model_counts_as_it_does_for_langchain(options: dict[str, Any], mode: str) -> None:
    recorder = Recorder()
    chain = PROMPT | Switchable(recorder=recorder, **options)
    assert getattr(lint(chain), mode).verdict is seen(chain, {"topic": "ferries"}, recorder, mode)


def test_an_alternative_that_cannot_be_run_is_told_whatever_comes_after_it() -> None:
    recorder = Recorder()
    choice = RunnableBranch((lambda text: text == "loud", RunnableGenerator(upper)), RunnablePassthrough())
    chain = choice | StreamingChatModel(recorder=recorder)
    report = lint(chain)
    assert report.stream.verdict is Verdict.STREAMS
    assert report.astream.verdict is Verdict.DEPENDS
    (found,) = report.diagnostics
    assert (found.code, found.severity) == ("GF503", "error")
    assert found.message.startswith("with astream(), the chain cannot be run for some inputs: `upper` is a plain")
    assert seen(chain, "loud", recorder, "astream") is Verdict.RAISES
    assert seen(chain, "quiet", recorder, "astream") is Verdict.STREAMS


def test_a_fallback_does_not_rescue_what_fails_after_its_first_chunk() -> None:
    recorder = Recorder()
    model = StreamingChatModel(recorder=recorder)
    loud: Any = RunnableLambda(ashout)
    record: Any = RunnablePassthrough.assign(loud=loud)
    chain = RunnableLambda(lambda text: {"text": text}) | record.with_fallbacks([RunnableLambda(str)]) | model
    assert lint(chain).stream.verdict is Verdict.DEPENDS
    assert seen(chain, "text", recorder, "stream") is Verdict.RAISES


def test_there_are_chains_that_stream_and_chains_that_do_not() -> None:
    verdicts = [case.verdict for case in CASES]
    assert len(CASES) >= 60
    assert verdicts.count(Verdict.STREAMS) >= 15
    assert verdicts.count(Verdict.BLOCKS) >= 15
