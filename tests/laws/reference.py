"""The reference interpreter: a description evaluated eagerly on lists of chunks, without compiler or runtime."""

from __future__ import annotations

from typing import Any

import attrs

from tests.laws import behaviours
from tests.laws.behaviours import END, Machine
from tests.laws.graphs import (
    Branch,
    Each,
    Example,
    Fan,
    Fold,
    GraphOf,
    Keyed,
    Line,
    Node,
    Pass,
    Pick,
    Plain,
    Shape,
    Spec,
    Wrap,
    choose,
    of_input,
)
from tests.laws.nodes import Step, logic_of, value_of

Seen = dict[str, list[list[tuple[str, Any]]]]


def ends_early(step: Step) -> bool:
    """Tell whether a node may leave some of what it could read."""
    return step.does in ("take", "take_int", "read_first", "shortest", "first only")


class Failed(Exception):
    """A node was told to fail, and would."""


@attrs.frozen
class Flow:
    """What one node gives.

    Attributes:
        chunks: in order; of a record only the order per key counts.
        shape: how they fold.
        above: the nodes that the chunks have come through.
    """

    chunks: list[Any]
    shape: Shape
    above: frozenset[str]

    def value(self) -> Any:
        """Return what the chunks fold to."""
        return folded(self.chunks, self.shape)

    def at(self, key: str) -> Flow:
        """Return what flows under a key."""
        assert isinstance(self.shape, Keyed)
        return Flow([chunk[key] for chunk in self.chunks if key in chunk], self.shape.by_key[key], self.above)


def folded(chunks: list[Any], shape: Shape) -> Any:
    """Return the value of chunks; a record folds per key, and lacks the keys that have no value."""
    if isinstance(shape, Plain):
        assert shape.folds is not None
        return behaviours.fold(shape.folds, chunks, shape.kind)
    record = {}
    for key, inner in shape.fields:
        try:
            record[key] = folded([chunk[key] for chunk in chunks if key in chunk], inner)
        except behaviours.Empty:
            continue
    return record


def per_key(chunks: list[Any], shape: Shape) -> Any:
    """Return the chunks so that they compare equal if every key has the same ones in the same order."""
    if isinstance(shape, Plain):
        return chunks
    return {key: per_key([chunk[key] for chunk in chunks if key in chunk], inner) for key, inner in shape.fields}


def evaluate(example: Example, chunks: list[Any]) -> tuple[Reference, Flow | Exception]:
    """Return what the reference makes of a chain and the chunks of its input: a flow, or why there is none."""
    reference = Reference()
    shape: Shape = _shape_of(example.value)
    try:
        return reference, reference.run(example.spec, Flow(chunks, shape, frozenset()))
    except (behaviours.Empty, behaviours.Twofold, Failed) as error:
        return reference, error


def _shape_of(value: Any) -> Shape:
    if isinstance(value, dict):
        return Keyed(tuple((key, _shape_of(one)) for key, one in value.items()))
    return of_input("text" if isinstance(value, str) else "int" if isinstance(value, int) else "ints")


class Reference:
    """One evaluation.

    Attributes:
        seen: what each call of each node's function read.
        maybe_less: the nodes above one that ends early: they may have seen less than here.
        unordered: the nodes in an `each`, whose calls may come in any order.
    """

    def __init__(self) -> None:
        self.seen: Seen = {}
        self.maybe_less: set[str] = set()
        self.unordered: set[str] = set()
        self._in_each = 0

    def run(self, spec: Spec, given: Flow) -> Flow:
        """Return what a description gives."""
        match spec:
            case Line(parts):
                for part in parts:
                    given = self.run(part, given)
                return given
            case Pass():
                return given
            case Pick(keys=(key,)):
                return given.at(key)
            case Pick(keys=keys):
                chunks = [{key: chunk[key] for key in keys if key in chunk} for chunk in given.chunks]
                return attrs.evolve(given, chunks=[chunk for chunk in chunks if chunk], shape=spec.gives)
            case Fold(name=name):
                value = behaviours.fold(name, given.chunks, "int")
                return Flow([value], spec.gives, given.above)
            case Fan():
                return self._fan(spec, given)
            case Branch(alternatives=alternatives):
                value = given.value()
                chosen = alternatives[choose(value, len(alternatives))]
                inside = self.run(chosen, Flow([value], self._of_body(given.shape), given.above))
                return attrs.evolve(inside, shape=spec.gives)
            case Each():
                return self._each(spec, given)
            case Wrap(body=body):
                return self.run(body, given)
            case Node(step):
                named = {step.ports[0].name: given}
                if len(step.ports) > 1:
                    named = {port.name: given.at(port.name) for port in step.ports if port.default is None}
                return self._node(spec, named)
            case GraphOf():
                return self._graph(spec, given)

    def _of_body(self, shape: Shape) -> Shape:
        assert isinstance(shape, Plain)
        return of_input(shape.kind)

    def _fan(self, fan: Fan, given: Flow) -> Flow:
        keys = [key for key, _ in fan.branches]
        chunks = []
        if fan.assigns:
            rest = [{key: piece for key, piece in chunk.items() if key not in keys} for chunk in given.chunks]
            chunks = [left for left, chunk in zip(rest, given.chunks, strict=True) if left or not chunk]
        return self._record([(key, self.run(branch, given)) for key, branch in fan.branches], chunks, fan.gives, given)

    def _record(self, flows: list[tuple[str, Flow]], chunks: list[Any], shape: Shape, given: Flow) -> Flow:
        for key, flow in flows:
            chunks = chunks + [{key: chunk} for chunk in flow.chunks]
        return Flow(chunks, shape, given.above.union(*(flow.above for _, flow in flows)))

    def _each(self, each: Each, given: Flow) -> Flow:
        results, above = [], given.above
        self._in_each += 1
        for item in given.value():
            result = self.run(each.body, Flow([item], of_input("int"), frozenset()))
            results.append([result.value()])
            above |= result.above
        self._in_each -= 1
        return Flow(results, each.gives, above)

    def _graph(self, graph: GraphOf, given: Flow) -> Flow:
        flows: dict[int, Flow] = {-1: given}
        if len(graph.parameters) > 1:
            flows = {-1 - index: given.at(name) for index, (name, _, _) in enumerate(graph.parameters)}

        def at(ref: tuple[int, str | None]) -> Flow:
            return flows[ref[0]] if ref[1] is None else flows[ref[0]].at(ref[1])

        for index, (spec, fed) in enumerate(graph.calls):
            if fed[0][0] == "":
                flows[index] = self.run(spec, at(fed[0][1]))
            else:
                assert isinstance(spec, Node)
                flows[index] = self._node(spec, {port: at(ref) for port, ref in fed})
        if graph.result[0][0] == "":
            return at(graph.result[0][1])
        return self._record([(key, at(ref)) for key, ref in graph.result], [], graph.gives, given)

    # --- nodes ---

    def _node(self, node: Node, given: dict[str, Flow]) -> Flow:
        step = node.step
        above = frozenset({step.label}).union(*(flow.above for flow in given.values()))
        if self._in_each:
            self.unordered.add(step.label)
        streams = {port.name: list(given[port.name].chunks) for port in step.ports if port.streams}
        values = {
            port.name: given[port.name].value() if port.name in given else port.default
            for port in step.ports
            if not port.streams
        }
        if step.flavour.endswith("chunkwise"):
            (port,) = streams
            return Flow([self._change(step, port, chunk) for chunk in streams[port]], node.gives, above)
        log = [(port.name, values[port.name]) for port in step.ports if not port.streams]
        self.seen.setdefault(step.label, []).append(log)
        if not streams:
            if step.fails_at == 0:
                raise Failed
            result = value_of(step, values)
            if step.role == "producer" and step.fails_at is not None and step.fails_at <= len(result):
                raise Failed
            return Flow(result if step.role == "producer" else [result], node.gives, above)
        chunks = self._read(step, Machine(logic_of(step, values)), streams, log)
        if ends_early(step):
            self.maybe_less |= above
        return Flow(chunks, node.gives, above)

    def _read(
        self, step: Step, machine: Machine, streams: dict[str, list[Any]], log: list[tuple[str, Any]]
    ) -> list[Any]:
        read = 0
        if step.fails_at == 0:
            raise Failed
        chunks = list(machine.feed())
        while (port := machine.wants) is not None:
            chunk = streams[port].pop(0) if streams[port] else END
            if chunk is not END:
                read += 1
                log.append((port, chunk))
                if read == step.fails_at:
                    raise Failed
            chunks += machine.feed(chunk)
        return chunks

    def _change(self, step: Step, port: str, chunk: Any) -> Any:
        calls = self.seen.setdefault(step.label, [])
        calls.append([(port, chunk)])
        if step.fails_at is not None and len(calls) > step.fails_at:
            raise Failed
        (result,) = behaviours.TRANSFORMS[step.does].step([], chunk)
        return result
