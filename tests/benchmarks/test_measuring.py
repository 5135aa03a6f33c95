"""What benchmarks compare is the same work, and what they say of it is what they measured."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from benchmarks.cases import HAND, LCEL, NS, OURS, Case, Figures, Group, Side, Taken, at_most, either, faster, within
from benchmarks.measuring import DifferentWorkError, measure
from benchmarks.page import ALL, END, JSON, PAGE, begin, with_table
from benchmarks.suite import GROUPS
from benchmarks.table import Report


def side(name: str, amounts: list[float], outcome: object = "done") -> Side:
    """Return a side that takes these amounts for a unit, one after the other."""
    left = iter(amounts)
    return Side(name, lambda count: Taken(next(left) * count, outcome), 10)


def measured(case: Case, rounds: int, *, quick: bool = False, runs: Callable[[Side], bool] = bool) -> Figures:
    (figures,) = measure([case], rounds, quick=quick, runs=runs, progress=lambda text: None)
    return figures


def test_figures_are_medians_and_ratios_are_medians_of_the_ratios_within_a_round() -> None:
    small = 0.0
    case = Case("work", NS, "chunk", (side(OURS, [small, 4, 10, 6]), side(HAND, [small, 2, 1, 6])))
    figures = measured(case, 3)
    assert figures.rounds == {OURS: [4, 10, 6], HAND: [2, 1, 6]}
    assert (figures.median(OURS), figures.median(HAND)) == (6, 2)
    assert figures.ratio(OURS, HAND) == 2


def test_a_quick_run_runs_every_side_once() -> None:
    case = Case("work", NS, "chunk", (side(OURS, [3]), side(HAND, [1])))
    assert measured(case, 3, quick=True).rounds == {OURS: [3], HAND: [1]}


def test_sides_that_give_something_else_are_refused() -> None:
    case = Case("work", NS, "chunk", (side(OURS, [1], outcome=[1, 2]), side(HAND, [1], outcome=[2, 1])))
    with pytest.raises(DifferentWorkError, match=r"work: the sides do not give the same\n.*\[1, 2\]\n.*\[2, 1\]"):
        measured(case, 1)


def test_targets_hold_for_ratios_limits_and_either_of_them() -> None:
    figures = Figures({OURS: [100.0], HAND: [80.0], LCEL: [2000.0]})
    assert at_most(1.25).reached(figures)
    assert not at_most(1.2).reached(figures)
    assert faster(20).reached(figures)
    assert not faster(21).reached(figures)
    assert either(within(50, "ns"), at_most(2)).reached(figures)
    assert not either(within(50, "ns"), at_most(1)).reached(figures)


def report(rounds: int, *, with_peer: bool) -> Report:
    sides = (side(OURS, [0, 100]), side(HAND, [0, 80]), side("careful", [0, 50]), side(LCEL, [0, 9000]))
    case = Case("a | b", NS, "chunk", sides, (at_most(1.2), at_most(2, "careful"), faster(100)))
    figures = measured(case, 1, runs=lambda side: with_peer or side.name != LCEL)
    machine = {"date": "today", "python": "3", "machine": "small", "trio": "1", "langchain-core": "2"}
    return Report(machine, rounds, [(Group("work", "Work", "What\n  it is.", list), [(case, figures)])])


def test_the_table_shows_figures_ratios_and_targets() -> None:
    table = report(1, with_peer=True).markdown()
    assert (
        "| a &#124; b | 100 ns/chunk | 80.0 | 1.25 | 9,000 | 90.0 | "
        "≤ 1.2 × hand: **no**; ≥ 100 × LCEL: **no** (twin: 112) |\n"
        "|  |  | careful: 50.0 | 2.00 |  |  | ≤ 2 × careful: yes |\n"
    ) in table
    assert "- **Work** (`work`). What it is.\n" in table


def test_a_missing_peer_is_reported_and_no_target_beside_it_is_judged() -> None:
    found = report(1, with_peer=False)
    assert "| 1.25 | not installed | - | ≤ 1.2 × hand: **no**; ≥ 100 × LCEL |" in found.markdown()
    (case,) = json.loads(found.json())["cases"]
    assert case["sides"][LCEL] is None
    assert [target["reached"] for target in case["targets"]] == [False, True, None]


def test_a_quick_table_judges_nothing() -> None:
    table = report(0, with_peer=True).markdown()
    assert "these figures say nothing" in table
    assert "yes" not in table
    assert "**no**" not in table


@pytest.mark.parametrize("command", [ALL, JSON])
def test_the_page_gets_another_table_and_keeps_the_rest(command: str) -> None:
    other = begin({ALL: JSON, JSON: ALL}[command])
    page = f"# Title\n\n{other}other\n{END}\n{begin(command)}old\n{END}\nmore\n"
    expected = f"# Title\n\n{other}other\n{END}\n{begin(command)}\n| new |\n\n{END}\nmore\n"
    assert with_table(page, command, "| new |\n") == expected
    with pytest.raises(ValueError, match="up to here"):
        with_table(page.replace(END, ""), command, "| new |\n")


@pytest.mark.parametrize("command", [ALL, JSON])
def test_the_page_has_a_place_for_every_table(command: str) -> None:
    assert with_table(PAGE.read_text(encoding="utf-8"), command, "| new |\n").count("| new |") == 1


def test_the_page_shows_every_case() -> None:
    page = PAGE.read_text(encoding="utf-8")
    names = [case.name.replace("|", "&#124;") for group in GROUPS for case in group.cases()]
    assert [name for name in names if f"| {name} |" not in page] == []
