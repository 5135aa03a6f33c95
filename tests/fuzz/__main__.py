"""Run random chains and look for deadlocks, leaks, lies and events that do not belong together.

    python -m tests.fuzz --graphs 20000 --seed 1
    python -m tests.fuzz --seed 1 --only 17       one of them again
    python -m tests.fuzz --bounded                every buffer bounded: this must find deadlocks
    python -m tests.fuzz --bounded --grow         those that bring about a standstill grow: this must find none

It ends with 1 if anything was found.
"""

from __future__ import annotations

import argparse
import functools
import gc
import sys
import time
import warnings
from collections import Counter

from tests.fuzz.cases import Case, case_of, shrunk
from tests.fuzz.checks import problem
from tests.laws.graphs import steps


def main() -> int:
    """Run as many graphs as the command line says; return how the process ends."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Run random chains and check all of them."
    )
    parser.add_argument("--graphs", type=int, default=20_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--only", type=int, help="run one, by its number")
    parser.add_argument("--nodes", type=int, default=60, help="how large they are at most, about")
    parser.add_argument("--bounded", action="store_true", help="bound every buffer; this must find deadlocks")
    parser.add_argument("--grow", action="store_true", help="with --bounded: let buffers grow; this must find nothing")
    parser.add_argument("--stop", type=int, default=10, help="stop when so many have failed")
    chosen = parser.parse_args()

    warnings.simplefilter("error")
    complaints: list[str] = []
    sys.unraisablehook = lambda args: complaints.append(f"{args.exc_value!r} in {args.object!r}")
    numbers = range(chosen.first, chosen.first + chosen.graphs)
    if chosen.only is not None:
        numbers = range(chosen.only, chosen.only + 1)
    found: Counter[str] = Counter()
    verbs: Counter[str] = Counter()
    nodes = largest = 0
    began = time.monotonic()
    for done, number in enumerate(numbers, 1):
        case, choices = case_of(chosen.seed, number, chosen.nodes)
        size = sum(1 for _ in steps(case.example.spec))
        nodes, largest = nodes + size, max(largest, size)
        verbs[f"{case.verb}, {case.leaving}"] += 1
        why = problem(case, bounded=chosen.bounded, grows=chosen.grow)
        if done % 500 == 0 or done == len(numbers):
            gc.collect()
            print(f"{done} graphs, {sum(found.values())} failed, {time.monotonic() - began:.0f} s", flush=True)
        if why is None and complaints:
            why = f"leak: {complaints[0]}"
        complaints.clear()
        if why is None:
            if chosen.only is not None:
                print(case.describe())
            continue
        kind = why.partition(":")[0]
        found[kind] += 1
        print(f"graph {number} of seed {chosen.seed} fails: --seed {chosen.seed} --only {number}\n{why}")
        least = shrunk(
            case, choices, functools.partial(_fails, kind=kind, bounded=chosen.bounded, grows=chosen.grow), chosen.nodes
        )
        again = problem(least, bounded=chosen.bounded, grows=chosen.grow)
        print(f"the least that fails like this:\n{least.describe()}\n{again}\n")
        if sum(found.values()) >= chosen.stop:
            break
    print(f"nodes: {nodes} in all, {largest} in the largest")
    print("runs:", ", ".join(f"{count} {way}" for way, count in sorted(verbs.items())))
    kinds = ("deadlock", "leak", "disagreement", "unbalanced", "crash")
    print("found:", ", ".join(f"{found[kind]} {kind}" for kind in kinds))
    return 1 if found else 0


def _fails(case: Case, *, kind: str, bounded: bool, grows: bool) -> bool:
    why = problem(case, bounded=bounded, grows=grows)
    return why is not None and why.startswith(f"{kind}:")


if __name__ == "__main__":
    raise SystemExit(main())
