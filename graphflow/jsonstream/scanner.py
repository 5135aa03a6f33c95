"""The grammar: one flat loop over the text, which waits in one place when a chunk is used up.

The loop is a generator, so that its state is its local variables: to wait for text costs a `yield`, and nothing is
looked up or stored. A number, literal or escape that is cut by the end of a chunk is held back and read again in front
of the next one; all else is read once. What is found goes to the `Tree`.
"""

import re
from collections.abc import Generator, Mapping
from typing import Any

from graphflow.jsonstream.bulk import ENOUGH, Bulk
from graphflow.jsonstream.errors import EndOfText, Fault
from graphflow.jsonstream.strings import Strings
from graphflow.jsonstream.tokens import DIGITS, comment, escape, literal, number, number_so_far, to_number
from graphflow.jsonstream.tree import Tree
from graphflow.jsonstream.values import ABSENT

STRING, AFTER, VALUE, FIRST_VALUE, COLON, KEY, FIRST_KEY = range(7)
"""What comes next. AFTER is what follows a value in a container; a FIRST one may also be the closing bracket."""

_skip = re.compile(r"[ \t\n\r]+").match


def scan(  # noqa: C901  # one loop on purpose: a call per state would cost more than the states do
    text: str,
    pos: int,
    tree: Tree,
    *,
    strings: Strings,
    words: Mapping[str, Any],
    bulk: Bulk,
    partial: bool,
    lenient: bool,
    max_depth: int,
    max_number: int,
) -> Generator[Any, str, tuple[str, int]]:
    """Read the value that starts at `text[pos]`; return the text at hand and where in it the value ends."""
    blanks = " \t\n\r/" if lenient else " \t\n\r"
    quotes = "\"'" if lenient else '"'
    state = VALUE
    depth = 0
    listing = True  # is the container a list; what holds the root value is one
    string = quote = ""
    keying = False  # is the string a key
    closing = -1  # where the next quote is, if it was looked for
    draft: Any = ABSENT  # of a number
    held = ""
    end = len(text)
    try:
        while True:
            if pos == end:
                text = yield tree.give(string if state == STRING and partial and not keying else draft)
                if held:
                    text, held = held + text, ""
                pos, end, closing = 0, len(text), -1
                continue

            if state == STRING:
                if closing < pos:
                    closing = text.find(quote, pos)
                    if closing < 0:
                        closing = end
                stop = text.find("\\", pos, closing)
                if stop < 0:
                    stop = closing
                if strings.plain:
                    # In place, hence linear, as long as nobody else holds the string: that is, between two snapshots.
                    string += text[pos:stop]
                else:
                    fault = strings.fault(text, pos, stop, len(string))
                    string += strings.clean(text[pos : fault.pos if fault else stop])
                    if fault:
                        raise fault
                pos = stop
                if pos == end:
                    pass
                elif pos < closing:
                    char, pos = escape(text, pos, strings.surrogates, lenient)
                    if char:
                        string += char
                    else:
                        held, pos = text[pos:], end
                else:
                    pos += 1
                    if keying:
                        tree.key = string
                        state = COLON
                    else:
                        tree.put(string)
                        state = AFTER
                        if not depth:
                            return text, pos
                continue

            char = text[pos]
            if char in blanks:
                if char != "/":
                    pos = _skip(text, pos).end()  # type: ignore[union-attr]  # it matches `char`
                    continue
                start = pos
                pos, held = comment(text, pos)
                if pos > start:
                    continue

            if state == AFTER:
                if char == ",":
                    pos += 1
                    state = VALUE if listing else KEY
                elif char == ("]" if listing else "}"):
                    pos += 1
                    listing = tree.close()
                    depth -= 1
                    if not depth:
                        return text, pos
                else:
                    raise Fault("expected ',' or ']'" if listing else "expected ',' or '}'", pos)

            elif state == VALUE or state == FIRST_VALUE:
                if char in quotes:
                    pos += 1
                    string, quote, keying = "", char, False
                    state = STRING
                elif char in "-0123456789":
                    found = number(text, pos)
                    stop = found.end()  # type: ignore[union-attr]  # it matches `char`
                    if stop - pos > max_number:
                        raise Fault(f"number longer than {max_number} characters", pos, "limit")
                    if stop == end:
                        held, pos = text[pos:], end
                        if partial:
                            draft = number_so_far(held, pos)
                        continue
                    ...
                elif char == "{" or char == "[":
                    ...
                else:
                    ...

            elif state == COLON:
                if char != ":":
                    raise Fault("expected ':'", pos)
                pos += 1
                state = VALUE

            elif char in quotes:
                pos += 1
                string, quote, keying = "", char, True
                state = STRING
            ...
    except Fault:
        ...
    except EndOfText:
        ...
