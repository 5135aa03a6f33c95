"""Texts that are made to cost much, or to make the parser do what it must not."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from graphflow.xmlstream import XmlItems, XmlStream, XmlText
from graphflow.xmlstream.stream import XmlReader
from tests.components.reading import lines_run, pieces
from tests.xmlstream.driver import outcome, whole

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    "text",
    [
        f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "lol">{LAUGHS}]><l>&l9;</l>',
        '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>',
        '<!DOCTYPE l SYSTEM "http://127.0.0.1:1/x.dtd"><l/>',
        '<!doctype l [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x.dtd"> %x;]><l/>',
    ],
)
@pytest.mark.parametrize(
    "make", [XmlStream, lambda: XmlItems("l"), lambda: XmlText("l")], ids=["stream", "items", "text"]
)
def test_document_types_are_refused(make: Callable[[], XmlReader[Any]], text: str, size: int) -> None:
    got = outcome(make(), pieces(text, size))
    assert got.found == []
    assert got.error is not None
    assert got.error.message == "document types are refused, because they can define entities"
    assert (got.error.kind, got.error.offset) == ("syntax", text.lower().index("<!doctype"))


@pytest.mark.parametrize(
    "text",
    [
        '<l><!DOCTYPE l [<!ENTITY x "y">]>&x;</l>',
        '<l><!ENTITY x "y">&x;</l>',
        "<l>&x;</l>",
        "<l a='&x;'/>",
        '<l><?xml version="1.0"?><!DOCTYPE l [<!ENTITY x "y">]>&x;</l>',
    ],
)
def test_no_entity_can_be_defined_in_a_document(text: str) -> None:
    got = whole(XmlStream(), text)
    assert got.error is not None
    assert got.error.kind == "syntax"
    assert not any("y" in str(value) for value in got.found)


@pytest.mark.parametrize("size", [64, 10**9])
def test_depth_bombs(size: int) -> None:
    for text in ("<a>" * 100_000, "<a>" * 100_000 + "</a>" * 100_000):
        error = outcome(XmlStream(), pieces(text, size)).error
        assert error is not None
        assert (error.kind, error.message, error.offset) == ("limit", "nesting deeper than 100", 300)
    deep = "<a>" * 5000 + "x" + "</a>" * 5000
    (element,) = outcome(XmlItems("a", max_depth=5000), pieces(deep, size)).found
    assert element.text == "x"
    assert len(str(element)) == len(deep)


HOSTILE: list[Callable[[int], str]] = [
    lambda n: "<a>" + "<b>x</b>" * n + "</a>",
    lambda n: "<a>" + "abcdefg " * n + "</a>",
    lambda n: "<a>" + "&amp;" * n + "</a>",
    lambda n: "<a>" + "\r\n" * n + "</a>",
    lambda n: "<a>" + "]" * n + "</a>",
    lambda n: "<a>" + "&" + "x" * n,
    lambda n: "<a><!--" + " ->" * n + "--></a>",
    lambda n: "<a><![CDATA[" + "]]" * n + "]]></a>",
    lambda n: "<a><?x" + " ?" * n + "?></a>",
    lambda n: "<a><b c='" + ">" * n + "'/></a>",
    lambda n: "<a " + "".join(f"b{key}='' " for key in range(n)) + "/>",
    lambda n: "<" * n,
    lambda n: "<a " * n,
    lambda n: "<a b='" * n,
    lambda n: "<a b='" + '"' * n,
    lambda n: "<!-" * n,
    lambda n: "<!--" + "-" * n,
    lambda n: "<a/>" * n,
    lambda n: "a < b, " * n,
    lambda n: "<a>" + "<a x='1'><b/></a>" * n,
]
MAKE = pytest.mark.parametrize(
    "make",
    [XmlStream, lambda: XmlItems("a/b"), lambda: XmlItems("*"), lambda: XmlText("a")],
    ids=["stream", "items", "roots", "text"],
)


@MAKE
@pytest.mark.parametrize("text", HOSTILE)
def test_work_grows_with_the_text(make: Callable[[], XmlReader[Any]], text: Callable[[int], str]) -> None:
    def work(count: int) -> int:
        chunks = pieces(text(count), 5)
        return lines_run(lambda: outcome(make(), chunks), "graphflow/xmlstream")

    assert work(800) <= 8.8 * work(100) + 4000


@MAKE
@pytest.mark.parametrize("text", HOSTILE)
def test_long_texts_end_the_same_way_whatever_the_cuts(
    make: Callable[[], XmlReader[Any]], text: Callable[[int], str]
) -> None:
    small, large = outcome(make(), pieces(text(4_000), 7)), whole(make(), text(4_000))
    assert small.facts == large.facts
    if not isinstance(make(), XmlStream):
        assert len(small.found) == len(large.found) or isinstance(make(), XmlText)


@pytest.mark.parametrize(
    ("text", "make"),
    [
        ("<a>" + "<c>yes and no</c>" * 10_000 + "</a>", lambda: XmlItems("a/b")),
        ("<a>" + "<b>yes and no</b>" * 10_000 + "</a>", lambda: XmlItems("a/b")),
        ("<a>" + "text " * 40_000 + "</a>", lambda: XmlItems("a/b")),
        ("<c>" + "text " * 40_000 + "</c>", lambda: XmlText("a")),
        ("prose and no document. " * 40_000, XmlStream),
        ("<a/>" + "and more " * 60_000, XmlStream),
        ("<a>" + "<!-- c -->" * 20_000, XmlStream),
    ],
)
def test_what_is_not_kept_takes_no_memory(text: str, make: Callable[[], XmlReader[Any]]) -> None:
    chunks, stream = pieces(text, 1000), make()
    for found in stream.feed(""):
        raise AssertionError(found)
    tracemalloc.start()
    try:
        for chunk in chunks:
            for _ in stream.feed(chunk):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_wide_documents_are_not_copied_for_every_chunk() -> None:
    text = "<a>" + "<b/>" * 5_000 + "</a>"
    some, every = outcome(XmlStream(), pieces(text, 4)), outcome(XmlStream(every=True), pieces(text, 4))
    assert len(some.found) < 1_000 < 5_000 < len(every.found)
    assert some.found[-1] == every.found[-1]
    assert sum(len(value.content) for value in some.found) < 50 * len(text)
