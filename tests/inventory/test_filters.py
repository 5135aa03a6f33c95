"""Items 69 to 74: filters."""

from __future__ import annotations

from typing import Any

import graphflow as gf
from tests.events.hearing import Heard, hear
from tests.inventory.guide import QUESTION, SEEDS, countries

SEED = "seed-4-filter-by-name"


def chain(**config: Any) -> gf.Chain[Any, Any]:
    named = countries(SEED).with_config(name="model") | gf.json_parser().with_config(name="my_parser")
    return named.with_config(**config) if config else named


def heard(one: gf.Chain[Any, Any], **options: Any) -> Heard:
    found = hear(one, QUESTION, **options)
    assert found.error is None
    return found


def test_69_by_name_only_that_component_is_told() -> None:
    events = heard(chain(), include_names=["my_parser"])
    assert events.story == ["start my_parser", *["stream my_parser"] * 8, "end my_parser"]
    assert events.chunks("my_parser") == SEEDS[SEED]["outputs"]


def test_70_by_type_only_that_type_is_told() -> None:
    events = heard(chain(), include_types=["chat_model"])
    assert events.story == ["start model", *["stream model"] * len(SEEDS[SEED]["chunks"]), "end model"]


def test_71_by_tag() -> None:
    tagged = countries(SEED).with_config(tags=["mine"]) | gf.json_parser()
    assert set(heard(tagged, include_tags=["mine"]).names) == {"ChatScripted"}


def test_72_tags_are_inherited_by_what_is_inside() -> None:
    events = heard(chain(tags=["my_chain"]), include_tags=["my_chain"])
    assert events.names == ["sequence", "model", "my_parser"]
    assert events.start("model").tags == ["seq:step:1", "my_chain"]


def test_73_a_filtered_event_has_its_own_input_or_none() -> None:
    assert heard(chain(), include_names=["my_parser"]).start("my_parser").data == {}
    assert heard(chain(tags=["my_chain"]), include_tags=["my_chain"]).start("my_parser").data == {}
    assert set(heard(chain(), include_names=["my_parser"]).end("my_parser").data) == {"input", "output"}
    alone = heard(chain(), include_types=["chat_model"])
    assert alone.start("model").data == {"input": {"messages": [[gf.HumanMessage(QUESTION)]]}}
    assert set(alone.end("model").data) == {"input", "output"}


def test_74_a_configuration_changes_neither_parents_nor_places() -> None:
    plain = heard(countries(SEED) | gf.json_parser())
    configured = heard(countries(SEED).with_config(name="model", tags=["mine"]) | gf.json_parser())
    assert plain.start("ChatScripted").parent_ids == [plain.start("sequence").run_id]
    assert configured.start("model").parent_ids == [configured.start("sequence").run_id]
    assert configured.start("json_parser").tags == plain.start("json_parser").tags == ["seq:step:2"]
    assert configured.start("model").tags == [*plain.start("ChatScripted").tags, "mine"]
