"""langchain-core is imported when it is asked for, and what is missing is told with the way to get it."""

from __future__ import annotations

import sys

import pytest

import graphflow as gf
from graphflow.lcel import lint
from tests.test_architecture import loaded_by


@pytest.mark.parametrize("statement", ["import graphflow as gf; gf.from_lcel", "import graphflow.lcel"])
def test_langchain_is_not_imported_before_a_chain_is_given(statement: str) -> None:
    loaded = {name.partition(".")[0] for name in loaded_by(statement)}
    assert "graphflow" in loaded
    assert not loaded & {"langchain_core", "langsmith", "pydantic", "networkx"}


@pytest.mark.parametrize(("function", "name"), [(lint, "graphflow.lcel.lint"), (gf.from_lcel, "gf.from_lcel")])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    function: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    assert callable(function)
    with pytest.raises(gf.MissingExtraError) as raised:
        function(print)
    assert raised.value.extra == "lcel"
    assert str(raised.value) == (
        f"{name} needs the extra `lcel`, which is not installed: pip install 'graphflow-compiler[lcel]'"
    )
