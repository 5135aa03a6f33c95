"""What is given of a document: its root as it grows, elements when they close, or their characters as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from graphflow.jsonstream.errors import Fault
from graphflow.jsonstream.tree import CONTAINER, EARNED, FREE, SLOT
from graphflow.xmlstream.element import ANY, Path, XmlElement

Read: TypeAlias = Callable[[XmlElement], Any]


class Tree:
    """What a document tells of its elements; what is given of them is up to the subclass."""

    def __init__(self) -> None:
        self.names: list[str] = []  # of the elements that are open, the root first

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Go into an element."""
        self.names.append(name)

    def end(self, name: str) -> None:
        """Leave the innermost element."""
        self.names.pop()

    def add(self, text: str) -> None:
        """Add text to the innermost element."""

    def give(self, length: int) -> Iterable[Any]:
        """Return what is new, after a piece of text of that length."""
        raise NotImplementedError

    def partial(self) -> XmlElement | str | None:
        """What could be read of what is asked for, when no more will be read."""
        return None


class Open:
    """An element that is open."""

    __slots__ = ("attributes", "content", "name", "size", "spoken", "texts")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.content: list[XmlElement | str] = []
        self.texts: list[str] = []  # that stand behind the content
        self.size = 0  # of those, in characters
        self.spoken = False  # whether they are more than blanks

    def add(self, text: str) -> None:
        """Add text."""
        self.texts.append(text)
        self.size += len(text)
        self.spoken = self.spoken or not text.isspace()

    def put(self, element: XmlElement) -> None:
        """Put an element that has closed."""
        if self.texts:
            self.content.append("".join(self.texts))
            self.texts, self.size, self.spoken = [], 0, False
        self.content.append(element)

    def close(self, *inside: XmlElement) -> XmlElement:
        """Return the element, with one in it that is still open."""
        text = "".join(self.texts)
        self.texts = [text] if text else []
        return XmlElement(self.name, self.attributes, (*self.content, *([text] if text else ()), *inside))


def so_far(spine: Iterable[Open]) -> XmlElement | None:
    """Return the first of elements that are open, one in the other, as far as it has come; None if none is.

    Blanks at the end are left out: they are layout most often, and may get company.
    """
    element: XmlElement | None = None
    for each in reversed(list(spine)):
        if element is not None:
            element = each.close(element)
        elif each.spoken:
            element = each.close()
        else:
            element = XmlElement(each.name, each.attributes, tuple(each.content))
    return element


class Whole(Tree):
    """Gives the root element, as far as it has come, when it has changed.

    Elements never change: what is open is copied for each snapshot. It may grow with the document, and then copying it
    for each chunk would take quadratic time. So copies must keep to a budget, as those of JSON.
    """

    def __init__(self, read: Read | None, every: bool) -> None:
        super().__init__()
        self._read = read
        self._every = every
        self._spine: list[Open] = []
        self._root: XmlElement | None = None  # when it has closed
        self._value: Any = None  # what is made of it
        self._changed = False
        self._allowed = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Go into an element."""
        super().start(name, attributes)
        self._spine.append(Open(name, attributes))
        self._changed = True

    def end(self, name: str) -> None:
        """Leave the innermost element."""
        element = self._spine.pop().close()
        if self._spine:
            self._spine[-1].put(element)
        else:
            self._root = element
            self._value = element if self._read is None else self._read(element)
        self._changed = True
        super().end(name)

    def add(self, text: str) -> None:
        """Add text to the innermost element."""
        innermost = self._spine[-1]
        innermost.add(text)
        self._changed = self._changed or innermost.spoken

    def give(self, length: int) -> Iterable[Any]:
        """Return the root, if it has changed."""
        self._allowed += FREE + length * EARNED
        if not self._changed or not (self._root is not None or self._affords()):
            return ()
        self._changed = False
        return (self.partial() if self._root is None else self._value,)

    def _affords(self) -> bool:
        """Pay for a copy that is not free, if what was read is enough for it."""
        cost = sum(CONTAINER + len(each.content) + each.size // SLOT for each in self._spine)
        if cost <= FREE or self._every:
            return True
        affords = cost <= self._allowed
        self._allowed -= cost if affords else 0
        return affords

    def partial(self) -> XmlElement | None:
        """What could be read of the root."""
        return so_far(self._spine) if self._root is None else self._root


class _Paths(Tree):
    """Follows several paths at once."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        super().__init__()
        self._on: list[list[tuple[str, Path]]] = [list(paths.items())]  # which lead through each element, or further

    def enter(self, name: str) -> list[str]:
        """Go into an element; return which paths end there."""
        depth = len(self.names)
        self._on.append([each for each in self._on[-1] if len(each[1]) > depth and each[1][depth] in (ANY, name)])
        self.names.append(name)
        return self.ending()

    def ending(self) -> list[str]:
        """Return which paths end in the innermost element."""
        return [key for key, path in self._on[-1] if len(path) == len(self.names)]

    def end(self, name: str) -> None:
        """Leave the innermost element."""
        self._on.pop()
        super().end(name)


class Elements(_Paths):
    """Gives the elements that closed, each with the name of its path. What no path selects is read and forgotten."""

    def __init__(self, paths: Mapping[str, Path], read: Mapping[str, Read]) -> None:
        super().__init__(paths)
        self._read = read
        self._kept: list[Open | None] = []  # of each open element: what has come of it, if it is selected or in one
        self._found: list[tuple[str, Any]] = []
        self._wrong: XmlElement | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Go into an element."""
        kept = self.enter(name) or (self._kept and self._kept[-1] is not None)
        self._kept.append(Open(name, attributes) if kept else None)

    def end(self, name: str) -> None:
        """Leave the innermost element."""
        kept = self._kept.pop()
        if kept is not None:
            element = kept.close()
            around = self._kept[-1] if self._kept else None
            if around is not None:
                around.put(element)
            for key in self.ending():
                try:
                    self._found.append((key, self._read[key](element) if key in self._read else element))
                except Fault:
                    self._wrong = element
                    raise
        super().end(name)

    def add(self, text: str) -> None:
        """Add text to the innermost element."""
        kept = self._kept[-1]
        if kept is not None:
            kept.add(text)

    def give(self, length: int) -> list[tuple[str, Any]]:
        """Return what was found since."""
        found, self._found = self._found, []
        return found

    def partial(self) -> XmlElement | None:
        """What could be read of the outermost selected element that is open, or the one that is wrong."""
        return self._wrong or so_far(each for each in self._kept if each is not None)


class _Text:
    """The text of one element, without the blanks at both ends."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._blanks: list[str] = []  # that have come behind them

    def add(self, text: str) -> str:
        """Take a piece, and return what can be given of it."""
        text = text if self.pieces else text.lstrip()
        spoken = text.rstrip()
        given = "".join([*self._blanks, spoken]) if spoken else ""
        if spoken:
            self._blanks.clear()
            self.pieces.append(given)
        self._blanks.append(text[len(spoken) :])
        return given


class Texts(_Paths):
    """Gives the characters that came of each element, which a path may select once."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        super().__init__(paths)
        self._texts: dict[str, _Text] = {}
        self._open: list[str] = []
        self._found: list[tuple[str, str]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Go into an element."""
        for key in self.enter(name):
            if key in self._texts:
                raise Fault(f"a second <{name}>: the text of one is given, not of many", 0, "invalid")
            self._texts[key] = _Text()
            self._open.append(key)

    def end(self, name: str) -> None:
        """Leave the innermost element."""
        for key in self.ending():
            self._open.remove(key)
        super().end(name)

    def add(self, text: str) -> None:
        """Add text to the innermost element."""
        for key in self._open:
            given = self._texts[key].add(text)
            if given:
                self._found.append((key, given))

    def give(self, length: int) -> list[tuple[str, str]]:
        """Return the characters that came."""
        found, self._found = self._found, []
        return found

    def partial(self) -> str | None:
        """What has come of the text that is under way."""
        return "".join(self._texts[self._open[0]].pieces) if self._open else None
