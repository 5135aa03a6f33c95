"""On a real terminal: what a run shows while it goes on, and what stays when it is over."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.cli.commands import Shell, surroundings

pty = pytest.importorskip("pty", reason="this system has no pseudoterminals")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

CHAIN: Final = """\
from pathlib import Path

import trio
import graphflow as gf


@gf.aggregate
async def find(port: str) -> str:
    return f"{port}: 60 north\\n"


@gf.aggregate
async def answer(found: str):
    yield found
    yield "no "
    while not Path("go").exists():
        await trio.sleep(0.01)
    yield "\\x1b[31mmore"
    if Path("fail").exists():
        raise ValueError("the tide")


@gf.chunkwise
def same(text: str) -> str:
    return text


chain = find | answer | same
"""


class Terminal:
    """A process on a terminal of its own, and all that it has written there."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self._master = master
        self.process = process
        self.written = ""

    def wait_for(self, pattern: str) -> None:
        """Read until something has been written."""
        self._read(lambda: re.search(pattern, self.written) is not None)

    def finish(self) -> int:
        """Read until the process has ended, and return its code."""
        self._read(lambda: False)
        return self.process.wait(60)

    def _read(self, is_enough: Callable[[], bool]) -> None:
        while not is_enough():
            try:
                got = os.read(self._master, 65_536)
            except OSError:  # nobody has the other end open any more
                got = b""
            if not got:
                return
            self.written += got.decode()

    @property
    def text(self) -> str:
        """What was written, without what steers the terminal."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.written).replace("\r\n", "\n")


@contextlib.contextmanager
def terminal(shell: Shell, *arguments: str, piped: bool = False, kind: str = "xterm-256color") -> Iterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, bytes([30, 0, 100, 0, 0, 0, 0, 0]))
    environment = {name: value for name, value in surroundings().items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "graphflow", *arguments],
        cwd=shell.folder,
        env=environment | {"TERM": kind},
        stdin=slave,
        stdout=subprocess.PIPE if piped else slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        with process:
            yield Terminal(master, process)
    finally:
        process.kill()
        os.close(master)


@pytest.fixture
def port(shell: Shell) -> Shell:
    shell.write("port.py", CHAIN)
    return shell


def test_a_run_shows_what_every_node_does_while_it_goes_on_and_then_only_the_output(port: Shell) -> None:
    with terminal(port, "run", "port:chain", "Orlo") as tty:
        tty.wait_for("no ")
        tty.wait_for(r"answer .*runs · 2 chunks")
        assert re.search(r"✓ find +done after \d+\.\d\d s", tty.text)
        assert "Orlo: 60 north\n" in tty.text
        port.write("go", "")
        assert tty.finish() == 0
    end = tty.text[tty.text.rindex("Orlo: 60 north") :]
    assert "no \\x1b[31mmore\n" in end
    assert re.search(r"first chunk after \d+\.\d\d s · done in \d+\.\d\d s\n$", end)
    assert "\x1b[31mmore" not in tty.written
    assert tty.written.rindex("\x1b[?25h") > tty.written.rindex("\x1b[?25l"), "the cursor is shown again"


def test_control_c_leaves_what_had_come_and_a_clean_terminal(port: Shell) -> None:
    with terminal(port, "run", "port:chain", "Orlo") as tty:
        tty.wait_for(r"answer .*runs · 2 chunks")
        tty.process.send_signal(signal.SIGINT)
        assert tty.finish() == 130
    assert tty.text.endswith("no \ngraphflow: interrupted\n")
    assert tty.written.rindex("\x1b[?25h") > tty.written.rindex("\x1b[?25l"), "the cursor is shown again"


def test_a_run_that_fails_leaves_which_node_it_was(port: Shell) -> None:
    port.write("go", "")
    port.write("fail", "")
    with terminal(port, "run", "port:chain", "Orlo") as tty:
        assert tty.finish() == 1
    end = tty.text[tty.text.rindex("no ") :]
    assert re.search(r"^✗ answer +failed after \d+\.\d\d s · 3 chunks", end, flags=re.MULTILINE)
    assert re.search(r"^✓ find +done", end, flags=re.MULTILINE)
    assert "graphflow: ValueError: the tide\n  in node `answer`" in end


def test_what_is_piped_is_the_output_and_nothing_else(port: Shell) -> None:
    port.write("go", "")
    with terminal(port, "run", "port:chain", "Orlo", piped=True) as tty:
        assert tty.process.stdout is not None
        piped = tty.process.stdout.read()
        assert tty.finish() == 0
    assert piped == b"Orlo: 60 north\nno \x1b[31mmore\n"
    assert "done in" in tty.text
    assert "60 north" not in tty.text


def test_a_plan_is_coloured_and_fits_the_terminal(port: Shell) -> None:
    with terminal(port, "explain", "port:chain") as tty:
        assert tty.finish() == 0
    assert "\x1b[1;32m" in tty.written
    plan = tty.text.split("\n\nnote[")[0]
    assert max(map(len, plan.splitlines())) <= 100
    assert "▶ answer" in plan


def test_the_page_of_a_diagnostic_is_laid_out(port: Shell) -> None:
    with terminal(port, "explain-code", "GF301") as tty:
        assert tty.finish() == 0
    assert "GF301" in tty.text
    assert "```" not in tty.text


def test_a_terminal_that_cannot_draw_is_given_the_output_alone(port: Shell) -> None:
    port.write("go", "")
    with terminal(port, "run", "port:chain", "Orlo", kind="dumb") as tty:
        assert tty.finish() == 0
    assert tty.written.replace("\r\n", "\n") == "Orlo: 60 north\nno \\x1b[31mmore\n"
