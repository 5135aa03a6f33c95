"""The commands, their options and what they are for; each hands over to the module that does the work."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated, Final, Literal

import attrs
import typer
from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.theme import Theme

from graphflow.cli import codes
from graphflow.cli.check import check as check_chains
from graphflow.cli.check import check_lcel
from graphflow.cli.load import load_program
from graphflow.cli.outcome import Code, CommandError, read, write
from graphflow.cli.reports import ReportFormat, report
from graphflow.cli.run import measure_chain, run_chain
from graphflow.cli.values import read_input
from graphflow_compiler.errors import CODES
from graphflow_compiler.pipeline import PASS_NAMES
from graphflow_compiler.plan import Format
from graphflow_compiler.render import render_outline, render_profile
from graphflow_compiler.render.difference import as_difference, differences
from graphflow_compiler.render.outline import Outline, outline_of
from graphflow_compiler.render.read_json import PlanFormatError, read_plan
from graphflow_compiler.render.text import WIDTH

app = typer.Typer(
    name="graphflow",
    help="Look at chains, run them, and keep them streaming.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_TARGET: Final = "The chain, as MODULE:NAME; the module is imported from the current directory."

Target = Annotated[str, typer.Argument(metavar="MODULE:CHAIN", help=_TARGET, show_default=False)]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to a file, rather than to standard output."),
]


@app.command()
def explain(
    target: Annotated[
        str,
        typer.Argument(metavar="MODULE:CHAIN", help=f"{_TARGET} Or a plan that was saved: FILE.json."),
    ],
    format: Annotated[
        Format, typer.Option("--format", "-f", help="Text, a drawing, a page, or data. svg needs graphviz.")
    ] = "text",
    after: Annotated[
        str | None,
        typer.Option(
            metavar="PASS",
            help=f"What a pass of the compiler gave: {', '.join(PASS_NAMES)}.",
            autocompletion=lambda incomplete: [name for name in PASS_NAMES if name.startswith(incomplete)],
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Show every node of a long plan.")] = False,
    analyze: Annotated[
        str | None,
        typer.Option(
            metavar="INPUT",
            help="Run the chain once on this input, and show what was measured, too.",
            show_default=False,
        ),
    ] = None,
    json_input: Annotated[bool, typer.Option("--json-input", help="That input is JSON, rather than text.")] = False,
    output: Output = None,
) -> None:
    """Show the plan of a chain: what streams, from where, what it waits for, and why."""
    if analyze is not None and (after is not None or target.endswith(".json")):
        raise CommandError("--analyze runs a chain: it takes MODULE:NAME, and no --after")
    if json_input and analyze is None:
        raise CommandError("--json-input says what the input of --analyze is: give that, too")
    on_terminal = output is None and sys.stdout.isatty()
    width = min(WIDTH, max(shutil.get_terminal_size().columns, 72)) if on_terminal else WIDTH
    if target.endswith(".json"):
        if after is not None:
            raise CommandError("a saved plan is finished: --after needs the chain itself, as MODULE:NAME")
        text = render_outline(_saved(Path(target)), format, full=full, width=width)
    elif analyze is not None:
        profile = measure_chain(load_program(target), read_input(analyze, None, as_json=json_input))
        text = render_profile(profile, format, full=full, width=width)
    elif after is None:
        text = render_outline(outline_of(load_program(target).plan), format, full=full, width=width)
    else:
        try:
            text = load_program(target).explain(format, after=after, full=full)
        except ValueError as error:
            raise CommandError(f"{error}") from None
    if on_terminal and format == "text":
        _colours().print(text, soft_wrap=True, markup=False)
    else:
        write(text, output)


@app.command()
def run(
    target: Target,
    input: Annotated[
        str | None,
        typer.Argument(help="The input. Without it, or as -, it is read from standard input.", show_default=False),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Read the input from a file.")] = None,
    json_input: Annotated[bool, typer.Option("--json-input", help="The input is JSON, rather than text.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Show the events of the run, not its output.")] = False,
    json_lines: Annotated[bool, typer.Option("--json-lines", help="Show everything as JSON, a value a line.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Where a node fails, show the traceback.")] = False,
) -> None:
    """Run a chain on one input, and show what comes out of it while it comes."""
    program = load_program(target)
    value = read_input(input, file, as_json=json_input)
    run_chain(program, value, events=events, json_lines=json_lines, trace=traceback)


@app.command()
def check(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="MODULE[:CHAIN]...",
            help="Chains, or modules: then all chains of them that are part of no other.",
            show_default=False,
        ),
    ],
    must_stream: Annotated[
        bool, typer.Option("--must-stream", help="A chain whose output does not stream is an error.")
    ] = False,
    lcel: Annotated[
        bool, typer.Option("--lcel", help="They are chains of LangChain's LCEL, each as MODULE:CHAIN; none is run.")
    ] = False,
    format: Annotated[
        ReportFormat, typer.Option("--format", "-f", help="Text, GitHub's annotations, or SARIF 2.1.0.")
    ] = "text",
    output: Output = None,
) -> None:
    """Check chains, for CI: exit code 1 if one has an error."""
    if lcel:
        checked = [check_lcel(target, must_stream=must_stream) for target in targets]
    else:
        checked = [each for target in targets for each in check_chains(target, must_stream=must_stream)]
    text = report(checked, format)
    if text or output is not None:
        write(text, output)
    if any(each.fails for each in checked):
        raise CommandError(code=Code.FAILED)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD.json", show_default=False)],
    new: Annotated[Path, typer.Argument(metavar="NEW.json", show_default=False)],
    format: Annotated[Literal["text", "json"], typer.Option("--format", "-f", help="For people, or data.")] = "text",
    fail_on: Annotated[
        Literal["change", "stops"],
        typer.Option(help="Exit with 1 on any change, or only if something no longer streams that did."),
    ] = "change",
) -> None:
    """Compare two plans, saved by `explain --format json`: exit code 1 if they differ."""
    changes = differences(_saved(old), _saved(new))
    if format == "json":
        write(json.dumps({"changes": [attrs.asdict(change) for change in changes]}, indent=2), None)
    else:
        write(as_difference(changes), None)
    if any(change.stops or fail_on == "change" for change in changes):
        raise CommandError(code=Code.FAILED)


@app.command()
def explain_code(
    code: Annotated[
        str | None,
        typer.Argument(
            help="The code of a diagnostic, such as GF301; without it, all of them are listed.",
            autocompletion=lambda incomplete: [code for code in CODES if code.startswith(incomplete.upper())],
            show_default=False,
        ),
    ] = None,
) -> None:
    """Explain a diagnostic: code that causes it, what is said, and code that is fine."""
    text = codes.index() if code is None else codes.page(code)
    if code is not None and sys.stdout.isatty():
        from rich.markdown import Markdown  # it takes a while

        Console().print(Markdown(text))
    else:
        write(text, None)


def _saved(file: Path) -> Outline:
    """Read a plan that was saved. Nothing of it is run."""
    try:
        return read_plan(read(file))
    except PlanFormatError as error:
        raise CommandError(f"{file} is no plan: {error}") from None


# --- colours -----------------------------------------------------------------------------------------------


class _PlanHighlighter(RegexHighlighter):
    """Lets what matters in the text of a plan stand out."""

    base_style = "plan."
    highlights = [  # noqa: RUF012  # as rich has it
        r"(?P<good>^  [▶▷] .*$)",
        r"(?P<bad>^  ■ .*$)",
        r"(?P<good>\bstreams$)",
        r"(?P<bad>\bdoes not stream$)",
        r"(?P<good>streaming begins (at|here))",
        r"(?P<bad>^blocked by|blocks the output)",
        r"(?P<bad>^(error|warning)\[GF\d+\]:)",
        r"(?P<quiet>^note\[GF\d+\]:)",
        r"(?P<quiet>^  (-->|hint:))",
        r"(?P<stage>^s\d+ )",
    ]


def _colours() -> Console:
    theme = Theme({"plan.good": "bold green", "plan.bad": "bold red", "plan.quiet": "bold", "plan.stage": "bold cyan"})
    return Console(theme=theme, highlighter=_PlanHighlighter())
