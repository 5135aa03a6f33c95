"""The order of things: what comes before the value, the value, what follows; and errors, which may come in between."""

import functools
import math
import sys
from collections.abc import Callable, Collection, Generator
from typing import Any, ClassVar

from graphflow.jsonstream.bulk import Bulk
from graphflow.jsonstream.errors import EndOfText, Fault, JsonStreamError
from graphflow.jsonstream.options import (
    OnError,
    OnIncomplete,
    ReadOptions,
    Trailing,
    check_choice,
    check_flags,
    check_limit,
    no_such_option,
)
from graphflow.jsonstream.prose import Root, find_more, find_value
from graphflow.jsonstream.scanner import scan
from graphflow.jsonstream.strings import Strings, Surrogates
from graphflow.jsonstream.tokens import literal_words
from graphflow.jsonstream.trail import AFTER, Trail
from graphflow.jsonstream.tree import Tree
from graphflow.jsonstream.values import NOTHING, Nothing


class Reader:
    """Reads one JSON value from text that comes in chunks; what is given of it is up to the `Tree`."""

    _options: ClassVar[Collection[str]] = sorted(ReadOptions.__annotations__)

    def __init__(
        self,
        plant: Callable[[Trail], Tree],
        *,
        growing: bool = True,
        finish: Callable[[Any], Any] | None = None,
        root: Root = "any",
        lenient: bool = False,
        nan: bool = True,
        strict: bool = False,
        surrogates: Surrogates = "keep",
        trailing: Trailing = "ignore",
        on_incomplete: OnIncomplete = "error",
        on_error: OnError = "raise",
        max_depth: int = 200,
        max_number: int = 4300,
        max_string: int | None = None,
        max_chars: int | None = None,
        **unknown: object,
    ) -> None:
        if unknown:
            raise no_such_option(next(iter(unknown)), self._options)
        check_choice("root", root, Root)
        check_choice("surrogates", surrogates, Surrogates)
        check_choice("trailing", trailing, Trailing)
        check_choice("on_incomplete", on_incomplete, OnIncomplete)
        check_choice("on_error", on_error, OnError)
        check_flags(lenient=lenient, nan=nan, strict=strict)
        check_limit("max_depth", max_depth, 1)
        check_limit("max_number", max_number, 1)
        if max_string is not None:
            check_limit("max_string", max_string, 0)
        if max_chars is not None:
            check_limit("max_chars", max_chars, 0)

        max_number = min(max_number, sys.get_int_max_str_digits() or max_number)
        trail = Trail(reach=max_number)
        tree = plant(trail)
        strings = Strings(strict=strict, surrogates=surrogates, max_string=max_string)
        words = literal_words(nan, lenient)
        grammar = functools.partial(
            scan,
            tree=tree,
            bulk=Bulk(trail, strings, strict=strict, nan=nan, max_number=max_number),
            strings=strings,
            words=words,
            growing=growing,
            lenient=lenient,
            max_depth=max_depth,
            max_number=max_number,
        )
        self._tree = tree
        self._trail = trail
        self._max_chars = math.inf if max_chars is None else max_chars
        self._strict_end = trailing == "error"
        self._keep = on_incomplete == "keep"
        self._stop = on_error == "stop"
        self._end = EndOfText()
        self._errors: list[JsonStreamError] = []  # at most one
        self._reader = _read(
            find_value(root, words, lenient), grammar, tree, trail, self._errors, self._strict_end, self._stop, finish
        )
        self._send: Callable[[str], Any] = self._reader.send
        next(self._reader)

    def feed(self, text: str) -> Any:
        """Read one more chunk; return the value so far if it changed (or what changed, as patch), else `NOTHING`.

        Raises `JsonStreamError` if the text is wrong: after what could be read was returned, and after the 11
        characters that follow the error were read, so that the error is the same however the text was cut.
        """
        if not text and not self._errors:
            return NOTHING
        trail = self._trail
        trail.read += len(text)
        trail.pieces.append(text)
        if trail.read > trail.due:
            trail.forget()
        try:
            if trail.read > self._max_chars:
                return self._exceed(text)
            return self._send(text)
        except StopIteration:
            pass
        raise self.error or ValueError("the text was finished: make a new JsonStream for another")

    def finish(self) -> Any:
        """Say that the text has ended; return the value if it changed or was not given yet, else `NOTHING`.

        Raises `JsonStreamError` if the text ended too early, or if it is wrong and `feed` could not raise that yet.
        """
        value, error = self.end()
        if error is not None:
            raise error
        return value

    @property
    def error(self) -> JsonStreamError | None:
        """What is wrong with the text: set as soon as it is known, and also when the options say not to raise it."""
        return self._errors[0] if self._errors else None

    @property
    def complete(self) -> bool:
        """Whether the value is complete. What follows has no effect then, unless `trailing="error"`."""
        return bool(self._tree.holder) and not self._tree.spine and not self._errors

    @property
    def deaf(self) -> bool:
        """Whether what follows has no effect."""
        return self._stop if self._errors else self.complete and not self._strict_end

    def _exceed(self, text: str) -> Any:
        """Read what `max_chars` allows of the chunk; that is the end, at once if there is no value to give first."""
        trail, limit = self._trail, int(self._max_chars)
        text = text[: limit - trail.read]
        trail.read = limit
        trail.pieces[-1] = text
        self._end = EndOfText(limit)
        value = self._send(text)
        if value is NOTHING and not self.deaf:
            value = self._reader.throw(self._end)
        return value

    def end(self) -> tuple[Any, JsonStreamError | None]:
        """End the text: the value that is new, and the error. Those who pull get the one after the other."""
        try:
            value = self._reader.throw(self._end)
        except (EndOfText, JsonStreamError):
            value = NOTHING
        self._reader.close()
        error = self.error
        if error is not None and (self._keep if error.kind == "incomplete" else self._stop):
            error = None
        return value, error


def _read(
    preamble: Generator[Nothing, str, tuple[str, int]],
    grammar: Callable[[str, int], Generator[Any, str, tuple[str, int]]],
    tree: Tree,
    trail: Trail,
    errors: list[JsonStreamError],
    strict_end: bool,
    stop: bool,
    finish: Callable[[Any], Any] | None,
) -> Generator[Any, str, None]:
    """The order of things: what comes before the value, the value, what follows; or a fault, and its excerpt."""
    try:
        text, pos = yield from preamble
        text, pos = yield from grammar(text, pos)
        if finish is not None:
            _finish(tree, finish, len(text) - pos)
        while True:
            if strict_end and (more := find_more(text, pos)) is not None:
                fault = Fault("text after the value", more)
                fault.left = len(text) - more
                raise fault
            try:
                text, pos = (yield tree.give(final=True)), 0
            except EndOfText as over:
                if over.limit is None or not strict_end:
                    raise
                raise over.fault(0, "") from None
    except Fault as fault:
        offset, line, column, excerpt = trail.locate(fault.left)
        error = JsonStreamError(fault.kind, str(fault), offset, line, column, excerpt, fault.path or "$", tree.value())
        error.__cause__ = fault.__cause__
        # Of the excerpt; nothing if the text has ended, which is told by a fault that lies behind all of it.
        missing = 1 + AFTER - fault.left if fault.left or fault.kind == "invalid" else 0
    errors.append(error)
    value = tree.give(final=True)
    silent = stop and error.kind != "incomplete"
    while value is not NOTHING or missing > 0 or silent:
        try:
            text, value = (yield value), NOTHING
        except EndOfText:
            break
        error.excerpt += text[: max(missing, 0)]
        missing -= len(text)
    raise error


def _finish(tree: Tree, finish: Callable[[Any], Any], left: int) -> None:
    """Put in place of the value, which is complete, what the schema makes of it."""
    try:
        value = finish(tree.value())
    except Fault as fault:
        fault.left = left
        fault.path = "$" + fault.path
        raise
    tree.replace(value)
