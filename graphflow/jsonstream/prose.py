"""What stands around the value: fences, a byte order mark, and what models say before they come to the point."""

import re
from collections.abc import Generator, Mapping
from typing import Any, Literal, TypeAlias

from graphflow.jsonstream.errors import EndOfText
from graphflow.jsonstream.values import NOTHING, Nothing

Root: TypeAlias = Literal["any", "object", "array"]

padding = re.compile(r"[\s`\\\ufeff]*").match  # blanks, backticks (also escaped ones), byte order mark
_blank = re.compile(r"[ \t\n\r]*").match
_word = re.compile(r"-?\w{0,15}").match  # long enough for every word that is known, short enough to be held back
_letters = re.compile(r"-?[^\W\d_]+").match
_JSON = {"json", "jsonc", "json5", "jsonl"}
_FENCE = "```(?i:json)"
_cut_fence = re.compile(r"(?:`{1,3}|```(?i:j|js|jso))\Z").search

_VALUES = {"any": r'[\[{"]|-?[0-9]', "object": r"\{", "array": r"\["}
_BRACKETS = {"any": r"[\[{]", "object": r"\{", "array": r"\["}
_VIABLE = {"{": '"}', "[": '{["]-0123456789'}


def find_value(root: Root, words: Mapping[str, Any], lenient: bool) -> Generator[Nothing, str, tuple[str, int]]:
    """Wait for the value; return the text at hand and where in it the value starts.

    At the start of the text, and after a fence that says `json`, a value may start at once; a literal only with a
    character behind it that ends the word. After prose only a bracket can start it, once the next character shows that
    it may be JSON. With a `root` other than "any", all other values are prose.
    """
    start = re.compile(_VALUES[root] + ("|'" if lenient and root == "any" else "")).match
    search = re.compile(f"{_BRACKETS[root]}|{_FENCE}").search
    quote = "'" if lenient else ""
    text, pos, prose = "", 0, False
    try:
        while True:
            if not prose:
                pos = padding(text, pos).end()  # type: ignore[union-attr]  # it matches anything
            if pos == len(text):
                text, pos = (yield NOTHING), 0
            elif prose:
                found = search(text, pos)
                if not found:
                    cut = _cut_fence(text, pos)
                    text, pos = (text[cut.start() :] if cut else "") + (yield NOTHING), 0
                elif found[0] not in _VIABLE:
                    pos, prose = found.end(), False
                else:
                    pos = _blank(text, found.end()).end()  # type: ignore[union-attr]  # it matches anything
                    while pos == len(text):
                        text = yield NOTHING
                        pos = _blank(text, 0).end()  # type: ignore[union-attr]
                    if text[pos] in _VIABLE[found[0]] + quote:
                        return found[0] + text[pos:], 0
            elif start(text, pos):
                return text, pos
            else:
                word = _word(text, pos)[0]  # type: ignore[index]  # it matches anything
                letters = _letters(text, pos)
                if pos + len(word) == len(text) and len(word) < 15:
                    text, pos = word + (yield NOTHING), 0
                elif letters and letters[0] in words and root == "any":
                    return text, pos
                elif word.lower() in _JSON:
                    pos += len(word)
                else:  # also the bullet of a list
                    prose = True
    except EndOfText as over:
        if not prose and text[pos:] == "-" and root == "any":
            raise over.fault(len(text), "inside a number") from None
        if not prose and text[pos:] in words and root == "any" and over.limit is None:
            return text, pos
        raise over.fault(len(text), f"before any JSON {'value' if root == 'any' else root}") from None


def after_value(text: str, pos: int) -> int | None:
    """Where in the text something stands that is neither blank nor part of a fence."""
    pos = padding(text, pos).end()  # type: ignore[union-attr]  # it matches anything
    return pos if pos < len(text) else None
