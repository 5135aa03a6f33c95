"""The value so far, and snapshots of it.

The scanner reads the text and tells a tree what it found: `open` a container, `close` it, `put` a value that is
complete, and set `key` before each value of an object. At the end of each chunk it asks the tree to `give` something.
"""

import math
from typing import Any, TypeAlias

from graphflow.jsonstream.trail import Trail
from graphflow.jsonstream.values import ABSENT, NOTHING, identical, same

Container: TypeAlias = dict[str, Any] | list[Any]

BUDGET = 64
"""Slots that each character read pays for."""

DICT_SLOT = 4
"""What copying an entry of a dict costs in slots of a list."""


class Tree:
    """The value so far: what is complete, and around the place of reading the containers that are still open.

    A scalar that is still being read, the *draft*, is never in the tree: `give` gets it as an argument.
    """

    def __init__(self, trail: Trail, every: bool) -> None:
        self.trail = trail
        self.rate = math.inf if every else BUDGET
        self.spent = 0
        self.holder: list[Any] = []  # of the root value
        self.container: Any = self.holder
        self.key: Any = -1  # where in `container` the next value goes
        self.spine: list[tuple[Any, Any, int]] = []  # (container, key, width) of each that is open around `container`
        self.width = 0  # of all containers in `spine`: what copying them costs
        self.draft: Any = ABSENT  # the draft as it was last given

    def open(self, child: Container) -> None:
        """Put an empty container, and go into it."""
        container, key = self.container, self.key
        self.spine.append((container, key, self.width))
        if type(container) is list:
            container.append(child)
            self.width += len(container)
        else:
            container[key] = child
            self.width += len(container) * DICT_SLOT
        self.container = child
        self.key = -1

    def close(self) -> bool:
        """Go back to the container around; is it a list?"""
        self.container, self.key, self.width = self.spine.pop()
        return type(self.container) is list

    def put(self, value: Any) -> None:
        """Put a value that is complete."""
        self.draft = ABSENT
        if type(self.container) is list:
            self.container.append(value)
        else:
            self.container[self.key] = value

    def give(self, draft: Any = ABSENT, final: bool = False) -> Any:
        """What changed since the last time, or NOTHING; NOTHING also if it costs too much now and is not `final`."""
        raise NotImplementedError

    def shown(self) -> Any:
        """What is visible where the next value goes: its draft, or the value that an equal key had before."""
        if self.draft is ABSENT and type(self.container) is dict:
            return self.container.get(self.key, ABSENT)
        return self.draft

    def value(self) -> Any:
        """The value so far, itself, not a copy: only for when nothing more is read."""
        return self.holder[0] if self.holder else None

    def path(self, child: int | None) -> str:
        """Where the reader stands: at the next value (0), behind the last (-1) or in no child of the container (None)."""
        path = "$"
        for container, key, _ in self.spine[1:]:
            path += _step(len(container) - 1 if type(container) is list else key)
        if child is None or not self.spine:
            return path
        return path + _step(len(self.container) + child if type(self.container) is list else self.key)


def _step(key: str | int) -> str:
    if type(key) is str and key.isidentifier():
        return f".{key}"
    return f"[{key!r}]"


class Snapshots(Tree):
    """Gives the whole value as it stands, in containers that are never changed later.

    What is complete is shared by all snapshots. What is open is copied each time: the containers around the place of
    reading, the *spine*. A spine may grow with the document, and then copying it for each chunk would be quadratic. So
    each character read pays for so many slots, and a snapshot that is not paid for yet is left out.
    """

    def __init__(self, trail: Trail, every: bool) -> None:
        super().__init__(trail, every)
        self.changed = False  # is the value another than the last that was given
        self.doubt = False  # a second value for a key may have changed it back
        self.last: Any = NOTHING

    def open(self, child: Container) -> None:
        if (shown := self.shown()) is ABSENT:
            self.changed = True
        elif not same(shown, child):
            self.changed = self.doubt = True
        super().open(child)

    def put(self, value: Any) -> None:
        container = self.container
        shown = self.draft
        if type(container) is list:
            container.append(value)
        else:
            if shown is ABSENT and self.key in container:
                shown = container[self.key]
                self.doubt = True
            container[self.key] = value
        if shown is ABSENT:
            self.changed = True
        else:
            self.draft = ABSENT
            if not same(shown, value):
                self.changed = True

    def give(self, draft: Any = ABSENT, final: bool = False) -> Any:
        container = self.container
        if draft is not ABSENT and not self.changed:
            shown = self.draft
            if shown is ABSENT and type(container) is dict and self.key in container:
                shown = container[self.key]
                self.doubt = True
            self.changed = shown is ABSENT or not same(shown, draft)
        if not self.changed:
            return NOTHING
        cost = self.width + len(container) * (1 if type(container) is list else DICT_SLOT)
        if type(draft) is str:
            cost += len(draft) >> 5
        cost += self.spent
        if cost > self.rate * self.trail.read and not final:
            return NOTHING
        self.spent = cost

        value = container.copy()
        if draft is not ABSENT:
            if type(value) is list:
                value.append(draft)
            else:
                value[self.key] = draft
        self.draft = draft
        for parent, key, _ in self.spine[:0:-1]:
            copy = parent.copy()
            copy[key] = value
            value = copy
        if not self.spine:
            value = value[0]

        self.changed = False
        if self.doubt:
            self.doubt = False
            if identical(value, self.last):
                return NOTHING
        self.last = value
        return value
