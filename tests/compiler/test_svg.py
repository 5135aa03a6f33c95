"""SVG is what graphviz makes of the drawing in dot, and it has the nodes and edges of the plan."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from graphflow_compiler.errors import DrawingError
from graphflow_compiler.ir import Graph
from graphflow_compiler.pipeline import compile_graph
from graphflow_compiler.render import render_plan
from tests.compiler.drawn import arrows, names, read_svg
from tests.compiler.test_render import GRAPHS, rag


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed: there is no `dot` on the PATH")
@pytest.mark.parametrize("declared", GRAPHS.values(), ids=GRAPHS)
def test_graphviz_draws_the_nodes_and_edges_of_the_plan(declared: Callable[[], Graph]) -> None:
    plan = compile_graph(declared())
    drawn = read_svg(render_plan(plan, "svg"))
    assert drawn.arrows == sorted(arrows(plan))
    assert set(drawn.names) == {box_id for box_id, _ in names(plan)}


def test_without_graphviz_there_is_no_svg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DrawingError, match="SVG is drawn by `dot`, a program of graphviz, which is not on the PATH"):
        render_plan(compile_graph(rag()), "svg")


def test_what_graphviz_says_when_it_fails_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho no room >&2\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DrawingError, match=r"dot could not draw the plan, and ended with code 3: no room"):
        render_plan(compile_graph(rag()), "svg")
