"""Import graphflow, in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks.cases import LCEL, MODULES, MS, OURS, Case, Group, Side, Taken, Target, Unit, at_most_plus
from benchmarks.measuring import Take

TRIO: Final = "`import trio`"
SCRIPT: Final = """
import json, sys, time
before, start = len(sys.modules), time.process_time_ns()
{statement}
print(json.dumps([time.process_time_ns() - start, len(sys.modules) - before]))
"""
IMPORTS: Final = {
    OURS: "import graphflow",
    TRIO: "import trio",
    LCEL: "from langchain_core.runnables import RunnableLambda",
}
FIRST_RUN: Final = {
    OURS: "import trio, graphflow as gf; trio.run(gf.chunkwise(str).invoke, 1)",
    TRIO: IMPORTS[TRIO],
    LCEL: IMPORTS[LCEL] + "; RunnableLambda(str).invoke(1)",
}


def imported(statement: str, unit: Unit) -> Take:
    def take(_: int) -> Taken:
        command = [sys.executable, "-c", SCRIPT.format(statement=statement)]
        ran = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, check=True)
        time, modules = json.loads(ran.stdout)
        return Taken(time if unit is MS else modules, None)

    return take


def case(name: str, statements: Mapping[str, str], unit: Unit, most_rounds: int, *targets: Target) -> Case:
    return Case(
        name,
        unit,
        "",
        tuple(Side(side, imported(statement, unit), 1) for side, statement in statements.items()),
        targets,
        units=lambda count: 1,
        most_rounds=most_rounds,
    )


def cases() -> Iterator[Case]:
    yield case("import graphflow, time", IMPORTS, MS, 99, at_most_plus(1, 60, "ms", TRIO))
    yield case("import graphflow, modules", IMPORTS, MODULES, 1)
    yield case("import graphflow, declare, compile and run a first chain, time", FIRST_RUN, MS, 99)


GROUP = Group(
    "importing",
    "Import",
    """
    `import graphflow` in a fresh process, beside `import trio`, and for LCEL `from langchain_core.runnables
    import RunnableLambda`: CPU time, and how many modules are loaded by it. What a chain needs is loaded when it is
    first asked for: the last row has all of it, up to the result of one function.
    """,
    cases,
)
