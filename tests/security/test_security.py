"""What docs/explanation/security.md promises: nothing that comes from outside is run, and all of it has limits.

That no secret is in plans, events, errors and logs is tested with the models of providers, against a server.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import graphflow as gf
from graphflow.cli.outcome import CommandError
from graphflow.cli.values import read_input
from graphflow.components.template import TemplateError
from graphflow_compiler.render.read_json import PlanFormatError, read_plan

ROOT = Path(__file__).parents[2]

#: Where code is compiled and run: what stages do, which graphflow writes itself; and the user's own annotations.
COMPILES = {"graphflow/runtime/code.py", "graphflow/annotations.py"}
RUNS = {"exec", "eval", "compile", "__import__"}


# --- nothing that comes from outside is run ----------------------------------------------------------------


def test_only_these_files_can_run_code() -> None:
    found = set()
    for folder in ("graphflow", "compiler"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RUNS:
                    found.add(path.relative_to(ROOT).as_posix())
    assert found == COMPILES


@pytest.mark.parametrize("module", ["pickle", "marshal", "shelve", "yaml", "dill", "cloudpickle", "subprocess"])
def test_nothing_is_read_that_can_run_code(module: str) -> None:
    users = set()
    for folder in ("graphflow", "compiler"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                if any(name.partition(".")[0] == module for name in names):
                    users.add(path.relative_to(ROOT).as_posix())
    # graphviz is a program; it is called with a picture of the plan, without a shell.
    assert users <= ({"compiler/graphflow_compiler/render/svg.py"} if module == "subprocess" else set())


@pytest.mark.parametrize(
    "text", ["{x.__class__}", "{x[0]}", "{x!r}", "{x:>10}", "{0}", "{}", "{x + 1}", "{__import__('os')}"]
)
def test_a_template_is_holes_and_text(text: str) -> None:
    with pytest.raises(TemplateError):
        gf.prompt(text)


def test_what_is_filled_in_is_not_a_template() -> None:
    prompt = gf.prompt("Say {text}")
    (message,) = prompt.sync.invoke({"text": "{text.__class__} {other} {{"})
    assert message.text == "Say {text.__class__} {other} {{"


ODD_NAMES = [
    'x"); import os; os.abort()  #',
    "x\nimport os",
    "'''",
    "`x`",
    "a.b",
    "ünï",
    "class",
    "</script><script>",
    "💥",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_is_no_code(name: str) -> None:
    @gf.transform(name=name)
    async def node(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk + "!"

    def loud(chunk: str) -> str:
        return chunk.upper()

    chain = node | gf.chunkwise(loud, name=name) | gf.aggregate(str.strip, name=name)
    assert chain.sync.invoke("a") == "A!"
    for stage in chain.compile().plan.stages:
        assert "import os" not in [line.strip() for line in stage.source.splitlines()]
        ast.parse(stage.source)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_is_no_markup(name: str) -> None:
    page = gf.aggregate(str.strip, name=name).compile().plan.explain("html")
    assert "</script><script>" not in page


def test_the_page_of_a_plan_loads_nothing() -> None:
    page = gf.prompt("{x}").compile().plan.explain("html")
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "https://" not in page


def test_arguments_of_a_tool_are_data() -> None:
    @gf.tool
    def search(query: str, limit: int = 3) -> str:
        """Search.

        Args:
            query: what for.
            limit: how many at most.
        """
        return f"{query} {limit}"

    with pytest.raises(gf.InvalidArgumentsError):
        search.sync.invoke({"query": ["a"], "limit": "__import__('os')"})
    assert search.sync.invoke({"query": "__import__('os')"}) == "__import__('os') 3"


# --- all of it has limits ----------------------------------------------------------------------------------

DEEP = "[" * 100_000 + "]" * 100_000
DIGITS = "9" * 100_000


@pytest.mark.parametrize("text", [DEEP, DIGITS], ids=["deep", "many digits"])
def test_json_of_a_model_is_limited(text: str) -> None:
    with pytest.raises(gf.JsonStreamError):
        gf.json_parser().sync.invoke(text)


def test_xml_of_a_model_is_limited() -> None:
    with pytest.raises(gf.XmlStreamError):
        gf.xml_parser().sync.invoke("<a>" * 100_000)
    with pytest.raises(gf.XmlStreamError):
        gf.xml_parser().sync.invoke('<!DOCTYPE a [<!ENTITY b "boom">]><a>&b;</a>')


@pytest.mark.parametrize("arguments", [DEEP, '{"a": ' + DEEP + "}", '{"a": ' + DIGITS + "}", "NaN"])
def test_arguments_of_tool_calls_are_limited(arguments: str) -> None:
    chunk = gf.AIMessageChunk(tool_call_chunks=[gf.ToolCallChunk(0, "c", "search", arguments)])
    with pytest.raises(gf.IncompleteToolCallError):
        _ = chunk.tool_calls


@pytest.mark.parametrize("text", [DEEP, '{"graphflow_plan": ' + DIGITS + "}", '{"graphflow_plan": ' + DEEP + "}"])
def test_a_plan_from_a_file_is_limited(text: str) -> None:
    with pytest.raises(PlanFormatError):
        read_plan(text)


@pytest.mark.parametrize("text", [DEEP, DIGITS], ids=["deep", "many digits"])
def test_json_of_the_command_line_is_limited(text: str) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        read_input(text, None, as_json=True)


def test_a_search_is_words_not_a_query() -> None:
    index = gf.SearchIndex(":memory:")
    index.add([gf.Document("parrots talk"), gf.Document("dogs bark")])
    for query in ['parrots" OR "dogs', "parrots NOT talk", "text:parrots", "NEAR(parrots dogs)", "'; DROP TABLE x; --"]:
        assert len(index.search(query)) <= 2
    assert [found.text for found in index.search("parrots")] == ["parrots talk"]
