"""Laws 1 and 2: one value however it is asked for, and the same chunks for every node however a chain is run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pprint import saferepr
from typing import Any

import pytest
from hypothesis import given

import graphflow as gf
from tests.laws.behaviours import Empty, Twofold
from tests.laws.doses import dose
from tests.laws.graphs import Example, examples, foldable, steps
from tests.laws.reference import Flow, Reference, ends_early, evaluate, folded, per_key
from tests.laws.running import WAYS, Outcome, run


def check(example: Example, outcome: Outcome, reference: Reference, expected: Flow | Exception) -> None:
    """Compare a run with the reference: its chunks, its value, and what every node saw."""
    if isinstance(expected, Exception):
        if outcome.error is None:
            assert any(map(ends_early, steps(example.spec)))
        else:
            assert isinstance(outcome.error, gf.EmptyStreamError | gf.FoldError | ExceptionGroup)
        return
    if outcome.error is not None:
        raise outcome.error
    if outcome.chunks is not None:
        assert per_key(outcome.chunks, expected.shape) == per_key(expected.chunks, expected.shape)
    check_seen(outcome.watch.seen, reference)


def check_seen(seen: Mapping[str, list[list[tuple[str, Any]]]], reference: Reference) -> None:
    """Compare what the nodes saw; those above a node that ends early may have seen less.

    Records that are equal are the same, in whatever order their keys came.
    """
    for label in seen.keys() | reference.seen.keys():
        calls, expected = seen.get(label, []), reference.seen.get(label, [])
        if label not in reference.unordered and label not in reference.maybe_less:
            assert calls == expected, label
        elif label not in reference.maybe_less:
            assert sorted(map(saferepr, calls)) == sorted(map(saferepr, expected)), label
        elif label not in reference.unordered:
            flat, known = [one for call in calls for one in call], [one for call in expected for one in call]
            assert flat == known[: len(flat)], label
        else:
            flat, known = [one for call in calls for one in call], [one for call in expected for one in call]
            assert not Counter(map(saferepr, flat)) - Counter(map(saferepr, known)), label


@pytest.mark.parametrize("way", WAYS)
def test_every_node_sees_the_same_chunks_in_the_same_order(way: str) -> None:
    @dose(100)
    @given(examples())
    def holds(example: Example) -> None:
        reference, expected = evaluate(example, [example.value])
        check(example, run(example, *WAYS[way]), reference, expected)

    holds()


@dose(60)
@given(examples())
def test_every_node_sees_the_chunks_of_a_cut_input(example: Example) -> None:
    reference, expected = evaluate(example, list(example.cuts))
    check(example, run(example, "transform"), reference, expected)


@dose(80)
@given(examples())
def test_the_fold_of_a_stream_is_what_invoke_returns(example: Example) -> None:
    reference, expected = evaluate(example, [example.value])
    if not foldable(example.spec.gives):
        return
    invoked = run(example, "invoke")
    if isinstance(expected, Exception):
        check(example, invoked, reference, expected)
        return
    try:
        value = expected.value()
    except (Empty, Twofold):
        assert isinstance(invoked.error, gf.EmptyStreamError | gf.FoldError)
        return
    if invoked.error is not None:
        raise invoked.error
    check_same(invoked.value, value)
    check_seen(invoked.watch.seen, reference)
    streamed = run(example, "stream")
    assert streamed.chunks is not None
    check_same(folded(streamed.chunks, expected.shape), value)
    check_same(run(example, "events").value, value)


def check_same(one: Any, other: Any) -> None:
    """Compare values with their types."""
    assert one == other
    assert type(one) is type(other)
    if isinstance(one, dict):
        for key in one:
            check_same(one[key], other[key])


@dose(80)
@given(examples(any_cut=True))
def test_the_value_does_not_depend_on_where_the_input_is_cut(example: Example) -> None:
    if not foldable(example.spec.gives):
        return
    invoked, streamed = run(example, "invoke"), run(example, "transform")
    if invoked.error is not None:
        assert isinstance(invoked.error, gf.EmptyStreamError | gf.FoldError)
        return
    assert streamed.error is None
    assert streamed.chunks is not None
    check_same(folded(streamed.chunks, example.spec.gives), invoked.value)


@dose(80)
@given(examples())
def test_measuring_changes_nothing_and_its_figures_add_up(example: Example) -> None:
    reference, expected = evaluate(example, [example.value])
    outcome = run(example, "explain_analyze")
    if isinstance(expected, Exception) or outcome.error is not None:
        check(example, outcome, reference, expected)
        return
    check_seen(outcome.watch.seen, reference)
    add_up(outcome.value.nodes)


def add_up(nodes: Mapping[str, gf.NodeProfile]) -> None:
    for figures in nodes.values():
        assert math.isclose(figures.own + figures.waiting + figures.blocked, figures.lifetime, abs_tol=1e-6)
        for body in figures.bodies:
            add_up(body)
