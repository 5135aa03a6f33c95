"""The page of the documentation that shows the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[1] / "docs" / "explanation" / "performance.md"
ALL: Final = "make bench-page"
JSON: Final = "python -m benchmarks.json_stream --page"
END: Final = "<!-- up to here -->\n"


def begin(command: str) -> str:
    """Return the line behind which the table of a command stands."""
    return f"<!-- what stands from here on, `{command}` writes -->\n"


def with_table(page: str, command: str, table: str) -> str:
    """Return the page with another table of a command.

    Raises:
        ValueError: the page does not have the two lines that the table stands between.
    """
    before, line, rest = page.partition(begin(command))
    _, end, after = rest.partition(END)
    if not line or not end:
        missing = begin(command) if not line else END
        raise ValueError(f"the page has no line {missing!r}: the table stands between two of them")
    return f"{before}{line}\n{table}\n{end}{after}"


def write(command: str, table: str) -> None:
    """Write the table of a command into the page."""
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), command, table), encoding="utf-8")
    print(f"Written: {PAGE}")
