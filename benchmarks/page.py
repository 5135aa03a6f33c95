"""The page of the documentation that shows the table."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[1] / "docs" / "explanation" / "performance.md"
BEGIN: Final = "<!-- what stands from here on, `make bench-page` writes -->\n"
END: Final = "<!-- up to here -->\n"


def with_table(page: str, table: str) -> str:
    """Return the page with another table.

    Raises:
        ValueError: the page does not have the two lines that the table stands between.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no line {BEGIN if not begin else END!r}: the table stands between two of them")
    return f"{before}{begin}\n{table}\n{end}{after}"
