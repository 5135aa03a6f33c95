"""The list of mutants that live: every line that they change still stands where the list says."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphflow_compiler.passes
from tests.mutation.survivors import listed

PASSES = Path(graphflow_compiler.passes.__file__).parent


@pytest.mark.parametrize("mutant", listed())
def test_the_line_that_a_listed_mutant_changes_is_in_the_pass(mutant: str) -> None:
    where, change = mutant.split(": ", 1)
    module, *_, function = where.split(".")
    source = (PASSES / f"{module}.py").read_text(encoding="utf-8")
    assert f"def {function}(" in source
    old = change.removeprefix("without ").split(" → ")[0]
    assert " ".join(old.split()) in " ".join(source.split())
