"""From the flow of a chain's output to what a user is told: outcomes and diagnostics, for each of the two modes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs
from langchain_core.runnables import Runnable

from graphflow.lcel.configuration import Given
from graphflow.lcel.flow import Flow, Hold, Mode, Pace, Step
from graphflow.lcel.report import Break, Outcome, Report, Verdict
from graphflow.lcel.steps import label_of
from graphflow.lcel.walk import At, Walk
from graphflow_compiler.errors import Diagnostic, Severity


def report_of(chain: Runnable[Any, Any], configurable: Mapping[str, Any]) -> Report:
    """Walk through a chain in both modes, and say what was found."""
    flows: dict[Mode, Flow] = {}
    walks = {mode: Walk() for mode in Mode}
    for mode, walk in walks.items():
        flows[mode] = walk.through(chain, Flow(), At(), Given(mode, configurable), "stream")
    found = _of_modes({mode: list(_diagnostics(flow)) for mode, flow in flows.items()})
    notes = (note for walk in walks.values() for note in walk.notes)
    return Report(
        label_of(chain),
        _outcome(flows[Mode.SYNC]),
        _outcome(flows[Mode.ASYNC]),
        tuple(walks[Mode.ASYNC].lines),
        tuple({(one, one.location): one for one in (*found, *notes)}.values()),
    )


# --- one mode ----------------------------------------------------------------------------------------------


def _outcome(flow: Flow) -> Outcome:
    parts = flow.keys if flow.keys is not None and flow.fails is None else {}
    return Outcome(
        _verdict(flow),
        {key: _verdict(part) for key, part in parts.items()},
        _names(flow.begins) if flow.fails is None else (),
        tuple(_break(hold, key) for hold, _, key in _holds(flow)),
    )


def _verdict(flow: Flow) -> Verdict:
    if flow.fails is not None:
        return Verdict.RAISES
    if flow.pace is Pace.ONCE:
        return Verdict.BLOCKS
    return Verdict.DEPENDS if flow.pace is Pace.MAYBE or flow.risks else Verdict.STREAMS


def _holds(flow: Flow) -> Iterator[tuple[Hold, Flow, str | None]]:
    """Yield what keeps a flow from streaming, with what it concerns: the flow, or one key of it."""
    if flow.fails is not None:
        yield flow.fails, flow, None
        return
    yield from ((risk, flow, None) for risk in flow.risks)
    if flow.pace in (Pace.ONCE, Pace.MAYBE):
        yield from ((hold, flow, None) for hold in _that_matter(flow))
    elif flow.keys is not None:
        for key, part in flow.keys.items():
            if part.pace is Pace.MAYBE or (part.pace is Pace.ONCE and part.lost):
                yield from ((hold, part, key) for hold in _that_matter(part))


def _that_matter(flow: Flow) -> tuple[Hold, ...]:
    """Return the steps that need a mend: all since chunks were last made, or could have been; else the last."""
    if flow.pace is Pace.MAYBE:
        return flow.held
    surely = tuple(hold for hold in flow.held if hold.code not in ("GF504", "GF507"))
    return surely if flow.lost or any(hold.is_source for hold in surely) else surely[-1:]


def _break(hold: Hold, key: str | None) -> Break:
    mend, step = hold.mend, hold.step
    return Break(
        step.name, hold.reason, mend.lcel, mend.graphflow, _names(hold.lost), key, hold.code, location=step.location
    )


def _diagnostics(flow: Flow) -> Iterator[Diagnostic]:
    found = list(_holds(flow))
    if flow.pace is Pace.ONCE and not found:
        yield Diagnostic(
            "GF502",
            "note",
            "the output does not stream: nothing in the chain makes chunks, it passes on the value that it is given",
            hint="in LCEL and in graphflow: stream a chain that has a model in it, or a generator",
        )
    for hold, part, key in found:
        code, severity, says = _told(hold, part, "the output" if key is None else f"key {key!r} of the output")
        yield Diagnostic(
            code,
            severity,
            f"{says}: {hold.reason}{_consequence(hold, part)}",
            location=hold.step.location,
            snippet=hold.step.snippet,
            hint=str(hold.mend),
        )


def _told(hold: Hold, flow: Flow, whose: str) -> tuple[str, Severity, str]:
    """Return the code, the severity and the first words of what is told of a step."""
    if hold.code == "GF503":
        return "GF503", "error", "the chain cannot be run" + ("" if flow.fails is hold else " for some inputs")
    if hold.code == "GF507":
        return "GF507", "warning", f"whether {whose} streams is not known"
    if flow.pace is Pace.MAYBE:
        return "GF504", "warning", f"{whose} streams for some inputs only"
    if not flow.lost:
        return "GF502", "note", f"{whose} does not stream"
    return hold.code, "warning", f"{whose} does not stream"


def _consequence(hold: Hold, flow: Flow) -> str:
    if hold.lost:
        names = " and ".join(f"`{name}`" for name in _names(hold.lost))
        return f", so what {names} streams is held back until it is complete"
    if hold.is_source or hold not in flow.held or flow.pace is Pace.MAYBE:
        return ""
    earlier = flow.held[: flow.held.index(hold)]
    if not earlier:
        return ", and nothing before it streams either"
    name = earlier[0].step.name
    if flow.lost:
        return f", and what streams is held back before it already, by `{name}`"
    return f", and would hold back what `{name}` streams"


def _names(steps: Iterable[Step]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.name for step in steps))


# --- both modes --------------------------------------------------------------------------------------------

_OTHER: Final = {Mode.SYNC: Mode.ASYNC, Mode.ASYNC: Mode.SYNC}


def _of_modes(found: Mapping[Mode, list[Diagnostic]]) -> Iterator[Diagnostic]:
    """Yield what was found: once what is so in both modes, the rest with its mode."""
    for mode, diagnostics in found.items():
        for diagnostic in diagnostics:
            if diagnostic not in found[_OTHER[mode]]:
                yield attrs.evolve(diagnostic, message=f"with {mode}(), {diagnostic.message}")
            elif mode is Mode.SYNC:
                yield diagnostic
