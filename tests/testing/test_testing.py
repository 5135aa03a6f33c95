"""`graphflow.testing`: what it finds, and what it lets pass."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import hypothesis
import pytest
import trio

import graphflow as gf
from graphflow import testing
from graphflow_compiler.plan import Plan

model = gf.ScriptedChatModel("one two three")


@gf.transform
async def loud(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk.upper()


@gf.transform
async def titled(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    """Depends on where the text is cut."""
    async for chunk in chunks:
        yield chunk.capitalize()


@gf.transform
async def hoarding(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yields, but only at the end."""
    yield "".join([chunk async for chunk in chunks])


@gf.transform
async def lines(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    """Cuts a text into lines, wherever it was cut before."""
    rest = ""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split("\n")
        for line in whole:
            yield line + "\n"
    if rest:
        yield rest


def shout(text: str) -> str:
    return text.upper()


def shows_plan(error: AssertionError, chain: gf.Chain[Any, Any]) -> bool:
    return str(error).endswith(f"\n\n{chain.compile().plan.explain()}")


# --- virtual time ------------------------------------------------------------------------------------------


@testing.virtual_time
async def test_a_test_can_sleep_for_hours() -> None:
    await trio.sleep(3 * 3600)
    assert trio.current_time() >= 3 * 3600


@pytest.mark.parametrize("number", [1, 2])
@testing.virtual_time
async def test_a_test_on_a_virtual_clock_takes_parameters(number: int) -> None:
    assert number in (1, 2)


def test_it_runs_in_a_loop_of_its_own_also_inside_of_one() -> None:
    async def inner(text: str) -> str:
        await trio.sleep(1000)
        return text + "!"

    async def failing() -> None:
        raise KeyError("inner")

    async def outer() -> str:
        with pytest.raises(KeyError, match="inner"):
            testing.run(failing)
        return testing.run(inner, "on")

    assert trio.run(outer) == "on!"


# --- assert_streams ----------------------------------------------------------------------------------------


def test_a_chain_that_streams_passes() -> None:
    testing.assert_streams(model | gf.text() | loud)
    testing.assert_streams(gf.parallel(a=loud, b=shout), key="a")


def test_a_chain_that_does_not_stream_is_explained() -> None:
    chain = model | gf.text() | shout
    with pytest.raises(AssertionError) as caught:
        testing.assert_streams(chain)
    assert shows_plan(caught.value, chain)
    message = str(caught.value)
    assert message.startswith("the output of `sequence` does not stream\n\n")
    assert "blocked by `shout`" in message
    assert "write it as a transform" in message


def test_a_key_that_does_not_stream_is_named() -> None:
    chain = gf.parallel(a=loud, b=shout)
    with pytest.raises(AssertionError, match="key 'b' of the output does not stream") as caught:
        testing.assert_streams(chain, key="b")
    assert shows_plan(caught.value, chain)
    with pytest.raises(AssertionError, match="no key 'c'; its keys are 'a', 'b'") as caught:
        testing.assert_streams(chain, key="c")
    assert shows_plan(caught.value, chain)
    with pytest.raises(AssertionError, match="its output is no record") as caught:
        testing.assert_streams(loud, key="c")
    assert shows_plan(caught.value, loud)


# --- check_transform ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", [loud, lines, loud | lines, gf.chunkwise(str.upper), gf.passthrough()])
def test_a_true_transform_passes(chain: gf.Chain[Any, Any]) -> None:
    testing.check_transform(chain, ["one\ntwo\n", "three\nfour"])


def test_one_whose_output_depends_on_the_cuts_is_refused() -> None:
    with pytest.raises(AssertionError) as caught:
        testing.check_transform(titled, ["hello ", "world"])
    assert str(caught.value).splitlines()[0] == "`titled` depends on how its input is cut:"
    assert "['h', 'e'," in str(caught.value)
    assert "'HELLO WORLD'" in str(caught.value)
    assert "gives 'Hello World'" in str(caught.value)
    assert shows_plan(caught.value, titled)


@pytest.mark.parametrize("chain", [hoarding, gf.aggregate(shout)])
def test_one_that_waits_for_its_whole_input_is_refused(chain: gf.Chain[Any, Any]) -> None:
    with pytest.raises(
        AssertionError, match="gives nothing before its input has ended: it read all 10 chunks"
    ) as caught:
        testing.check_transform(chain, ["hello", "world"])
    assert shows_plan(caught.value, chain)


@pytest.mark.parametrize("header", ["# ", ""])
def test_one_that_waits_for_its_whole_input_after_a_header_is_refused(header: str) -> None:
    @gf.transform
    async def headed(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        yield header
        yield "".join([chunk async for chunk in chunks])

    for chain in (headed, headed | gf.chunkwise(str.upper), headed | loud | lines):
        with pytest.raises(AssertionError, match="gives nothing before its input has ended"):
            testing.check_transform(chain, ["hello", "world"])


def test_empty_chunks_are_nothing_that_comes_before_the_end() -> None:
    @gf.transform
    async def silent(chunks: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
        parts = []
        async for chunk in chunks:
            parts.append(chunk)
            yield {"text": ""}
        yield {"text": "".join(parts)}

    with pytest.raises(AssertionError, match="gives nothing before its input has ended"):
        testing.check_transform(silent, ["hello"])


def test_a_true_transform_may_give_a_header_and_may_give_nothing_more() -> None:
    @gf.transform
    async def headed(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        yield "# "
        async for chunk in chunks:
            yield chunk

    @gf.transform
    async def only_header(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        yield "# "
        async for _ in chunks:
            pass

    testing.check_transform(headed, ["hello"])
    testing.check_transform(only_header, ["hello"])


@pytest.mark.parametrize(
    "given", ["ab", b"ab", [1, 2], gf.AIMessageChunk("ab")], ids=lambda given: type(given).__name__
)
def test_an_empty_chunk_must_make_no_difference(given: Any) -> None:
    @gf.transform
    async def stopping(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for chunk in chunks:
            if chunk == type(given)():
                return
            yield chunk

    with pytest.raises(AssertionError, match="depends on how its input is cut"):
        testing.check_transform(stopping, [given])


def test_the_texts_of_messages_are_cut() -> None:
    @gf.transform
    async def title(chunks: AsyncIterator[gf.AIMessageChunk]) -> AsyncIterator[str]:
        async for chunk in chunks:
            yield chunk.text.capitalize()

    whole = gf.AIMessageChunk("hello", id="m", usage=gf.Usage(1, 2), response_metadata={"stop_reason": "end_turn"})
    with pytest.raises(AssertionError, match="depends on how its input is cut") as caught:
        testing.check_transform(title, [whole])
    assert "'HELLO'" in str(caught.value)
    testing.check_transform(gf.text(), [whole])
    testing.check_transform(gf.passthrough(), [whole])
    blocks = gf.AIMessageChunk([gf.TextBlock("a")])
    testing.check_transform(gf.passthrough(), [whole, gf.AIMessageChunk(), blocks])


def test_tuples_are_cut_where_the_node_takes_any_number_of_places() -> None:
    @gf.transform
    async def first(chunks: AsyncIterator[tuple[int, ...]]) -> AsyncIterator[tuple[int, ...]]:
        async for chunk in chunks:
            yield chunk[:1]

    @gf.transform
    async def names(pairs: AsyncIterator[tuple[str, int]]) -> AsyncIterator[str]:
        async for name, _ in pairs:
            yield name

    with pytest.raises(AssertionError, match="depends on how its input is cut"):
        testing.check_transform(first, [(1, 2), (3,)])
    testing.check_transform(names, [("a", 1), ("b", 2)])


@gf.chunkwise
def untyped(chunk):  # type: ignore[no-untyped-def]
    return chunk.upper()


@gf.chunkwise
def measured(text: str):  # type: ignore[no-untyped-def]
    return len(text)


def test_records_whose_keys_do_not_say_how_they_fold_are_joined_key_by_key() -> None:
    testing.check_transform(gf.parallel(a=loud, b=untyped), ["one", "two"])
    with pytest.raises(AssertionError, match="depends on how its input is cut") as caught:
        testing.check_transform(gf.parallel(a=loud, b=measured), ["one", "two"])
    assert "nothing says how its chunks fold: annotate what it yields, or give fold=" in str(caught.value)
    with pytest.raises(AssertionError, match="depends on how its input is cut") as caught:
        testing.check_transform(gf.parallel(a=loud, b=titled), ["one", "two"])
    assert "nothing says" not in str(caught.value)


def test_nan_is_the_same_as_nan() -> None:
    @gf.chunkwise
    def numbers(text: str) -> list[float]:
        return [float("nan") for _ in text]

    testing.check_transform(numbers, ["ab"])
    testing.check_transform(gf.parallel(a=numbers, b=loud), ["ab"])
    with pytest.raises(AssertionError, match="depends on how its input is cut"):
        testing.check_transform(numbers, ["ab"], fold=lambda chunks: [float("nan") if len(chunks) > 1 else 1.0])


def test_a_single_chunk_that_cannot_be_cut_is_nothing_to_check() -> None:
    with pytest.raises(ValueError, match="cannot cut a chunk of type int: give it several chunks"):
        testing.check_transform(gf.chunkwise(lambda number: number), [1])


def test_the_cut_at_which_a_node_fails_is_named() -> None:
    @gf.chunkwise
    def single(chunk: str) -> str:
        if len(chunk) > 1:
            raise ValueError("too long")
        return chunk

    with pytest.raises(ValueError, match="too long") as caught:
        testing.check_transform(single, ["a", "bc"])
    assert caught.value.__notes__[-1] == "with the input cut as ['a', 'bc']"


def test_long_outputs_are_shown_where_they_differ() -> None:
    @gf.transform
    async def marked(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        seen = 0
        async for chunk in chunks:
            seen += len(chunk)
            yield chunk if seen < 1000 or len(chunk) == 1 else chunk[:-1] + "!"

    with pytest.raises(AssertionError) as caught:
        testing.check_transform(marked, ["." * 999, "x" * 500])
    gives = [line for line in str(caught.value).splitlines() if line.startswith("    gives ")]
    assert len(gives) == 2
    assert gives[0].endswith("x'")
    assert gives[1].endswith("x!'")
    assert all(line.startswith("    gives ...") and len(line) < 230 for line in gives)


def test_items_are_given_as_they_are() -> None:
    testing.check_transform(gf.chunkwise(lambda number: number + 1), [1, 2, 3], fold=sum)
    with pytest.raises(AssertionError, match="gives nothing before"):
        testing.check_transform(gf.collect(), [1, 2, 3])


def test_bytes_and_lists_are_cut_too() -> None:
    @gf.transform
    def sizes(parts: Iterator[bytes]) -> Iterator[list[int]]:
        for part in parts:
            yield [len(part)]

    with pytest.raises(AssertionError, match="depends on how its input is cut"):
        testing.check_transform(sizes, [b"ab", b"c"], fold=lambda chunks: [n for chunk in chunks for n in chunk])
    testing.check_transform(
        gf.chunkwise(lambda part: [2 * n for n in part]),
        [[1, 2], [3]],
        fold=lambda chunks: [n for chunk in chunks for n in chunk],
    )


def test_without_chunks_there_is_nothing_to_check() -> None:
    with pytest.raises(ValueError, match="got none"):
        testing.check_transform(loud, [])


def test_nodes_in_tasks_of_their_own_stream_too() -> None:
    @gf.transform
    async def slow(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in chunks:
            await trio.sleep(0.1)
            yield chunk

    testing.check_transform(slow | slow | slow, ["ab"])


# --- assert_closes_upstream --------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", [loud, loud | lines, gf.parallel(a=loud, b=lines), hoarding, gf.aggregate(shout)])
def test_chains_close_what_they_read(chain: gf.Chain[Any, Any]) -> None:
    testing.assert_closes_upstream(chain, ["a\n", "b\n", "c\n"] * 100)


@pytest.mark.parametrize("given", [[], ["a"]])
def test_a_chain_that_has_read_all_chunks_is_left_as_well(given: list[str]) -> None:
    ends: list[str] = []

    @gf.transform
    async def reading(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for _ in chunks:
                pass
            ends.append("input ended")
        finally:
            ends.append("left")
        yield "never"

    testing.assert_closes_upstream(reading, given)
    assert ends == ["left"]


def test_one_that_reads_its_input_to_the_end_when_it_is_left_is_refused() -> None:
    @gf.transform
    async def drained(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            async for _ in chunks:
                pass

    with pytest.raises(AssertionError, match="`drained` was left, but went on to read its input") as caught:
        testing.assert_closes_upstream(drained, ["a", "b", "c"])
    assert shows_plan(caught.value, drained)


def test_what_is_left_open_is_named() -> None:
    kept: list[Any] = []

    async def endless() -> AsyncIterator[str]:
        while True:
            yield "x"

    @gf.transform
    async def leaking(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        other = endless()
        kept.append(other)
        async for chunk in chunks:
            yield chunk + await anext(other)

    with pytest.raises(AssertionError, match=r"generators are still open: .*endless") as caught:
        testing.assert_closes_upstream(leaking, ["a", "b"])
    assert shows_plan(caught.value, leaking)


def test_a_task_that_is_left_is_named() -> None:
    @gf.transform
    async def spawning(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        trio.lowlevel.spawn_system_task(trio.sleep, 10, name="forgotten")
        async for chunk in chunks:
            yield chunk

    with pytest.raises(AssertionError, match="tasks are not: forgotten") as caught:
        testing.assert_closes_upstream(spawning, ["a", "b"])
    assert shows_plan(caught.value, spawning)


def test_what_is_read_and_left_open_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def leaving_it_open(chain: object, source: AsyncIterator[str]) -> AsyncIterator[AsyncIterator[str]]:
        yield source

    monkeypatch.setattr(gf.Transform, "transform", leaving_it_open)
    with pytest.raises(AssertionError, match="what it reads is still open") as caught:
        testing.assert_closes_upstream(loud, ["a", "b"])
    assert shows_plan(caught.value, loud)


# --- strategies --------------------------------------------------------------------------------------------


@hypothesis.given(testing.cuts("one two\nthree"))
def test_cuts_are_cuts_of_the_text(chunks: list[str]) -> None:
    assert "".join(chunks) == "one two\nthree"
    assert all(chunks)


def test_cuts_of_next_to_nothing() -> None:
    assert hypothesis.find(testing.cuts(""), lambda chunks: True) == []
    assert hypothesis.find(testing.cuts("x"), lambda chunks: True) == ["x"]


def test_every_cut_can_come() -> None:
    assert hypothesis.find(testing.cuts("abcd"), lambda chunks: len(chunks) == 4) == list("abcd")


def both(left: str, right: str) -> str:
    return left + right


@hypothesis.given(
    chain=testing.chains([loud, lines, gf.aggregate(shout)], join=both, most=6), chunks=testing.cuts("ab\nc")
)
@hypothesis.settings(max_examples=40)
def test_random_chains_stream_what_they_give(chain: gf.Chain[str, str], chunks: list[str]) -> None:
    async def streamed() -> str:
        async def source() -> AsyncIterator[str]:
            for chunk in chunks:
                yield chunk

        async with chain.transform(source()) as pieces:
            return "".join([piece async for piece in pieces])

    assert testing.run(streamed) == chain.sync.invoke("ab\nc")


def test_random_chains_have_every_shape() -> None:
    strategy = testing.chains([loud, lines], join=both)

    def has(name: str) -> bool:
        def is_there(chain: gf.Chain[str, str]) -> bool:
            return any(node.name == name for node in chain.compile().plan.nodes)

        return is_there(hypothesis.find(strategy, is_there))

    assert has("branch")
    assert has("both")


@pytest.mark.parametrize("most", [1, 3, 6])
def test_random_chains_have_no_more_nodes_than_asked_for(most: int) -> None:
    sizes = set()

    def size(plan: Plan) -> int:
        own = [node for node in plan.nodes if node.name in ("loud", "both")]
        return len(own) + sum(size(body) for node in plan.nodes for body in node.plans)

    @hypothesis.given(testing.chains([loud], join=both, most=most))
    @hypothesis.settings(max_examples=200, deadline=None)
    def count(chain: gf.Chain[str, str]) -> None:
        sizes.add(size(chain.compile().plan))

    count()
    assert max(sizes) == most


def test_random_chains_need_nodes() -> None:
    with pytest.raises(ValueError, match="got none"):
        testing.chains([])


def test_strategies_say_when_hypothesis_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphflow.extras.find_package", lambda package: None)
    with pytest.raises(gf.MissingExtraError, match="pip install 'graphflow-compiler\\[testing\\]'"):
        testing.cuts("abc")
