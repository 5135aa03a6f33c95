"""Every diagnostic: what it says, where it points, and what to write instead.

A case is a function that declares something wrong; the line that is to be blamed ends with `# here`. What is expected
is the whole text, in its one form.
"""

# ruff: noqa: E501 (texts stand here as they are printed)

# What type checkers refuse is refused here by graphflow.
# mypy: disable-error-code="arg-type,attr-defined,call-overload,comparison-overlap,dict-item,no-untyped-def,operator,return,return-value,union-attr"

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

import attrs
import pytest
import trio

import graphflow as gf
from graphflow_compiler.errors import CODES, CompileError, Diagnostic, NotStreamingError
from graphflow_compiler.ir import INPUT, Edge, Graph, Node, NodeId, Op, Port, SourceLocation
from graphflow_compiler.passes.normalise import normalise

ROOT = Path(__file__).parents[2]


# --- nodes that the cases share ----------------------------------------------------------------------------


@gf.chunkwise
def upper(text: str) -> str:
    return text.upper()


@gf.aggregate
def size(text: str) -> int:
    return len(text)


@gf.aggregate
def split(text: str) -> list[str]:
    return text.split()


@gf.aggregate
def ask(context: str, question: str) -> str:
    return f"{context}: {question}?"


@gf.aggregate
async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter


@gf.aggregate
async def numbers(text: str) -> AsyncIterator[int]:
    for letter in text:
        yield ord(letter)


class Query(TypedDict):
    text: str
    limit: int


@gf.aggregate
def search(query: Query) -> list[str]:
    return [query["text"]]


# --- cases -------------------------------------------------------------------------------------------------


@attrs.frozen
class Case:
    name: str
    declare: Callable[[], object]
    expected: str

    @property
    def code(self) -> str:
        found = re.match(r"\w+\[(GF\d+)\]", self.expected)
        assert found is not None
        return found[1]

    @property
    def place(self) -> str:
        lines, first = inspect.getsourcelines(self.declare)
        (line,) = (first + index for index, line in enumerate(lines) if line.rstrip().endswith("# here"))
        return f"{__file__}:{line}"


CASES: list[Case] = []


def case(expected: str) -> Callable[[Callable[[], object]], None]:
    """Add a case; ``HERE`` in the text is the place of the line that is to be blamed."""

    def add(declare: Callable[[], object]) -> None:
        CASES.append(Case(declare.__name__, declare, inspect.cleandoc(expected)))

    return add


def found_by(declare: Callable[[], object]) -> list[Diagnostic]:
    """Return what graphflow finds: the errors that it raises, or the diagnostics of the plan."""
    try:
        chain = declare()
        assert isinstance(chain, gf.Chain)
        found, is_error = list(chain.compile().plan.diagnostics), False
    except CompileError as error:
        found, is_error = list(error.diagnostics), True
        text = str(error)
    assert all((diagnostic.severity == "error") is is_error for diagnostic in found)
    assert not is_error or text == "\n".join(map(str, found))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "one" in metafunc.fixturenames:
        metafunc.parametrize("one", CASES, ids=[each.name for each in CASES])


def test_a_diagnostic_says_what_where_and_what_instead(one: Case) -> None:
    found = [str(diagnostic) for diagnostic in found_by(one.declare) if diagnostic.code == one.code]
    expected = one.expected.replace("HERE", one.place) if "HERE" in one.expected else one.expected
    assert "\n".join(found) == expected


def test_what_is_found_in_a_graph_is_found_at_a_node(one: Case) -> None:
    try:
        chain = one.declare()
    except CompileError:
        return  # it was found while the chain was declared
    assert isinstance(chain, gf.Chain)
    for found in found_by(lambda: chain):
        if (
            found.code in ("GF102", "GF106", "GF107")
            or found.code.startswith(("GF2", "GF3"))
            or "promises" in found.message
        ):
            assert found.node is not None
            assert f"`{found.node.split('.')[0]}`" in found.message or found.node == "parallel"


def test_every_code_is_produced_by_a_case() -> None:
    # GF4xx is found in runs that were measured, GF5xx in LCEL chains, not by the compiler.
    elsewhere = {code for code in CODES if code.startswith(("GF4", "GF5"))}
    assert {one.code for one in CASES} == set(CODES) - elsewhere


def test_every_code_in_the_source_is_in_the_index() -> None:
    used = set()
    for folder in ("compiler", "graphflow"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name == "errors.py" and path.parent.name == "graphflow_compiler":
                continue
            used |= set(re.findall(r"GF\d{3}", path.read_text(encoding="utf-8")))
    assert used == set(CODES)


def test_every_case_has_a_hint() -> None:
    assert not [one.name for one in CASES if "\n  hint: " not in one.expected]


# --- GF101 to GF114: declarations --------------------------------------------------------------------------


@case("""
    error[GF101]: `join` is declared as a transform, but has no `yield`
      --> HERE
      hint: yield chunks in `join`, or declare it with @gf.aggregate (a function of the whole input) or @gf.chunkwise (a function of one chunk)
    """)
def a_transform_without_yield() -> object:
    @gf.transform  # here
    async def join(texts: AsyncIterator[str]) -> str:
        return "".join([text async for text in texts])

    return join


@case("""
    error[GF102]: nothing feeds parameter `question` of `ask`: the record before it has only 'context', 'questoin'
      --> HERE  parallel | ask
      hint: rename 'questoin' to 'question', give the parameter a default, or bind it: ask.bind(question=...)
    """)
def a_key_is_misspelt() -> object:
    return {"context": upper, "questoin": upper} | ask  # here


@case("""
    error[GF102]: nothing feeds parameter `question` of `ask`: the record before it has only 'context'
      --> HERE  parallel | ask
      hint: add 'question' to the record, give the parameter a default, or bind it: ask.bind(question=...)
    """)
def a_key_is_missing() -> object:
    first = gf.parallel(context=upper)
    return (
        first | ask  # here
    )


@case("""
    error[GF102]: nothing feeds parameter `question` of `ask`
      --> HERE  ask(...)
      hint: give it in the call, ask(question=...), give the parameter a default, or bind it: ask.bind(question=...)
    """)
def a_call_leaves_a_parameter_out() -> object:
    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        return ask(context=text)  # here

    return asked


@case("""
    error[GF102]: `ask` takes `context` and `question`, but `size` gives int, which is no record with those keys
      --> HERE  size | ask
      hint: feed it a record: {"context": ..., "question": ...} | ask
    """)
def several_parameters_after_what_is_no_record() -> object:
    return size | ask  # here


@case("""
    error[GF102]: `ask` takes `context` and `question`, but `parallel` gives a record of 'text', 'size'
      --> HERE  parallel | ask
      hint: feed it a record: {"context": ..., "question": ...} | ask
    """)
def several_parameters_after_another_record() -> object:
    return {"text": upper, "size": size} | ask  # here


@case("""
    error[GF103]: the graph has a cycle: `asked` → `again` → `asked`
      --> HERE  asked(...)
      hint: a graph cannot lead back into itself: repeat inside one node, such as a function with a loop
    """)
def a_cycle_through_handles() -> object:
    @gf.graph
    def again(text: gf.Value[str]) -> gf.Value[str]:
        return asked(upper(text))  # here

    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        return again(text)

    return asked


@case("""
    error[GF103]: the dict at key 'again' leads back into itself
      --> HERE
      hint: a chain has an end: give the dict chains that do not contain it
    """)
def a_dict_that_holds_itself() -> object:
    circle: dict[str, Any] = {"a": upper}
    circle["again"] = circle
    return gf.parallel(circle)  # here


@case("""
    error[GF104]: key 'a' is given twice to `parallel`
      --> HERE
      hint: give each key once, in the dict or as a keyword
    """)
def a_key_given_twice() -> object:
    return gf.parallel({"a": upper}, a=size)  # here


@case("""
    error[GF104]: key 'a' is given twice to `pick`
      --> HERE
      hint: give each key once
    """)
def a_key_picked_twice() -> object:
    return gf.pick("a", "b", "a")  # here


@case("""
    error[GF105]: parameter `context` of `ask` is fed twice: by position and by name
      --> HERE  ask(...)
      hint: give each parameter once
    """)
def a_parameter_fed_twice() -> object:
    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        return ask(text, context=upper(text), question=text)  # here

    return asked


@case("""
    error[GF106]: `pick` asks for key 'contxt', but `parallel` gives only 'context', 'size'
      --> HERE  parallel | pick
      hint: did you mean 'context'?
    """)
def an_unknown_key() -> object:
    return {"context": upper, "size": size} | gf.pick("contxt")  # here


@case("""
    error[GF106]: `pick` asks for key 'question', but `parallel` gives only 'context', 'size'
      --> HERE  parallel | pick
      hint: take one of 'context', 'size'
    """)
def an_unknown_key_among_several() -> object:
    return {"context": upper, "size": size} | gf.pick("size", "question")  # here


@case("""
    error[GF106]: `pick` asks for key 'length', but `size` gives int, which has no keys
      --> HERE  size | pick
      hint: let `size` give a record with that key: {'length': ...}
    """)
def a_key_of_what_has_none() -> object:
    return size | gf.pick("length")  # here


@case("""
    error[GF107]: `size` does not reach the output, which is what `upper` gives: it would run for nothing
      --> HERE  size(...)
      hint: return what comes from `size` too, such as in a dict, or remove the call
    """)
def a_node_that_leads_nowhere() -> object:
    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        size(upper(text))  # here
        return upper(text)

    return asked


@case("""
    error[GF108]: `chosen` returns a chain (Chain[str, str]): which nodes run would only be known while it runs
      --> HERE
      hint: choose between chains with gf.branch((predicate, chain), ..., default), or run the chain in the function: return await chain.invoke(value)
    """)
def a_function_that_returns_a_chain() -> object:
    def chosen(text: str) -> gf.Chain[str, str]:  # here
        return upper

    return letters | chosen


def test_a_function_that_turns_out_to_return_a_chain() -> None:
    chain = gf.aggregate(lambda text: upper)
    with pytest.raises(CompileError) as caught:
        trio.run(chain.invoke, "x")
    line = inspect.currentframe().f_lineno - 3
    assert str(caught.value) == (
        "error[GF108]: `lambda` returned a chain (`upper`) instead of a value\n"
        f"  --> {__file__}:{line}\n"
        "  hint: choose between chains with gf.branch((predicate, chain), ..., default), "
        "or run the chain in the function: return await chain.invoke(value)"
    )


@case("""
    error[GF109]: in the graph `asked`, `text` is used as a bool, but it has no value yet: a graph is declared before it runs
      --> HERE
      hint: decide while it runs: gf.branch((predicate, chain), ..., default)
    """)
def a_handle_used_as_a_bool() -> object:
    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        if text:  # here
            return upper(text)
        return text

    return asked


@case("""
    error[GF109]: in the graph `asked`, the output of `split` is iterated, but it has no value yet: a graph is declared before it runs
      --> HERE
      hint: iterate in a node: @gf.transform, or gf.each(chain) for every item of a list
    """)
def a_handle_iterated() -> object:
    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        for word in split(text):  # here
            text = upper(word)
        return text

    return asked


@case("""
    error[GF109]: in the graph `asked`, key 'a' of the output of `parallel` is compared with 'x', but it has no value yet: a graph is declared before it runs
      --> HERE
      hint: compare in a node, or in a predicate: gf.branch((predicate, chain), ..., default)
    """)
def a_handle_compared() -> object:
    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        both = gf.parallel(a=upper)(text)
        return upper(text) if both["a"] == "x" else text  # here

    return asked


@case("""
    error[GF109]: in the graph `asked`, `text` is asked for its attribute `upper`, but it has no value yet: a graph is declared before it runs
      --> HERE
      hint: take it in a node: gf.chunkwise(lambda value: value.upper); a key of a record is handle['upper']
    """)
def a_method_of_a_handle() -> object:
    @gf.graph
    def asked(text: Any) -> Any:
        return text.upper()  # here

    return asked


@case("""
    error[GF109]: in the graph `asked`, `text` is put into a text, but it has no value yet: a graph is declared before it runs
      --> HERE
      hint: fill texts in a node: gf.prompt("...{name}...")(name=handle)
    """)
def a_handle_in_a_text() -> object:
    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        return ask(context=text, question=f"{text}?")  # here

    return asked


@case("""
    error[GF109]: `upper` was called with 'hello', and not with a handle
      --> HERE
      hint: inside a @gf.graph, call it with what another node gives; to run it: await upper.invoke(...)
    """)
def a_chain_called_with_a_value() -> object:
    return upper("hello")  # here


@case("""
    error[GF110]: `ask` has no parameter `answer`
      --> HERE
      hint: what can be bound is `context`, `question`
    """)
def an_unknown_option() -> object:
    return ask.bind(answer="yes")  # here


@case("""
    error[GF110]: parameter `texts` of `joined` takes a stream, so no value can be bound to it
      --> HERE
      hint: leave `texts` free: it is what the chain gives to `joined`
    """)
def a_stream_bound() -> object:
    @gf.transform
    async def joined(texts: AsyncIterator[str], sign: str = "") -> AsyncIterator[str]:
        async for text in texts:
            yield text + sign

    return joined.bind(texts=["a"])  # here


@case("""
    error[GF110]: every parameter of `ask` would be bound, so nothing could be given to it
      --> HERE
      hint: leave one free: `context`, `question`
    """)
def everything_bound() -> object:
    return ask.bind(context="here", question="why")  # here


@case("""
    error[GF110]: `ask` is put together of several nodes, so its options cannot be bound
      --> HERE
      hint: bind the options of the node that takes them, then put the chain together
    """)
def an_option_of_a_whole_chain() -> object:
    return ({"context": upper, "question": upper} | ask).bind(context="here")  # here


@case("""
    error[GF110]: `ask` has no parameter `answer`
      --> HERE  ask(...)
      hint: its parameters are `context`, `question`
    """)
def an_unknown_parameter_in_a_call() -> object:
    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        return ask(context=text, answer=text)  # here

    return asked


@case("""
    error[GF110]: `ask` takes `context`, `question`, but was called with 3 arguments
      --> HERE  ask(...)
      hint: ask(handle), or ask(key=handle, ...) to give it a record
    """)
def too_many_arguments_in_a_call() -> object:
    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        return ask(text, text, text)  # here

    return asked


@case("""
    error[GF111]: 3 cannot be a node
      --> HERE
      hint: a node is a chain, a function, or a dict of those
    """)
def something_that_cannot_be_a_node() -> object:
    return upper | 3  # here


@case("""
    error[GF111]: 'Tell me a joke', at key 'question', cannot be a node
      --> HERE
      hint: a text becomes a node as gf.prompt(...)
    """)
def a_text_in_a_dict() -> object:
    return {"context": upper, "question": "Tell me a joke"} | ask  # here


@case("""
    error[GF111]: `parallel` has no branch
      --> HERE
      hint: gf.parallel(key=chain, ...)
    """)
def an_empty_dict() -> object:
    return upper | {}  # here


@case("""
    error[GF111]: the keys of `parallel` are strings, not int: 1
      --> HERE
      hint: {'1': ...}
    """)
def a_key_that_is_no_string() -> object:
    return gf.parallel({1: upper})  # here


@case("""
    error[GF111]: a branch needs at least one pair and a default
      --> HERE
      hint: gf.branch((predicate, chain), ..., default)
    """)
def a_branch_of_one() -> object:
    return gf.branch(upper)  # here


@case("""
    error[GF111]: a branch ends with its default, which has no predicate
      --> HERE
      hint: gf.branch((predicate, chain), ..., default)
    """)
def a_branch_without_a_default() -> object:
    return gf.branch((str.isupper, upper), (bool, upper))  # here


@case("""
    error[GF111]: `upper` is a chain already
      --> HERE
      hint: use it as it is; configure it with .with_config(...)
    """)
def a_chain_declared_again() -> object:
    return gf.aggregate(upper)  # here


@case("""
    error[GF112]: the graph `asked` promises Stream[str], but returns a finished value: `ask` is a plain function of its whole input
      --> HERE
      hint: promise Value[str], or write `ask` as a transform (@gf.transform)
    """)
def a_graph_that_promises_a_stream_and_gives_a_value() -> object:
    @gf.graph  # here
    def asked(text: gf.Value[str]) -> gf.Stream[str]:
        return ask(context=text, question=text)

    return asked


@case("""
    error[GF112]: the graph `asked` promises str, but returns int from `size`
      --> HERE
      hint: correct the annotation, or return what it promises
    """)
def a_graph_that_promises_another_type() -> object:
    @gf.graph  # here
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        return size(text)

    return asked


@case("""
    error[GF112]: the graph `asked` returns None, which is not what its nodes give
      --> HERE
      hint: return a handle, such as `return parser(model(question))`, or a dict of handles
    """)
def a_graph_that_returns_nothing() -> object:
    @gf.graph  # here
    def asked(text: gf.Value[str]) -> gf.Value[str]:
        upper(text)

    return asked


@case("""
    error[GF113]: `pair` is chunkwise, so it takes one chunk, but it has 2 parameters without a default
      --> HERE
      hint: leave one parameter without a default, for the chunk
    """)
def a_chunkwise_function_of_two_chunks() -> object:
    def pair(left: str, right: str) -> str:  # here
        return left + right

    return gf.chunkwise(pair)


@case("""
    error[GF113]: `each_letter` is chunkwise, but yields: a chunkwise function returns one chunk for one chunk
      --> HERE
      hint: declare it with @gf.transform, or return instead of yielding in `each_letter`
    """)
def a_chunkwise_function_that_yields() -> object:
    @gf.chunkwise  # here
    def each_letter(text: str) -> Iterator[str]:
        yield from text

    return each_letter


@case("""
    error[GF113]: `each_letter` is declared as a transform, but takes no stream: it has `text: str`
      --> HERE
      hint: annotate the parameter that it iterates as Iterator[...], or declare it with @gf.aggregate: a generator that waits for its input is a producer
    """)
def a_transform_of_a_value() -> object:
    @gf.transform  # here
    def each_letter(text: str) -> Iterator[str]:
        yield from text

    return each_letter


@case("""
    error[GF114]: `hurried` yields inside of `with trio.CancelScope()`, but is not asynchronous: it cannot wait itself, so only what others wait for could be cancelled
      --> HERE
      hint: write `async def hurried`, or leave the scope before each `yield`
    """)
def a_scope_in_a_plain_generator() -> object:
    @gf.transform
    def hurried(texts: Iterator[str]) -> Iterator[str]:
        with trio.CancelScope() as scope:  # here
            for text in texts:
                scope.shield = text == "!"
                yield text

    return hurried


@case("""
    error[GF113]: `each_text` is declared as an aggregate, but it yields while it reads the stream `texts`
      --> HERE
      hint: declare it with @gf.transform
    """)
def an_aggregate_of_a_stream_that_yields() -> object:
    @gf.aggregate  # here
    async def each_text(texts: AsyncIterator[str]) -> AsyncIterator[str]:
        async for text in texts:
            yield text

    return each_text


@case("""
    error[GF113]: `each_text` is not asynchronous, so it cannot iterate `texts: AsyncIterator[str]`
      --> HERE
      hint: write `async def each_text`, or annotate `texts` as Iterator[str]
    """)
def a_plain_function_of_an_asynchronous_stream() -> object:
    @gf.aggregate  # here
    def each_text(texts: AsyncIterator[str]) -> int:
        return 0

    return each_text


@case("""
    error[GF113]: `each_text` is asynchronous, but `texts: Iterator[str]` is a synchronous iterator
      --> HERE
      hint: annotate `texts` as AsyncIterator[str] and read it with `async for`
    """)
def an_asynchronous_function_of_a_plain_iterator() -> object:
    @gf.transform  # here
    async def each_text(texts: Iterator[str]) -> AsyncIterator[str]:
        for text in texts:
            yield text

    return each_text


@case("""
    error[GF113]: `later` is asynchronous, so it cannot run in a thread
      --> HERE
      hint: leave thread=True out, or write it as a plain `def`
    """)
def an_asynchronous_function_in_a_thread() -> object:
    @gf.aggregate(thread=True)  # here
    async def later(text: str) -> str:
        return text

    return later


@case("""
    error[GF113]: the graph `asked` is asynchronous
      --> HERE
      hint: write it as a plain `def`: it is called once, to declare the graph, and runs nothing
    """)
def an_asynchronous_graph() -> object:
    @gf.graph  # here
    async def asked(text: gf.Value[str]) -> gf.Value[str]:
        return upper(text)

    return asked


@case("""
    error[GF113]: the graph `asked` has no parameter for its input
      --> HERE
      hint: give it one without a default
    """)
def a_graph_without_an_input() -> object:
    @gf.graph  # here
    def asked(times: int = 3) -> gf.Value[str]:
        raise AssertionError

    return asked


# --- GF201 to GF220: edges ---------------------------------------------------------------------------------


@case("""
    error[GF201]: `upper` takes str, but `size` gives int
      --> HERE  size | upper
      hint: put a step between them that turns int into str
    """)
def types_that_do_not_fit() -> object:
    return size | upper  # here


@case("""
    error[GF201]: `upper` takes str, but `split` gives list[str]
      --> HERE  split | upper
      hint: run it once for every item: split | gf.each(upper)
    """)
def a_list_where_an_item_is_taken() -> object:
    return split | upper  # here


@case("""
    error[GF201]: `ask` takes str in `question`, but `size` gives int
      --> HERE  parallel | ask
      hint: put a step between them that turns int into str
    """)
def a_type_that_does_not_fit_one_parameter() -> object:
    return {"context": upper, "question": size} | ask  # here


@case("""
    error[GF201]: `model` takes list[Message], but `retriever` gives list[Document]
      --> HERE  retriever | model
      hint: put a prompt between them: retriever | gf.prompt("...{context}...") | model
    """)
def a_retriever_before_a_model() -> object:
    class Message: ...

    class Document: ...

    @gf.aggregate
    def retriever(query: str) -> list[Document]:
        return []

    @gf.aggregate
    async def model(messages: list[Message]) -> AsyncIterator[str]:
        yield ""

    as_model = model._with_node(lambda node: attrs.evolve(node, kind="chat_model"))
    return retriever | as_model  # here


@case("""
    error[GF201]: `upper` takes str, but `model` gives AIMessageChunk
      --> HERE  model | upper
      hint: take the text of its messages: model | gf.text() | upper
    """)
def a_model_before_a_function_of_text() -> object:
    model = gf.ScriptedChatModel("hello", name="model")
    return model | upper  # here


@case("""
    error[GF201]: `each` takes list[str], but `size` gives int
      --> HERE  size | each
      hint: put a step between them that makes a list of int
    """)
def each_of_what_is_no_list() -> object:
    return size | gf.each(upper)  # here


@case("""
    error[GF202]: `search` takes Query, but `parallel` gives {text: str}: key 'limit' is missing
      --> HERE  parallel | search
      hint: add `limit` to the record: {"text": ..., "limit": ...} | search
    """)
def a_record_without_a_key() -> object:
    return {"text": upper} | search  # here


@case("""
    error[GF202]: `search` takes Query, but `parallel` gives {text: str, limit: str}: key 'limit': str is not int
      --> HERE  parallel | search
      hint: let the values of the record be what `search` takes
    """)
def a_record_with_a_key_of_another_type() -> object:
    return {"text": upper, "limit": upper} | search  # here


@case("""
    error[GF202]: key 'limit' of Query is int, but `upper` gives str
      --> HERE
      hint: correct the class, or let the branch give what it says
    """)
def a_declared_record_whose_branch_gives_another_type() -> object:
    return gf.parallel(Query, text=upper, limit=upper)  # here


@case("""
    error[GF202]: key 'limit' of Query is int, but `upper` gives str
      --> HERE
      hint: correct the class, or let the branch give what it says
    """)
def a_declared_record_whose_keys_are_taken_by_name() -> object:
    @gf.aggregate
    def pair(text: str, limit: int) -> str:
        return text * limit

    return gf.parallel(Query, text=upper, limit=upper) | pair  # here


@case("""
    error[GF202]: `Query` has the key 'limit', for which there is no branch
      --> HERE
      hint: gf.parallel(Query, text=..., limit=...)
    """)
def a_declared_record_without_a_branch_for_a_key() -> object:
    return gf.parallel(Query, text=upper)  # here


@case("""
    error[GF202]: `Query` has no key 'size'
      --> HERE
      hint: gf.parallel(Query, text=..., limit=...)
    """)
def a_declared_record_without_a_key_for_a_branch() -> object:
    return gf.parallel(Query, text=upper, limit=size, size=size)  # here


@case("""
    error[GF111]: `dict` cannot be the type of a record, since it is no TypedDict
      --> HERE
      hint: declare it as one: class Answer(TypedDict): ...
    """)
def a_declared_record_of_another_class() -> object:
    return gf.parallel(dict, text=upper)  # here


@case("""
    error[GF202]: `search` takes Query, but `size` gives int
      --> HERE  size | search
      hint: give it a record with its keys: {"text": ..., "limit": ...} | search
    """)
def no_record_at_all() -> object:
    return size | search  # here


@case("""
    error[GF202]: `assign` adds keys to a record, but `size` gives int
      --> HERE  size | assign
      hint: make a record of it first: {"value": gf.passthrough()} | gf.assign(...)
    """)
def keys_added_to_what_is_no_record() -> object:
    return size | gf.assign(more=lambda record: 3)  # here


@case("""
    error[GF220]: `plain` waits for its whole input, but nothing says how the chunks of `numbers` become one value: int has no accumulator of its own
      --> HERE  numbers | plain
      hint: say it where `numbers` is declared, with accumulate=gf.latest or another accumulator,
            or turn the chunks into a list first: numbers | gf.collect() | plain
    """)
def chunks_that_nothing_folds() -> object:
    def plain(number: int) -> int:
        return number

    return numbers | plain  # here


@case("""
    error[GF220]: `lambda` waits for its whole input, but nothing says how the chunks of `odd` become one value: they are not annotated
      --> HERE  odd | lambda
      hint: annotate what `odd` gives, such as AsyncIterator[str]; or say it where `odd` is declared, with accumulate=gf.latest or another accumulator,
            or turn the chunks into a list first: odd | gf.collect() | lambda
    """)
def chunks_that_are_not_annotated() -> object:
    @gf.aggregate
    def odd(text):
        yield text

    return odd | (lambda text: text)  # here


@case("""
    error[GF220]: `lambda` waits for its whole input, but nothing says how the chunks of `numbers` become one value: int has no accumulator of its own
      --> HERE  passthrough | lambda
      hint: say it where `numbers` is declared, with accumulate=gf.latest or another accumulator,
            or turn the chunks into a list first: numbers | gf.collect() | lambda
    """)
def chunks_of_a_key_that_nothing_folds() -> object:
    return {"a": upper, "b": numbers | gf.passthrough()} | gf.passthrough() | (lambda record: record)  # here


@case("""
    error[GF220]: `each` gives one result for every item, but nothing says how the chunks of `counted` become one value: int has no accumulator of its own
      --> HERE
      hint: say it where `counted` is declared, with accumulate=gf.latest or another accumulator,
            or turn the chunks into a list first: counted | gf.collect() | ...
    """)
def results_that_nothing_folds() -> object:
    @gf.aggregate  # here
    async def counted(text: str) -> AsyncIterator[int]:
        yield len(text)

    return split | gf.each(counted)


# --- GF301 to GF306: what a plan tells ---------------------------------------------------------------------


@gf.aggregate
async def model(prompt: str) -> AsyncIterator[str]:
    for piece in ('{"countries": [{"name": "Fr', 'ance"}, {"name": "Spain"}]}'):
        yield piece


@gf.transform(accumulate=gf.latest)
async def json_parser(chunks: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    async for chunk in chunks:
        yield {"text": chunk}


@case("""
    warning[GF301]: the output does not stream: `country_names` is a plain function of its whole input, so what `json_parser` streams is held back until it is complete
      --> HERE
      hint: write it as a transform, which takes chunks as they come:
                @gf.transform
                async def country_names(chunks: AsyncIterator[dict[str, Any]]) -> AsyncIterator[list[str]]:
                    async for chunk in chunks:
                        yield ...  # what this chunk adds
            or, if it can work on one chunk at a time: gf.chunkwise(country_names)
    """)
def the_chain_that_the_guide_breaks() -> object:
    def country_names(value: dict[str, Any]) -> list[str]:  # here
        return [country["name"] for country in value["countries"]]

    return model | json_parser | country_names


@case("""
    warning[GF301]: the output does not stream: `lambda` is a plain function of its whole input, so what `json_parser` streams is held back until it is complete
      --> HERE
      hint: write it as a transform, which takes chunks as they come:
                @gf.transform
                async def step(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
                    async for chunk in chunks:
                        yield ...  # what this chunk adds
            or, if it can work on one chunk at a time: gf.chunkwise(lambda chunk: ...)
    """)
def a_lambda_that_blocks() -> object:
    return model | json_parser | (lambda value: value["countries"])  # here


@case("""
    warning[GF301]: the output does not stream: `titled` is a plain function of its whole input, so what `model` streams is held back until it is complete
      --> HERE
      hint: write it as a transform, which takes chunks as they come:
                @gf.transform
                async def titled(title: str, text: AsyncIterator[str]) -> AsyncIterator[str]:
                    async for chunk in text:
                        yield ...  # what this chunk adds
    """)
def a_function_of_several_parameters_that_blocks() -> object:
    @gf.aggregate  # here
    def titled(title: str, text: str) -> str:
        return f"{title}: {text}"

    return {"text": model, "title": lambda text: text} | titled


@case("""
    warning[GF301]: the output does not stream: `second` is a plain function of its whole input, so what `model` streams is held back until it is complete
      --> HERE
      hint: write it as a transform, which takes chunks as they come:
                @gf.transform
                async def second(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
                    async for chunk in chunks:
                        yield ...  # what this chunk adds
            or, if it can work on one chunk at a time: gf.chunkwise(second)
            and so with `first` before it, which blocks too
    """)
def two_functions_that_block() -> object:
    def first(text: str) -> str:
        return text

    def second(text: str) -> str:  # here
        return text

    return model | first | second


@case("""
    warning[GF301]: the output does not stream: `branch` decides on its whole input, and its alternative `upper` does not promise to stream, so what `model` streams is held back until it is complete
      --> HERE
      hint: make every alternative of `branch` a producer, and its output streams
    """)
def a_branch_that_blocks() -> object:
    return model | gf.branch((bool, letters), upper)  # here


@case("""
    warning[GF301]: the output does not stream: `collect` folds its whole input into one value, so what `model` streams is held back until it is complete
      --> HERE
      hint: leave `collect` out, or let it stand before the last producer
    """)
def a_collect_that_blocks() -> object:
    return model | gf.collect()  # here


@case("""
    note[GF302]: the output does not stream: `size` is a plain function of its whole input, and nothing before it streams either
      --> HERE
      hint: end the chain with a node that gives chunks: a chat model, or an @gf.aggregate that yields
    """)
def nothing_that_streams() -> object:
    @gf.aggregate(name="size")  # here
    def measured(text: list[str]) -> int:
        return len(text)

    return split | measured


@case("""
    note[GF303]: `each_text` is a synchronous generator after an asynchronous stream, so it runs in a worker thread, and waits there for every chunk
      --> HERE
      hint: make it asynchronous: async def each_text(texts: AsyncIterator[str])
    """)
def a_plain_generator_after_an_asynchronous_one() -> object:
    def each_text(texts: Iterator[str]) -> Iterator[str]:  # here
        yield from texts

    return letters | each_text


@case("""
    note[GF303]: `joined` is a synchronous function that reads an asynchronous stream, so it runs in a worker thread, and waits there for every chunk
      --> HERE
      hint: make it asynchronous: async def joined(texts: AsyncIterator[str])
    """)
def a_plain_function_after_an_asynchronous_stream() -> object:
    def joined(texts: Iterator[str]) -> str:  # here
        return "".join(texts)

    return letters | joined


@case("""
    warning[GF305]: key 'b' of `parallel` is made, but nothing uses it
      --> HERE
      hint: leave 'b' out
    """)
def a_key_that_nothing_uses() -> object:
    return {"a": upper, "b": size} | gf.pick("a")  # here


@case("""
    note[GF306]: the output can be streamed but not invoked: nothing says how the chunks of `counted` become one value: int has no accumulator of its own
      --> HERE
      hint: say it where `counted` is declared, with accumulate=gf.latest or another accumulator,
            or end the chain with gf.collect(), for a list of the chunks
    """)
def an_output_without_an_accumulator() -> object:
    @gf.aggregate  # here
    async def counted(text: str) -> AsyncIterator[int]:
        yield len(text)

    return {"a": upper, "b": counted} | gf.passthrough()


# --- what is done with them --------------------------------------------------------------------------------


def test_a_plan_that_does_not_stream_is_refused_with_the_same_words() -> None:
    program = gf.compile(model | json_parser | (lambda value: value["countries"]))
    with pytest.raises(NotStreamingError) as caught:
        program.plan.require_streaming()
    (told,) = program.plan.diagnostics
    assert str(caught.value) == str(told).replace("warning[", "error[")
    assert caught.value.diagnostics == (attrs.evolve(told, severity="error"),)
    assert program.plan.blocked_by == "lambda"


def test_what_is_held_back_is_found_though_paths_part_and_meet_again_and_again() -> None:
    chain: gf.Chain[Any, Any] = letters
    for _ in range(40):  # a walk along every path would take 2 ** 40 times as long
        chain |= {"context": gf.passthrough(), "question": gf.passthrough()} | ask
    (found,) = chain.compile().plan.diagnostics
    assert found.code == "GF301"
    assert "what `letters` streams is held back" in found.message


def test_a_plan_that_streams_is_given_back() -> None:
    plan = gf.compile(model | json_parser).plan
    assert plan.require_streaming() is plan


def test_invoke_is_refused_before_anything_runs() -> None:
    runs = []

    @gf.aggregate
    def counted(text: str) -> Iterator[int]:
        runs.append(text)
        yield len(text)

    chain = counted | gf.passthrough()
    for verb in (chain.invoke, lambda value: chain.batch([value])):
        with pytest.raises(gf.NotInvokableError, match=r"error\[GF306\]: the output can be streamed but not invoked"):
            trio.run(verb, "x")
    assert runs == []


def test_all_that_a_pass_finds_is_told_at_once() -> None:
    with pytest.raises(CompileError) as caught:
        ({"context": size, "question": split} | ask).compile()
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["GF201", "GF201"]
    assert str(caught.value).count("\n  --> ") == 2


def test_a_cycle_in_a_graph_that_was_written_by_hand() -> None:
    def node(name: str) -> Node:
        location = SourceLocation("chains.py", ord(name) - ord("a") + 1)
        return Node(NodeId(name), name, Op.MAP, (Port("chunk", streams=True),), location=location)

    def edge(source: str, target: str) -> Edge:
        return Edge(NodeId(source), NodeId(target), "chunk")

    nodes = (Node(INPUT, "input", Op.INPUT), node("a"), node("b"), node("c"))
    edges = (edge("input", "a"), edge("c", "b"), edge("b", "c"), edge("c", "a"))
    with pytest.raises(CompileError) as caught:
        normalise(Graph(nodes, edges, NodeId("a")))
    assert str(caught.value) == (
        "error[GF103]: the graph has a cycle: `b` → `c` → `b`\n"
        "  --> chains.py:2\n"
        "  hint: a chain is a directed acyclic graph; put the repetition into the body of one node"
    )
    assert [found.node for found in caught.value.diagnostics] == ["b"]


def test_a_port_fed_twice_in_a_graph_that_was_written_by_hand() -> None:
    node = Node(NodeId("a"), "a", Op.MAP, (Port("chunk", streams=True),), location=SourceLocation("chains.py", 7))
    edge = Edge(INPUT, node.id, "chunk")
    edges = (edge, attrs.evolve(edge, snippet="a(...)"), attrs.evolve(edge, location=SourceLocation("chains.py", 8)))
    with pytest.raises(CompileError) as caught:
        normalise(Graph((Node(INPUT, "input", Op.INPUT), node), edges, node.id))
    assert str(caught.value) == (
        "error[GF105]: parameter `chunk` of `a` is fed twice: by `input` and by `input`\n"
        "  --> chains.py:7  a(...)\n"
        "  hint: give each parameter once\n"
        "error[GF105]: parameter `chunk` of `a` is fed twice: by `input` and by `input`\n"
        "  --> chains.py:8\n"
        "  hint: give each parameter once"
    )
    assert [found.node for found in caught.value.diagnostics] == ["a", "a"]


def test_a_node_without_edges_in_a_graph_that_was_written_by_hand() -> None:
    nodes = [
        Node(NodeId(name), name, Op.CALL, location=SourceLocation("chains.py", line))
        for line, name in enumerate("ab", 1)
    ]
    with pytest.raises(CompileError) as caught:
        normalise(Graph((Node(INPUT, "input", Op.INPUT), *nodes), (), NodeId("a")))
    (found,) = caught.value.diagnostics
    assert (found.code, found.node, found.location) == ("GF107", "b", SourceLocation("chains.py", 2))


def test_a_port_that_nothing_feeds_in_a_graph_that_was_written_by_hand() -> None:
    node = Node(NodeId("a"), "a", Op.CALL, (Port("text", streams=False),), location=SourceLocation("chains.py", 7))
    with pytest.raises(CompileError) as caught:
        normalise(Graph((Node(INPUT, "input", Op.INPUT), node), (), node.id))
    assert str(caught.value) == (
        "error[GF102]: nothing feeds parameter `text` of `a`\n"
        "  --> chains.py:7\n"
        "  hint: give it in the call, a(text=...), give the parameter a default, or bind it: a.bind(text=...)"
    )


def test_the_form_of_a_diagnostic() -> None:
    told = Diagnostic("GF201", "error", "what was found")
    place = SourceLocation("app/chains.py", 41)
    assert str(told) == "error[GF201]: what was found"
    assert str(attrs.evolve(told, snippet="a | b")) == "error[GF201]: what was found\n  --> a | b"
    assert str(attrs.evolve(told, location=place, snippet="a | b", hint="first\nsecond")) == (
        "error[GF201]: what was found\n  --> app/chains.py:41  a | b\n  hint: first\n        second"
    )
