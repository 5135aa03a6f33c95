"""The models behind HTTP services, by the real SDKs, against a server that behaves as they do, and worse."""

from __future__ import annotations

import copy
import email.utils
import gc
import logging
import pickle
import threading
import traceback
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import trio

import graphflow as gf
from graphflow.components.messages import ReasoningBlock
from graphflow.providers.wire import _kind, _retry_after, _status_of_event
from tests.providers.conftest import KEY, Loopback
from tests.providers.server import TEXT, begun

pytest.importorskip("openai", reason="the extra `openai` is not installed")
pytest.importorskip("anthropic", reason="the extra `anthropic` is not installed")

Make = Callable[..., gf.ChatModel]

#: The first chunks of an answer: the empty one, and two of text.
BEGUN: Final = ["", *TEXT[:2]]


@pytest.fixture(params=["openai", "anthropic"])
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def make(provider: str, loopback: Loopback) -> Make:
    """Return what makes a model whose server behaves as asked."""

    def model(behaviour: str, **options: Any) -> gf.ChatModel:
        address = loopback.address(behaviour)
        options = {"api_key": KEY, "timeout": 20.0, **options}
        made: gf.ChatModel = (
            gf.OpenAIChatModel("test-model", base_url=f"{address}/v1", **options)
            if provider == "openai"
            else gf.AnthropicChatModel("test-model", base_url=address, **options)
        )
        return made

    return model


def _address(model: gf.ChatModel) -> str:
    base: str = vars(model)["_base_url"]
    return base.removesuffix("/v1")


async def chunks_of(model: gf.ChatModel, value: Any = "hello") -> list[gf.AIMessageChunk]:
    async with model.stream(value) as chunks:
        return [chunk async for chunk in chunks]


def texts(chunks: list[gf.AIMessageChunk]) -> list[str]:
    return [chunk.text for chunk in chunks]


# --- what comes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", ["normal", "split", "joined", "alive"])
def test_an_answer_arrives_chunk_by_chunk_however_its_bytes_are_cut(make: Make, behaviour: str) -> None:
    chunks = trio.run(chunks_of, make(behaviour))
    assert [text for text in texts(chunks) if text] == TEXT


def test_chunks_add_up_to_one_message_with_one_id_and_the_usage_once(make: Make, provider: str) -> None:
    async def main() -> tuple[list[gf.AIMessageChunk], list[gf.Event]]:
        model = make("normal")
        chunks = await chunks_of(model)
        async with make("normal").events("hello") as events:
            return chunks, [event async for event in events]

    chunks, events = trio.run(main)
    assert chunks[0].text == chunks[-1].text == ""
    assert chunks[0].response_metadata["model_name"] == "test-model-1"
    assert chunks[0].response_metadata["request_id"] == "req_1"
    assert len({chunk.id for chunk in chunks}) == 1
    ended = events[-1]
    assert isinstance(ended, gf.EndEvent)
    message = ended.output
    assert message.id == f"run--{ended.run_id}"
    assert (message.usage.input_tokens, message.usage.output_tokens, message.usage.total_tokens) == (8, 40, 48)
    reason = "finish_reason" if provider == "openai" else "stop_reason"
    assert message.response_metadata[reason] == ("stop" if provider == "openai" else "end_turn")


def test_events_say_whose_model_it_is_and_how_it_was_asked(make: Make, provider: str) -> None:
    async def main() -> gf.Event:
        async with make("normal", max_tokens=99).bind(temperature=0.5).events("hello") as events:
            return await anext(events)

    metadata = trio.run(main).metadata
    expected = {
        "provider": provider,
        "model_name": "test-model",
        "model_type": "chat",
        "temperature": 0.5,
        "max_tokens": 99,
    }
    assert {name: metadata[name] for name in expected} == expected


def test_pieces_of_tool_calls_are_joined_and_a_call_without_arguments_is_whole(make: Make) -> None:
    message = trio.run(make("calls").invoke, "hello")
    assert message.to_message().tool_calls == (
        gf.ToolCall("call_1", "forecast", {"city": "Paris"}),
        gf.ToolCall("call_2", "now", {}),
    )


def test_a_call_that_was_cut_off_never_becomes_one(make: Make) -> None:
    message = trio.run(make("long_calls").invoke, "hello")
    with pytest.raises(gf.GraphflowError, match=r"`now` .* is not complete"):
        message.to_message()


def test_reasoning_comes_as_blocks_of_its_own(make: Make, provider: str) -> None:
    message = trio.run(make("thinking").invoke, "hello").to_message()
    assert message.text == "Yes."
    signature = None if provider == "openai" else "c2VhbA=="
    assert message.content[0] == ReasoningBlock("Let me think.", signature)


def test_runs_side_by_side_have_connections_of_their_own(make: Make, loopback: Loopback) -> None:
    model = make("normal")

    async def main() -> list[gf.AIMessageChunk]:
        return await model.batch(["hello"] * 10, max_concurrency=10)

    assert {message.text for message in trio.run(main)} == {"".join(TEXT)}
    assert len(loopback.all_seen(_address(model), of=10)) == 10


def test_synchronous_code_and_other_event_loops_can_use_the_same_model(make: Make) -> None:
    model = make("normal")
    assert model.sync.invoke("hello").text == "".join(TEXT)
    assert trio.run(model.invoke, "hello").text == "".join(TEXT)
    with model.sync.stream("hello") as chunks:
        assert texts(list(chunks))[:3] == BEGUN


# --- what goes wrong ---------------------------------------------------------------------------------------


async def failing(model: gf.ChatModel) -> tuple[list[str], gf.ProviderError]:
    """Return the texts that came before the error, and the error."""
    received = []
    try:
        async with model.stream("hello") as chunks:
            async for chunk in chunks:
                received.append(chunk.text)
    except gf.ProviderError as error:
        return received, error
    raise AssertionError("there was no error")


@pytest.mark.parametrize(
    ("behaviour", "kind", "says"),
    [
        ("error", gf.ProviderServerError, "The engine is on fire"),
        ("cut", gf.ProviderConnectionError, "cut in mid-response"),
        ("reset", gf.ProviderConnectionError, "cut in mid-response"),
        ("short", gf.ProviderConnectionError, "before the response was complete"),
        ("malformed", gf.ProviderResponseError, "an event is malformed"),
        ("binary", gf.ProviderResponseError, "an event is malformed"),
        ("nonsense", gf.ProviderResponseError, "an event is not what was expected"),
    ],
)
def test_what_breaks_a_stream_arrives_as_a_typed_error_after_what_came_before(
    make: Make, provider: str, behaviour: str, kind: type[gf.ProviderError], says: str
) -> None:
    received, error = trio.run(failing, make(behaviour))
    assert received == BEGUN
    assert type(error) is kind
    assert says in str(error)
    assert (error.provider, error.model, error.status, error.request_id) == (provider, "test-model", 200, "req_1")


@pytest.mark.parametrize(
    ("behaviour", "kind", "says"),
    [
        ("200", gf.ProviderResponseError, "the answer is application/json, not a stream of events"),
        ("400", gf.BadRequestError, "at least one is required"),
        ("401", gf.AuthenticationError, "Incorrect API key provided: ***."),
        ("404", gf.BadRequestError, "there is no such model"),
        ("429", gf.RateLimitError, "retry after 7 s"),
        ("500", gf.ProviderServerError, "The engine is on fire"),
        ("529", gf.ProviderServerError, "too busy"),
    ],
)
def test_a_refusal_arrives_as_a_typed_error_with_status_and_request_id(
    make: Make, behaviour: str, kind: type[gf.ProviderError], says: str
) -> None:
    received, error = trio.run(failing, make(behaviour))
    assert received == []
    assert type(error) is kind
    assert says in str(error)
    assert (error.status, error.request_id) == (int(behaviour), "req_1")
    assert not isinstance(error, gf.RateLimitError) or error.retry_after == 7.0


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"type": "rate_limit_error"}}, gf.RateLimitError),
        ({"error": {"type": "overloaded_error"}}, gf.ProviderServerError),
        ({"error": {"code": "rate_limit_exceeded"}}, gf.RateLimitError),
        ({"error": {"code": 400}}, gf.BadRequestError),
        ({"error": {"type": "authentication_error"}}, gf.AuthenticationError),
        ({"error": "something"}, gf.ProviderServerError),
    ],
)
def test_the_kind_of_an_error_in_mid_stream_is_what_the_event_says(
    body: dict[str, Any], kind: type[gf.ProviderError]
) -> None:
    assert _kind(_status_of_event(body)) is kind


def test_the_time_to_wait_is_read_in_all_its_forms() -> None:
    soon = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=90))
    assert _retry_after({"retry-after": "2.5"}) == 2.5
    assert _retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert 30 < (_retry_after({"retry-after": soon}) or 0) <= 90
    assert _retry_after({"retry-after": "soon"}) is None
    assert _retry_after({}) is None


def test_a_stall_is_a_time_out_and_closes_the_connection(make: Make, loopback: Loopback) -> None:
    model = make("stall", timeout=0.5)
    received, error = trio.run(failing, model)
    assert received == BEGUN
    assert type(error) is gf.ProviderTimeoutError
    assert "nothing came for 0.5 s" in str(error)
    assert loopback.seen(_address(model))["left"]


def test_a_server_that_never_answers_is_a_time_out(make: Make) -> None:
    received, error = trio.run(failing, make("silent", timeout=0.3))
    assert (received, type(error), error.status) == ([], gf.ProviderTimeoutError, None)


def test_a_server_that_is_not_there_is_a_connection_error(provider: str) -> None:
    model = (gf.OpenAIChatModel if provider == "openai" else gf.AnthropicChatModel)(
        "test-model", base_url="http://127.0.0.1:1", api_key=KEY
    )
    _, error = trio.run(failing, model)
    assert type(error) is gf.ProviderConnectionError
    assert error.status is None


def test_without_a_key_the_error_names_the_variable(provider: str) -> None:
    model = (gf.OpenAIChatModel if provider == "openai" else gf.AnthropicChatModel)("test-model")
    _, error = trio.run(failing, model)
    assert type(error) is gf.AuthenticationError
    assert f"{provider.upper()}_API_KEY" in str(error)


def test_errors_can_be_copied_and_pickled(make: Make) -> None:
    _, error = trio.run(failing, make("429"))
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)


def test_an_option_that_the_request_does_not_have_is_refused_at_once(make: Make) -> None:
    with pytest.raises(gf.CompileError, match="`temprature`"):
        make("normal").bind(temprature=0.5)


# --- leaving -----------------------------------------------------------------------------------------------


async def leave_by_break(model: gf.ChatModel) -> None:
    async with model.stream("hello") as chunks:
        received = 0
        async for _ in chunks:
            received += 1
            if received == len(BEGUN):
                break


async def leave_by_error(model: gf.ChatModel) -> None:
    with suppress(ZeroDivisionError):
        async with model.stream("hello") as chunks:
            await anext(chunks)
            raise ZeroDivisionError


async def leave_by_cancelling_while_a_chunk_is_awaited(model: gf.ChatModel) -> None:
    with trio.CancelScope() as scope:
        async with model.stream("hello") as chunks:
            for _ in BEGUN:
                await anext(chunks)
            scope.deadline = trio.current_time() + 0.05
            await anext(chunks)
    assert scope.cancelled_caught


async def leave_by_a_failing_sibling(model: gf.ChatModel) -> None:
    begun = trio.Event()

    async def fail(_: object) -> str:
        await begun.wait()
        raise ZeroDivisionError

    async def tell(chunks: AsyncIterator[gf.AIMessageChunk]) -> AsyncIterator[str]:
        async for chunk in chunks:
            begun.set()
            yield chunk.text

    chain = gf.parallel(answer=model | gf.transform(tell), other=fail)
    with pytest.raises(ZeroDivisionError):
        await chain.invoke("hello")


async def leave_events(model: gf.ChatModel) -> None:
    async with model.events("hello") as events:
        async for event in events:
            if isinstance(event, gf.StreamEvent):
                break


@pytest.mark.parametrize(
    "leave",
    [
        leave_by_break,
        leave_by_error,
        leave_by_cancelling_while_a_chunk_is_awaited,
        leave_by_a_failing_sibling,
        leave_events,
    ],
)
def test_leaving_a_run_closes_the_connection_before_the_server_sends_another_event(
    make: Make, provider: str, loopback: Loopback, leave: Callable[[gf.ChatModel], Any]
) -> None:
    model = make("slow")
    trio.run(leave, model)
    seen = loopback.seen(_address(model))
    assert seen["left"]
    assert seen["sent"] == len(begun(provider == "openai"))


def test_a_server_that_is_faster_than_its_reader_waits_and_is_left_like_any_other(
    make: Make, loopback: Loopback
) -> None:
    model = make("fast")

    async def main() -> None:
        async with model.stream("hello") as chunks:
            for _ in range(5):
                await anext(chunks)
            await trio.sleep(0.1)

    trio.run(main)
    seen = loopback.seen(_address(model))
    assert seen["left"]
    assert seen["sent"] < 200_000  # what the buffers of the sockets hold, of half a million


def test_leaving_a_synchronous_stream_closes_the_connection(make: Make, loopback: Loopback) -> None:
    model = make("slow")
    with model.sync.stream("hello") as chunks:
        next(chunks)
    assert loopback.seen(_address(model))["left"]


def test_nothing_is_left_of_a_run(make: Make) -> None:
    async def main() -> None:
        before = trio.lowlevel.current_statistics()
        for behaviour in ("normal", "error", "malformed", "401"):
            with suppress(gf.ProviderError):
                await make(behaviour).invoke("hello")
        await leave_by_break(make("slow"))
        assert trio.lowlevel.current_statistics().tasks_living == before.tasks_living

    threads = threading.active_count()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as of generators and sockets that the garbage collector finds
        trio.run(main)
        gc.collect()
    assert threading.active_count() <= threads


# --- keys --------------------------------------------------------------------------------------------------


def test_no_key_is_shown_anywhere(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    model = make("normal", headers={"x-secret": "another-0123456789"})
    refused = make("401", headers={"x-secret": "another-0123456789"})
    shown: list[str] = [repr(model), repr(vars(model)), str(gf.compile(model)), repr(model.options)]

    async def main() -> None:
        async with model.events("hello") as events:
            shown.extend([repr(event.to_dict()) async for event in events])
        with suppress(gf.ProviderError):
            async with refused.events("hello") as events:
                shown.extend([repr(event) + repr(event.to_dict()) async for event in events])
        _, error = await failing(refused)
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown.extend([repr(error), str(error), repr(error.args), repr(vars(error)), *told.format()])
        assert error.__cause__ is None
        assert error.__context__ is None

    with caplog.at_level(logging.DEBUG):
        trio.run(main)
    shown.append(caplog.text)
    text = "\n".join(shown)
    assert "req_1" in text
    assert KEY not in text
    assert "another-0123456789" not in text


def test_the_key_comes_from_the_caller_or_the_environment(
    make: Make, provider: str, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", "sk-environment")
    for given, expected in ((KEY, KEY), (None, "sk-environment")):
        model = make("normal", api_key=given)
        trio.run(model.invoke, "hello")
        assert loopback.seen(_address(model))["headers"]["authorization"] == f"Bearer {expected}"
