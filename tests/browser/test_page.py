"""The page of a plan in a real browser: what it shows at first sight, under the pointer, by the keyboard, and how."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

import graphflow as gf
from graphflow_compiler.plan import Plan
from graphflow_compiler.render import render_plan
from graphflow_compiler.render.outline import printable
from tests.browser.conftest import ENTER, ESCAPE, TAB, Browser
from tests.compiler.drawn import arrows, names

SIZES: Final = {"wide": (1280, 900), "narrow": (390, 844), "very narrow": (320, 640)}

# --- chains of the guide -----------------------------------------------------------------------------------


@gf.aggregate
def format_documents(documents: list[gf.Document]) -> str:
    return "\n".join(document.text for document in documents)


def _extract_country_names(inputs: Any) -> list[str]:
    return [country.get("name") for country in inputs["countries"]]


@gf.aggregate
async def words(text: str) -> AsyncIterator[str]:
    for word in text.split():
        yield word


@gf.chunkwise
def upper(text: str) -> str:
    return text.upper()


@gf.aggregate
def joined(text: str) -> str:
    return text


def model() -> gf.Chain[Any, Any]:
    return gf.ScriptedChatModel('{"countries": [{"name": "France"}]}')


def retrieval() -> gf.Chain[Any, Any]:
    index = gf.SearchIndex.from_texts(["harrison worked at kensho", "harrison likes spicy food"])
    prompt = gf.prompt("Answer from this:\n{context}\n\nQuestion: {question}")
    fan = gf.parallel(context=index.as_retriever() | format_documents, question=gf.passthrough())
    chain: gf.Chain[Any, Any] = fan | prompt | model() | gf.text()
    return chain


def broken() -> gf.Chain[Any, Any]:
    return model() | gf.json_parser() | _extract_country_names


def branching() -> gf.Chain[Any, Any]:
    answer = gf.prompt("{topic}") | model() | gf.text()
    return (
        gf.branch((str.isupper, answer), (str.islower, words | upper), joined) | words | gf.collect() | gf.each(answer)
    )


def wide() -> gf.Chain[Any, Any]:
    return gf.parallel({f"key {number}": words | upper | joined for number in range(166)})


def long() -> gf.Chain[Any, Any]:
    chain: gf.Chain[Any, Any] = words
    for _ in range(499):
        chain = chain | upper
    return chain


CHAINS: Final = {chain.__name__: chain for chain in (retrieval, broken, branching)}


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    return {name: gf.compile(chain()).plan for name, chain in CHAINS.items()}


def written(plan: Plan, folder: Path, **options: Any) -> Path:
    page = folder / "plan.html"
    page.write_text(render_plan(plan, "html", **options), encoding="utf-8")
    return page


# --- at first sight ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_a_chain_that_blocks_shows_at_once_what_blocks_and_what_to_do(
    browser: Browser, plans: dict[str, Plan], tmp_path: Path, size: str
) -> None:
    width, height = SIZES[size]
    browser.open(written(plans["broken"], tmp_path), width=width, height=height)
    assert browser.driver.title == "sequence does not stream"
    assert "blocked by _extract_country_names" in browser.one("header").text
    for selector, text in (
        (".verdict", "Does not stream"),
        (".finding h3", "What to do"),
        (".finding pre", "@gf.transform"),
    ):
        element = browser.one(selector)
        assert text in element.text
        assert element.rect["y"] + 40 < height, "it can be seen without scrolling"
    (blocking,) = browser.shown(".box.blocks")
    assert blocking.text.splitlines()[0] == "_extract_country_names"
    assert "■ blocks the output" in blocking.text


def test_a_chain_that_streams_shows_at_once_from_where(
    browser: Browser, plans: dict[str, Plan], tmp_path: Path
) -> None:
    browser.open(written(plans["retrieval"], tmp_path))
    assert browser.one(".verdict").text == "▶ Streams"
    assert browser.one("header").text.splitlines()[-1].startswith("streaming begins at ScriptedChatModel, once input,")
    (begins,) = browser.shown(".box.begins")
    assert begins.text.splitlines()[0] == "ScriptedChatModel"
    assert not browser.all(".finding")


@pytest.mark.parametrize("chain", CHAINS)
def test_the_picture_has_the_nodes_and_edges_of_the_plan(
    browser: Browser, plans: dict[str, Plan], tmp_path: Path, chain: str
) -> None:
    browser.open(written(plans[chain], tmp_path))
    boxes = browser.script(
        "return [...document.querySelectorAll('.box')].map(box => [box.dataset.box, box.firstChild.textContent])"
    )
    assert dict(boxes) == {box_id: printable(node_id) for box_id, node_id in names(plans[chain])}
    lines = browser.script(
        "return [...document.querySelectorAll('.canvas path')].map(line => [line.dataset.source, line.dataset.target])"
    )
    assert sorted(map(tuple, lines)) == sorted(arrows(plans[chain]))


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_window_or_lies_over_something_else(
    browser: Browser, plans: dict[str, Plan], tmp_path: Path, chain: str, size: str
) -> None:
    width, height = SIZES[size]
    browser.open(written(plans[chain], tmp_path), width=width, height=height)
    assert browser.script("return document.documentElement.scrollWidth") <= width
    overlapping = browser.script(
        """
        const boxes = [...document.querySelectorAll(".box")].map(box => [box.dataset.box, box.getBoundingClientRect()]);
        return boxes.flatMap(([one, a], index) => boxes.slice(index + 1).filter(([two, b]) =>
            a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom).map(([two]) => [one, two]));
        """
    )
    assert overlapping == []
    cut = browser.script(
        "return [...document.querySelectorAll('.box')].filter(box => box.scrollHeight > box.clientHeight + 1).length"
    )
    assert cut == 0, "every line of a box has its room"


# --- light and dark ----------------------------------------------------------------------------------------

CONTRASTS: Final = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = colour => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = ([r, g, b, a], under) => [r, g, b].map((value, index) => value * a + under[index] * (1 - a));
const light = colour => {
  const [r, g, b] = colour.map(value => value / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = element => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.unshift(rgba(getComputedStyle(at).backgroundColor));
  return layers.reduce((under, layer) => over(layer, under), [255, 255, 255]);
};
const found = [];
for (const element of document.querySelectorAll("body *")) {
  const says = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
  if (!says || !element.checkVisibility() || element.closest("svg, script, style")) continue;
  const under = ground(element);
  const [one, other] = [light(over(rgba(getComputedStyle(element).color), under)), light(under)];
  const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  found.push([element.className || element.tagName, contrast, light(under)]);
}
return found;
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("chain", CHAINS)
def test_every_text_stands_out_from_its_ground(
    browser: Browser, plans: dict[str, Plan], tmp_path: Path, chain: str, dark: bool
) -> None:
    browser.open(written(plans[chain], tmp_path), dark=dark)
    found = browser.script(CONTRASTS)
    assert len(found) > 30
    assert [each for each in found if each[1] < 4.5] == []
    body = next(brightness for name, _, brightness in found if name == "verdict")
    assert (body < 0.1) is dark


# --- what is known of a node -------------------------------------------------------------------------------


def test_the_pointer_shows_what_is_known_of_a_node_and_its_edges(
    browser: Browser, plans: dict[str, Plan], tmp_path: Path
) -> None:
    browser.open(written(plans["retrieval"], tmp_path))
    tip = browser.one("#tip")
    assert not tip.is_displayed()
    box_of = {node_id: box_id for box_id, node_id in names(plans["retrieval"])}
    browser.hover(browser.box(box_of["format_documents"]))
    assert tip.is_displayed()
    assert "format_documents is a plain function of its whole input" in tip.text
    assert "test_page.py:" in tip.text
    near = browser.script("return [...document.querySelectorAll('path.near')].map(line => line.dataset.source).sort()")
    assert near == sorted([box_of["retriever"], box_of["format_documents"]])
    browser.hover(browser.box(box_of["parallel"]))
    assert "because a join takes whichever stream comes first" in tip.text
    assert "bounded 64" in tip.text
    browser.hover(browser.one("h1"))
    browser.script("return new Promise(done => setTimeout(done, 400))")
    assert not tip.is_displayed()


def test_the_pointer_may_move_onto_what_it_has_shown(browser: Browser, plans: dict[str, Plan], tmp_path: Path) -> None:
    browser.open(written(plans["retrieval"], tmp_path))
    browser.hover(browser.box("n1"))
    tip = browser.one("#tip")
    browser.hover(tip)
    browser.script("return new Promise(done => setTimeout(done, 400))")
    assert tip.is_displayed()


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_keyboard_shows_it_too_and_escape_takes_it_away(
    browser: Browser, plans: dict[str, Plan], tmp_path: Path, size: str
) -> None:
    width, height = SIZES[size]
    browser.open(written(plans["broken"], tmp_path), width=width, height=height)
    tip = browser.one("#tip")
    shown = {}
    for _ in range(24):
        browser.press(TAB)
        box = browser.script("return document.activeElement.dataset.box")
        if box:
            assert tip.is_displayed()
            place = tip.rect
            assert place["x"] >= 0
            assert place["x"] + place["width"] <= width
            shown[box] = tip.text
            browser.press(ESCAPE)
            assert not tip.is_displayed()
    assert list(shown) == [box_id for box_id, _ in names(plans["broken"])]
    assert "a chat model waits for its whole prompt, then streams its answer" in shown["n1"]
    assert "blocks the output" in shown["n3"]


def test_a_node_leads_to_all_that_is_known_of_it(browser: Browser, plans: dict[str, Plan], tmp_path: Path) -> None:
    browser.open(written(plans["retrieval"], tmp_path))
    for _ in range(60):
        browser.press(TAB)
        if browser.script("return document.activeElement.dataset.box") == "n2":
            break
    browser.press(ENTER)
    assert browser.script("return [location.hash, document.querySelector(':target').id]") == ["#n2", "n2"]
    assert browser.one("#n2").rect["y"] < browser.script("return scrollY + innerHeight")


def test_whoever_hears_the_page_is_told_as_much(browser: Browser, plans: dict[str, Plan], tmp_path: Path) -> None:
    browser.open(written(plans["broken"], tmp_path))
    tree = browser.command("Accessibility.getFullAXTree")["nodes"]

    def said(node: dict[str, Any], key: str) -> str:
        value: str = node.get(key, {}).get("value", "")
        return value

    links = [node for node in tree if said(node, "role") == "link"]
    described = {said(node, "name").split(" ")[0]: said(node, "description") for node in links}
    assert described["_extract_country_names"].startswith("_extract_country_names is a plain function of its whole")
    headings = [said(node, "name") for node in tree if said(node, "role") == "heading"]
    assert headings[0].startswith("sequence")
    assert "What to do" in headings
    assert browser.one("html").get_attribute("lang") == "en"
    nameless = [
        node for node in tree if said(node, "role") in ("link", "region", "checkbox") and not said(node, "name")
    ]
    assert nameless == []
    ids = browser.script("return [...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(set(ids)) == len(ids)


def test_figures_of_a_run_stand_in_the_box_and_beside_it(
    browser: Browser, plans: dict[str, Plan], tmp_path: Path
) -> None:
    plan = plans["broken"]
    measured = {plan.nodes[1].id: {"first chunk": "12 ms", "own time": "3 ms"}}
    browser.open(written(plan, tmp_path, measured=measured))
    box = browser.box("n1")
    assert "first chunk 12 ms · own time 3 ms" in box.text
    browser.hover(box)
    assert browser.one("#tip .measured").text.split("\n") == ["first chunk", "12 ms", "own time", "3 ms"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_waterfall_of_a_run_fits_and_leads_to_its_nodes(
    browser: Browser, tmp_path: Path, size: str, *, dark: bool
) -> None:
    profile = (gf.ScriptedChatModel("one two three", delay=0.001) | gf.text()).sync.explain_analyze("go on")
    page = tmp_path / "profile.html"
    page.write_text(profile.explain("html"), encoding="utf-8")
    width, height = SIZES[size]
    browser.open(page, width=width, height=height, dark=dark)
    model, text = browser.shown(".waterfall .span")
    assert model.text.startswith("ScriptedChatModel") or "very" in size
    assert browser.script("return document.documentElement.scrollWidth") <= width
    track = browser.script("return document.querySelector('.track').getBoundingClientRect().width")
    bars = browser.script(
        "return [...document.querySelectorAll('.track span')].map(e => e.getBoundingClientRect().width)"
    )
    assert len(bars) == 4
    assert 0 < max(bars) <= track
    target = str(text.get_attribute("href")).partition("#")[2]
    assert "text" in browser.one(f"#{target} h3").text


# --- long plans --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", [wide, long], ids=lambda chain: chain.__name__)
def test_a_plan_of_500_nodes_is_folded_and_can_be_unfolded(browser: Browser, chain: Any, tmp_path: Path) -> None:
    plan = gf.compile(chain()).plan
    assert len(plan.nodes) >= 500
    browser.open(written(plan, tmp_path))
    folded = browser.script("return document.querySelectorAll('.scroll.folded .box').length")
    assert folded <= 40
    assert browser.one(".scroll.folded").is_displayed()
    assert not browser.one(".scroll.full").is_displayed()
    assert browser.one(".box.gap .name").text.startswith("… ")
    assert browser.script("return document.documentElement.scrollHeight") < 14_000
    browser.one("#full").click()
    assert browser.one(".scroll.full").is_displayed()
    assert not browser.one(".scroll.folded").is_displayed()
    assert browser.script("return document.querySelectorAll('.scroll.full a.box').length") == len(plan.nodes)
    assert browser.script("return document.querySelectorAll('li.card').length") == len(plan.nodes)
    browser.one("#full").click()
    browser.one(".box.gap").click()
    assert browser.one(".scroll.full").is_displayed()


def test_a_link_opens_the_stage_that_it_leads_into(browser: Browser, tmp_path: Path) -> None:
    browser.open(written(gf.compile(wide()).plan, tmp_path))
    card = browser.one("#n2")
    assert not card.is_displayed()
    browser.script("location.hash = '#n2'")
    browser.script("return new Promise(requestAnimationFrame)")
    assert card.is_displayed()


# --- on its own --------------------------------------------------------------------------------------------


def test_the_page_asks_for_nothing_but_itself(browser: Browser, plans: dict[str, Plan], tmp_path: Path) -> None:
    browser.open(written(plans["retrieval"], tmp_path))
    assert browser.script("return performance.getEntriesByType('resource').map(each => each.name)") == []
    assert browser.script("return document.querySelectorAll('[src], link[href], img, iframe').length") == 0


def test_without_its_script_everything_can_still_be_read(
    browser: Browser, plans: dict[str, Plan], tmp_path: Path
) -> None:
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(written(plans["broken"], tmp_path))
    assert browser.one(".verdict").text == "■ Does not stream"
    browser.box("n3").click()
    assert browser.driver.current_url.endswith("#n3")
    assert "is a plain function of its whole input" in browser.one("#n3").text


def test_in_a_notebook_it_stands_in_a_frame_that_it_never_leaves(
    browser: Browser, plans: dict[str, Plan], tmp_path: Path
) -> None:
    frame = plans["broken"]._repr_mimebundle_()["text/html"]
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><meta charset='utf-8'><title>notebook</title><h1>Mine</h1>{frame}", "utf-8")
    browser.open(notebook)
    before = browser.script("return getComputedStyle(document.querySelector('h1')).fontSize")
    browser.driver.switch_to.frame(browser.one("iframe"))
    try:
        browser.script("arguments[0].click()", browser.one("a.box[data-box='n2']"))
        assert browser.script("return [location.href, document.querySelector(':target').id]") == [
            "about:srcdoc#n2",
            "n2",
        ]
    finally:
        browser.driver.switch_to.default_content()
    assert browser.script("return getComputedStyle(document.querySelector('h1')).fontSize") == before
    assert browser.driver.current_url == notebook.as_uri()


def test_names_that_look_like_markup_are_shown_as_they_are(browser: Browser, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)> & </script><script>alert(2)</script> \"'`"
    chain = gf.chunkwise(str.upper).with_config(name=name) | gf.chunkwise(str.strip)
    plan = gf.compile(chain).plan
    browser.open(written(plan, tmp_path))
    assert browser.script("return document.querySelector('[data-box=n1] .name').textContent") == name
    assert browser.script("return [document.images.length, document.scripts.length]") == [0, 1]
    browser.hover(browser.box("n1"))
    assert browser.script("return document.images.length") == 0
