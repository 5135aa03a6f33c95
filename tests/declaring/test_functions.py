"""What becomes of functions: every kind of callable, every kind of parameter, every decorator."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import gc
import inspect
import operator
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated, Any, TypeVar, get_type_hints

import pytest
import trio

import graphflow as gf

HERE = __file__


def value(chain: gf.Chain[Any, Any], given: object) -> Any:
    return trio.run(chain.invoke, given)


def chunks(chain: gf.Chain[Any, Any], given: object) -> list[Any]:
    async def read() -> list[Any]:
        async with chain.stream(given) as stream:
            return [chunk async for chunk in stream]

    return trio.run(read)


def node_class(chain: gf.Chain[Any, Any]) -> str:
    """Return the class of the only node of a chain, which is what the chain itself says that it is."""
    plan = chain.compile().plan
    (node,) = (node for node in plan.nodes if node.id != "input")
    assert node.node_class == plan.node_class == chain.node_class
    assert type(chain).__name__.lower() == chain.node_class
    return str(node.node_class)


# --- the decorators ----------------------------------------------------------------------------------------


@gf.aggregate
def length(text: str) -> int:
    return len(text)


@gf.aggregate
async def length_async(text: str) -> int:
    await trio.lowlevel.checkpoint()
    return len(text)


@gf.aggregate
def letters(text: str) -> Iterator[str]:
    yield from text


@gf.aggregate
async def letters_async(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@gf.aggregate
async def count(texts: AsyncIterator[str]) -> int:
    return len([text async for text in texts])


@gf.aggregate
def count_sync(texts: Iterator[str]) -> int:
    return len(list(texts))


@gf.transform
def doubled(texts: Iterator[str]) -> Iterator[str]:
    for text in texts:
        yield text * 2


@gf.transform
async def doubled_async(texts: AsyncIterator[str]) -> AsyncIterator[str]:
    async for text in texts:
        yield text * 2


@gf.chunkwise
def upper(text: str) -> str:
    return text.upper()


@gf.chunkwise
async def upper_async(text: str) -> str:
    await trio.lowlevel.checkpoint()
    return text.upper()


@pytest.mark.parametrize(
    ("chain", "expected_class", "expected"),
    [
        (length, "aggregate", [2]),
        (length_async, "aggregate", [2]),
        (letters, "producer", ["a", "b"]),
        (letters_async, "producer", ["a", "b"]),
        (count, "aggregate", [1]),
        (count_sync, "aggregate", [1]),
        (doubled, "transform", ["abab"]),
        (doubled_async, "transform", ["abab"]),
        (upper, "transform", ["AB"]),
        (upper_async, "transform", ["AB"]),
    ],
    ids=lambda given: given.name if isinstance(given, gf.Chain) else "",
)
def test_a_decorated_function_is_a_node_of_its_class(
    chain: gf.Chain[Any, Any], expected_class: str, expected: list[object]
) -> None:
    assert node_class(chain) == expected_class
    assert chunks(chain, "ab") == expected


@pytest.mark.parametrize("chain", [doubled, doubled_async, upper, upper_async], ids=lambda chain: chain.name)
def test_a_transform_takes_chunks_as_they_come(chain: gf.Transform[str, str]) -> None:
    assert (
        chunks(letters_async | chain, "ab")
        == chunks(letters | chain, "ab")
        == [chunk for letter in "ab" for chunk in chunks(chain, letter)]
    )


@pytest.mark.parametrize("chain", [count, count_sync], ids=lambda chain: chain.name)
def test_an_aggregate_may_read_its_input_as_a_stream(chain: gf.Aggregate[str, int]) -> None:
    assert value(letters_async | chain, "abc") == value(letters | chain, "abc") == 3


def test_the_decorators_are_also_plain_calls() -> None:
    assert chunks(gf.chunkwise(str.upper), "a") == ["A"]
    assert chunks(gf.aggregate(len), "ab") == [2]
    assert chunks(gf.transform(reversed_chunks), "ab") == ["ba"]


def reversed_chunks(texts: Iterator[str]) -> Iterator[str]:
    for text in texts:
        yield text[::-1]


def test_options_of_the_decorators() -> None:
    latest = gf.accumulator(step=lambda state, chunk: chunk, name="newest")

    @gf.aggregate(name="Words", tags=["a", "b"], metadata={"owner": "ada"}, accumulate=latest)
    def words(text: str) -> Iterator[str]:
        yield from text.split()

    (node,) = words.compile().plan.nodes[1:]
    assert words.name == node.name == node.id == "Words"
    assert (node.tags, dict(node.metadata)) == (("a", "b"), {"owner": "ada"})
    assert node.folds is latest
    assert value(words, "one two") == "two"


@pytest.mark.parametrize("declare", [gf.transform, gf.chunkwise, gf.aggregate])
def test_tags_are_several_strings(declare: Any) -> None:
    function = reversed_chunks if declare is gf.transform else str.upper
    with pytest.raises(TypeError, match=r"tags takes several strings, not the string 'slow': write \['slow'\]"):
        declare(tags="slow")(function)


@pytest.mark.parametrize(
    ("declare", "function"),
    [(gf.aggregate, length), (gf.chunkwise, upper), (gf.transform, doubled), (gf.aggregate, letters)],
    ids=["aggregate", "chunkwise", "transform", "producer"],
)
def test_thread_runs_a_plain_function_in_a_worker_thread(declare: Any, function: gf.Chain[Any, Any]) -> None:
    import threading

    seen = []
    plain = function.compile().plan.nodes[1].function
    assert plain is not None

    def call(given: Any) -> Any:
        seen.append(threading.current_thread())
        return plain(given)

    def generate(given: Any) -> Any:
        seen.append(threading.current_thread())
        yield from plain(given)

    wrapped = functools.wraps(plain)(generate if inspect.isgeneratorfunction(plain) else call)
    assert chunks(declare(thread=True)(wrapped), "ab") == chunks(function, "ab")
    assert threading.main_thread() not in seen
    assert seen


# --- every kind of callable --------------------------------------------------------------------------------


class Suffix:
    """A callable object, with methods of every kind."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix

    def __call__(self, text: str) -> str:
        return text + self.suffix

    def method(self, text: str) -> str:
        return text + self.suffix

    async def generator(self, texts: AsyncIterator[str]) -> AsyncIterator[str]:
        async for text in texts:
            yield text + self.suffix

    @classmethod
    def of_class(cls, text: str) -> str:
        return cls.__name__ + text

    @staticmethod
    def static(text: str) -> str:
        return text + "."


class SuffixStream:
    async def __call__(self, texts: AsyncIterator[str]) -> AsyncIterator[str]:
        async for text in texts:
            yield text + "!"


@dataclasses.dataclass
class Quote:
    text: str


def joined(first: str, second: str) -> str:
    return f"{first}-{second}"


@pytest.mark.parametrize(
    ("function", "name", "given", "expected"),
    [
        (len, "len", "abc", 3),
        (str, "str", 3, "3"),
        (int, "int", "3", 3),
        (str.upper, "upper", "a", "A"),
        (",".join, "join", ["a", "b"], "a,b"),
        (sorted, "sorted", "cab", ["a", "b", "c"]),
        (max, "max", [1, 3, 2], 3),
        (operator.itemgetter("a"), "itemgetter", {"a": 1}, 1),
        (lambda text: text + "?", "lambda", "a", "a?"),
        (functools.partial(joined, "x"), "joined", "y", "x-y"),
        (functools.partial(joined, second="x"), "joined", "y", "y-x"),
        (functools.partial(joined, first="x"), "joined", "y", "x-y"),
        (functools.cache(lambda text: text + "?"), "lambda", "a", "a?"),
        (Suffix("!"), "Suffix", "a", "a!"),
        (Suffix("!").method, "method", "a", "a!"),
        (Suffix.of_class, "of_class", "a", "Suffixa"),
        (Suffix.static, "static", "a", "a."),
        (Quote, "Quote", "a", Quote("a")),
    ],
    ids=lambda given: getattr(given, "__name__", None) or "",
)
@pytest.mark.parametrize("declare", [gf.aggregate, gf.chunkwise, lambda function: gf.passthrough() | function])
def test_any_callable_is_a_node(
    declare: Any, function: Callable[..., Any], name: str, given: object, expected: object
) -> None:
    chain = declare(function)
    assert name in chain.name
    assert chunks(chain, given) == [expected]


def test_a_class_gives_what_it_makes() -> None:
    plan = (gf.aggregate(Quote) | (lambda quote: quote.text)).compile().plan
    assert plan["Quote"].output is Quote
    assert plan["Quote"].ports[0].type is str
    assert gf.aggregate(str).compile().plan["str"].output is str


def test_methods_that_are_generators_are_transforms() -> None:
    assert node_class(gf.transform(Suffix("!").generator)) == "transform"
    assert chunks(letters | gf.transform(Suffix("!").generator), "ab") == ["a!", "b!"]


@pytest.mark.parametrize("declare", [gf.transform, lambda function: letters | function])
def test_a_callable_object_is_what_its_call_is(declare: Any) -> None:
    chain = declare(SuffixStream())
    assert chain.compile().plan["SuffixStream"].node_class == "transform"
    assert chunks(chain, "a") == ["a!"]


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def test_a_wrapped_function_is_what_it_wraps() -> None:
    @gf.transform
    @logged
    async def marked(texts: AsyncIterator[str]) -> AsyncIterator[str]:
        async for text in texts:
            yield text + "."

    @gf.chunkwise
    @logged
    async def starred(text: str) -> str:
        return text + "*"

    assert chunks(letters | marked | starred, "ab") == ["a.*", "b.*"]
    assert marked.compile().plan["marked"].location == location_of(marked, "@gf.transform\n    @logged")


def location_of(chain: gf.Chain[Any, Any], source: str) -> Any:
    with open(HERE) as file:
        line = file.read().split(source)[0].count("\n") + 1
    location = chain.compile().plan.nodes[1].location
    assert location is not None
    assert location.file == HERE
    assert location.line == line
    return location


def test_a_function_that_gives_an_awaitable_is_awaited() -> None:
    def later(text: str) -> Awaitable[str]:
        async def answer() -> str:
            return text + "!"

        return answer()

    assert chunks(gf.aggregate(later), "a") == ["a!"]
    assert chunks(letters | gf.chunkwise(later), "ab") == ["a!", "b!"]


def test_a_function_annotated_to_give_an_iterator_is_a_generator() -> None:
    def twice(text: str) -> Iterator[str]:
        return iter([text, text])

    def passed_on(texts: AsyncIterator[str]) -> AsyncIterator[str]:
        return SuffixStream()(texts)

    assert node_class(gf.aggregate(twice)) == "producer"
    assert chunks(gf.passthrough() | twice, "a") == ["a", "a"]
    assert chunks(letters | passed_on, "ab") == ["a!", "b!"]


def test_a_coroutine_function_that_gives_an_iterator_gives_it_as_a_value() -> None:
    async def opened(text: str) -> Iterator[str]:
        return iter(text)

    assert node_class(gf.aggregate(opened)) == "aggregate"
    assert list(value(gf.aggregate(opened), "ab")) == ["a", "b"]


# --- every kind of parameter -------------------------------------------------------------------------------


def test_a_function_without_parameters_runs_once_its_input_is_there() -> None:
    def hello() -> str:
        return "hello"

    async def hello_async() -> str:
        return "hello"

    def hellos() -> Iterator[str]:
        yield "hel"
        yield "lo"

    async def hellos_async() -> AsyncIterator[str]:
        yield "hel"
        yield "lo"

    for function in (hello, hello_async):
        assert chunks(gf.aggregate(function), object()) == ["hello"]
        assert chunks(letters | function, "ab") == ["hello"]
    for generator in (hellos, hellos_async):
        assert node_class(gf.aggregate(generator)) == "producer"
        assert chunks(letters | generator, "ab") == ["hel", "lo"]


def subtract(left: int, right: int) -> int:
    return left - right


def subtract_in_order(left: int, right: int, /) -> int:
    return left - right


def subtract_by_name(*, left: int, right: int) -> int:
    return left - right


def subtract_mixed(left: int, /, *, right: int) -> int:
    return left - right


def subtract_default(left: int, right: int = 1) -> int:
    return left - right


def subtract_default_in_order(left: int, right: int = 1, /) -> int:
    return left - right


def subtract_default_by_name(*, left: int, right: int = 1) -> int:
    return left - right


SUBTRACTS = [subtract, subtract_in_order, subtract_by_name, subtract_mixed]
SUBTRACTS_ONE = [subtract_default, subtract_default_in_order, subtract_default_by_name]


@pytest.mark.parametrize("function", [*SUBTRACTS, *SUBTRACTS_ONE], ids=lambda function: function.__name__)
def test_parameters_are_fed_by_name_whatever_their_kind(function: Callable[..., int]) -> None:
    chain = {"right": gf.pick("right"), "left": gf.pick("left")} | gf.aggregate(function)
    assert value(chain, {"right": 3, "left": 10}) == 7


@pytest.mark.parametrize("function", SUBTRACTS_ONE, ids=lambda function: function.__name__)
def test_what_nothing_feeds_takes_its_default(function: Callable[..., int]) -> None:
    assert value(gf.aggregate(function), 10) == 9
    assert value({"left": int} | gf.aggregate(function), 10) == 9


def test_a_default_between_two_that_are_fed_stays() -> None:
    def listed(first: int, second: int = 2, third: int = 3, /) -> list[int]:
        return [first, second, third]

    assert value({"first": int, "third": int} | gf.aggregate(listed), 9) == [9, 2, 9]


def test_a_single_parameter_of_any_kind() -> None:
    def by_name(*, text: str) -> str:
        return text + "!"

    def in_order(text: str, /) -> str:
        return text + "!"

    def any_number(*texts: str) -> str:
        return "".join(texts) + "!"

    def any_number_with_options(*texts: str, mark: str = "!") -> str:
        return "".join(texts) + mark

    def anything(*texts: str, **options: str) -> str:
        return "".join(texts) + options.get("mark", "!")

    functions: list[Any] = [by_name, in_order, any_number, any_number_with_options, anything]
    for function in functions:
        assert value(gf.aggregate(function), "a") == "a!"
        assert chunks(letters | gf.chunkwise(function), "ab") == ["a!", "b!"]


def test_generators_take_several_parameters() -> None:
    @gf.aggregate
    async def repeat(text: str, times: int = 2) -> AsyncIterator[str]:
        for _ in range(times):
            yield text

    @gf.transform
    async def mark(texts: AsyncIterator[str], sign: str) -> AsyncIterator[str]:
        async for text in texts:
            yield text + sign

    assert chunks(repeat, "a") == ["a", "a"]
    assert chunks({"text": gf.passthrough(), "times": len} | repeat, "abc") == ["abc"] * 3
    assert chunks({"texts": letters, "sign": lambda text: "!"} | mark, "ab") == ["a!", "b!"]


def test_a_transform_waits_for_its_whole_ports() -> None:
    @gf.transform
    async def mark(texts: AsyncIterator[str], sign: str) -> AsyncIterator[str]:
        async for text in texts:
            yield text + sign

    plan = ({"texts": letters, "sign": length | str} | mark).compile().plan
    assert plan["mark"].node_class == "transform"
    assert plan.waits_for[plan["mark"].id] == ("input", "length", "str")


def test_the_first_parameter_of_an_unannotated_generator_is_a_stream() -> None:
    @gf.transform
    async def mark(texts, sign="!"):  # type: ignore[no-untyped-def]
        async for text in texts:
            yield text + sign

    assert node_class(mark) == "transform"
    assert chunks(letters | mark, "ab") == ["a!", "b!"]


# --- annotations -------------------------------------------------------------------------------------------


def test_annotations_may_name_what_is_local() -> None:
    class Document:
        pass

    @gf.aggregate
    def found(query: str) -> list[Document]:
        return [Document()]

    def inner() -> gf.Chain[Any, Any]:
        @gf.aggregate
        def counted(documents: list[Document]) -> int:
            return len(documents)

        return counted

    plan = (found | inner()).compile().plan
    assert plan["found"].output == list[Document]
    assert plan["counted"].ports[0].type == list[Document]
    assert not any(edge.unchecked for edge in plan.edges)


def test_a_local_name_of_the_caller_says_nothing_of_a_function_from_elsewhere() -> None:
    Quote = int  # noqa: N806
    assert gf.aggregate(quoted).compile().plan["quoted"].output is not Quote


def quoted(text: str) -> Quote:
    return Quote(text)


def test_what_is_imported_for_type_checkers_only_is_shown_as_not_resolved() -> None:
    names: dict[str, Any] = {}
    source = (
        "from __future__ import annotations\n"
        "async def marked(texts: AsyncIterator[str], notes: list[Note]) -> AsyncIterator[Note]:\n"
        "    async for text in texts:\n"
        "        yield text\n"
    )
    exec(source, names)
    chain = gf.transform(names["marked"])
    plan = ({"texts": letters, "notes": lambda text: []} | chain).compile().plan
    texts, notes = plan["marked"].ports
    assert (texts.streams, texts.type) == (True, str)
    assert not notes.streams
    (edge,) = (edge for edge in plan.edges if edge.port == "notes")
    assert "lambda" in edge.unchecked
    assert "marked" in str(plan)
    assert "Note" in str(plan)


def test_annotations_that_cannot_be_read_are_taken_as_unknown() -> None:
    def odd(text: 1 / 0) -> list[undefined]:  # type: ignore[valid-type, name-defined]  # noqa: F821
        return [text]

    assert value(gf.aggregate(odd), 1) == [1]


def test_a_function_that_was_changed_since_it_was_declared_is_read_anew() -> None:
    def plain(text: str, mark: str) -> str:
        return text + mark

    def other(text: str, *, mark: str = "!") -> str:
        return text + mark

    required = [port.required for port in gf.aggregate(plain).compile().plan["plain"].ports]
    plain.__defaults__ = ("?",)
    optional = [port.required for port in gf.aggregate(plain).compile().plan["plain"].ports]
    plain.__code__, plain.__defaults__, plain.__kwdefaults__ = other.__code__, None, {"mark": "!"}
    assert (required, optional) == ([True, True], [True, False])
    assert value(gf.aggregate(plain), "on") == "on!"


def test_the_names_in_annotations_are_looked_up_at_every_declaration() -> None:
    names: dict[str, Any] = {"Note": int}
    exec("def noted(text: 'str') -> 'Note': return text", names)
    before = gf.aggregate(names["noted"]).compile().plan["noted"].output
    names["Note"] = float
    after = gf.aggregate(names["noted"]).compile().plan["noted"].output
    assert (before, after) == (int, float)


@pytest.mark.parametrize("written", ["None", "list['Note']", "Note | None", "Annotated[Note, 'a']", "'Note'", "T"])
def test_annotations_are_what_typing_resolves_them_to(written: str) -> None:
    names: dict[str, Any] = {"Note": int, "T": TypeVar("T"), "Annotated": Annotated}
    exec(f"def noted(text: {written!r}, *, more: {written} = None) -> {written!r}: return text", names)
    node = gf.aggregate(names["noted"]).compile().plan["noted"]
    expected = get_type_hints(names["noted"], include_extras=True)
    assert [port.type for port in node.ports] == [expected["text"], expected["more"]]


def test_a_function_that_only_its_own_annotations_hold_is_forgotten_with_them() -> None:
    source = """
class Note:
    pass

def noted(text: Note, fallback=Note) -> Note:
    return text
"""
    names: dict[str, Any] = {}
    exec(source, names)
    gf.aggregate(names["noted"]).compile()
    gone = weakref.ref(names["noted"])
    del names
    gc.collect()
    assert gone() is None


def test_the_location_of_a_function_is_its_first_line() -> None:
    def bare(text: str) -> str:
        return text

    location_of(gf.aggregate(bare), "def bare(")
    location_of(gf.aggregate(lambda text: "unique"), 'gf.aggregate(lambda text: "unique")')
    location_of(gf.aggregate(Suffix("!")), "def __call__(self, text: str)")
    location_of(gf.aggregate(functools.partial(joined, "x")), "def joined(")
    location_of(length, "@gf.aggregate\ndef length(")


def test_a_builtin_is_located_where_it_stands_in_a_chain() -> None:
    location_of(letters | len | str, "@gf.aggregate\ndef letters(")
    plan = (letters | len).compile().plan
    location = plan["len"].location
    assert location is not None
    assert location.file == HERE


def test_trio_is_what_runs_it() -> None:
    @gf.aggregate
    async def library(text: str) -> str:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return text

    assert value(library, "a") == "a"
