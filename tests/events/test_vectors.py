"""The event sequences of `vectors/events.json`, observed with LCEL, in our names.

Every run of a vector has to be there, with the same parents, tags and metadata, and with the same events in the same
order; and the stream events of all runs have to come in the order of the vector, so that each follows what caused it.
Starts and ends of different runs may interleave otherwise than LCEL's. Where graphflow is meant to differ,
`DIFFERENCES` says so and changes what is expected.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import graphflow as gf
from tests.events.hearing import Heard, check_sound, hear, hear_all
from tests.inventory.guide import chunks_of

Run = dict[str, Any]
Case = dict[str, Any]

CASES: dict[str, Case] = {
    case["name"]: case for case in json.loads((Path(__file__).parents[1] / "vectors/events.json").read_text())["cases"]
}

NAMES = {
    "FakeStream": "ScriptedChatModel",
    "JsonOutputParser": "json_parser",
    "StrOutputParser": "text",
    "ChatPromptTemplate": "prompt",
    "RunnableSequence": "sequence",
    "RunnableParallel<context,question>": "parallel",
    "RunnablePassthrough": "passthrough",
    "RunnableLambda": "fmt",
    "RunnableAssign<y>": "assign",
}


# --- the chains of the vectors ---------------------------------------------------------------------------------


@gf.aggregate
def reverse(text: str) -> str:
    return text[::-1]


@gf.aggregate
def reverse_word(word: str) -> str:
    return word[::-1]


@gf.aggregate
def same(value: Any) -> Any:
    return value


@gf.transform
async def names_s(chunks: AsyncIterator[Any]) -> AsyncIterator[str]:
    seen: set[str] = set()
    async for chunk in chunks:
        for country in chunk.get("countries", []):
            name = country.get("name")
            if name and name not in seen:
                seen.add(name)
                yield name


@gf.aggregate
def g12(text: str) -> Iterator[str]:
    yield "1"
    yield "2"


@gf.tool
async def correct_tool(word: str) -> str:
    """Reverse a word."""
    return await reverse_word.invoke(word)


@gf.aggregate
async def rad(word: str) -> str:
    return await reverse_word.invoke(word) * 2


@gf.tool
def failing(x: int) -> str:
    """Fail."""
    raise ValueError("Tool execution failed")


@gf.aggregate
def s1(value: str) -> str:
    return value


@gf.aggregate
def s2(value: str) -> str:
    raise ValueError("ERR")


@gf.aggregate
def foo(value: int) -> int:
    gf.emit("event1", {"x": value})
    gf.emit("event2", "foo")
    return value + 1


@gf.aggregate
async def bar(value: int) -> int:
    return await foo.invoke(value)


@gf.aggregate(tags=["t1"], metadata={"a": "b"})
def f(value: int) -> int:
    return value


@gf.aggregate
def fmt(docs: list[gf.Document]) -> str:
    return "; ".join(doc.text for doc in docs)


def search(query: str) -> list[gf.Document]:
    return [gf.Document("harrison likes spicy food"), gf.Document("harrison worked at kensho")]


def scripted(name: str) -> gf.ScriptedChatModel:
    """A model that says what the model of a vector said."""
    said = [
        event["data"]["chunk"]["content"] for event in CASES[name]["events"] if event["event"] == "on_chat_model_stream"
    ]
    return gf.ScriptedChatModel(said)


def retrying() -> gf.Chain[Any, Any]:
    """A function that awaits a chain which fails at first, and is run again."""
    calls = iter([ValueError("not yet"), None])

    @gf.aggregate
    def flaky(value: int) -> int:
        error = next(calls, None)
        if error is not None:
            raise error
        return value

    retried = flaky.with_retry(attempts=2, wait=0)

    @gf.aggregate
    async def outer(value: int) -> int:
        return await retried.invoke(value)

    return outer


def rag() -> gf.Chain[Any, Any]:
    fan = {"context": gf.Retriever(search, name="Docs") | fmt, "question": gf.passthrough()}
    return fan | gf.prompt("Answer from {context}: {question}") | scripted("rag_chain") | gf.text()


CHAINS: Mapping[str, Callable[[], gf.Chain[Any, Any]]] = {
    "lambda": lambda: reverse,
    "model": lambda: scripted("model"),
    "model_json": lambda: scripted("model_json") | gf.json_parser(),
    "filter_include_types": lambda: scripted("filter_include_types").with_config(name="model") | gf.json_parser(),
    "filter_tags_inherited": lambda: (scripted("filter_tags_inherited") | gf.json_parser()).with_config(
        tags=["my_chain"]
    ),
    "filter_include_two_kinds_is_OR": lambda: (
        same.with_config(name="1") | same.with_config(name="2", tags=["my_tag"]) | reverse.with_config(name="3")
    ),
    "generator_tail": lambda: scripted("generator_tail") | gf.json_parser() | names_s,
    "rag_chain": rag,
    "correct_tool": lambda: correct_tool,
    "chain_decorator": lambda: rad,
    "tool_error_no_id": lambda: failing,
    "exception_mid_chain": lambda: s1 | s2 | same,
    "custom_events_nested": lambda: bar,
    "generator": lambda: g12,
    "assign": lambda: gf.assign(y=gf.aggregate(lambda record: record["x"] + 1, name="f")),
    "metadata_and_tags_merge": lambda: f,
    "retry_inside_function": retrying,
}

#: What the caller of the verb said, which the vectors keep in words only.
SAID: Mapping[str, dict[str, Any]] = {"metadata_and_tags_merge": {"tags": ["t2"], "metadata": {"c": "d"}}}

NOT_HERE = {
    "map_each": "LCEL has no events for it: see below",
}


# --- where graphflow differs -----------------------------------------------------------------------------------


def change(runs: list[Run], name: str, action: str, **data: Any) -> None:
    """Change the data of the events of a run that is expected; None takes a key away."""
    for run in runs:
        if run["name"] == name:
            for event, found in run["events"]:
                if event.endswith(action):
                    found.update(data)
                    for key in [key for key, value in found.items() if value is None and key != "tool_call_id"]:
                        del found[key]


def whole_values_are_told_at_the_start(runs: list[Run]) -> None:
    """A start has the input that an aggregate gave, or that is the run's own, also where LCEL streams it."""
    for run in runs:
        start, end = run["events"][0][1], run["events"][-1][1]
        if run["name"] in ("1", "2", "3", "s1", "s2", "parallel", "passthrough", "fmt", "f") or (
            run["name"] == "sequence" and len(run["parents"]) == 2
        ):
            start["input"] = end.get("input", "X")


def an_event_has_its_own_input(runs: list[Run]) -> None:
    """B29: with a filter, LCEL shows the root's input in the first start, and takes it from that run's end."""
    messages = {"messages": [[{"__msg__": "HumanMessage", "content": "q"}]]}
    change(runs, "model", "start", input=messages)
    change(runs, "model", "end", input=messages)
    change(runs, "2", "end", input="hello")


def errors_are_told_of_every_kind(runs: list[Run]) -> None:
    """B31: LCEL has no error events but for tools, and leaves starts without an end."""
    error = {"__exc__": "ValueError", "str": "ERR"}
    for run in runs:
        if run["name"] in ("s2", "sequence"):
            run["events"].append(("on_chain_error", {"error": error, "input": "X"}))


def what_fans_in_is_a_stream(runs: list[Run]) -> None:
    """The prompt after a fan starts with the first key that comes, so that its start does not know its input."""
    change(runs, "prompt", "start", input=None)


def prompts_give_messages(runs: list[Run]) -> None:
    """The output of a prompt is the list of messages, not a `ChatPromptValue`."""
    for run in runs:
        for _, data in run["events"]:
            if isinstance(data.get("output"), dict) and "__prompt__" in data["output"]:
                data["output"] = data["output"]["__prompt__"]


def stores_add_no_tags(runs: list[Run]) -> None:
    """A retriever has no tags of the classes behind it."""
    for run in runs:
        run["tags"] = [tag for tag in run["tags"] if tag not in ("DeterministicFakeEmbedding", "InMemoryVectorStore")]


def an_assign_is_one_run(runs: list[Run]) -> None:
    """LCEL shows the parallel inside an assign as a run of its own."""
    (inner,) = [run for run in runs if run["name"].startswith("RunnableParallel")]
    runs.remove(inner)
    for run in runs:
        run["parents"] = [parent for parent in run["parents"] if not parent.startswith("RunnableParallel")]


def a_failed_attempt_errs(runs: list[Run]) -> None:
    """B31: LCEL tells no end of an attempt that has failed."""
    (failed,) = [run for run in runs if len(run["events"]) == 1]
    failed["events"].append(("on_chain_error", {"error": {"__exc__": "ValueError", "str": "not yet"}, "input": 1}))


DIFFERENCES: Mapping[str, list[Callable[[list[Run]], None]]] = {
    "filter_include_types": [an_event_has_its_own_input],
    "filter_include_two_kinds_is_OR": [an_event_has_its_own_input, whole_values_are_told_at_the_start],
    "exception_mid_chain": [whole_values_are_told_at_the_start, errors_are_told_of_every_kind],
    "rag_chain": [
        whole_values_are_told_at_the_start,
        what_fans_in_is_a_stream,
        prompts_give_messages,
        stores_add_no_tags,
    ],
    "assign": [an_assign_is_one_run, whole_values_are_told_at_the_start],
    "retry_inside_function": [a_failed_attempt_errs],
}


# --- comparing -------------------------------------------------------------------------------------------------


def expected_runs(case: Case) -> list[Run]:
    """Return the runs of a vector, in our names."""
    names = {event["run"]: NAMES.get(event["name"], event["name"]) for event in case["events"]}
    runs: dict[int, Run] = {}
    for event in case["events"]:
        name = names[event["run"]]
        run = runs.setdefault(
            event["run"],
            {
                "name": name,
                "parents": [names.get(parent, "sequence") for parent in event["parents"]],
                "tags": event["tags"],
                "metadata": event["meta"],
                "events": [],
            },
        )
        run["events"].append((event["event"], _copied(event["data"])))
    if case["name"] == "custom_events_nested":  # the name of a custom event is not that of its run
        for number, name in ((0, "bar"), (1, "foo")):
            runs[number]["name"] = name
            runs[number]["parents"] = ["bar"][:number]
    found = list(runs.values())
    for differ in DIFFERENCES.get(case["name"], []):
        differ(found)
    return found


def _copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def heard_runs(heard: Heard, case: Case) -> list[Run]:
    """Return the runs that were heard, in the same form."""
    names = {event.run_id: event.name for event in heard.events if not isinstance(event, gf.CustomEvent)}
    runs: dict[str, Run] = {}
    for event in heard.events:
        run = runs.setdefault(
            event.run_id,
            {
                "name": names[event.run_id],
                "parents": [names.get(parent, "sequence") for parent in event.parent_ids],
                "tags": event.tags,
                "metadata": {
                    key: value for key, value in event.metadata.items() if key not in ("provider", "model_type")
                },
                "events": [],
            },
        )
        run["events"].append((event.event, plain(event.data)))
    return list(runs.values())


def plain(value: Any) -> Any:
    """Return data as the vectors write them."""
    match value:
        case gf.Message():
            return {"__msg__": type(value).__name__, "content": value.text}
        case gf.Document():
            return {"__doc__": value.text}
        case BaseException():
            return {"__exc__": type(value).__name__, "str": str(value)}
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value


def in_order(runs: list[Run]) -> list[str]:
    """Return runs in an order that does not depend on which of them was faster."""
    for run in runs:
        run["tags"] = sorted(run["tags"])
    return sorted(json.dumps(run, sort_keys=True) for run in runs)


#: Runs whose chunks come in the order of arrival, as between the keys of a fan they do.
RACING: Mapping[str, set[str]] = {
    "assign": {"assign", "RunnableParallel<y>", "f"},
    "rag_chain": {"parallel", "passthrough"},
}


def chunks_in_order(case: Case) -> list[tuple[str, Any]]:
    """Return the name and chunk of every stream event of a vector that has its place among those of other runs."""
    names = {event["run"]: NAMES.get(event["name"], event["name"]) for event in case["events"]}
    streamed = [event for event in case["events"] if event["event"].endswith("_stream")]
    found = [(names[event["run"]], event["data"]["chunk"]) for event in streamed]
    return [(name, chunk) for name, chunk in found if name not in RACING.get(case["name"], ())]


@pytest.mark.parametrize("name", CHAINS)
def test_vector(name: str) -> None:
    case = CASES[name]
    heard = hear(CHAINS[name](), case["input"], **case["options"], **SAID.get(name, {}))
    assert plain(heard.error) == case["raises"]
    check_sound(heard.events, filtered=bool(case["options"]))
    assert in_order(heard_runs(heard, case)) == in_order(expected_runs(case))
    streamed = [(event.name, plain(event.chunk)) for event in heard.events if isinstance(event, gf.StreamEvent)]
    racing = RACING.get(name, ())
    assert [chunk for chunk in streamed if chunk[0] not in racing] == chunks_in_order(case)


@pytest.mark.parametrize("name", [name for name in CHAINS if CASES[name]["raises"] is None])
def test_the_root_of_a_vector_tells_the_chunks_that_stream_gives(name: str) -> None:
    streamed = chunks_of(CHAINS[name](), CASES[name]["input"])
    events = hear(CHAINS[name](), CASES[name]["input"]).events
    if events[0].kind == "tool":  # which has no stream events
        assert streamed == [events[-1].output]
    else:
        of_root = [event for event in events if event.run_id == events[0].run_id]
        assert plain([event.chunk for event in of_root if isinstance(event, gf.StreamEvent)]) == plain(streamed)


@pytest.mark.parametrize("name", [name for name in CHAINS if CASES[name]["options"]])
def test_the_events_of_a_filtered_vector_are_among_those_of_all(name: str) -> None:
    def told(heard: Heard) -> list[str]:
        return [repr((event.event, event.name, event.tags, plain(event.data))) for event in heard.events]

    case = CASES[name]
    everything = iter(told(hear(CHAINS[name](), case["input"])))
    assert all(event in everything for event in told(hear(CHAINS[name](), case["input"], **case["options"])))


def test_an_each_has_events_where_lcel_has_none() -> None:
    """B35: all that the vector has is an error which says that there are none."""
    assert CASES["map_each"]["raises"]["__exc__"] == "NotImplementedError"
    heard = hear_all(gf.each(f), CASES["map_each"]["input"])
    assert heard.names == ["each", "f", "f"]
    assert heard.chunks("f") == [1, 2]
    assert heard.chunks("each") == [[1], [2]]
    assert heard.end("each").data == {"output": [1, 2]}


def test_every_vector_is_compared_or_says_why_not() -> None:
    assert CHAINS.keys() | NOT_HERE.keys() == CASES.keys()
    assert not CHAINS.keys() & NOT_HERE.keys()
    assert DIFFERENCES.keys() | SAID.keys() <= CHAINS.keys()


def test_the_dict_of_every_event_has_the_seven_keys_of_the_vectors() -> None:
    seven = {"event", "name", "run_id", "parent_ids", "tags", "metadata", "data"}
    for name, make in CHAINS.items():
        for event in hear(make(), CASES[name]["input"]).events:
            assert set(event.to_dict()) == seven
