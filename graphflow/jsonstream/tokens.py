"""The smallest pieces: numbers, literals, escapes, comments.

A piece may be cut by the end of a chunk. Each function says so in its own way, and the scanner then holds the piece
back and tries again with the next chunk in front of it. That stays cheap since all of them are short: an escape has
at most 12 characters, a literal 9, a number `max_number`; of a comment only its first characters are kept.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from graphflow.jsonstream.errors import Fault
from graphflow.jsonstream.strings import Surrogates
from graphflow.jsonstream.values import ABSENT

# The longest text that a number can begin with. It is a whole number if and only if it ends in a digit. The group tells
# floats from ints.
number = re.compile(
    r"-?(?:(?:0|[1-9][0-9]*)(\.(?:[0-9]+(?:[eE][-+]?[0-9]*)?)?|[eE][-+]?[0-9]*)?)?", re.ASCII
).match

DIGITS = "0123456789"


def number_so_far(text: str, pos: int) -> Any:
    """The value of the longest whole number that the cut number `text` begins with, ABSENT if there is none.

    >>> [number_so_far(text, 0) for text in ("-0.", "1.5e+", "12")]
    [0, 1.5, 12]
    """
    if text.isdigit():
        return to_number(text, pos, False)
    whole = text.rstrip("+-.eE")
    if not whole:
        return ABSENT
    return to_number(whole, pos, is_float=not whole.lstrip("-").isdigit())


def to_number(text: str, pos: int, is_float: object) -> Any:
    """The value of a whole number that stands at `pos`."""
    if is_float:
        return float(text)
    try:
        return int(text)
    except ValueError:  # longer than `sys.get_int_max_str_digits()`, which a program may set below `max_number`
        raise Fault(f"number of {len(text)} characters is too long for Python", pos, "limit") from None


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
    agreed = pos
    for word, value in words.items():
        if text.startswith(word, pos):
            return value, pos + len(word)
        while agreed < len(text) and word.startswith(text[pos : agreed + 1]):
            agreed += 1
    if agreed == len(text):
        return ABSENT, pos
    raise Fault("invalid literal" if agreed > pos or text[pos].isalpha() or text[pos] == "-" else "expected a value", agreed)


SIMPLE_ESCAPES: Mapping[str, str] = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_hex = re.compile(r"[0-9a-fA-F]{0,4}").match
_low_surrogate = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match
_cut_low_surrogate = re.compile(r"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z").match


def escape(text: str, pos: int, surrogates: Surrogates, lenient: bool) -> tuple[str, int]:
    r"""The character that the escape at `pos` stands for and where it ends; `""` if the text ends too early to tell.

    >>> escape(r"\u00e9", 0, "keep", False), escape(r"\ud83d\ude00", 0, "keep", False), escape(r"\ud8", 0, "keep", False)
    (('é', 6), ('😀', 12), ('', 0))
    """
    letter = text[pos + 1 : pos + 2]
    if letter != "u":
        if letter in SIMPLE_ESCAPES:
            return SIMPLE_ESCAPES[letter], pos + 2
        if not letter:
            return "", pos
        if lenient:
            return letter, pos + 2
        raise Fault("invalid escape", pos + 1)
    stop = _hex(text, pos + 2).end()  # type: ignore[union-attr]  # it matches anything
    if stop < pos + 6:
        if stop == len(text):
            return "", pos
        raise Fault("invalid escape", stop)
    code = int(text[pos + 2 : stop], 16)
    if not 0xD800 <= code <= 0xDFFF:
        return chr(code), stop
    if code <= 0xDBFF:
        if low := _low_surrogate(text, stop):
            return chr(0x10000 + (code - 0xD800 << 10) + int(low[1], 16) - 0xDC00), low.end()
        if _cut_low_surrogate(text, stop):
            return "", pos
    if surrogates == "error":
        raise Fault("lone surrogate in string", pos)
    return "\ufffd" if surrogates == "replace" else chr(code), stop


_CLOSERS = {"//": "\n", "/*": "*/"}


def comment(text: str, pos: int) -> tuple[int, str]:
    """Where the comment at `pos` ends, and what to keep of it if the text ends first. `pos` itself: it is not one.

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
    if end < 0:
        return len(text), opener + ("*" if opener == "/*" and text.endswith("*", pos + 2) else "")
    return end + len(closer), ""
