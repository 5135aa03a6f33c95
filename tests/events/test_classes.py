"""Event classes: fit for `match`, with the seven keys of the guide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import graphflow as gf
from tests.events.hearing import hear, hear_all


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.aggregate
def fail(text: str) -> str:
    raise ValueError(text)


@gf.aggregate
def progress(text: str) -> str:
    gf.emit("half", {"done": 1})
    return text


def test_events_are_matched_by_class_and_attributes() -> None:
    seen: list[Any] = []
    for event in [*hear(letters, "ab").events, *hear(fail, "no").events, *hear(progress, "x").events]:
        match event:
            case gf.StartEvent(name="letters", input=value):
                seen.append(("start", value))
            case gf.StreamEvent(kind="chain", name="letters", chunk=chunk):
                seen.append(("stream", chunk))
            case gf.EndEvent(name="letters", output=output):
                seen.append(("end", output))
            case gf.ErrorEvent(error=ValueError() as error):
                seen.append(("error", str(error)))
            case gf.CustomEvent(name="half", data={"done": done}):
                seen.append(("half", done))
    assert seen == [("start", "ab"), ("stream", "a"), ("stream", "b"), ("end", "ab"), ("error", "no"), ("half", 1)]


def test_events_are_not_matched_by_position() -> None:
    for kind in (gf.StartEvent, gf.StreamEvent, gf.EndEvent, gf.ErrorEvent, gf.CustomEvent):
        assert not getattr(kind, "__match_args__", ())


@pytest.mark.parametrize("chain", [letters, fail, progress])
def test_event_classes_are_slotted(chain: gf.Chain[str, str]) -> None:
    for event in hear(chain, "ab").events:
        assert not hasattr(event, "__dict__")


def test_the_dict_of_an_event_has_the_seven_keys() -> None:
    chain = letters.with_config(name="spell", tags=["mine"], metadata={"a": 1})
    start, stream, _, end = hear_all(chain, "ab").events
    common = {"name": "spell", "run_id": start.run_id, "tags": ["mine"], "metadata": {"a": 1}, "parent_ids": []}
    assert start.to_dict() == {"event": "on_chain_start", "data": {"input": "ab"}, **common}
    assert stream.to_dict() == {"event": "on_chain_stream", "data": {"chunk": "a"}, **common}
    assert end.to_dict() == {"event": "on_chain_end", "data": {"output": "ab"}, **common}


def test_the_dict_of_a_custom_event_has_what_was_emitted() -> None:
    start, custom, *_ = hear_all(progress, "x").events
    assert custom.to_dict() == {
        "event": "on_custom_event",
        "name": "half",
        "run_id": start.run_id,
        "tags": [],
        "metadata": {},
        "data": {"done": 1},
        "parent_ids": [],
    }


def test_the_dict_of_an_error_event_has_the_error() -> None:
    _, event = hear(fail, "no").events
    assert event.to_dict()["event"] == "on_chain_error"
    assert isinstance(event.error, ValueError)
    assert event.data == {"error": event.error, "input": "no"}


def test_attributes_that_do_not_apply_are_none() -> None:
    start, stream, _, end = hear_all(letters, "ab").events
    assert (start.input, start.chunk, start.output, start.error) == ("ab", None, None, None)
    assert (stream.input, stream.chunk, stream.output, stream.error) == (None, "a", None, None)
    assert (end.input, end.chunk, end.output, end.error) == (None, None, "ab", None)
    _, custom, *_ = hear_all(progress, "x").events
    assert (custom.input, custom.chunk, custom.output, custom.error) == (None, None, None, None)


def test_changing_the_lists_of_an_event_does_not_change_the_event() -> None:
    start, *_ = hear_all(letters.with_config(tags=["t"], metadata={"a": 1}), "a").events
    start.tags.append("other")
    start.metadata["other"] = 2
    start.parent_ids.append("other")
    assert (start.tags, start.metadata, start.parent_ids) == (["t"], {"a": 1}, [])


def test_the_places_of_events_count_from_zero() -> None:
    assert [event.seq for event in hear_all(letters | progress, "ab").events] == list(range(11))
