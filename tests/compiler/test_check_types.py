"""Declared types along every edge: what one side gives, what the other takes, and how it got there."""

# What type checkers refuse is refused here by graphflow.
# mypy: disable-error-code="no-any-return,operator"

from __future__ import annotations

import re
import typing
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Literal, NewType, NotRequired, Protocol, TypedDict, TypeVar

import pytest

import graphflow as gf
from graphflow_compiler.ir import NodeId
from graphflow_compiler.types import UNKNOWN, Field, Record, Verdict, show

T = TypeVar("T")
YES, NO, UNCHECKED = Verdict.YES, Verdict.NO, Verdict.UNCHECKED


class Animal:
    name: str = ""


class Dog(Animal): ...


class Box(Generic[T]): ...


class Named(Protocol):
    name: str


class Barking(Protocol):
    def bark(self) -> str: ...


class Query(TypedDict):
    text: str
    limit: NotRequired[int]


class Limited(TypedDict):
    text: str
    limit: int


class Text(TypedDict):
    text: str


Name = NewType("Name", str)

#: What is given, what is taken, and whether it fits.
TYPES: list[tuple[Any, Any, Verdict]] = [
    # plain classes
    (str, str, YES),
    (int, str, NO),
    (bool, int, YES),
    (int, float, YES),
    (float, int, NO),
    (str, object, YES),
    (None, None, YES),
    (Dog, Animal, YES),
    (Animal, Dog, NO),
    # what is not known is not guessed
    (Any, str, UNCHECKED),
    (str, Any, UNCHECKED),
    (UNKNOWN, str, UNCHECKED),
    (str, UNKNOWN, UNCHECKED),
    (list[Any], list[str], UNCHECKED),
    (list[Any], str, NO),
    ("NotThere", str, UNCHECKED),
    # unions
    (str, int | str, YES),
    (int | str, str, NO),
    (int | str, int | str | None, YES),
    (str, typing.Optional[str], YES),  # noqa: UP045
    (typing.Optional[str], str, NO),  # noqa: UP045
    (typing.Union[int, str], str | int, YES),  # noqa: UP007
    (Any, int | str, UNCHECKED),
    # generics
    (list[str], list[str], YES),
    (list[int], list[str], NO),
    (list[int], Sequence[float], YES),
    (list[str], list, YES),
    (list, list[str], UNCHECKED),
    (dict[str, int], Mapping[str, float], YES),
    (dict[str, int], Mapping[int, int], NO),
    (tuple[int, str], tuple[int, str], YES),
    (tuple[int, str], tuple[int, ...], NO),
    (tuple[int, ...], Sequence[int], YES),
    (Box[int], Box[int], YES),
    (Box[int], Box[str], NO),
    (Callable[[int], str], Callable[[bool], object], YES),
    (type[Dog], type[Animal], YES),
    # protocols
    (Dog, Named, YES),
    (int, Named, NO),
    (Dog, Barking, NO),
    (list[str], Iterable[str], YES),
    # records, key by key
    (Query, Query, YES),
    (Limited, Text, YES),
    (Text, Limited, NO),
    (Query, Limited, NO),
    (Limited, Mapping[str, object], YES),
    (dict[str, str], Text, UNCHECKED),
    (dict[str, int], Text, NO),
    (Text, dict[str, str], YES),
    # Literal, NewType, Annotated
    (Literal["a"], str, YES),
    (Literal["a"], Literal["a", "b"], YES),
    (Literal["a", "c"], Literal["a", "b"], NO),
    (str, Literal["a"], NO),
    (Name, str, YES),
    (str, Name, NO),
    (typing.Annotated[str, "a note"], str, YES),
    (int, typing.Annotated[str, "a note"], NO),
]


# --- ways from one to the other ----------------------------------------------------------------------------


def named(name: str, function: Callable[..., Any], **annotations: object) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    function.__annotations__ = {name: hint for name, hint in annotations.items() if hint is not UNKNOWN}
    return function


def giver(declared: object) -> gf.Chain[Any, Any]:
    return gf.aggregate(named("giver", lambda anything: None, anything=object, **{"return": declared}))


def taker(declared: object) -> gf.Chain[Any, Any]:
    return gf.aggregate(named("taker", lambda taken: None, taken=declared, **{"return": None}))


def same(given: T) -> T:
    return given


@gf.aggregate
def anything(given: object) -> int:
    return 0


def direct(given: Any, taken: Any) -> Any:
    return giver(given) | taker(taken)


def through_passthrough(given: Any, taken: Any) -> Any:
    return giver(given) | gf.passthrough() | gf.passthrough() | taker(taken)


def through_an_identity_function(given: Any, taken: Any) -> Any:
    return giver(given) | gf.aggregate(same) | gf.chunkwise(same) | taker(taken)


def through_pick(given: Any, taken: Any) -> Any:
    return {"a": giver(given), "b": anything} | gf.pick("a") | taker(taken)


def through_pick_of_several(given: Any, taken: Any) -> Any:
    return {"a": giver(given), "b": anything} | gf.pick("b", "a") | gf.pick("a") | taker(taken)


def through_parallel(given: Any, taken: Any) -> Any:
    return giver(given) | {"a": taker(taken), "b": anything}


def through_assign(given: Any, taken: Any) -> Any:
    return {"b": anything} | gf.assign(a=giver(given)) | gf.assign(c=anything) | gf.pick("a") | taker(taken)


def through_what_assign_passes(given: Any, taken: Any) -> Any:
    return {"a": giver(given)} | gf.assign(b=anything) | gf.pick("a") | taker(taken)


def through_a_parameter(given: Any, taken: Any) -> Any:
    two = named("two", lambda a, b: None, a=taken, b=int)
    return {"a": giver(given), "b": anything} | gf.aggregate(two)


def through_a_branch(given: Any, taken: Any) -> Any:
    return gf.branch((bool, giver(given)), giver(given)) | taker(taken)


def into_a_branch(given: Any, taken: Any) -> Any:
    return giver(given) | gf.branch((bool, taker(taken)), anything)


def into_branches(given: Any, taken: Any) -> Any:
    return giver(given) | gf.branch((bool, gf.branch((bool, taker(taken)), taker(taken))), taker(taken))


def through_each(given: Any, taken: Any) -> Any:
    items = given if given is UNKNOWN else list if isinstance(given, str) else list[given]
    return giver(items) | gf.each(taker(taken))


def through_a_graph(given: Any, taken: Any) -> Any:
    @gf.graph
    def inner(value: gf.Value[object]) -> Any:
        return {"a": giver(given)(value), "b": anything(value)}

    @gf.graph
    def outer(value: gf.Value[object]) -> Any:
        return taker(taken)(gf.passthrough()(inner(value)["a"]))

    return outer


WAYS = [
    direct,
    through_passthrough,
    through_an_identity_function,
    through_pick,
    through_pick_of_several,
    through_parallel,
    through_assign,
    through_what_assign_passes,
    through_a_parameter,
    through_a_branch,
    into_a_branch,
    into_branches,
    through_each,
    through_a_graph,
]


def unchecked(plan: Any) -> list[str]:
    """Return why edges into a taker are unchecked, in the plan and in the plans inside."""
    into = ("taker", "two", "branch", "branch.2", "each")
    own = [edge.unchecked for edge in plan.edges if edge.target in into and edge.unchecked]
    return own + [reason for node in plan.nodes for body in node.plans for reason in unchecked(body)]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_types_are_compared_whichever_way_they_come(way: Callable[[Any, Any], Any]) -> None:
    wrong = []
    for given, taken, verdict in TYPES:
        found = verdict_of(way(given, taken))
        if found is not verdict:
            wrong.append(f"{show(given)} into {show(taken)}: {found.value}, not {verdict.value}")
    assert wrong == []


def verdict_of(chain: gf.Chain[Any, Any]) -> Verdict:
    try:
        plan = chain.compile().plan
    except gf.CompileError as error:
        refused = error
    else:
        found = UNCHECKED if unchecked(plan) else YES
        assert ("unchecked: " in str(plan)) is (found is UNCHECKED)
        return found
    assert {one.code for one in refused.diagnostics} <= {"GF201", "GF202"}
    assert re.search("`(taker|two|branch|each)` takes .*, but .* gives ", str(refused))
    return NO


# --- types that follow from others -------------------------------------------------------------------------


def output(chain: gf.Chain[Any, Any], node: str | None = None) -> object:
    plan = chain.compile().plan
    return plan[node or plan.output].output


def test_an_identity_function_gives_what_it_takes() -> None:
    assert output(giver(list[int]) | gf.aggregate(same)) == list[int]


def test_type_variables_are_solved_across_parameters() -> None:
    def pair(first: T, second: list[T]) -> dict[str, T]:
        return {}

    chain = {"first": giver(int), "second": giver(list[int])} | gf.aggregate(pair)
    assert output(chain) == dict[str, int]


def test_a_type_variable_that_nothing_binds_is_unknown() -> None:
    def made(text: str) -> list[T]:
        return []

    assert show(output(gf.aggregate(made))) == "list[?]"


def test_a_parallel_gives_a_record() -> None:
    chain = gf.passthrough() | {"a": giver(int), "b": giver(UNKNOWN)}
    assert output(chain) == Record((Field("a", int), Field("b", UNKNOWN)))


def test_an_assign_gives_the_record_with_its_keys() -> None:
    chain = {"a": giver(int), "b": giver(str)} | gf.assign(c=giver(bool), a=giver(str))
    assert output(chain) == Record((Field("a", str), Field("b", str), Field("c", bool)))


def test_an_assign_to_a_record_of_unknown_keys_gives_an_open_one() -> None:
    assert output(giver(dict[str, int]) | gf.assign(c=giver(bool))) == Record((Field("c", bool),), open=True)
    assert show(output(giver(Any) | gf.assign(c=giver(bool)))) == "{c: bool, ...}"


def test_an_assign_to_a_typed_dict_keeps_its_keys() -> None:
    chain = giver(Query) | gf.assign(score=giver(float))
    assert show(output(chain)) == "{text: str, limit?: int, score: float}"


def test_a_pick_gives_the_type_of_its_key_or_a_record() -> None:
    record = {"a": giver(int), "b": giver(str), "c": giver(bool)}
    assert output(record | gf.pick("b")) is str
    assert output(record | gf.pick("c", "a")) == Record((Field("c", bool), Field("a", int)))
    assert output(giver(Query) | gf.pick("limit")) is int
    assert show(output(giver(Query) | gf.pick("limit", "text"))) == "{limit?: int, text: str}"
    assert output(giver(dict[str, float]) | gf.pick("any")) is float


def test_a_branch_gives_the_union_of_its_alternatives() -> None:
    assert output(gf.branch((bool, giver(int)), giver(str))) == int | str
    assert output(gf.branch((bool, giver(int)), giver(int))) is int


def test_a_branch_with_a_key_in_some_alternatives_may_be_asked_for_it() -> None:
    chain = gf.branch((bool, giver(Query)), giver(Text)) | gf.pick("limit")
    assert output(chain) is int


def test_an_each_gives_a_list() -> None:
    assert output(giver(list[int]) | gf.each(giver(str))) == list[str]
    assert output(giver(list[int]) | gf.each(gf.passthrough())) == list[int]


@pytest.mark.parametrize(
    "items", [list[int], tuple[int, ...], set[int], Sequence[int], Iterable[int], dict[int, str].__class__]
)
def test_an_each_takes_any_collection(items: Any) -> None:
    (giver(items) | gf.each(giver(str))).compile()


@pytest.mark.parametrize("items", [str, bytes, dict[str, int], int, None, int | list[int]])
def test_an_each_takes_no_text_no_mapping_and_nothing_that_is_no_collection(items: Any) -> None:
    with pytest.raises(gf.CompileError, match="`each` takes list"):
        (giver(items) | gf.each(giver(str))).compile()


# --- the input ---------------------------------------------------------------------------------------------


def takes(chain: gf.Chain[Any, Any]) -> object:
    return chain.compile().plan["input"].output


def test_the_input_is_what_its_consumers_agree_on() -> None:
    assert takes(taker(str)) is str
    assert takes(gf.parallel(a=taker(Animal), b=taker(Dog), c=taker(object))) is Dog
    assert takes(gf.parallel(a=taker(str), b=taker(int))) is UNKNOWN
    assert takes(gf.parallel(a=taker(str), b=gf.passthrough())) is str
    assert takes(gf.passthrough() | taker(str)) is str
    assert takes(gf.branch((bool, taker(str)), taker(str))) is str
    assert takes(gf.each(taker(str))) == list[str]
    assert takes(gf.each(gf.branch((bool, gf.each(taker(str))), gf.each(taker(str))))) == list[list[str]]


def test_an_input_that_is_taken_by_key_is_a_record() -> None:
    def two(a: str, b: int = 0) -> str:
        return a

    def three(a: str, c: int, d: bool) -> str:
        return a

    assert show(takes(gf.aggregate(three))) == "{a: str, c: int, d: bool, ...}"
    assert takes(gf.aggregate(two)) is str


def test_the_input_of_a_graph_is_what_its_parameters_say() -> None:
    @gf.graph
    def one(value: gf.Value[bool]) -> gf.Value[None]:
        return taker(int)(value)

    @gf.graph
    def two(a: gf.Value[str], b: gf.Stream[int]) -> Any:
        return {"a": taker(str)(a), "b": taker(int)(b)}

    assert takes(one) is bool
    assert show(takes(two)) == "{a: str, b: int}"


def test_a_parameter_of_a_graph_is_checked() -> None:
    @gf.graph
    def one(value: gf.Value[str]) -> gf.Value[None]:
        return taker(int)(value)

    with pytest.raises(gf.CompileError, match="`taker` takes int, but the input gives str"):
        one.compile()


# --- where types are not compared --------------------------------------------------------------------------


def test_streams_are_compared_by_their_chunks() -> None:
    @gf.aggregate
    async def words(text: str) -> AsyncIterator[str]:
        yield text

    @gf.transform
    async def counted(texts: AsyncIterator[str]) -> AsyncIterator[int]:
        async for text in texts:
            yield len(text)

    assert not any(edge.unchecked for edge in (words | counted).compile().plan.edges)
    with pytest.raises(gf.CompileError, match="`counted` takes str, but `counted` gives int"):
        (words | counted | counted).compile()


def test_what_a_fold_takes_is_not_compared() -> None:
    @gf.aggregate
    async def numbers(text: str) -> AsyncIterator[int]:
        yield 1

    total = gf.accumulator(step=lambda state, chunk: f"{state}{chunk}")
    assert output(numbers | gf.collect()) == list[int]
    assert output(numbers | gf.fold(gf.latest)) is int
    assert output(numbers | gf.fold(total)) is UNKNOWN
    for fold in (gf.collect(), gf.fold(total)):
        assert not [edge.unchecked for edge in (numbers | fold).compile().plan.edges if edge.unchecked]


REASONS = [
    (UNKNOWN, str, "what `giver` gives is not annotated"),
    (str, UNKNOWN, "`taken` is not annotated"),
    (UNKNOWN, UNKNOWN, "`taken` is not annotated"),
    (Any, str, "Any is not checked"),
    (list, list[str], "what list holds is not known"),
    (dict[str, str], Text, "keys of a plain dict are not known"),
    ("NotThere", str, "the name 'NotThere' is not resolved"),
]


@pytest.mark.parametrize(("given", "taken", "reason"), REASONS, ids=[reason for _, _, reason in REASONS])
def test_the_plan_says_why_an_edge_is_not_checked(given: Any, taken: Any, reason: str) -> None:
    program = (giver(given) | taker(taken)).compile()
    (edge,) = program.plan.edges_into[program.plan["taker"].id]
    assert edge.unchecked == reason
    assert f"unchecked: {reason}" in str(program)


def test_several_keys_are_picked_from_a_record_in_a_record() -> None:
    @gf.graph
    def inner(x: gf.Value[str]) -> Any:
        record = gf.parallel(c=gf.parallel(a=gf.passthrough(), b=gf.passthrough()))(x)
        return gf.pick("a", "b")(record["c"])

    plan = gf.compile(inner).plan
    assert show(plan.by_id[NodeId("pick")].output) == "{a: str, b: str}"

    @gf.graph
    def wrong(x: gf.Value[str]) -> Any:
        record = gf.parallel(c=gf.parallel(a=gf.passthrough(), b=gf.passthrough()))(x)
        return gf.pick("a", "z")(record["c"])

    with pytest.raises(gf.CompileError, match=r"asks for key 'z', but .* gives \{a: str, b: str\}"):
        gf.compile(wrong)


def test_a_key_of_a_record_in_records_folds_though_another_one_does_not() -> None:
    @gf.transform
    async def plain(chunks: AsyncIterator[int]) -> AsyncIterator[int]:
        async for chunk in chunks:
            yield chunk

    @gf.transform
    async def shift(chunks: AsyncIterator[int], by: int) -> AsyncIterator[int]:
        async for chunk in chunks:
            yield chunk + by

    folded = plain.with_config(name="folded") | gf.fold(gf.latest)
    inner = gf.parallel(chunks=plain, by=folded)
    chain = folded | gf.parallel(a=gf.parallel(b=inner)) | gf.pick("a") | gf.pick("b") | shift
    plan = gf.compile(chain).plan
    assert {edge.port for edge in plan.edges_into[NodeId("shift")] if edge.accumulator is not None} == {"by"}
