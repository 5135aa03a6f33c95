"""Parts of the value instead of the whole: elements when they close, and the characters of strings as they come.

What no path selects is read and forgotten.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphflow.jsonstream.errors import Fault
from graphflow.jsonstream.paths import NOWHERE, Place
from graphflow.jsonstream.trail import Trail
from graphflow.jsonstream.tree import Container, Tree, step_text
from graphflow.jsonstream.values import ABSENT, NOTHING


class Selection(Tree):
    """Gives the elements that closed, each with the name of its path."""

    def __init__(self, trail: Trail, place: Place, read: Mapping[str, Callable[[Any], Any]]) -> None:
        super().__init__(trail, every=True)
        self.container: Any = None  # the innermost that is open, if it belongs to an element
        self.place = place  # of the innermost that is open
        self.listing = True  # whether that is a list
        self.count = 0  # how many values it has
        self.found: list[tuple[str, Any]] = []
        self.partial: Any = None
        self._read = read

    def child(self) -> Place:
        """The place of the next value."""
        return self.place.item(self.count) if self.listing else self.place.member(self.key)

    def whole(self) -> bool:
        """Whether the next value may be put as a whole: no path leads into it."""
        return self.child().leaf

    def put(self, value: Any) -> None:
        """Put a value that is complete."""
        if self.container is not None:
            self.attach(value)
        place = self.place
        if place is not NOWHERE:
            child = self.child()
            if child.ends:
                self.select(child, value)
        if not self.spine:
            self.holder.append(None)
        self.count += 1

    def open(self, child: Container) -> None:
        """Go into a container, which is kept only if it is selected or part of what is."""
        place = self.child()
        kept = child if place.ends or self.container is not None else None
        if self.container is not None:
            self.attach(child)
        self.spine.append((self.place, self.container, self.listing, self.count, self.key))
        self.place, self.container, self.listing, self.count, self.key = place, kept, type(child) is list, 0, -1

    def close(self) -> bool:
        """Go back to the container around; return whether it is a list."""
        closed, value = self.place, self.container
        self.place, self.container, self.listing, self.count, self.key = self.spine.pop()
        if closed.ends:
            self.select(closed, value)
        if not self.spine:
            self.holder.append(None)
        self.count += 1
        return self.listing

    def attach(self, value: Any) -> None:
        """Put a value into the container that is kept."""
        if self.listing:
            self.container.append(value)
        else:
            self.container[self.key] = value

    def select(self, place: Place, value: Any) -> None:
        """Take a value that is complete."""
        for name in place.ends:
            try:
                self.found.append((name, self._read[name](value) if name in self._read else value))
            except Fault as fault:
                self.partial = value
                fault.path = self.path(0) + fault.path
                raise

    def leave(self, draft: Any) -> None:
        """Leave behind what could be read of a scalar that will not be complete."""
        if self.container is not None:
            self.attach(draft)
        elif self.child().ends:
            self.partial = draft

    def value(self) -> Any:
        """What could be read of the outermost element that is open; None if none is."""
        if self.partial is not None:
            return self.partial
        kept = [container for _, container, *_ in self.spine if container is not None]
        return kept[0] if kept else self.container

    def give(self, draft: Any = ABSENT, final: bool = False) -> Any:
        """Return what was found since."""
        if not self.found:
            return NOTHING
        found, self.found = self.found, []
        return found

    def path(self, child: int | None) -> str:
        """Where reading stands: at the next value (0), behind the last one (-1), or before a key (None)."""
        if not self.spine:
            return "$"
        path = "$"
        for _, _, listing, count, key in self.spine[1:]:
            path += step_text(count if listing else key)
        if child is None:
            return path
        return path + step_text(self.count + child if self.listing else self.key)


class Texts(Selection):
    """Gives what the strings have grown by, each with the name of its path."""

    def __init__(self, trail: Trail, place: Place) -> None:
        super().__init__(trail, place, {})
        self.given = 0  # how many characters of the string that is open
        self.done: set[Place] = set()  # whose string is complete

    def whole(self) -> bool:
        """Whether the next value may be put as a whole: no string in it is selected."""
        return self.child() is NOWHERE

    def open(self, child: Container) -> None:
        """Go into a container."""
        if self.child().ends:
            raise self._no_string("an array" if type(child) is list else "an object")
        super().open(child)

    def select(self, place: Place, value: Any) -> None:
        """Take the rest of a string."""
        if type(value) is not str:
            if value is None:
                return
            raise self._no_string("a number" if type(value) in (int, float) else "a literal")
        if place in self.done:
            self.partial = value
            fault = Fault("this string came before: its key stands twice", -1, "invalid")
            fault.path = self.path(0)
            raise fault
        self._grow(place, value)
        self.given = 0
        self.done.add(place)

    def leave(self, draft: Any) -> None:
        """Leave behind what could be read of a scalar that will not be complete."""
        self._show(draft)
        super().leave(draft)

    def give(self, draft: Any = ABSENT, final: bool = False) -> Any:
        """Return the characters that came."""
        self._show(draft)
        return super().give()

    def _show(self, draft: Any) -> None:
        if type(draft) is str and len(draft) > self.given:
            place = self.child()
            if place.ends and place not in self.done:
                self._grow(place, draft)

    def _grow(self, place: Place, text: str) -> None:
        if len(text) > self.given:
            piece = text[self.given :]
            self.given = len(text)
            self.found.extend((name, piece) for name in place.ends)

    def _no_string(self, what: str) -> Fault:
        fault = Fault(f"expected a string, not {what}", -1, "invalid")
        fault.path = self.path(0)
        return fault
