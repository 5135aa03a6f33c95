"""Run a case on a virtual clock, and say what is wrong with what happened: nothing, if all is well."""

from __future__ import annotations

import itertools
import sys
import warnings
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from types import AsyncGeneratorType
from typing import Any
from unittest import mock

import attrs
import trio

import graphflow as gf
from graphflow.runtime import standstill
from graphflow_compiler.accumulate import CONCAT_LIST, CONCAT_STR
from graphflow_compiler.passes import plan_stages
from graphflow_compiler.plan import Plan, PlannedNode
from tests.fuzz.cases import Case
from tests.laws.behaviours import Empty, Twofold
from tests.laws.graphs import Example, declare, foldable, steps
from tests.laws.nodes import Boom, Watch
from tests.laws.reference import Flow, ends_early, evaluate, per_key
from tests.laws.running import RUN_ID, cut, narrow, unfused, with_bodies, with_plan
from tests.laws.simulation import simulate
from tests.laws.test_chunks import check_same, check_seen
from tests.laws.test_errors import leaves
from tests.leaving.watch import busy_threads, busy_threads_after_a_while, open_files


class Left(Exception):
    """What the body of a block raises."""


class Disagreement(AssertionError):
    """What came out is not what the reference says."""


class Unbalanced(AssertionError):
    """Events that do not belong together."""


class Leak(AssertionError):
    """Something is left of a run."""


def problem(case: Case, *, bounded: bool = False, grows: bool = False) -> str | None:
    """Run a case and return what kind of problem there is, and what it is; None where there is none.

    Args:
        case: what is run.
        bounded: give every buffer between stages a capacity, also where the plan says that it must have none.
        grows: of buffers that are all bounded, let those grow that bring about a standstill; without that none does.
            Where the plan is left as it is, nothing may come to a standstill, and so nothing may grow.
    """
    try:
        with mock.patch.object(standstill, "GROWS", grows or not bounded), warnings.catch_warnings():
            warnings.filterwarnings("ignore" if grows else "error", message="a run of .* had come to a standstill")
            _check(case, bounded)
    except trio.TooSlowError:
        return "deadlock: every task waits"
    except Leak as error:
        return f"leak: {error}"
    except Unbalanced as error:
        return f"unbalanced: {error}"
    except Disagreement as error:
        return f"disagreement: {error}"
    except AssertionError as error:
        kind = "leak" if "left" in str(error) else "disagreement"
        return f"{kind}: {error}"
    except Exception as error:
        return f"crash: {error!r}"
    return None


def all_bounded(plan: Plan, capacity: int) -> Plan:
    """Return the plan with a capacity for every buffer that has none."""

    def change(buffer: Any) -> Any:
        return attrs.evolve(buffer, kind="bounded", capacity=capacity) if buffer.kind == "unbounded" else buffer

    return attrs.evolve(
        with_bodies(plan, partial(all_bounded, capacity=capacity)), buffers=tuple(map(change, plan.buffers))
    )


@attrs.define
class _Run:
    """What the caller of a run has seen.

    Attributes:
        finished: whether it was told that there is no more.
    """

    chunks: list[Any] = attrs.field(factory=list)
    value: Any = None
    events: list[gf.Event] = attrs.field(factory=list)
    error: BaseException | None = None
    finished: bool = False


def _check(case: Case, bounded: bool) -> None:
    watch = Watch()
    files = open_files()
    with (
        mock.patch.object(plan_stages, "MAX_NESTING", case.nesting or plan_stages.MAX_NESTING),
        mock.patch.object(plan_stages, "MAX_BRANCH", 0 if case.nesting else plan_stages.MAX_BRANCH),
    ):
        program = gf.Program(declare(case.example.spec, watch))
    plan = program.plan if case.fused else unfused(program.plan)
    plan = narrow(plan, case.capacity)
    if bounded:
        plan = all_bounded(plan, case.capacity)
    program = with_plan(program, plan)
    run = _Run()

    async def main() -> None:
        generators = _generators_from_now_on()
        await _run(case, program, run)
        # Looked at here, since the end of the loop closes every generator.
        if left := [generator.__qualname__ for generator in generators if generator.ag_frame is not None]:
            raise Leak(f"generators {', '.join(left)}")
        if watch.open:
            raise Leak("a node was left open")

    known = set(busy_threads())
    simulate(main, seed=case.example.seed)
    if any("thread" in step.flavour or step.flavour == "sync" for step in steps(case.example.spec)):
        for thread in busy_threads_after_a_while(known):
            raise Leak(f"thread {thread.name}")
    if more := open_files() - files:
        raise Leak(f"files {sorted(more)}")
    _compare(case, run, watch)
    check_outputs(run.events, _concatenated(plan))


def _generators_from_now_on() -> list[AsyncGeneratorType[Any, Any]]:
    """Return what all asynchronous generators are put into that start: being in it, none is collected."""
    first = sys.get_asyncgen_hooks().firstiter
    generators: list[AsyncGeneratorType[Any, Any]] = []

    def started(generator: AsyncGenerator[Any, Any]) -> None:
        assert isinstance(generator, AsyncGeneratorType)
        generators.append(generator)
        if first is not None:
            first(generator)

    sys.set_asyncgen_hooks(firstiter=started)
    return generators


async def _run(case: Case, program: gf.Program[Any, Any], run: _Run) -> None:
    """Use the verb, and leave as the case says."""

    async def use() -> None:
        try:
            await _use(case, program, run)
        except Exception as error:
            run.error = error

    if case.leaving == "deadline":
        with trio.move_on_after(case.after):
            await use()
    elif case.leaving == "cancel":
        async with trio.open_nursery() as nursery:
            nursery.start_soon(use)
            await trio.sleep(case.after)
            nursery.cancel_scope.cancel()
    else:
        await use()


async def _use(case: Case, program: gf.Program[Any, Any], run: _Run) -> None:
    example = case.example
    if case.verb == "invoke":
        run.value = await program.invoke(example.value, run_id=RUN_ID, limit=case.limit)
        run.finished = True
        return
    read = 0
    if case.verb == "events":
        async with program.events(example.value, run_id=RUN_ID, limit=case.limit) as events:
            async for event in events:
                run.events.append(event)
                if isinstance(event, gf.StreamEvent) and not event.parent_ids:
                    run.chunks.append(event.chunk)
                if isinstance(event, gf.EndEvent) and not event.parent_ids:
                    run.value = event.data.get("output")
                read += 1
                if _leaves(case, read):
                    return
            # The events of a run that is cancelled end too: the last one says that it failed.
            run.finished = isinstance(run.events[-1], gf.EndEvent)
        return
    opened = program.stream(example.value, run_id=RUN_ID, limit=case.limit)
    if case.verb == "transform":
        opened = program.transform(cut(example.cuts), run_id=RUN_ID, limit=case.limit)
    async with opened as chunks:
        async for chunk in chunks:
            run.chunks.append(chunk)
            read += 1
            if _leaves(case, read):
                return
        run.finished = True


def _leaves(case: Case, read: int) -> bool:
    if read <= case.after:
        return False
    if case.leaving == "raise":
        raise Left
    return case.leaving == "break"


# --- what must hold ----------------------------------------------------------------------------------------


def _compare(case: Case, run: _Run, watch: Watch) -> None:
    example = case.example
    chunks = list(example.cuts) if case.verb == "transform" else [example.value]
    reference, expected = evaluate(example, chunks)
    _check_errors(case, run, watch, expected)
    if case.verb == "events":
        check_balance(run.events, whole=run.finished or (case.leaving == "whole" and run.error is not None))
    if isinstance(expected, Exception):
        return
    if run.error is None and run.finished:
        if case.verb in ("stream", "transform"):
            _same(per_key(run.chunks, expected.shape), per_key(expected.chunks, expected.shape), "chunks")
        if case.verb != "transform" or foldable(example.spec.gives):
            _check_value(case, run, expected)
        check_seen(watch.seen, reference)
    elif case.verb != "invoke":
        _check_beginning(per_key(run.chunks, expected.shape), per_key(expected.chunks, expected.shape))


def _same(one: Any, other: Any, what: str) -> None:
    if one != other:
        raise Disagreement(f"the {what} are {one!r}, and the reference says {other!r}")


def _check_value(case: Case, run: _Run, expected: Flow) -> None:
    if case.verb not in ("invoke", "events") or not foldable(case.example.spec.gives):
        return
    try:
        value = expected.value()
    except (Empty, Twofold):
        if case.verb == "invoke":
            raise Disagreement(f"{run.value!r} came out, and the reference has no value") from None
        return
    check_same(run.value, value)


def _check_beginning(some: Any, every: Any) -> None:
    """Compare the chunks that a caller has read before it left: they are the first ones, of every key."""
    if isinstance(every, dict):
        for key, inner in every.items():
            _check_beginning(some.get(key, []), inner)
    else:
        _same(some, every[: len(some)], "first chunks")


def _check_errors(case: Case, run: _Run, watch: Watch, expected: Flow | Exception) -> None:
    arrived = [] if run.error is None else list(leaves(run.error))
    failures = (gf.EmptyStreamError, gf.FoldError, gf.NotInvokableError)
    for error in arrived:
        if not isinstance(error, (*failures, Boom, Left)):
            raise error
    booms = [error for error in arrived if isinstance(error, Boom)]
    if len(booms) != len({id(error) for error in booms}):
        raise Disagreement("an error came twice")
    lost = [error for error in watch.raised if not any(error is one for one in booms)]
    # Nothing can arrive at a caller that is cancelled from outside, but with what has arrived before.
    if lost and case.leaving not in ("deadline", "cancel"):
        raise Disagreement(f"lost: {lost!r}, and what arrived is {run.error!r}")
    if len(arrived) == 1 and run.error is not arrived[0]:
        raise Disagreement("the only error arrived in a group")
    for error in booms:
        if sum(RUN_ID in note for note in getattr(error, "__notes__", ())) != 1:
            raise Disagreement(f"{error!r} does not say once which run it is from")
    if case.leaving == "whole" and not _may_end_early(case.example):
        if isinstance(expected, Exception) and not arrived:
            raise Disagreement(f"{expected!r} should have arrived")
        if not isinstance(expected, Exception) and booms:
            raise Disagreement(f"{booms!r} arrived, and the reference says that nothing fails")


def _may_end_early(example: Example) -> bool:
    return any(map(ends_early, steps(example.spec)))


def check_balance(events: list[gf.Event], *, whole: bool) -> None:
    """Compare events: every run starts once, in one that has started, and ends once, after all that is in it.

    They are numbered from 0.
    """
    started: dict[str, gf.Event] = {}
    ended: set[str] = set()
    for number, event in enumerate(events):
        if event.seq != number:
            raise Unbalanced(f"{event.event} of {event.name} has number {event.seq} in place {number}")
        if isinstance(event, gf.StartEvent):
            if event.run_id in started:
                raise Unbalanced(f"{event.name} starts twice")
            if unknown := set(event.parent_ids) - started.keys():
                raise Unbalanced(f"{event.name} starts in {unknown}, which have not started")
            if over := set(event.parent_ids) & ended:
                raise Unbalanced(f"{event.name} starts in {over}, which have ended")
            started[event.run_id] = event
            continue
        if event.run_id not in started:
            raise Unbalanced(f"{event.event} of {event.name} before it starts")
        if event.run_id in ended:
            raise Unbalanced(f"{event.event} of {event.name} after it has ended")
        if isinstance(event, gf.EndEvent | gf.ErrorEvent):
            ended.add(event.run_id)
            inside = [
                one.name for run_id, one in started.items() if event.run_id in one.parent_ids and run_id not in ended
            ]
            if inside:
                raise Unbalanced(f"{event.name} ends before {inside}, which are in it")
    if whole and (open_runs := started.keys() - ended):
        raise Unbalanced(f"no end of {sorted(started[one].name for one in open_runs)}")


def _concatenated(plan: Plan) -> frozenset[str]:
    """Return the names that only nodes have whose texts or lists are joined to one, bodies included."""
    nodes = list(_all_nodes(plan))
    others = {node.name for node in nodes if node.folds not in (CONCAT_STR, CONCAT_LIST)}
    return frozenset(node.name for node in nodes if node.has_run) - others


def _all_nodes(plan: Plan) -> Iterator[PlannedNode]:
    yield from plan.nodes
    for body in plan.nested:
        yield from _all_nodes(body)


def check_outputs(events: list[gf.Event], concatenated: frozenset[str]) -> None:
    """Compare the output that a node is told to have given, if it is, with all the chunks that it is told to have."""
    chunks: defaultdict[str, list[Any]] = defaultdict(list)
    for event in events:
        if isinstance(event, gf.StreamEvent):
            chunks[event.run_id].append(event.chunk)
        if isinstance(event, gf.EndEvent) and event.name in concatenated and "output" in event.data:
            given = list(itertools.chain.from_iterable(chunks[event.run_id]))
            if list(event.output) != given:
                raise Unbalanced(f"{event.name} ends with {event.output!r}, and its chunks make {given!r}")
