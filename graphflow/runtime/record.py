"""Records: what is remembered of one run to tell its events to one listener."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, final

import attrs

from graphflow.events import EndEvent, ErrorEvent, Run, StartEvent
from graphflow.runtime.current import NOTHING, Listener
from graphflow_compiler.accumulate import Accumulator, Fold
from graphflow_compiler.ir import REST


@attrs.frozen
class Piece:
    """What of a node's chunks a run takes or gives.

    Attributes:
        key: only this key of every record chunk.
        port: under which key of a record; `REST` takes the keys of the chunk itself, None no record.
        assigned: the keys that the rest must not have.
    """

    key: str | None = None
    port: str | None = None
    assigned: frozenset[str] = frozenset()

    def of(self, chunk: object) -> object:
        """Return the piece of a chunk, `NOTHING` where there is none."""
        if self.key is not None:
            if not (isinstance(chunk, Mapping) and self.key in chunk):
                return NOTHING
            chunk = chunk[self.key]
        if self.port is None:
            return chunk
        if self.port != REST:
            return {self.port: chunk}
        if not isinstance(chunk, Mapping):
            return NOTHING
        rest = {key: piece for key, piece in chunk.items() if key not in self.assigned}
        return rest if rest or not chunk else NOTHING


WHOLE_CHUNK = Piece()


@final
class Folding:
    """The value in the making of what some events tell; a chunk that cannot be folded only leaves them without it."""

    __slots__ = ("_fold", "add")

    def __init__(self, accumulator: Accumulator) -> None:
        self._fold: Fold | None = accumulator.fold()
        self.add: Callable[[object], None] = self._fold.add

    def give_up(self) -> None:
        """Fold no more: a chunk could not be folded."""
        self._fold = None
        self.add = _ignore

    def value(self) -> object:
        """Return the value; `NOTHING` where there is none, or what was folded does not give one."""
        if self._fold is None:
            return NOTHING
        try:
            return self._fold.value()
        except Exception:  # an event must not fail the run: it only lacks its input or output
            return NOTHING


def _ignore(chunk: object) -> None:
    """Take a chunk that cannot be folded."""


@final
class Intake:
    """What flows into one port of a run: folded for its end event, or for its start if it is one whole value.

    Args:
        folding: its value in the making; None where nothing says how it folds, or nobody will be told.
        is_whole: it is one value, which is complete when it comes.
        writers: how many nodes it flows from.
    """

    __slots__ = ("_value", "_writers", "folding", "is_whole")

    def __init__(self, folding: Folding | None, *, is_whole: bool, writers: int = 1) -> None:
        self.folding = folding
        self._value: object = NOTHING
        self._writers = writers
        self.is_whole = is_whole

    def end(self) -> None:
        """Say that nothing more flows in from one writer."""
        self._writers -= 1

    def give(self, value: object) -> bool:
        """Take the caller's value as it is; tells whether it is a piece like any other, of several writers."""
        is_piece = self._writers > 1
        if not is_piece:
            self._value = value
        self.end()
        return is_piece

    def value(self) -> object:
        """Return the value, or `NOTHING` while it is not complete."""
        if self._value is NOTHING and (self.is_whole or self._writers <= 0) and self.folding is not None:
            self._value = self.folding.value()
        return self._value


@final
class Record:
    """One run as one listener is told of it.

    It starts once, and ends or errs once, after its parent starts and before that ends. A record that is not told makes
    no events, but lets the run around it start and end when it should.

    Attributes:
        run: what its events say of it.
        parent: the record of the nearest run around that has one.
        told: whether it makes events.
        is_scope: it is a group of nodes, which does nothing itself.
        is_root: it is the outermost run of its execution, which starts and ends with that.
        tells_chunks, tells_input_at_end: whether its events do.
        present: how its input is shown, where that is not the input itself.
        is_over: nothing but its children keeps it from ending, once its output is complete.
        started, finished: what it has told.
        folding: its output in the making, where end events tell it.
        log: where its events go.
    """

    __slots__ = (
        "_cause",
        "_intakes",
        "_listener",
        "_open_children",
        "_open_outputs",
        "finished",
        "folding",
        "is_over",
        "is_root",
        "is_scope",
        "log",
        "parent",
        "present",
        "run",
        "started",
        "tells_chunks",
        "tells_input_at_end",
        "told",
    )

    def __init__(
        self, run: Run, listener: Listener, parent: Record | None, *, told: bool, is_scope: bool, is_root: bool
    ) -> None:
        self.run = run
        self.parent = parent
        self.told = told
        self.is_scope = is_scope
        self.is_root = is_root
        self.is_over = not (is_scope and is_root)
        self.started = False
        self.finished = False
        self.tells_chunks = told
        self.tells_input_at_end = listener.outputs
        self.present: Callable[[Any], object] | None = None
        self.folding: Folding | None = None
        self.log = listener.log
        self._listener = listener
        self._intakes: dict[str, Intake] = {}
        self._open_children = 0
        self._open_outputs = 0
        self._cause: BaseException | None = None

    @property
    def needs_inside(self) -> bool:
        """Tell whether all runs inside need records, since it starts with the first and ends after the last."""
        return self.is_scope and not self.is_root

    @property
    def wants_values(self) -> bool:
        """Tell whether its folded input and output will be told."""
        return self.told and self._listener.outputs

    def take_in(self, port: str, intake: Intake) -> None:
        """Add a port whose input is told."""
        self._intakes[port] = intake

    def expect_output(self) -> None:
        """Say that one more node gives its output."""
        self._open_outputs += 1

    # --- its life ---

    def start(self) -> None:
        """Tell that the run has started, if that was not told before."""
        if self.started:
            return
        with self.log.lock:
            if self.started:
                return
            self.started = True
            if self.parent is not None:
                self.parent.start()
                self.parent._open_children += 1
            whole = all(intake.is_whole for intake in self._intakes.values())
            self._tell(StartEvent, self._input() if whole else {})

    def end(self) -> None:
        """Say that a node that gives its output is done; the run ends when all are, and its children have ended."""
        self.start()
        with self.log.lock:
            self._open_outputs -= 1
            self._settle()

    def fail(self, error: BaseException) -> None:
        """Tell that the run has failed."""
        if self.finished:
            return
        self.start()
        data: dict[str, object] = {"error": error}
        if self.wants_values:
            data |= self._input()
        if self.run.kind == "tool":
            call_id = getattr(error, "tool_call_id", None)
            data["tool_call_id"] = call_id if call_id is not None else self.run.metadata.get("tool_call_id")
        self._finish(ErrorEvent, data, error)

    def leave(self, error: BaseException | None = None) -> None:
        """Tell that the run is over, if it has not told so.

        Args:
            error: what it failed with. Without it, a group of nodes has failed if a node inside has; what else is left
                was closed by its consumer.
        """
        if self.finished:
            return
        self.is_over = True
        if error is None and self.is_scope and not self.is_root:
            error = self._cause
        if error is not None:
            self.fail(error)
        elif self.started:
            with self.log.lock:
                self._open_children = 0
                self._settle()
                self._finish(EndEvent, {}, None)

    def _settle(self) -> None:
        if self._open_outputs > 0 or self._open_children or not self.is_over:
            return
        data: dict[str, object] = {}
        output = self.folding.value() if self.folding is not None else NOTHING
        if output is not NOTHING:
            data["output"] = output
        if self.tells_input_at_end:
            data |= self._input()
        self._finish(EndEvent, data, None)

    def _input(self) -> dict[str, object]:
        """Return the input as far as it is complete: of one port the value, of several a record."""
        values = {port: intake.value() for port, intake in self._intakes.items()}
        if not values or any(value is NOTHING for value in values.values()):
            return {}
        value = values if len(values) > 1 else next(iter(values.values()))
        if self.present is not None:
            with contextlib.suppress(Exception):  # the node itself will say what is wrong with it
                value = self.present(value)
        return {"input": value}

    def _finish(self, kind: type[EndEvent | ErrorEvent], data: dict[str, object], error: BaseException | None) -> None:
        with self.log.lock:
            if self.finished:
                return
            self.finished = True
            self._tell(kind, data)
            if self.parent is not None:
                self.parent._open_children -= 1
                self.parent._cause = self.parent._cause or error
                self.parent._settle()

    def _tell(self, kind: type[StartEvent | EndEvent | ErrorEvent], data: dict[str, object]) -> None:
        if self.told:
            self.log.append(kind(self.run, data, 0))
