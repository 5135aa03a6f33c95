"""What stands around the value: fences, a byte order mark, and what models say before they come to the point."""

import re
from collections.abc import Generator, Mapping
from typing import Any, Literal, TypeAlias

from graphflow.jsonstream.errors import EndOfText, Fault
from graphflow.jsonstream.values import NOTHING, Nothing

Root: TypeAlias = Literal["any", "object", "array"]

padding = re.compile(r"[\s`\\\ufeff]*").match  # blanks, (escaped) backticks, byte order mark
_blank = re.compile(r"[ \t\n\r]*").match
_word = re.compile(r"\w{1,16}").match  # long enough for any that we know, and so short that it may be held back
_letters = re.compile(r"[^\W\d_]+").match
_JSON_WORDS = {"json", "jsonc", "json5", "jsonl"}
_FENCE = r"```(?i:json)"
_cut_fence = re.compile(r"`{1,3}(?:(?<=```)(?i:j|js|jso))?\Z").search

_STARTS: Mapping[Root, str] = {"any": '{["-0123456789', "object": "{", "array": "["}
_BRACKETS: Mapping[Root, str] = {"any": r"[\[{]", "object": r"\{", "array": r"\["}
_VIABLE = {"{": '"}', "[": '{["]-0123456789'}


def find_value(root: Root, words: Mapping[str, Any], lenient: bool) -> Generator[Nothing, str, tuple[str, int]]:
    """Wait for the value: return the text at hand and where in it the value starts.

    At the start of the text, and after a fence, a value may start at once. After prose only a bracket can start it,
    and only once the next character shows that it may be JSON. A `root` other than "any" skips all other values.
    """
    starts, quotes = _STARTS[root], "'" if lenient else ""
    search = re.compile(f"{_BRACKETS[root]}|{_FENCE}").search
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
                    text, pos = text[cut.start() if cut else len(text) :] + (yield NOTHING), 0
                elif found[0] not in _VIABLE:
                    pos, prose = found.end(), False
                else:
                    bracket = found[0]
                    pos = _blank(text, found.end()).end()  # type: ignore[union-attr]
                    while pos == len(text):
                        text = yield NOTHING
                        pos = _blank(text, 0).end()  # type: ignore[union-attr]
                    if text[pos] in _VIABLE[bracket] + quotes:
                        return bracket + text[pos:], 0
            elif text[pos] == "-" and "-" in starts:
                if pos + 1 == len(text):
                    text, pos = "-" + (yield NOTHING), 0
                elif text[pos + 1] in "0123456789I":
                    return text, pos
                else:  # the bullet of a list
                    prose = True
            elif text[pos] in starts + quotes:
                return text, pos
            elif word := _word(text, pos):
                if word.end() == len(text) and len(word[0]) < 16:
                    text, pos = text[pos:] + (yield NOTHING), 0
                elif root == "any" and (letters := _letters(text, pos)) and letters[0] in words:
                    return text, pos
                elif word[0].lower() in _JSON_WORDS:
                    pos = word.end()
                else:
                    prose = True
            else:
                prose = True
    except EndOfText:
        if text[pos:] == "-" and not prose:
            raise Fault("the text ended inside a number", len(text), "incomplete") from None
        if text[pos:] in words and not prose and root == "any":
            return text, pos
        wanted = "value" if root == "any" else root
        raise Fault(f"the text ended before any JSON {wanted}", len(text), "incomplete") from None
