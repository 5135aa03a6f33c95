"""How the command line is reached: as a module, as a program, without its extra, and from a shell that completes."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

from graphflow.cli import main
from tests.cli.commands import Shell

COMMANDS = ["explain", "run", "check", "diff", "explain-code"]


def test_python_m_graphflow_is_the_command_line(shell: Shell) -> None:
    ended = shell.process("explain", "shop:answer")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == shell("explain", "shop:answer").out


def test_the_program_is_called_graphflow() -> None:
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="graphflow")
    assert entry.load() is main
    assert (Path(sys.executable).parent / "graphflow").exists()


def test_help_names_every_command(shell: Shell) -> None:
    ended = shell("--help")
    assert ended.code == 0
    assert re.findall(r"^│ ([a-z][\w-]*) ", ended.out, flags=re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_is_for(shell: Shell, command: str) -> None:
    ended = shell(command, "--help")
    assert ended.code == 0
    assert f"Usage: graphflow {command}" in ended.out
    assert ended.out.count("\n") > 8


def test_an_unknown_command_is_told(shell: Shell) -> None:
    ended = shell("explian")
    assert ended.code == 2
    assert "explain" in ended.err


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_without_its_extra_it_says_how_to_install_it(
    package: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    ended = shell("explain", "shop:answer")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "graphflow: the command line needs the extra `cli`, which is not installed: "
        "pip install 'graphflow-compiler[cli]'\n"
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("graphflow ", COMMANDS),
        ("graphflow explain-code GF30", ["GF301", "GF302", "GF303", "GF305", "GF306"]),
        ("graphflow explain shop:answer --after c", ["check_types", "classify"]),
        ("graphflow explain shop:answer --format m", ["mermaid"]),
        ("graphflow check shop --format ", ["text", "github", "sarif"]),
    ],
)
def test_a_shell_can_complete(shell: Shell, words: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_GRAPHFLOW_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    ended = shell()
    assert ended.err == ""
    assert ended.out.split() == expected


def test_completion_can_be_installed(shell: Shell) -> None:
    ended = shell.process(
        "--show-completion", "bash", environment={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    )
    assert ended.code == 0
    assert "_GRAPHFLOW_COMPLETE=complete_bash" in ended.out
