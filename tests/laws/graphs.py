"""Random chains: frozen descriptions, how they are declared through the public API, and hypothesis strategies for them.

A description says what it takes and gives (`Plain` or `Keyed`), so that strategies only make chains that compile, and
so that the reference interpreter knows how a stream folds without asking the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

import attrs
import hypothesis.strategies as st

import graphflow as gf
from tests.laws import nodes
from tests.laws.behaviours import AGGREGATES, ORDERS, PRODUCERS, READERS, TRANSFORMS, TYPES, Kind
from tests.laws.nodes import ACCUMULATORS, Flavour, Port, Step, Watch

T = TypeVar("T")


# --- what flows --------------------------------------------------------------------------------------------


@attrs.frozen
class Plain:
    """Chunks of one kind.

    Attributes:
        folds: the name of how they fold; None where nothing says it.
        is_cut: they are cut where the caller cut the input, so that nothing should depend on it.
    """

    kind: Kind
    folds: str | None
    is_cut: bool = False


@attrs.frozen
class Keyed:
    """Records of chunks."""

    fields: tuple[tuple[str, Shape], ...]

    @property
    def by_key(self) -> Mapping[str, Shape]:
        """What flows under each key."""
        return dict(self.fields)


Shape = Plain | Keyed


def foldable(shape: Shape) -> bool:
    """Tell whether something says how the chunks fold."""
    if isinstance(shape, Keyed):
        return all(foldable(one) for _, one in shape.fields)
    return shape.folds is not None


def of_input(kind: Kind, *, is_cut: bool = False) -> Plain:
    """Return what flows where the caller gives chunks of a kind."""
    return Plain(kind, "single", False) if kind == "int" else Plain(kind, "concat", is_cut)


# --- descriptions ------------------------------------------------------------------------------------------


@attrs.frozen
class Line:
    parts: tuple[Spec, ...]
    gives: Shape


@attrs.frozen
class Fan:
    """A parallel, or an assign if `assigns`."""

    label: str
    branches: tuple[tuple[str, Spec], ...]
    assigns: bool
    gives: Shape


@attrs.frozen
class Pick:
    label: str
    keys: tuple[str, ...]
    gives: Shape


@attrs.frozen
class Pass:
    label: str
    gives: Shape


@attrs.frozen
class Fold:
    """`gf.collect()` or `gf.fold(...)`."""

    label: str
    name: str
    gives: Shape


@attrs.frozen
class Branch:
    """Chooses the alternative of the remainder of the length of the value's text."""

    label: str
    alternatives: tuple[Spec, ...]
    gives: Shape


@attrs.frozen
class Each:
    label: str
    body: Spec
    limit: int
    gives: Shape


@attrs.frozen
class Wrap:
    """A policy around a chain which changes nothing of what it gives: that never waits for so long, or fails so."""

    body: Spec
    policy: Literal["limit", "retry", "fallback", "timeout"]
    gives: Shape


@attrs.frozen
class Node:
    """A step, with what it gives; the names of its ports where it takes them by name from a record."""

    step: Step
    gives: Shape


#: What feeds a port: the parameter (negative, from -1) or the call of that number, and a key of it.
Ref = tuple[int, str | None]
#: The ports of a call with what feeds them; one port without a name where a chain is called with one handle.
Feeds = tuple[tuple[str, Ref], ...]


@attrs.frozen
class GraphOf:
    """A `@gf.graph`: calls in order, each on what came before, and what is returned."""

    label: str
    parameters: tuple[tuple[str, Kind, bool], ...]
    calls: tuple[tuple[Spec, Feeds], ...]
    result: tuple[tuple[str, Ref], ...]  # one without a name, or a dict
    gives: Shape


Spec = Line | Fan | Pick | Pass | Fold | Branch | Each | Wrap | Node | GraphOf


def steps(spec: Spec) -> Iterator[Step]:
    """Yield all steps of a description."""
    match spec:
        case Line(parts) | Branch(alternatives=parts):
            for part in parts:
                yield from steps(part)
        case Fan(branches=branches):
            for _, part in branches:
                yield from steps(part)
        case Each(body=body) | Wrap(body=body):
            yield from steps(body)
        case Node(step):
            yield step
        case GraphOf(calls=calls):
            for part, _ in calls:
                yield from steps(part)


def changed(spec: Any, change: Callable[[Step], Step]) -> Any:
    """Return a description with every step changed."""
    if isinstance(spec, Step):
        return change(spec)
    if isinstance(spec, tuple):
        return tuple(changed(one, change) for one in spec)
    if isinstance(spec, Line | Fan | Branch | Each | Wrap | Node | GraphOf):
        fields = {field.name: changed(getattr(spec, field.name), change) for field in attrs.fields(type(spec))}
        return type(spec)(**fields)
    return spec


# --- declaring ---------------------------------------------------------------------------------------------


def declare(spec: Spec, watch: Watch) -> gf.Chain[Any, Any]:
    """Declare a description through the public API."""
    match spec:
        case Line(parts):
            first, *rest = (declare(part, watch) for part in parts)
            for part in rest:
                first = first | part
            return first
        case Fan(label, branches, assigns):
            make = gf.assign if assigns else gf.parallel
            return make({key: declare(branch, watch) for key, branch in branches}).with_config(name=label)
        case Pick(label, keys):
            return gf.pick(*keys).with_config(name=label)
        case Pass(label):
            return gf.passthrough().with_config(name=label)
        case Fold(label, "collect"):
            return gf.collect().with_config(name=label)
        case Fold(label, name):
            return gf.fold(ACCUMULATORS[name], name=label)
        case Branch(label, alternatives):
            chains = [declare(one, watch) for one in alternatives]
            pairs = [(_is_chosen(index, len(chains)), chain) for index, chain in enumerate(chains[:-1])]
            return gf.branch(*pairs, chains[-1]).with_config(name=label)
        case Each(label, body, limit):
            return gf.each(declare(body, watch), max_concurrency=limit).with_config(name=label)
        case Wrap(body, policy):
            return _wrapped(declare(body, watch), policy, watch)
        case Node(step):
            return nodes.build(step, watch)
        case GraphOf():
            return _graph(spec, watch)


class _Never(Exception):
    pass


def _wrapped(chain: gf.Chain[Any, Any], policy: str, watch: Watch) -> gf.Chain[Any, Any]:
    match policy:
        case "limit":
            return chain.with_limit(watch.limit)
        case "retry":
            return chain.with_retry(on=_Never)
        case "fallback":
            return chain.with_fallbacks(chain, on=_Never)
        case _:
            return chain.with_timeout(total=1e9)


def choose(value: Any, count: int) -> int:
    """Return the number of the alternative that a branch chooses."""
    return len(repr(value)) % count


def _is_chosen(index: int, count: int) -> Callable[[Any], Any]:
    async def later(value: Any) -> bool:
        return choose(value, count) == index

    return later if index % 2 else lambda value: choose(value, count) == index


def _graph(spec: GraphOf, watch: Watch) -> gf.Chain[Any, Any]:
    chains = [(declare(part, watch), fed) for part, fed in spec.calls]

    def trace(*handles: Any) -> Any:
        given: dict[int, Any] = {-1 - index: handle for index, handle in enumerate(handles)}

        def at(ref: Ref) -> Any:
            return given[ref[0]] if ref[1] is None else given[ref[0]][ref[1]]

        for index, (chain, fed) in enumerate(chains):
            given[index] = chain(at(fed[0][1])) if fed[0][0] == "" else chain(**{port: at(ref) for port, ref in fed})
        if spec.result[0][0] == "":
            return at(spec.result[0][1])
        return {key: at(ref) for key, ref in spec.result}

    # A function with as many parameters as the graph has: they are found by its signature.
    names = ", ".join(name for name, _, _ in spec.parameters)
    namespace: dict[str, Any] = {"trace": trace}
    exec(f"def {spec.label}({names}): return trace({names})", namespace)
    function = namespace[spec.label]
    function.__annotations__ = {
        name: (gf.Stream if streams else gf.Value)[TYPES[kind]] for name, kind, streams in spec.parameters
    }
    graph: gf.Chain[Any, Any] = gf.graph(function)
    return graph


# --- strategies --------------------------------------------------------------------------------------------


@attrs.define
class _Sketch:
    """A description in the making.

    Attributes:
        budget: how many nodes may still be made.
        threads: whether nodes may run in worker threads.
        nested: whether nodes may run other chains.
        wrapped: whether policies may stand around chains.
    """

    draw: st.DrawFn
    budget: int
    threads: bool
    nested: bool = False
    wrapped: bool = False
    made: int = 0

    def label(self, stem: str) -> str:
        self.made += 1
        self.budget -= 1
        return f"{stem}{self.made}"

    def one_of(self, options: Sequence[T]) -> T:
        return self.draw(st.sampled_from(options))

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == one_in

    # --- single nodes ---

    def step(self, stem: str, role: nodes.Role, ports: tuple[Port, ...], does: str, **more: Any) -> Step:
        is_chunkwise = role == "transform" and len(ports) == 1 and TRANSFORMS[does].is_chunkwise
        flavours: list[Flavour] = ["awaiting", "sync"]
        if role == "transform" and len(ports) == 1:
            flavours += ["pulled", "pulled"]
        if is_chunkwise:
            flavours += ["chunkwise", "chunkwise", "awaiting chunkwise"]
        if self.threads and self.chance(24):
            flavours = ["thread", "thread chunkwise"] if is_chunkwise else ["thread"]
        if self.nested and role == "aggregate" and self.chance(4):
            flavours = ["nested"]
        if self.wrapped and role in ("transform", "producer") and self.chance(8):
            flavours = ["scoped"]
        flavour = self.one_of(flavours)
        return Step(self.label(stem), role, ports, does, flavour, delay=self.draw(st.integers(0, 2)), **more)

    def transform(self, given: Plain) -> Node:
        known = [
            one for one in TRANSFORMS.values() if one.takes == given.kind and (one.is_itemwise or not given.is_cut)
        ]
        what = self.one_of(known)
        folds = None
        if what.gives == "int":
            folds = self.one_of(["total", "total", "total", "from ten", "latest", None])
        elif not given.is_cut and self.chance(12):
            folds = "latest"
        step = self.step("t", "transform", (Port("chunks", what.takes, streams=True),), what.name, folds=folds)
        default = None if what.gives == "int" else "concat"
        if given.folds == "single" and step.flavour.endswith("chunkwise"):
            default = "single"
        return Node(step, Plain(what.gives, folds or default, given.is_cut))

    def reader(self, given: Plain) -> Node:
        what = self.one_of([one for one in READERS.values() if one.takes == given.kind])
        step = self.step("r", "reader", (Port("chunks", what.takes, streams=True),), what.name)
        return Node(step, Plain(what.gives, "single"))

    def of_value(self, given: Shape, role: Literal["aggregate", "producer"]) -> Node:
        kind = given.kind if isinstance(given, Plain) else None
        does, result, folds = "", "text", None
        if kind is not None:
            known = AGGREGATES if role == "aggregate" else PRODUCERS
            what = self.one_of([one for one in known.values() if one.takes == kind])
            does, result = what.name, what.gives
        default = "single" if role == "aggregate" else None if result == "int" else "concat"
        if result == "int" and (role == "producer" or self.chance(8)):
            folds = self.one_of(["total", "total", "from ten", "latest", None])
        step = self.step(role[0], role, (Port("value", kind, streams=False),), does, folds=folds)
        return Node(step, Plain(result, folds or default))  # type: ignore[arg-type]

    def several(self, given: Mapping[str, Shape]) -> Node:
        """Draw a node that takes several ports, of the names and shapes given."""
        ports = []
        for name, shape in given.items():
            streams = isinstance(shape, Plain) and not shape.is_cut and (shape.folds is None or self.chance(2))
            ports.append(Port(name, shape.kind if isinstance(shape, Plain) else None, streams))
        if self.chance(4):
            ports.append(Port("extra", "int", streams=False, default=7))
        if self.chance(3):
            ports.reverse()
        if any(port.streams for port in ports):
            return Node(self.step("m", "transform", tuple(ports), self.one_of(ORDERS)), Plain("text", "concat"))
        role: Literal["aggregate", "producer"] = self.one_of(["aggregate", "producer"])
        return Node(
            self.step("m", role, tuple(ports), ""), Plain("text", "single" if role == "aggregate" else "concat")
        )

    # --- chains ---

    def unit(self, given: Shape, depth: int) -> Spec:
        """Draw something that takes what is given."""
        options: list[Callable[[], Spec]] = [lambda: Pass(self.label("pass"), given)]
        if isinstance(given, Plain):
            options += self._of_chunks(given, depth)
        else:
            options += self._of_records(given, depth)
        if foldable(given):
            options += [lambda: self.of_value(given, "aggregate"), lambda: self.of_value(given, "producer")]
        spec = self.one_of(options)()
        # A wrapped chain that is no transform waits for its whole input, so a reader would not read the same chunks.
        is_reader = isinstance(spec, Node) and spec.step.role == "reader"
        has_type = isinstance(spec, Node | Each | Branch) and isinstance(given, Plain)
        if self.wrapped and has_type and not is_reader and self.chance(4):
            return Wrap(spec, self.one_of(("limit", "limit", "retry", "fallback", "timeout")), spec.gives)
        return spec

    def _of_chunks(self, given: Plain, depth: int) -> list[Callable[[], Spec]]:
        options: list[Callable[[], Spec]] = []
        if given.kind != "int" or not given.is_cut:
            options += [lambda: self.transform(given)] * 3
        if not given.is_cut:
            options += [lambda: self.reader(given), lambda: self.fold(given)]
        if depth > 0 and self.budget > 1:
            options.append(lambda: self.fan(given, depth, assigns=False))
            options.append(lambda: self.graph(depth - 1, [given]))
            if foldable(given):
                options.append(lambda: self.branch(given, depth))
            if foldable(given) and given.kind == "ints":
                options.append(lambda: self.each(depth))
        return options

    def _of_records(self, given: Keyed, depth: int) -> list[Callable[[], Spec]]:
        options: list[Callable[[], Spec]] = [lambda: self.pick(given)]
        if depth > 0 and self.budget > 1:
            options.append(lambda: self.fan(given, depth, assigns=True))
        named = {key: shape for key, shape in given.fields if may_feed(shape)}
        if len(named) > 1:
            options += [lambda: self.by_name(named)] * 2
        return options

    def chain(self, given: Shape, depth: int, longest: int) -> Spec:
        """Draw a sequence of one unit or more."""
        parts: list[Spec] = []
        for _ in range(self.draw(st.integers(1, longest))):
            if parts and self.budget < 1:
                break
            parts.append(self.unit(given, depth))
            given = parts[-1].gives
        return parts[0] if len(parts) == 1 else Line(tuple(parts), given)

    def fold(self, given: Plain) -> Spec:
        if given.kind == "int" and self.chance(2):
            return Fold(self.label("collect"), "collect", Plain("ints", "single"))
        return Fold(self.label("fold"), "counted", Plain("int", "single"))

    def by_name(self, fields: Mapping[str, Shape]) -> Spec:
        keys = self.draw(st.lists(st.sampled_from(sorted(fields)), min_size=2, max_size=3, unique=True))
        return self.several({key: fields[key] for key in keys})

    def fan(self, given: Shape, depth: int, *, assigns: bool) -> Spec:
        label = self.label("assign" if assigns else "parallel")
        branches: list[tuple[str, Spec]] = []
        for key in self.draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
            if branches and self.budget < 1:
                break
            branches.append((key, self.chain(given, depth - 1, 2)))
        fields = dict(given.fields) if isinstance(given, Keyed) and assigns else {}
        fields |= {key: branch.gives for key, branch in branches}
        return Fan(label, tuple(branches), assigns, Keyed(tuple(fields.items())))

    def pick(self, given: Keyed) -> Spec:
        keys = self.draw(st.lists(st.sampled_from(sorted(given.by_key)), min_size=1, max_size=2, unique=True))
        shape: Shape = given.by_key[keys[0]]
        if len(keys) > 1:
            shape = Keyed(tuple((key, given.by_key[key]) for key in keys))
        return Pick(self.label("pick"), tuple(keys), shape)

    def each(self, depth: int) -> Spec:
        label = self.label("each")
        body = self.chain(of_input("int"), depth - 1, 2)
        if not (isinstance(body.gives, Plain) and body.gives.kind == "int" and foldable(body.gives)):
            last = Fold(self.label("fold"), "counted", Plain("int", "single"))
            body = Line((*(body.parts if isinstance(body, Line) else (body,)), last), last.gives)
        return Each(label, body, self.draw(st.integers(1, 3)), Plain("ints", "concat"))

    def branch(self, given: Plain, depth: int) -> Spec:
        label = self.label("branch")
        alternatives = [self.chain(of_input(given.kind), depth - 1, 2)]
        for _ in range(self.draw(st.integers(1, 2))):
            other = self.chain(of_input(given.kind), depth - 1, 2)
            if _fits(alternatives[0].gives, other.gives):
                alternatives.append(other)
        if len(alternatives) == 1:  # it was made for a whole value: what is given here may be a stream
            return self.chain(given, depth - 1, 2)
        return Branch(label, tuple(alternatives), _of_alternatives([one.gives for one in alternatives]))

    # --- graphs ---

    def graph(self, depth: int, given: Sequence[Plain]) -> GraphOf:
        """Draw any acyclic graph of calls on handles, with parameters that are given this."""
        label = self.label("graph")
        parameters = tuple((f"x{index}", shape.kind, self.chance(2)) for index, shape in enumerate(given))
        shapes: dict[int, Shape] = {-1 - index: shape for index, shape in enumerate(given)}
        calls: list[tuple[Spec, Feeds]] = []
        for index in range(self.one_of(range(2, max(9, self.budget // 2)))):
            if calls and self.budget < 1:
                break
            spec, fed = self.call(shapes, depth)
            calls.append((spec, fed))
            shapes[index] = spec.gives
        used = {ref[0] for _, fed in calls for _, ref in fed}
        ends = [index for index in range(len(calls)) if index not in used]
        if len(ends) == 1 and self.chance(2):
            return GraphOf(label, parameters, tuple(calls), (("", (ends[0], None)),), shapes[ends[0]])
        result: dict[str, Ref] = {f"k{number}": (index, None) for number, index in enumerate(ends)}
        if self.chance(3):
            result["again"] = self.ref(shapes)
        shape = Keyed(tuple((key, _at(shapes, ref)) for key, ref in result.items()))
        return GraphOf(label, parameters, tuple(calls), tuple(result.items()), shape)

    def call(self, shapes: Mapping[int, Shape], depth: int) -> tuple[Spec, Feeds]:
        if self.chance(3):
            refs = {port: self.ref(shapes) for port in ("a", "b", "c")[: self.draw(st.integers(2, 3))]}
            if all(may_feed(_at(shapes, ref)) for ref in refs.values()):
                return self.several({port: _at(shapes, ref) for port, ref in refs.items()}), tuple(refs.items())
        ref = self.ref(shapes)
        shape = _at(shapes, ref)
        spec = self.unit(shape, depth - 1)
        if isinstance(spec, Node) and len(spec.step.ports) > 1:  # it is called with its ports, not with a record
            assert isinstance(shape, Keyed)
            spec = self.pick(shape)
        return spec, (("", ref),)

    def ref(self, shapes: Mapping[int, Shape]) -> Ref:
        index = self.one_of(sorted(shapes))
        shape = shapes[index]
        if isinstance(shape, Keyed) and self.chance(2):
            return index, self.one_of(sorted(shape.by_key))
        return index, None


def may_feed(shape: Shape) -> bool:
    """Tell whether a port can take this, of a node with several: as a value, or as chunks in a certain order."""
    return foldable(shape) or (isinstance(shape, Plain) and not shape.is_cut)


def _at(shapes: Mapping[int, Shape], ref: Ref) -> Shape:
    shape = shapes[ref[0]]
    if ref[1] is None:
        return shape
    assert isinstance(shape, Keyed)
    return shape.by_key[ref[1]]


def _fits(one: Shape, other: Shape) -> bool:
    """Tell whether alternatives of a branch may give these: the same kind, and at most one way to fold streams."""
    if one == other:
        return True
    if not isinstance(one, Plain) or not isinstance(other, Plain) or one.kind != other.kind:
        return False
    return None not in (one.folds, other.folds) and "single" in (one.folds, other.folds)


def _of_alternatives(shapes: list[Shape]) -> Shape:
    first, *others = dict.fromkeys(shapes)
    if not others:
        return first
    plain = [shape for shape in (first, *others) if isinstance(shape, Plain)]
    ways = [shape.folds for shape in plain if shape.folds != "single"]
    return Plain(plain[0].kind, f"one or more {ways[0]}" if len(ways) == 1 else None)


@attrs.frozen
class Example:
    """A chain with an input for it.

    Attributes:
        value: the whole input.
        cuts: the same input as chunks.
        seed: of the order of tasks.
    """

    spec: Spec
    value: Any
    cuts: tuple[Any, ...]
    seed: int


_VALUES: Final[Mapping[Kind, st.SearchStrategy[Any]]] = {
    "text": st.text("abc ", max_size=6),
    "int": st.integers(0, 9),
    "ints": st.lists(st.integers(0, 5), max_size=5),
}


@st.composite
def inputs(draw: st.DrawFn, kind: Kind) -> tuple[Any, list[Any]]:
    """Draw an input and a cut of it."""
    value = draw(_VALUES[kind])
    if kind == "int":
        return value, [value]
    places = sorted(draw(st.lists(st.integers(0, len(value)), max_size=3)))
    pieces = [value[start:stop] for start, stop in zip([0, *places], [*places, len(value)], strict=True)]
    return value, [piece for piece in pieces if piece] if draw(st.booleans()) else pieces


@st.composite
def examples(
    draw: st.DrawFn,
    *,
    largest: int = 14,
    any_cut: bool = False,
    threads: bool = True,
    nested: bool = False,
    wrapped: bool = False,
) -> Example:
    """Draw a chain and an input.

    Args:
        largest: about how many nodes it has at most.
        any_cut: draw only chains whose value does not depend on where the input is cut.
        threads: let some nodes run in worker threads.
        nested: let some nodes run another chain.
        wrapped: let policies stand around some chains.
    """
    sketch = _Sketch(draw, draw(st.sampled_from((2, largest // 2, largest, largest))), threads, nested, wrapped)
    depth = 2 if largest < 20 else 4
    if draw(st.booleans()):
        kinds = [sketch.one_of(tuple(TYPES)) for _ in range(draw(st.integers(1, 2)))]
        graph = sketch.graph(depth, [of_input(kind, is_cut=any_cut) for kind in kinds])
        spec: Spec = graph
        if sketch.budget > 0 and draw(st.booleans()):
            tail = sketch.chain(graph.gives, depth - 1, max(3, largest // 8))
            spec = Line((graph, tail), tail.gives)
        parts = {name: draw(inputs(kind)) for name, kind, _ in graph.parameters}
        if len(parts) == 1:
            ((value, cuts),) = parts.values()
        else:
            value = {name: whole for name, (whole, _) in parts.items()}
            cuts = [{name: piece} for name, (_, pieces) in parts.items() for piece in pieces]
    else:
        kind: Kind = draw(st.sampled_from(tuple(TYPES)))
        given = of_input(kind, is_cut=any_cut)
        # The first node is one whose annotation says the type of the input, so that it is known how that folds.
        first = sketch.transform(given) if kind != "int" and draw(st.booleans()) else sketch.of_value(given, "producer")
        rest = sketch.chain(first.gives, depth, max(6, largest // 4))
        spec = Line((first, rest), rest.gives)
        value, cuts = draw(inputs(kind))
    return Example(spec, value, tuple(cuts), draw(st.integers(0, 3)))
