"""The paths that a user gives, one, or several by name; and how what is found at them is given.

Readers of JSON and of XML, whose paths are written differently, do the same with them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

P = TypeVar("P")


class Named(Generic[P]):
    """One path, which has the name "" here, or several by name; `parse` reads one of them.

    Attributes:
        several: whether there are several by name: then each thing that is found is given under the name of its path.
        parsed: the paths by name.
    """

    def __init__(self, path: str | Mapping[str, str], parse: Callable[[str], P]) -> None:
        self.several = isinstance(path, Mapping)
        self._written = path if isinstance(path, Mapping) else {"": path}
        if not self._written:
            raise ValueError("there is no path: give one, or several by name")
        self.parsed = {name: parse(each) for name, each in self._written.items()}

    def check_single(self, parts: str, single: Callable[[P], bool]) -> None:
        """Raise `ValueError` if a path may mean many parts where the text of one is to be given piece by piece."""
        for name, parsed in self.parsed.items():
            if not single(parsed):
                raise ValueError(
                    f"the path {self._written[name]!r} may mean many {parts}: the text of one is streamed, not of many"
                )

    def readers(
        self, schema: type | Mapping[str, type] | None, reader: Callable[[type], Callable[[Any], Any]]
    ) -> dict[str, Callable[[Any], Any]]:
        """What turns the elements at the paths into what the schemas ask for, by name."""
        if schema is None:
            return {}
        if isinstance(schema, Mapping) != self.several:
            raise TypeError("schema: several paths take several schemas, by name; one path takes one")
        schemas = schema if isinstance(schema, Mapping) else {"": schema}
        for name in schemas:
            if name not in self.parsed:
                near = difflib.get_close_matches(name, self.parsed, n=1)
                mend = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(map(repr, self.parsed))}"
                raise ValueError(f"schema: there is no path {name!r}; {mend}")
        return {name: reader(each) for name, each in schemas.items()}

    def records(self, found: Iterable[tuple[str, Any]]) -> list[Any]:
        """What is given of elements, which come with the names of their paths."""
        return [{name: value} if self.several else value for name, value in found]


def joined(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join pieces of texts, which come with the names of their paths."""
    pieces: dict[str, str] = {}
    for name, piece in found:
        pieces[name] = pieces.get(name, "") + piece
    return pieces
