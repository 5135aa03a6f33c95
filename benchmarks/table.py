"""The table: all figures with their ratios and targets, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from benchmarks.cases import HAND, LCEL, OURS, Case, Figures, Group, Target

HEADINGS: Final = ("work", "graphflow", "twin", "× twin", "LCEL", "LCEL ×", "to reach")


@attrs.frozen
class Report:
    """What one run of the suite has found.

    Attributes:
        machine: what it ran on.
        rounds: how often everything was measured; 0 for the quick form, whose figures say nothing.
        groups: what was measured.
    """

    machine: Mapping[str, str]
    rounds: int
    groups: Sequence[tuple[Group, Sequence[tuple[Case, Figures]]]]

    def markdown(self) -> str:
        """Return the table, with a note on every group below it."""
        how = f"Medians of {self.rounds} rounds" if self.rounds else "**One small run: these figures say nothing**"
        lines = [
            f"{how}, {self.machine['date']}: {self.machine['python']}; {self.machine['machine']}; "
            f"trio {self.machine['trio']}; langchain-core {self.machine['langchain-core']}.",
            "",
            _row(HEADINGS),
            _row(["---", *["---:"] * 5, "---"]),
        ]
        for group, results in self.groups:
            lines.append(_row([f"**{group.title}**", *[""] * (len(HEADINGS) - 1)]))
            for case, figures in results:
                lines += map(_row, self._rows(case, figures))
        lines += [
            "",
            *(f"- **{group.title}** (`{group.name}`). {' '.join(group.note.split())}" for group, _ in self.groups),
        ]
        return "\n".join(lines) + "\n"

    def _rows(self, case: Case, figures: Figures) -> Iterator[Sequence[str]]:
        """Yield the row of a case, and one more for every twin but the first."""
        unit = f"{case.unit.name}{case.per and '/'}{case.per}"
        first, *others = [side.name for side in case.twins] or [""]
        targets = {
            name: "; ".join(
                self._target(case, figures, target)
                for target in case.targets
                if target.beside == name or (name == first and target.beside not in others)
            )
            for name in (first, *others)
        }
        has_peer = any(side.name == LCEL for side in case.sides)
        yield (
            case.name,
            f"{_number(figures.median(OURS))} {unit}",
            *self._twin(case, figures, first),
            "-" if not has_peer else _number(figures.median(LCEL)) if LCEL in figures.rounds else "not installed",
            _ratio(case, figures, LCEL, OURS),
            targets[first],
        )
        for name in others:
            yield "", "", *self._twin(case, figures, name), "", "", targets[name]

    def _twin(self, case: Case, figures: Figures, name: str) -> tuple[str, str]:
        if not name:
            return "-", "-"
        label = "" if name == HAND else f"{name}: "
        return f"{label}{_number(figures.median(name))}", _ratio(case, figures, OURS, name)

    def _target(self, case: Case, figures: Figures, target: Target) -> str:
        """Return what a target says, and whether it is reached; if not, how far the first twin is beyond LCEL."""
        reached = target.reached(figures) if self.rounds else None
        if reached is None or reached:
            return target.text if reached is None else f"{target.text}: yes"
        twins = [_ratio(case, figures, LCEL, side.name) for side in case.twins[:1] if target.beside == LCEL]
        return f"{target.text}: **no**{''.join(f' (twin: {ratio})' for ratio in twins)}"

    def json(self) -> str:
        """Return the same as JSON, with the figures of every round."""
        return json.dumps(
            {
                "machine": dict(self.machine),
                "rounds": self.rounds,
                "cases": [
                    _as_data(group, case, figures) for group, results in self.groups for case, figures in results
                ],
            },
            indent=2,
            ensure_ascii=False,
        )


def _as_data(group: Group, case: Case, figures: Figures) -> dict[str, Any]:
    return {
        "group": group.name,
        "name": case.name,
        "unit": case.unit.name,
        "per": case.per,
        "sides": {
            side.name: {"median": figures.median(side.name), "rounds": list(figures.rounds[side.name])}
            if side.name in figures.rounds
            else None
            for side in case.sides
        },
        "ratios": {
            side.name: figures.ratio(OURS, side.name)
            for side in case.sides
            if case.compares and side.name != OURS and side.name in figures.rounds
        },
        "targets": [{"text": target.text, "reached": target.reached(figures)} for target in case.targets],
    }


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _ratio(case: Case, figures: Figures, side: str, to: str) -> str:
    if not case.compares or not figures.rounds.keys() >= {side, to}:
        return "-"
    return _number(figures.ratio(side, to))


def _number(value: float) -> str:
    """Return a number with three digits that count, or all before the point.

    >>> [_number(value) for value in (0.01234, 1.5, 23.456, 345.6, 12345.6)]
    ['0.01', '1.50', '23.5', '346', '12,346']
    """
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{digits}f}"
