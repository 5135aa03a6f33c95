"""Execute a plan once: give its last stage the input, and its reader the output.

However the output is left, leaving it closes every generator, ends every task and waits until all are gone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from typing import Any, Literal, final

import attrs
import trio

from graphflow.limits import Limit
from graphflow.runtime.closing import aclose
from graphflow.runtime.code import Code
from graphflow.runtime.current import CURRENT, NOTHING, Current, Listening, RunIds, within
from graphflow.runtime.each import run_each
from graphflow.runtime.failures import Raised, combined
from graphflow.runtime.metering import COLLECTING, Collector, Meter, counted
from graphflow.runtime.network import Network
from graphflow.runtime.notes import path_to
from graphflow.runtime.recorder import Config, Recorder, Tap
from graphflow.runtime.slices import ListenedTurn, Slice, Turn, turn
from graphflow.runtime.stage import StageRun
from graphflow_compiler.generate import Mode, Sink
from graphflow_compiler.ir import INPUT, NodeId
from graphflow_compiler.plan import Plan, PlannedNode, Stage


@final
class Run:
    """What all executions of one call of a verb share.

    Attributes:
        nursery: where their tasks live; None where the plan needs none.
        given_id: the id that the caller gave it.
        listening: who listens to events; None where nobody does.
        around: the run that it is nested in, if that is listened to.
    """

    __slots__ = ("_id", "around", "given_id", "listening", "nursery")

    def __init__(
        self, nursery: trio.Nursery | None, run_id: str | None, listening: Listening | None, around: Current | None
    ) -> None:
        self.nursery = nursery
        self.given_id = run_id
        self.listening = listening
        self.around = around
        self._id: str | None = run_id

    @classmethod
    def here(cls, nursery: trio.Nursery | None, run_id: str | None, limit: Limit | None = None) -> Run:
        """Return a run that is nested in the current one, if there is one."""
        around = CURRENT.get()
        listening = around.listening if around is not None else None
        if limit is not None:
            listening = Listening(RunIds(), (), limit) if listening is None else attrs.evolve(listening, limit=limit)
        return cls(nursery, run_id, listening, around)

    @property
    def run_id(self) -> str:
        """The id of the run, for the notes on its errors; drawn when it is first asked for."""
        if self._id is None:
            self._id = RunIds()()
        return self._id

    def know_id(self, run_id: str) -> None:
        """Use the id that its events have."""
        self._id = run_id


@final
class Execution:
    """A plan, once.

    Args:
        run: what it belongs to.
        code: the functions of the plan.
        value: the input, where it is one value.
        source: the input, where it is a stream.
        config: what the caller said of the run.
        tells_value: whether events tell the value of the whole as a chunk too.
        body_of: the run of the node that the plan is a body of, and the run that the node's code runs in; None if it
            is no body, or nobody listens.
        reads_in: the run that its source runs in: that of the execution that a body is in; without it the caller's.
        meter: what measures it; None where nobody does.
        path: the names of what the plan stands in, outermost first, where it is a body.
    """

    __slots__ = (
        "_collector",
        "_last",
        "_output",
        "_reads_in",
        "_recorder",
        "_run",
        "_source",
        "_source_begun",
        "_tells_value",
        "code",
        "input",
        "meter",
        "network",
        "path",
        "plan",
    )

    def __init__(
        self,
        run: Run,
        code: Code,
        *,
        value: Any = NOTHING,
        source: AsyncIterable[Any] | None = None,
        config: Config | None = None,
        tells_value: bool = True,
        body_of: tuple[Current, Current] | None = None,
        reads_in: Current | None = None,
        meter: Meter | None = None,
        path: tuple[str, ...] = (),
    ) -> None:
        self.path = path
        self.code = code
        self.plan = plan = code.plan
        self._collector: Collector | None = None
        if not path and COLLECTING.collector is not None:
            self._collector = COLLECTING.collector
            if meter is None:
                meter = Meter.of_loop(plan)
        self.meter = meter
        self._run = run
        self.input = value
        self._source = source
        self._source_begun = False
        self._tells_value = tells_value
        self._reads_in = reads_in or run.around
        self._recorder: Recorder | None = None
        if run.listening is not None:
            around, nearest = body_of or (run.around, run.around)
            self._recorder = Recorder(
                plan,
                run.listening,
                around,
                nearest,
                config or Config(),
                run_id=run.given_id,
                input_is_value=source is None,
                tells_value=tells_value,
                is_body=body_of is not None,
            )
            if body_of is None:
                run.know_id(self._recorder.run_id)
        self.network = None if code.is_alone else Network(self)
        self._output: AsyncGenerator[Any, None] | None = None
        self._last: StageRun | None = None

    # --- what its stages ask ---

    @property
    def run_id(self) -> str:
        """The id of the run, for notes on errors."""
        return self._run.run_id

    @property
    def nursery(self) -> trio.Nursery:
        """Where tasks of this execution live."""
        assert self._run.nursery is not None, "a plan that needs tasks was opened without a nursery"
        return self._run.nursery

    def tap(self, node_id: NodeId) -> Tap | None:
        """Return what is to be told of a node; None where nobody listens."""
        return self._recorder.tap(node_id) if self._recorder is not None else None

    @property
    def is_streamed(self) -> bool:
        """Tell whether the input is a stream."""
        return self._source is not None

    def source(self) -> AsyncGenerator[Any, None]:
        """Return the caller's stream, for its only consumer."""
        assert self._source is not None
        return self._told_input(self._source)

    def mode(self, sink: Sink, stage: Stage) -> Mode:
        """Return which version of the function of a stage runs."""
        if self._recorder is None:
            mode = Mode(sink, self.is_streamed)
        else:
            mode = self._recorder.mode(sink, stage, streamed=self.is_streamed)
        if self.meter is None:
            return mode
        return attrs.evolve(mode, passed=mode.passed | (counted(self.plan, stage) - mode.told))

    def teller(self, node_id: NodeId) -> Callable[[Any], bool]:
        """Return what tells listeners, or the meter, of every chunk of a node; tells whether to wait for listeners."""
        tap, meter = self.tap(node_id), self.meter
        if meter is None:
            assert tap is not None, "nobody wants to be told"
            return tap.chunk
        if tap is None:
            return meter.teller(node_id)
        return lambda chunk: tap.chunk(chunk) or meter.passes(node_id)

    @property
    def limit(self) -> Limit | None:
        """How much of the run may be at work at once."""
        return self._run.listening.limit if self._run.listening is not None else None

    @property
    def listening(self) -> Listening | None:
        """Who listens; None where nobody does."""
        return self._run.listening

    @property
    def base(self) -> Current | None:
        """The run that code runs in where nobody listens to its node; None where nobody listens at all."""
        return self._recorder.base if self._recorder is not None else None

    def tell_left(self, stage: Stage) -> None:
        """Tell that a stage ends because nobody wants more of it."""
        if self._recorder is not None:
            self._recorder.leave(stage.nodes)

    def slice(self) -> Slice:
        """Return the time slice of a loop that keeps at the pace of who listens."""
        return Slice(self._run.listening)

    def turn(self) -> Turn | ListenedTurn:
        """Return what says when a function of whole values lets others run."""
        return turn() if self._run.listening is None else ListenedTurn(self._run.listening)

    def body(
        self,
        node: PlannedNode,
        plan: Plan,
        value: Any,
        *,
        source: AsyncIterable[Any] | None = None,
        tags: tuple[str, ...] = (),
    ) -> Execution:
        """Return an execution of a body, nested in the run of its node.

        Args:
            node: the node.
            plan: the body.
            value: the input of the body, where it is one value.
            source: the same, where it is a stream.
            tags: of the outermost run of the body alone.
        """
        told = self._recorder
        return Execution(
            self._run,
            self.code.body(plan),
            value=value,
            source=source,
            config=Config(None, tags, {} if node.describe is None else node.describe(value)),
            tells_value=self._tells_value,
            body_of=(told.current(node), told.inside(node)) if told is not None else None,
            reads_in=self.base,
            meter=self.meter.body(plan) if self.meter is not None else None,
            path=(*self.path, *path_to(self.plan, node), node.name),
        )

    def each(self, node: PlannedNode, tap: Tap | None, items: Any) -> AsyncGenerator[Any, None]:
        """Run the body of an each for every item."""
        return run_each(self, node, tap, items)

    # --- the output ---

    @trio.lowlevel.enable_ki_protection
    async def run(self, sink: Literal["value", "drop"]) -> Any:
        """Run to the end; returns the value of the output, or drops it.

        Raises:
            EmptyStreamError: the value of an output that gave no chunk was asked, and it has no initial value.
        """
        value: Any = None
        failure: BaseException | None = None
        token = CURRENT.set(self.base) if self.base is not None else None
        self._last = stage_run = StageRun(self, self.plan.output_stage)
        try:
            self.start()
            value = await stage_run.begin(sink)
        except BaseException as error:
            failure = error
            stage_run.annotate(error)
        raised = Raised()
        with raised:
            await self.end(failure)
        if token is not None:
            CURRENT.reset(token)
        raised.again()
        return value

    def chunks(self) -> AsyncGenerator[Any, None]:
        """Return the chunks of the final output, to be iterated once; whoever asks for them awaits `aclose` at last."""
        self._last = StageRun(self, self.plan.output_stage)
        chunks: AsyncGenerator[Any, None] = self._last.begin("yield")
        self._output = chunks if self._recorder is None else within(self._recorder.base, chunks)
        return self._output

    @trio.lowlevel.enable_ki_protection
    async def aclose(self) -> None:
        """Close every generator, end every task and wait until all are gone; raises the errors that nobody has got."""
        if self._last is None and self._source is None:
            return  # the iteration has done it
        raised = Raised()
        if self._output is not None:
            with raised:
                await self._output.aclose()
        with raised:  # the iteration has done this, unless it was interrupted halfway
            await self.end(None, is_left=True)
        with raised:
            await self._close_source()
        raised.again()

    @trio.lowlevel.enable_ki_protection
    async def end(self, failure: BaseException | None, *, is_left: bool = False) -> None:
        """Close the last stage and end the others, once; raises what went wrong, `failure` included.

        Args:
            failure: what ends it, if it does not come to its end.
            is_left: nobody reads its output to the end.
        """
        stage_run, self._last = self._last, None
        if stage_run is None:
            return
        errors = await stage_run.close(is_cancelled=isinstance(failure, trio.Cancelled))
        if self.network is not None:
            if failure is None or isinstance(failure, GeneratorExit):
                self.network.leave(self.plan.stages)
            errors += await self.network.stop()
        outcome = combined(failure, errors) if errors else failure
        if self._recorder is not None:
            self._recorder.settle(None if isinstance(outcome, GeneratorExit) else outcome)
        if self._collector is not None and self.meter is not None:
            self._collector.over(self.meter, GeneratorExit() if is_left and outcome is None else outcome)
        if outcome is not None:
            raise outcome

    async def _close_source(self) -> None:
        """Close the caller's stream also if nobody has begun to read it."""
        if not self._source_begun:
            await aclose(self._source)

    # --- details ---

    @trio.lowlevel.enable_ki_protection
    def start(self) -> None:
        """Start what the whole needs: somebody reads its output."""
        if self._recorder is not None:
            if self._source is None:
                self._recorder.give(self.input)
            self._recorder.start()
        if self.meter is not None and self._source is None:
            self.meter.given()
        if self.network is not None:
            self.network.start()

    async def _told_input(self, source: AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
        """Iterate over the caller's stream, and close it if it can be closed."""
        tap = self.tap(INPUT)
        self._source_begun = True
        chunks: AsyncIterator[Any] = aiter(source)
        if self._recorder is not None:
            chunks = within(self._reads_in, chunks)  # it runs where it comes from
        try:
            async for chunk in chunks:
                if tap is not None:
                    tap.chunk(chunk)
                if self.meter is not None:
                    self.meter.gave(INPUT)
                yield chunk
            if tap is not None:
                tap.end()
            if self.meter is not None:
                self.meter.ended(INPUT)
        finally:
            await aclose(chunks)
