"""Text templates with named holes: `"tell me a joke about {topic}"`.

A hole is a plain name in braces and nothing more, so a template can neither reach into the values that it is given nor
run code of theirs beyond `str()`. `{{` and `}}` stand for braces.

>>> joke = Template("tell me a {kind} joke about {topic}")
>>> joke.holes
('kind', 'topic')
>>> joke.partial(kind="short").format({"topic": "parrots"})
'tell me a short joke about parrots'
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

import attrs

from graphflow.errors import GraphflowError

# Possessive, so that a megabyte of braces neither backtracks nor keeps state for it.
_LITERAL = re.compile(r"(?:[^{}]++|\{\{|\}\})*+")
_HOLE = re.compile(r"\{([^{}]*+)\}")


class TemplateError(GraphflowError, ValueError):
    """A template's text cannot be read.

    Attributes:
        problem: what is wrong.
        hint: what to write instead.
        position: where, counted in characters from 0; `line` and `column` say the same, counted from 1.
        excerpt: the text around that place.
    """

    def __init__(self, problem: str, hint: str, position: int, line: int, column: int, excerpt: str) -> None:
        super().__init__(problem, hint, position, line, column, excerpt)
        self.problem = problem
        self.hint = hint
        self.position = position
        self.line = line
        self.column = column
        self.excerpt = excerpt

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}, near {self.excerpt!r}"
        return f"{self.problem} at {place}\n  hint: {self.hint}"


class MissingHoleError(GraphflowError, KeyError):
    """`Template.format` was not given a value for every hole.

    Attributes:
        missing: the holes without a value, in the template's order.
        given: the keys that were given.
    """

    def __init__(self, missing: Iterable[str], given: Iterable[object]) -> None:
        self.missing = tuple(missing)
        self.given = tuple(given)
        super().__init__(self.missing, self.given)

    def __str__(self) -> str:
        holes = ", ".join(f"{{{name}}}" for name in self.missing)
        given = ", ".join(repr(key) for key in self.given[:20]) or "nothing"
        more = f" and {len(self.given) - 20} more" if len(self.given) > 20 else ""
        return f"the template needs {holes}, but was given {given}{more}"


class UnknownHoleError(GraphflowError, ValueError):
    """`Template.partial` was given a name that is not a hole of the template.

    Attributes:
        name: that name.
        holes: the template's holes.
    """

    def __init__(self, name: str, holes: Iterable[str]) -> None:
        self.name = name
        self.holes = tuple(holes)
        super().__init__(name, self.holes)

    def __str__(self) -> str:
        nearest = difflib.get_close_matches(self.name, self.holes[:200], n=1)
        hint = f"; did you mean {{{nearest[0]}}}?" if nearest else ""
        holes = ", ".join(f"{{{name}}}" for name in self.holes) or "none"
        return f"the template has no hole {{{self.name}}} (its holes: {holes}){hint}"


@attrs.frozen
class _Parsed:
    """`literals[0]`, hole `names[0]`, `literals[1]`, ...: one literal more than names."""

    literals: tuple[str, ...]
    names: tuple[str, ...]


def _parse_template(template: Template) -> _Parsed:
    if not isinstance(template.text, str):
        raise TypeError(f"a template is a str, not {type(template.text).__name__}")
    return _parse(template.text)


@attrs.frozen(repr=False)
class Template:
    """A text with named holes. Immutable, hashable; parsed once, in time linear in the text.

    Raises:
        TemplateError: braces that do not balance, or hold anything but a plain name.
        TypeError: `text` is not a str.

    >>> Template('answer as {{"joke": ...}} about {topic}').format({"topic": "{parrots}"})
    'answer as {"joke": ...} about {parrots}'
    """

    text: str
    _filled: tuple[tuple[str, str], ...] = attrs.field(default=(), alias="filled", kw_only=True)
    _parsed: _Parsed = attrs.field(default=attrs.Factory(_parse_template, takes_self=True), init=False, eq=False)

    @property
    def holes(self) -> tuple[str, ...]:
        """The names to give to `format`: in order of first appearance, each once, without those filled already."""
        filled = dict(self._filled)
        return tuple(name for name in dict.fromkeys(self._parsed.names) if name not in filled)

    def format(self, values: Mapping[str, object]) -> str:
        """Fill the holes with `str()` of the values. Other keys are ignored; braces in values are just text.

        Raises:
            MissingHoleError: a hole has no value.
        """
        holes = self.holes
        missing = [name for name in holes if name not in values]
        if missing:
            raise MissingHoleError(missing, values)
        texts = dict(self._filled) | {name: str(values[name]) for name in holes}
        literals = self._parsed.literals
        fillings = map(texts.__getitem__, self._parsed.names)
        pieces = [piece for pair in zip(literals[:-1], fillings, strict=True) for piece in pair]
        return "".join([*pieces, literals[-1]])

    def partial(self, **values: object) -> Template:
        """Fill some holes now, with `str()` of the values, and give the template that is left.

        Raises:
            UnknownHoleError: the template has no such hole.
        """
        names = dict.fromkeys(self._parsed.names)
        for name in values:
            if name not in names:
                raise UnknownHoleError(name, names)
        filled = dict(self._filled) | {name: str(value) for name, value in values.items()}
        return attrs.evolve(self, filled=tuple((name, filled[name]) for name in names if name in filled))

    def __repr__(self) -> str:
        text = repr(self.text) if len(self.text) <= 200 else f"{self.text[:160]!r}... ({len(self.text)} characters)"
        filled = "".join(f", {name}={value[:80]!r}" for name, value in self._filled)
        return f"Template({text}{filled and f'; filled{filled[1:]}'})"


def _parse(text: str) -> _Parsed:
    literals: list[str] = []
    names: list[str] = []
    position = 0
    while True:
        literal = _LITERAL.match(text, position)
        assert literal is not None  # it matches the empty text
        literals.append(literal.group().replace("{{", "{").replace("}}", "}"))
        position = literal.end()
        if position == len(text):
            return _Parsed(tuple(literals), tuple(names))
        hole = _HOLE.match(text, position)
        name = hole.group(1) if hole else ""
        if hole is None or not name.isidentifier():
            raise _error(text, position, *(_diagnosis(name) if hole else _unbalanced(text[position])))
        names.append(name)
        position = hole.end()


def _error(text: str, position: int, problem: str, hint: str) -> TemplateError:
    line_start = text.rfind("\n", 0, position) + 1
    excerpt = text[max(0, position - 20) : position + 40]
    return TemplateError(problem, hint, position, text.count("\n", 0, position) + 1, position - line_start + 1, excerpt)


def _unbalanced(brace: str) -> tuple[str, str]:
    if brace == "}":
        return "a closing brace without an opening one", "write }} for a brace as text"
    hint = "close it after a plain name, as in {topic}, or write {{ for a brace as text"
    return "an opening brace that is not closed", hint


def _diagnosis(inside: str) -> tuple[str, str]:
    """Say what someone who wrote `{inside}` meant, and how to have it."""
    shown = f"{{{inside}}}" if len(inside) <= 60 else f"{{{inside[:60]}...}}"
    plain = inside.strip()
    name = re.match(r"\w*", plain)
    base = name.group() if name and name.group().isidentifier() else ""
    rest = plain[len(base) :]
    base = base if len(base) <= 60 else f"{base[:60]}..."
    if not plain:
        return "an empty hole", "give the hole a name, as in {topic}, or write {{}} for braces as text"
    if plain.isdecimal():
        return f"a numbered hole {shown}", "holes have names, as in {topic}"
    if base and not rest:
        return f"white space in the hole {shown}", f"write {{{base}}}"
    if base and rest[0] in ".[":
        what = "attribute" if rest[0] == "." else "index"
        hint = f"take that value out in a step before and give it a name of its own, then write {{{base}}}"
        return f"{what} access in the hole {shown}", hint
    if base and rest[0] in "!:":
        what = "a conversion" if rest[0] == "!" else "a format specification"
        return f"{what} in the hole {shown}", f"format the value in a step before, then write {{{base}}}"
    return f"the hole {shown} is not a plain name", f"for braces as text, as in JSON, double them: {{{shown}}}"
