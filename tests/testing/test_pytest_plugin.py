"""``pytest --graphflow-profile``, as another pytest prints it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import pytest

CHAINS: Final = """
import threading
from collections.abc import AsyncIterator

import pytest
import trio

import graphflow as gf
from graphflow import testing


@gf.transform
async def slow(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        await trio.sleep(0.25)
        yield chunk


@gf.transform
async def failing(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        await trio.sleep(0.25)
        yield chunk
        raise KeyError(chunk)


def upper(text: str) -> str:
    return text.upper()


shout = gf.aggregate(upper)
answer = gf.ScriptedChatModel("At 7:40.", delay=1) | gf.text() | slow
"""

TESTS: Final = {
    "trio": """
@testing.virtual_time
async def test_trio() -> None:
    await answer.invoke("a")
    async with answer.stream("a") as chunks:
        assert "".join([chunk async for chunk in chunks]) == "At 7:40."
    async with answer.events("a") as events:
        assert [event async for event in events]
""",
    "sync": """
def test_sync() -> None:
    assert shout.sync.invoke("a") == "A"
    with shout.sync.stream("b") as chunks:
        assert list(chunks) == ["B"]
    thread = threading.Thread(target=shout.sync.invoke, args=("c",))
    thread.start()
    thread.join()
    assert answer.sync.explain_analyze("a").output == "At 7:40."
""",
    "left": """
@testing.virtual_time
async def test_left() -> None:
    async with answer.stream("a") as chunks:
        async for _ in chunks:
            break
    with trio.move_on_after(1.1):
        await answer.invoke("a")
""",
    "failing": """
@testing.virtual_time
async def test_failing() -> None:
    await (slow | failing).invoke("a")
""",
    "nothing": """
def test_nothing() -> None:
    assert answer.compile().plan.streams
""",
    "fixture": """
@pytest.fixture
def shouted() -> str:
    return shout.sync.invoke("a")


def test_fixture(shouted: str) -> None:
    assert shouted == "A"
""",
}


def printed(folder: Path, *arguments: str, tests: tuple[str, ...] = tuple(TESTS), code: int = 1) -> str:
    """Run pytest on some of the tests, with no settings but these; return what it prints."""
    (folder / "test_ferry.py").write_text("\n".join([CHAINS, *(TESTS[name] for name in tests)]))
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-c", os.devnull, *arguments]
    ran = subprocess.run([*command, "test_ferry.py"], cwd=folder, capture_output=True, check=False, timeout=120)
    output = ran.stdout.decode()
    assert ran.returncode == code, output + ran.stderr.decode()
    return output


def sections(output: str) -> dict[str, str]:
    """Return what is printed for each test."""
    _, _, profiles = output.partition(" graphflow profiles =")
    profiles, *_ = re.split(r"^=+ [^=]+ =+$", profiles, flags=re.MULTILINE)
    _, *parts = re.split(r"^_+ test_ferry.py::test_(\w+) _+$", profiles, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def headings(section: str) -> list[str]:
    return [line for line in section.splitlines() if re.match(r"`\w+`: ", line)]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_the_profiles_of_the_chains_of_each_test_are_printed(tmp_path: Path, workers: tuple[str, ...]) -> None:
    shown = sections(printed(tmp_path, "--graphflow-profile", *workers))
    assert {name: headings(section) for name, section in shown.items()} == {
        "trio": ["`sequence`: 3 runs, the slowest"],
        "sync": ["`upper`: 3 runs, the slowest", "`sequence`: 1 run"],
        "left": ["`sequence`: 2 runs that did not come to the end, the slowest"],
        "failing": ["`sequence`: 1 run that failed with KeyError"],
        "fixture": ["`upper`: 1 run"],
    }
    # These run on a virtual clock.
    assert "measured: the first chunk came after 250 ms, the last after 1.25 s" in shown["trio"]
    assert "chunks 2 → 2 · own time 500 ms · waiting 750 ms" in shown["trio"]
    assert "chunks 1 → 1 · own time 250 ms" in shown["failing"]


def test_a_run_that_is_left_or_fails_shows_what_was_measured_until_then(tmp_path: Path) -> None:
    shown = sections(printed(tmp_path, "--graphflow-profile", tests=("left", "failing")))
    assert "measured: the first chunk came after 250 ms, the last after 1.1 s" in shown["left"]
    assert "`slow` yields while it reads `chunks` (test_ferry.py:" in shown["left"]
    assert "measured: the first chunk came after 500 ms, the last after 500 ms" in shown["failing"]


def test_where_no_chain_has_run_this_is_said(tmp_path: Path) -> None:
    assert "no test has run a chain" in printed(tmp_path, "--graphflow-profile", tests=("nothing",), code=0)


def test_without_the_option_nothing_is_printed(tmp_path: Path) -> None:
    assert "profile" not in printed(tmp_path, tests=("trio", "nothing"), code=0)


def test_without_the_option_nothing_more_is_imported(tmp_path: Path) -> None:
    (tmp_path / "test_imports.py").write_text(
        "import sys\n\n\n"
        "def test_imports() -> None:\n"
        "    assert 'graphflow.pytest_plugin' in sys.modules\n"
        "    assert not {'trio', 'networkx', 'graphflow.profiling', 'graphflow.runtime'} & sys.modules.keys()\n"
    )
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # others may import more
    plugins = ["-p", "graphflow.pytest_plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, *plugins, "test_imports.py"]
    ran = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout.decode()


def test_pytest_finds_it_by_itself() -> None:
    (found,) = entry_points(group="pytest11", name="graphflow")
    assert found.value == "graphflow.pytest_plugin"
