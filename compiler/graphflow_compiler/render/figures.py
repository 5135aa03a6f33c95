"""Put what was measured into words, for the outline of a plan: every format shows them with the nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import attrs

from graphflow_compiler.ir import INPUT, NodeId
from graphflow_compiler.profile import NodeProfile, PathStep, Profile, as_data
from graphflow_compiler.render.outline import Outline, Span, inside, outline_of, short_locations

#: How many steps of the critical path a sentence has: the longest of a longer one.
_MOST_STEPS = 8


def measured_outline(profile: Profile) -> Outline:
    """Put a plan and what was measured of it into words."""
    locate = short_locations()
    outline = outline_of(profile.plan, measured=dict(_cells(profile.nodes)), locate=locate)
    found = (
        attrs.evolve(each, location=None if each.location is None else locate(each.location))
        for each in profile.diagnostics
    )
    return attrs.evolve(
        outline,
        run=tuple(_sentences(profile)),
        spans=tuple(_spans(profile)),
        diagnostics=(*found, *outline.diagnostics),
    )


def as_json_of_profile(profile: Profile, plan: str) -> str:
    """Write a profile as JSON, with its plan, which is JSON already."""
    document = {
        "profile": 1,
        "duration": profile.duration,
        "first_chunk": profile.first_chunk,
        "critical_path": [attrs.asdict(step) for step in profile.critical_path],
        "diagnostics": [
            {"code": each.code, "severity": each.severity, "message": each.message, "node": each.node}
            for each in profile.diagnostics
        ],
        "nodes": as_data(profile.nodes),
        "plan": json.loads(plan),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def seconds(time: float) -> str:
    """Write a time so that it can be read: three digits of it.

    >>> seconds(0), seconds(0.0000123), seconds(0.0125), seconds(1.5), seconds(75)
    ('0', '12.3 µs', '12.5 ms', '1.5 s', '75 s')
    """
    if time < 5e-8:
        return "0"
    for unit, size in (("µs", 1e-6), ("ms", 1e-3)):
        if time < 999.5 * size:
            return f"{time / size:.3g} {unit}"
    return f"{time:.3g} s" if time < 999.5 else f"{time:,.0f} s"


def _sentences(profile: Profile) -> Iterator[str]:
    for grown in profile.grown:
        yield f"a buffer had to grow, which should never happen: {grown}"
    if profile.first_chunk is None:
        yield f"measured: no chunk came; it took {seconds(profile.duration)}"
        return
    first, last = seconds(profile.first_chunk), seconds(_last(profile))
    yield f"measured: the first chunk came after {first}, the last after {last}"
    steps = [step for step in profile.critical_path if step.node != INPUT]
    longest = sorted(steps, key=lambda step: step.took, reverse=True)[:_MOST_STEPS]
    shown = [step for step in steps if step in longest]
    what = "the first chunk waited for" if len(shown) == len(steps) else "above all, the first chunk waited for"
    yield f"{what} {', then '.join(map(_step, shown))}"


def _step(step: PathStep) -> str:
    what = "" if step.gave == "first chunk" else " (all of it)"
    return f"`{step.node}`{what} {seconds(step.took)}"


def _last(profile: Profile) -> float:
    done = profile.nodes[profile.plan.output].done
    return profile.duration if done is None else done


def _cells(nodes: Mapping[str, NodeProfile]) -> Iterator[tuple[NodeId, Mapping[str, str]]]:
    for node_id, figures in nodes.items():
        if node_id != INPUT:
            yield NodeId(node_id), dict(_of_node(figures))
        for index, body in enumerate(figures.bodies):
            for inner, cells in _cells(body):
                yield inside(NodeId(node_id), index, inner), cells


def _of_node(figures: NodeProfile) -> Iterator[tuple[str, str]]:
    if not figures.runs:
        yield "never ran", ""
        return
    if figures.runs > 1:
        yield "runs", f"{figures.runs:,}"
    yield "first chunk", "none" if figures.first_chunk is None else seconds(figures.first_chunk)
    yield "chunks", f"{figures.chunks_in:,} → {figures.chunks_out:,}"
    yield "own time", seconds(figures.own)
    yield "waiting", seconds(figures.waiting)
    yield "blocked", seconds(figures.blocked)
    if figures.loop_held:
        yield "held the loop", seconds(figures.loop_held)
    if figures.in_threads:
        yield "in threads", seconds(figures.in_threads)
    for port, most in figures.most_waiting.items():
        name = "most in its buffer" if len(figures.most_waiting) == 1 else f"most for `{port}`"
        yield name, f"{most:,}"


def _spans(profile: Profile) -> Iterator[Span]:
    for node_id, figures in profile.nodes.items():
        if node_id != INPUT and figures.began is not None and figures.done is not None:
            yield Span(NodeId(node_id), figures.began, figures.first_chunk, figures.done, seconds(figures.own))
