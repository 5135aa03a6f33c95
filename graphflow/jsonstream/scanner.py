"""The grammar: one flat loop over the text, which waits in one place when a chunk is used up.

The loop is a generator, so that its state is its local variables: waiting for text costs a `yield`, and nothing is
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

# What comes next. AFTER is what follows a value in a container; instead of a FIRST one, it may be closed at once.
IN_KEY, IN_STRING, AFTER, VALUE, FIRST_VALUE, COLON, KEY, FIRST_KEY = range(8)

_skip = re.compile(r"[ \t\n\r]+").match


def scan(  # noqa: C901  # one loop on purpose: a call for each state would cost more than the states do
    text: str,
    pos: int,
    tree: Tree,
    bulk: Bulk,
    strings: Strings,
    words: Mapping[str, Any],
    *,
    growing: bool,
    lenient: bool,
    max_depth: int,
    max_number: int,
) -> Generator[Any, str, tuple[str, int]]:
    """Read the value that starts at `text[pos]`; return the text at hand and where in it the value ends.

    With `growing`, scalars are shown while they are being read.
    """
    blanks, quotes = (" \t\n\r/", "\"'") if lenient else (" \t\n\r", '"')
    shown = IN_STRING if growing else None  # the state in which `string` is shown
    plain = strings.plain
    state = VALUE
    depth = 0
    listing = True  # whether the container is a list; what holds the root value is one
    string = quote = ""
    draft: Any = ABSENT  # of a number that was cut: its value so far
    held = ""  # a piece that was cut
    end = len(text)
    closing = -1  # where the next `quote` is, or the end; if less than `pos`, it is to be looked for
    escapes = "\\" in text
    try:
        while True:
            if pos == end:
                try:
                    text = yield tree.give(string if state == shown else draft)
                except EndOfText as over:
                    if not depth and state == VALUE and held[-1] in DIGITS and over.limit is None:
                        pos -= len(held)
                        tree.put(number_so_far(held, pos))
                        return "", 0
                    raise over.fault(pos, f"inside {_place(state, held, listing)}") from None
                if held:
                    text, held = held + text, ""
                pos, end, closing = 0, len(text), -1
                escapes = "\\" in text
                if state <= IN_STRING and plain and not escapes and quote not in text:
                    string += text  # the most common chunk of all has its own way
                    pos = end
                continue

            if state <= IN_STRING:
                if closing < pos:
                    closing = text.find(quote, pos)
                    if closing < 0:
                        closing = end
                stop = text.find("\\", pos, closing) if escapes else closing
                if stop < 0:
                    stop = closing
                if plain:
                    # In place, hence linear, as long as nobody else holds the string: that is, between two snapshots.
                    string += text[pos:stop]
                else:
                    fault = strings.fault(text, pos, stop, len(string))
                    string += strings.clean(text[pos : fault.pos if fault else stop])
                    if fault:
                        raise fault
                pos = stop
                if pos < closing:
                    char, pos = escape(text, pos, strings.surrogates, lenient)
                    if char:
                        string += char
                    else:
                        held, pos = text[pos:], end
                elif pos < end:
                    pos += 1
                    if state == IN_KEY:
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
                stop, held = comment(text, pos)
                if stop > pos:
                    pos = stop
                    continue

            if state == AFTER:
                if char == ",":
                    pos += 1
                    if pos < end and text[pos] == " ":
                        pos += 1
                    state = VALUE if listing else KEY
                elif char == ("]" if listing else "}"):
                    pos += 1
                    depth -= 1
                    listing = tree.close()
                    if not depth:
                        return text, pos
                else:
                    raise Fault("expected ',' or ']'" if listing else "expected ',' or '}'", pos)

            elif state <= FIRST_VALUE:
                if char in quotes:
                    pos += 1
                    string, quote, closing = "", char, -1
                    state = IN_STRING
                elif char in "[{":
                    if depth == max_depth:
                        raise Fault(f"nesting deeper than {max_depth}", pos, "limit")
                    if end - pos >= ENOUGH and tree.whole() and (whole := bulk.read(text, pos, max_depth - depth)):
                        value, pos = whole
                        tree.put(value)
                        state = AFTER
                        if not depth:
                            return text, pos
                    else:
                        listing = char == "["
                        tree.open([] if listing else {})
                        pos += 1
                        depth += 1
                        state = FIRST_VALUE if listing else FIRST_KEY
                elif char == "]" and listing:
                    if state == VALUE and not lenient:
                        raise Fault("expected a value (trailing comma?)", pos)
                    state = AFTER
                else:
                    if char in DIGITS or (char == "-" and not text.startswith("-I", pos)):
                        found = number(text, pos)
                        stop = found.end()  # type: ignore[union-attr]  # it matches `char`
                        if stop - pos > max_number:
                            raise Fault(f"number longer than {max_number} characters", pos, "limit")
                        wrong = stop < end and (text[stop] in DIGITS or text[stop - 1] not in DIGITS)
                        if growing and (wrong or stop == end):
                            draft = number_so_far(text[pos:stop], pos)
                        if wrong:
                            raise Fault("invalid number", stop)
                        value = ABSENT if stop == end else to_number(text[pos:stop], pos, found.lastindex)  # type: ignore[union-attr]
                    else:
                        value, stop = literal(text, pos, words)
                    if value is ABSENT:
                        held, pos = text[pos:], end
                        continue
                    tree.put(value)
                    pos = stop
                    draft = ABSENT
                    state = AFTER
                    if not depth:
                        return text, pos

            elif state == COLON:
                if char != ":":
                    raise Fault("expected ':'", pos)
                pos += 1
                if pos < end and text[pos] == " ":
                    pos += 1
                state = VALUE

            elif char in quotes:
                pos += 1
                string, quote, closing = "", char, -1
                state = IN_KEY
            elif char == "}" and (state == FIRST_KEY or lenient):
                state = AFTER
            else:
                hint = " or '}'" if state == FIRST_KEY else " (trailing comma?)" if char == "}" else ""
                raise Fault(f"expected a double-quoted key{hint}", pos)
    except Fault as fault:
        told = fault.pos < 0  # by the tree, which has a path but does not know the text
        if told:
            fault.pos = pos
        fault.left = len(text) - fault.pos
        fault.path = fault.path or tree.path(None if state in (IN_KEY, KEY, FIRST_KEY) else -1 if state == AFTER else 0)
        if state == shown:
            draft = string
        if draft is not ABSENT and not told:
            tree.leave(draft)
        raise


def _place(state: int, held: str, listing: bool) -> str:
    if state == IN_KEY:
        return "a key"
    if state == IN_STRING:
        return "a string"
    if held and held[0] != "/":
        return "a number" if held[0] in "-0123456789" else "a literal"
    return "an array" if listing else "an object"
