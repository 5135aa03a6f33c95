"""Random cases from a seed: a chain, its input, how it is run, where it fails and how it is left.

Everything is drawn from choices that one number decides, so a number is all that it takes to see a case again. A case
that fails is made smaller by leaving out choices and by making them smaller, as long as it fails.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal, TypeVar

import attrs
import hypothesis.strategies as st
from hypothesis.errors import StopTest
from hypothesis.internal.conjecture.data import ConjectureData

from tests.laws.graphs import Example, changed, examples, steps
from tests.laws.nodes import Step
from tests.laws.running import VERBS, Verb

T = TypeVar("T")

#: What decides a case.
Choices = Sequence[Any]

Leaving = Literal["whole", "break", "raise", "deadline", "cancel"]

#: How many shorter or smaller cases are tried of one that fails.
SHRINKS: Final = 2000


@attrs.frozen
class Case:
    """One run of a random chain.

    Attributes:
        example: the chain with its input; the nodes that fail are told to in its steps.
        verb: how it is run.
        fused: whether nodes that work chunk by chunk share a function.
        capacity: of the bounded buffers.
        nesting: how many generators may nest in a stage; None for as many as ever.
        limit: how much of it may be at work at once; None for all of it.
        leaving: how the caller leaves.
        after: when it leaves: so many chunks, or virtual seconds.
    """

    example: Example
    verb: Verb
    fused: bool
    capacity: int
    nesting: int | None
    limit: int | None
    leaving: Leaving
    after: int

    def describe(self) -> str:
        """Return all that there is to know, in a few lines."""
        ways = [
            "fused" if self.fused else "not fused",
            f"buffers of {self.capacity}",
            f"nesting {self.nesting}",
            f"limit {self.limit}",
            self.leaving if self.leaving == "whole" else f"{self.leaving} after {self.after}",
        ]
        example = self.example
        given = example.cuts if self.verb == "transform" else example.value
        return f"{self.verb}({given!r}), {', '.join(ways)}, order of tasks {example.seed}\n{_shown(example.spec)}"


def _shown(spec: Any, indent: str = "  ") -> str:
    """Return a description as an indented tree."""
    if isinstance(spec, Step):
        ports = ", ".join(f"{port.name}{'...' if port.streams else ''}" for port in spec.ports)
        fails = "" if spec.fails_at is None else f", fails at {spec.fails_at}"
        return (
            f"{indent}{spec.label}({ports}): {spec.flavour} {spec.role} `{spec.does}`, delay {spec.delay}{fails}"
            f"{f', folds {spec.folds}' if spec.folds else ''}"
        )
    inner, plain = [], []
    for field in attrs.fields(type(spec)):
        value = getattr(spec, field.name)
        if isinstance(value, Step):
            return _shown(value, indent)
        for one in value if isinstance(value, tuple) else (value,):
            if attrs.has(type(one)) and field.name != "gives":
                inner.append(_shown(one, f"{indent}  "))
            elif isinstance(one, tuple) and any(attrs.has(type(part)) for part in one):
                inner += [_shown(part, f"{indent}  ") for part in one if attrs.has(type(part))]
                plain += [repr(part) for part in one if not attrs.has(type(part))]
            elif field.name != "gives":
                plain.append(repr(one))
    return "\n".join([f"{indent}{type(spec).__name__} {' '.join(plain)}".rstrip(), *inner])


@st.composite
def cases(draw: st.DrawFn, *, largest: int = 60) -> Case:
    """Draw a case of a chain of at most about so many nodes."""
    example = draw(examples(largest=largest, nested=True, wrapped=True, threads=draw(st.integers(0, 3)) == 3))
    if draw(st.integers(0, 2)) == 2 and (labels := [step.label for step in steps(example.spec)]):
        chosen = draw(st.lists(st.sampled_from(labels), min_size=1, max_size=3, unique=True))
        fails_at = {label: draw(st.integers(0, 3)) for label in chosen}

        def fail(step: Step) -> Step:
            return attrs.evolve(step, fails_at=fails_at.get(step.label))

        example = attrs.evolve(example, spec=changed(example.spec, fail))
    verb = draw(st.sampled_from(VERBS))
    leavings: Sequence[Leaving] = ("whole", "whole", "whole", "break", "raise", "deadline", "cancel")
    if verb == "invoke":
        leavings = ("whole", "whole", "deadline", "cancel")
    return Case(
        example,
        verb,
        draw(st.booleans()),
        draw(st.sampled_from((1, 2, 3, 5, 8, 16, 32, 64))),
        draw(st.sampled_from((None, None, 1, 2, 5))),
        draw(st.sampled_from((None, None, 1, 2, 4))),
        draw(st.sampled_from(leavings)),
        draw(st.integers(0, 12)),
    )


def case_of(seed: int, number: int, largest: int = 60) -> tuple[Case, Choices]:
    """Return the case of that number, always the same one, and the choices that it came from."""
    source = random.Random(f"{seed}:{number}")
    while True:
        data = ConjectureData(random=source)
        try:
            case = data.draw(cases(largest=largest))
        except StopTest:  # more choices than hypothesis allows
            continue
        return case, data.choices


def shrunk(case: Case, choices: Choices, fails: Callable[[Case], bool], largest: int = 60) -> Case:
    """Return the smallest case that was found to fail too."""
    tries = SHRINKS
    improved = True
    while improved and tries > 0:
        improved = False
        for smaller in _smaller(list(choices)):
            tries -= 1
            if tries < 0:
                break
            data = ConjectureData.for_choices(smaller)
            try:
                other = data.draw(cases(largest=largest))
            except StopTest:
                continue
            if _size(data.choices) < _size(choices) and fails(other):
                case, choices, improved = other, data.choices, True
                break
    return case


def _smaller(choices: list[Any]) -> Iterator[list[Any]]:
    width = len(choices) // 2
    while width:
        for start in range(0, len(choices) - width + 1, max(width // 2, 1)):
            yield choices[:start] + choices[start + width :]
        width //= 2
    for index, choice in enumerate(choices):
        if choice and isinstance(choice, int):
            for less in dict.fromkeys((0, int(choice) // 2, int(choice) - 1)):
                yield [*choices[:index], type(choice)(less), *choices[index + 1 :]]


def _size(choices: Choices) -> tuple[int, list[int]]:
    return len(choices), [int(one) if isinstance(one, int) else len(str(one)) for one in choices]
