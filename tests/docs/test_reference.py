"""The reference pages are complete: every public name, every diagnostic, and nothing that does not exist."""

from __future__ import annotations

import ast
import re

import graphflow as gf
from graphflow.events import KINDS
from graphflow_compiler.errors import CODES
from tests.docs.pages import ROOT, Page

REFERENCE = ROOT / "docs" / "reference"


def public_names() -> set[str]:
    """Return what `graphflow/__init__.py` re-exports, all of it as `X as X`, and what it imports lazily."""
    tree = ast.parse((ROOT / "graphflow" / "__init__.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imports if (node.module or "").startswith("graphflow")]
    return {alias.asname for node in ours for alias in node.names if alias.asname is not None}


def test_every_public_name_is_on_the_page_of_public_names() -> None:
    listed = set(re.findall(r"`gf\.(\w+)`", (REFERENCE / "api.md").read_text(encoding="utf-8")))
    assert listed == public_names()


def test_every_listed_name_can_be_imported() -> None:
    assert not [name for name in public_names() if not hasattr(gf, name)]


def test_every_code_has_a_section_that_shows_it() -> None:
    page = Page.read(REFERENCE / "diagnostics.md")
    lines = page.text.splitlines()
    headings = {line.removeprefix("## "): number for number, line in enumerate(lines) if line.startswith("## GF")}
    assert list(headings) == sorted(CODES)
    ends = [*list(headings.values())[1:], len(lines)]
    for (code, start), end in zip(headings.items(), ends, strict=True):
        meaning = CODES[code]
        assert lines[start + 2].startswith(meaning[0].upper() + meaning[1:])
        shown = [block.code for block in page.blocks if block.kind == "output" and start < block.start < end]
        assert any(f"[{code}]" in text for text in shown)


def test_every_kind_of_run_is_on_the_page_of_events() -> None:
    text = (REFERENCE / "events.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"\n| `{kind}` |" in text] == list(KINDS)
