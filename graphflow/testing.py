"""What users need to test their chains: that they stream, cut their chunks as they like, and leave nothing open.

    from graphflow import testing

Nothing here needs pytest. What runs a chain does so on a virtual clock, in a loop of its own: waiting costs no time.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import operator
import random
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import trio
import trio.testing

from graphflow.components.messages import AIMessageChunk
from graphflow.errors import EmptyStreamError
from graphflow.extras import require
from graphflow_compiler.accumulate import Accumulator, Concat, Merge, Single
from graphflow_compiler.errors import FoldError
from graphflow_compiler.ir import INPUT

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from graphflow.chain import Chain
    from graphflow_compiler.plan import Plan

A = TypeVar("A")
T = TypeVar("T")
P = ParamSpec("P")

#: How many random cuts `check_transform` tries, besides the finest, that with empty chunks in between, the coarsest and
#: the one that was given.
RANDOM_CUTS: Final = 8
#: How many characters of a value stand in a message.
LONGEST_SHOWN: Final = 200
#: For how long `assert_closes_upstream` waits for a chunk, in virtual seconds: it takes no time to do so.
LONGEST_WAIT: Final = 1e9
#: What can be cut anywhere, and joined again.
_JOINED: Final = {str, bytes, list, tuple, AIMessageChunk}

__all__ = [
    "assert_closes_upstream",
    "assert_streams",
    "chains",
    "check_transform",
    "cuts",
    "run",
    "virtual_time",
]


# --- virtual time ------------------------------------------------------------------------------------------


def run(function: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Run an asynchronous function in a Trio loop of its own whose clock jumps to whatever is waited for.

    Sleeps and timeouts take no time, and always the same order. Worker threads and servers do not know of the clock: it
    jumps while they are at work, so what waits for them should not be run so.

    Args:
        function: the function.
        args: its arguments.

    Raises:
        Exception: what the function raises.
    """

    def in_loop() -> T:
        return trio.run(function, *args, clock=trio.testing.MockClock(autojump_threshold=0))

    if not trio.lowlevel.in_trio_run():
        return in_loop()
    # A thread has one loop at a time: in a test that runs in one, another thread takes this.
    outcome: list[T] = []
    raised: list[BaseException] = []

    def in_thread() -> None:
        try:
            outcome.append(in_loop())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=in_thread, name="graphflow.testing")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return outcome[0]


def virtual_time(function: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    """Make a plain function of an asynchronous one, which is `run` on a virtual clock: a decorator for tests.

    >>> @virtual_time
    ... async def test_a_long_wait() -> float:
    ...     await trio.sleep(3600)
    ...     return trio.current_time()
    >>> test_a_long_wait() >= 3600
    True
    """

    @functools.wraps(function)
    def test(*args: P.args, **named: P.kwargs) -> T:
        return run(functools.partial(function, *args, **named))

    return test


# --- does it stream? ---------------------------------------------------------------------------------------


def assert_streams(chain: Chain[Any, Any], *, key: str | None = None) -> None:
    """Assert that the output of a chain streams, as its plan says; nothing runs.

    Args:
        chain: the chain.
        key: of a chain that gives records, the key that has to stream; without it, any will do.

    Raises:
        AssertionError: it does not; the message shows the plan, which says what blocks, where, and what to do about it.
        CompileError: the chain cannot be run.
    """
    plan = chain.compile().plan
    if key is None:
        if not plan.streams:
            raise AssertionError(_explained(f"the output of `{plan.name}` does not stream", plan))
        return
    if key not in plan.streams_by_key:
        keys = ", ".join(repr(one) for one in plan.streams_by_key) or "none: its output is no record"
        raise AssertionError(_explained(f"the output has no key {key!r}; its keys are {keys}", plan))
    if not plan.streams_by_key[key]:
        raise AssertionError(_explained(f"key {key!r} of the output does not stream", plan))


def _explained(problem: str, plan: Plan) -> str:
    return f"{problem}\n\n{plan.explain()}"


# --- does it matter how its input is cut? -----------------------------------------------------------------


def check_transform(
    chain: Chain[Any, Any],
    chunks: Iterable[Any],
    *,
    fold: Callable[[list[Any]], object] | None = None,
    seed: int = 0,
) -> None:
    """Check that a node is a true transform: however its input is cut, it gives the same, and before its input ends.

    The input should be one of which something is to come out before its last piece is there. What comes before any
    of it is read, and empty chunks, do not count for that.

    Texts, bytes, lists and the texts of `AIMessageChunk` are cut, and so are tuples, where the node says that it takes
    ``tuple[T, ...]``: into single elements, into one piece, at random, and with empty chunks in between, which must
    make no difference. Others are given as they are, since each of them is one item: then there is nothing to compare,
    and all that is checked is that something comes before the input ends.

    Args:
        chain: the node, or any chain.
        chunks: the chunks of one input.
        fold: makes one value of the chunks of an output; without it, they fold as the plan says. Where it does not,
            texts, bytes, lists, tuples and messages are joined, records key by key, and others are listed.
        seed: of the random cuts.

    Raises:
        AssertionError: two cuts give different outputs, or nothing comes before the input has ended; the message
            shows the plan.
        ValueError: there is no chunk, or a single one that cannot be cut.
        Exception: what the node raises, with a note of the cut at which it does.
    """
    given = list(chunks)
    if not given:
        raise ValueError("check_transform takes the chunks of an input, and got none")
    plan = chain.compile().plan
    make = fold or _fold_of(plan)
    finest, *others = _recut(given, plan, random.Random(seed))
    if not others and len(given) == 1:
        kind = type(given[0]).__name__
        raise ValueError(f"check_transform cannot cut a chunk of type {kind}: give it several chunks")
    output, streams = _given_for(chain, finest)
    expected = make(output)
    for cut in others:
        value = make(_given_for(chain, cut)[0])
        if not _is_same(value, expected):
            one, other = _brief_pair(expected, value)
            problem = (
                f"`{plan.name}` depends on how its input is cut:\n"
                f"  {_brief(finest)}\n    gives {one}\n  {_brief(cut)}\n    gives {other}"
            )
            if fold is None and not _says_how(plan.by_id[plan.output].folds):
                problem += "\n  nothing says how its chunks fold: annotate what it yields, or give fold="
            raise AssertionError(_explained(problem, plan))
    if len(finest) > 1 and not streams:
        problem = f"`{plan.name}` gives nothing before its input has ended: it read all {len(finest)} chunks of "
        raise AssertionError(_explained(f"{problem}{_brief(finest)} before it gave the first", plan))


def _recut(given: list[Any], plan: Plan, rng: random.Random) -> Iterator[list[Any]]:
    """Yield the input, cut in several ways: into the smallest pieces first."""
    kind = type(given[0])
    is_item = kind is tuple and not isinstance(plan.by_id[INPUT].folds, Concat)  # a tuple may be a record of places
    if kind not in _JOINED or is_item or any(type(chunk) is not kind for chunk in given):
        yield given
        return
    pieces = [piece for chunk in given for piece in _pieces(chunk)]
    yield pieces
    yield given
    yield [_sum(kind, pieces)]
    for _ in range(RANDOM_CUTS if len(pieces) > 1 else 0):
        places = sorted(rng.sample(range(1, len(pieces)), rng.randint(0, min(len(pieces) - 1, 16))))
        stops = zip([0, *places], [*places, len(pieces)], strict=True)
        yield [_sum(kind, pieces[start:stop]) for start, stop in stops]
    yield [kind(), *(chunk for piece in pieces for chunk in (piece, kind()))]


def _pieces(chunk: Any) -> list[Any]:
    """Cut a chunk into the smallest pieces; of a message, only its text is cut."""
    if not isinstance(chunk, AIMessageChunk):
        return [chunk[index : index + 1] for index in range(len(chunk))]
    if not isinstance(chunk.content, str):
        return [chunk]
    rest = AIMessageChunk(
        id=chunk.id,
        name=chunk.name,
        usage=chunk.usage,
        response_metadata=chunk.response_metadata,
        tool_call_chunks=chunk.tool_call_chunks,
    )
    pieces = [AIMessageChunk(character, id=chunk.id, name=chunk.name) for character in chunk.content]
    return pieces if _sum(AIMessageChunk, pieces) == chunk else [*pieces, rest]


def _sum(kind: type[Any], chunks: list[Any]) -> Any:
    """Join chunks of a kind that can be; of none, give the empty one."""
    return functools.reduce(operator.add, chunks, kind())


def _given_for(chain: Chain[Any, Any], chunks: list[Any]) -> tuple[list[Any], bool]:
    try:
        return run(_transformed, chain, chunks)
    except Exception as error:
        error.add_note(f"with the input cut as {_brief(chunks)}")
        raise


async def _transformed(chain: Chain[Any, Any], chunks: list[Any]) -> tuple[list[Any], bool]:
    """Return what a chain gives for chunks, and whether it does not keep what it makes of them until their end."""
    begun = ended = False

    async def source() -> AsyncIterator[Any]:
        nonlocal begun, ended
        for chunk in chunks:
            await trio.sleep(1)  # the clock goes on when all that can be done before the chunk, or with it, is done
            begun = True
            yield chunk
        await trio.sleep(1)
        ended = True

    output: list[Any] = []
    early = late = False
    async with chain.transform(source()) as items:
        async for item in items:
            if not _is_empty(item):
                early = early or (begun and not ended)
                late = late or ended
            output.append(item)
    return output, early or not late


def _is_empty(chunk: object) -> bool:
    """Tell whether a chunk adds nothing to what it is a piece of."""
    if isinstance(chunk, dict):
        return all(map(_is_empty, chunk.values()))
    return type(chunk) in _JOINED and chunk == type(chunk)()


def _is_same(one: Any, other: Any) -> bool:
    """Compare two values; NaN is the same as NaN."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and type(one) is type(other):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other)


def _fold_of(plan: Plan) -> Callable[[list[Any]], object]:
    accumulator = plan.by_id[plan.output].folds

    def fold(chunks: list[Any]) -> object:
        if accumulator is not None:
            one = accumulator.fold()
            with contextlib.suppress(EmptyStreamError, FoldError):  # then they are joined as they are
                for chunk in chunks:
                    one.add(chunk)
                return one.value()
        return _joined(chunks)

    return fold


def _says_how(accumulator: Accumulator | None) -> bool:
    """Tell whether several chunks have a value."""
    if isinstance(accumulator, Merge):
        return all(_says_how(field) for _, field in accumulator.fields)
    return accumulator is not None and not isinstance(accumulator, Single)


def _joined(chunks: list[Any]) -> object:
    """Join what can be joined, and records key by key; leave others as they are."""
    kinds = {type(chunk) for chunk in chunks}
    if kinds == {dict}:
        keys = dict.fromkeys(key for chunk in chunks for key in chunk)
        return {key: _joined([chunk[key] for chunk in chunks if key in chunk]) for key in keys}
    return _sum(kinds.pop(), chunks) if len(kinds) == 1 and kinds <= _JOINED else chunks


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def _brief_pair(one: object, other: object) -> tuple[str, str]:
    """Show two values that differ: of long ones, the places where they first do."""
    texts = repr(one), repr(other)
    if max(map(len, texts)) <= LONGEST_SHOWN:
        return texts
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*texts, strict=False))
    differs = sum(1 for _ in same)
    start = max(0, differs - LONGEST_SHOWN // 2)
    first, second = (
        ("..." if start else "")
        + text[start : start + LONGEST_SHOWN]
        + ("..." if len(text) > start + LONGEST_SHOWN else "")
        for text in texts
    )
    return first, second


# --- is upstream closed? -----------------------------------------------------------------------------------


def assert_closes_upstream(chain: Chain[Any, Any], chunks: Iterable[Any]) -> None:
    """Assert that leaving a chain early closes what it reads, and leaves no task.

    It is left after its first chunk, or while it waits for more: the input does not end after the chunks given.

    Args:
        chain: the chain.
        chunks: the first chunks of an input.

    Raises:
        AssertionError: its input is read on or still open, a task is left, or a generator is; the message shows the
            plan.
    """
    run(_left_early, chain, list(chunks))


async def _left_early(chain: Chain[Any, Any], chunks: list[Any]) -> None:
    opened, closed, left, read_on = False, False, False, False

    async def source() -> AsyncIterator[Any]:
        nonlocal opened, closed, read_on
        opened = True
        try:
            for chunk in chunks:
                yield chunk
                if left:
                    read_on = True
                    return
            await trio.sleep_forever()
        finally:
            closed = True

    started: list[Any] = []
    before = sys.get_asyncgen_hooks()

    def starts(generator: Any) -> None:
        started.append(generator)
        if before.firstiter is not None:
            before.firstiter(generator)

    plan = chain.compile().plan
    tasks = _tasks()
    sys.set_asyncgen_hooks(firstiter=starts)
    try:
        async with chain.transform(source()) as items:
            with trio.move_on_after(LONGEST_WAIT):
                async for _ in items:
                    break
            left = True
        if read_on:
            raise AssertionError(_explained(f"`{plan.name}` was left, but went on to read its input", plan))
        if opened and not closed:
            raise AssertionError(_explained(f"`{plan.name}` was left, but what it reads is still open", plan))
        names = [task.name for task in _tasks() - tasks]
        if names:
            raise AssertionError(_explained(f"`{plan.name}` was left, but tasks are not: {', '.join(names)}", plan))
        open_ = [generator.__qualname__ for generator in started if generator.ag_frame is not None]
        if open_:
            problem = f"`{plan.name}` was left, but generators are still open: {', '.join(open_)}"
            raise AssertionError(_explained(problem, plan))
    finally:
        sys.set_asyncgen_hooks(firstiter=before.firstiter)


def _tasks() -> set[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    found: set[trio.lowlevel.Task] = set()
    pending = [] if root is None else [root]
    while pending:
        task = pending.pop()
        found.add(task)
        pending += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return found


# --- strategies --------------------------------------------------------------------------------------------


def cuts(whole: str) -> SearchStrategy[list[str]]:
    """Return a Hypothesis strategy for the ways to cut a text into chunks; none of them is empty.

    Raises:
        MissingExtraError: hypothesis is not installed.
    """
    st = _strategies()
    if len(whole) < 2:
        return st.just([whole] if whole else [])  # type: ignore[no-any-return]
    places = st.sets(st.integers(1, len(whole) - 1), max_size=min(len(whole) - 1, 32))

    def cut(at: set[int]) -> list[str]:
        stops = sorted(at)
        return [whole[start:stop] for start, stop in zip([0, *stops], [*stops, len(whole)], strict=True)]

    return places.map(cut)  # type: ignore[no-any-return]


def chains(
    nodes: Sequence[Chain[T, T]],
    *,
    join: Callable[..., Any] | None = None,
    most: int = 12,
) -> SearchStrategy[Chain[T, T]]:
    """Return a Hypothesis strategy for chains that are made of nodes which take what they give.

    It puts them in line, lets them take turns as alternatives of branches, and, with `join`, in parallel.

    Args:
        nodes: the nodes.
        join: takes a record of outputs, with the keys ``left`` and ``right``, and gives what a node gives.
        most: how many nodes a chain has at most; with `join`, the joins count too.

    Raises:
        MissingExtraError: hypothesis is not installed.
        ValueError: there are no nodes.
    """
    from graphflow.declare import as_chain
    from graphflow.fan import branch, parallel

    if not nodes:
        raise ValueError("chains takes the nodes that chains are made of, and got none")
    st = _strategies()
    one = st.sampled_from(list(nodes)).map(lambda node: (node, 1))  # with the number of its nodes

    def line(parts: Any) -> Any:
        (first, size), (second, other) = parts
        return first | second, size + other

    def choice(parts: Any) -> Any:
        (first, size), (second, other), odd = parts
        return branch((functools.partial(_is_odd, odd), first), second), size + other

    def fan(parts: Any) -> Any:
        (left, size), (right, other) = parts
        return parallel(left=left, right=right) | as_chain(join), size + other + 1

    def extended(inner: Any) -> Any:
        alternatives = st.tuples(inner, inner, st.integers(0, 1)).map(choice).filter(_can_be_invoked)
        grown = [st.tuples(inner, inner).map(line), alternatives]
        if join is not None:
            grown.append(st.tuples(inner, inner).map(fan))
        return st.one_of(grown)

    sized = st.recursive(one, extended, max_leaves=most).filter(lambda chain: chain[1] <= most)
    return sized.map(lambda chain: chain[0])  # type: ignore[no-any-return]


def _is_odd(odd: int, value: object) -> bool:
    """Choose by what does not depend on the process: two runs take the same alternative."""
    return sum(map(ord, repr(value))) % 2 == odd


def _can_be_invoked(sized: tuple[Chain[Any, Any], int]) -> bool:
    """Tell whether the chunks of a branch have one way to fold: its alternatives may have two."""
    plan = sized[0].compile().plan
    return plan.by_id[plan.output].folds is not None


def _strategies() -> Any:
    return require("hypothesis", "graphflow.testing", "testing").strategies
