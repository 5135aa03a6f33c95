"""`graphflow check --lcel`: chains of LangChain's, in all formats, with the same exit codes; nothing of them is run."""

from __future__ import annotations

import json
import sys

import pytest

from tests.cli.commands import Shell

HARBOUR = """\
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

prompt = ChatPromptTemplate.from_template("When does the ferry to {port} leave?")
answer = prompt | FakeListChatModel(responses=["At 7:40."]) | StrOutputParser()


def with_colons(text: str) -> str:
    raise AssertionError("the chain was run")


def each_with_colons(chunks):
    for chunk in chunks:
        yield chunk.replace(".", ":")


blocked = answer | with_colons
halfway = answer | each_with_colons
plain = 7
"""


@pytest.fixture
def harbour(shell: Shell) -> Shell:
    shell.write("harbour.py", HARBOUR)
    return shell


def test_a_chain_that_blocks_is_told_with_both_mends(harbour: Shell) -> None:
    ended = harbour("check", "--lcel", "harbour:blocked")
    assert (ended.code, ended.err) == (0, "")
    first, second, third, *_, last = ended.out.splitlines()
    assert first == "harbour:blocked does not stream"
    assert second.startswith("warning[GF501]: the output does not stream: `with_colons` is a plain function")
    assert third == "  --> harbour.py:9  StrOutputParser | with_colons"
    assert "  hint: in LCEL: " in ended.out
    assert "        in graphflow: " in ended.out
    assert last == "1 chain checked, no error"


def test_a_chain_that_must_stream_and_does_not_fails(harbour: Shell) -> None:
    ended = harbour("check", "--lcel", "harbour:answer", "harbour:blocked", "--must-stream")
    assert ended.code == 1
    assert ended.out.startswith("harbour:answer streams\nharbour:blocked does not stream\nerror[GF501]: ")
    assert ended.out.endswith("2 chains checked, 1 failed\n")


def test_a_chain_that_runs_in_one_way_only_fails(harbour: Shell) -> None:
    ended = harbour("check", "--lcel", "harbour:halfway")
    assert ended.code == 1
    assert ended.out.startswith("harbour:halfway stream() streams, astream() raises\nerror[GF503]: with astream(), ")


def test_annotations_and_sarif_show_the_line_of_the_function(harbour: Shell) -> None:
    ended = harbour("check", "--lcel", "harbour:blocked", "--format", "github")
    assert ended.out.startswith("::warning file=harbour.py,line=9,title=GF501 in harbour%3Ablocked::")
    ended = harbour("check", "--lcel", "harbour:blocked", "--format", "sarif")
    (found,) = json.loads(ended.out)["runs"][0]["results"]
    assert found["ruleId"] == "GF501"
    assert found["locations"][0]["physicalLocation"]["region"]["startLine"] == 9


def test_what_is_no_lcel_chain_is_a_wrong_command(harbour: Shell) -> None:
    ended = harbour("check", "--lcel", "harbour:plain")
    assert (ended.code, ended.err) == (2, "graphflow: harbour:plain is no LCEL chain, but an object of type int\n")
    ended = harbour("check", "--lcel", "shop:answer")
    assert (ended.code, ended.err) == (
        2,
        "graphflow: shop:answer is no LCEL chain, but one of graphflow: leave --lcel out\n",
    )


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("harbour", "say which chain of harbour, as harbour:NAME"),
        ("harbour:anser", "harbour has no anser; did you mean harbour:answer?"),
        ("harbor:answer", "there is no module harbor"),
    ],
)
def test_a_chain_that_there_is_not_is_a_wrong_command(harbour: Shell, target: str, told: str) -> None:
    ended = harbour("check", "--lcel", target)
    assert ended.code == 2
    assert told in ended.err


def test_without_langchain_the_extra_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    shell.write("nothing.py", "chain = None\n")
    ended = shell("check", "--lcel", "nothing:chain")
    assert ended.code == 2
    assert "graphflow: graphflow.lcel.lint needs the extra `lcel`" in ended.err
