"""The pages of the diagnostics, from the reference itself: there is one text, which the docs show too."""

from __future__ import annotations

import difflib
import functools
from importlib.resources import files
from pathlib import Path

from graphflow.cli.outcome import CommandError
from graphflow_compiler.errors import CODES


def page(code: str) -> str:
    """Return the page of a code, in Markdown.

    Raises:
        CommandError: there is no such code.
    """
    known = code.strip().upper()
    if known not in CODES:
        near = difflib.get_close_matches(known, CODES, n=1)
        guess = f"did you mean {near[0]}?" if near else "`graphflow explain-code` lists them"
        raise CommandError(f"there is no diagnostic {code}: {guess}")
    return f"# {known}\n\n{_sections()[known]}"


def index() -> str:
    """Return all codes with their meanings, one a line."""
    return "\n".join(f"{code}  {meaning}" for code, meaning in CODES.items())


@functools.cache
def _sections() -> dict[str, str]:
    """Return what stands under every heading of the reference page."""
    sections = {}
    for section in f"\n{_reference()}".split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        sections[heading] = text.strip()
    return sections


def _reference() -> str:
    """Return the reference page: installed, it lies beside this file; in a checkout, where it is written."""
    installed = files(__package__).joinpath("diagnostics.md")
    written = Path(__file__).parents[2] / "docs" / "reference" / "diagnostics.md"
    return (installed if installed.is_file() else written).read_text(encoding="utf-8")
