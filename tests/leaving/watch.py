"""See what a run leaves behind: tasks, generators, threads, open files, warnings."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import warnings
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import AsyncGeneratorType, FrameType
from typing import Any, TypeVar

import trio
import trio.testing

from graphflow.runtime import portal

T = TypeVar("T")

#: How long a worker thread may take from the end of its work to being idle. Nothing asserts how long it did take.
PATIENCE = 10.0


class Watch:
    """What was there before, and what is there more."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._generators: list[weakref.ref[AsyncGeneratorType[Any, Any]]] = []
        self._tasks: set[trio.lowlevel.Task] = set()
        self._portal_tasks = in_portal(tasks)
        self._threads = set(busy_threads())
        self.working: set[threading.Thread] = set()
        self._files = open_files()

    def enter_loop(self) -> None:
        """Begin to watch the loop of the caller: call this once inside `trio.run`."""
        self._tasks = tasks()
        self._files = open_files()
        self.watch_generators()

    def watch_generators(self) -> None:
        """Remember every asynchronous generator that starts in this thread's loop from now on."""
        first = sys.get_asyncgen_hooks().firstiter

        def started(generator: AsyncGenerator[Any, Any]) -> None:
            assert isinstance(generator, AsyncGeneratorType)
            self._generators.append(weakref.ref(generator))
            if first is not None:
                first(generator)

        sys.set_asyncgen_hooks(firstiter=started)

    def left(self, *, in_loop: bool) -> list[str]:
        """Return what is there now that was not there before; all that is allowed is idle worker threads."""
        found = []
        if in_loop:
            found += [f"task {task.name}" for task in tasks() - self._tasks - {trio.lowlevel.current_task()}]
        found += [f"portal task {task.name}" for task in in_portal(tasks) - self._portal_tasks]
        for reference in self._generators:
            generator = reference()
            if generator is not None and generator.ag_frame is not None:
                found.append(f"generator {generator.__qualname__}")
        found += [f"thread {thread.name}" for thread in busy_threads_after_a_while(self._threads | self.working)]
        found += [f"file {path}" for path in open_files() - self._files]
        return found


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch the body, and afterwards that nothing complains when what is unreachable is collected."""
    watch = Watch()
    hook = sys.unraisablehook
    sys.unraisablehook = lambda args: watch.complaints.append(f"unraisable {args.exc_value!r} in {args.object!r}")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            watched, hooks = portal.portal(), in_portal(sys.get_asyncgen_hooks)
            in_portal(watch.watch_generators)
            try:
                yield watch
            finally:
                if portal.portal() is watched:
                    in_portal(lambda: sys.set_asyncgen_hooks(*hooks))
                gc.collect()
                in_portal(lambda: None)  # what the collection has told the portal's loop has happened
        watch.complaints += [f"{warning.category.__name__}: {warning.message}" for warning in caught]
    finally:
        sys.unraisablehook = hook


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run on a virtual clock: what would wait for ever fails at once."""

    async def in_time() -> None:
        with trio.fail_after(1_000_000):
            await main()

    trio.run(in_time, clock=trio.testing.MockClock(autojump_threshold=0))


def tasks() -> set[trio.lowlevel.Task]:
    """Return all tasks of the loop of the caller."""
    root = trio.lowlevel.current_root_task()
    pending = [root] if root is not None else []
    found: set[trio.lowlevel.Task] = set()
    while pending:
        task = pending.pop()
        found.add(task)
        pending += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return found


def in_portal(function: Callable[[], T]) -> T:
    """Call a function in the thread of the portal."""
    done = threading.Event()
    results: list[T] = []

    def call() -> None:
        try:
            results.append(function())
        finally:
            done.set()

    portal.portal().soon(call)
    assert done.wait(PATIENCE), "the portal does not answer"
    return results[0]


def busy_threads() -> list[threading.Thread]:
    """Return the threads that are at work. A worker thread that waits in Trio's cache is not."""
    frames = sys._current_frames()
    return [thread for thread in threading.enumerate() if not _is_idle(frames.get(thread.ident or 0))]


def busy_threads_after_a_while(known: set[threading.Thread]) -> list[threading.Thread]:
    """Return the threads that are at work and stay so: one that has given its result may be on its way to the cache."""
    give_up = time.monotonic() + PATIENCE
    while busy := [thread for thread in busy_threads() if thread not in known]:
        if time.monotonic() > give_up:
            return busy
        time.sleep(0.0005)
    return []


def _is_idle(frame: FrameType | None) -> bool:
    return frame is None or (frame.f_code.co_filename.endswith("_thread_cache.py") and frame.f_code.co_name == "_work")


def open_files() -> set[str]:
    """Return the open file descriptors, with what they are open on."""
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        return set()
    found = set()
    for number in os.listdir(folder):
        try:
            found.add(f"{number} {os.readlink(f'{folder}/{number}')}")
        except OSError:  # the descriptor that listed the folder
            continue
    return found
