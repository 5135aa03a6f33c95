"""A profile is shown by the code that shows its plan, with figures beside the nodes."""

from __future__ import annotations

import json
import time

import graphflow as gf
from graphflow_compiler.render.figures import seconds
from tests.profiling.test_figures import late, measured, more, slow, source, total


def test_text_is_the_text_of_the_plan_with_figures() -> None:
    chain = source | slow | more
    profile = measured(chain, 3)
    plan, shown = gf.compile(chain).explain().splitlines(), str(profile).splitlines()
    added = [line.strip() for line in shown if line not in plan]
    assert added == [
        "measured: the first chunk came after 3.25 s, the last after 7.75 s",
        "the first chunk waited for `source` 1 s, then `slow` 2.25 s, then `more` 0",
        "measured: first chunk 1 s · chunks 1 → 3 · own time 3 s · waiting 0 · blocked 0",
        "measured: first chunk 3.25 s · chunks 3 → 3 · own time 6.75 s · waiting 1 s · blocked 0 · most in",
        "its buffer 3",
        "measured: first chunk 3.25 s · chunks 3 → 3 · own time 0 · waiting 7.75 s · blocked 0",
    ]
    assert [line for line in plan if line not in shown] == []


def test_what_was_planned_but_not_seen_comes_first() -> None:
    shown = str(measured(source | late, 2))
    assert shown.index("warning[GF401]") < shown.index("note[GF306]")
    assert "  --> tests/profiling/test_figures.py:" in shown or "  --> profiling/test_figures.py:" in shown


def test_json_has_numbers() -> None:
    document = json.loads(measured(source | slow, 2).to_json())
    assert document["profile"] == 1
    assert document["first_chunk"] == 3.25
    assert document["nodes"]["slow"]["own"] == 4.5
    assert document["nodes"]["slow"]["most_waiting"] == {"numbers": 2}
    assert document["critical_path"][1] == {"node": "source", "gave": "first chunk", "at": 1, "took": 1}
    assert document["plan"]["nodes"][1]["id"] == "source"


def test_a_page_has_a_waterfall() -> None:
    page = measured(source | slow, 2).explain("html")
    assert page.count('<a class="span ') == 2
    assert '<span class="pale" style="left:0.00%;width:59.09%"></span>' in page
    assert '<span class="full" style="left:59.09%;width:40.91%"></span>' in page
    assert "waterfall" not in gf.compile(source | slow).explain("html").partition("</style>")[2]


def test_notebooks_get_text_and_the_page() -> None:
    bundle = measured(source, 1)._repr_mimebundle_()
    assert bundle["text/plain"].startswith("source · int → int")
    assert bundle["text/html"].startswith("<iframe")


def test_times_are_written_so_that_they_can_be_compared() -> None:
    times = (0, 4e-8, 3e-6, 0.00099949, 0.9994, 9.994, 100, 5000)
    assert [seconds(each) for each in times] == ["0", "0", "3 µs", "999 µs", "999 ms", "9.99 s", "100 s", "5,000 s"]


def test_drawings_have_figures_too() -> None:
    profile = measured(source | slow, 2)
    assert "own time 4.5 s" in profile.explain("mermaid")
    assert "own time 4.5 s" in profile.explain("dot")


def test_a_page_has_the_figures_of_what_runs_many_times_or_never() -> None:
    @gf.aggregate(thread=True)
    def slept(seconds: int) -> int:
        time.sleep(0.01)
        return seconds

    chain = gf.aggregate(lambda count: list(range(count))) | gf.each(gf.branch((lambda n: n > 5, total), slept))
    page = chain.sync.explain_analyze(3).explain("html")
    assert page.count("<dt>runs</dt><dd>3</dd>") == 2  # the branch and the alternative that is taken
    assert page.count("<dt>never ran</dt>") == 1  # the other one
    assert page.count("<dt>in threads</dt>") == 1
