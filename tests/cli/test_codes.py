"""`graphflow explain-code`: the page of a diagnostic, which is the reference's own text."""

from __future__ import annotations

import re

import pytest

from graphflow_compiler.errors import CODES
from tests.cli.commands import Shell
from tests.docs.pages import ROOT


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_page_as_the_reference_has_it(shell: Shell, code: str) -> None:
    ended = shell("explain-code", code)
    assert (ended.code, ended.err) == (0, "")
    heading, _, text = ended.out.partition("\n\n")
    assert heading == f"# {code}"
    reference = (ROOT / "docs" / "reference" / "diagnostics.md").read_text(encoding="utf-8")
    assert f"## {code}\n\n{text.rstrip()}\n" in reference
    assert "\n## " not in ended.out
    assert text.startswith(CODES[code][0].upper() + CODES[code][1:])


def test_small_letters_do(shell: Shell) -> None:
    assert shell("explain-code", "gf301").out == shell("explain-code", "GF301").out


def test_all_codes_are_listed(shell: Shell) -> None:
    lines = shell("explain-code").out.splitlines()
    assert lines == [f"{code}  {meaning}" for code, meaning in CODES.items()]


def test_a_code_that_there_is_not_is_told(shell: Shell) -> None:
    ended = shell("explain-code", "GF103x")
    assert (ended.code, ended.out) == (2, "")
    assert re.fullmatch(r"graphflow: there is no diagnostic GF103x: did you mean GF\d+\?\n", ended.err)
    assert shell("explain-code", "E101").err.startswith("graphflow: there is no diagnostic E101: ")
