"""Say what a user should know of a plan: what blocks its output and how to mend it, what is bridged or unused."""

from __future__ import annotations

import keyword
from collections import deque
from collections.abc import Iterator

from graphflow_compiler.errors import Diagnostic
from graphflow_compiler.flow import unfoldable, why_unfoldable
from graphflow_compiler.ir import INPUT, NodeClass, NodeId, Op
from graphflow_compiler.plan import Plan, PlannedNode
from graphflow_compiler.types import UNKNOWN, show


def diagnose(plan: Plan) -> Plan:
    """Say what a user should know of a plan: what blocks its output and how to mend it, what is bridged or unused."""
    return _diagnosed(plan, streams_on=True)


def _diagnosed(plan: Plan, *, streams_on: bool) -> Plan:
    """Do so; whether the plan itself streams does not matter where an `each` waits for its value."""
    nodes = []
    for node in plan.nodes:
        inside = streams_on and node.op is not Op.EACH
        plans = tuple(_diagnosed(body, streams_on=inside) for body in node.plans)
        nodes.append(node.changed(plans=plans) if plans else node)
    plan = plan.changed(nodes=tuple(nodes))
    blocked = _blocked(plan) if streams_on else ()
    return plan.changed(diagnostics=(*blocked, *_bridged(plan), *_unused(plan), *_without_accumulator(plan)))


# --- what blocks the output --------------------------------------------------------------------------------


def _blocked(plan: Plan) -> Iterator[Diagnostic]:
    if plan.blocked_by is None:
        return
    node = plan.by_id[plan.blocked_by]
    wasted = _streaming_before(plan, node)
    if wasted is None:
        yield Diagnostic(
            "GF302",
            "note",
            f"the output does not stream: {node.reason}, and nothing before it streams either",
            node=node.id,
            location=node.location,
            hint="end the chain with a node that gives chunks: a chat model, or an @gf.aggregate that yields",
        )
        return
    yield Diagnostic(
        "GF301",
        "warning",
        f"the output does not stream: {node.reason}, so what `{wasted.name}` streams is held back until it is complete",
        node=node.id,
        location=node.location,
        hint=_mend(plan, node),
    )


def _streaming_before(plan: Plan, node: PlannedNode) -> PlannedNode | None:
    """Return the nearest node before `node` that gives chunks as it makes them, the input aside.

    Of a node that holds back what it wraps, that is the last node inside.
    """
    if node.policy is not None and node.policy.gives_whole:
        return next((body.by_id[body.output] for body in node.plans if body.streams), None)
    streaming = _streaming_nodes(plan)
    seen: set[NodeId] = set()
    pending = deque(edge.source for edge in plan.edges_into[node.id])
    while pending:
        current = plan.by_id[pending.popleft()]
        if current.id in seen or current.op is Op.INPUT:
            continue
        seen.add(current.id)
        if current.id in streaming and current.op not in (Op.JOIN, Op.IDENTITY, Op.PROJECT):
            return current
        pending.extend(edge.source for edge in plan.edges_into[current.id])
    return None


def _streaming_nodes(plan: Plan) -> set[NodeId]:
    """Return the nodes whose chunks come while they are made: what streams, and what a transform makes of it."""
    streaming = {INPUT}
    for node in plan.nodes:
        if node.node_class is NodeClass.PRODUCER or (
            node.node_class is NodeClass.TRANSFORM
            and any(edge.source in streaming for edge in plan.edges_into[node.id])
        ):
            streaming.add(node.id)
    return streaming


def _mend(plan: Plan, node: PlannedNode) -> str:
    match node.op:
        case Op.WRAP if node.policy is not None and node.policy.gives_whole:
            return f'let `{node.name}` hold back no more than its first chunk: leave until="end" out'
        case Op.BRANCH:
            return f"make every alternative of `{node.name}` a producer, and its output streams"
        case Op.CALL if node.kind != "chain":
            return f"let `{node.name}` stand before the last producer, not after it"
        case Op.CALL if node.ports and node.ports[0].fold is not None:
            return f"leave `{node.name}` out, or let it stand before the last producer"
        case _:
            return _as_transform(plan, node)


def _as_transform(plan: Plan, node: PlannedNode) -> str:
    """Return what to write instead of a function of whole values."""
    streaming = _streaming_nodes(plan) - {INPUT}
    edges = plan.edges_into[node.id]
    streamed = next((edge for edge in edges if edge.source in streaming), edges[0])
    name = _identifier(node.name)
    chunks = "chunks" if len(node.ports) == 1 else streamed.port
    parameters = ", ".join(
        f"{chunks}: AsyncIterator[{_shown(port.type)}]"
        if port.name == streamed.port
        else f"{port.name}: {_shown(port.type)}"
        for port in node.ports
    )
    lines = [
        "write it as a transform, which takes chunks as they come:",
        "    @gf.transform",
        f"    async def {name}({parameters}) -> AsyncIterator[{_shown(node.output)}]:",
        f"        async for chunk in {chunks}:",
        "            yield ...  # what this chunk adds",
    ]
    if len(node.ports) == 1:
        function = "lambda chunk: ..." if node.name == "lambda" else name
        lines.append(f"or, if it can work on one chunk at a time: gf.chunkwise({function})")
    if streamed.source not in streaming:
        lines.append(f"and so with `{plan.by_id[streamed.source].name}` before it, which blocks too")
    return "\n".join(lines)


def _shown(declared: object) -> str:
    return "Any" if declared is UNKNOWN else show(declared)


def _identifier(name: str) -> str:
    return name if name.isidentifier() and not keyword.iskeyword(name) else "step"


# --- the rest ----------------------------------------------------------------------------------------------


def _bridged(plan: Plan) -> Iterator[Diagnostic]:
    """Yield a note for every synchronous function that reads an asynchronous stream."""
    kinds = {(buffer.target, buffer.port): buffer.kind for buffer in plan.buffers}
    for stage in plan.stages:
        incoming = plan.edges_into[stage.nodes[0]]
        is_sync = len(incoming) == 1 and kinds[stage.nodes[0], str(incoming[0].port)] == "call"
        for node_id in stage.nodes:
            node = plan.by_id[node_id]
            reads_stream = node.op in (Op.GENERATE, Op.CALL) and any(port.streams for port in node.ports)
            if reads_stream and not (is_sync or node.is_async or node.thread):
                yield _bridge(node)
            is_sync = _gives_sync_stream(node, is_sync)


def _bridge(node: PlannedNode) -> Diagnostic:
    what = "generator after" if node.op is Op.GENERATE else "function that reads"
    (port, *_) = (port for port in node.ports if port.streams)
    return Diagnostic(
        "GF303",
        "note",
        f"`{node.name}` is a synchronous {what} an asynchronous stream, "
        "so it runs in a worker thread, and waits there for every chunk",
        node=node.id,
        location=node.location,
        hint="make it asynchronous: "
        f"async def {_identifier(node.name)}({port.name}: AsyncIterator[{_shown(port.type)}])",
    )


def _gives_sync_stream(node: PlannedNode, is_sync: bool) -> bool:
    """Tell whether what a node gives can be iterated without `await`, given whether its input can."""
    if node.is_async or node.thread or node.op in (Op.BRANCH, Op.EACH, Op.WRAP, Op.JOIN):
        return node.op is Op.CALL
    return is_sync or node.node_class is not NodeClass.TRANSFORM


def _unused(plan: Plan) -> Iterator[Diagnostic]:
    for join in plan.nodes:
        consumers = plan.edges_from[join.id]
        if join.op is not Op.JOIN or join.id == plan.output or any(edge.key is None for edge in consumers):
            continue
        taken = {edge.key for edge in consumers}
        for key in join.keys:
            if key not in taken:
                yield Diagnostic(
                    "GF305",
                    "warning",
                    f"key {key!r} of `{join.name}` is made, but nothing uses it",
                    node=join.id,
                    location=join.location,
                    hint=f"leave {key!r} out",
                )


def _without_accumulator(plan: Plan) -> Iterator[Diagnostic]:
    if plan.by_id[plan.output].folds is not None:
        return
    folds = {node.id: node.folds for node in plan.nodes}
    node, _ = unfoldable(plan, plan.output, None, folds)
    annotate = f"annotate what `{node.name}` gives, or " if node.output is UNKNOWN else ""
    yield Diagnostic(
        "GF306",
        "note",
        f"the output can be streamed but not invoked: nothing says how the chunks of `{node.name}` "
        f"become one value: {why_unfoldable(node, node.output)}",
        node=node.id,
        location=node.location,
        hint=f"{annotate}say it where `{node.name}` is declared, with accumulate=gf.latest or another accumulator,\n"
        "or end the chain with gf.collect(), for a list of the chunks",
    )
