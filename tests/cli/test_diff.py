"""`graphflow diff`: what has changed between two saved plans, and whether that fails."""

# ruff: noqa: E501 (texts stand here as they are printed)

from __future__ import annotations

import json

import pytest

from tests.cli.commands import Shell


@pytest.fixture
def plans(shell: Shell) -> Shell:
    for name in ("answer", "blocked", "both", "lost"):
        shell.write(f"{name}.json", shell("explain", f"shop:{name}", "--format", "json").out)
    return shell


def test_the_same_plan_is_no_change(plans: Shell) -> None:
    ended = plans("diff", "answer.json", "answer.json")
    assert (ended.code, ended.out, ended.err) == (0, "no change\n", "")


def test_a_function_that_has_only_moved_is_no_change(plans: Shell) -> None:
    plan = (plans.folder / "blocked.json").read_text(encoding="utf-8")
    plans.write("moved.json", plan.replace('"line": 11', '"line": 411'))
    assert plans("diff", "blocked.json", "moved.json").out == "no change\n"


BLOCKED = """\
the output no longer streams: blocked by `with_colons` (shop.py:11): `with_colons` is a plain function of its whole input

nodes:
  + `with_colons` aggregate, str → str (shop.py:11): `with_colons` is a plain function of its whole input

stages:
  - `prompt`, `ScriptedChatModel` and `text`, pulled by the reader: it begins at the input
  + `prompt`, `ScriptedChatModel`, `text` and `with_colons`, pulled by the reader: it begins at the input

findings:
  + warning[GF301]: the output does not stream: `with_colons` is a plain function of its whole input, so what `text` streams is held back until it is complete (shop.py:11)
"""


def test_what_stops_streaming_comes_first(plans: Shell) -> None:
    ended = plans("diff", "answer.json", "blocked.json")
    assert (ended.code, ended.err) == (1, "")
    assert ended.out == BLOCKED
    assert plans("diff", "answer.json", "blocked.json", "--fail-on", "stops").code == 1


def test_what_begins_to_stream_is_no_failure_if_only_stopping_is(plans: Shell) -> None:
    ended = plans("diff", "blocked.json", "answer.json")
    assert ended.code == 1
    first, *_ = ended.out.splitlines()
    assert (
        first == "the output streams now: streaming begins at `ScriptedChatModel`, once `input` and `prompt` are done"
    )
    assert "  - `with_colons` aggregate, str → str (shop.py:11)" in ended.out
    assert plans("diff", "blocked.json", "answer.json", "--fail-on", "stops").code == 0


def test_the_changes_come_as_json_too(plans: Shell) -> None:
    ended = plans("diff", "answer.json", "blocked.json", "--format", "json")
    assert ended.code == 1
    changes = json.loads(ended.out)["changes"]
    assert [(each["what"], each["sign"], each["stops"]) for each in changes] == [
        ("output", "~", True),
        ("node", "+", False),
        ("stage", "-", False),
        ("stage", "+", False),
        ("finding", "+", False),
    ]
    assert json.loads(plans("diff", "answer.json", "answer.json", "--format", "json").out) == {"changes": []}


def test_a_file_that_is_no_plan_ends_with_2(plans: Shell) -> None:
    plans.write("broken.json", '{"graphflow_plan": 1, "nodes": [')
    for old, new, said in (
        ("broken.json", "answer.json", "graphflow: broken.json is no plan: line 1, column 33: this is not JSON"),
        ("answer.json", "nowhere.json", "graphflow: nowhere.json cannot be read: No such file or directory"),
    ):
        ended = plans("diff", old, new)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith(said)
