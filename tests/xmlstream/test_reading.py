"""What is read, what is passed over, and what is said of a text that is wrong."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

import graphflow as gf
from graphflow.jsonstream import ParseError
from graphflow.xmlstream import XmlElement, XmlItems, XmlStream, XmlStreamError, XmlText
from tests.components.reading import pieces
from tests.xmlstream.driver import outcome, whole

SIZES = pytest.mark.parametrize("size", [1, 2, 5, 1000])


def last(text: str, size: int = 1000, **options: Any) -> str:
    got = outcome(XmlStream(**options), pieces(text, size))
    assert got.error is None
    return str(got.found[-1])


def wrong(text: str, size: int = 1000, **options: Any) -> XmlStreamError:
    error = outcome(XmlStream(**options), pieces(text, size)).error
    assert error is not None
    return error


@SIZES
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "\ufeff\n {}\n",
        'Sure, here you are:\n```xml\n<?xml version="1.0" encoding="latin-1"?>\n{}\n```\nAnything <b>else</b>?',
        "<!-- not <a>this</a> -->{}<!-- nor this",
        "a < b, <me@example.org>, </a>, <a b=c>, <1>, <, <a <b <a: {} & more",
        "`{}`",
    ],
)
def test_what_stands_around_a_document_is_passed_over(around: str, size: int) -> None:
    text = '<m id="1"><t>Alien \u00e9</t> &amp; <!-- x --><y/></m>'
    assert last(around.format(text), size) == '<m id="1"><t>Alien \u00e9</t> &amp; <y/></m>'


@SIZES
def test_the_root_may_be_named(size: int) -> None:
    text = "<thought>x < <b>y</b></thought> <m>1</m>"
    assert last(text, size, root="m") == "<m>1</m>"
    assert wrong(text, size).message == "a `<` that begins no tag is written &lt;"
    assert wrong("<m id=1>", size, root="m").message == "not well-formed (invalid token)"


@SIZES
def test_text_is_what_expat_makes_of_it(size: int) -> None:
    text = "<a>x\r\ny\rz &lt;&#65;&#x1F600;<![CDATA[<b>&amp;]] ]]>]] &apos;&quot;</a>"
    (*_, element) = outcome(XmlStream(), pieces(text, size)).found
    assert element == XmlElement("a", {}, ("x\ny\nz <A\U0001f600<b>&amp;]] ]] '\"",))


def test_snapshots_never_change() -> None:
    text = "<a><b>one</b> and <c x='1'>two<d/></c></a>"
    given = outcome(XmlStream(), pieces(text, 1)).found
    stream = XmlStream()
    kept = []
    for piece in pieces(text, 1):
        for value in stream.feed(piece):
            kept.append((value, copy.deepcopy(value)))
    assert [value for value, _ in kept] == given
    assert all(value == before for value, before in kept)
    assert [str(value) for value in given[:4]] == ["<a/>", "<a><b/></a>", "<a><b>o</b></a>", "<a><b>on</b></a>"]


def test_layout_alone_gives_no_snapshot() -> None:
    given = outcome(XmlStream(), ["<a>", "\n  ", "\n", "<b>", "x", "</b>", "\n", "</a>"]).given
    assert [len(part) for part in given] == [1, 0, 0, 1, 1, 1, 0, 1, 0]


def test_an_element_says_what_is_in_it() -> None:
    (*_, cast) = whole(XmlStream(), "<cast>With <actor id='1'>Ian <i>Holm</i></actor>, <actor/> </cast>").found
    assert cast.text == "With Ian Holm,"
    assert [actor.text for actor in cast.find_all("actor")] == ["Ian Holm", ""]
    assert [str(part) for part in cast.find_all("*/i")] == ["<i>Holm</i>"]
    assert cast.find("actor").attributes == {"id": "1"}
    assert cast.find("director") is None
    assert cast.elements == cast.find_all("*")
    assert repr(cast.find("actor/i")) == "XmlElement('<i>Holm</i>')"
    assert repr(XmlElement("a", {}, ("x" * 500,))).endswith("xxx'... (507 characters))")
    assert pickle.loads(pickle.dumps(cast)) == cast
    assert hash(cast) == hash(copy.deepcopy(cast))


def test_items_are_given_when_they_close() -> None:
    text = ["<l><i>1</i><i>", "2</i><j><i>no</i></j>", "</l> and <l><i/>", "</l>"]
    assert [[str(item) for item in part] for part in outcome(XmlItems("l/i"), text).given] == [
        ["<i>1</i>"], ["<i>2</i>"], ["<i/>"], [], []
    ]  # fmt: skip
    named = outcome(XmlItems({"item": "l/i", "any": "l/*/i"}, schema={"item": str}), text).found
    assert [{key: str(value) for key, value in record.items()} for record in named] == [
        {"item": "1"}, {"item": "2"}, {"any": "<i>no</i>"}, {"item": ""}
    ]  # fmt: skip


def test_items_may_hold_items() -> None:
    given = whole(XmlItems({"outer": "a/b", "inner": "a/b/c"}), "<a><b><c>1</c></b></a>").found
    assert [(key, str(value)) for record in given for key, value in record.items()] == [
        ("inner", "<c>1</c>"),
        ("outer", "<b><c>1</c></b>"),
    ]


def test_text_is_given_as_it_comes_without_the_blanks_at_both_ends() -> None:
    text = ["<r><t>Hm. </t><a>\n  At ", "7:40 ", " &amp; ", "<b>17:15</b>", ".\n", " </a>", "</r>"]
    assert outcome(XmlText("r/a"), text).given == [["At"], [" 7:40"], ["  &"], [" 17:15"], ["."], [], [], []]
    both = outcome(XmlText({"thought": "r/t", "answer": "r/a"}), text).given
    assert both[:3] == [[{"thought": "Hm.", "answer": "At"}], [{"answer": " 7:40"}], [{"answer": "  &"}]]


# --- what is wrong ------------------------------------------------------------------------------------------


@SIZES
@pytest.mark.parametrize(
    ("text", "kind", "message", "offset", "path", "partial"),
    [
        ("<a>AT&T</a>", "syntax", "a `&` that begins no reference is written &amp;", 7, "/a", "<a>AT</a>"),
        ("<a>x & y</a>", "syntax", "a `&` that begins no reference is written &amp;", 6, "/a", "<a>x </a>"),
        ("<a>x < y</a>", "syntax", "a `<` that begins no tag is written &lt;", 6, "/a", "<a>x </a>"),
        ("<a>x]]>y</a>", "syntax", "a `]]>` that is text is written ]]&gt;", 4, "/a", "<a>x</a>"),
        (
            "<a>&nbsp;</a>",
            "syntax",
            "the entity &nbsp; is not defined: XML has &amp; &lt; &gt; &quot; &apos; and numbers",
            3,
            "/a",
            "<a/>",
        ),
        ("<a><b>x</a></b>", "syntax", "expected </b>, not </a>", 9, "/a/b", "<a><b>x</b></a>"),
        ("<a><b x='1' x='2'/></a>", "syntax", "duplicate attribute", 12, "/a", "<a/>"),
        ("<a><b x=1/></a>", "syntax", "not well-formed (invalid token)", 8, "/a", "<a/>"),
        ("<a>x\x00</a>", "syntax", "not well-formed (invalid token)", 4, "/a", "<a>x</a>"),
        ("<a>x\udc80</a>", "syntax", "not well-formed (invalid token)", 4, "/a", "<a>x</a>"),
        ("<a>&#0;</a>", "syntax", "reference to invalid character number", 3, "/a", "<a/>"),
        ("<a><!DOCTYPE b></a>", "syntax", "`<!` begins neither a comment nor CDATA", 3, "/a", "<a/>"),
        ("<a>&" + "x" * 200, "syntax", "a reference that is too long", 3, "/a", "<a/>"),
        ("", "incomplete", "the text ended before any XML element", 0, "/", "None"),
        ("No XML.\nReally", "incomplete", "the text ended before any XML element", 14, "/", "None"),
        ("<a", "incomplete", "the text ended before any XML element", 2, "/", "None"),
        ("<a><b>x", "incomplete", "the text ended inside <b>", 7, "/a/b", "<a><b>x</b></a>"),
        ("<a>x</a", "incomplete", "the text ended inside <a>", 7, "/a", "<a>x</a>"),
        ("<a><b x='1", "incomplete", "the text ended inside <a>", 10, "/a", "<a/>"),
        ("<a>x&am", "incomplete", "the text ended inside <a>", 7, "/a", "<a>x</a>"),
        ("<a><!-- x", "incomplete", "the text ended inside <a>", 9, "/a", "<a/>"),
        ("<a><![CDATA[x]", "incomplete", "the text ended inside <a>", 14, "/a", "<a>x</a>"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    text: str, kind: str, message: str, offset: int, path: str, partial: str, size: int
) -> None:
    error = wrong(text, size)
    assert (error.kind, error.message, error.offset) == (kind, message, offset)
    assert (error.path, str(error.partial)) == (path, partial)
    lines = text[:offset].split("\n")
    assert (error.line, error.column) == (len(lines), len(lines[-1]) + 1)
    assert error.excerpt == text[max(offset - 24, 0) : offset + 12]
    assert isinstance(error, ParseError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_an_error_is_told_at_once_where_its_surroundings_are_there() -> None:
    got = outcome(XmlItems("l/i"), ["<l><i>1</i><i>2</j></l> and more", "never read"])
    assert [str(item) for item in got.given[0]] == ["<i>1</i>"]
    assert len(got.given) == 1
    assert got.error is not None


def test_items_before_an_error_are_given() -> None:
    got = outcome(XmlItems("l/i", max_depth=2), ["<l><i>1</i><i>2</i><i><b/>"])
    assert [str(item) for item in got.found] == ["<i>1</i>", "<i>2</i>"]
    assert got.error is not None
    assert (got.error.kind, got.error.message, got.error.path) == ("limit", "nesting deeper than 2", "/l/i")
    assert str(got.error.partial) == "<i/>"


@SIZES
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no list", "the text ended before any XML element"),
        ("<l><i>1</i></l> <l><i>", "the text ended inside <i>"),
        ("<l/> <l", "the text ended inside a tag"),
        ("<l/> <", "the text ended inside a tag"),
        ("<l/> <l id='", "the text ended inside a tag"),
    ],
)
def test_every_document_must_be_whole(text: str, message: str, size: int) -> None:
    error = outcome(XmlItems("l/i"), pieces(text, size)).error
    assert error is not None
    assert (error.kind, error.message) == ("incomplete", message)


@pytest.mark.parametrize("text", ["<l/> a < b", "<l/> <x", "<l/> <list", "<l/> &", "<l/> <!DOCTYP", "<l/><k>"])
def test_what_is_no_document_need_not_be_whole(text: str) -> None:
    assert whole(XmlItems("l/i"), text).error is None


def test_a_second_element_in_the_place_of_a_text_is_an_error() -> None:
    got = whole(XmlText("r/a"), "<r><a>one</a><a>two</a></r>")
    assert got.error is not None
    assert (got.error.kind, got.error.message) == ("invalid", "a second <a>: the text of one is given, not of many")
    assert got.found == ["one"]


def test_the_text_so_far_is_what_could_be_read() -> None:
    got = whole(XmlText("r/a"), "<r><a> one <b>two")
    assert got.error is not None
    assert got.error.partial == "one two" == "".join(got.found)


@SIZES
def test_limits_of_the_text(size: int) -> None:
    text = "<a><b>123</b></a> and more"
    assert wrong(text, size, max_chars=8).message == "text longer than 8 characters"
    assert wrong(text, size, max_chars=8).kind == "limit"
    assert str(wrong(text, size, max_chars=8).partial) == "<a><b>12</b></a>"
    assert last(text, size, max_chars=17) == "<a><b>123</b></a>"  # what follows the only document does not count
    items = outcome(XmlItems("a/b", max_chars=20), pieces(text, size))
    assert [str(item) for item in items.found] == ["<b>123</b>"]
    assert items.error is not None  # what follows could be more of them


def test_wrong_options_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="in the path 'a//b': '' is no name of an element"):
        XmlItems("a//b")
    with pytest.raises(ValueError, match="may mean many elements"):
        XmlText("a/*")
    with pytest.raises(TypeError, match="a path is text"):
        XmlItems(["a"])  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="there is no path"):
        XmlItems({})
    with pytest.raises(ValueError, match="there is no path 'c'"):
        XmlItems({"b": "a/b"}, schema={"c": str})
    with pytest.raises(TypeError, match="several paths take several schemas"):
        XmlItems("a/b", schema={"b": str})  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="max_depth must be at least 1, not 0"):
        XmlStream(max_depth=0)
    with pytest.raises(TypeError, match="none of what can be read"):
        XmlStream(schema=complex)
    with pytest.raises(ValueError, match=r"there is no path 'mvie'; did you mean 'movie'\?"):
        XmlItems({"movie": "a/b"}, schema={"mvie": str})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_depth": "9"}, "max_depth must be an int, not '9'"),
        ({"max_chars": True}, "max_chars must be an int, not True"),
        ({"every": "no"}, "every is True or False, not 'no'"),
        ({"max_dept": 9}, "there is no option max_dept=; did you mean max_depth=?"),
        ({"nan": True}, "there is no option nan=; there are every, max_chars, max_depth, root, schema"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    for make in (XmlStream, gf.xml_parser):
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            make(**options)


def test_what_was_finished_takes_no_more() -> None:
    stream = XmlStream()
    assert [str(value) for value in stream.feed("<a/>")] == ["<a/>"]
    assert list(stream.finish()) == []
    assert list(stream.feed("<b/>")) == []
