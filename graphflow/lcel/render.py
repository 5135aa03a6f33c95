"""The text of a report: the verdict, the steps with what each does to a stream, and what was found."""

from __future__ import annotations

import attrs

from graphflow.lcel.report import Outcome, Report, Verdict
from graphflow_compiler.render.outline import Locate, short_locations


def render(report: Report) -> str:
    """Return the text of a report."""
    locate = short_locations()
    found = (
        one if one.location is None else attrs.evolve(one, location=locate(one.location)) for one in report.diagnostics
    )
    return "\n\n".join(["\n".join(_verdicts(report)), "\n".join(_steps(report, locate)), *map(str, found)])


def _verdicts(report: Report) -> list[str]:
    only_in_stream = report.stream.streams and not report.astream.streams
    return [
        f"{report.name} · LCEL · {report.verdict}",
        *_details(report.stream if only_in_stream else report.astream),
    ]


def _details(outcome: Outcome) -> list[str]:
    lines = []
    if outcome.begins:
        lines.append(f"streaming begins at {' and '.join(f'`{name}`' for name in outcome.begins)}")
    if len(set(outcome.by_key.values())) > 1:
        lines += [f"key {key!r} {verdict}" for key, verdict in outcome.by_key.items()]
    elif outcome.verdict is Verdict.STREAMS and not outcome.begins:
        lines.append("its keys come one after another, each of them whole")
    return lines


def _steps(report: Report, locate: Locate) -> list[str]:
    breaking = {(one.name, one.location) for one in report.breaks}
    rows: list[tuple[str, str, str]] = []
    within: tuple[str, ...] = ()
    for line in report.lines:
        step = line.step
        for depth, label in enumerate(step.within):
            if step.within[: depth + 1] != within[: depth + 1]:
                rows.append((f"  {'  ' * depth}{label}:", "", ""))
        within = step.within
        mark = "■" if (step.name, step.location) in breaking else " "
        reason = line.reason if step.location is None else f"{line.reason} ({locate(step.location)})"
        rows.append((f"{mark} {'  ' * len(within)}{step.name}", f"{line.takes} → {line.gives}", reason))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"{name:<{widths[0]}}  {does:<{widths[1]}}  {reason}".rstrip() for name, does, reason in rows]
