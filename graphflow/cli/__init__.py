"""The command line: `graphflow explain`, `run`, `check`, `diff` and `explain-code`, each thin over what Python has.

What it needs is the extra `cli`, and is imported when the command line is used, never by ``import graphflow``.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import NoReturn

from graphflow.errors import MissingExtraError


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code.

    Args:
        arguments: instead of those of the process.
    """
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ImportError:
        print(f"graphflow: {MissingExtraError('the command line', 'cli')}", file=sys.stderr)
        sys.exit(2)
    from graphflow.cli.app import app
    from graphflow.cli.outcome import ends

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what cannot be encoded is no reason to fail
    with ends():
        app(args=None if arguments is None else list(arguments), prog_name="graphflow")
    sys.exit(0)
