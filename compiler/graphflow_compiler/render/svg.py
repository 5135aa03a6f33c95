"""Draw an outline as SVG: what graphviz makes of the drawing in the dot language."""

from __future__ import annotations

import shutil
import subprocess

from graphflow_compiler.errors import DrawingError
from graphflow_compiler.render.dot import as_dot
from graphflow_compiler.render.outline import Outline


def as_svg(outline: Outline) -> str:
    """Draw an outline as SVG.

    Raises:
        DrawingError: graphviz's program `dot` is not there, or fails.
    """
    program = shutil.which("dot")
    if program is None:
        raise DrawingError(
            "SVG is drawn by `dot`, a program of graphviz, which is not on the PATH: install graphviz, "
            "or take 'html', 'mermaid' or 'dot', which need no other program"
        )
    ran = subprocess.run([program, "-Tsvg"], input=as_dot(outline).encode(), capture_output=True, check=False)
    if ran.returncode:
        said = ran.stderr.decode(errors="replace").strip()
        raise DrawingError(f"{program} could not draw the plan, and ended with code {ran.returncode}: {said}")
    return ran.stdout.decode()
