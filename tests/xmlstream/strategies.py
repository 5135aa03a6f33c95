"""XML documents of every form that is read, and documents that are slightly wrong."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c", "n:d", "e-f.g", "\u00e9t\u00e9"])
BLANKS = st.sampled_from(["", "", " ", "\n", "\t\r\n"])
TEXTS = st.sampled_from(
    ["x", "Ali", "en ", " ", "\n  ", "\r\n", "\r", "\t", "]", "]]", ">", "'", '"', "\u00e9", "\U0001f600", "&amp;", "&lt;", "&quot;", "&#65;", "&#x1F600;", "a]b", "/>"]  # noqa: E501
)  # fmt: skip
ASIDES = st.sampled_from(
    ["<!-- <b> -->", "<!---->", "<!-- ->x-> -->", "<?go <b> ?>", "<![CDATA[]]>", "<![CDATA[<b>&amp;]]]>", "<![CDATA[\r\n]>]]>"]  # noqa: E501
)  # fmt: skip
VALUES = st.sampled_from(['"1"', "'2'", '""', '"<>"'.replace("<", "&lt;"), "'\"'", '"a\n b"', '"&#10;"', '"/>"'])
ATTRIBUTES = st.lists(st.tuples(NAMES, VALUES), max_size=2, unique_by=lambda pair: pair[0]).map(
    lambda pairs: "".join(f" {name}={value}" for name, value in pairs)
)


def _element(content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    empty = st.builds("<{}{}{}/>".format, NAMES, ATTRIBUTES, BLANKS)
    full = st.builds(
        "<{0}{1}{2}>{3}</{0}{2}>".format, NAMES, ATTRIBUTES, BLANKS, st.lists(content, max_size=4).map("".join)
    )
    return empty | full


ELEMENTS = _element(st.recursive(TEXTS | ASIDES, _element, max_leaves=10))
PROSE = st.sampled_from(
    ["", "Sure:\n", "```xml\n", '<?xml version="1.0"?>\n', "a < b ", "<me@x.org> ", "<!-- <a> -->", "\n"]
)
DOCUMENTS = st.tuples(PROSE, ELEMENTS, st.sampled_from(["", "\n```", " Enjoy <b>it</b> & more", "<"])).map("".join)

NOISE = st.sampled_from(
    ["<", ">", "/", "&", ";", '"', "'", "=", "!", "-", "]", "]]>", "<!", "<b>", "</b>", "</a>", "<a", "&am", "&x;", "\x01", "\ufffe", "\udc80", " ", "x", "<!DOCTYPE a>"]  # noqa: E501
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, texts: st.SearchStrategy[str] = DOCUMENTS) -> str:
    """A document with one to three small things wrong. Many are still well-formed."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 2)))
        text = text[:start] + draw(st.just("") | NOISE) + text[stop:]
    return text


PATHS = st.sampled_from(["a", "*", "a/b", "a/*", "*/*", "*/b", "a/b/c", "*/*/*", "b/a"])
