"""Law 5: an error arrives as itself, several as a group, none is lost, and each says where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import given

import graphflow as gf
from tests.laws.behaviours import Empty, Twofold
from tests.laws.doses import dose
from tests.laws.graphs import Example, changed, examples, steps
from tests.laws.nodes import Boom, Step
from tests.laws.reference import ends_early, evaluate
from tests.laws.running import RUN_ID, WAYS, Outcome, run


@st.composite
def failing_examples(draw: st.DrawFn) -> Example:
    """Draw a chain in which one, two or three nodes are told to fail."""
    example = draw(examples())
    labels = [step.label for step in steps(example.spec)]
    if not labels:
        return example
    chosen = draw(st.lists(st.sampled_from(labels), min_size=1, max_size=3, unique=True))
    fails_at = {label: draw(st.integers(0, 2)) for label in chosen}

    def change(step: Step) -> Step:
        return attrs.evolve(step, fails_at=fails_at.get(step.label))

    return attrs.evolve(example, spec=changed(example.spec, change))


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors that a group is made of."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def check(example: Example, outcome: Outcome) -> None:
    """Compare what a run raised with what its nodes did."""
    arrived = [] if outcome.error is None else list(leaves(outcome.error))
    ours = [error for error in arrived if not isinstance(error, gf.EmptyStreamError | gf.FoldError)]
    assert sorted(map(id, ours)) == sorted(map(id, outcome.watch.raised)), "an error was lost, or came twice"
    if len(arrived) == 1:
        assert outcome.error is arrived[0], "the only error arrived in a group"
    for error in arrived:
        notes = [note for note in error.__notes__ if RUN_ID in note]
        assert len(notes) == 1
        if isinstance(error, Boom):
            assert notes[0].startswith(f"in node `{error}` (")
            assert "nodes.py:" in notes[0]
    if not any(map(ends_early, steps(example.spec))):
        _, expected = evaluate(example, [example.value])
        assert isinstance(expected, Exception) == bool(arrived)
        if isinstance(expected, Empty | Twofold):
            assert arrived


@pytest.mark.parametrize("way", WAYS)
def test_every_error_arrives_once_with_a_note(way: str) -> None:
    @dose(100)
    @given(failing_examples())
    def holds(example: Example) -> None:
        check(example, run(example, *WAYS[way]))

    holds()


@dose(100)
@given(failing_examples())
def test_every_error_arrives_from_invoke(example: Example) -> None:
    outcome = run(example, "invoke")
    if not isinstance(outcome.error, gf.NotInvokableError):
        check(example, outcome)


@dose(100)
@given(examples())
def test_an_error_of_the_source_arrives_as_itself(example: Example) -> None:
    error = OSError("the source broke")
    outcome = run(example, "transform", source_error=error)
    if outcome.error is None:
        assert any(map(ends_early, steps(example.spec)))
        return
    arrived = list(leaves(outcome.error))
    assert len(arrived) == 1 or any(isinstance(one, gf.EmptyStreamError | gf.FoldError) for one in arrived)
    if error in arrived:
        assert outcome.error is error or len(arrived) > 1
        assert error.__notes__ == [f"in node `input`, run {RUN_ID}"]
