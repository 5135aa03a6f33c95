"""`graphflow explain`: the plan in every format, to standard output or a file, of a chain or of what was saved."""

from __future__ import annotations

import json
import re
import runpy
import xml.etree.ElementTree as ElementTree
from typing import get_args

import pytest

import graphflow as gf
from graphflow_compiler.plan import Format
from tests.cli.commands import Shell

FORMATS = [format for format in get_args(Format) if format != "svg"]


@pytest.mark.parametrize("format", FORMATS)
def test_it_prints_what_python_explains(shell: Shell, format: Format) -> None:
    ended = shell("explain", "shop:answer", "--format", format)
    assert ended.code == 0
    shop = runpy.run_path("shop.py")
    assert ended.out.rstrip("\n") == gf.compile(shop["answer"]).explain(format).rstrip("\n")


def test_it_names_what_blocks_and_what_to_write_instead(shell: Shell) -> None:
    shown = shell("explain", "shop:blocked").out
    assert "blocked by `with_colons` (shop.py:11)" in shown
    assert "  hint: write it as a transform, which takes chunks as they come:" in shown


def test_it_writes_to_a_file(shell: Shell) -> None:
    ended = shell("explain", "shop:answer", "--format", "html", "-o", "plan.html")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    page = (shell.folder / "plan.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")


def test_a_file_that_cannot_be_written_is_told(shell: Shell) -> None:
    ended = shell("explain", "shop:answer", "-o", "nowhere/plan.txt")
    assert ended.code == 2
    assert ended.err == "graphflow: nowhere/plan.txt cannot be written: No such file or directory\n"


def test_it_shows_what_a_pass_gave(shell: Shell) -> None:
    assert shell("explain", "shop:answer", "--after", "normalise").out.startswith("graph → text\ninput: ?\n")
    ended = shell("explain", "shop:answer", "--after", "nothing")
    assert ended.code == 2
    assert ended.err.startswith("graphflow: there is no pass 'nothing'; the passes are normalise, check_types")
    ended = shell("explain", "shop:answer", "--after", "classify", "--format", "html")
    assert ended.code == 2
    assert "what 'classify' gives is no plan yet" in ended.err


def test_it_shows_every_node_of_a_long_plan_if_asked(shell: Shell) -> None:
    shell.write("long.py", "from shop import *\nchain = answer\nfor _ in range(120):\n    chain = chain | str.strip\n")
    short, full = shell("explain", "long:chain").out, shell("explain", "long:chain", "--full").out
    assert "… 113 more like these (`strip` to `strip.113`)" in short or "more like these" in short
    assert len(short.splitlines()) < 60
    assert "more like these" not in full
    assert full.count("`strip` is") > 120


def test_a_saved_plan_is_shown_without_its_code(shell: Shell) -> None:
    saved = shell("explain", "shop:blocked", "--format", "json").out
    shell.write("plan.json", saved)
    expected = shell("explain", "shop:blocked").out
    (shell.folder / "shop.py").unlink()
    assert shell("explain", "plan.json").out == expected
    ended = shell("explain", "plan.json", "--after", "fuse")
    assert ended.err == "graphflow: a saved plan is finished: --after needs the chain itself, as MODULE:NAME\n"


def test_a_file_that_is_no_plan_is_told(shell: Shell) -> None:
    shell.write("other.json", json.dumps({"name": "x"}))
    for file, said in (
        ("other.json", "graphflow: other.json is no plan: this is JSON, but no plan"),
        ("missing.json", "graphflow: missing.json cannot be read: No such file or directory"),
    ):
        ended = shell("explain", file)
        assert ended.code == 2
        assert ended.err.startswith(said)
    (shell.folder / "binary.json").write_bytes(b"\x80\x81")
    assert shell("explain", "binary.json").err == (
        "graphflow: binary.json is not text in UTF-8: invalid start byte at byte 0\n"
    )


def test_svg_without_graphviz_is_told_with_what_needs_none(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(shell.folder))
    ended = shell("explain", "shop:answer", "--format", "svg")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "graphflow: SVG is drawn by `dot`, a program of graphviz, which is not on the PATH: install graphviz, "
        "or take 'html', 'mermaid' or 'dot', which need no other program\n"
    )


def test_svg_is_what_graphviz_makes_of_dot(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shell.write("dot", "#!/bin/sh\necho '<svg>'; cat; echo '</svg>'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shell.folder}:/bin:/usr/bin")
    shown = shell("explain", "shop:answer", "--format", "svg").out
    assert shown.startswith("<svg>\ndigraph plan {")
    program.write_text("#!/bin/sh\necho 'out of ink' >&2; exit 3\n")
    ended = shell("explain", "shop:answer", "--format", "svg")
    assert ended.code == 2
    assert ended.err.endswith("dot could not draw the plan, and ended with code 3: out of ink\n")


def test_a_format_that_there_is_not_is_told_with_those_that_there_are(shell: Shell) -> None:
    ended = shell("explain", "shop:answer", "--format", "png")
    assert ended.code == 2
    assert "'text', 'mermaid', 'dot', 'svg', 'html', 'json'" in re.sub(r"[\s│]+", " ", ended.err)


def test_nothing_of_a_saved_plan_is_run(shell: Shell) -> None:
    plan = json.loads(shell("explain", "shop:answer", "--format", "json").out)
    trap = "__import__('pathlib').Path('trap').touch()"
    for stage in plan["stages"]:
        for cluster in stage["clusters"]:
            cluster["source"] = cluster["sync_source"] = trap
    plan["nodes"][1]["metadata"] = {"__reduce__": trap, "py/object": "os.system"}
    plan["nodes"][1]["name"] = f"{{{trap}}}"
    shell.write("plan.json", json.dumps(plan))
    for format in FORMATS:
        assert shell("explain", "plan.json", "--format", format).code == 0
    assert shell("diff", "plan.json", "plan.json").code == 0
    assert not (shell.folder / "trap").exists()


def test_a_page_is_well_formed_where_it_can_be(shell: Shell) -> None:
    page = shell("explain", "shop:both", "--format", "html").out
    picture = page[page.index("<svg viewBox") : page.index("</svg>") + len("</svg>")]
    assert [each.tag for each in ElementTree.fromstring(picture)].count("path") >= 6


# --- measured ----------------------------------------------------------------------------------------------


def test_it_runs_and_measures(shell: Shell) -> None:
    ended = shell("explain", "shop:answer", "--analyze", "pears")
    assert ended.code == 0
    assert "measured: the first chunk came after" in ended.out
    assert "own time" in ended.out
    document = json.loads(shell("explain", "shop:answer", "--analyze", "pears", "--format", "json").out)
    assert document["profile"] == 1
    page = shell("explain", "shop:answer", "--analyze", "pears", "--format", "html").out
    assert 'class="waterfall"' in page


def test_an_input_that_is_not_json_is_told(shell: Shell) -> None:
    ended = shell("explain", "shop:answer", "--analyze", "pears", "--json-input")
    assert ended.code == 2
    assert ended.err.startswith("graphflow: the input is not JSON")
    ended = shell("explain", "shop:answer", "--json-input")
    assert ended.code == 2
    assert "--json-input says what the input of --analyze is" in ended.err


def test_what_cannot_be_run_is_not_analyzed(shell: Shell) -> None:
    ended = shell("explain", "shop:answer", "--analyze", "pears", "--after", "classify")
    assert ended.code == 2
    assert "--analyze runs a chain" in ended.err
