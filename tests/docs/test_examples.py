"""Every example of README.md and docs/ runs, and prints what the page shows."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest

from tests.docs.pages import Page, PageError, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_examples_of_a_page_print_what_it_shows(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = {}
    wrong: list[str] = []
    for block, shown, text in page.run():
        printed[block] = text
        expected = [] if shown is None else shown.code.splitlines()
        place = f"{page.name}:{block.start if shown is None else shown.start}"
        wrong += difflib.unified_diff(expected, text.splitlines(), place, "what the example prints", lineterm="")
    if os.environ.get("REWRITE_DOCS"):
        page.path.write_text(page.with_outputs(printed), encoding="utf-8")
    elif wrong:
        pytest.fail("\n".join([*wrong, "", "REWRITE_DOCS=1 writes into the pages what is printed"]), pytrace=False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```python no-run\nx\n```", "is none of"),
        ("```python\nx\n", "not closed"),
        ("- so:\n  ```python\n  x\n  ```", "at the margin"),
        ("```console\nx\n```\n```output\nx\n```", "no example before it"),
        ("```console runs\n$ x\n```", "is none of"),
        ("```console run\n$ true\n```\n```output\nx\n```", "no example before it"),
    ],
)
def test_a_page_that_breaks_the_convention_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(text)
    with pytest.raises(PageError, match=reason):
        list(Page.read(path).examples())


def test_commands_are_given_where_the_files_of_the_page_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "page.md"
    python = "```python\n# app.py\nfirst = 1\n```\n\n```python\nsecond = 2\n```\n"
    path.write_text(f"{python}\n```console run\n$ cat app.py; exit 3\nold\n$ echo two\n```\n")
    page = Page.read(path)
    printed = {block: text for block, _, text in page.run()}
    (commands,) = (block for block in page.blocks if block.kind == "commands")
    assert printed[commands] == "$ cat app.py; exit 3\n# app.py\nfirst = 1\n\nsecond = 2\n$ echo two\ntwo\n"
    assert page.with_outputs(printed) == f"{python}\n```console run\n{printed[commands]}```\n"
    assert "echo" not in page.module()
