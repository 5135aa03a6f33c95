"""Which generators keep a nursery or a cancel scope open while they yield."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio import move_on_after as for_a_while

import graphflow as gf
from graphflow.scopes import open_scope


async def in_nursery(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async with trio.open_nursery():
        async for chunk in chunks:
            yield chunk


async def in_renamed_scope(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        with for_a_while(1):
            yield chunk


async def in_scope_made_before(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    scope = trio.CancelScope()
    with scope:
        async for chunk in chunks:
            yield chunk


async def in_stack(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(trio.CancelScope())
        async for chunk in chunks:
            yield chunk


async def in_unknown(chunks: AsyncIterator[str], client: Any) -> AsyncIterator[str]:
    async with client.connect():
        async for chunk in chunks:
            yield chunk


@contextlib.asynccontextmanager
async def workers() -> AsyncIterator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        yield nursery


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    with trio.move_on_after(1):
        yield


@contextlib.contextmanager
def calm() -> Iterator[None]:
    yield


async def in_own_manager(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async with workers():
        async for chunk in chunks:
            yield chunk


async def in_own_sync_manager(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with hurried():
        async for chunk in chunks:
            yield chunk


async def in_a_run(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async with whole.stream("x") as inner:
        async for chunk in inner:
            yield chunk


async def in_scope_imported_here(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    from trio import move_on_after as briefly

    with briefly(1):
        async for chunk in chunks:
            yield chunk


async def in_module_imported_here(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    import trio as loop

    with loop.move_on_after(1):
        async for chunk in chunks:
            yield chunk


async def in_scope_renamed_here(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    briefly = trio.move_on_after
    with briefly(1):
        async for chunk in chunks:
            yield chunk


async def in_scope_with_a_type(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    scope: trio.CancelScope = trio.CancelScope()
    with scope:
        async for chunk in chunks:
            yield chunk


async def in_one_of_two(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    scope: Any = contextlib.nullcontext()
    if IS_SLOW:
        scope = trio.CancelScope()
    with scope:
        async for chunk in chunks:
            yield chunk


async def in_choice(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with trio.CancelScope() if IS_SLOW else contextlib.nullcontext():
        async for chunk in chunks:
            yield chunk


async def in_named_expression(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with (scope := trio.CancelScope()):
        async for chunk in chunks:
            yield chunk
    del scope


async def in_found_by_name(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with getattr(trio, "CancelScope")():  # noqa: B009  # somebody might
        async for chunk in chunks:
            yield chunk


IS_SLOW: bool = True

two_seconds = functools.partial(trio.move_on_after, 2)


async def in_partial(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with two_seconds():
        async for chunk in chunks:
            yield chunk


def deadline() -> trio.CancelScope:
    return trio.move_on_after(1)


async def in_what_a_function_gives(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with deadline():
        async for chunk in chunks:
            yield chunk


class Deadline:
    def __enter__(self) -> None:
        self.scope = trio.move_on_after(1)
        self.scope.__enter__()

    def __exit__(self, *raised: Any) -> None:
        self.scope.__exit__(*raised)


async def in_own_class(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with Deadline():
        async for chunk in chunks:
            yield chunk


async def in_what_a_stack_held(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    stack = contextlib.ExitStack()
    stack.enter_context(trio.CancelScope())
    with stack.pop_all():
        async for chunk in chunks:
            yield chunk


async def entered_by_hand(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    scope = trio.CancelScope()
    scope.__enter__()
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        scope.__exit__(None, None, None)


async def in_stack_closed_by_hand(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    stack = contextlib.ExitStack()
    stack.enter_context(trio.CancelScope())
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        stack.close()


async def reads_another(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in in_nursery(chunks):
        yield chunk


async def reads_another_and_closes_it(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async with contextlib.aclosing(in_nursery(chunks)) as inner:  # type: ignore[type-var]
        async for chunk in inner:
            yield chunk


async def reads_one_that_reads_another(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in reads_another(chunks):
        yield chunk


async def reads_one_inside(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async def inside() -> AsyncIterator[str]:
        with trio.CancelScope():
            async for chunk in chunks:
                yield chunk

    async for chunk in inside():
        yield chunk


def returns_another(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    return in_nursery(chunks)


def in_time(function: Callable[[AsyncIterator[str]], AsyncIterator[str]]) -> Callable[..., AsyncIterator[str]]:
    @functools.wraps(function)
    async def wrapper(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        with trio.move_on_after(1):
            async for chunk in function(chunks):
                yield chunk

    return wrapper


@in_time
async def decorated(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk


@contextlib.contextmanager
def hurried_here() -> Iterator[None]:
    from trio import move_on_after

    with move_on_after(1):
        yield


async def in_manager_that_imports(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with hurried_here():
        async for chunk in chunks:
            yield chunk


class Holder:
    async def method(self, chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        with trio.CancelScope():
            async for chunk in chunks:
                yield chunk

    async def reads_its_own(self, chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        async for chunk in self.method(chunks):
            yield chunk

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        with trio.CancelScope():
            yield

    async def in_its_own(self, chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        with self.scope():
            async for chunk in chunks:
                yield chunk

    async def __call__(self, chunks: AsyncIterator[str]) -> AsyncIterator[str]:
        with trio.CancelScope():
            async for chunk in chunks:
                yield chunk


KEEP = [
    (in_nursery, "`async with trio.open_nursery()`"),
    (in_renamed_scope, "`with for_a_while(1)`"),
    (in_scope_made_before, "`with scope`"),
    (in_stack, "`async with contextlib.AsyncExitStack()`"),
    (in_unknown, "`async with client.connect()`"),
    (in_own_manager, "`async with workers()`"),
    (in_own_sync_manager, "`with hurried()`"),
    (Holder().method, "`with trio.CancelScope()`"),
    (Holder(), "`with trio.CancelScope()`"),
    (functools.partial(in_unknown, client=None), "`async with client.connect()`"),
    (in_a_run, "`async with whole.stream('x')`"),
    (in_scope_imported_here, "`with briefly(1)`"),
    (in_module_imported_here, "`with loop.move_on_after(1)`"),
    (in_scope_renamed_here, "`with briefly(1)`"),
    (in_scope_with_a_type, "`with scope`"),
    (in_one_of_two, "`with scope`"),
    (in_choice, "`with trio.CancelScope() if IS_SLOW else contextlib.nullcontext()`"),
    (in_named_expression, "`with (scope := trio.CancelScope())`"),
    (in_found_by_name, "`with getattr(trio, 'CancelScope')()`"),
    (in_partial, "`with two_seconds()`"),
    (in_what_a_function_gives, "`with deadline()`"),
    (in_own_class, "`with Deadline()`"),
    (in_what_a_stack_held, "`with stack.pop_all()`"),
    (entered_by_hand, "`__enter__()`"),
    (in_stack_closed_by_hand, "`enter_context()`"),
    (reads_another, "`in_nursery(...)`"),
    (reads_another_and_closes_it, "`in_nursery(...)`"),
    (reads_one_that_reads_another, "`reads_another(...)`"),
    (reads_one_inside, "`with trio.CancelScope()`"),
    (returns_another, "`in_nursery(...)`"),
    (decorated, "`with trio.move_on_after(1)`"),
    (in_manager_that_imports, "`with hurried_here()`"),
    (Holder().reads_its_own, "`method(...)`"),
    (Holder().in_its_own, "`with self.scope()`"),
]


@pytest.mark.parametrize(("function", "text"), KEEP)
def test_a_scope_around_a_yield_is_found(function: Callable[..., Any], text: str) -> None:
    found = open_scope(function)
    assert found is not None
    assert str(found).startswith(f"{text} (line ")


async def before_the_loop(chunks: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    with trio.move_on_after(1):
        await trio.lowlevel.checkpoint()
    async for chunk in chunks:
        yield chunk


async def around_each_wait(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    while True:
        with trio.move_on_after(1):
            chunk = await anext(chunks)
        yield chunk


class Counted:
    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *raised: object) -> None:
        self.count -= 1


async def in_what_calls_nothing(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with Counted():
        async for chunk in chunks:
            yield chunk


async def in_a_file(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    with open("/dev/null") as file:  # noqa: ASYNC230  # it is about the `with`
        async for chunk in chunks:
            yield f"{chunk}{file.name}"


async def in_a_lock(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async with contextlib.aclosing(before_the_loop(chunks)) as inner:
        with contextlib.suppress(ValueError), calm():
            async for chunk in inner:
                yield chunk


async def in_a_function_inside(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async def inside() -> AsyncIterator[int]:
        with trio.CancelScope():
            yield 1

    async for chunk in chunks:
        yield chunk


async def no_generator(chunks: AsyncIterator[str]) -> str:
    async with trio.open_nursery():
        return "".join([chunk async for chunk in chunks])


@gf.aggregate
def whole(text: str) -> str:
    return text


@pytest.mark.parametrize(
    "function",
    [
        before_the_loop,
        around_each_wait,
        in_what_calls_nothing,
        in_a_file,
        in_a_lock,
        in_a_function_inside,
        no_generator,
        str,
        print,
    ],
)
def test_what_keeps_no_scope_open_is_left_alone(function: Callable[..., Any]) -> None:
    assert open_scope(function) is None


def test_without_source_any_with_around_a_yield_may_be_one() -> None:
    names: dict[str, Any] = {}
    exec(
        "async def kept(x):\n  with x: yield 1\n\nasync def free(x):\n  yield 1\n\ndef plain(x):\n  with x: yield 1",
        names,
    )
    assert open_scope(names["kept"]) is not None
    assert open_scope(names["free"]) is None
    assert open_scope(names["plain"]) is None


def test_the_plan_says_why_a_node_has_a_task_of_its_own() -> None:
    plan = gf.transform(in_nursery).compile().plan
    assert "it yields inside of `async with trio.open_nursery()` (line " in plan["in_nursery"].reason
    assert "so it runs in a task of its own" in str(plan).replace("\n            ", " ")
    assert '"keeps_open": "`async with trio.open_nursery()` (line ' in plan.explain("json")


def test_a_plain_generator_must_not_keep_one_open() -> None:
    def waits(chunks: Iterator[str]) -> Iterator[str]:
        with trio.move_on_after(1):  # noqa: ASYNC100  # that is what is wrong
            yield from chunks

    with pytest.raises(gf.CompileError, match="GF114") as caught:
        gf.transform(waits)
    assert "`with trio.move_on_after(1)`" in str(caught.value)
    assert "async def waits" in str(caught.value)
