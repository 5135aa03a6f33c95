"""What stands around the value: fences, a byte order mark, and what models say before they come to the point."""

import re
from collections.abc import Generator, Mapping
from typing import Any, Literal, TypeAlias

from graphflow.jsonstream.errors import EndOfText
from graphflow.jsonstream.values import NOTHING, Nothing

Root: TypeAlias = Literal["any", "object", "array"]

_padding = re.compile(r"[\s`\\\ufeff]*").match  # blanks, backticks (also escaped ones), byte order mark
_blanks = re.compile(r"[ \t\n\r]*").match
_word = re.compile(r"-?\w{0,15}").match  # long enough for every word that is known, short enough to be held back
_letters = re.compile(r"-?[^\W\d_]*").match
_cut_fence = re.compile(r"(?:`{1,3}|```(?i:j|js|jso))\Z").search

_JSON = {"json", "jsonc", "json5", "jsonl"}
_FENCE = "```(?i:json)"
_VALUE = {"any": r'[\[{"]|-?[0-9]', "object": r"\{", "array": r"\["}
_BRACKET = {"any": r"[\[{]", "object": r"\{", "array": r"\["}
_VIABLE = {"{": '"}', "[": '{["]-0123456789'}


def find_value(root: Root, words: Mapping[str, Any], lenient: bool) -> Generator[Nothing, str, tuple[str, int]]:
    """Wait for the value; return the text at hand and where in it the value starts.

    At the start of the text, and after a fence that says `json`, a value may start at once; a literal only if it is a
    word for itself. After prose only a bracket can start it, once the next character shows that it may be JSON. With a
    `root` other than "any", all other values are prose.
    """
    value = re.compile(_VALUE[root] + ("|'" if lenient and root == "any" else "")).match
    bracket_or_fence = re.compile(f"{_BRACKET[root]}|{_FENCE}").search
    quote = "'" if lenient else ""
    literals = words if root == "any" else {}
    text, pos, prose = "", 0, False
    try:
        while True:
            if prose:
                found = bracket_or_fence(text, pos)
                if found is None:
                    cut = _cut_fence(text, pos)
                    text, pos = (cut[0] if cut else "") + (yield NOTHING), 0
                elif found[0] not in _VIABLE:
                    pos, prose = found.end(), False
                else:
                    text, pos = yield from _skip_blanks(text, found.end())
                    if text[pos] in _VIABLE[found[0]] + quote:
                        return found[0] + text[pos:], 0
                continue

            pos = _padding(text, pos).end()  # type: ignore[union-attr]  # it matches anything
            if pos == len(text):
                text, pos = (yield NOTHING), 0
            elif value(text, pos):
                return text, pos
            else:
                letters = _letters(text, pos)[0]  # type: ignore[index]  # it matches anything
                word = _word(text, pos)[0]  # type: ignore[index]  # it matches anything
                if letters in literals and pos + len(letters) < len(text):
                    return text, pos
                if pos + len(word) == len(text) and len(word) < 15:
                    text, pos = word + (yield NOTHING), 0
                elif word.lower() in _JSON:
                    pos += len(word)
                else:  # also the bullet of a list
                    prose = True
    except EndOfText as over:
        held = "" if prose else text[pos:]
        if held in literals and over.limit is None:
            return held, 0
        if held == "-":
            raise over.fault(len(text), "inside a number") from None
        raise over.fault(len(text), f"before any JSON {'value' if root == 'any' else root}") from None


def _skip_blanks(text: str, pos: int) -> Generator[Nothing, str, tuple[str, int]]:
    while True:
        pos = _blanks(text, pos).end()  # type: ignore[union-attr]  # it matches anything
        if pos < len(text):
            return text, pos
        text, pos = (yield NOTHING), 0


def find_more(text: str, pos: int) -> int | None:
    """Where in the text, behind the value, something stands that is neither blank nor part of a fence."""
    pos = _padding(text, pos).end()  # type: ignore[union-attr]  # it matches anything
    return pos if pos < len(text) else None
