"""`make demo` shows what it says, in little time, also when it is piped or interrupted."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Final

import pytest
import trio
from trio.testing import MockClock

from tests.docs.pages import ROOT

DEMO: Final = ROOT / "examples" / "demo.py"


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(main: Callable[[], Awaitable[None]]) -> float:
    """Run under a virtual clock and return the seconds that it would have taken."""

    async def timed() -> float:
        begun = trio.current_time()
        await main()
        return trio.current_time() - begun

    return trio.run(timed, clock=MockClock(autojump_threshold=0))


def test_it_shows_a_plan_an_answer_events_and_a_chain_that_is_broken_and_mended(
    demo: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = run(lambda: demo.main("scripted"))
    printed = capsys.readouterr().out
    assert seconds < 30
    for expected in (
        "streaming begins at `ScriptedChatModel`",
        "docs/",
        "on_retriever_end",
        "on_chat_model_stream",
        "warning[GF301]",
        "demo.py:",
        "NotStreamingError",
    ):
        assert expected in printed


def test_every_page_is_indexed(demo: ModuleType) -> None:
    paths = {document.metadata["path"] for document in demo.documents()}
    pages = {page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert paths == {"README.md", *pages}


def test_control_c_ends_it_without_a_traceback() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        [sys.executable, DEMO], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.decode().strip() == "Stopped."
