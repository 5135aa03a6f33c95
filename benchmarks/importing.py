"""Import graphflow, in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
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
STATEMENTS: Final = {
    OURS: "import graphflow",
    TRIO: "import trio",
    LCEL: "from langchain_core.runnables import RunnableLambda",
}


def imported(statement: str, unit: Unit) -> Take:
    def take(_: int) -> Taken:
        command = [sys.executable, "-c", SCRIPT.format(statement=statement)]
        ran = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, check=True)
        time, modules = json.loads(ran.stdout)
        return Taken(time if unit is MS else modules, None)

    return take


def case(name: str, unit: Unit, most_rounds: int, *targets: Target) -> Case:
    return Case(
        name,
        unit,
        "",
        tuple(Side(side, imported(statement, unit), 1) for side, statement in STATEMENTS.items()),
        targets,
        units=lambda count: 1,
        most_rounds=most_rounds,
    )


def cases() -> Iterator[Case]:
    yield case("import graphflow, time", MS, 99, at_most_plus(1, 60, "ms", TRIO))
    yield case("import graphflow, modules", MODULES, 1)


GROUP = Group(
    "importing",
    "Import",
    """
    `import graphflow` in a fresh process, beside `import trio`, and for LCEL `from langchain_core.runnables
    import RunnableLambda`: CPU time, and how many modules are loaded by it.
    """,
    cases,
)
