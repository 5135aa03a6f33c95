"""Items 39 to 45: JSON while it streams."""

from __future__ import annotations

from typing import Any

import pytest

import graphflow as gf
from tests.events.hearing import hear_all
from tests.inventory.guide import (
    QUESTION,
    SEEDS,
    chunks_of,
    countries,
    extract_country_names,
    extract_country_names_streaming,
)
from tests.laws.simulation import simulate


def test_39_the_parser_completes_partial_json() -> None:
    given = chunks_of(gf.ScriptedChatModel(['{"a": [1, {"b": "c', '"}]}']) | gf.json_parser(), "?")
    assert given == [{"a": [1, {"b": "c"}]}]
    with pytest.raises(gf.JsonStreamError):
        chunks_of(gf.ScriptedChatModel(['{"a": [1']) | gf.json_parser(), "?")


@pytest.mark.parametrize("seed", SEEDS)
def test_40_it_gives_growing_snapshots_one_for_every_change(seed: str) -> None:
    snapshots = chunks_of(countries(seed) | gf.json_parser(), QUESTION)
    assert snapshots == SEEDS[seed]["outputs"]
    assert snapshots[0] == {"countries": []}
    assert {"countries": [{"name": "France"}]} in snapshots


@pytest.mark.parametrize("seed", SEEDS)
def test_41_chunks_that_change_nothing_give_nothing(seed: str) -> None:
    heard = hear_all(countries(seed) | gf.json_parser(), QUESTION)
    given_after: list[int] = []
    chunks = 0
    for event in heard.events:
        if isinstance(event, gf.StreamEvent):
            chunks += event.kind == "chat_model"
            if event.kind == "parser":
                given_after.append(chunks - 1)
    assert given_after == SEEDS[seed]["output_at_chunk"]
    said = SEEDS[seed]["chunks"]
    silent = [said[index] for index in range(len(said)) if index not in given_after]
    assert "" in silent or seed == "seed-4-filter-by-name"
    assert any("`" in chunk for chunk in silent)


@pytest.mark.parametrize("seed", SEEDS)
def test_42_fences_are_passed_over_and_nothing_comes_before_the_value(seed: str) -> None:
    said = SEEDS[seed]["chunks"]
    assert "`" in said[1]
    assert SEEDS[seed]["output_at_chunk"][0] == 2
    assert simulate(lambda: (countries(seed) | gf.json_parser()).invoke(QUESTION)) == SEEDS[seed]["outputs"][-1]


def test_43_numbers_and_strings_may_be_cut_while_they_stream() -> None:
    snapshots = chunks_of(countries() | gf.json_parser(), QUESTION)
    assert [snapshot["countries"][0]["population"] for snapshot in snapshots[2:4]] == [67750, 67750000]
    names = chunks_of(gf.ScriptedChatModel(['["Sp', 'ain"]']) | gf.json_parser(), "?")
    assert names == [["Sp"], ["Spain"]]


def test_44_a_plain_function_on_the_finished_value_gives_one_chunk() -> None:
    chain = countries() | gf.json_parser() | extract_country_names
    assert chunks_of(chain, QUESTION) == [["France", "Spain", "Japan"]]
    odd: list[Any] = ["[1]", "{}", '{"countries": 1}']
    for text in odd:
        assert chunks_of(gf.json_parser() | extract_country_names, text) == [""]


def test_45_a_generator_on_the_stream_gives_every_name_once() -> None:
    chain = countries() | gf.json_parser() | extract_country_names_streaming
    assert chunks_of(chain, QUESTION) == ["France", "Spain", "Japan"]
