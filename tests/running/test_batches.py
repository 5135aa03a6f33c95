"""Several values: `batch` and `batch_as_completed`."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import trio

import graphflow as gf
from tests.events.hearing import hear_all
from tests.laws.simulation import simulate

FIRST = "7c2f1d0e-0000-4000-8000-000000000001"
SECOND = "7c2f1d0e-0000-4000-8000-000000000002"


@gf.aggregate
async def slept(seconds: int) -> int:
    if seconds < 0:
        raise ValueError(f"no time to sleep: {seconds}")
    await trio.sleep(seconds)
    return seconds


def test_outputs_come_in_the_order_of_the_values() -> None:
    assert simulate(lambda: slept.batch([3, 1, 2])) == [3, 1, 2]


def test_as_completed_gives_each_output_when_it_is_done() -> None:
    async def main() -> list[tuple[int, int]]:
        async with slept.batch_as_completed([3, 1, 2]) as results:
            return [result async for result in results]

    assert simulate(main) == [(1, 1), (2, 2), (0, 3)]


def test_an_error_in_the_cleanup_of_what_is_left_early_is_raised() -> None:
    @gf.aggregate
    async def untidy(value: int) -> int:
        try:
            await trio.sleep(value)
        finally:
            if value == 2:
                raise ValueError("in the cleanup")
        return value

    async def main() -> None:
        async with untidy.batch_as_completed([1, 2]) as results:
            async for _ in results:
                break

    with pytest.raises(ValueError, match="in the cleanup"):
        simulate(main)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_so_many_values_are_worked_on_at_once_and_no_more(limit: int) -> None:
    now = most = 0

    @gf.aggregate
    async def count(value: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await trio.sleep(1)
        now -= 1
        return value

    assert simulate(lambda: count.batch(list(range(8)), max_concurrency=limit)) == list(range(8))
    assert most == limit


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        simulate(lambda: slept.batch([1], max_concurrency=0))


def told(**options: Any) -> list[tuple[str, str, list[str], dict[str, object]]]:
    """Return what the events say of the runs of a batch of two."""

    @gf.aggregate
    async def outer(value: int) -> list[int]:
        outputs: list[int] = await slept.batch([value, value], **options)
        return outputs

    heard = hear_all(outer, 1)
    starts = [event for event in heard.events if isinstance(event, gf.StartEvent) and event.name != "outer"]
    return sorted((event.name, event.run_id, event.tags, event.metadata) for event in starts)


def test_name_tags_and_metadata_are_those_of_every_run() -> None:
    runs = told(name="nap", tags=["short"], metadata={"bed": 4})
    assert [(name, tags, metadata) for name, _, tags, metadata in runs] == [("nap", ["short"], {"bed": 4})] * 2


def test_every_run_has_the_id_that_it_is_given() -> None:
    assert [run_id for _, run_id, _, _ in told(run_id=[FIRST, SECOND])] == [FIRST, SECOND]


def test_of_a_single_id_the_others_are_made() -> None:
    made = str(uuid.uuid5(uuid.UUID(FIRST), "1"))
    assert {run_id for _, run_id, _, _ in told(run_id=FIRST)} == {FIRST, made}


def test_errors_name_the_run_of_their_value() -> None:
    async def main() -> list[int | Exception]:
        return await slept.batch([-1, 0, -2], return_exceptions=True, run_id=[FIRST, SECOND, "third"])

    first, second, third = simulate(main)
    assert second == 0
    assert isinstance(first, ValueError)
    assert isinstance(third, ValueError)
    assert [note.rpartition("run ")[2] for note in first.__notes__ + third.__notes__] == [FIRST, "third"]


def test_too_few_ids_are_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="1 ids for 2 values"):
        simulate(lambda: slept.batch([-1, -1], run_id=[FIRST]))


def test_the_synchronous_verbs_take_the_same() -> None:
    assert slept.sync.batch([0, 0], max_concurrency=1, name="nap", tags=["a"], run_id=[FIRST, SECOND]) == [0, 0]
    with slept.sync.batch_as_completed([0], metadata={"a": 1}, run_id=FIRST) as results:
        assert list(results) == [(0, 0)]
