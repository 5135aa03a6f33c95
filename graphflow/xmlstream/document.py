"""A document, read by expat, and what stands before it: fences, a declaration, and what models say besides."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Final
from xml.parsers import expat

from graphflow.jsonstream.errors import EndOfText, Fault, Kind
from graphflow.xmlstream.selection import Tree
from graphflow.xmlstream.tokens import CDATA, COMMENT, ENDS, INSTRUCTION, Source, Waiting

_NAME: Final = r"[^\W\d][\w.:\-]*"
_name = re.compile(_NAME).match
_reference = re.compile(r"&[^;]*;").match
_bare_ampersand = re.compile(r"&[#\w.:\-]*\Z").search
# What is none of these, such as <me@example.org>, is prose.
_start_tag = re.compile(rf"""<{_NAME}(\s+{_NAME}\s*=\s*("[^"<]*"|'[^'<]*'))*\s*/?>""").fullmatch

_REFERENCE: Final = 64  # characters that a reference may have
# Expat would give no character of a text with these, or wait for the end of a reference that has none.
_refused = re.compile(rf"\]\]>|&[#\w.:\-]{{{_REFERENCE}}}").search
# What follows decides on these.
_unsure = {
    "<": re.compile(rf"(?:&[#\w.:\-]{{0,{_REFERENCE - 1}}}|\]{{1,2}}|\r)\Z").search,
    ENDS[CDATA]: re.compile(r"(?:\]{1,2}|\r)\Z").search,
}

_CODES: Final = expat.errors.codes
_INVALID: Final = _CODES[expat.errors.XML_ERROR_INVALID_TOKEN]
_MISMATCH: Final = _CODES[expat.errors.XML_ERROR_TAG_MISMATCH]
_UNDEFINED: Final = _CODES[expat.errors.XML_ERROR_UNDEFINED_ENTITY]
_ENDED: Final = {
    _CODES[expat.errors.XML_ERROR_NO_ELEMENTS],
    _CODES[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    _CODES[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
}


def find_root(source: Source, roots: frozenset[str] | None, needed: bool) -> Generator[None, str, str]:
    """Wait for the start tag of a document, and take it and all that stands before it.

    Args:
        source: the text.
        roots: the names that it may have; without them, the first start tag is it.
        needed: whether there must be one.
    """
    try:
        while True:
            at = source.text.find("<", source.pos)
            source.take(at if at >= 0 else len(source.text))
            if at < 0:
                yield from source.wait()
                continue
            opener = yield from source.opener(COMMENT, "<!DOCTYPE", "<!doctype")
            if opener == COMMENT:
                yield from source.until(ENDS[COMMENT], len(COMMENT))
            elif opener:
                raise Fault("document types are refused, because they can define entities", 0)
            else:
                tag = yield from source.tag()
                if roots is None:
                    if _start_tag(tag):
                        return tag
                elif (name := _name(tag, 1)) is not None and name[0] in roots:
                    return tag
    except EndOfText as over:
        rest = source.take_all()
        is_tag = rest and any(f"<{root}".startswith(rest) or _is_tag(rest, root) for root in roots or ())
        if needed or is_tag or over.limit is not None:
            raise over.fault(0, "before any XML element" if needed else "inside a tag") from None
        raise


def _is_tag(text: str, name: str) -> bool:
    found = _name(text, 1)
    return found is not None and found[0] == name


class Document:
    """One document, while it is read."""

    def __init__(self, source: Source, tree: Tree, max_depth: int) -> None:
        self._source = source
        self._tree = tree
        self._max_depth = max_depth
        self._given = 0  # bytes
        self._last = ""  # what expat was given last
        parser = self._parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = tree.start
        parser.EndElementHandler = tree.end
        parser.CharacterDataHandler = tree.add
        if hasattr(parser, "SetReparseDeferralEnabled"):  # what it is good for is done here: it is given whole tokens
            parser.SetReparseDeferralEnabled(False)

    def read(self, tag: str) -> Waiting:
        """Read to the end of the root element, whose start tag was taken."""
        depth = 0
        try:
            while True:
                if not tag.endswith(">"):
                    tag += self._source.take(self._source.pos + 1)  # the `<`, for expat to say that it is wrong
                opens = not tag.startswith("</")
                if opens and depth == self._max_depth:
                    raise _fault(f"nesting deeper than {self._max_depth}", len(tag), "limit")
                if opens:
                    depth += 1
                if not opens or tag.endswith("/>"):
                    depth -= 1
                self._give(tag)
                if depth == 0:
                    self._give("", final=True)
                    return
                tag = yield from self._next_tag()
        except EndOfText as over:
            self._give(self._source.take_all(), final=True)  # for what is wrong before the end
            raise over.fault(0, f"inside <{self._tree.names[-1]}>") from None

    def _next_tag(self) -> Generator[None, str, str]:
        """Read up to the next tag, and take it."""
        source = self._source
        while True:
            yield from self._characters("<")
            opener = yield from source.opener(COMMENT, CDATA, INSTRUCTION)
            if opener == CDATA:
                self._give(source.take(source.pos + len(CDATA)))
                yield from self._characters(ENDS[CDATA])
                self._give(source.take(source.pos + len(ENDS[CDATA])))
            elif opener:
                self._give((yield from source.until(ENDS[opener], len(opener))))
            elif source.text.startswith("<!", source.pos):
                raise Fault("`<!` begins neither a comment nor CDATA", 0)
            else:
                return (yield from source.tag())

    def _characters(self, end: str) -> Waiting:
        """Read characters up to a mark, which is not taken."""
        source = self._source
        while True:
            at = source.text.find(end, source.pos)
            stop = at if at >= 0 else len(source.text)
            refused = _refused(source.text, source.pos, stop) if end == "<" else None
            if refused is not None:
                self._give(source.take(refused.start()))
                is_end = refused[0] == ENDS[CDATA]
                raise Fault("a `]]>` that is text is written ]]&gt;" if is_end else "a reference that is too long", 0)
            unsure = _unsure[end](source.text, source.pos) if at < 0 else None
            self._give(source.take(stop if unsure is None else unsure.start()))
            if at >= 0:
                return
            yield from source.wait()

    def _give(self, piece: str, final: bool = False) -> None:
        """Give expat what was just taken."""
        data = piece.encode("utf-8", "surrogatepass")
        before, self._given = self._given, self._given + len(data)
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            if final and error.code in _ENDED:
                return
            at = len(data[: max(self._parser.ErrorByteIndex - before, 0)].decode("utf-8", "surrogatepass"))
            raise _fault(self._message(error.code, piece, at), len(piece) - at) from None
        except Fault as fault:
            fault.left = len(piece)
            raise
        self._last = piece[-_REFERENCE:] if len(piece) >= _REFERENCE else (self._last + piece)[-_REFERENCE:]

    def _message(self, code: int, piece: str, at: int) -> str:
        """What is wrong at a position of what was given: in expat's words, or in better ones."""
        if code == _MISMATCH and (name := _name(piece, at)) is not None:
            return f"expected </{self._tree.names[-1]}>, not </{name[0]}>"
        if code == _UNDEFINED and (reference := _reference(piece, at)) is not None:
            return f"the entity {reference[0]} is not defined: XML has &amp; &lt; &gt; &quot; &apos; and numbers"
        if code == _INVALID and piece.startswith("<") and at == 1:
            return "a `<` that begins no tag is written &lt;"
        if code == _INVALID and _bare_ampersand(self._last + piece[:at]):
            return "a `&` that begins no reference is written &amp;"
        return expat.ErrorString(code)


def _fault(message: str, left: int, kind: Kind = "syntax") -> Fault:
    fault = Fault(message, 0, kind)
    fault.left = left
    return fault
