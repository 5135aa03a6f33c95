"""LCEL chains of all kinds, with what running them shows: whether they stream, and the step that breaks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Final

import attrs
from langchain_core.documents import Document
from langchain_core.output_parsers import (
    BaseOutputParser,
    BaseTransformOutputParser,
    CommaSeparatedListOutputParser,
    JsonOutputParser,
    PydanticOutputParser,
    StrOutputParser,
    XMLOutputParser,
)
from langchain_core.output_parsers.openai_tools import JsonOutputToolsParser
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import (
    ConfigurableField,
    RouterRunnable,
    Runnable,
    RunnableBranch,
    RunnableConfig,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSerializable,
    chain,
)
from langchain_core.tools import tool
from pydantic import BaseModel

from graphflow.lcel.report import Verdict
from tests.lcel.recording import (
    AsyncOnlyChatModel,
    ChatModel,
    Recorder,
    StreamingChatModel,
    StreamingTextModel,
    SyncOnlyChatModel,
    TextModel,
    ToolCallingChatModel,
)

AnyRunnable = Runnable[Any, Any]

STREAMS, BLOCKS, DEPENDS, RAISES = Verdict.STREAMS, Verdict.BLOCKS, Verdict.DEPENDS, Verdict.RAISES


@attrs.frozen
class Case:
    """A chain, and what is known of it.

    Attributes:
        name: in words.
        build: makes it.
        verdict: what both `stream` and `astream` do.
        breaks: the names of the steps that break its streaming, in order.
        asynchronous: what `astream` does, if that is something else.
        inputs: what it is run on; where that decides, one that streams and one that does not.
    """

    name: str
    build: Callable[[Recorder], AnyRunnable]
    verdict: Verdict
    breaks: tuple[str, ...] = ()
    asynchronous: Verdict | None = None
    inputs: tuple[object, ...] = ({"topic": "ferries"},)

    def expected(self, mode: str) -> Verdict:
        """Return what it does in a mode."""
        return self.asynchronous if mode == "astream" and self.asynchronous is not None else self.verdict


CASES: Final[list[Case]] = []


def case(
    verdict: Verdict,
    *breaks: str,
    asynchronous: Verdict | None = None,
    inputs: tuple[object, ...] = ({"topic": "ferries"},),
) -> Callable[[Callable[[Recorder], AnyRunnable]], Callable[[Recorder], AnyRunnable]]:
    """Add the chain that a function makes."""

    def add(build: Callable[[Recorder], AnyRunnable]) -> Callable[[Recorder], AnyRunnable]:
        CASES.append(Case(build.__name__, build, verdict, breaks, asynchronous, inputs))
        return build

    return add


JSON_PIECES: Final = ('{"text": "at', " 7:4", '0", "su', 're": true}')


def answer(recorder: Recorder) -> AnyRunnable:
    """Return the usual chain: prompt, model, parser."""
    return PROMPT | streaming(recorder) | StrOutputParser()


def streaming(recorder: Recorder, pieces: tuple[str, ...] = ("a", "b", "c", "d")) -> StreamingChatModel:
    """Return a chat model that streams."""
    return StreamingChatModel(recorder=recorder, pieces=pieces)


def calling(recorder: Recorder, pieces: tuple[str, ...] = JSON_PIECES) -> ToolCallingChatModel:
    """Return a chat model that streams a tool call."""
    return ToolCallingChatModel(recorder=recorder, pieces=pieces)


PROMPT: Final = ChatPromptTemplate.from_template("Tell me of {topic}.")


# --- steps that users write ---


def shout(text: str) -> str:
    return text.upper()


async def ashout(text: str) -> str:
    return text.upper()


def upper(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk.upper()


async def aupper(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk.upper()


UPPER: Final = RunnableGenerator(upper, aupper)


def collected(chunks: Iterator[str]) -> Iterator[str]:
    yield "".join(chunks)


async def acollected(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    text = ""
    async for chunk in chunks:
        text += chunk
    yield text


class Titles(BaseOutputParser[str]):
    """A parser of whole answers."""

    def parse(self, text: str) -> str:
        return text.title()


class Letters(BaseTransformOutputParser[str]):
    """A parser of chunks."""

    def parse(self, text: str) -> str:
        return text.title()


class Search(BaseRetriever):
    """A retriever that always finds the same."""

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(page_content=str(query))]


@tool
def lookup(text: str) -> str:
    """Look something up."""
    return text


class Plain(RunnableSerializable[str, str]):
    """A runnable that only knows `invoke`."""

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        return input


class Transforming(Plain):
    """One that overrides both ways to take chunks."""

    def transform(self, input: Iterator[str], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[str]:
        yield from input

    async def atransform(
        self, input: AsyncIterator[str], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[str]:
        async for chunk in input:
            yield chunk


class HalfTransforming(Plain):
    """One that overrides the plain way only."""

    def transform(self, input: Iterator[str], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[str]:
        yield from input


class Answer(BaseModel):
    """What a model is asked for."""

    text: str
    sure: bool


# --- the usual chain, and what stands at its end ---


@case(STREAMS)
def model_alone(recorder: Recorder) -> AnyRunnable:
    return PROMPT | streaming(recorder)


@case(STREAMS)
def prompt_model_parser(recorder: Recorder) -> AnyRunnable:
    return answer(recorder)


@case(BLOCKS, "shout")
def a_plain_function(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | shout


@case(BLOCKS, "lambda")
def a_lambda(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | (lambda text: text.upper())


@case(BLOCKS, "shout")
def a_function_with_an_asynchronous_twin(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | RunnableLambda(shout, ashout)


@case(RAISES, "ashout", asynchronous=BLOCKS)
def an_asynchronous_function(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | ashout


@case(STREAMS, "upper", asynchronous=RAISES)
def a_plain_generator(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | upper


@case(RAISES, "aupper", asynchronous=STREAMS)
def an_asynchronous_generator(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | aupper


@case(STREAMS)
def generators_of_both_kinds(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | UPPER


@case(BLOCKS, "collected")
def generators_that_read_all_first(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | RunnableGenerator(collected, acollected)


@case(BLOCKS, "first", "second")
def two_functions(recorder: Recorder) -> AnyRunnable:
    def first(text: str) -> str:
        return text

    def second(text: str) -> str:
        return text

    return answer(recorder) | first | UPPER | second


@case(BLOCKS, "itemgetter('text')")
def itemgetter_on_a_stream_of_records(recorder: Recorder) -> AnyRunnable:
    return PROMPT | streaming(recorder, JSON_PIECES) | JsonOutputParser() | itemgetter("text")


@case(STREAMS)
def pick_on_a_stream_of_records(recorder: Recorder) -> AnyRunnable:
    return PROMPT | streaming(recorder, JSON_PIECES) | JsonOutputParser() | RunnablePick("text")


# --- models ---


@case(BLOCKS, "ChatModel")
def a_model_that_gives_its_answer_whole(recorder: Recorder) -> AnyRunnable:
    return PROMPT | ChatModel(recorder=recorder) | StrOutputParser()


@case(BLOCKS, "ChatModel", "shout")
def a_whole_model_and_a_function(recorder: Recorder) -> AnyRunnable:
    return PROMPT | ChatModel(recorder=recorder) | StrOutputParser() | shout


@case(BLOCKS, "StreamingChatModel")
def a_model_with_streaming_switched_off(recorder: Recorder) -> AnyRunnable:
    return PROMPT | StreamingChatModel(recorder=recorder, disable_streaming=True) | StrOutputParser()


@case(BLOCKS, "StreamingChatModel")
def a_model_that_does_not_stream_with_tools(recorder: Recorder) -> AnyRunnable:
    model = StreamingChatModel(recorder=recorder, disable_streaming="tool_calling")
    return PROMPT | model.bind_tools([lookup]) | StrOutputParser()


@case(STREAMS)
def the_same_without_tools(recorder: Recorder) -> AnyRunnable:
    return PROMPT | StreamingChatModel(recorder=recorder, disable_streaming="tool_calling") | StrOutputParser()


@case(STREAMS)
def a_model_with_a_plain_stream_only(recorder: Recorder) -> AnyRunnable:
    return PROMPT | SyncOnlyChatModel(recorder=recorder) | StrOutputParser()


@case(BLOCKS, "AsyncOnlyChatModel", asynchronous=STREAMS)
def a_model_with_an_asynchronous_stream_only(recorder: Recorder) -> AnyRunnable:
    return PROMPT | AsyncOnlyChatModel(recorder=recorder) | StrOutputParser()


@case(STREAMS)
def a_text_model(recorder: Recorder) -> AnyRunnable:
    return PromptTemplate.from_template("{topic}") | StreamingTextModel(recorder=recorder)


@case(BLOCKS, "TextModel")
def a_whole_text_model(recorder: Recorder) -> AnyRunnable:
    return PromptTemplate.from_template("{topic}") | TextModel(recorder=recorder) | UPPER


@case(STREAMS)
def two_models(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | (lambda text: {"topic": text}) | PROMPT | streaming(recorder)


@case(BLOCKS, "ChatModel")
def a_streaming_model_before_a_whole_one(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | PromptTemplate.from_template("{topic}") | ChatModel(recorder=recorder) | StrOutputParser()


# --- parsers ---


@case(STREAMS)
def json(recorder: Recorder) -> AnyRunnable:
    return PROMPT | streaming(recorder, JSON_PIECES) | JsonOutputParser()


@case(STREAMS)
def a_list(recorder: Recorder) -> AnyRunnable:
    return PROMPT | streaming(recorder, ("a, ", "b, ", "c, ", "d")) | CommaSeparatedListOutputParser()


@case(BLOCKS, "ChatModel")
def a_list_of_a_whole_answer(recorder: Recorder) -> AnyRunnable:
    return PROMPT | ChatModel(recorder=recorder, pieces=("a, ", "b, ", "c, ", "d")) | CommaSeparatedListOutputParser()


@case(STREAMS)
def xml(recorder: Recorder) -> AnyRunnable:
    pieces = ("<a><b>1</b>", "<b>2</b>", "<b>3</b>", "</a>")
    return PROMPT | streaming(recorder, pieces) | XMLOutputParser(parser="xml")


@case(BLOCKS, "Titles")
def a_parser_of_whole_answers(recorder: Recorder) -> AnyRunnable:
    return PROMPT | streaming(recorder) | Titles()


@case(STREAMS)
def a_parser_of_chunks(recorder: Recorder) -> AnyRunnable:
    return PROMPT | streaming(recorder) | Letters()


@case(STREAMS)
def tool_calls(recorder: Recorder) -> AnyRunnable:
    return PROMPT | calling(recorder) | JsonOutputToolsParser(first_tool_only=True)


@case(BLOCKS, "Titles")
def a_parser_alone_is_given_a_whole_value(recorder: Recorder) -> AnyRunnable:
    return RunnableLambda(lambda _: "text") | RunnableBranch((bool, Letters()), Letters()) | Titles()


# --- what only a run shows ---

PYDANTIC_INPUTS: Final = ({"topic": "several"}, {"topic": "one"})


@case(DEPENDS, "PydanticOutputParser", inputs=PYDANTIC_INPUTS)
def a_parser_that_validates(recorder: Recorder) -> AnyRunnable:
    model = streaming(recorder, ('{"sure": true, "text": "at', " 7:4", '0"', "}"))
    late = streaming(recorder, JSON_PIECES)
    models = RunnableBranch((lambda value: "several" in value.to_string(), model), late)
    return PROMPT | models | PydanticOutputParser(pydantic_object=Answer)


@case(DEPENDS, "PydanticToolsParser", inputs=PYDANTIC_INPUTS)
def structured_output(recorder: Recorder) -> AnyRunnable:
    model = calling(recorder, ('{"sure": true, "text": "at', " 7:4", '0"', "}"))
    late = calling(recorder)
    return PROMPT | RunnableBranch(
        (lambda value: "several" in value.to_string(), model.with_structured_output(Answer)),
        late.with_structured_output(Answer),
    )


@case(STREAMS)
def structured_output_as_a_dict(recorder: Recorder) -> AnyRunnable:
    schema = {"title": "Answer", "description": "An answer.", "type": "object", "properties": {}}
    return PROMPT | calling(recorder).with_structured_output(schema)


@case(BLOCKS, "RunnableAssign.with_fallbacks", "itemgetter('raw')", "lambda")
def structured_output_with_the_raw_answer(recorder: Recorder) -> AnyRunnable:
    return PROMPT | calling(recorder).with_structured_output(Answer, include_raw=True)


ROUTES: Final = ({"topic": "ferries"}, {"topic": "trains"})


def about_ferries(value: Mapping[str, str]) -> bool:
    return value["topic"] == "ferries"


@case(DEPENDS, "shout", inputs=ROUTES)
def a_branch_whose_default_blocks(recorder: Recorder) -> AnyRunnable:
    return RunnableBranch((about_ferries, answer(recorder)), answer(recorder) | shout)


@case(STREAMS, inputs=ROUTES)
def a_branch_whose_alternatives_stream(recorder: Recorder) -> AnyRunnable:
    return RunnableBranch((about_ferries, answer(recorder)), answer(recorder) | UPPER)


@case(BLOCKS, "shout", inputs=ROUTES)
def a_branch_whose_alternatives_block(recorder: Recorder) -> AnyRunnable:
    return RunnableBranch((about_ferries, answer(recorder) | shout), answer(recorder) | shout)


@case(BLOCKS, "RunnableBranch")
def a_branch_in_mid_chain(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | RunnableBranch((bool, UPPER), RunnablePassthrough())


@case(DEPENDS, "shout", inputs=ROUTES)
def a_function_that_routes(recorder: Recorder) -> AnyRunnable:
    streaming, blocking = answer(recorder), answer(recorder) | shout

    def route(value: Mapping[str, str]) -> AnyRunnable:
        if value["topic"] == "ferries":
            return streaming
        return blocking

    return RunnablePassthrough() | RunnableLambda(route)


@case(STREAMS, inputs=ROUTES)
def a_function_that_routes_by_a_dict(recorder: Recorder) -> AnyRunnable:
    routes = {"ferries": answer(recorder), "trains": answer(recorder) | UPPER}
    return RunnableLambda(lambda value: routes[value["topic"]])


@case(STREAMS)
def a_function_that_makes_a_chain(recorder: Recorder) -> AnyRunnable:
    model = streaming(recorder)

    async def aroute(value: Mapping[str, str]) -> AnyRunnable:
        return PROMPT | model | UPPER_TEXT

    return RunnableLambda(lambda value: PROMPT | model | UPPER_TEXT, aroute)


UPPER_TEXT: Final = StrOutputParser() | UPPER


@case(DEPENDS, "route", inputs=ROUTES)
def a_function_that_returns_a_chain_or_a_text(recorder: Recorder) -> AnyRunnable:
    streaming = answer(recorder)

    def route(value: Mapping[str, str]) -> AnyRunnable | str:
        recorder.made()
        return streaming if about_ferries(value) else "I know of ferries only."

    return RunnableLambda(route)


@case(DEPENDS, "shout", inputs=({"key": "a", "input": {"topic": "ferries"}}, {"key": "b", "input": {"topic": ""}}))
def a_router(recorder: Recorder) -> AnyRunnable:
    return RouterRunnable({"a": answer(recorder), "b": answer(recorder) | shout})


# --- records ---


@case(STREAMS)
def a_dict_of_streams(recorder: Recorder) -> AnyRunnable:
    return RunnableParallel(first=answer(recorder), second=answer(recorder))


@case(STREAMS, "shout")
def a_dict_of_a_stream_and_a_function(recorder: Recorder) -> AnyRunnable:
    return RunnableParallel(first=answer(recorder), second=answer(recorder) | shout)


@case(STREAMS)
def a_dict_of_functions_comes_key_by_key(recorder: Recorder) -> AnyRunnable:
    return RunnableParallel(first=lambda value: value, second=recorder.slowly)


@case(BLOCKS, "shout")
def a_dict_with_one_key(recorder: Recorder) -> AnyRunnable:
    return RunnableParallel(only=answer(recorder) | shout)


@case(BLOCKS, "shout")
def a_stream_into_a_dict_of_functions(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | {"first": RunnableLambda(shout), "second": RunnableLambda(shout, ashout)}


@case(STREAMS)
def a_stream_into_a_dict(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | {"text": RunnablePassthrough(), "loud": UPPER}


@case(BLOCKS, "shout")
def the_key_that_blocks_is_picked(recorder: Recorder) -> AnyRunnable:
    return RunnableParallel(first=answer(recorder), second=answer(recorder) | shout).pick("second")


@case(STREAMS)
def the_key_that_streams_is_picked(recorder: Recorder) -> AnyRunnable:
    return RunnableParallel(first=answer(recorder), second=answer(recorder) | shout).pick(["first"])


@case(STREAMS)
def retrieval(recorder: Recorder) -> AnyRunnable:
    context = itemgetter("topic") | Search() | (lambda documents: documents[0].page_content)
    return {"topic": context} | PROMPT | streaming(recorder) | StrOutputParser()


@case(STREAMS)
def an_assigned_answer(recorder: Recorder) -> AnyRunnable:
    return RunnablePassthrough.assign(answer=answer(recorder))


@case(STREAMS)
def an_assigned_function_comes_after_the_rest(recorder: Recorder) -> AnyRunnable:
    return RunnablePassthrough.assign(length=recorder.slowly)


@case(STREAMS, "RunnableAssign")
def an_assigned_transform_is_withheld(recorder: Recorder) -> AnyRunnable:
    return RunnableParallel(text=answer(recorder)) | RunnablePassthrough.assign(loud=RunnablePick("text") | UPPER)


@case(BLOCKS, "RunnableAssign")
def a_replaced_key_is_withheld(recorder: Recorder) -> AnyRunnable:
    return RunnableParallel(text=answer(recorder)) | RunnablePassthrough.assign(text=RunnablePick("text") | UPPER)


@case(STREAMS)
def the_mend_of_an_assign(recorder: Recorder) -> AnyRunnable:
    text = RunnablePick("text")
    return RunnableParallel(text=answer(recorder)) | {"loud": text | UPPER}


@case(STREAMS)
def a_passthrough_with_a_function(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | RunnablePassthrough(print)


# --- what stands around a step ---


@case(STREAMS)
def a_retry_in_mid_chain(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | UPPER.with_retry(stop_after_attempt=2)


@case(STREAMS)
def a_retried_model(recorder: Recorder) -> AnyRunnable:
    return PROMPT | streaming(recorder).with_retry() | StrOutputParser()


@case(STREAMS)
def a_model_with_fallbacks(recorder: Recorder) -> AnyRunnable:
    model = streaming(recorder).with_fallbacks([streaming(recorder)])
    return PROMPT | model | StrOutputParser()


@case(BLOCKS, "RunnableGenerator.with_fallbacks")
def fallbacks_in_mid_chain(recorder: Recorder) -> AnyRunnable:
    loud = RunnableGenerator(upper, aupper, name="RunnableGenerator")
    return answer(recorder) | loud.with_fallbacks([RunnableLambda(shout)])


@case(BLOCKS, "RunnableGenerator.with_fallbacks")
def fallbacks_of_transforms_in_mid_chain(recorder: Recorder) -> AnyRunnable:
    loud = RunnableGenerator(upper, aupper, name="RunnableGenerator")
    return answer(recorder) | loud.with_fallbacks([RunnablePassthrough()])


@case(STREAMS)
def a_plain_generator_with_a_fallback_for_astream(recorder: Recorder) -> AnyRunnable:
    @chain
    def told(value: Mapping[str, str]) -> Iterator[str]:
        for piece in "abc":
            recorder.made()
            yield piece

    return told.with_fallbacks([answer(recorder)])


@case(STREAMS)
def bound_and_configured(recorder: Recorder) -> AnyRunnable:
    model = streaming(recorder).bind(stop=["x"]).with_config(tags=["a"])
    return (PROMPT | model | StrOutputParser()).with_config(run_name="told").with_types(output_type=str)


@case(BLOCKS, "RunnableEach", inputs=([{"topic": "a"}, {"topic": "b"}],))
def every_item_of_a_list(recorder: Recorder) -> AnyRunnable:
    return answer(recorder).map()


@case(BLOCKS, "RunnableEach")
def a_map_in_mid_chain(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | CommaSeparatedListOutputParser() | RunnableLambda(shout).map()


@case(STREAMS, inputs=([{"topic": "a"}, {"topic": "b"}],))
def the_mend_of_a_map(recorder: Recorder) -> AnyRunnable:
    inner = answer(recorder)

    def results(items: list[Any]) -> Iterator[str]:
        for item in items:
            yield inner.invoke(item)

    async def aresults(items: list[Any]) -> AsyncIterator[str]:
        for item in items:
            yield await inner.ainvoke(item)

    return RunnableLambda(results, aresults)


@case(BLOCKS, "list", "RunnableEach")
def a_map_of_a_tool(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | RunnableLambda(list) | lookup.map()


@case(STREAMS)
def an_alternative_that_streams_is_the_default(recorder: Recorder) -> AnyRunnable:
    return _alternatives(recorder)


@case(BLOCKS, "ChatModel")
def an_alternative_that_does_not_stream_is_chosen(recorder: Recorder) -> AnyRunnable:
    return _alternatives(recorder).with_config(configurable={"model": "whole"})


def _alternatives(recorder: Recorder) -> AnyRunnable:
    model = streaming(recorder).configurable_alternatives(
        ConfigurableField(id="model"), default_key="streaming", whole=ChatModel(recorder=recorder)
    )
    return PROMPT | model | StrOutputParser()


@case(STREAMS)
def configurable_fields(recorder: Recorder) -> AnyRunnable:
    parser = StrOutputParser().configurable_fields(name=ConfigurableField(id="name"))
    return PROMPT | streaming(recorder) | parser


# --- what gives documents, results, and classes of the user's own ---


@case(BLOCKS, "Search")
def a_retriever_at_the_end(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | Search()


@case(BLOCKS, "lookup")
def a_tool_at_the_end(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | lookup


@case(RAISES, "alookup", asynchronous=BLOCKS)
def an_asynchronous_tool(recorder: Recorder) -> AnyRunnable:
    @tool
    async def alookup(text: str) -> str:
        """Look something up."""
        return text

    return answer(recorder) | alookup


@case(RAISES, "ais_long", asynchronous=STREAMS)
def a_branch_with_an_asynchronous_condition(recorder: Recorder) -> AnyRunnable:
    async def ais_long(value: object) -> bool:
        return True

    return RunnableBranch((ais_long, answer(recorder)), answer(recorder))


@case(BLOCKS, "PromptTemplate")
def a_prompt_at_the_end(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | PromptTemplate.from_template("{text}")


@case(BLOCKS, "Plain")
def a_class_that_only_knows_invoke(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | Plain()


@case(STREAMS)
def a_class_that_overrides_transform(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | Transforming()


@case(STREAMS)
def a_class_whose_stream_is_its_transform(recorder: Recorder) -> AnyRunnable:
    class Delegating(Transforming):
        def stream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[str]:
            yield from self.transform(iter([input]), config)

        def transform(self, input: Iterator[str], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[str]:
            for text in input:
                for letter in text:
                    recorder.made()
                    yield letter

        async def astream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[str]:
            for letter in input:
                recorder.made()
                yield letter

    return RunnableLambda(lambda value: value["topic"]) | RunnableBranch((bool, Delegating()), Delegating())


@case(STREAMS, "HalfTransforming", asynchronous=BLOCKS)
def a_class_that_overrides_half_of_it(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | HalfTransforming()


# --- functions that are generators ---


@case(STREAMS, "told", asynchronous=RAISES)
def a_generator_of_a_value(recorder: Recorder) -> AnyRunnable:
    def told(text: str) -> Iterator[str]:
        for letter in text:
            recorder.made()
            yield letter

    return answer(recorder) | RunnableLambda(told)


@case(RAISES, "told", asynchronous=STREAMS)
def an_asynchronous_generator_that_passes_a_stream_on(recorder: Recorder) -> AnyRunnable:
    inner = answer(recorder)

    @chain
    async def told(value: Mapping[str, str]) -> AsyncIterator[str]:
        async for chunk in inner.astream(value):
            yield chunk

    return told


@case(BLOCKS, "shout", "told", asynchronous=RAISES)
def a_generator_that_passes_a_whole_value_on(recorder: Recorder) -> AnyRunnable:
    inner = answer(recorder) | shout

    @chain
    def told(value: Mapping[str, str]) -> Iterator[str]:
        yield from inner.stream(value)

    return told


@case(STREAMS)
def a_generator_that_runs_a_chain_for_every_chunk(recorder: Recorder) -> AnyRunnable:
    inner = RunnableLambda(shout)

    def told(chunks: Iterator[str]) -> Iterator[str]:
        for chunk in chunks:
            yield from inner.stream(chunk)

    async def atold(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            async for piece in inner.astream(chunk):
                yield piece

    return answer(recorder) | RunnableGenerator(told, atold)


@case(BLOCKS, "told", asynchronous=RAISES)
def a_generator_that_yields_once(recorder: Recorder) -> AnyRunnable:
    def told(text: str) -> Iterator[str]:
        yield text.upper()

    return answer(recorder) | RunnableLambda(told)


@case(STREAMS, "words", asynchronous=RAISES)
def a_generator_that_cuts_a_whole_value(recorder: Recorder) -> AnyRunnable:
    def words(texts: Iterator[str]) -> Iterator[str]:
        for text in texts:
            for word in text:
                recorder.made()
                yield word

    return PROMPT | ChatModel(recorder=recorder) | StrOutputParser() | words


@case(BLOCKS, "lambda", asynchronous=BLOCKS)
def a_lambda_that_returns_a_generator_expression(recorder: Recorder) -> AnyRunnable:
    return answer(recorder) | (lambda text: (letter for letter in text))
