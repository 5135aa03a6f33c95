"""Filters: what they keep, what they refuse, and that they cost nothing where nobody listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphflow as gf
from graphflow.events import Filter
from graphflow.runtime import recorder
from tests.events.hearing import Heard, check_sound, hear, hear_all, likeness, unnoticed
from tests.laws.doses import dose
from tests.laws.graphs import Example, changed, declare, examples
from tests.laws.nodes import Step, Watch


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.aggregate
def same(value: Any) -> Any:
    return value


@gf.transform(accumulate=gf.latest)
async def pulled(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for chunk in chunks:
        yield chunk


@gf.tool
def shout(text: str) -> str:
    """Say it louder."""
    gf.emit("louder", text)
    return text.upper()


MODEL = gf.ScriptedChatModel(["[1", ", 2]"], name="model")
CHAIN = (
    gf.prompt("{q}", name="ask")
    | MODEL.with_config(tags=["big", "slow"])
    | (gf.json_parser() | pulled).with_config(name="inner", tags=["mine"])
    | same.with_config(tags=["big"])
)


ALONE = ["start same", "stream same", "end same"]


def names(heard: Heard) -> set[str]:
    return set(heard.names)


# --- the six options -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"include_names": ["model"]}, {"model"}),
        ({"include_names": ["model", "inner"]}, {"model", "inner"}),
        ({"include_types": ["chat_model"]}, {"model"}),
        ({"include_types": ["parser", "prompt"]}, {"ask", "json_parser"}),
        ({"include_types": ["chain"]}, {"sequence", "inner", "pulled", "same"}),
        ({"include_tags": ["big"]}, {"model", "same"}),
        ({"include_tags": ["mine"]}, {"inner", "json_parser", "pulled"}),
        ({"include_tags": ["seq:step:1"]}, {"ask", "json_parser"}),
        ({"exclude_names": ["model"]}, {"sequence", "ask", "inner", "json_parser", "pulled", "same"}),
        ({"exclude_types": ["chain"]}, {"ask", "model", "json_parser"}),
        ({"exclude_tags": ["mine", "slow"]}, {"sequence", "ask", "same"}),
        (
            {"include_names": ["ask"], "include_types": ["parser"], "include_tags": ["slow"]},
            {"ask", "json_parser", "model"},
        ),
        ({"include_tags": ["big"], "exclude_names": ["same"]}, {"model"}),
        ({"include_names": ["model"], "exclude_types": ["chat_model"]}, set()),
        ({"include_names": ["model"], "exclude_tags": ["slow"]}, set()),
        ({"include_types": ["chain"], "exclude_tags": ["mine"], "exclude_names": ["sequence"]}, {"same"}),
        ({"include_names": []}, set()),
        ({"exclude_names": []}, {"sequence", "ask", "model", "inner", "json_parser", "pulled", "same"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_includes_add_up_and_excludes_take_away(options: dict[str, Any], kept: set[str]) -> None:
    heard = hear(CHAIN, {"q": "?"}, **options)
    assert heard.error is None
    check_sound(heard.events, filtered=True)
    assert names(heard) == kept


def test_an_option_may_be_any_iterable() -> None:
    for words in (["model"], ("model",), {"model"}, {"model": 1}, iter(["model"])):
        assert names(hear(CHAIN, {"q": "?"}, include_names=words)) == {"model"}


@pytest.mark.parametrize(
    "option", [f"{how}_{what}" for how in ("include", "exclude") for what in ("names", "types", "tags")]
)
def test_a_single_string_is_refused(option: str) -> None:
    with pytest.raises(TypeError, match=r"takes several words.*write \['model'\]"):
        CHAIN.compile().events({"q": "?"}, **{option: "model"})


def test_the_name_of_a_run_is_the_one_that_it_was_given() -> None:
    assert names(hear(CHAIN, {"q": "?"}, name="mine", include_names=["mine"])) == {"mine"}
    with pytest.raises(gf.UnmatchedFilterError, match="'sequence'"):
        CHAIN.compile().events({"q": "?"}, name="mine", include_names=["sequence"])


def test_the_tags_of_the_verb_can_be_filtered_by() -> None:
    assert len(names(hear(CHAIN, {"q": "?"}, tags=["called"], include_tags=["called"]))) == 7


# --- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "word", "hint"),
    [
        ("include_names", "modle", "the plan `sequence` has no name 'modle': did you mean 'model'?"),
        ("exclude_names", "iner", "the plan `sequence` has no name 'iner': did you mean 'inner'?"),
        ("include_types", "chat_modle", "the plan `sequence` has no type 'chat_modle': did you mean 'chat_model'?"),
        ("exclude_types", "tol", "the plan `sequence` has no type 'tol': did you mean 'tool'?"),
        ("include_tags", "min", "the plan `sequence` has no tag 'min': did you mean 'mine'?"),
        ("exclude_tags", "bog", "the plan `sequence` has no tag 'bog': did you mean 'big'?"),
        ("include_types", "tool", "the plan `sequence` has no type 'tool'"),
        ("include_names", "xyzzy", "it has 'ask', 'inner', 'json_parser', 'model', 'pulled', 'same', 'sequence'"),
    ],
)
def test_a_filter_that_matches_nothing_is_refused_with_the_nearest_word(option: str, word: str, hint: str) -> None:
    with pytest.raises(gf.UnmatchedFilterError) as caught:
        CHAIN.compile().events({"q": "?"}, **{option: [word]})
    assert hint in str(caught.value)
    assert "allow_unmatched=True" in str(caught.value)
    options: dict[str, Any] = {option: [word], "allow_unmatched": True}
    heard = hear(CHAIN, {"q": "?"}, **options)
    assert heard.error is None


def test_one_word_that_matches_does_not_excuse_another_that_does_not() -> None:
    with pytest.raises(gf.UnmatchedFilterError, match="'modle'"):
        CHAIN.compile().events({"q": "?"}, include_names=["model", "modle"])
    with pytest.raises(gf.UnmatchedFilterError, match="'modle'"):
        CHAIN.compile().events({"q": "?"}, include_types=["chat_model"], include_names=["modle"])


def test_a_kind_that_the_plan_lacks_may_be_excluded() -> None:
    assert len(names(hear(CHAIN, {"q": "?"}, exclude_types=["tool"]))) == 7


def test_runs_inside_branches_and_eaches_can_be_named() -> None:
    chain = gf.branch((bool, gf.each(letters.with_config(name="leaf", tags=["deep"]))), same)
    by_name: dict[str, Any] = {"include_names": ["leaf"]}
    for options in (by_name, {"include_tags": ["deep"]}):
        assert names(hear(chain, ["a"], **options)) == {"leaf"}


def test_a_refused_filter_is_an_error_of_graphflow_and_a_value_error() -> None:
    assert issubclass(gf.UnmatchedFilterError, gf.GraphflowError)
    assert issubclass(gf.UnmatchedFilterError, ValueError)


# --- custom events ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "story"),
    [
        ({"include_names": ["shout"]}, ["start shout", "event louder", "end shout"]),
        ({"include_types": ["tool"]}, ["start shout", "event louder", "end shout"]),
        ({"include_names": ["louder"]}, ["event louder"]),
        ({"include_names": ["louder", "same"]}, ["start same", "stream same", "end same", "event louder"]),
        ({"include_names": ["same"]}, ["start same", "stream same", "end same"]),
        ({"include_names": ["sequence"]}, ["start sequence", "stream sequence", "end sequence"]),
        ({"exclude_names": ["shout"]}, ["start sequence", *ALONE, "stream sequence", "end sequence"]),
        (
            {"exclude_names": ["louder"]},
            ["start sequence", *ALONE, "start shout", "stream sequence", "end shout", "end sequence"],
        ),
        ({"include_names": ["shout"], "exclude_names": ["louder"]}, ["start shout", "end shout"]),
        ({"include_names": ["louder"], "exclude_types": ["chain"]}, []),
        ({"include_tags": ["seq:step:2"]}, ["start shout", "event louder", "end shout"]),
        ({"include_types": ["tool"], "exclude_names": ["shout"]}, []),
    ],
    ids=str,
)
def test_a_custom_event_is_kept_with_its_run_or_by_its_own_name(options: dict[str, Any], story: list[str]) -> None:
    heard = hear(same | shout, "x", **options, allow_unmatched=True)
    assert heard.story == story
    assert all(event.data == "x" for event in heard.events if isinstance(event, gf.CustomEvent))


def test_a_custom_event_of_a_node_that_is_not_told_hangs_on_the_nearest_run_that_is() -> None:
    chain = same | (same | shout).with_config(name="inner")
    everything = hear_all(chain, "x")
    (custom,) = hear(chain, "x", include_names=["louder"], allow_unmatched=True).events
    assert likeness([custom])[0]["run_id"] == likeness([everything.start("sequence")])[0]["run_id"]
    heard = hear(chain, "x", include_names=["inner", "louder"], allow_unmatched=True)
    (custom,) = heard.of("louder")
    assert custom.run_id == heard.start("inner").run_id


# --- the same events as without --------------------------------------------------------------------------------


def test_a_filtered_event_has_its_own_input_and_not_that_of_the_whole() -> None:
    chain = (letters | gf.json_parser()).with_config(name="whole")
    alone = hear(chain, "[1]", include_names=["json_parser"])
    assert alone.start("json_parser").data == {}
    assert alone.end("json_parser").data == {"input": "[1]", "output": [1]}


def test_parents_that_are_not_told_are_still_named() -> None:
    everything = hear_all(CHAIN, {"q": "?"})
    (start, *_) = hear(CHAIN, {"q": "?"}, include_names=["pulled"]).events
    assert len(start.parent_ids) == len(everything.start("pulled").parent_ids) == 2


def test_nodes_that_nobody_listens_to_have_no_tap(monkeypatch: pytest.MonkeyPatch) -> None:
    tapped: list[str] = []
    make = recorder.Recorder._tap_of

    def spy(self: recorder.Recorder, node_id: Any) -> recorder.Tap:
        tapped.append(node_id)
        return make(self, node_id)

    monkeypatch.setattr(recorder.Recorder, "_tap_of", spy)
    chain = letters | pulled | pulled.with_config(name="mine") | same | same.with_config(name="last")
    hear(chain, "abc", include_names=["mine"])
    assert set(tapped) == {"mine"}
    tapped.clear()
    hear(chain, "abc", include_names=["last"])
    assert set(tapped) == {"last", "same"}  # what feeds it too, since its chunks become the input
    tapped.clear()
    hear(chain, "abc", include_names=["mine"], outputs=False)
    assert set(tapped) == {"mine"}
    tapped.clear()
    hear(chain, "abc", include_names=[])
    assert not tapped


def test_a_node_that_nobody_listens_to_stays_fused() -> None:
    one = gf.chunkwise(str.upper)
    chain = letters | one | one | one | pulled
    heard = hear(chain, "abc", include_names=["pulled"])
    assert heard.chunks("pulled") == ["A", "B", "C"]


@st.composite
def filters(draw: st.DrawFn, known: Heard) -> dict[str, list[str]]:
    """Draw a filter out of the words that there are."""
    words = {
        "names": sorted({event.name for event in known.events}),
        "types": sorted({event.kind for event in known.events}),
        "tags": sorted({tag for event in known.events for tag in event.tags}),
    }
    options: dict[str, list[str]] = {}
    for what, there in words.items():
        for how in ("include", "exclude"):
            if there and draw(st.integers(0, 3)) == 0:
                options[f"{how}_{what}"] = draw(st.lists(st.sampled_from(there), max_size=3, unique=True))
    return options


def _without_threads(step: Step) -> Step:
    """Return a step that never runs in a worker thread, whose pace would not be the same in two runs."""
    return step if step.flavour.endswith("chunkwise") else attrs.evolve(step, flavour="awaiting")


@dose(80)
@given(examples(threads=False), st.data())
def test_filtered_events_are_those_of_the_unfiltered_run_that_are_kept(example: Example, data: st.DataObject) -> None:
    spec = changed(example.spec, _without_threads)

    def heard(**options: Any) -> Heard:
        with unnoticed():
            return hear(declare(spec, Watch()), example.value, seed=example.seed, **options)

    everything = heard()
    options = data.draw(filters(everything))
    filtered = heard(**options, allow_unmatched=True)
    keeps = Filter.of(**options)
    kept = [event for event in everything.events if keeps.keeps(event.name, event.kind, event.tags)]
    assert repr(likeness(filtered.events)) == repr(likeness(kept))
    assert type(filtered.error) is type(everything.error)
