"""Every item of the reference guide is shown by a test, or its difference is explained."""

from __future__ import annotations

import runpy

import pytest

from tests.inventory.behaviours import BEHAVIOURS, RULES
from tests.inventory.items import ITEMS, Item, differences, exists, named_after


def test_all_items_are_listed_in_order() -> None:
    assert [item.number for item in ITEMS] == list(range(1, 86))


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: str(item.number))
def test_an_item_is_shown_by_a_test_or_its_difference_is_explained(item: Item) -> None:
    assert item.tests or item.difference
    assert named_after(item.number) or not item.more
    assert [test for test in item.tests if not exists(test)] == []


def test_an_item_in_neither_would_be_found() -> None:
    assert not Item(86, "Nobody has shown this.").tests
    assert not Item(86, "Nobody has shown this.").difference
    assert not exists("tests/inventory/test_inventory.py::test_that_was_renamed")
    assert not exists("tests/inventory/test_inventory.py")


def test_every_difference_is_of_an_item() -> None:
    numbers = {label for label in differences() if label.isdecimal()}
    assert numbers <= {str(item.number) for item in ITEMS}


def test_the_table_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("tests.inventory", run_name="__main__")
    printed = capsys.readouterr().out
    assert all(item.says in printed for item in ITEMS)
    assert all(behaviour.says in printed for behaviour in (*RULES, *BEHAVIOURS))
    assert "85 items: 84 have tests" in printed
