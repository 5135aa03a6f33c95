"""What holds for every text and every cut."""

import contextlib
import copy
import itertools
import json
import os
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphflow.jsonstream import NOTHING, JsonItems, JsonStream, JsonStreamError, JsonText, parse_stream, scanner
from graphflow.jsonstream.paths import Any_, Path, parse_path
from graphflow.jsonstream.prose import find_more
from graphflow.jsonstream.values import identical
from tests.jsonstream.driver import facts, outcome, patched, pushed
from tests.jsonstream.reference import ABSENT, shown
from tests.jsonstream.strategies import CONTAINERS, PATHS, VALUES, cuts, mutated

# A fixed dose; HYPOTHESIS_PROFILE=long looks at 10,000 documents for each law, other ones each time.
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
law = settings(max_examples=10_000 if LONG else 90, deadline=None, derandomize=not LONG, database=None)

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "scalars": st.just("complete"),
        "every": st.booleans(),
        "lenient": st.just(True),
        "nan": st.just(False),
        "strict": st.just(True),
        "surrogates": st.sampled_from(["replace", "error"]),
        "trailing": st.just("error"),
        "root": st.sampled_from(["object", "array"]),
        "max_depth": st.integers(1, 3),
        "max_string": st.integers(0, 6),
        "max_chars": st.integers(0, 30),
    },
)


@pytest.fixture(params=[1, 10**9], ids=["bulk", "no-bulk"], autouse=True)
def enough(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All laws hold whether the C scanner reads complete containers or not."""
    monkeypatch.setattr(scanner, "ENOUGH", request.param)


@law
@given(st.data(), VALUES)
def test_the_last_value_is_that_of_json_loads(data: st.DataObject, text: str) -> None:
    for options in ({}, {"scalars": "complete"}, {"every": True}):
        values, _, error = outcome(data.draw(cuts(text)), **options)
        assert error is None
        assert repr(values[-1]) == repr(json.loads(text, strict=False))


@law
@given(st.data(), VALUES, st.booleans())
def test_what_is_shown_is_what_the_reference_shows(data: st.DataObject, text: str, complete: bool) -> None:
    stream: JsonStream[Any] = JsonStream(scalars="complete" if complete else "partial", every=True)
    last: Any = NOTHING
    so_far = ""
    for chunk in data.draw(cuts(text)):
        so_far += chunk
        given = stream.feed(chunk)
        last = last if given is NOTHING else given
        expected = shown(so_far, complete=complete)
        assert repr(last) == repr(NOTHING if expected is ABSENT else expected)
    given = stream.finish()
    assert repr(last if given is NOTHING else given) == repr(shown(text, complete=complete, ended=True))


@law
@given(st.data(), mutated())
def test_what_is_shown_depends_on_the_text_alone(data: st.DataObject, text: str) -> None:
    chunks = data.draw(cuts(text))
    options = data.draw(OPTIONS) | {"every": True}
    values, at, _ = outcome(chunks, **options)
    shown = dict(zip(at, values, strict=True))
    last: Any = NOTHING
    for index in range(len(chunks)):
        last = shown.get(index, last)
        so_far, so_at, error = outcome(["".join(chunks[: index + 1])], **options)
        if error and error.kind != "incomplete":
            break
        assert repr(so_far[0] if 0 in so_at else NOTHING) == repr(last)


@law
@given(st.data(), mutated(), OPTIONS)
def test_errors_depend_on_the_text_alone(data: st.DataObject, text: str, options: dict[str, Any]) -> None:
    expected = outcome([text], **options)
    values, _, error = outcome(data.draw(cuts(text)), **options)
    assert facts(error) == facts(expected[2])
    assert repr(values[-1:]) == repr(expected[0][-1:])
    if error and values:
        assert repr(error.partial) == repr(values[-1])


@law
@given(mutated())
def test_the_grammar_is_that_of_json_loads(text: str) -> None:
    assume(text[:1] in tuple('[{"'))
    _, _, error = outcome([text], trailing="error", max_number=10**6)
    try:
        _, end = json.JSONDecoder(strict=False).raw_decode(text)
        valid = find_more(text, end) is None
    except json.JSONDecodeError:
        valid = False
    assert (error is None) == valid


@law
@given(st.data(), mutated())
def test_snapshots_never_change(data: st.DataObject, text: str) -> None:
    kept = []
    with contextlib.suppress(JsonStreamError):
        for value in parse_stream(data.draw(cuts(text)), every=True):
            kept.append((value, copy.deepcopy(value)))
    assert all(repr(value) == repr(then) for value, then in kept)


@law
@given(st.data(), mutated(), st.booleans())
def test_no_value_is_given_twice(data: st.DataObject, text: str, every: bool) -> None:
    values, _, _ = outcome(data.draw(cuts(text)), every=every)
    assert not any(identical(one, other) for one, other in itertools.pairwise(values))


@law
@given(st.data(), CONTAINERS)
def test_nothing_disappears(data: st.DataObject, text: str) -> None:
    assume(not repeats(text))  # a second value for a key takes the place of the first
    values, _, _ = outcome(data.draw(cuts(text)), every=True)
    assert all(grows(one, other) for one, other in itertools.pairwise(values))


def repeats(text: str) -> bool:
    """Whether an object has a key twice."""
    pairs = []
    json.loads(text, strict=False, object_pairs_hook=lambda items: pairs.append([key for key, _ in items]))
    return any(len(keys) > len(set(keys)) for keys in pairs)


def grows(one: Any, other: Any) -> bool:
    """Whether `other` is what `one` may become."""
    if type(one) in (int, float):
        return type(other) in (int, float)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(other)[: len(one)] == list(one) and all(grows(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) <= len(other) and all(grows(a, b) for a, b in zip(one, other, strict=False))
    return other.startswith(one) if isinstance(one, str) else one is other


@law
@given(st.data(), mutated(), st.booleans(), st.sampled_from(["partial", "complete"]))
def test_patches_rebuild_each_value(data: st.DataObject, text: str, append: bool, scalars: Any) -> None:
    chunks = data.draw(cuts(text))
    values, at, error = outcome(chunks, every=True, scalars=scalars)
    patches, patched_at, patch_error = outcome(chunks, patches=True, append=append, every=True, scalars=scalars)
    assert facts(error) == facts(patch_error)
    shown, document = dict(zip(at, values, strict=True)), None
    changes = dict(zip(patched_at, patches, strict=True))
    assert set(shown) <= set(changes)
    value = None
    for index in sorted(changes):
        document = patched(document, changes[index])
        value = shown.get(index, value)
        assert repr(document) == repr(value)


def selected(value: Any, path: Path) -> list[Any]:
    """What a path selects in a value."""
    if not path:
        return [value]
    first, rest = path[0], path[1:]
    if isinstance(value, dict):
        items = value.items() if first is Any_.KEY else [(first, value[first])] if first in value else []
    elif isinstance(value, list):
        items = [(index, item) for index, item in enumerate(value) if first in (Any_.ITEM, index)]
    else:
        items = []
    return [found for _, item in items for found in selected(item, rest)]


@law
@given(st.data(), VALUES, st.lists(PATHS, min_size=1, max_size=3, unique=True))
def test_items_are_what_the_paths_select(data: st.DataObject, text: str, paths: list[str]) -> None:
    assume(not repeats(text))
    given, error = pushed(JsonItems({path: path for path in paths}, root="any"), data.draw(cuts(text)))
    assert error is None
    records = [record for records in given for record in records]
    for path in paths:
        found = [record[path] for record in records if path in record]
        assert repr(found) == repr(selected(json.loads(text, strict=False), parse_path(path)))


@law
@given(st.data(), mutated(), PATHS, OPTIONS)
def test_items_and_text_depend_on_the_text_alone(
    data: st.DataObject, text: str, path: str, options: dict[str, Any]
) -> None:
    options = {name: value for name, value in options.items() if name not in ("scalars", "every")}
    chunks = data.draw(cuts(text))
    for make, join in ((JsonItems, list), (JsonText, "".join)):
        if make is JsonText and "*" in path:
            continue
        given, error = pushed(make(path, **options), chunks)
        whole, expected = pushed(make(path, **options), [text])
        assert facts(error) == facts(expected)
        assert repr(join(itertools.chain(*given))) == repr(join(itertools.chain(*whole)))


@law
@given(st.data(), VALUES, PATHS)
def test_the_text_is_that_of_the_string(data: st.DataObject, text: str, path: str) -> None:
    assume("*" not in path)
    assume(not repeats(text))
    given, error = pushed(JsonText(path, root="any"), data.draw(cuts(text)))
    found = selected(json.loads(text, strict=False), parse_path(path))
    if found and not isinstance(found[0], str | None):
        assert error is not None
        assert error.kind == "invalid"
    else:
        assert error is None
        assert "".join(given) == (found[0] if found and found[0] else "")


@law
@given(st.data(), VALUES, st.lists(PATHS, min_size=1, max_size=2))
def test_what_is_held_is_shown_once_and_complete(data: st.DataObject, text: str, hold: list[str]) -> None:
    assume(not repeats(text))
    values, _, error = outcome(data.draw(cuts(text)), hold=hold, every=True)
    assert error is None
    assert repr(values[-1]) == repr(json.loads(text, strict=False))
    for path in map(parse_path, hold):
        final = list(map(repr, selected(values[-1], path)))
        for value in values:
            shown = list(map(repr, selected(value, path)))
            assert shown == final[: len(shown)]


@law
@given(st.data(), mutated(), st.lists(PATHS, min_size=1, max_size=2), st.booleans())
def test_patches_rebuild_each_value_of_which_parts_are_held(
    data: st.DataObject, text: str, hold: list[str], append: bool
) -> None:
    chunks = data.draw(cuts(text))
    values, at, error = outcome(chunks, hold=hold, every=True)
    patches, patched_at, patch_error = outcome(chunks, hold=hold, every=True, patches=True, append=append)
    assert facts(error) == facts(patch_error)
    assert facts(error) == facts(outcome([text], hold=hold)[2])
    shown, document, value = dict(zip(at, values, strict=True)), None, None
    for index, patch in zip(patched_at, patches, strict=True):
        document = patched(document, patch)
        value = shown.get(index, value)
        assert repr(document) == repr(value)
