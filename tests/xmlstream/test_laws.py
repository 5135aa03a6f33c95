"""What holds for every text and every cut."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from graphflow.xmlstream import XmlElement, XmlItems, XmlStream, XmlText
from graphflow.xmlstream.stream import XmlReader
from tests.components.reading import common_beginning
from tests.jsonstream.strategies import cuts
from tests.xmlstream.driver import outcome, whole
from tests.xmlstream.strategies import DOCUMENTS, ELEMENTS, PATHS, mutated


def of_tree(element: ElementTree.Element) -> XmlElement:
    """The element that the standard library's tree of it is in our form."""
    parts: list[XmlElement | str] = [element.text or ""]
    for child in element:
        parts += [of_tree(child), child.tail or ""]
    return XmlElement(element.tag, element.attrib, tuple(part for part in parts if part != ""))


@given(st.data(), ELEMENTS)
def test_the_last_value_is_the_tree_of_the_standard_library(data: st.DataObject, text: str) -> None:
    text = text.replace("n:d", "n.d")  # whose parser wants prefixes to be declared
    got = outcome(XmlStream(), data.draw(cuts(text)))
    assert got.error is None
    assert got.found[-1] == of_tree(ElementTree.fromstring(text))


@given(DOCUMENTS)
def test_what_an_element_is_written_as_is_read_as_the_same_element(document: str) -> None:
    (*_, element) = whole(XmlStream(), document).found
    assert whole(XmlStream(), str(element)).found == [element]


@given(mutated(ELEMENTS))
def test_what_is_well_formed_is_up_to_expat(content: str) -> None:
    text = f"<z>{content}</z>"
    closed: list[str] = []
    parser = expat.ParserCreate("utf-8")
    parser.EndElementHandler = closed.append
    with contextlib.suppress(expat.ExpatError):
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    assert (whole(XmlStream(), text).error is None) == ("z" in closed)


@given(st.data(), mutated())
def test_what_is_shown_depends_on_the_text_alone(data: st.DataObject, text: str) -> None:
    chunks = data.draw(cuts(text))
    shown = outcome(XmlStream(every=True), chunks).given
    last: list[Any] = []
    for index in range(len(chunks)):
        so_far = whole(XmlStream(every=True), "".join(chunks[: index + 1]))
        if so_far.error and so_far.error.kind != "incomplete":
            break
        last = shown[index] or last
        assert so_far.given[0] == last


KINDS: dict[str, Callable[[str], XmlReader[Any]]] = {
    "stream": lambda path: XmlStream(),
    "root": lambda path: XmlStream(root="b", max_depth=3),
    "items": XmlItems,
    "some": lambda path: XmlItems({"x": path, "y": "*/*"}, max_depth=4),
    "short": lambda path: XmlItems(path, max_chars=20),
    "text": lambda path: XmlText(path.replace("*", "a")),
}
KIND = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


@KIND
@given(st.data(), mutated(), PATHS)
def test_what_is_found_and_errors_depend_on_the_text_alone(
    make: Callable[[str], XmlReader[Any]], data: st.DataObject, text: str, path: str
) -> None:
    expected = whole(make(path), text)
    got = outcome(make(path), data.draw(cuts(text)))
    assert got.facts == expected.facts
    if isinstance(make(path), XmlStream):
        assert got.found[-1:] == expected.found[-1:]
    elif isinstance(make(path), XmlText):
        assert "".join(got.found) == "".join(expected.found)
    else:
        assert got.found == expected.found


#: How a document may go on: whatever an element needs to close, or to be another one.
CONTINUATIONS = ["", ">", "/>", "a>", "b>", "/a>", "/b>", "</a>", "</b>", "</c>", "x</a>", "x</b></a>", '"></a>', "'></a>", "--></a>", "?></a>", "]]></a>", " x", "<b/></a>", "</a></a>", "</b></b></a>"]  # noqa: E501 # fmt: skip


@given(DOCUMENTS, st.integers(0, 200), PATHS)
def test_an_element_is_given_as_soon_as_it_has_closed_and_no_sooner(document: str, at: int, path: str) -> None:
    """What has been given after any text is what all texts have in common that begin with it."""
    text = document[:at]
    certain = common_beginning([whole(XmlItems(path), text + end).found for end in [*CONTINUATIONS, document[at:]]])
    assert outcome(XmlItems(path), [text]).given[0] == certain


@given(st.data(), DOCUMENTS, PATHS)
def test_the_text_of_an_element_is_what_is_streamed_of_it(data: st.DataObject, document: str, path: str) -> None:
    path = path.replace("*", "a")
    found = whole(XmlItems(path), document)
    assume(found.error is None and len(found.found) == 1)
    got = outcome(XmlText(path), data.draw(cuts(document)))
    assert "".join(got.found) == found.found[0].text
    assert all(got.found)
