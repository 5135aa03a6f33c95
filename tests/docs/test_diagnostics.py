"""The page of diagnostics keeps its word: what it calls wrong has the code, and what it shows instead has not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphflow_compiler.errors import CODES, Diagnostic
from tests.docs.pages import ROOT, Page

PAGE = ROOT / "docs" / "reference" / "diagnostics.md"


class Found:
    """The codes of the diagnostics that are made, one set for every example."""

    def __init__(self) -> None:
        self.codes: set[str] = set()

    def listen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make = Diagnostic.__init__

        def made(diagnostic: Diagnostic, *args: Any, **kwargs: Any) -> None:
            make(diagnostic, *args, **kwargs)
            self.codes.add(diagnostic.code)

        monkeypatch.setattr(Diagnostic, "__init__", made)

    def taken(self) -> set[str]:
        codes, self.codes = self.codes, set()
        return codes


def sections(page: Page) -> Iterator[tuple[int, str | None]]:
    """Yield the line of every heading, with the code that it names."""
    for number, line in enumerate(page.text.splitlines(), start=1):
        if line.startswith("## "):
            heading = line.removeprefix("## ")
            yield number, heading if heading in CODES else None


def test_every_code_is_caused_by_its_example_and_gone_with_its_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = Page.read(PAGE)
    headings = dict(sections(page))
    found = Found()
    found.listen(monkeypatch)
    shown: dict[str, list[bool]] = {}
    for block, _, printed in page.run():
        codes = found.taken()
        code = next((headings[line] for line in sorted(headings, reverse=True) if line < block.start), None)
        if code is not None:
            assert (code in codes) == (f"[{code}]" in printed), f"{page.name}:{block.start}"
            shown.setdefault(code, []).append(code in codes)
    assert list(shown) == sorted(CODES)
    assert {code: (any(wrong), wrong[-1]) for code, wrong in shown.items()} == dict.fromkeys(CODES, (True, False))
