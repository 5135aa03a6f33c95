"""Commands as users give them: in this process, where only their output counts, or in one of their own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Final
from unittest import mock

import attrs
import pytest

from graphflow.cli import main

#: A module of chains: one that streams, one that a function blocks, and what they are made of.
SHOP: Final = """\
from collections.abc import AsyncIterator
from typing import Any

import graphflow as gf

prompt = gf.prompt("Where is {port}?")
model = gf.ScriptedChatModel("At 60 north.")
answer = prompt | model | gf.text()


def with_colons(text: str) -> str:
    return text.replace(".", ":")


blocked = answer | with_colons
both = gf.parallel(answer=answer, words=blocked | str.split)


@gf.aggregate
async def failing(port: str) -> AsyncIterator[str]:
    yield "At "
    raise ValueError(f"nobody knows {port}")


@gf.chunkwise
def loud(text: str) -> str:
    return text.upper()


lost = failing | loud
countries = gf.ScriptedChatModel('{"names": ["France", "Spain"]}') | gf.json_parser()
tool = gf.tool(lambda port: port.upper(), name="louder", description="Say it louder.")
program = gf.compile(answer)
plain = 7
"""


@attrs.frozen
class Ended:
    """How a command has ended."""

    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """A terminal at which nobody types."""

    def isatty(self) -> bool:
        return True


class Shell:
    """A folder with a module of chains, and commands that are given in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def __call__(self, *arguments: str, given: str | None = "") -> Ended:
        """Give a command in this process, and forget the modules that it has imported.

        Args:
            arguments: the words after ``graphflow``.
            given: what is piped into it; None where standard input is a terminal, at which nobody types.
        """
        before = set(sys.modules)
        self._capsys.readouterr()
        stdin = Terminal() if given is None else io.StringIO(given)
        with mock.patch.object(sys, "stdin", stdin), pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = self._capsys.readouterr()
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and Path(file).is_relative_to(self.folder):
                del sys.modules[name]
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Ended(code or 0, out, err)

    def process(self, *arguments: str, given: str = "", environment: dict[str, str] | None = None) -> Ended:
        """Give a command in a process of its own."""
        ran = subprocess.run(
            [sys.executable, "-m", "graphflow", *arguments],
            input=given.encode(),
            cwd=self.folder,
            env=surroundings() | (environment or {}),
            capture_output=True,
            check=False,
            timeout=60,
        )
        return Ended(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


def surroundings() -> dict[str, str]:
    """Return an environment in which this project is found, and warnings are errors."""
    known = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    paths = os.pathsep.join(path for path in sys.path if path)
    return known | {"PYTHONPATH": paths, "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8", "COLUMNS": "120"}
