"""Run a chain once with measuring compiled in, and put together what was measured: `explain_analyze`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from graphflow.limits import Limit
from graphflow.runtime.execution import Execution, Run
from graphflow.runtime.metering import UNCALLED, Meter, Tally, gave_nothing_in_time
from graphflow.runtime.recorder import Config
from graphflow.runtime.run import OpenedChunks
from graphflow_compiler.errors import Diagnostic, EmptyStreamError
from graphflow_compiler.ir import INPUT
from graphflow_compiler.plan import Plan, PlannedNode
from graphflow_compiler.profile import NodeProfile, Profile, critical_path

if TYPE_CHECKING:
    from graphflow.runtime.code import Code


async def measured(
    code: Code, value: Any, config: Config, *, needs_nursery: bool, run_id: str | None, limit: Limit | None
) -> Profile:
    """Run a plan on a value, read its output as fast as it comes, and return what was measured."""
    meter = Meter.of_loop(code.plan)

    def begin(run: Run) -> Execution:
        return Execution(run, code, value=value, config=config, meter=meter)

    opened: AbstractAsyncContextManager[Any] = OpenedChunks(
        begin, needs_nursery=needs_nursery, run_id=run_id, limit=limit
    )
    async with opened as chunks:
        output = [chunk async for chunk in chunks]
    duration = meter.now()
    return profile_of(meter, duration, _value(code.plan, output))


def _value(plan: Plan, chunks: list[Any]) -> object:
    """Return what the chunks of the output fold to; the chunks, where nothing says how, or there are none."""
    folds = plan.by_id[plan.output].folds
    if folds is None:
        return chunks
    fold = folds.fold()
    for chunk in chunks:
        fold.add(chunk)
    try:
        return fold.value()
    except EmptyStreamError:
        return chunks


def profile_of(meter: Meter, duration: float, output: object) -> Profile:
    """Put together what was measured."""
    nodes = _figures(meter)
    return Profile(
        plan=meter.plan,
        nodes=nodes,
        first_chunk=nodes[meter.plan.output].first_chunk,
        duration=duration,
        critical_path=critical_path(meter.plan, nodes),
        diagnostics=tuple(_found(meter)),
        output=output,
        grown=tuple(_grown(meter)),
    )


def _grown(meter: Meter) -> Iterator[str]:
    for what in meter.grown:
        yield f"between stage {what['writer']} and {' and '.join(what['readers'])}: {what['room']} chunks from then on"
    for body in meter.plan.nested:
        yield from _grown(meter.body(body))


def _figures(meter: Meter) -> Mapping[str, NodeProfile]:
    return {node.id: _of_node(meter, node, meter.tallies[node.id]) for node in meter.plan.nodes}


def _of_node(meter: Meter, node: PlannedNode, tally: Tally) -> NodeProfile:
    if node.id == INPUT:
        return NodeProfile(
            runs=1, chunks_in=tally.given, chunks_out=tally.given, began=0.0, first_chunk=tally.first, done=tally.over,
            own=0.0, waiting=0.0, blocked=0.0, lifetime=0.0, loop_held=0.0, in_threads=0.0,
        )  # fmt: skip
    return NodeProfile(
        runs=tally.runs,
        chunks_in=tally.taken,
        chunks_out=tally.given,
        began=tally.begun,
        first_chunk=tally.first,
        done=tally.over,
        own=0.0 if node.op in UNCALLED else tally.own,
        waiting=tally.waiting,
        blocked=tally.blocked,
        lifetime=tally.lifetime,
        loop_held=tally.held,
        in_threads=tally.threaded,
        most_waiting={port: most for (target, port), most in meter.most.items() if target == node.id},
        bodies=tuple(_figures(meter.body(body)) for body in node.plans),
    )


def _found(meter: Meter) -> list[Diagnostic]:
    """Return what was planned, but not seen: in bodies, too."""
    found: list[Diagnostic] = []
    for node in meter.plan.nodes:
        tally = meter.tallies[node.id]
        if gave_nothing_in_time(node, tally):
            found.append(
                Diagnostic(
                    "GF401",
                    "warning",
                    f"`{node.name}` is planned to stream, but read all {tally.taken:,} chunks of its input "
                    + ("before it gave one" if tally.given else "and gave none"),
                    node=node.id,
                    location=node.location,
                    hint=f"yield inside the loop of `{node.name}` that reads its input, "
                    "or declare it with @gf.aggregate if it needs all of it",
                )
            )
        for body in node.plans:
            found += _found(meter.body(body))
    return found
