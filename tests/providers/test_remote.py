"""The models behind HTTP services, by the real SDKs, against a server that behaves as they do, and worse."""

from __future__ import annotations

import base64
import contextlib
import copy
import email.utils
import gc
import logging
import math
import pickle
import socket
import threading
import traceback
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import trio
import trio.testing

import graphflow as gf
from graphflow.components.messages import ReasoningBlock
from graphflow.providers.anthropic import messages_for_anthropic
from graphflow.providers.wire import _kind, _retry_after, _status_of_event
from tests.providers.conftest import KEY, Loopback
from tests.providers.server import FLOOD, FLOODS, TEXT, begun

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


def test_thinking_that_is_not_shown_is_kept_and_sent_back_as_it_was(loopback: Loopback) -> None:
    model = gf.AnthropicChatModel("test-model", base_url=loopback.address("redacted"), api_key=KEY)
    message = trio.run(model.invoke, "hello").to_message()
    assert message.text == "Yes."
    thoughts = [block for block in message.content if isinstance(block, gf.ReasoningBlock)]
    assert [thought.text for thought in thoughts] == ["", "Let me think."]
    _, (turn,) = messages_for_anthropic([message])
    assert turn["content"] == [
        {"type": "redacted_thinking", "data": "b3BhcXVl"},
        {"type": "thinking", "thinking": "Let me think.", "signature": "c2VhbA=="},
        {"type": "text", "text": "Yes."},
    ]


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


@pytest.mark.parametrize("flood", list(FLOODS))
def test_of_a_refusal_that_is_far_too_long_only_the_beginning_is_read(
    make: Make, loopback: Loopback, flood: str
) -> None:
    model = make(flood, max_retries=1)
    _, error = trio.run(failing, model)
    assert type(error) is gf.AuthenticationError
    assert (error.status, error.request_id) == (401, "req_1")
    assert "not!not!" in str(error)
    assert "... (the first 2,000 of 1,048,576 characters that came)" in str(error)
    assert len(str(error)) < 2_200
    if flood != "gzip-flood":  # encoded, all of it fits into the first packets
        seen = loopback.seen(_address(model))
        assert seen["left"]
        assert seen["sent"] < FLOOD // 2


def test_an_error_in_mid_stream_that_is_far_too_long_is_shortened(make: Make) -> None:
    received, error = trio.run(failing, make("wordy"))
    assert received == BEGUN
    assert "fire!... (the first 2,000 of 5,000,000 characters that came)" in str(error)
    assert len(str(error)) < 2_200


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


def test_what_was_refused_may_be_asked_again_before_the_answer_begins(make: Make, loopback: Loopback) -> None:
    received, error = trio.run(failing, make("busy"))
    assert (received, type(error), error.status) == ([], gf.RateLimitError, 429)
    assert isinstance(error, gf.RateLimitError)
    assert error.retry_after == 0.02
    model = make("busy", max_retries=1)
    assert trio.run(model.invoke, "hello").text == "".join(TEXT)
    assert len(loopback.all_seen(_address(model), of=2)) == 2


def test_what_has_begun_is_never_asked_again(make: Make, loopback: Loopback) -> None:
    model = make("cut", max_retries=3)
    received, _ = trio.run(failing, model)
    assert received == BEGUN
    assert len(loopback.all_seen(_address(model))) == 1


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


async def pass_time(clock: trio.testing.MockClock, seconds: float) -> None:
    """Let time pass while all others wait."""
    await trio.testing.wait_all_tasks_blocked(0.01)
    clock.jump(seconds)


def test_an_answer_that_is_not_complete_in_time_is_a_time_out_although_something_still_comes(
    make: Make, loopback: Loopback
) -> None:
    model = make("drip", timeout=20.0, total_timeout=0.5)
    received, error = trio.run(failing, model)
    assert received == BEGUN
    assert type(error) is gf.ProviderTimeoutError
    assert "the answer was not complete after 0.5 s" in str(error)
    assert (error.status, error.request_id) == (200, "req_1")
    assert loopback.seen(_address(model))["left"]


@pytest.mark.parametrize("behaviour", ["silent", "429"])
def test_waiting_for_the_answer_to_begin_counts_and_so_do_the_pauses_between_retries(
    make: Make, behaviour: str
) -> None:
    clock = trio.testing.MockClock(rate=1.0)

    async def main() -> tuple[list[str], gf.ProviderError]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pass_time, clock, 101)
            return await failing(make(behaviour, timeout=1000.0, total_timeout=100.0, max_retries=20))

    received, error = trio.run(main, clock=clock)
    assert (received, type(error), error.status) == ([], gf.ProviderTimeoutError, None)
    assert "not complete after 100 s" in str(error)


def test_what_the_reader_takes_does_not_count(make: Make) -> None:
    clock = trio.testing.MockClock(rate=1.0)

    async def main() -> list[str]:
        received = []
        async with make("paced", timeout=1000.0, total_timeout=100.0).stream("hello") as chunks:
            async for chunk in chunks:
                received.append(chunk.text)
                clock.jump(60)
        return received

    assert [text for text in trio.run(main, clock=clock) if text] == TEXT


def test_a_server_that_takes_no_connection_is_a_time_out_of_connecting(provider: str) -> None:
    clock = trio.testing.MockClock(rate=1.0)

    async def main(port: int) -> tuple[list[str], gf.ProviderError]:
        address = f"http://127.0.0.1:{port}"
        model = (gf.OpenAIChatModel if provider == "openai" else gf.AnthropicChatModel)(
            "test-model", base_url=address, api_key=KEY, timeout=1000.0, connect_timeout=100.0
        )
        async with trio.open_nursery() as nursery:

            async def pass_again_and_again() -> None:
                while True:  # a thread may still be at work before the client begins to wait for the connection
                    await pass_time(clock, 101)

            nursery.start_soon(pass_again_and_again)
            outcome = await failing(model)
            nursery.cancel_scope.cancel()
            return outcome

    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)  # who is not accepted stands in a queue, and when that is full the kernel answers nobody
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        _, error = trio.run(main, listener.getsockname()[1], clock=clock)
    assert type(error) is gf.ProviderTimeoutError
    assert error.status is None
    assert "there was no connection within 100 s" in str(error)


@pytest.mark.parametrize("option", ["timeout", "connect_timeout", "total_timeout"])
@pytest.mark.parametrize("seconds", [0, -1.0, math.nan])
def test_a_time_out_is_above_nothing(make: Make, option: str, seconds: float) -> None:
    with pytest.raises(ValueError, match=f"^{option} is a number of seconds above 0, or None for no limit, not"):
        make("normal", **{option: seconds})


def test_a_model_may_wait_for_ever(make: Make) -> None:
    model = make("normal", timeout=None, connect_timeout=None, total_timeout=None)
    assert trio.run(model.invoke, "hello").text == "".join(TEXT)


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
    with pytest.raises(gf.CompileError, match="`timeout`"):
        make("normal").bind(timeout=1.0)


@pytest.mark.parametrize("tools", [len, [len], "forecast", [("name", "forecast")], iter(())])
def test_what_is_no_list_of_tools_is_refused_at_once(make: Make, tools: Any) -> None:
    with pytest.raises(TypeError, match=r"tools= takes a list of what gf\.tool makes, or of dicts"):
        make("normal").bind(tools=tools)


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

HEADER: Final = "another-0123456789"
PASSWORD: Final = "pass-0123456789"
LOGIN: Final = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()

#: How a model fails, or does not: every way by which an error comes to be.
FATES: Final = [
    "normal",
    "401",
    "429",
    "500",
    "200",
    "401-echo",
    "200-echo",
    "error",
    "cut",
    "malformed",
    "nonsense",
    "stall",
]


@pytest.fixture(params=["given", "environment", "given login", "login of the environment"])
def secretive(
    request: pytest.FixtureRequest, provider: str, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], gf.ChatModel]:
    """Return what makes a model with secrets, which the caller gives or the environment has.

    With a login in its address, that is sent instead of the key.
    """

    def model(behaviour: str) -> gf.ChatModel:
        address = loopback.address(behaviour) + ("/v1" if provider == "openai" else "")
        if "login" in request.param:
            address = address.replace("http://", f"http://ada:{PASSWORD}@")
        options: dict[str, Any] = {"timeout": 0.5 if behaviour == "stall" else 20.0, "headers": {"x-secret": HEADER}}
        if "given" in request.param:
            options |= {"api_key": KEY, "base_url": address}
        else:
            monkeypatch.setenv(f"{provider.upper()}_API_KEY", KEY)
            monkeypatch.setenv(f"{provider.upper()}_BASE_URL", address)
        made: gf.ChatModel = (gf.OpenAIChatModel if provider == "openai" else gf.AnthropicChatModel)(
            "test-model", **options
        )
        return made

    return model


def check_secrets(shown: str) -> None:
    """Check that nothing of what must not be shown is there, and that there is something at all."""
    assert shown
    for secret in (KEY, HEADER, PASSWORD, LOGIN):
        assert secret not in shown


def test_no_secret_is_in_what_a_model_and_its_plan_look_like(secretive: Callable[[str], gf.ChatModel]) -> None:
    model = secretive("normal").bind(temperature=0.5)
    plan = gf.compile(gf.prompt("{x}") | model | gf.text()).plan
    shown = [repr(model), repr(vars(model)), repr(model.options), repr(plan), *map(repr, plan.nodes)]
    shown += [plan.explain(format) for format in ("text", "mermaid", "dot", "json")]
    check_secrets("\n".join(shown))


@pytest.mark.parametrize("fate", FATES)
def test_no_secret_is_in_events(secretive: Callable[[str], gf.ChatModel], fate: str) -> None:
    async def main() -> list[str]:
        shown: list[str] = []
        with suppress(gf.ProviderError):
            async with (secretive(fate) | gf.text()).events("hello") as events:
                async for event in events:
                    shown += [repr(event), repr(event.to_dict()), str(event.error)]
        return shown

    shown = "\n".join(trio.run(main))
    check_secrets(shown)
    assert "on_chat_model_start" in shown
    assert ("on_chat_model_error" in shown) == (fate != "normal")


@pytest.mark.parametrize("fate", FATES[1:])
def test_no_secret_is_in_errors_and_in_tracebacks_with_all_that_they_can_show(
    secretive: Callable[[str], gf.ChatModel], fate: str
) -> None:
    async def main() -> gf.ProviderError:
        return (await failing(secretive(fate)))[1]

    error = trio.run(main)
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = [repr(error), str(error), repr(error.args), repr(vars(error)), *told.format()]
    check_secrets("\n".join(shown))
    assert "generate" in "".join(shown), "the frames of the model are not there"
    assert error.__cause__ is None
    assert error.__context__ is None


# What a server puts into its headers is logged by the HTTP client itself.
@pytest.mark.parametrize("fate", [fate for fate in FATES if not fate.endswith("echo")])
def test_no_secret_is_logged_however_much_is(
    secretive: Callable[[str], gf.ChatModel], fate: str, caplog: pytest.LogCaptureFixture
) -> None:
    known = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    with contextlib.ExitStack() as stack:
        for logger in (logging.getLogger(), *known):
            stack.enter_context(caplog.at_level(logging.DEBUG, logger.name))
        with suppress(gf.ProviderError):
            trio.run(secretive(fate).invoke, "hello")
    check_secrets(caplog.text + repr([vars(record) for record in caplog.records]))
    assert "POST" in caplog.text


def test_what_a_server_says_of_a_short_header_is_not_shown_and_a_shorter_one_is_no_secret(make: Make) -> None:
    _, error = trio.run(failing, make("401", headers={"x-secret": "pa55"}))
    assert "Incorrect API key provided: ******." in str(error)
    _, error = trio.run(failing, make("401", headers={"x-secret": "pro"}))
    assert "Incorrect API key provided: ***pro." in str(error)


def test_the_id_of_a_request_is_shown_without_the_secrets_that_the_server_puts_into_it(make: Make) -> None:
    _, error = trio.run(failing, make("401-echo"))
    assert error.request_id == "req_1***"
    _, error = trio.run(failing, make("200-echo"))
    assert "the answer is application/json; from=***, not a stream of events" in str(error)
    message = trio.run(make("echo", headers={"x-secret": HEADER}).invoke, "hello")
    assert message.response_metadata["request_id"] == "req_1***"


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}ü", f"{KEY}\x00", f"{KEY}\r\nx-other: 1"])
def test_what_cannot_be_sent_as_a_key_is_refused_without_being_shown(make: Make, key: str) -> None:
    _, error = trio.run(failing, make("normal", api_key=key))
    assert type(error) is gf.AuthenticationError
    assert "white space at an end, such as the end of a line" in str(error)
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    check_secrets("".join([repr(error), *told.format()]))
    with pytest.raises(ValueError, match=r"^headers\['x-secret'\] has white space at an end") as raised:
        make("normal", headers={"x-secret": key})
    check_secrets(repr(raised.value))


def test_a_login_in_the_address_is_sent(provider: str, loopback: Loopback) -> None:
    address = loopback.address("normal")
    model = (gf.OpenAIChatModel if provider == "openai" else gf.AnthropicChatModel)(
        "test-model", base_url=address.replace("http://", "http://ada:p%40ss@")
    )
    trio.run(model.invoke, "hello")
    sent = loopback.seen(address)["headers"]["authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"ada:p@ss"


def test_the_key_comes_from_the_caller_or_the_environment(
    make: Make, provider: str, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", "sk-environment")
    for given, expected in ((KEY, KEY), (None, "sk-environment")):
        model = make("normal", api_key=given)
        trio.run(model.invoke, "hello")
        assert loopback.seen(_address(model))["headers"]["authorization"] == f"Bearer {expected}"
