"""A short dose of the soak command."""

from __future__ import annotations

import sys

import pytest
import trio

from tests.soak.soak import Sample, grown, provider, soak


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is open is read from /proc")
def test_nothing_is_left_of_runs_that_fail_or_are_left() -> None:
    with provider() as url:
        samples, ended = trio.run(soak, url, 6, 1)
    assert set(ended) == {"cancelled", "failed", "finished", "left"}
    last = samples[-1]
    assert last.tasks == samples[0].tasks
    assert last.files <= samples[0].files + 2  # the loop's own may come later


def test_what_has_grown_is_found() -> None:
    flat = [Sample(number, 3, 5, 10, 50_000) for number in range(20)]
    assert grown(flat) == []
    assert grown([*flat[:15], *(Sample(0, 3, 5, 11, 50_000) for _ in range(5))]) == ["files: 10 early, 11 at the end"]
    assert grown([*flat[:15], *(Sample(0, 3, 5, 10, 90_000) for _ in range(5))])
