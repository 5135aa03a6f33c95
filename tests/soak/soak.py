"""A process that runs chains for a long time against a provider that fails, stalls and cuts, with clients that leave.

After every round nothing is under way, and what there is then is counted: tasks, threads, open files, memory.
"""

from __future__ import annotations

import gc
import itertools
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import trio
import trio.testing

import graphflow as gf
from tests.leaving.watch import busy_threads

SERVER: Final = Path(__file__).parents[1] / "providers" / "server.py"

#: How the provider behaves, as often as it stands here.
BEHAVIOURS: Final = (
    *("normal", "split", "joined", "paced", "json_answer") * 3,
    *("cut", "reset", "short", "error", "malformed", "stall", "silent", "drip", "fast", "429", "500"),
)

#: Runs in one round, and how many of them at once.
ROUND: Final = 40
AT_ONCE: Final = 8

#: Rounds at least: of fewer, nothing can be compared.
LEAST: Final = 6


@attrs.frozen
class Sample:
    """What there is when nothing is under way.

    Attributes:
        runs: how many there have been.
        threads: those that are at work; a worker thread that waits in Trio's cache is not.
        memory: the resident set, in KiB.
    """

    runs: int
    tasks: int
    threads: int
    files: int
    memory: int


@contextmanager
def provider() -> Iterator[str]:
    """Run the server in a process of its own; gives its address."""
    command = [sys.executable, str(SERVER)]
    pipe, nothing = (
        subprocess.PIPE,
        subprocess.DEVNULL,
    )  # it complains of clients that leave before they have said anything
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.communicate(timeout=30)


class Soak:
    """The runs, decided by one number.

    Args:
        url: the address of the provider.
        seed: decides what runs, and how it ends.

    Attributes:
        ended: how often runs have ended in which way.
    """

    def __init__(self, url: str, seed: int) -> None:
        self._url = url
        self._random = random.Random(seed)
        self._keys = itertools.count(1)
        self.ended: Counter[str] = Counter()

    async def round(self) -> None:
        """Run many chains, some at once."""
        limit = trio.CapacityLimiter(AT_ONCE)

        async def one() -> None:
            async with limit:
                await self._run()

        async with trio.open_nursery() as nursery:
            for _ in range(ROUND):
                nursery.start_soon(one)

    async def _run(self) -> None:
        patience = self._random.choice([0.0, 0.01, 0.05, 0.2, 1.0])
        how = "cancelled"
        with trio.move_on_after(patience):
            try:
                how = await self._use(self._chain())
            except* (gf.ProviderError, gf.TimeLimitError, gf.JsonStreamError, gf.EmptyStreamError):
                how = "failed"
        self.ended[how] += 1

    async def _use(self, chain: gf.Chain[str, Any]) -> str:
        match self._random.randrange(5):
            case 0:
                await chain.invoke("hello")
            case 1:
                await chain.batch(["a", "b", "c"], max_concurrency=2)
            case 2:
                async with chain.events("hello") as events:
                    async for _ in events:
                        if self._random.random() < 0.05:
                            return "left"
            case 3:
                async with chain.stream("hello") as chunks:
                    async for _ in chunks:
                        if self._random.random() < 0.2:
                            return "left"
            case _:
                async with chain.stream("hello") as chunks:
                    async for _ in chunks:
                        await trio.lowlevel.checkpoint()
        return "finished"

    def _model(self) -> gf.ChatModel:
        address = f"{self._url}/{self._random.choice(BEHAVIOURS)}/{next(self._keys)}"
        if self._random.random() < 0.5:
            return gf.OpenAIChatModel("test-model", base_url=f"{address}/v1", api_key="k", timeout=2, max_retries=0)
        return gf.AnthropicChatModel("test-model", base_url=address, api_key="k", timeout=2, max_retries=0)

    def _chain(self) -> gf.Chain[str, Any]:
        ask = self._model() | gf.text()
        match self._random.randrange(7):
            case 0:
                return ask
            case 1:
                return ask.with_retry(attempts=2)
            case 2:
                return ask.with_fallbacks(self._model() | gf.text())
            case 3:
                return ask.with_timeout(total=0.3)
            case 4:
                return gf.parallel(left=ask, right=self._model() | gf.text(), same=gf.passthrough())
            case 5:
                return ask | gf.json_parser()
            case _:
                return gf.aggregate(str.split) | gf.each(ask, max_concurrency=2)


def sample(runs: int) -> Sample:
    """Count what there is."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = len(os.listdir("/proc/self/fd"))
    tasks = trio.lowlevel.current_statistics().tasks_living
    return Sample(runs, tasks, len(busy_threads()), files, pages * os.sysconf("SC_PAGE_SIZE") // 1024)


async def soak(url: str, seconds: float, seed: int, show: Any = None) -> tuple[list[Sample], Counter[str]]:
    """Run rounds for so long, but some at least; returns what there was after each, and how runs have ended."""
    work = Soak(url, seed)
    samples: list[Sample] = []
    ends = time.monotonic() + seconds
    while len(samples) < LEAST or time.monotonic() < ends:
        await work.round()
        with trio.move_on_after(5):  # worker threads and sockets that were closed go when the loop has turned
            await trio.testing.wait_all_tasks_blocked(0.05)
        samples.append(sample(len(samples) * ROUND + ROUND))
        if show is not None:
            show(samples[-1])
    return samples, work.ended


def grown(samples: list[Sample]) -> list[str]:
    """Return what there is more of at the end than after the first rounds, which fill caches."""
    assert len(samples) >= LEAST
    early, late = samples[len(samples) // 5 : 2 * len(samples) // 5], samples[-len(samples) // 5 :]
    found = []
    for what in ("tasks", "threads", "files"):
        before, after = (max(getattr(one, what) for one in some) for some in (early, late))
        if after > before:
            found.append(f"{what}: {before} early, {after} at the end")
    before, after = (sorted(one.memory for one in some)[len(some) // 2] for some in (early, late))
    if after > before * 1.05 + 2_048:
        found.append(f"memory: {before:,} KiB early, {after:,} KiB at the end")
    return found
