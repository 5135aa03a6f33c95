"""Run a plan without an event loop, in the thread that asks for it, where none of its nodes ever waits.

The synchronous verbs take this way where it is open; the others lead through a Trio loop.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterator
from contextlib import AbstractContextManager
from time import perf_counter
from types import GeneratorType, TracebackType
from typing import Any, Final, Generic, TypeVar, final

import attrs
import trio

from graphflow.runtime import portal
from graphflow.runtime.code import CHAINLESS, Code, Function, may_be_chain, refuse_chain
from graphflow.runtime.current import CURRENT, NOTHING, RunIds
from graphflow.runtime.failures import combined
from graphflow.runtime.metering import COLLECTING, Collector, Meter, counted
from graphflow.runtime.recorder import Tap
from graphflow.runtime.workings import Workings
from graphflow_compiler.generate import Mode, Sink
from graphflow_compiler.ir import NodeId, Op
from graphflow_compiler.plan import Plan

T = TypeVar("T")

#: How many chunks pass between two looks at whether the task that waits for this thread is cancelled.
STRIDE: Final = 64


def is_direct(plan: Plan) -> bool:
    """Tell whether a plan can be run so: it is one stage, of which no node awaits, runs in a thread or has bodies."""
    waiting = any(node.is_async or node.thread or node.op in (Op.BRANCH, Op.EACH, Op.WRAP) for node in plan.nodes)
    return plan.input_stage is plan.output_stage and not waiting


def is_listened_to() -> bool:
    """Tell whether somebody is told of what runs here."""
    return CURRENT.get() is not None


@final
class Place:
    """What the stage of such a plan runs in: nobody listens."""

    __slots__ = ("_id", "plan")

    def __init__(self, plan: Plan, run_id: str | None) -> None:
        self.plan = plan
        self._id = run_id

    @property
    def run_id(self) -> str:
        """The id of the run, for notes on errors; drawn when it is first asked for."""
        if self._id is None:
            self._id = RunIds()()
        return self._id

    @property
    def path(self) -> tuple[str, ...]:
        """Nothing: it is no body."""
        return ()

    def tap(self, node_id: NodeId) -> Tap | None:
        """Return None: nothing is to be told."""
        return None


@final
class DirectRun(Workings):
    """One execution of such a plan.

    Args:
        code: the functions of the plan.
        value: the input.
        run_id: the id of the run, if the caller gave one.
    """

    __slots__ = ("_collector", "_is_hosted", "_value")

    def __init__(self, code: Code, value: Any, run_id: str | None) -> None:
        super().__init__(Place(code.plan, run_id), code.plan.output_stage)
        self._value = value
        self._is_hosted = portal.is_hosted()
        self._collector: Collector | None = None

    def chunks(self, code: Code) -> GeneratorType[Any, None, None]:
        """Return the chunks of the output, to be iterated once and closed; then the run is `left`."""
        function = self._measurable(code, "yield")
        chunks: GeneratorType[Any, None, None] = self._begin(function)
        assert chunks.gi_frame is not None
        self._frames[chunks.gi_frame] = function.source
        return chunks

    def left(self) -> None:
        """Say that nobody reads more of it, also if nobody has begun to."""
        self._is_over(GeneratorExit())

    def value(self, code: Code) -> Any:
        """Run to the end and return the value of the output.

        Raises:
            EmptyStreamError: the output gave no chunk and has no initial value.
        """
        value: Any = None
        failure: BaseException | None = None
        function = self._measurable(code, "value")
        try:
            self.start()
            value = self._begin(function)
        except BaseException as error:
            failure = error
            traceback = error.__traceback__
            while traceback is not None and traceback.tb_frame.f_code is not function.call.__code__:
                traceback = traceback.tb_next
            if traceback is not None:
                self._frames[traceback.tb_frame] = function.source
        self.end(failure)
        return value

    def _measurable(self, code: Code, sink: Sink) -> Function:
        """Return the function of the stage: one that measures, where somebody collects that."""
        mode = Mode(sink, is_sync=True)
        self._collector = COLLECTING.collector
        if self._collector is not None:
            self._meter = Meter(self._plan, perf_counter, perf_counter(), in_loop=False).stage(self.stage)
            mode = attrs.evolve(mode, passed=counted(self._plan, self.stage))
        function = self._code = code.function(self.stage, mode)
        return function

    def _begin(self, function: Function) -> Any:
        given = {"stage": self, "time": self, "value": self._value, "settled": self.settled}
        if self._meter is not None:
            given |= {name: self._meter.meter.teller(node_id) for name, node_id in function.source.taps.items()}
        return function.call(*map(given.get, function.source.parameters), *self._functions(function))

    def _is_over(self, outcome: BaseException | None) -> None:
        """Tell who collects it, once, what was measured."""
        collector, self._collector = self._collector, None
        if collector is not None and self._meter is not None:
            self._meter.finish()
            collector.over(self._meter.meter, outcome)

    # --- what its function asks for ---

    def start(self) -> None:
        """Say that the input was given, which is all that there is to start."""
        if self._meter is not None:
            self._meter.meter.given()

    def end(self, failure: BaseException | None) -> None:
        """Close what is open; raises what went wrong, `failure` included."""
        if failure is not None:
            self.annotate(failure)
        errors = self._closed()
        self._frames.clear()
        outcome = combined(failure, errors) if errors else failure
        self._is_over(outcome)
        if outcome is not None:
            raise outcome

    def close_held(self) -> None:
        """Close what was opened so far: it is read no more."""
        outcome = combined(None, self._closed())
        if outcome is not None:
            raise outcome

    def _closed(self) -> list[BaseException]:
        errors: list[BaseException] = []
        while self._held:
            close = getattr(self._held.pop(), "close", None)
            try:
                if close is not None:
                    close()
            except BaseException as error:  # everything is closed, whatever the others do
                self.annotate(error)
                errors.append(error)
        return errors

    def look(self) -> int:
        """Return after how many chunks to look again; notices if the task that waits for this thread is cancelled."""
        if self._is_hosted:
            trio.from_thread.check_cancelled()
        return STRIDE

    def once(self, value: Any, *, is_async: bool) -> Iterator[Any]:
        """Return a stream of one value; of none, where it is `NOTHING`."""
        return iter(() if value is NOTHING else (value,))

    def call(self, node_id: NodeId, value: Any) -> Any:
        """Call the function of a node with a value; without one it takes its default."""
        node = self._plan.by_id[node_id]
        (edge,) = self._plan.edges_into[node_id]
        assert edge.port is not None
        result = self.apply(node, {} if value is NOTHING else {edge.port: value})
        return result if type(result) in CHAINLESS else self.settled(node_id, result)

    def reduce(self, node_id: NodeId, chunks: Iterator[Any]) -> Any:
        """Call the function of a node that reads its stream itself."""
        (edge,) = self._plan.edges_into[node_id]
        assert edge.port is not None
        node = self._plan.by_id[node_id]
        result = self.apply(node, {edge.port: self._readable(node, chunks)})
        return result if type(result) in CHAINLESS else self.settled(node_id, result)

    def tell(self, node_id: NodeId, value: Any) -> None:
        """Count what a node without a function gives: that is asked for only where it is measured."""
        if self._meter is not None and value is not NOTHING:
            self._meter.meter.passes(node_id)

    def settled(self, node_id: NodeId, result: Any) -> Any:
        """Await a result that has to be, though its function does not say so: in the loop of the other plans.

        Raises:
            CompileError: it is a chain.
        """
        if inspect.isawaitable(result):
            result = portal.call(lambda: _awaited(result))
        if may_be_chain(result):
            refuse_chain(self._plan.by_id[node_id], result)
        return result


async def _awaited(result: Awaitable[T]) -> T:
    return await result


@final
class DirectStream(AbstractContextManager[Iterator[T]], Generic[T]):
    """The output of such a plan, chunk by chunk, while its ``with`` is open."""

    def __init__(self, code: Code, value: Any, run_id: str | None) -> None:
        self._code = code
        self._run = DirectRun(code, value, run_id)
        self._chunks: GeneratorType[T, None, None] | None = None

    def __enter__(self) -> Iterator[T]:
        if self._chunks is not None:
            raise RuntimeError("this run is open already, or is over: call the verb again for another one")
        self._chunks = self._run.chunks(self._code)
        return self._chunks

    def __exit__(
        self, exc_type: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._chunks is None:
            raise RuntimeError("this run is not open: it was not entered, or has been left")
        try:
            self._chunks.close()
        except BaseException as error:
            outcome = combined(raised, [error])
            if outcome is not None and outcome is not raised:
                raise outcome from None
        finally:
            self._run.left()
