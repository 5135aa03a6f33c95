"""The list of mutants that no test kills, each with the reason why it may live.

=== the reason, for all mutants under it
module.function: old line → new line
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("survivors.txt")


def listed() -> dict[str, str]:
    """Return the reason for every mutant of the list."""
    reasons: dict[str, str] = {}
    reason = ""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("=== "):
            reason = line.removeprefix("=== ")
        elif reason and line:
            assert line not in reasons, f"{line!r} is listed twice"
            reasons[line] = reason
    return reasons
