"""The server that the tests of providers ask, in a process of its own, for all of them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

KEY: Final = "sk-test-0123456789abcdef"

_KEYS = itertools.count(1)


@attrs.frozen
class Loopback:
    """The server: addresses for clients, and what it has seen of them."""

    url: str

    def address(self, behaviour: str) -> str:
        """Return the address of a behaviour, which no other test has."""
        return f"{self.url}/{behaviour}/{next(_KEYS)}"

    def seen(self, address: str) -> dict[str, Any]:
        """Wait for the end of the connection to an address, the only one, and return what was seen of it."""
        (record,) = self.all_seen(address)
        return record

    def all_seen(self, address: str, of: int = 1) -> list[dict[str, Any]]:
        """Wait for the end of so many connections to an address, and return what was seen of all."""
        key = address.removeprefix(self.url).split("/")[2]
        with urllib.request.urlopen(f"{self.url}/seen/{key}/{of}") as response:
            records: list[dict[str, Any]] = json.load(response)
        return records


@pytest.fixture(scope="session")
def loopback() -> Iterator[Loopback]:
    script = Path(__file__).with_name("server.py")
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield Loopback(f"http://127.0.0.1:{port}")
        finally:
            process.communicate(timeout=10)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "ANTHROPIC_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
