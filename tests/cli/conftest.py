"""Every test of the command line has a folder with a module of chains in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.commands import SHOP, Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Return a folder as the current directory, in which commands can be given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLUMNS", "120")
    shell = Shell(tmp_path, capsys)
    shell.write("shop.py", SHOP)
    return shell
