"""Change the passes in every small way there is, and see whether a test fails each time.

    python -m tests.mutation                the mutants of every pass
    python -m tests.mutation fuse classify  those of some

A mutant that lives has to be in survivors.txt, with the reason. The tests are collected once; every mutant is a fork of
that process, runs those that reach its lines, the fastest first, and ends with the first that fails. It ends with 1
if a mutant lives that is not listed, or if one that is listed does not.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import signal
import sys
import time
import types
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final

import attrs
import coverage
import pytest

from graphflow_compiler.pipeline import PASS_NAMES
from tests.mutation.mutants import Mutant, install, mutants_of
from tests.mutation.survivors import FILE, listed

TESTS: Final = ("passes", "compiler", "declaring", "laws")
#: What prints, draws or looks at thousands of nodes takes longest, and is stopped by a mutant no sooner.
LEFT_OUT: Final = (
    "compiler/test_render.py",
    "compiler/test_stability.py",
    "declaring/test_scale.py",
    "laws/test_depth.py",
    "laws/test_drawings.py",
)
#: Tests that take longer, in seconds, are not run for mutants that are listed.
SLOW: Final = 0.3
RESULTS: Final = Path("build/mutation")
MEMORY: Final = 8 << 30
BEGAN: Final = time.monotonic()


@attrs.define
class Mutation:
    """A plugin of pytest that runs the collected tests once for each mutant."""

    passes: Collection[str]
    jobs: int
    quick: bool
    complaints: int = 0
    counts: dict[str, Counter[str]] = attrs.field(factory=dict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        tests = recorded(session, self.passes)
        check(session, tests)
        reasons = listed()
        for name in self.passes:
            module = importlib.import_module(f"graphflow_compiler.passes.{name}")
            counts = self.counts[name] = Counter()
            lived = set()
            for mutant, outcome in outcomes(session, module, tests, self.jobs, None if self.quick else reasons):
                counts[outcome] += 1
                if outcome == "lived":
                    lived.add(mutant.name)
            check(session, tests)
            (RESULTS / f"{name}.txt").write_text("\n".join(sorted(lived)), encoding="utf-8")
            mine = {mutant for mutant in reasons if mutant.split(".")[0] == name}
            self.complain("lives, and is not listed", lived - mine)
            self.complain("is listed, and does not live", mine - lived)
            print(
                f"{name}: {', '.join(f'{number} {outcome}' for outcome, number in sorted(counts.items()))}", flush=True
            )
        return True

    def complain(self, what: str, mutants: Iterable[str]) -> None:
        for mutant in sorted(mutants):
            self.complaints += 1
            print(f"  {what}: {mutant}", flush=True)


@attrs.frozen
class Test:
    """A test that was run without a mutant.

    Attributes:
        number: its place among the collected tests.
        seconds: how long it takes.
        lines: which lines of the passes it reaches, by their files.
    """

    number: int
    seconds: float
    lines: dict[str, list[int]]


def recorded(session: pytest.Session, passes: Collection[str]) -> list[Test]:
    """Run every test once, and return those that reach a pass, the fastest first."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    into = RESULTS / "tests.json"
    files = [str(importlib.import_module(f"graphflow_compiler.passes.{name}").__file__) for name in passes]

    def record() -> bool:
        reached = coverage.Coverage(data_file=None, include=files, config_file=False)
        reached.set_option("run:disable_warnings", ["no-data-collected"])
        tests = []
        for number, item in enumerate(session.items):
            reached.erase()
            reached.start()
            began = time.perf_counter()
            passed = run(session, [item])
            seconds = time.perf_counter() - began
            reached.stop()
            if not passed:
                into.write_text(json.dumps(item.nodeid), encoding="utf-8")
                return False
            data = reached.get_data()
            lines = {file: data.lines(file) for file in data.measured_files()}
            if lines:
                tests.append((seconds, number, lines))
        into.write_text(json.dumps(sorted(tests)), encoding="utf-8")
        return True

    into.write_text("null", encoding="utf-8")
    pid = forked(record, 600)
    _, status = os.waitpid(pid, 0)
    found = json.loads(into.read_text(encoding="utf-8"))
    if status != 0:
        sys.exit(f"a test fails without a mutant: {found}")
    seconds = sum(one[0] for one in found)
    print(f"{len(session.items)} tests, {len(found)} of them reach these passes, in {seconds:.0f} s", flush=True)
    return [Test(number, seconds, lines) for seconds, number, lines in found]


def check(session: pytest.Session, tests: list[Test]) -> None:
    """Exit if a test fails without a mutant: in that order, or because a file was changed meanwhile."""
    into = RESULTS / "failed.txt"
    items = [session.items[test.number] for test in tests if test.seconds < SLOW]

    def attempt() -> bool:
        for item, following in zip(items, [*items[1:], None], strict=True):
            if not run(session, [item], following):
                into.write_text(item.nodeid, encoding="utf-8")
                return False
        return True

    into.write_text("", encoding="utf-8")
    _, status = os.waitpid(forked(attempt, 600), 0)
    if status != 0:
        sys.exit(f"a test fails without a mutant: {into.read_text(encoding='utf-8')}")


def outcomes(
    session: pytest.Session,
    module: types.ModuleType,
    tests: list[Test],
    jobs: int,
    known: Collection[str] | None,
) -> Iterable[tuple[Mutant, str]]:
    """Yield what became of every mutant of a pass."""
    assert module.__file__ is not None
    running: dict[int, Mutant] = {}
    for mutant in mutants_of(Path(module.__file__)):
        chosen = reaching(tests, module.__file__, mutant.lines) or reaching(tests, module.__file__, mutant.around)
        if known is None or mutant.name in known:
            chosen = [test for test in chosen if test.seconds < SLOW]
        items = [session.items[test.number] for test in chosen]

        def attempt(mutant: Mutant = mutant, items: list[pytest.Item] = items) -> bool:
            install(mutant, module)
            return run(session, items)

        if len(running) == jobs:
            yield ended(running)
        seconds = sum(test.seconds for test in chosen)
        running[forked(attempt, int(10 + 5 * seconds))] = mutant
    while running:
        yield ended(running)


def reaching(tests: list[Test], file: str, lines: range) -> list[Test]:
    return [test for test in tests if any(line in lines for line in test.lines.get(file, ()))]


def ended(running: dict[int, Mutant]) -> tuple[Mutant, str]:
    pid, status = os.wait()
    if status == 0:
        return running.pop(pid), "lived"
    return running.pop(pid), "timed out" if os.WIFSIGNALED(status) else "killed"


def forked(attempt: Callable[[], bool], seconds: int) -> int:
    """Call a function in a process of its own, which ends with 0 if it gives True; return its id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid != 0:
        return pid
    status = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        status = 0 if attempt() else 1
    finally:
        os._exit(status)


def run(session: pytest.Session, items: list[pytest.Item], then: pytest.Item | None = None) -> bool:
    """Run some tests until one fails; tell whether none did."""
    for item, following in zip(items, [*items[1:], then], strict=True):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Change passes, and run the tests.")
    parser.add_argument("passes", nargs="*", metavar="pass", help="whose mutants; all of them by default")
    parser.add_argument("--jobs", type=int, default=1, help="how many mutants at a time")
    parser.add_argument("--quick", action="store_true", help=f"leave out the tests that take longer than {SLOW} s")
    chosen = parser.parse_args()
    passes = chosen.passes or PASS_NAMES
    for name in passes:
        if name not in PASS_NAMES:
            parser.error(f"there is no pass {name!r}; there are {', '.join(PASS_NAMES)}")
    mutation = Mutation(passes, chosen.jobs, chosen.quick)
    folders = [f"tests/{folder}" for folder in TESTS]
    left_out = [f"--ignore=tests/{file}" for file in LEFT_OUT]
    pytest.main(["-q", "--capture=no", "-p", "no:cacheprovider", *folders, *left_out], plugins=[mutation])
    total = sum(mutation.counts.values(), Counter[str]())
    print(
        f"{sum(total.values())} mutants, {total['lived']} of them live; {FILE.name} has to change in "
        f"{mutation.complaints} places; {time.monotonic() - BEGAN:.0f} s"
    )
    return 1 if mutation.complaints or not mutation.counts else 0


if __name__ == "__main__":
    sys.exit(main())
