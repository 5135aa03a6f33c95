"""A short dose of the soak command."""

from __future__ import annotations

import sys
import threading

import pytest
import trio

from tests.leaving.watch import busy_threads, busy_threads_after_a_while
from tests.soak.soak import Sample, grown, provider, sample, soak


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is open is read from /proc")
def test_nothing_is_left_of_runs_that_fail_or_are_left() -> None:
    with provider() as url:
        samples, ended = trio.run(soak, url, 6, 1)
    assert set(ended) == {"cancelled", "failed", "finished", "left"}
    assert grown(samples) == []


def test_what_has_grown_is_found() -> None:
    flat = [Sample(number, 3, 5, 10, 50_000) for number in range(20)]
    assert grown(flat) == []
    assert grown([*flat[:15], *(Sample(0, 3, 5, 11, 50_000) for _ in range(5))]) == ["files: 10 early, 11 at the end"]
    assert grown([*flat[:15], *(Sample(0, 3, 6, 10, 50_000) for _ in range(5))]) == ["threads: 5 early, 6 at the end"]
    assert grown([*flat[:15], *(Sample(0, 3, 5, 10, 90_000) for _ in range(5))])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is open is read from /proc")
def test_threads_are_counted_that_are_at_work() -> None:
    async def main() -> None:
        known, before = set(busy_threads()), sample(0).threads
        await trio.to_thread.run_sync(lambda: None)
        assert not busy_threads_after_a_while(known)
        assert sample(0).threads == before < threading.active_count()  # one at least waits in the cache
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        assert sample(0).threads == before + 1
        stop.set()
        thread.join()

    trio.run(main)
