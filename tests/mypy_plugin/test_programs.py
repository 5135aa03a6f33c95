"""What mypy says of small programs.

Beside every program stands what is said of it with the plugin: the line, and the message if it is one of the plugin; of
mypy's own messages, whose words change with its version, only the code. ``REWRITE_GOLDENS=1`` writes it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

PROJECT: Final = Path(__file__).parents[2]
PROGRAMS: Final = Path(__file__).with_name("programs")
NODES: Final = PROGRAMS / "nodes.py"
JUDGED: Final = sorted({*PROGRAMS.glob("*.py")} - {NODES})
#: Where the plugin has nothing to say.
UNKNOWN: Final = PROGRAMS / "unknown.py"

Findings = dict[str, list[str]]


def findings(folder: Path, programs: Sequence[Path], *, plugins: str) -> Findings:
    """Run mypy over programs; returns what it says of each, by its name.

    What the plugin knows of the nodes comes from mypy's cache, as it does for all that did not change between two runs.
    """
    config = folder / "mypy.ini"
    config.write_text(
        f"[mypy]\nstrict = true\nmypy_path = compiler:typestubs\nexplicit_package_bases = true\nplugins = {plugins}\n"
    )
    found: Findings = {path.stem: [] for path in programs}
    assert mypy(config, [NODES]) == []
    for line in mypy(config, programs):
        finding = re.fullmatch(r"(.+?):(\d+): error: (.*)  \[([\w-]+)\]", line)
        assert finding is not None, line
        path, number, message, code = finding.groups()
        found[Path(path).stem].append(f"{number}: {message if code == 'graphflow' else f'[{code}]'}")
    return found


def mypy(config: Path, programs: Sequence[Path]) -> list[str]:
    """Run mypy; returns its lines, without its notes."""
    options = ["--config-file", str(config), "--cache-dir", str(config.with_name("cache")), "--no-error-summary"]
    api = importlib.import_module("mypy.api")
    with contextlib.chdir(PROJECT):
        output, complaint, status = api.run([*options, *(str(path.relative_to(PROJECT)) for path in programs)])
    assert (complaint, status < 2) == ("", True), complaint or output
    return [line for line in output.splitlines() if ": note: " not in line]


@pytest.fixture(scope="module")
def with_plugin(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return findings(tmp_path_factory.mktemp("with"), JUDGED, plugins="graphflow.mypy")


@pytest.mark.parametrize("program", JUDGED, ids=lambda path: path.stem)
def test_what_is_said_of_a_program(program: Path, with_plugin: Findings) -> None:
    golden = program.with_suffix(".txt")
    said = "".join(f"{one}\n" for one in with_plugin[program.stem])
    if "REWRITE_GOLDENS" in os.environ:
        golden.write_text(said)
    assert said == golden.read_text()


def test_where_nothing_is_known_nothing_changes(with_plugin: Findings, tmp_path: Path) -> None:
    assert findings(tmp_path, [UNKNOWN], plugins="") == {UNKNOWN.stem: with_plugin[UNKNOWN.stem]}
