"""Show on a terminal how a run gets on: every node with what it has done so far, and above that the output."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Final, Self

import attrs
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from graphflow.cli.outcome import ReaderGoneError
from graphflow.cli.values import Writer, as_line, as_text, visible
from graphflow.events import EndEvent, ErrorEvent, Event, StartEvent, StreamEvent
from graphflow_compiler.plan import Plan, PlannedNode

_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PER_SECOND: Final = 10
#: Lines of a terminal that are left to the output and the shell.
_SPARE: Final = 8
#: How many nodes stay on the terminal when a run has failed.
_MOST_LEFT: Final = 40


@attrs.define
class _Row:
    """A node of the plan, and what it has done."""

    node: PlannedNode
    started: float | None = None
    first: float | None = None
    ended: float | None = None
    chunks: int = 0
    failed: bool = False
    inside: str = ""

    @property
    def runs(self) -> bool:
        return self.started is not None and self.ended is None


class Progress:
    """The nodes of a run on a terminal, until it is over; then only the output stays."""

    def __init__(self, plan: Plan, *, json_lines: bool) -> None:
        self._rows = [_Row(node) for node in plan.nodes if node.has_run]
        self._by_run: dict[str, _Row] = {}
        self._width = max(len(row.node.id) for row in self._rows)
        self._begun = time.monotonic()
        self._first: float | None = None
        self._json_lines = json_lines
        folds = plan.by_id[plan.output].folds
        #: Every chunk takes the place of the one before: only the last one stays.
        self._replaces = folds is not None and folds.name == "latest" and not json_lines
        #: What of the output is not yet a line of its own.
        self._open = ""
        self._writer = Writer(json_lines=json_lines)
        self._shows_output = sys.stdout.isatty()
        self._console = Console(stderr=not self._shows_output, highlight=False)
        self._live = Live(
            console=self._console,
            get_renderable=self._picture,
            refresh_per_second=_PER_SECOND,
            transient=True,
            redirect_stdout=self._shows_output,  # what nodes print then stands above the picture
            vertical_overflow="crop",
        )

    @staticmethod
    def suits(plan: Plan) -> bool:
        """Tell whether there is a terminal to show it on, and whether the run tells of its output chunk by chunk."""
        if not sys.stderr.isatty() or Console(stderr=True).is_dumb_terminal:
            return False
        return bool(plan.scopes) or (plan.by_id[plan.output].has_run and plan.by_id[plan.output].emits_chunks)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()
        with self._writer:
            self._writer.text(self._open)
        if isinstance(error, Exception) and not isinstance(error, ReaderGoneError):
            Console(stderr=True, highlight=False).print(*self._lines(_MOST_LEFT), sep="\n")
        elif error is None:
            first = f"first chunk after {self._first:.2f} s · " if self._first is not None else ""
            said = Text(f"{first}done in {self._elapsed():.2f} s", style="dim")
            Console(stderr=True, highlight=False).print(said)

    # --- what happens ---

    def take(self, event: Event) -> None:
        """Take notice of an event of the run."""
        row = self._by_run.get(event.run_id)
        match event:
            case StartEvent():
                self._start(event)
            case StreamEvent() if row is not None:
                row.chunks += 1
                row.first = row.first if row.first is not None else self._elapsed()
            case EndEvent() | ErrorEvent() if row is not None:
                row.ended = self._elapsed()
                row.failed = isinstance(event, ErrorEvent)
        if isinstance(event, StreamEvent) and not event.parent_ids:
            self._first = self._first if self._first is not None else self._elapsed()
            self._show(event.chunk)

    def _start(self, event: StartEvent) -> None:
        for row in self._rows:
            if row.started is None and row.node.name == event.name and row.node.tags == event.run.tags:
                row.started = self._elapsed()
                self._by_run[event.run_id] = row
                return
        for parent in reversed(event.run.parent_ids):
            if parent in self._by_run:
                self._by_run[parent].inside = event.name
                return

    def _elapsed(self) -> float:
        return time.monotonic() - self._begun

    # --- the output ---

    def _show(self, chunk: Any) -> None:
        """Show a chunk: whole lines are printed for good, the line that is begun stands in the picture."""
        if not self._shows_output:
            self._writer.show(chunk)
            return
        text = None if self._json_lines else as_text(chunk)
        if self._replaces:
            self._open = as_line(chunk) if text is None else text
            return
        *whole, self._open = (self._open + (f"{as_line(chunk)}\n" if text is None else text)).split("\n")
        for line in whole:
            self._console.print(Text(visible(line)), soft_wrap=True)

    # --- the picture ---

    def _picture(self) -> RenderableType:
        height, width = self._console.height, self._console.width
        rows = self._lines(max(height - _SPARE, 3))
        begun = Text(visible(self._open)).wrap(self._console, width)[-max(height - len(rows) - 2, 1) :]
        return Group(*begun, *rows)

    def _lines(self, most: int) -> list[Text]:
        """Return a line for every node; of many, those around the first that is not done."""
        rows = self._rows
        open_at = next((index for index, row in enumerate(rows) if row.ended is None), len(rows) - 1)
        start = max(0, min(open_at - most // 3, len(rows) - most))
        lines = [self._line(row) for row in rows[start : start + most]]
        hidden = len(rows) - len(lines)
        return [*lines, Text(f"  … and {hidden:,} more nodes", style="dim")] if hidden else lines

    def _line(self, row: _Row) -> Text:
        name = row.node.id.ljust(self._width)
        if row.started is None:
            return Text(f"· {name}  waits", style="dim")
        chunks = f"{row.chunks:,} chunk{'' if row.chunks == 1 else 's'}" if row.chunks else ""
        first = f"first after {row.first:.2f} s" if row.first is not None else ""
        inside = f"in {row.inside}" if row.inside and row.runs else ""
        if row.runs:
            sign, style, time_said = _FRAMES[int(self._elapsed() * _PER_SECOND) % len(_FRAMES)], "cyan", "runs"
        else:
            sign, style = ("✗", "red") if row.failed else ("✓", "green")
            time_said = f"{'failed' if row.failed else 'done'} after {row.ended:.2f} s"
        said = " · ".join(filter(None, (time_said, chunks, first, inside)))
        return Text.assemble((sign, style), f" {visible(name)}  ", (said, "" if row.runs else "dim"))
