"""What users need to test their chains: that they stream, cut their chunks as they like, and leave nothing open.

    from graphflow import testing

Nothing here needs pytest. What runs a chain does so on a virtual clock, in a loop of its own: waiting costs no time.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import operator
import random
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import trio
import trio.testing

from graphflow.errors import EmptyStreamError
from graphflow.extras import require
from graphflow_compiler.errors import FoldError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from graphflow.chain import Chain
    from graphflow_compiler.plan import Plan

A = TypeVar("A")
T = TypeVar("T")
P = ParamSpec("P")

#: How many random cuts `check_transform` tries, besides the finest, the coarsest and the one that was given.
RANDOM_CUTS: Final = 8
#: How many characters of a value stand in a message.
LONGEST_SHOWN: Final = 200
#: For how long `assert_closes_upstream` waits for a chunk, in virtual seconds: it takes no time to do so.
LONGEST_WAIT: Final = 1e9
#: What can be cut anywhere, and joined again.
_JOINED: Final = {str, bytes, list}

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

    The input should be one of which something is to come out before its last piece is there.

    Chunks that can be joined with ``+`` and cut again (texts, bytes, lists) are: into single elements, into one piece,
    and at random. Others are given as they are, since each of them is one item.

    Args:
        chain: the node, or any chain.
        chunks: the chunks of one input.
        fold: makes one value of the chunks of an output; without it, they fold as the plan says, or else are listed.
        seed: of the random cuts.

    Raises:
        AssertionError: two cuts give different outputs, or nothing comes before the input has ended; the message
            shows the plan.
        ValueError: there is no chunk.
        Exception: what the node raises, with a note of the cut at which it does.
    """
    given = list(chunks)
    if not given:
        raise ValueError("check_transform takes the chunks of an input, and got none")
    plan = chain.compile().plan
    make = fold or _fold_of(plan)
    finest, *others = _recut(given, random.Random(seed))
    output, early = _given_for(chain, finest)
    expected = make(output)
    for cut in others:
        value = make(_given_for(chain, cut)[0])
        if value != expected:
            one, other = _brief_pair(expected, value)
            problem = (
                f"`{plan.name}` depends on how its input is cut:\n"
                f"  {_brief(finest)}\n    gives {one}\n  {_brief(cut)}\n    gives {other}"
            )
            raise AssertionError(_explained(problem, plan))
    if len(finest) > 1 and output and not early:
        problem = f"`{plan.name}` gives nothing before its input has ended: it read all {len(finest)} chunks of "
        raise AssertionError(_explained(f"{problem}{_brief(finest)} before it gave the first", plan))


def _recut(given: list[Any], rng: random.Random) -> Iterator[list[Any]]:
    """Yield the input, cut in several ways: into the smallest pieces first."""
    kind = type(given[0])
    if kind not in _JOINED or any(type(chunk) is not kind for chunk in given):
        yield given
        return
    whole = functools.reduce(operator.add, given)
    yield [whole[index : index + 1] for index in range(len(whole))]
    yield given
    yield [whole]
    for _ in range(RANDOM_CUTS if len(whole) > 1 else 0):
        places = sorted(rng.sample(range(1, len(whole)), rng.randint(0, min(len(whole) - 1, 16))))
        yield [whole[start:stop] for start, stop in zip([0, *places], [*places, len(whole)], strict=True)]


def _given_for(chain: Chain[Any, Any], chunks: list[Any]) -> tuple[list[Any], bool]:
    try:
        return run(_transformed, chain, chunks)
    except Exception as error:
        error.add_note(f"with the input cut as {_brief(chunks)}")
        raise


async def _transformed(chain: Chain[Any, Any], chunks: list[Any]) -> tuple[list[Any], bool]:
    """Return what a chain gives for chunks, and whether some of it came before their end."""
    ended = False

    async def source() -> AsyncIterator[Any]:
        nonlocal ended
        for chunk in chunks:
            yield chunk
            await trio.sleep(1)  # the clock goes on when all that can be done with the chunk is done
        ended = True

    output: list[Any] = []
    early = False
    async with chain.transform(source()) as items:
        async for item in items:
            early = early or not ended
            output.append(item)
    return output, early


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


def _joined(chunks: list[Any]) -> object:
    """Join texts, bytes or lists; leave others as they are."""
    kinds = {type(chunk) for chunk in chunks}
    return functools.reduce(operator.add, chunks) if len(kinds) == 1 and kinds <= _JOINED else chunks


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
    one = st.sampled_from(list(nodes))

    def line(parts: tuple[Any, Any]) -> Any:
        return parts[0] | parts[1]

    def choice(parts: tuple[Any, Any, int]) -> Any:
        first, second, odd = parts
        return branch((functools.partial(_is_odd, odd), first), second)

    def fan(parts: Any) -> Any:
        return parallel(left=parts[0], right=parts[1]) | as_chain(join)

    def extended(inner: Any) -> Any:
        alternatives = st.tuples(inner, inner, st.integers(0, 1)).map(choice).filter(_can_be_invoked)
        grown = [st.tuples(inner, inner).map(line), alternatives]
        if join is not None:
            grown.append(st.tuples(inner, inner).map(fan))
        return st.one_of(grown)

    return st.recursive(one, extended, max_leaves=most)  # type: ignore[no-any-return]


def _is_odd(odd: int, value: object) -> bool:
    """Choose by what does not depend on the process: two runs take the same alternative."""
    return sum(map(ord, repr(value))) % 2 == odd


def _can_be_invoked(chain: Chain[Any, Any]) -> bool:
    """Tell whether the chunks of a branch have one way to fold: its alternatives may have two."""
    plan = chain.compile().plan
    return plan.by_id[plan.output].folds is not None


def _strategies() -> Any:
    return require("hypothesis", "graphflow.testing", "testing").strategies
