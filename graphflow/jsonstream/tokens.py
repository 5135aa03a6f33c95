"""The smallest pieces: numbers, literals, escapes, comments.

A piece may be cut by the end of a chunk. Each function says so in its own way; the scanner then holds the piece back
and reads it again in front of the next chunk. That is cheap since pieces are short: an escape has at most 12
characters, a literal 9, a number `max_number`, and of a comment only the ends are kept.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from graphflow.jsonstream.errors import Fault
from graphflow.jsonstream.strings import Surrogates
from graphflow.jsonstream.values import ABSENT

DIGITS = "0123456789"

# The longest text that a number can begin with. It is a number if it ends in a digit, and a float if there is a group.
number = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(\.(?:[0-9]+(?:[eE][-+]?[0-9]*)?)?|[eE][-+]?[0-9]*)?)?").match


def number_so_far(text: str, pos: int) -> Any:
    """The value of the longest number that `text`, which `number` matched, begins with; ABSENT if there is none.

    >>> [number_so_far(text, 0) for text in ("12", "-0.", "1.5e+")]
    [12, 0, 1.5]
    """
    if text.isdigit():
        return to_number(text, pos, is_float=False)
    text = text.rstrip("+-.eE")
    return to_number(text, pos, is_float=not text.lstrip("-").isdigit()) if text else ABSENT


def to_number(text: str, pos: int, is_float: object) -> int | float:
    """The value of the number `text`, which stands at `pos`."""
    if is_float:
        return float(text)
    try:
        return int(text)
    except ValueError:  # a program may set `sys.set_int_max_str_digits` to less than `max_number`
        raise Fault(f"number of {len(text)} characters, too long for this Python", pos, "limit") from None


# One object for each, so that NaN is the same value as NaN.
CONSTANTS: Mapping[str, float] = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def literal_words(nan: bool, lenient: bool) -> Mapping[str, Any]:
    """The words that stand for a value."""
    words: dict[str, Any] = {"true": True, "false": False, "null": None}
    if nan:
        words |= CONSTANTS
    if lenient:
        words |= {"True": True, "False": False, "None": None}
    return words


def literal(text: str, pos: int, words: Mapping[str, Any]) -> tuple[Any, int]:
    """The value of the word at `pos` and where it ends; ABSENT if the text ends before the word does."""
    wrong = pos
    for word, value in words.items():
        if text.startswith(word, pos):
            return value, pos + len(word)
        while wrong < len(text) and word.startswith(text[pos : wrong + 1]):
            wrong += 1
    if wrong == len(text):
        return ABSENT, pos
    is_word = wrong > pos or text[pos].isalpha() or text[pos] == "-"
    raise Fault("invalid literal" if is_word else "expected a value", wrong)


_SIMPLE = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_hex = re.compile(r"[0-9a-fA-F]{0,4}").match
_low = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match
_cut_low = re.compile(r"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z").match


def escape(text: str, pos: int, surrogates: Surrogates, lenient: bool) -> tuple[str, int]:
    r"""The character that the escape at `pos` stands for and where it ends; "" if the text ends too early to tell.

    >>> [escape(text, 0, "keep", lenient=False) for text in (r"\n", r"\ud83d\ude00", r"\ud83d\ude")]
    [('\n', 2), ('😀', 12), ('', 0)]
    """
    letter = text[pos + 1 : pos + 2]
    if letter in _SIMPLE:
        return _SIMPLE[letter], pos + 2
    if not letter:
        return "", pos
    stop = _hex(text, pos + 2).end() if letter == "u" else pos + 1  # type: ignore[union-attr]  # it matches anything
    if stop < pos + 6:
        if stop == len(text):
            return "", pos
        if lenient:
            return letter, pos + 2
        raise Fault("invalid escape", stop)
    code = int(text[pos + 2 : stop], 16)
    if not 0xD800 <= code <= 0xDFFF:
        return chr(code), stop
    if code < 0xDC00:
        if low := _low(text, stop):
            return chr(0x10000 + (code - 0xD800) * 0x400 + int(low[1], 16) - 0xDC00), low.end()
        if _cut_low(text, stop):
            return "", pos
    if surrogates == "error":
        raise Fault("lone surrogate in string", pos)
    return chr(code) if surrogates == "keep" else "\ufffd", stop


_CLOSERS = {"//": "\n", "/*": "*/"}


def comment(text: str, pos: int) -> tuple[int, str]:
    """Where the comment at `pos` ends, and what to hold back if the text ends first; `pos` if there is no comment.

    >>> comment("/* a */ 1", 0), comment("/* a *", 0), comment("/ 2", 0)
    ((7, ''), (6, '/**'), (0, ''))
    """
    opener = text[pos : pos + 2]
    if opener == "/":
        return len(text), opener
    if opener not in _CLOSERS:
        return pos, ""
    closer = _CLOSERS[opener]
    end = text.find(closer, pos + 2)
    if end >= 0:
        return end + len(closer), ""
    return len(text), opener + "*" * (opener == "/*" and text.endswith("*", pos + 2))
