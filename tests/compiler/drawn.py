"""Drawings, read back: what each format says are nodes and arrows, and what the plan says they must be."""

from __future__ import annotations

import html
import html.parser
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import attrs

from graphflow_compiler.plan import Plan


@attrs.frozen
class Drawn:
    """What a drawing shows.

    Attributes:
        names: the first line of every box, by its id.
        arrows: the ends of every arrow, by the ids of boxes; sorted.
        looks: what the shape and the colours of a box say: its class, or that it is the input.
        marked: the boxes that stand out, with the reason.
    """

    names: dict[str, str]
    arrows: list[tuple[str, str]]
    looks: dict[str, str] = attrs.field(factory=dict)
    marked: dict[str, str] = attrs.field(factory=dict)


# --- as the plan says --------------------------------------------------------------------------------------


def arrows(plan: Plan, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the ends of every edge of a plan and of its bodies, and of the way into a body, as drawings name them."""
    ids = {node.id: f"{prefix}n{index}" for index, node in enumerate(plan.nodes)}
    yield from ((ids[edge.source], ids[edge.target]) for edge in plan.edges)
    for each in plan.nodes:
        for index, body in enumerate(each.plans):
            inner = f"{ids[each.id]}b{index}"
            yield ids[each.id], f"{inner}n0"
            yield from arrows(body, inner)


def names(plan: Plan, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every node by the name that drawings give it."""
    for position, each in enumerate(plan.nodes):
        yield f"{prefix}n{position}", each.id
        for index, body in enumerate(each.plans):
            yield from names(body, f"{prefix}n{position}b{index}")


# --- mermaid -----------------------------------------------------------------------------------------------

_MERMAID_LINE = re.compile(
    r"""
    (?P<source>n[0-9nb]+)\ (?P<arrow>-->|-\.->)(?:\|"(?P<label>[^"]*)"\|)?\ (?P<target>n[0-9nb]+)
    | (?P<id>n[0-9nb]+)(?:\[/|\(\[|\(|\[)"(?P<text>[^"]*)"(?:/\]|\]\)|\)|\]):::(?P<look>[a-z]+)
    | subgraph\ [a-z0-9]+\["[^"]*"\] | end
    | classDef\ [a-z]+\ [a-z0-9#:,\- ]+ | class\ (?P<marked>n[0-9nb]+)\ (?P<mark>[a-z]+)
    | flowchart\ TD
    """,
    re.VERBOSE,
)


def read_mermaid(text: str) -> Drawn:
    """Read a mermaid flowchart; a line that is none of the syntax is an error."""
    opening, title, closing, *lines = text.splitlines()
    assert (opening, closing) == ("---", "---")
    assert title.startswith("title: ")
    found = [_matched(_MERMAID_LINE, line) for line in lines]
    return Drawn(
        {match["id"]: unescaped_mermaid(match["text"].split("<br/>")[0]) for match in found if match["id"]},
        sorted((match["source"], match["target"]) for match in found if match["source"]),
        {match["id"]: match["look"] for match in found if match["id"]},
        {match["marked"]: match["mark"] for match in found if match["marked"]},
    )


def unescaped_mermaid(label: str) -> str:
    words = {"quot": '"', "lt": "<", "gt": ">"}
    return re.sub(r"#(\w+);", lambda found: words.get(found[1]) or chr(int(found[1])), label)


# --- dot ---------------------------------------------------------------------------------------------------

DOT_STRING = r'"(?:[^"\\]|\\.)*"'
_DOT_ATTRIBUTES = rf"\[\w+=(?:{DOT_STRING}|\w+)(?:,\ \w+=(?:{DOT_STRING}|\w+))*\]"
_DOT_LINE = re.compile(
    rf"""
    (?P<source>n[0-9nb]+)\ ->\ (?P<target>n[0-9nb]+)(?:\ {_DOT_ATTRIBUTES})?;
    | (?P<id>n[0-9nb]+)\ (?P<attributes>{_DOT_ATTRIBUTES});
    | (?:node|edge)\ {_DOT_ATTRIBUTES};
    | (?:\w+=(?:{DOT_STRING}|\w+);\ ?)+
    | digraph\ plan\ \{{ | subgraph\ cluster_[a-z0-9]+\ \{{ | \}}
    """,
    re.VERBOSE,
)


def read_dot(text: str) -> Drawn:
    """Read a drawing in the dot language; a line that is none of the syntax is an error."""
    found = [_matched(_DOT_LINE, line) for line in text.splitlines()]
    labels = {
        match["id"]: re.findall(rf"label=({DOT_STRING})", match["attributes"])[0][1:-1]
        for match in found
        if match["id"]
    }
    return Drawn(
        {box_id: unescaped_dot(_first_line(label)) for box_id, label in labels.items()},
        sorted((match["source"], match["target"]) for match in found if match["source"]),
    )


def _first_line(label: str) -> str:
    match = re.match(r"(?:[^\\]|\\[^n])*", label)
    assert match is not None
    return match[0]


def unescaped_dot(label: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), label).replace("&amp;", "&")


def _matched(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    match = pattern.fullmatch(line.strip())
    assert match is not None, line
    return match


def read_svg(text: str) -> Drawn:
    """Read what graphviz has drawn: the titles of its groups are the ids."""
    groups = [(each.get("class"), each) for each in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}g")]
    titles = {kind: [_title(each) for at, each in groups if at == kind] for kind in ("node", "edge")}
    return Drawn(
        dict.fromkeys(titles["node"], ""),
        sorted((source, target) for source, _, target in (title.partition("->") for title in titles["edge"])),
    )


def _title(group: ElementTree.Element) -> str:
    title = group.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    return title.text or ""


# --- HTML --------------------------------------------------------------------------------------------------

_VOID = {"meta", "input", "path", "base", "br"}


@attrs.define
class Element:
    """An element of a page, with the text in it."""

    tag: str
    attributes: dict[str, str]
    inside: list[Element] = attrs.field(factory=list)
    texts: list[str] = attrs.field(factory=list)

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def text(self) -> str:
        """All text in it, and in what is in it."""
        return "".join(self.texts)

    def all(self) -> Iterator[Element]:
        """Yield it and all that is in it."""
        yield self
        for each in self.inside:
            yield from each.all()


class _Reader(html.parser.HTMLParser):
    """Reads a page, and insists on every element being closed where it must be."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names), (tag, names)
        element = Element(tag, {name: value or "" for name, value in attributes})
        self.open[-1].inside.append(element)
        if tag not in _VOID or (tag == "path" and not (self.get_starttag_text() or "").endswith("/>")):
            self.open.append(element)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.texts.append(data)


def read_page(text: str) -> Element:
    """Read a page."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    (root,) = reader.open
    return root


def read_html(text: str, figure: str = "full") -> Drawn:
    """Read one of the pictures of a page: the one of all nodes, or the ``folded`` one."""
    (scroll,) = (each for each in read_page(text).all() if {"scroll", figure} <= set(each.classes))
    elements = list(scroll.all())
    boxes = {each.attributes["data-box"]: each for each in elements if "box" in each.classes}
    lines = [each.attributes for each in elements if each.tag == "path"]
    return Drawn(
        {box_id: box.inside[0].text for box_id, box in boxes.items()},
        sorted((line["data-source"], line["data-target"]) for line in lines),
        {box_id: box.classes[1] for box_id, box in boxes.items()},
        {
            box_id: name
            for box_id, box in boxes.items()
            for name in box.classes
            if name in ("begins", "whole", "maybe", "blocks")
        },
    )
