"""Print the inventory, and the rules and behaviours after it: ``python -m tests.inventory``."""

from __future__ import annotations

from tests.inventory.behaviours import BEHAVIOURS, RULES
from tests.inventory.items import ITEMS


def main() -> None:
    for item in ITEMS:
        row(str(item.number), item.says, item.tests, item.difference)
    tested = sum(bool(item.tests) for item in ITEMS)
    different = sum(bool(item.difference) for item in ITEMS)
    print(f"{len(ITEMS)} items: {tested} have tests, {different} are different\n")
    for behaviour in (*RULES, *BEHAVIOURS):
        row(behaviour.label, behaviour.says, behaviour.tests, behaviour.difference)
    print(f"{len(RULES)} rules of order and {len(BEHAVIOURS)} behaviours")


def row(label: str, says: str, tests: tuple[str, ...], difference: str) -> None:
    print(f"{label:>3}  {says}")
    for test in tests:
        print(f"       shown by    {test}")
    if difference:
        print(f"       different   {difference}")


if __name__ == "__main__":
    main()
