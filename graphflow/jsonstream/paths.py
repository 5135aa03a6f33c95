"""Paths: which parts of a value are meant, such as `countries[*].name`; and to follow several of them at once."""

from __future__ import annotations

import ast
import enum
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from graphflow.jsonstream.prose import Root


class Any_(enum.Enum):  # noqa: N801  # `Any` is taken
    """The steps that name no key and no index."""

    ITEM = "[*]"
    KEY = "*"


Step: TypeAlias = str | int | Any_
Path: TypeAlias = tuple[Step, ...]

_bare = re.compile(r"[^\s.\[\]*\"'$]+").match
_quoted = re.compile(r"""\[("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\]""", re.DOTALL).match
_index = re.compile(r"\[([0-9]+)\]").match


def parse_path(path: str) -> Path:
    r"""The steps of a path: keys, `["quoted keys"]`, `*` for any key, `[0]` and `[*]`. `$` is the whole value.

    >>> parse_path("countries[*].name"), parse_path('$["a.b"][0].*'), parse_path("$")
    (('countries', <Any_.ITEM: '[*]'>, 'name'), ('a.b', 0, <Any_.KEY: '*'>), ())
    >>> parse_path("countries[name]")
    Traceback (most recent call last):
    ValueError: in the path 'countries[name]', at position 9: expected [*], an index such as [0] or a key such as ["name"]
        countries[name]
                 ^
    """  # noqa: E501  # a message has one line
    if not isinstance(path, str):
        raise TypeError(f"a path is text such as 'countries[*]', not {path!r}")
    steps: list[Step] = []
    pos = int(path.startswith("$"))
    while pos < len(path) or not pos:
        if path[pos : pos + 1] == "[":
            if path.startswith("[*]", pos):
                steps.append(Any_.ITEM)
                pos += 3
            elif found := _index(path, pos):
                steps.append(int(found[1]))
                pos = found.end()
            elif found := _quoted(path, pos):
                steps.append(_unquoted(path, pos, found[1]))
                pos = found.end()
            else:
                raise _wrong(path, pos, '[*], an index such as [0] or a key such as ["name"]')
            continue
        if pos:
            if path[pos] != ".":
                raise _wrong(path, pos, "'.', '[' or the end")
            pos += 1
        if path[pos : pos + 1] == "*":
            steps.append(Any_.KEY)
            pos += 1
        elif found := _bare(path, pos):
            steps.append(found[0])
            pos = found.end()
        else:
            raise _wrong(path, pos, "a key or '*'" if pos else "a key, '*', '[' or '$'")
    return tuple(steps)


def _unquoted(path: str, pos: int, text: str) -> str:
    try:
        return str(json.loads(text, strict=False) if text[0] == '"' else ast.literal_eval(text))
    except (ValueError, SyntaxError):
        raise _wrong(path, pos + 1, "a key in quotes, with the escapes of a string") from None


def _wrong(path: str, pos: int, expected: str) -> ValueError:
    return ValueError(f"in the path {path!r}, at position {pos}: expected {expected}\n    {path}\n    {' ' * pos}^")


class Place:
    """A place in a value, as far as paths care: those that end here, and where the others lead.

    `ends` has the names of the paths that end here, `leaf` says that none leads further.
    """

    __slots__ = ("_indexes", "_item", "_key", "_keys", "ends", "leaf")

    def __init__(self, paths: Iterable[tuple[str, Path]]) -> None:
        paths = list(paths)
        self.ends = tuple(name for name, steps in paths if not steps)
        further = [(name, steps) for name, steps in paths if steps]
        self.leaf = not further
        firsts = {steps[0] for _, steps in further}
        self._keys = {step: _after(further, step, Any_.KEY) for step in firsts if isinstance(step, str)}
        self._indexes = {step: _after(further, step, Any_.ITEM) for step in firsts if isinstance(step, int)}
        self._key = _after(further, Any_.KEY)
        self._item = _after(further, Any_.ITEM)

    def member(self, key: str) -> Place:
        """The place of the value of a key."""
        return self._keys.get(key, self._key)

    def item(self, index: int) -> Place:
        """The place of an element."""
        return self._indexes.get(index, self._item)


def _after(paths: list[tuple[str, Path]], *steps: Step) -> Place:
    paths = [(name, path[1:]) for name, path in paths if path[0] in steps]
    return Place(paths) if paths else NOWHERE


NOWHERE: Final[Place] = Place.__new__(Place)
"""A place that no path goes through."""

NOWHERE.ends, NOWHERE.leaf = (), True
NOWHERE._keys, NOWHERE._indexes = {}, {}
NOWHERE._key = NOWHERE._item = NOWHERE


def places(paths: Mapping[str, Path]) -> Place:
    """The place around the whole value, which is its only element."""
    return Place((name, (0, *path)) for name, path in paths.items())


def root_of(paths: Iterable[Path]) -> Root:
    """The kind of value that all paths need: "object", "array" or "any"."""
    kinds: set[Root] = {
        "any" if not path else "array" if isinstance(path[0], int) or path[0] is Any_.ITEM else "object"
        for path in paths
    }
    return kinds.pop() if len(kinds) == 1 else "any"
