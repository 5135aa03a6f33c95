"""Measure all of it, and write a table: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks import lcel, machine, page
from benchmarks.cases import LCEL, Side
from benchmarks.measuring import measure
from benchmarks.suite import GROUPS
from benchmarks.table import Report

ROUNDS: Final = 7
JSON: Final = "json"


def options() -> argparse.Namespace:
    names = [*(group.name for group in GROUPS), JSON]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure graphflow beside hand-written code and langchain-core."
    )
    parser.add_argument("--quick", action="store_true", help="only show that everything runs: the figures say nothing")
    parser.add_argument(
        "--only", action="append", metavar="NAME", choices=names, help=f"measure only this: {', '.join(names)}"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often everything is measured ({ROUNDS})")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="where to (build/benchmarks)")
    parser.add_argument("--page", action="store_true", help=f"also write the table into {page.PAGE.name} of the docs")
    given = parser.parse_args()
    if given.page and (given.quick or given.only):
        parser.error("--page takes a whole run: leave --quick and --only out")
    if given.rounds < 1:
        parser.error("--rounds takes 1 at least")
    return given


def progress(text: str) -> None:
    """Show on a terminal what is measured now."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def json_stream(out: Path) -> None:
    """Run the benchmark of streaming JSON in its quick form: it has a table of its own."""
    progress("streaming JSON")
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.json_stream", "--quick"], capture_output=True, text=True, check=False
    )
    path = out / "json_stream.txt"
    path.write_text(ran.stdout or ran.stderr, encoding="utf-8")
    progress("")
    print(f"Streaming JSON: {path}" if ran.stdout else f"Streaming JSON was not measured: {ran.stderr.strip()}")


def main() -> None:
    given = options()
    chosen = [group for group in GROUPS if not given.only or group.name in given.only]
    has_peer = lcel.is_installed()
    if not has_peer:
        print("langchain-core is not installed, so nothing is compared with it: pip install --group bench")

    def runs(side: Side) -> bool:
        return has_peer or side.name != LCEL

    cases = [(group, case) for group in chosen for case in group.cases()]
    figures = measure([case for _, case in cases], given.rounds, quick=given.quick, runs=runs, progress=progress)
    progress("")
    results = list(zip(cases, figures, strict=True))
    report = Report(
        machine.described(),
        0 if given.quick else given.rounds,
        [(group, [(case, found) for (of, case), found in results if of is group]) for group in chosen],
    )
    given.out.mkdir(parents=True, exist_ok=True)
    if chosen:
        (given.out / "table.md").write_text(report.markdown(), encoding="utf-8")
        (given.out / "table.json").write_text(report.json() + "\n", encoding="utf-8")
        print(report.markdown())
        print(f"Written: {given.out / 'table.md'} and table.json beside it")
    if given.page:
        page.write(page.ALL, report.markdown())
    if JSON in given.only if given.only else not given.quick:
        json_stream(given.out)


if __name__ == "__main__":
    main()
