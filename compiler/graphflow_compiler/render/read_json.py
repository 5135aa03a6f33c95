"""Read a plan that was written as JSON: everything is checked, nothing is run, and what comes out is an outline again.

So a saved plan can be compared with another one, or drawn, where the code that it was compiled from is not at hand.
"""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, Never, TypeVar, get_args

import attrs

from graphflow_compiler.errors import Diagnostic, GraphflowError, Severity
from graphflow_compiler.ir import INPUT, Edge, NodeClass, NodeId, Op, Scope, ScopeId, SourceLocation
from graphflow_compiler.plan import Buffer, BufferKind, Cluster, Fan, Stage, StageId
from graphflow_compiler.render.json import VERSION
from graphflow_compiler.render.outline import (
    MANY,
    Beginning,
    Body,
    EdgeLine,
    Mark,
    NodeLine,
    Outline,
    PortLine,
    is_sole,
    turns_of,
)

#: What is larger is refused before it costs time and memory: in characters, in nodes, in plans within plans.
MOST_CHARACTERS: Final = 1 << 28
MOST_NODES: Final = 200_000
MOST_NESTED: Final = 40

#: What a node says beyond its cells, if it does: see `NodeLine.details`.
_DETAILS: Final = ("keys", "limit", "async", "thread", "suspends", "keeps_open", "buffer", "accumulate", "emits_chunks")

EnumT = TypeVar("EnumT", bound=StrEnum)
_Ends = tuple[str, str, str | None, str | None]


class PlanFormatError(GraphflowError, ValueError):
    """A text is not a plan as `explain("json")` writes it; the message says where it is not."""


def read_plan(text: str) -> Outline:
    """Read what `explain("json")` has written.

    Raises:
        PlanFormatError: it is something else, is damaged, or is larger than any plan.
    """
    if len(text) > MOST_CHARACTERS:
        raise PlanFormatError(f"a plan has at most {MOST_CHARACTERS:,} characters, but this text has {len(text):,}")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except PlanFormatError:
        raise
    except json.JSONDecodeError as error:
        raise PlanFormatError(f"line {error.lineno}, column {error.colno}: this is not JSON: {error.msg}") from None
    except ValueError as error:  # a number of too many digits
        raise PlanFormatError(f"this is not JSON that can be read: {error}") from None
    except RecursionError:
        raise PlanFormatError("this is nested deeper than any plan") from None
    whole = _Part(value, "")
    if not isinstance(value, dict) or "graphflow_plan" not in value:
        whole.fail('this is JSON, but no plan: it has no key "graphflow_plan"; write one with explain("json")')
    version = whole["graphflow_plan"].number()
    if version != VERSION:
        whole.fail(f"this plan has version {version} of the format, but this graphflow reads version {VERSION}")
    return _Reader().plan(whole, 0)


def _refuse_constant(name: str) -> Never:
    raise PlanFormatError(f"{name} stands where a number belongs")


@attrs.frozen
class _Part:
    """A value with the path that leads to it."""

    value: Any
    path: str

    def fail(self, problem: str) -> Never:
        raise PlanFormatError(f"{self.path}: {problem}" if self.path else problem)

    def expect(self, what: str) -> Never:
        shown = json.dumps(self.value, default=repr)
        self.fail(f"expected {what}, found {shown if len(shown) <= 60 else shown[:57] + '...'}")

    def __getitem__(self, key: str) -> _Part:
        if not isinstance(self.value, dict):
            self.expect("an object")
        if key not in self.value:
            self.fail(f'the key "{key}" is missing')
        return _Part(self.value[key], f"{self.path}.{key}" if self.path else key)

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def object(self) -> Iterator[tuple[str, _Part]]:
        if not isinstance(self.value, dict):
            self.expect("an object")
        return ((key, self[key]) for key in self.value)

    def array(self) -> Iterator[_Part]:
        if not isinstance(self.value, list):
            self.expect("an array")
        return (_Part(value, f"{self.path}[{index}]") for index, value in enumerate(self.value))

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.expect("a string")
        return self.value

    def optional_text(self) -> str | None:
        return None if self.value is None else self.text()

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            self.expect("true or false")
        return self.value

    def number(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.expect("a whole number")
        return self.value

    def word(self, words: tuple[str, ...]) -> str:
        if self.value not in words or not isinstance(self.value, str):
            self.expect(f"one of {', '.join(words)}")
        return self.value

    def member(self, kind: type[EnumT]) -> EnumT:
        return kind(self.word(tuple(each.value for each in kind)))

    def texts(self) -> tuple[str, ...]:
        return tuple(part.text() for part in self.array())

    def location(self) -> SourceLocation | None:
        return None if self.value is None else SourceLocation(self["file"].text(), self["line"].number())


class _Reader:
    """Reads plans, those of bodies too, and counts their nodes."""

    def __init__(self) -> None:
        self._count = 0

    def plan(self, part: _Part, nesting: int) -> Outline:
        if nesting > MOST_NESTED:
            part.fail(f"plans stand in plans at most {MOST_NESTED} deep")
        node_parts = list(part["nodes"].array())
        self._count += len(node_parts)
        if self._count > MOST_NODES:
            part.fail(f"a plan has at most {MOST_NODES:,} nodes")
        known = _Known(part["nodes"], [each["id"].text() for each in node_parts])
        edges = self._edges(part, known, node_parts)
        stages = tuple(map(_stage, part["stages"].array()))
        turns = turns_of(stages)
        nodes = tuple(
            attrs.evolve(node, turns=turns.get(node.id, ""))
            for node in (self._node(each, edges, nesting) for each in node_parts)
        )
        _check_stages(part, nodes, stages)
        marks = {node.id: node.mark for node in nodes}
        streaming = part["streaming"]
        begins = tuple(known(each) for each in streaming["begins"].array())
        return Outline(
            name=part["name"].text(),
            takes=part["takes"].text(),
            gives=part["gives"].text(),
            node_class=part["class"].member(NodeClass),
            streams=streaming["streams"].flag(),
            streams_by_key={key: each.flag() for key, each in streaming["by_key"].object()},
            begins=begins,
            beginnings=tuple(_beginning(streaming, known, node_id, marks[node_id]) for node_id in begins[:MANY]),
            blocked_by=None if streaming["blocked_by"].value is None else known(streaming["blocked_by"]),
            nodes=nodes,
            stages=stages,
            output=known(part["output"]),
            scopes=tuple(map(_scope, part["scopes"].array())),
            diagnostics=tuple(map(_diagnostic, part["diagnostics"].array())),
            most_chunks=_most_chunks(part),
        )

    def _edges(self, part: _Part, known: _Known, node_parts: list[_Part]) -> Mapping[NodeId, list[EdgeLine]]:
        buffers = {_ends(each): _buffer(each) for each in part["buffers"].array()}
        by_id = {each["id"].text(): each for each in node_parts}
        edges: dict[NodeId, list[EdgeLine]] = defaultdict(list)
        for each in part["edges"].array():
            source, target = known(each["source"]), known(each["target"])
            if known.position[source] >= known.position[target]:
                each.fail("an edge leads from a node to one after it")
            ports = list(by_id[target]["ports"].array())
            line = EdgeLine(
                source=source,
                target=target,
                port=each["port"].optional_text(),
                key=each["key"].optional_text(),
                whole=each["whole"].flag(),
                folds=each["folds"].optional_text(),
                unchecked=each["unchecked"].optional_text() or "",
                location=each["location"].location(),
                snippet=each["snippet"].optional_text(),
                buffer=buffers.pop(_ends(each), None),
                sole=is_sole(by_id[target]["op"].member(Op), ports),
                source_folds=by_id[source]["folds"].optional_text(),
                ports=len(ports),
            )
            edges[target].append(line)
        for lost in buffers.values():
            part["buffers"].fail(f"there is no edge for the buffer from `{lost.source}` to `{lost.target}`")
        return edges

    def _node(self, part: _Part, edges: Mapping[NodeId, list[EdgeLine]], nesting: int) -> NodeLine:
        node_id = NodeId(part["id"].text())
        inputs = tuple(edges.get(node_id, ()))
        bodies = tuple(part["bodies"].array()) if "bodies" in part else ()
        return NodeLine(
            id=node_id,
            name=part["name"].text(),
            op=part["op"].member(Op),
            kind=part["kind"].text(),
            node_class=part["class"].member(NodeClass),
            ports=tuple(_port(each, {edge.port for edge in inputs}) for each in part["ports"].array()),
            gives=part["gives"].text(),
            folds=part["folds"].optional_text(),
            reason=part["reason"].text(),
            location=part["location"].location(),
            inputs=inputs,
            scope=_scope_id(part["scope"]),
            tags=part["tags"].texts(),
            metadata={key: each.value for key, each in part["metadata"].object()},
            details={word: part[word].value for word in _DETAILS if word in part},
            stage=None if part["stage"].value is None else StageId(part["stage"].text()),
            mark=None if part["mark"].value is None else part["mark"].member(Mark),
            bodies=tuple(Body(each["label"].text(), self.plan(each["plan"], nesting + 1)) for each in bodies),
            measured={key: each.text() for key, each in part["measured"].object()} if "measured" in part else {},
        )


class _Known:
    """The nodes of a plan by their positions: what names another one is refused."""

    def __init__(self, part: _Part, node_ids: list[str]) -> None:
        self.position = {NodeId(node_id): index for index, node_id in enumerate(node_ids)}
        if len(self.position) < len(node_ids):
            part.fail("two nodes have the same id")
        if not node_ids or node_ids[0] != INPUT:
            part.fail(f"the first node is `{INPUT}`")

    def __call__(self, part: _Part) -> NodeId:
        node_id = NodeId(part.text())
        if node_id not in self.position:
            part.fail(f"there is no node `{node_id}`")
        return node_id


def _check_stages(part: _Part, nodes: tuple[NodeLine, ...], stages: tuple[Stage, ...]) -> None:
    """Refuse stages that do not hold every node once, each after those that it takes chunks from."""
    place = {node_id: (at, step) for at, stage in enumerate(stages) for step, node_id in enumerate(stage.nodes)}
    if len({stage.id for stage in stages}) < len(stages):
        part["stages"].fail("two stages have the same id")
    if [node_id for stage in stages for node_id in stage.nodes] != list(place):
        part["stages"].fail("a node stands in two stages")
    for node in nodes:
        if node.id == INPUT:
            continue
        if node.id not in place or stages[place[node.id][0]].id != node.stage:
            part["nodes"].fail(f"`{node.id}` does not stand in its stage, {node.stage}")
        for edge in node.inputs:
            if edge.source != INPUT and place[edge.source] >= place[node.id]:
                part["stages"].fail(f"`{node.id}` stands before `{edge.source}`, which leads into it")
    if len(place) != len(nodes) - 1:
        part["stages"].fail("a stage names a node that there is not, or the input")


def _most_chunks(part: _Part) -> int | None:
    if "most_chunks" not in part:  # it was written before plans said it
        return 0
    return None if part["most_chunks"].value is None else part["most_chunks"].number()


def _port(part: _Part, fed: set[str | None]) -> PortLine:
    name = part["name"].text()
    streams, required = part["streams"].flag(), part["required"].flag()
    return PortLine(name, streams, required, name in fed, part["type"].text(), part["fold"].optional_text())


def _ends(part: _Part) -> _Ends:
    source, target = part["source"].text(), part["target"].text()
    return source, target, part["port"].optional_text(), part["key"].optional_text()


def _buffer(part: _Part) -> Buffer:
    kind: Any = part["kind"].word(get_args(BufferKind))
    capacity = None if part["capacity"].value is None else part["capacity"].number()
    source, target, port, key = _ends(part)
    return Buffer(NodeId(source), NodeId(target), port or "", key, kind, capacity, part["reason"].text())


def _beginning(streaming: _Part, known: _Known, node_id: NodeId, mark: Mark | None) -> Beginning:
    if mark is None or mark is Mark.BLOCKS:
        streaming["begins"].fail(f"`{node_id}` is not marked as a node where the output begins")
    waits = streaming["waits_for"][node_id]
    return Beginning(node_id, mark, tuple(known(each) for each in waits.array()))


def _stage(part: _Part) -> Stage:
    stage_id = part["id"].text()
    if not re.fullmatch("s[0-9]+", stage_id):  # drawings have it as an id of their own
        part["id"].expect("s and a number")
    return Stage(
        StageId(stage_id),
        tuple(map(NodeId, part["nodes"].texts())) or part["nodes"].fail("a stage has a node or more"),
        part["reason"].text(),
        part["own_task"].flag(),
        tuple(map(_fan, part["fans"].array())),
        tuple(Cluster(tuple(map(NodeId, each["nodes"].texts()))) for each in part["clusters"].array()),
        functools.partial(str, part["source"].text()),
    )


def _fan(part: _Part) -> Fan:
    branches = ((port, tuple(map(NodeId, nodes.texts()))) for port, nodes in part["branches"].object())
    return Fan(NodeId(part["fork"].text()), NodeId(part["join"].text()), tuple(branches))


def _scope_id(part: _Part) -> ScopeId | None:
    return None if part.value is None else ScopeId(part.text())


def _scope(part: _Part) -> Scope:
    output = NodeId(part["output"].text())
    source = part["source"].optional_text()

    def led(edges: _Part) -> tuple[Edge, ...]:
        """Return edges that led into a join that was taken away: all that is known of it is that it had the output."""
        return tuple(
            Edge(NodeId(each["source"].text()), output, each["port"].optional_text(), each["key"].optional_text())
            for each in edges.array()
        )

    return Scope(
        id=ScopeId(part["id"].text()),
        parent=_scope_id(part["parent"]),
        name=part["name"].text(),
        output=output,
        source=None if source is None else NodeId(source),
        source_key=part["source_key"].optional_text(),
        kind=part["kind"].text(),
        tags=part["tags"].texts(),
        metadata={key: each.value for key, each in part["metadata"].object()},
        fed_by=led(part["fed_by"]),
        given_by=led(part["given_by"]),
        location=part["location"].location(),
    )


def _diagnostic(part: _Part) -> Diagnostic:
    severity: Any = part["severity"].word(get_args(Severity))
    node = part["node"].optional_text()
    return Diagnostic(
        code=part["code"].text(),
        severity=severity,
        message=part["message"].text(),
        node=None if node is None else NodeId(node),
        location=part["location"].location(),
        snippet=part["snippet"].optional_text(),
        hint=part["hint"].optional_text(),
    )
