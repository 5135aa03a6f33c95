"""Whatever chain is put together of LCEL's pieces: what lint says of it is what running it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import (
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
)

from graphflow.lcel import Verdict, lint
from tests.laws.doses import dose
from tests.lcel.chains import (
    UPPER,
    AnyRunnable,
    HalfTransforming,
    Letters,
    Plain,
    Search,
    Titles,
    Transforming,
    acollected,
    ashout,
    aupper,
    collected,
    lookup,
    shout,
    upper,
)
from tests.lcel.recording import (
    AsyncOnlyChatModel,
    ChatModel,
    Maker,
    Recorder,
    StreamingChatModel,
    StreamingTextModel,
    SyncOnlyChatModel,
    seen,
)


def _asked(model: AnyRunnable) -> AnyRunnable:
    return PromptTemplate.from_template("{text}") | model | StrOutputParser()


def _returning(chain: AnyRunnable) -> Any:
    async def returning(text: str) -> AnyRunnable:
        return chain

    return returning


def _cutting(recorder: Recorder) -> AnyRunnable:
    def cut(texts: Iterator[str]) -> Iterator[str]:
        maker = Maker(chunks=0)
        for text in texts:
            maker.chunks += 1
            for letter in text:
                recorder.piece(maker)
                yield letter

    async def acut(texts: AsyncIterator[str]) -> AsyncIterator[str]:
        maker = Maker(chunks=0)
        async for text in texts:
            maker.chunks += 1
            for letter in text:
                await recorder.apiece(maker)
                yield letter

    return RunnableGenerator(cut, acut)


def _telling(recorder: Recorder) -> AnyRunnable:
    def told(text: str) -> Iterator[str]:
        for letter in text:
            recorder.piece()
            yield letter

    async def atold(text: str) -> AsyncIterator[str]:
        for letter in text:
            await recorder.apiece()
            yield letter

    return RunnableLambda(told, atold)


def _passing(inner: AnyRunnable) -> AnyRunnable:
    def told(text: str) -> Iterator[str]:
        yield from inner.stream(text)

    async def atold(text: str) -> AsyncIterator[str]:
        async for chunk in inner.astream(text):
            yield chunk

    return RunnableLambda(told, atold)


PIECES = ("ab", "cd", "ef", "gh")
STEPS: dict[str, Callable[[Recorder], AnyRunnable]] = {
    "shout": lambda _: RunnableLambda(shout),
    "ashout": lambda _: RunnableLambda(ashout),
    "shout both": lambda _: RunnableLambda(shout, ashout),
    "upper": lambda _: RunnableGenerator(upper),
    "aupper": lambda _: RunnableGenerator(aupper),
    "UPPER": lambda _: UPPER,
    "collected": lambda _: RunnableGenerator(collected, acollected),
    "plain": lambda _: Plain(),
    "transforming": lambda _: Transforming(),
    "half": lambda _: HalfTransforming(),
    "titles": lambda _: Titles(),
    "letters": lambda _: Letters(),
    "passthrough": lambda _: RunnablePassthrough(),
    "tool": lambda _: lookup,
    "documents": lambda _: Search() | (lambda documents: documents[0].page_content),
    "model": lambda recorder: _asked(StreamingChatModel(recorder=recorder, pieces=PIECES)),
    "whole model": lambda recorder: _asked(ChatModel(recorder=recorder, pieces=PIECES)),
    "sync model": lambda recorder: _asked(SyncOnlyChatModel(recorder=recorder, pieces=PIECES)),
    "async model": lambda recorder: _asked(AsyncOnlyChatModel(recorder=recorder, pieces=PIECES)),
    "text model": lambda recorder: _asked(StreamingTextModel(recorder=recorder)),
    "cut": _cutting,
    "told": _telling,
}
HOLDERS = ("sequence", "returned", "retry", "fallbacks", "branch", "picked", "joined", "assigned", "passed on", "bound")
#: A chain, as the words that `build` takes: the name of a step, or the name of what holds others with those.
Spec = tuple[Any, ...]

#: More often: without a model nothing streams.
NAMES = [*STEPS, "model", "model", "UPPER", "UPPER"]


def specs() -> st.SearchStrategy[Spec]:
    """Return chains from text to text."""
    return st.recursive(
        st.sampled_from(NAMES).map(lambda name: (name,)),
        lambda inner: st.builds(
            lambda holder, parts: (holder, *parts), st.sampled_from(HOLDERS), st.lists(inner, min_size=2, max_size=4)
        ),
        max_leaves=12,
    )


def fans_out(spec: Spec) -> bool:
    """Tell whether a chain has several branches on one input."""
    name, *parts = spec
    return name in ("picked", "joined", "assigned") or any(map(fans_out, parts))


def build(spec: Spec, recorder: Recorder) -> AnyRunnable:
    """Put a chain together."""
    name, *parts = spec
    if name in STEPS:
        return STEPS[name](recorder)
    first, second, *others = (build(part, recorder) for part in parts)
    match name:
        case "sequence":
            sequence = first | second
            for other in others:
                sequence = sequence | other
            return sequence
        case "returned":
            return RunnableLambda(lambda _: first, _returning(first)) | second
        case "retry":
            return first | second.with_retry()
        case "fallbacks":
            return first | second.with_fallbacks(others)
        case "branch":
            return RunnableBranch((bool, first), *((bool, other) for other in others), second)
        case "picked":
            return RunnableParallel(a=first, b=second) | RunnablePick("b")
        case "joined":
            return RunnableParallel(a=first, b=second) | (lambda record: str(record["a"]) + str(record["b"]))
        case "assigned":
            assign = RunnablePassthrough.assign(b=RunnablePick("a") | second)
            return RunnableParallel(a=first) | assign | RunnablePick("b" if others else "a")
        case "passed on":
            return first | _passing(second)
        case _:
            return (first | second).with_config(tags=["bound"])


@pytest.mark.parametrize("mode", ["stream", "astream"])
@dose(50)
@given(first=specs(), second=specs())
def test_the_verdict_on_any_chain_is_what_the_run_shows(mode: str, first: Spec, second: Spec) -> None:
    recorder = Recorder()
    chain = build(("sequence", ("model",), first, second), recorder)
    report = lint(chain)
    verdict = getattr(report, mode).verdict
    may_raise = any(one.code == "GF503" for one in getattr(report, mode).breaks)
    if mode == "stream" and may_raise and (fans_out(first) or fans_out(second)):
        return  # what an error leaves of a fan-out in threads, LangChain waits for without end when it is collected
    event(f"{mode} {verdict}")
    shown = seen(chain, "text", recorder, mode)
    for _ in range(10 if verdict is Verdict.STREAMS and shown is Verdict.BLOCKS else 0):
        # Branches of a fan-out run in threads: one may have read all pieces before a chunk of another arrives,
        # if no time is needed to make them. A chain that blocks does not stream in any of the attempts.
        if shown is Verdict.BLOCKS:
            shown = seen(chain, "text", recorder, mode, pause=0.005)
    if verdict is Verdict.DEPENDS:  # on which input it does what is tested chain by chain
        assert shown is not Verdict.RAISES or may_raise
    else:
        assert verdict is shown or (may_raise and shown is Verdict.RAISES), str(report)


FLAT = sorted(STEPS.keys() - {"model", "whole model", "sync model", "async model", "text model", "documents"})


@pytest.mark.parametrize("mode", ["stream", "astream"])
@dose(50)
@given(names=st.lists(st.sampled_from([*FLAT, "model", "model", "whole model", "UPPER"]), min_size=1, max_size=6))
def test_the_first_step_that_is_named_is_the_one_at_which_streaming_is_lost(mode: str, names: list[str]) -> None:
    """Runs every beginning of a chain: the step after the last one that streams is the one that breaks it.

    Unless a model that gives its answer whole comes later: it waits for its whole prompt anyway, so it is to be mended.
    """
    recorder = Recorder()
    chain = PromptTemplate.from_template("{text}") | _model("model", recorder) | StrOutputParser()
    streams = [seen(chain, "text", recorder, mode)]
    for number, name in enumerate(names):
        step = _model(name, recorder) if name in MODELS else STEPS[name](recorder)
        chain = chain | step.with_config(run_name=str(number)) | StrOutputParser()
        streams.append(seen(chain, "text", recorder, mode))
    outcome = getattr(lint(chain), mode)
    event(f"{mode} {streams[-1]}")
    if streams[-1] is Verdict.BLOCKS:
        lost = max(index for index, verdict in enumerate(streams) if verdict is Verdict.STREAMS)
        whole = [index for index, name in enumerate(names) if name == "whole model" and index > lost]
        assert outcome.breaks[0].name == str(max(whole, default=lost))
    elif streams[-1] is Verdict.RAISES:
        assert outcome.breaks[0].name == str(streams.index(Verdict.RAISES) - 1)
    else:
        assert outcome.breaks == ()


MODELS = {"model": StreamingChatModel, "whole model": ChatModel}


def _model(name: str, recorder: Recorder) -> AnyRunnable:
    return MODELS[name](recorder=recorder, pieces=PIECES)
