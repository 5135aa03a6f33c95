"""Print the inventory: ``python -m tests.inventory``."""

from __future__ import annotations

from tests.inventory.items import ITEMS


def main() -> None:
    for item in ITEMS:
        print(f"{item.number:2}  {item.says}")
        for test in item.tests:
            print(f"      shown by    {test}")
        if item.difference:
            print(f"      different   {item.difference}")
        if item.later:
            print(f"      later       {item.later}")
    tested = sum(bool(item.tests) for item in ITEMS)
    different = sum(bool(item.difference) for item in ITEMS)
    later = sum(bool(item.later) for item in ITEMS)
    print(f"{len(ITEMS)} items: {tested} have tests, {different} are different, {later} come later")


if __name__ == "__main__":
    main()
