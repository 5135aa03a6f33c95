"""What was measured of one run, beside what was planned: frozen data, like a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from graphflow_compiler.errors import Diagnostic
from graphflow_compiler.ir import INPUT, Edge, NodeId, Op
from graphflow_compiler.plan import Format, Plan


@attrs.frozen
class NodeProfile:
    """What was measured of one node. All times are in seconds.

    Attributes:
        runs: how often it ran; more than once, or not at all, only inside another node.
        chunks_in: how many chunks it took; a whole value counts as one.
        chunks_out: how many it gave.
        began: when the stage that it is in began, counted from the beginning of the run.
        first_chunk: when it gave its first chunk, counted likewise; None if it gave none.
        done: when it was done; None if it never ran.
        own: how long its code was at work, or waited for something that is not its input: a model for its server.
        waiting: how long it waited for its input.
        blocked: how long it waited until what it had given was taken.
        lifetime: from when its stage began until it was done: `own + waiting + blocked`. Where it ran several times,
            these four are summed up.
        loop_held: the longest time that it kept the event loop from others.
        in_threads: how much of `own` it was in a worker thread.
        most_waiting: by port, how many chunks waited at most in the buffer there.
        bodies: the same of the nodes of every plan inside it.
    """

    runs: int
    chunks_in: int
    chunks_out: int
    began: float | None
    first_chunk: float | None
    done: float | None
    own: float
    waiting: float
    blocked: float
    lifetime: float
    loop_held: float
    in_threads: float
    most_waiting: Mapping[str, int] = attrs.field(factory=dict)
    bodies: tuple[Mapping[str, NodeProfile], ...] = ()


@attrs.frozen
class PathStep:
    """One step of the way on which the first chunk of the output came about.

    Attributes:
        node: the node.
        gave: what the next step waited for: its first chunk, or all that it gives.
        at: when it had given that, in seconds from the beginning of the run.
        took: how long it took for that, in seconds, once the step before had given what it waited for.
    """

    node: str
    gave: Literal["first chunk", "all"]
    at: float
    took: float


@attrs.frozen
class Profile:
    """What was measured of one run of a plan: what `explain_analyze` gives.

    Attributes:
        plan: the plan.
        nodes: what was measured, by node.
        first_chunk: when the first chunk of the output came, in seconds from the beginning; None if none came.
        duration: how long the whole took, in seconds.
        critical_path: what that first chunk waited for, step by step: what they took adds up to `first_chunk`.
        diagnostics: what was planned, but not seen: GF401.
        output: the value of the output; a list of its chunks, where nothing says how they fold.
        grown: the buffers that had to grow, because the run had come to a standstill: a mistake in the plan, to report.
    """

    plan: Plan
    nodes: Mapping[str, NodeProfile]
    first_chunk: float | None
    duration: float
    critical_path: tuple[PathStep, ...]
    diagnostics: tuple[Diagnostic, ...]
    output: object = attrs.field(repr=False)
    grown: tuple[str, ...] = ()

    def explain(self, format: Format = "text", *, full: bool = False) -> str:
        """Show the plan with what was measured: as text, as a page (``html``), as a drawing, or as JSON.

        Args:
            format: as for `Plan.explain`. JSON has the figures as numbers, in seconds.
            full: of text, show every node of a long plan.

        Raises:
            ValueError: there is no such format.
            DrawingError: ``svg`` was asked for, and graphviz is not there.
        """
        from graphflow_compiler.render import render_profile  # imported here: most programs never print a profile

        return render_profile(self, format, full=full)

    def to_json(self) -> str:
        """Return all of it as JSON but for the output: figures are numbers, in seconds."""
        return self.explain("json")

    def __str__(self) -> str:
        return self.explain()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from graphflow_compiler.render.html import in_frame

        return {"text/plain": self.explain(), "text/html": in_frame(self.explain("html"))}


def critical_path(plan: Plan, nodes: Mapping[str, NodeProfile]) -> tuple[PathStep, ...]:
    """Find what the first chunk of the output waited for, from the input on.

    From the output the way leads back to what came last of all that a node needed: where it waits for a whole value,
    when that was complete; where it reads a stream, when the first chunk of it came. A join passes on whatever comes
    first.
    """
    steps: list[PathStep] = []
    node_id: str = plan.output
    gave: Literal["first chunk", "all"] = "first chunk"
    at = nodes[node_id].first_chunk
    while at is not None and node_id != INPUT:
        came = [
            (ready, edge.source, what)
            for edge in plan.edges_into[NodeId(node_id)]
            for ready, what in [_came(plan, nodes, edge, all_of_it=gave == "all")]
            if ready is not None and ready <= at
        ]
        choose = min if plan.by_id[NodeId(node_id)].op is Op.JOIN and gave == "first chunk" else max
        before, source, what = choose(came, key=lambda each: each[0], default=(0.0, INPUT, "all"))
        steps.append(PathStep(node_id, gave, at, at - before))
        node_id, gave, at = source, what, before
    if at is not None:
        steps.append(PathStep(INPUT, gave, at, at))
    return tuple(reversed(steps))


def _came(
    plan: Plan, nodes: Mapping[str, NodeProfile], edge: Edge, *, all_of_it: bool
) -> tuple[float | None, Literal["first chunk", "all"]]:
    """Tell when what a node needs of one edge was there."""
    node = plan.by_id[edge.target]
    streams = node.op is Op.JOIN or any(port.streams and port.name == edge.port for port in node.ports)
    if streams and not all_of_it:
        return nodes[edge.source].first_chunk, "first chunk"
    return nodes[edge.source].done, "all"


def as_data(nodes: Mapping[str, NodeProfile]) -> dict[str, Any]:
    """Return figures as they are written into JSON."""
    return {
        node_id: {
            **attrs.asdict(figures, filter=lambda field, value: field.name not in ("most_waiting", "bodies")),
            "most_waiting": dict(figures.most_waiting),
            "bodies": [as_data(body) for body in figures.bodies],
        }
        for node_id, figures in nodes.items()
    }
