"""What a process goes through once: Ctrl-C, forks, its end. Run as ``python -m tests.leaving.scenarios <folder>``.

Every scenario prints what happened, in a process of its own that ends by itself; `test_processes` says what must have.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import trio
import trio.lowlevel

import graphflow as gf
from tests.leaving.chains import Ledger, fan_out, generators


def press_ctrl_c() -> None:
    """Send what a terminal sends: to the main thread, whatever it waits for."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


@gf.aggregate
async def endless(word: str) -> AsyncIterator[str]:
    try:
        while True:
            yield word
            await trio.lowlevel.checkpoint()
    finally:
        print("endless: closed")


@gf.aggregate
async def silent(word: str) -> AsyncIterator[str]:
    try:
        press_ctrl_c()
        await trio.sleep_forever()
        yield word
    finally:
        print("silent: closed")


@gf.aggregate
async def stubborn(word: str) -> AsyncIterator[str]:
    try:
        while True:
            yield word
    finally:
        press_ctrl_c()
        try:
            await trio.sleep_forever()
        finally:
            print("stubborn: closed")


def interrupted(function: Callable[[], object]) -> None:
    """Print how something ends that is interrupted, and that all works afterwards."""
    try:
        function()
    except BaseException as error:
        print(type(error).__name__)
    print(generators(Ledger(width=2)).sync.invoke("a"))


def read(chain: Any) -> None:
    with chain.sync.stream("a") as chunks:
        for _ in chunks:
            pass


def interrupt_invoke() -> None:
    interrupted(lambda: silent.sync.invoke("a"))


def interrupt_batch() -> None:
    interrupted(lambda: silent.sync.batch(["a"]))


def interrupt_stream() -> None:
    interrupted(lambda: read(silent | {"left": gf.passthrough(), "right": gf.passthrough()}))


def interrupt_stream_in_its_body() -> None:
    def body() -> None:
        with endless.sync.stream("a") as chunks:
            for _ in chunks:
                signal.raise_signal(signal.SIGINT)

    interrupted(body)


def interrupt_twice() -> None:
    def body() -> None:
        with stubborn.sync.stream("a") as chunks:
            for _ in chunks:
                signal.raise_signal(signal.SIGINT)

    interrupted(body)


def interrupt_async() -> None:
    ledger = Ledger(width=10**9)

    async def main() -> None:
        chain = fan_out(ledger) | endless_after
        async with chain.stream("a") as chunks:
            async for _ in chunks:
                await trio.sleep_forever()

    @gf.transform
    async def endless_after(records: AsyncIterator[dict[str, str]]) -> AsyncIterator[str]:
        async for record in records:
            timer.start()
            yield str(record)

    timer = threading.Thread(target=press_ctrl_c)
    interrupted(lambda: trio.run(main))
    print(ledger.left_open())


def interrupt_async_in_a_node() -> None:
    ledger = Ledger(width=10**9, place="left", act=lambda: signal.raise_signal(signal.SIGINT))

    async def main() -> None:
        async with fan_out(ledger).stream("a") as chunks:
            async for _ in chunks:
                await trio.lowlevel.checkpoint()

    interrupted(lambda: trio.run(main))
    print(ledger.left_open())


# --- forks -------------------------------------------------------------------------------------------------


def in_child(function: Callable[[], object]) -> None:
    """Do something in the child of a fork, and say how it ended."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    print("child:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def fork_after_use() -> None:
    chain = generators(Ledger(width=2))
    print(chain.sync.invoke("a"))
    in_child(lambda: print(chain.sync.invoke("b")))
    print(chain.sync.invoke("c"))


def fork_in_use() -> None:
    """Fork while other threads are at work in the portal."""
    fan_out(Ledger(width=2)).sync.invoke("a")  # loads all: a child waits for ever for what another thread was loading
    ledger = Ledger(width=10**9)
    stop = threading.Event()

    def work() -> None:
        with fan_out(ledger).sync.stream("a") as chunks:
            for _ in chunks:
                if stop.is_set():
                    break

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        in_child(lambda: generators(Ledger(width=2)).sync.invoke("b"))
    stop.set()
    for thread in threads:
        thread.join()
    print(ledger.left_open())


def fork_in_a_block() -> None:
    """The child has a copy of the block, whose run is the parent's."""

    def child() -> None:
        try:
            for _ in chunks:
                pass
        except RuntimeError as error:
            print("fork" in str(error))
        manager.__exit__(None, None, None)
        print("left")

    manager = endless.sync.stream("a")
    with manager as chunks:
        next(chunks)
        in_child(child)
        print(next(chunks))


def _square(word: str) -> str:
    answer: str = generators(Ledger(width=2)).sync.invoke(word)
    return answer


def fork_workers() -> None:
    print(_square("a"))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(_square, ["b", "c"]))


# --- the end -----------------------------------------------------------------------------------------------

_kept: Final[list[Any]] = []


def end_with_an_open_stream() -> None:
    manager = endless.sync.stream("a")
    _kept.append((manager, manager.__enter__()))
    print(next(_kept[0][1]))


def end_with_a_thread_in_a_stream() -> None:
    started = threading.Event()

    def work() -> None:
        with endless.sync.stream("a") as chunks:
            for _ in chunks:
                started.set()

    threading.Thread(target=work, daemon=True).start()
    started.wait()
    print("started")


def end_in_a_block() -> None:
    with endless.sync.stream("a") as chunks:
        print(next(chunks))
        sys.exit(3)


def end_with_a_worker_in_a_node() -> None:
    @gf.aggregate(thread=True)
    def sleeps(word: str) -> str:
        started.set()
        time.sleep(3600)
        return word

    started = threading.Event()
    threading.Thread(target=sleeps.sync.invoke, args=("a",), daemon=True).start()
    started.wait()
    print("started")


def use_at_the_end() -> None:
    atexit.register(lambda: print(generators(Ledger(width=2)).sync.invoke("a")))


SCENARIOS: Final[dict[str, Callable[[], None]]] = {
    function.__name__: function
    for function in (
        interrupt_invoke,
        interrupt_batch,
        interrupt_stream,
        interrupt_stream_in_its_body,
        interrupt_twice,
        interrupt_async,
        interrupt_async_in_a_node,
        fork_after_use,
        fork_in_use,
        fork_in_a_block,
        fork_workers,
        end_with_an_open_stream,
        end_with_a_thread_in_a_stream,
        end_in_a_block,
        end_with_a_worker_in_a_node,
        use_at_the_end,
    )
}


def main(folder: Path) -> None:
    """Run every scenario in a child of its own, which has all imports already; its output goes to files."""
    children = {}
    for name, scenario in SCENARIOS.items():
        child = os.fork()
        if child == 0:
            for number, kind in ((1, "out"), (2, "err")):
                os.dup2(os.open(folder / f"{name}.{kind}", os.O_CREAT | os.O_WRONLY), number)
            scenario()
            return  # to the end of the process, like any other
        children[child] = name
    while children:
        child, status = os.wait()
        (folder / f"{children.pop(child)}.code").write_text(str(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
