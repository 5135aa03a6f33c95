"""`graphflow run`: where the input comes from, how the output is shown, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.commands import Shell, surroundings

# --- input -------------------------------------------------------------------------------------------------


def test_the_input_is_an_argument_a_file_or_what_is_piped(shell: Shell) -> None:
    shell.write("echo.py", "import graphflow as gf\n\necho = gf.passthrough() | repr\n")
    shell.write("port.txt", "Orlo\nSund\n")
    assert shell("run", "echo:echo", "Orlo").out == "'Orlo'\n"
    assert shell("run", "echo:echo", "--file", "port.txt").out == "'Orlo\\nSund'\n"
    assert shell("run", "echo:echo", given="Orlo\n").out == "'Orlo'\n"
    assert shell("run", "echo:echo", "-", given="Orlo").out == "'Orlo'\n"
    assert shell("run", "echo:echo", "--file", "-", given="Orlo").out == "'Orlo'\n"


def test_the_input_may_be_json(shell: Shell) -> None:
    shell.write("echo.py", "import graphflow as gf\n\necho = gf.passthrough() | repr\n")
    assert shell("run", "echo:echo", '{"port": ["Orlo", 7, null]}', "--json-input").out == (
        "{'port': ['Orlo', 7, None]}\n"
    )
    ended = shell("run", "echo:echo", '{"port":\n Orlo}', "--json-input")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "graphflow: the input is not JSON: Expecting value at line 2, column 2\n"


def test_an_input_that_is_given_twice_or_not_at_all_is_told(shell: Shell) -> None:
    shell.write("port.txt", "Orlo\n")
    ended = shell("run", "shop:answer", "Orlo", "--file", "port.txt")
    assert (ended.code, ended.err) == (2, "graphflow: the input is given twice: as an argument, and with --file\n")
    ended = shell("run", "shop:answer", "--file", "missing.txt")
    assert ended.err == "graphflow: missing.txt cannot be read: No such file or directory\n"

    ended = shell("run", "shop:answer", given=None)
    assert ended.code == 2
    assert ended.err == "graphflow: there is no input; give it as an argument, by --file, or on standard input\n"


def test_an_input_that_does_not_fit_is_told_with_what_does(shell: Shell) -> None:
    shell.write(
        "two.py",
        "import graphflow as gf\n\nchain = gf.prompt('{a} {b}') | gf.ScriptedChatModel('x') | gf.text()\n",
    )
    ended = shell("run", "two:chain", "Orlo")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "graphflow: InputError: `prompt` takes a dict with {a}, {b}, but was given 'Orlo'\n"
        "  hint: the chain takes {a: object, b: object}; --json-input takes values that are no text\n"
    )


# --- output ------------------------------------------------------------------------------------------------


def test_text_is_printed_as_it_comes_and_ends_its_line(shell: Shell) -> None:
    assert shell("run", "shop:answer", "Orlo").out == "At 60 north.\n"


def test_messages_are_printed_by_their_text(shell: Shell) -> None:
    assert shell("run", "shop:model", "Orlo").out == "At 60 north.\n"


def test_what_is_no_text_is_printed_as_a_line_of_json_for_every_chunk(shell: Shell) -> None:
    lines = shell("run", "shop:countries", "x").out.splitlines()
    assert json.loads(lines[-1]) == {"names": ["France", "Spain"]}
    assert len(lines) > 2
    (line,) = shell("run", "shop:tool", "Orlo").out.splitlines()
    assert line == "ORLO"
    shell.write(
        "odd.py",
        "import attrs, dataclasses\nimport graphflow as gf\n\n"
        "@attrs.frozen\nclass Port:\n    name: str\n    _depth: int = 0\n\n"
        "@dataclasses.dataclass\nclass Sea:\n    name: str\n\n"
        "def odd(text: str) -> dict:\n"
        "    return {'port': Port(text, 7), 'sea': Sea('North'), 'both': {text}, 'raw': b'x', 'other': odd.__class__,"
        " 'error': ValueError('late')}\n\n"
        "def keys(text: str) -> dict:\n    return {(text, 1): 2}\n\n"
        "chain = gf.passthrough() | odd\nother = gf.passthrough() | keys\n",
    )
    assert json.loads(shell("run", "odd:chain", "Orlo").out) == {
        "port": {"name": "Orlo", "depth": 7},
        "sea": {"name": "North"},
        "both": ["Orlo"],
        "raw": "x",
        "other": "<class 'function'>",
        "error": "ValueError: late",
    }
    assert json.loads(shell("run", "odd:other", "Orlo").out) == "{('Orlo', 1): 2}"


def test_json_lines_give_every_chunk_as_a_value(shell: Shell) -> None:
    lines = shell("run", "shop:answer", "Orlo", "--json-lines").out.splitlines()
    assert [json.loads(line) for line in lines] == ["At", " 60", " north."]
    first, *_ = map(json.loads, shell("run", "shop:model", "Orlo", "--json-lines").out.splitlines())
    assert (first["role"], first["content"]) == ("ai", "At")


def test_events_are_printed_a_line_each(shell: Shell) -> None:
    lines = shell("run", "shop:answer", "Orlo", "--events").out.splitlines()
    assert lines[0] == 'on_chain_start          sequence  input "Orlo"'
    assert 'on_parser_stream        text  chunk "At"' in lines
    assert lines[-1] == 'on_chain_end            sequence  output "At 60 north."'


def test_what_is_long_in_an_event_is_cut(shell: Shell) -> None:
    lines = shell("run", "shop:answer", "Orlo" * 100, "--events").out.splitlines()
    assert max(map(len, lines)) < 250
    assert lines[0] == f'on_chain_start          sequence  input "{("Orlo" * 100)[:78]}…'


def test_events_as_json_lines_have_the_seven_keys(shell: Shell) -> None:
    events = [
        json.loads(line)
        for line in shell("run", "shop:answer", "Orlo", "--events", "--json-lines").out.split("\n")[:-1]
    ]
    assert {tuple(event) for event in events} == {("event", "name", "run_id", "tags", "metadata", "data", "parent_ids")}
    chunks = [event["data"]["chunk"] for event in events if event["event"] == "on_chain_stream"]
    assert "".join(chunk for chunk in chunks if chunk).endswith("At 60 north.")


def test_text_that_cannot_be_encoded_is_printed_as_its_escape(shell: Shell) -> None:
    shell.write("odd.py", "import graphflow as gf\n\nchain = gf.passthrough() | (lambda text: text + chr(0xd800))\n")
    ended = shell.process("run", "odd:chain", "Orlo")
    assert (ended.code, ended.out, ended.err) == (0, "Orlo\\ud800\n", "")


# --- how it ends -------------------------------------------------------------------------------------------


def test_a_node_that_fails_is_told_with_where_it_is_and_what_had_come(shell: Shell) -> None:
    ended = shell("run", "shop:lost", "Orlo")
    assert (ended.code, ended.out) == (1, "AT \n")
    first, second = ended.err.splitlines()
    assert first == "graphflow: ValueError: nobody knows Orlo"
    assert second == "  in node `failing` (shop.py:19)"


def test_a_traceback_is_shown_if_asked_for(shell: Shell) -> None:
    ended = shell("run", "shop:lost", "Orlo", "--traceback")
    assert ended.code == 1
    assert "Traceback (most recent call last):" in ended.err
    assert 'raise ValueError(f"nobody knows {port}")' in ended.err


def test_every_error_of_several_is_told(shell: Shell) -> None:
    shell.write(
        "several.py",
        "import trio\nimport graphflow as gf\n\nbegun = trio.Event()\n\n"
        "async def one(text: str) -> str:\n    try:\n        begun.set()\n        await trio.sleep_forever()\n"
        "    finally:\n        raise ValueError('one')\n\n"
        "async def two(text: str) -> str:\n    await begun.wait()\n    raise ValueError('two')\n\n"
        "chain = gf.parallel(one=one, two=two)\n",
    )
    ended = shell("run", "several:chain", "x")
    assert ended.code == 1
    assert "ValueError: one" in ended.err
    assert "ValueError: two" in ended.err


SLOW = """\
import trio
import graphflow as gf


async def slow(chunks):
    try:
        async for chunk in chunks:
            for word in chunk.split():
                yield f"{word} " * TIMES
                await trio.sleep(SECONDS)
    finally:
        print("closed", flush=True)


chain = gf.transform(slow)
"""


def slow(seconds: int, times: int) -> str:
    return SLOW.replace("SECONDS", str(seconds)).replace("TIMES", str(times))


@contextmanager
def started(shell: Shell, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "graphflow", *arguments],
        cwd=shell.folder,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send")
def test_control_c_closes_what_runs_and_ends_with_130(shell: Shell) -> None:
    shell.write("slow.py", slow(seconds=3600, times=1))
    with started(shell, "run", "slow:chain", "one two") as process:
        assert process.stdout is not None
        assert process.stdout.read(4) == b"one "
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b"closed\n\n"
    assert err == b"graphflow: interrupted\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("options", [(), ("--events",), ("--json-lines",)])
def test_a_reader_that_leaves_ends_the_run_without_a_word(shell: Shell, options: tuple[str, ...]) -> None:
    shell.write("slow.py", slow(seconds=0, times=50).replace('print("closed", flush=True)', "pass"))
    with started(shell, "run", "slow:chain", "word " * 5_000, *options) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(4)
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(60) == 141
    assert err == b""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_reader_that_leaves_a_long_plan_is_no_error_either(shell: Shell) -> None:
    shell.write("long.py", "from shop import *\nchain = answer\nfor _ in range(200):\n    chain = chain | str.strip\n")
    with started(shell, "explain", "long:chain", "--format", "json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(60) == 141
    assert err == b""
