"""Ctrl-C, forks and the end of a process: each in a process of its own, which must end by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
#: How long a process may take; nothing asserts how long it did.
PATIENCE: Final = 60

EXPECTED: Final[dict[str, tuple[int, list[str]]]] = {
    "interrupt_invoke": (0, ["silent: closed", "KeyboardInterrupt", "aa"]),
    "interrupt_batch": (0, ["silent: closed", "KeyboardInterrupt", "aa"]),
    "interrupt_stream": (0, ["silent: closed", "KeyboardInterrupt", "aa"]),
    "interrupt_stream_in_its_body": (0, ["endless: closed", "KeyboardInterrupt", "aa"]),
    "interrupt_twice": (0, ["stubborn: closed", "KeyboardInterrupt", "aa"]),
    "interrupt_async": (0, ["KeyboardInterrupt", "aa", "[]"]),
    "interrupt_async_in_a_node": (0, ["KeyboardInterrupt", "aa", "[]"]),
    "fork_after_use": (0, ["aa", "bb", "child: 0", "cc"]),
    "fork_in_use": (0, ["child: 0"] * 5 + ["[]"]),
    "fork_in_a_block": (0, ["True", "left", "child: 0", "a", "endless: closed"]),
    "fork_workers": (0, ["aa", "['bb', 'cc']"]),
    "end_with_an_open_stream": (0, ["a"]),
    "end_with_a_thread_in_a_stream": (0, ["started"]),
    "end_in_a_block": (3, ["a", "endless: closed"]),
    "end_with_a_worker_in_a_node": (0, ["started"]),
    "use_at_the_end": (0, ["aa"]),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run all scenarios, and return where their outputs are."""
    folder = tmp_path_factory.mktemp("scenarios")
    paths = os.pathsep.join([str(ROOT / "compiler"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-W", "error", "-m", "tests.leaving.scenarios", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, start_new_session=True)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:  # what has no code then did not end
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return folder


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the scenarios fork")
@pytest.mark.parametrize("name", EXPECTED)
def test_scenario(name: str, folder: Path) -> None:
    code, lines = EXPECTED[name]
    assert (folder / f"{name}.err").read_text() == ""
    assert (folder / f"{name}.out").read_text().splitlines() == lines
    assert (folder / f"{name}.code").exists(), "it does not end"
    assert (folder / f"{name}.code").read_text() == str(code)
