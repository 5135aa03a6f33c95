"""Write the function that runs a stage: readable Python, in the order in which chunks pass the nodes.

A stage is a path of nodes. Along it flows either one whole `value`, or a stream of `chunks`: where the plan says
which, the function needs no question at run time. Every step that a chunk takes is written out, so that it costs a
call and no more; what happens once in a run is a method of the `stage` that runs it.

>>> print(write_stage(plan, plan.stages[0], Mode("yield")).text)  # doctest: +SKIP
async def s0(stage, time, value, shout, strip):
    ...

There are several versions of it, one for each `Mode`: what becomes of the output, whether the input of the run is a
value or a stream, and which nodes somebody listens to. Only those nodes have lines for that.
"""

from __future__ import annotations

import contextlib
import keyword
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, final

import attrs

from graphflow_compiler.accumulate import keeps_one
from graphflow_compiler.ir import INPUT, REST, Edge, NodeId, Op, Port
from graphflow_compiler.plan import Cluster, Fan, Plan, PlannedNode, Stage

#: What becomes of the output of a stage: it is yielded, written to other stages, folded to one value, or dropped.
Sink = Literal["yield", "put", "value", "drop"]

#: What flows between two nodes: one whole value; chunks that may have to be waited for, that have not, or that come in
#: batches from the log of another stage; or nothing any more, where all that flowed was given out.
Flow = Literal["value", "async", "sync", "log", "done"]

#: Names that generated functions use themselves: no function of a node has one of them.
RESERVED: Final = frozenset(
    {
        "CHAINLESS", "NOTHING", "add", "arguments", "batch", "chunk", "chunks", "clock", "error", "failure", "fold",
        "in_thread", "left", "limit", "limited", "listening", "others", "outside", "piece", "project", "put", "record",
        "room", "run_as", "select", "settled", "stage", "time", "told", "told_record", "turn", "type", "value",
        "without", "dict",
    }
)  # fmt: skip


@attrs.frozen
class Mode:
    """What one version of a stage's function is for.

    Attributes:
        sink: what becomes of the output.
        streamed: the input of the run is a stream, not one value.
        told: the nodes of whose runs somebody is told.
        passed: the others of whose chunks somebody is told, because they are what another run takes or gives.
        is_sync: it is a plain function, for code that is not asynchronous.
        is_limited: only so many nodes of the run may be at work at once.
    """

    sink: Sink
    streamed: bool = False
    told: frozenset[NodeId] = frozenset()
    passed: frozenset[NodeId] = frozenset()
    is_sync: bool = False
    is_limited: bool = False

    def tells(self, node_id: NodeId) -> bool:
        """Tell whether somebody is told of the chunks of a node."""
        return node_id in self.told or node_id in self.passed


@attrs.frozen
class Source:
    """The source of one version of a stage's function.

    Attributes:
        name: of the function.
        text: the source.
        parameters: the names of its parameters that are not functions of nodes.
        functions: the parameters that are functions of nodes, after the others, and the nodes.
        taps: which of the parameters tell of nodes, and of which.
        lines: which node a line is about; the first line is 1.
        is_generator: it yields.
    """

    name: str
    text: str
    parameters: tuple[str, ...]
    functions: tuple[tuple[str, NodeId], ...]
    taps: Mapping[str, NodeId]
    lines: Mapping[int, NodeId]
    is_generator: bool

    @property
    def is_straight(self) -> bool:
        """Tell whether values alone go through it, and nothing has to be closed."""
        return self.parameters == STRAIGHT


#: What a function takes through which values go straight, without a stage to keep anything open.
STRAIGHT: Final = ("value", "settled", "clock", "turn")

#: What begins with one of these, is a name of the function's own.
_PREFIXES: Final = ("tap_", "tell_", "piece_", "fold_", "through_")

#: Given what a chunk is called, the lines that say what becomes of it.
Finish = Callable[[str], Sequence[str]]


def write_stage(plan: Plan, stage: Stage, mode: Mode) -> Source:
    """Write one version of the function of a stage."""
    return _Writer(plan, stage, mode).written()


@attrs.frozen
class _Step:
    """What one chunk, or one value, goes through.

    Attributes:
        what: take a key of a record, call a function, keep some keys, make a record, or nothing at all.
        node: whose it is.
        edge: that it is taken along.
    """

    what: Literal["select", "map", "project", "record", "pass"]
    node: PlannedNode
    edge: Edge | None


@attrs.define
class _Variable:
    """A variable of the function, at the point where the next line is written.

    Attributes:
        name: its name.
        may_lack: it may be NOTHING, because a key was not there.
        is_folded: it is made of chunks already.
    """

    name: str
    may_lack: bool = False
    is_folded: bool = False


@final
class _Writer:
    """One function in the making: its lines, and what flows at the point where the next one is written."""

    def __init__(self, plan: Plan, stage: Stage, mode: Mode) -> None:
        self._plan = plan
        self._stage = stage
        self._mode = mode
        self._names = _names(stage.nodes)
        self._cluster_of = {node_id: cluster for cluster in stage.clusters for node_id in cluster.nodes}
        self._lines: list[str] = []
        self._about: dict[int, NodeId] = {}
        self._depth = 1
        self._used: dict[str, None] = {}
        # What flows:
        self._flow: Flow = "value"
        self._value = _Variable("value")
        self._giver: NodeId = INPUT  # who gives the chunks
        self._steps: list[_Step] = []  # that the chunks take, not yet written
        self._holds = False  # something was opened that is read no more once a value is complete
        self._can_await = not mode.is_sync
        self._is_outside = True  # the current run is that around the nodes, not that of one

    # --- the whole ---

    def written(self) -> Source:
        """Write it."""
        sink = self._mode.sink
        if sink == "value" and not self._mode.streamed:
            for name in STRAIGHT:  # what a function of values alone takes, always in this order
                self._use(name)
        if sink == "yield":
            self._line("failure = None")
            with self._block("try:"):
                self._line("stage.start()", uses=("stage",))
                self._body()
            with self._block("except BaseException as error:"):
                self._line("failure = error")
            self._line(f"{self._await}stage.end(failure)")
        else:
            self._body()
        own = {name: node_id for node_id, name in self._names.items()}
        taps = {word(name): node_id for name, node_id in own.items() for word in (_tap, _tell)}
        parameters = tuple(name for name in self._used if name not in own)
        functions = tuple((name, own[name]) for name in self._used if name in own)
        given = ", ".join((*parameters, *(name for name, _ in functions)))
        return Source(
            self._stage.id,
            "\n".join((f"{self._async}def {self._stage.id}({given}):", *self._lines)),
            parameters,
            functions,
            {name: taps[name] for name in parameters if name in taps},
            self._about,
            is_generator=sink == "yield",
        )

    def _body(self) -> None:
        is_direct = self._plan.input_stage is self._stage
        if is_direct and self._mode.streamed:
            self._line("chunks = stage.source()", uses=("stage",))
            self._flow, self._holds = "async", True
        elif is_direct:
            self._use("value")
        fans = {fan.join: fan for fan in self._stage.fans}
        in_fans = {node_id for fan in fans.values() for _, nodes in fan.branches for node_id in nodes}
        path = [self._plan.by_id[node_id] for node_id in self._stage.nodes if node_id not in in_fans]
        for index, node in enumerate(path):
            if node.id in fans:
                self._fan(fans[node.id], path[index + 1] if index + 1 < len(path) else None)
            elif index == 0 and not is_direct:
                self._enter(node)
            else:
                (edge,) = self._plan.edges_into[node.id]
                self._node(node, edge)
        self._sink()

    # --- what comes in from other stages ---

    def _enter(self, node: PlannedNode) -> None:
        edges = self._plan.edges_into[node.id]
        unkeyed = attrs.evolve(edges[0], key=None)  # whoever writes to a buffer writes what the edge takes
        if node.op is Op.JOIN:
            self._read(node)
            self._steps.append(_Step("pass", node, None))
        elif len(edges) > 1:
            self._line(f"arguments = await stage.ports({node.id!a})", node, uses=("stage",))
            self._holds = True
            if node.op is Op.CALL:
                self._line(f"value = await stage.call_with({node.id!a}, arguments)", node)
                self._becomes_value(node)
            else:
                self._line(f"chunks = stage.generate_with({node.id!a}, arguments)", node)
                reads = any(port.streams for port in node.ports)
                self._becomes_stream(node, is_async=node.is_async or node.thread or reads)
        elif self._port(node).streams:
            self._read(node)
            self._node(node, unkeyed)
        else:
            self._line(f"value = await stage.wait({node.id!a}, {edges[0].port!a})", node, uses=("stage",))
            self._flow, self._value = "value", _Variable("value", may_lack=True, is_folded=True)
            self._node(node, unkeyed)

    def _read(self, node: PlannedNode) -> None:
        self._line(f"chunks = stage.reader({node.id!a})", node, uses=("stage",))
        self._becomes_stream(node, is_async=True)
        self._flow = "log"

    # --- one node ---

    def _node(self, node: PlannedNode, edge: Edge) -> None:
        steps = _steps(node, edge)
        if self._flow == "value":
            for step in steps:
                self._step_of_value(step, self._value)
        else:
            self._take(steps)
        if steps and steps[-1].what != "select":
            return
        if self._port(node).streams:
            self._reader(node)
            return
        if self._flow != "value":
            self._fold(node)
        self._complete(node, edge, self._value)
        if node.op is Op.CALL:
            self._call(node, self._value)
            self._becomes_value(node)
            return
        opened = {
            Op.GENERATE: f"stage.generate({node.id!a}, value)",
            Op.BRANCH: f"await stage.branch({node.id!a}, value)",
            Op.EACH: f"stage.each({node.id!a}, value)",
            Op.WRAP: f"stage.wrapped({node.id!a}, value)",
        }[node.op]
        self._line(f"chunks = {opened}", node, uses=("stage",))
        self._becomes_stream(node, is_async=node.op is not Op.GENERATE or node.is_async or node.thread)

    def _reader(self, node: PlannedNode) -> None:
        """Write a node that reads its stream itself."""
        in_place = not (node.is_async or node.thread or node.op is Op.WRAP)
        if self._flow == "value":
            self._line(f"chunks = stage.once(value, is_async={not in_place})", node, uses=("stage",))
            self._becomes_stream(node, is_async=not in_place)
        else:
            self._write_steps()
        if self._flow == "log":
            self._line("chunks = stage.hold(chunks.read())", node)
            self._flow = "async"
        elif self._flow == "sync" and not in_place:
            self._line("chunks = stage.lifted(chunks)", node, uses=("stage",))
            self._flow = "async"
        if node.op is Op.CALL:
            self._line(f"value = {self._await}stage.reduce({node.id!a}, chunks)", node, uses=("stage",))
            self._becomes_value(node)
        else:
            begin = "wrapped_stream" if node.op is Op.WRAP else "transform"
            self._line(f"chunks = stage.{begin}({node.id!a}, chunks)", node, uses=("stage",))
            self._becomes_stream(node, is_async=not (in_place and self._flow == "sync"))

    def _becomes_value(self, node: PlannedNode) -> None:
        self._flow, self._value = "value", _Variable("value")
        if self._holds:  # nothing of what came before is read any more
            self._line(f"{self._await}stage.close_held()", node, uses=("stage",))
            self._holds = False

    def _becomes_stream(self, node: PlannedNode, *, is_async: bool) -> None:
        self._flow, self._giver, self._holds = "async" if is_async else "sync", node.id, True

    # --- whole values ---

    def _complete(self, node: PlannedNode, edge: Edge, variable: _Variable) -> None:
        """Write what makes a value the one that a port waits for."""
        assert edge.accumulator is not None
        name = variable.name
        if variable.may_lack or not (variable.is_folded or keeps_one(edge.accumulator)):
            change = "complete" if variable.is_folded else "folded"
            self._line(f"{name} = stage.{change}({node.id!a}, {name})", node, uses=("stage",))

    def _call(self, node: PlannedNode, variable: _Variable) -> None:
        """Write the call of a function of a value."""
        name = variable.name
        lacks = variable.may_lack and node.op is Op.CALL
        if self._mode.tells(node.id) or node.thread or lacks or (self._mode.is_limited and node.is_async):
            self._line(f"{name} = {self._await}stage.call({node.id!a}, {name})", node, uses=("stage",))
        else:
            function = self._function(node)
            given = name if len(node.ports) == 1 else f"{self._port(node).name}={name}"
            self._line(f"{name} = {'await ' if node.is_async else ''}{function}({given})", node)
            self._line(f"if type({name}) not in CHAINLESS:")
            self._line(f"    {name} = {self._await}settled({node.id!a}, {name})", node, uses=("settled",))
        if not self._mode.is_sync:
            self._line("if clock() >= turn.ends:")
            self._line("    await turn.renew()", node, uses=("clock", "turn"))

    def _step_of_value(self, step: _Step, variable: _Variable) -> None:
        """Write one step of a whole value."""
        node, name = step.node, variable.name
        is_told = self._mode.tells(node.id) and step.what != "select"
        if step.what == "map":
            with self._block_if(f"if {name} is not NOTHING:", variable.may_lack and not is_told):
                self._call(node, variable)
        elif step.what != "pass":
            with self._block_if(f"if {name} is not NOTHING:", variable.may_lack):
                self._change(step, name)
        if is_told and step.what != "map":
            self._line(f"stage.tell({node.id!a}, {name})", node, uses=("stage",))
        variable.may_lack |= step.what in ("select", "project")
        variable.is_folded &= step.what == "pass"

    # --- streams ---

    def _take(self, steps: Sequence[_Step]) -> None:
        """Add steps to those that the chunks take."""
        for step in steps:
            before = [one for one in self._steps if one.what == "map"]
            if step.what == "map" and before and self._cluster(before[-1]) is not self._cluster(step):
                self._write_steps()  # they are not to run as one
            self._steps.append(step)

    def _cluster(self, step: _Step) -> Cluster:
        return self._cluster_of[step.node.id]

    def _write_steps(self) -> None:
        """Write the steps so far as a generator of its own, for a node that reads its stream itself."""
        if not self._steps:
            return
        name = f"through_{name_of(list(dict.fromkeys(step.node.id for step in self._steps)))}"
        is_async = self._flow != "sync" or any(_waits(step.node) for step in self._steps if step.what == "map")
        may_drop = any(step.what in ("select", "project") for step in self._steps)
        with self._block(f"{'async ' if is_async else ''}def {name}(chunks):"):
            self._can_await = is_async
            self._loop(["yield chunk"], is_paced=may_drop and is_async)
            self._can_await = not self._mode.is_sync
        self._line(f"chunks = stage.hold({name}(chunks))", uses=("stage",))
        self._flow = "async" if is_async else "sync"

    def _loop(self, finish: Sequence[str], *, is_paced: bool, node: PlannedNode | None = None) -> None:
        """Write the loop over the chunks.

        Args:
            finish: what becomes of a chunk after its steps.
            is_paced: whether the loop lets others run now and then.
            node: whose it is what becomes of them.
        """
        steps, self._steps = self._steps, []
        nodes = [step.node for step in steps if step.what != "select"]
        with (
            self._telling(nodes),
            self._each_chunk(is_paced=is_paced),
        ):
            chunk = _Variable("chunk")
            for step in steps:
                self._step_of_chunk(step, chunk)
                if chunk.may_lack:
                    with self._block("if chunk is NOTHING:"):
                        self._line("continue")
                    chunk.may_lack = False
            self._step_out()
            self._lines_of(finish, node)

    @contextlib.contextmanager
    def _each_chunk(self, *, is_paced: bool) -> Iterator[None]:
        """Write the head of a loop over the chunks."""
        if is_paced:
            self._line("left = 1")
        with contextlib.ExitStack() as blocks:
            if self._flow == "log":
                blocks.enter_context(self._block("while batch := await chunks.take():", self._giver))
                blocks.enter_context(self._block("for chunk in batch:"))
            else:
                head = f"{'async ' if self._flow == 'async' else ''}for chunk in chunks:"
                blocks.enter_context(self._block(head, self._giver))
            if is_paced:
                self._line("left -= 1")
                with self._block("if not left:"):
                    others = "" if self._mode.is_sync else " or await time.renew()"
                    self._line(f"left = time.look(){others}", uses=("time",))
            yield

    def _step_of_chunk(self, step: _Step, variable: _Variable) -> None:
        """Write one step of a chunk."""
        node, name = step.node, variable.name
        is_told = node.id in self._mode.told and step.what != "select"
        tells = self._mode.tells(node.id) and step.what != "select"
        if step.what == "pass" and not tells:
            return
        with self._block_if(f"if {name} is not NOTHING:", variable.may_lack):
            if is_told:
                tap = self._use(_tap(self._names[node.id]))
                with self._block(f"if not {tap}.started:"):
                    self._line(f"{tap}.start()", node)
            if step.what == "map":
                if is_told:
                    self._line(f"run_as({tap}.current)", node, uses=("run_as",))
                    self._is_outside = False
                else:
                    self._step_out()
                function = self._function(node)
                if self._mode.is_limited and _waits(node):
                    begin = f"in_thread, {function}" if node.thread else function
                    self._line(f"{name} = await limited(limit, {begin}, {name})", node, uses=("limit",))
                elif node.thread:
                    self._line(f"{name} = await in_thread({function}, {name})", node)
                else:
                    self._line(f"{name} = {'await ' if node.is_async else ''}{function}({name})", node)
            else:
                self._change(step, name)
            if tells:
                with self._block_if(f"if {name} is not NOTHING:", step.what == "project"):
                    told = f"{self._use(_tell(self._names[node.id]))}({name})"
                    if self._can_await:
                        with self._block(f"if {told}:", node):
                            self._line("await listening.room()", uses=("listening",))
                    else:
                        self._line(told, node)
        variable.may_lack |= step.what in ("select", "project")

    def _step_out(self) -> None:
        """Write that code runs outside of the nodes that somebody listens to, where that of one has run before."""
        if not self._is_outside:
            self._line("run_as(outside)", uses=("run_as", "outside"))
            self._is_outside = True

    def _change(self, step: _Step, name: str) -> None:
        """Write what is done to a chunk, or to a value, without a function of the user's."""
        node, edge = step.node, step.edge
        if step.what == "select" and edge is not None:
            giver = "the input" if edge.source == INPUT else edge.source
            self._line(f"{name} = select({name}, {edge.key!a}, {giver!a})", node)
        elif step.what == "project":
            self._line(f"{name} = project({name}, {node.keys!a}, {node.id!a})", node)
        elif step.what == "record" and edge is not None:
            made = f"dict({name})" if edge.port == REST else f"{{{edge.port!a}: {name}}}"
            self._line(f"{name} = {made}", node)

    def _tells_of(self, nodes: Sequence[PlannedNode]) -> bool:
        return any(self._mode.tells(node.id) for node in nodes)

    @contextlib.contextmanager
    def _telling(self, nodes: Sequence[PlannedNode], told: str = "told") -> Iterator[None]:
        """Write what tells that nodes are done, or have failed, around a loop that tells of their chunks."""
        if not self._tells_of(nodes):
            yield
            return
        ids = ", ".join(dict.fromkeys(ascii(node.id) for node in nodes))
        self._line(f"{told} = stage.telling({ids})", uses=("stage",))
        with self._block("try:"):
            yield
        with self._block("except BaseException as error:"):
            if any(node.id in self._mode.told for node in nodes):
                self._line("run_as(outside)", uses=("run_as", "outside"))
            self._line(f"{told}.fail(error)")
            self._line("raise")
        self._line(f"{told}.end()")

    def _fold(self, node: PlannedNode) -> None:
        """Write the loop that makes one value of the chunks, for a node that waits for it."""
        self._line(f"fold = stage.fold({node.id!a})", node, uses=("stage",))
        self._line("add = fold.add")
        if node.id in self._mode.told:
            tap = self._use(_tap(self._names[node.id]))
            with self._block("try:"):
                finish = [f"if not {tap}.started:", f"    {tap}.start()", "add(chunk)"]
                self._loop(finish, is_paced=True, node=node)
            with self._block("except BaseException as error:"):
                self._line(f"stage.input_failed({node.id!a}, error)")
                self._line("raise")
        else:
            self._loop(["add(chunk)"], is_paced=True, node=node)
        self._line(f"value = stage.whole({node.id!a}, fold)", node)
        self._becomes_value(node)
        self._value = _Variable("value", may_lack=not self._port(node).required, is_folded=True)

    # --- fans ---

    def _fan(self, fan: Fan, follower: PlannedNode | None) -> None:
        """Write a fan whose branches run one after another, and give a record each."""
        if self._flow != "value":
            if self._steps:
                self._write_steps()
            self._fan_of_chunks(fan, is_last=follower is None)
        elif follower is not None and self._makes_record(fan, follower):
            self._fan_to_record(fan)
        else:
            self._fan_of_value(fan, is_last=follower is None)

    def _makes_record(self, fan: Fan, follower: PlannedNode) -> bool:
        """Tell whether what follows takes a record that has one piece of each key, so that nothing has to be folded."""
        edge, *others = self._plan.edges_into[follower.id]
        if (
            others
            or follower.op not in (Op.CALL, Op.GENERATE, Op.BRANCH, Op.EACH, Op.WRAP)
            or self._port(follower).streams
            or edge.key is not None
        ):
            return False
        if self._mode.tells(fan.join) or self._value.may_lack or any(port == REST for port, _ in fan.branches):
            return False
        nodes = [self._plan.by_id[node_id] for _, branch in fan.branches for node_id in branch]
        steps = [step for node in nodes for step in _steps(node, self._plan.edges_into[node.id][0])]
        may_lack = any(step.what in ("select", "project") for step in steps)
        keyed = any(edge.key is not None for edge in self._plan.edges_into[fan.join])
        return not may_lack and not keyed and edge.accumulator is not None and keeps_one(edge.accumulator)

    def _fan_to_record(self, fan: Fan) -> None:
        pieces = []
        for index, (port, nodes) in enumerate(fan.branches):
            piece = _Variable(f"piece_{index}", is_folded=self._value.is_folded)
            self._line(f"{piece.name} = value")
            self._branch_of_value(nodes, piece)
            pieces.append(f"{port!a}: {piece.name}")
        self._line(f"value = {{{', '.join(pieces)}}}", self._plan.by_id[fan.join])
        self._value = _Variable("value")

    def _fan_of_value(self, fan: Fan, *, is_last: bool) -> None:
        """Write a fan of a value: as a generator of records, unless nothing follows it."""
        if is_last:
            self._pieces_of_value(fan, self._finish())
            self._flow = "done"
            return
        name = self._names[fan.join]
        waits = not self._mode.is_sync
        with self._block(f"{'async ' if waits else ''}def {name}(value):"):
            self._pieces_of_value(fan, lambda chunk: [f"yield {chunk}"])
        self._line(f"chunks = stage.hold({name}(value))", uses=("stage",))
        self._becomes_stream(self._plan.by_id[fan.join], is_async=waits)

    def _pieces_of_value(self, fan: Fan, finish: Finish) -> None:
        edges = {edge.port: edge for edge in self._plan.edges_into[fan.join]}
        with self._telling([self._plan.by_id[fan.join]]):
            for port, nodes in fan.branches:
                piece = _Variable("piece", self._value.may_lack, self._value.is_folded)
                self._line("piece = value")
                self._branch_of_value(nodes, piece)
                self._piece(fan, edges[port], piece, finish)

    def _branch_of_value(self, nodes: Sequence[NodeId], piece: _Variable) -> None:
        """Write the nodes of one branch, through which a value goes."""
        for node_id in nodes:
            node = self._plan.by_id[node_id]
            (edge,) = self._plan.edges_into[node_id]
            for step in _steps(node, edge):
                self._step_of_value(step, piece)
            if node.op is Op.CALL:
                self._complete(node, edge, piece)
                self._call(node, piece)
                piece.may_lack = piece.is_folded = False

    def _piece(self, fan: Fan, edge: Edge, piece: _Variable, finish: Finish) -> None:
        """Write that a branch gives a piece of a record."""
        join, port = self._plan.by_id[fan.join], edge.port
        if edge.key is not None:
            self._step_of_chunk(_Step("select", join, edge), piece)
        record = f"{{{port!a}: piece}}"
        if port == REST:
            with self._block_if("if piece is not NOTHING:", piece.may_lack):
                self._line(f"piece = without(piece, {join.keys!a}, {join.id!a}, {edge.source!a})", join)
            piece.may_lack, record = True, "piece"
        with self._block_if("if piece is not NOTHING:", piece.may_lack):
            if self._mode.tells(fan.join):
                self._line(f"record = {record}", join)
                record = "record"
                self._step_of_chunk(_Step("pass", join, None), _Variable(record))
            self._lines_of(finish(record), join)

    def _fan_of_chunks(self, fan: Fan, *, is_last: bool) -> None:
        """Write a fan of a stream: every chunk goes through the branches in turn, as far as they take chunks."""
        if is_last:
            self._pieces_of_chunks(fan, self._finish())
            self._flow = "done"
            return
        name = self._names[fan.join]
        is_async = self._flow != "sync" or not self._mode.is_sync
        with self._block(f"{'async ' if is_async else ''}def {name}(chunks):"):
            self._pieces_of_chunks(fan, lambda chunk: [f"yield {chunk}"])
        self._line(f"chunks = stage.hold({name}(chunks))", uses=("stage",))
        self._becomes_stream(self._plan.by_id[fan.join], is_async=is_async)

    def _pieces_of_chunks(self, fan: Fan, finish: Finish) -> None:
        whole = {port: self._first_call(nodes) for port, nodes in fan.branches}
        streamed = [self._plan.by_id[one] for port, nodes in fan.branches for one in nodes[: whole[port]]]
        join = self._plan.by_id[fan.join]
        if all(whole[port] == len(nodes) for port, nodes in fan.branches):
            with self._telling([*streamed, join]):
                self._streamed_pieces(fan, whole, finish)
            return
        with self._telling([join], "told_record"):  # it is done with the last piece, not with the last chunk
            with self._telling(streamed):
                self._streamed_pieces(fan, whole, finish)
            self._whole_pieces(fan, whole, finish)

    def _streamed_pieces(self, fan: Fan, whole: Mapping[str, int], finish: Finish) -> None:
        """Write the loop that takes every chunk through the branches, each as far as its first whole value."""
        edges = {edge.port: edge for edge in self._plan.edges_into[fan.join]}
        for index, (port, nodes) in enumerate(fan.branches):
            if whole[port] < len(nodes):
                self._line(f"fold_{index} = stage.fold({nodes[whole[port]]!a})", uses=("stage",))
        with self._each_chunk(is_paced=True):
            for index, (port, nodes) in enumerate(fan.branches):
                piece = _Variable("piece")
                self._line("piece = chunk")
                steps = [
                    step
                    for node_id in nodes[: whole[port]]
                    for step in _steps(self._plan.by_id[node_id], self._plan.edges_into[node_id][0])
                ]
                for step in steps:
                    self._step_of_chunk(step, piece)
                self._step_out()
                if whole[port] == len(nodes):
                    self._piece(fan, edges[port], piece, finish)
                else:
                    node = self._plan.by_id[nodes[whole[port]]]
                    (edge,) = self._plan.edges_into[node.id]
                    if edge.key is not None:
                        self._step_of_chunk(_Step("select", node, edge), piece)
                    with self._block_if("if piece is not NOTHING:", piece.may_lack):
                        self._line(f"fold_{index}.add(piece)", node)

    def _whole_pieces(self, fan: Fan, whole: Mapping[str, int], finish: Finish) -> None:
        """Write what the branches make of their whole values, after the last chunk."""
        edges = {edge.port: edge for edge in self._plan.edges_into[fan.join]}
        for index, (port, nodes) in enumerate(fan.branches):
            if whole[port] == len(nodes):
                continue
            node = self._plan.by_id[nodes[whole[port]]]
            piece = _Variable("piece", may_lack=not self._port(node).required, is_folded=True)
            self._line(f"piece = stage.whole({node.id!a}, fold_{index})", node)
            self._call(node, piece)
            piece = _Variable("piece")
            self._branch_of_value(nodes[whole[port] + 1 :], piece)
            self._piece(fan, edges[port], piece, finish)

    def _first_call(self, nodes: Sequence[NodeId]) -> int:
        """Return where in a branch the first node stands that waits for the whole value."""
        calls = [index for index, node_id in enumerate(nodes) if self._plan.by_id[node_id].op is Op.CALL]
        return calls[0] if calls else len(nodes)

    # --- what becomes of the output ---

    def _finish(self) -> Finish:
        """Return the lines for a chunk of the output; writes what has to stand before all of them."""
        match self._mode.sink:
            case "yield":
                return lambda chunk: [f"yield {chunk}"]
            case "put":
                self._use("put")
                self._use("room")
                return lambda chunk: [f"if put({chunk}):", "    await room()"]
            case "value":
                self._line("fold = stage.output_fold()", uses=("stage",))
                self._line("add = fold.add")
                return lambda chunk: [f"add({chunk})"]
            case "drop":
                return lambda chunk: []

    def _sink(self) -> None:
        output = self._plan.by_id[self._stage.nodes[-1]]
        if self._flow == "value":
            is_value = not self._value.may_lack and output.folds is not None and keeps_one(output.folds)
            if self._mode.sink == "value" and is_value:
                self._line("return value")
                return
            finish = self._finish()
            if finish("value"):
                with self._block_if("if value is not NOTHING:", self._value.may_lack):
                    self._lines_of(finish("value"), output)
        elif self._flow != "done":
            self._loop(self._finish()("chunk"), is_paced=True, node=output)
        if self._mode.sink == "value":
            self._line("return stage.output(fold)", output)

    # --- lines ---

    @property
    def _async(self) -> str:
        return "" if self._mode.is_sync else "async "

    @property
    def _await(self) -> str:
        return "" if self._mode.is_sync else "await "

    def _line(self, line: str, node: PlannedNode | NodeId | None = None, *, uses: Sequence[str] = ()) -> None:
        for name in uses:
            self._use(name)
        self._lines.append("    " * self._depth + line)
        if node is not None:
            self._about[len(self._lines) + 1] = node.id if isinstance(node, PlannedNode) else node

    def _lines_of(self, lines: Sequence[str], node: PlannedNode | None) -> None:
        for line in lines:
            self._line(line, node)

    @contextlib.contextmanager
    def _block(self, header: str, node: PlannedNode | NodeId | None = None) -> Iterator[None]:
        self._line(header, node)
        self._depth += 1
        before = len(self._lines)
        yield
        if len(self._lines) == before:
            self._line("pass")
        self._depth -= 1

    @contextlib.contextmanager
    def _block_if(self, header: str, condition: bool) -> Iterator[None]:
        """Write a block where a condition may not hold; without one where it does."""
        if not condition:
            yield
            return
        with self._block(header):
            yield

    def _use(self, name: str) -> str:
        self._used[name] = None
        return name

    def _function(self, node: PlannedNode) -> str:
        return self._use(self._names[node.id])

    def _port(self, node: PlannedNode) -> Port:
        (edge,) = self._plan.edges_into[node.id]
        assert edge.port is not None
        return node.port(edge.port)


def _steps(node: PlannedNode, edge: Edge) -> list[_Step]:
    """Return the steps that a chunk takes along an edge and through a node, as far as they are steps."""
    what: Mapping[Op, Literal["map", "project", "record", "pass"]] = {
        Op.MAP: "map",
        Op.PROJECT: "project",
        Op.JOIN: "record",
        Op.IDENTITY: "pass",
    }
    steps = [] if edge.key is None else [_Step("select", node, edge)]
    if node.op in what:
        steps.append(_Step(what[node.op], node, edge))
    return steps


def _waits(node: PlannedNode) -> bool:
    return node.is_async or node.thread


def _tap(name: str) -> str:
    return f"tap_{name}"


def _tell(name: str) -> str:
    return f"tell_{name}"


def name_of(ids: Sequence[NodeId]) -> str:
    """Return a Python name for neighbouring nodes together.

    >>> name_of([NodeId("shout"), NodeId("strip.2")])
    'shout__strip_2'
    """
    names = list(_names(ids).values())
    return "__".join(names) if len(names) <= 3 else f"{names[0]}__to__{names[-1]}"


def _names(ids: Sequence[NodeId]) -> dict[NodeId, str]:
    """Return a Python name for every node, each once and none that the function needs itself."""
    taken = set(RESERVED)
    names = {}
    for node_id in ids:
        stem = re.sub(r"\W+", "_", node_id).strip("_") or "node"
        if stem[0].isdigit() or keyword.iskeyword(stem) or stem.startswith(_PREFIXES):
            stem = f"_{stem}"
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name)
        names[node_id] = name
    return names
