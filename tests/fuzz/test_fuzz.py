"""The short dose of the fuzz command, and proof that it finds what it looks for."""

from __future__ import annotations

import re

import pytest

import graphflow as gf
from graphflow import events
from graphflow.runtime import execution, run
from tests.fuzz.cases import case_of, shrunk
from tests.fuzz.checks import Unbalanced, check_balance, check_outputs, problem
from tests.laws.graphs import steps

#: Of all graphs here; the command takes any other.
SEED = 1


@pytest.mark.parametrize("first", range(0, 500, 50))
def test_random_graphs_neither_deadlock_nor_leak_nor_lie(first: int) -> None:
    for number in range(first, first + 50):
        case, _ = case_of(SEED, number)
        why = problem(case)
        assert why is None, f"python -m tests.fuzz --seed {SEED} --only {number}: {why}\n{case.describe()}"


def test_the_graphs_are_the_same_every_time_and_of_all_sizes() -> None:
    assert case_of(SEED, 5) == case_of(SEED, 5)
    assert case_of(SEED, 5) != case_of(SEED + 1, 5)
    sizes = [sum(1 for _ in steps(case_of(SEED, number)[0].example.spec)) for number in range(200)]
    assert min(sizes) < 3
    assert max(sizes) > 40


def test_it_finds_the_deadlock_of_a_graph_whose_buffers_are_all_bounded() -> None:
    case, _ = case_of(SEED, 7)
    assert problem(case) is None
    assert problem(case, bounded=True) == "deadlock: every task waits"


async def nothing_is_closed(*_: object) -> None:
    """Stand in for what closes something."""


@pytest.mark.parametrize(
    ("owner", "name", "generator"), [(run.Opened, "_leave", "within"), (execution, "aclose", "cut")]
)
def test_it_finds_generators_that_leaving_a_run_leaves_open(
    owner: object, name: str, generator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, nothing_is_closed)
    found = (problem(case_of(SEED, number)[0]) for number in range(100))
    assert any(why is not None and why.startswith("leak: generators") and generator in why for why in found)


def test_buffers_that_bring_about_a_standstill_grow() -> None:
    for number in range(60):
        case, _ = case_of(SEED, number)
        why = problem(case, bounded=True, grows=True)
        assert why is None, f"python -m tests.fuzz --bounded --grow --seed {SEED} --only {number}: {why}"


def test_it_finds_events_that_do_not_belong_together() -> None:
    outer, inner = events.Run("chain", "outer", "1", (), (), {}), events.Run("chain", "inner", "2", ("1",), (), {})

    def check(*happened: tuple[type[gf.StartEvent | gf.EndEvent | gf.ErrorEvent], events.Run], first: int = 0) -> None:
        check_balance([kind(run, {}, number) for number, (kind, run) in enumerate(happened, first)], whole=True)

    begin, end = (gf.StartEvent, outer), (gf.EndEvent, outer)
    check(begin, (gf.StartEvent, inner), (gf.EndEvent, inner), end)
    for why, happened in {
        "outer ends before ['inner'], which are in it": (begin, (gf.StartEvent, inner), end, (gf.EndEvent, inner)),
        "outer ends before ['inner'],": (begin, (gf.StartEvent, inner), (gf.ErrorEvent, outer)),
        "inner starts in {'1'}, which have not started": ((gf.StartEvent, inner), begin),
        "inner starts in {'1'}, which have ended": (begin, end, (gf.StartEvent, inner)),
        "outer starts twice": (begin, begin),
        "on_chain_end of outer before it starts": (end,),
        "on_chain_end of outer after it has ended": (begin, end, end),
        "no end of ['outer']": (begin,),
    }.items():
        with pytest.raises(Unbalanced, match=re.escape(why)):
            check(*happened)
    with pytest.raises(Unbalanced, match="on_chain_start of outer has number 1 in place 0"):
        check(begin, end, first=1)


def test_it_finds_an_output_that_its_chunks_do_not_make() -> None:
    node = events.Run("chain", "node", "1", (), (), {})

    def check(output: object, *chunks: object) -> None:
        told = [gf.StreamEvent(node, chunk, number) for number, chunk in enumerate(chunks)]
        check_outputs([*told, gf.EndEvent(node, {"output": output}, len(told))], frozenset({"node"}))

    check("ab", "a", "", "b")
    check([1, 2], [1], [2])
    with pytest.raises(Unbalanced, match=re.escape("node ends with 'ab', and its chunks make ['a', 'b', 'c']")):
        check("ab", "ab", "c")
    with pytest.raises(Unbalanced, match="node ends with"):
        check([1], [1], [1])


def test_a_case_that_fails_is_made_smaller() -> None:
    case, choices = case_of(SEED, 18)
    least = shrunk(case, choices, lambda one: sum(1 for _ in steps(one.example.spec)) >= 3)
    assert sum(1 for _ in steps(least.example.spec)) == 3
