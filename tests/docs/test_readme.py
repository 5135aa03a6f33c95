"""The README keeps its word: its first example runs as it stands, and its commands exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.docs.pages import ROOT, Page


def test_the_first_example_runs_as_a_program_of_its_own(tmp_path: Path) -> None:
    example, shown = next(Page.read(ROOT / "README.md").examples())
    assert example.file is not None
    assert shown is not None
    program = tmp_path / example.file
    program.write_text(example.code, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONIOENCODING": "utf-8"}
    ran = subprocess.run(
        [sys.executable, "-W", "error", program], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert ran.stderr.decode() == ""
    assert ran.stdout.decode() == shown.code


def test_every_extra_is_named_where_the_installation_is_described() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not [extra for extra in project.get("optional-dependencies", ()) if f"`{extra}`" not in readme]


def test_every_make_target_that_the_readme_names_exists() -> None:
    named = re.findall(r"\$ make (\S+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert named[:2] == ["demo", "test"]
    assert set(named) <= set(targets)
