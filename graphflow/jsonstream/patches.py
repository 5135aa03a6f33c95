"""Patches: what changed, as operations of RFC 6902, from the state of the parser and not by comparing documents."""

from typing import Any

from graphflow.jsonstream.trail import Trail
from graphflow.jsonstream.tree import FREE, SLOT, Container, Tree
from graphflow.jsonstream.values import ABSENT, NOTHING, identical


class Given(int):
    """How many characters of a growing string were given."""


class Patches(Tree):
    """Gives the operations that lead from the value as it was last given to the value as it is.

    Containers that were open then are *known*: what is put into them now is an operation. What is put into others is
    part of the value of such an operation. So a chunk costs what it changes, however wide the value is.
    """

    def __init__(self, trail: Trail, every: bool, append: bool) -> None:
        super().__init__(trail, every)
        self.append = append
        self.known = 0  # how deep known containers lie; the holder of the root value is one
        self.pointers = [""]  # to the holder and each open container
        # What was put into known containers: pointer, container, and what was shown there before. By depth and key.
        self.changes: dict[tuple[int, str | int], tuple[str, Any, Any]] = {}

    def open(self, child: Container) -> None:
        """Put an empty container, and go into it."""
        self._note()
        self.pointers.append(self._pointer())
        super().open(child)

    def close(self) -> bool:
        """Go back to the container around; return whether it is a list."""
        self.pointers.pop()
        listing = super().close()
        self.known = min(self.known, len(self.spine))
        return listing

    def put(self, value: Any) -> None:
        """Put a value that is complete."""
        self._note()
        super().put(value)

    def give(self, draft: Any = ABSENT, final: bool = False) -> Any:
        """Return the operations for what changed."""
        self.chunks += 1
        if draft is not ABSENT:
            self._note()
        if not self.changes:
            return NOTHING
        if type(draft) is str and not self.append:  # each operation has the whole string
            cost = len(draft) // SLOT
            if cost > FREE and not final and not self.affords(cost):
                return NOTHING
        patch = self._patch(draft)
        self.changes.clear()
        self.known = len(self.spine)
        self.draft = Given(len(draft)) if self.append and type(draft) is str else draft
        return patch or NOTHING

    def _patch(self, draft: Any) -> list[dict[str, Any]]:
        here = (len(self.spine), self._key()) if draft is not ABSENT else None
        fresh = copy = ABSENT  # the outermost container that is open and not known
        if len(self.spine) > self.known:
            around, key, _ = self.spine[self.known]
            fresh, copy = around[key], self.copy(draft, self.known)
        patch: list[dict[str, Any]] = []
        for place, (pointer, container, before) in self.changes.items():
            # What was open may have closed since, and a neighbour of the same depth have the same key.
            value = draft if place == here and container is self.container else container[place[1]]
            if value is fresh:
                value = copy
            if type(before) is Given:
                if len(value) > before:
                    patch.append({"op": "append", "path": pointer, "value": value[before:]})
            elif before is ABSENT and container is not self.holder:
                patch.append({"op": "add", "path": pointer, "value": value})
            elif not identical(before, value):
                patch.append({"op": "replace", "path": pointer, "value": value})
        return patch

    def _note(self) -> None:
        """Note that something is put in the place of the next value."""
        depth = len(self.spine)
        if depth > self.known:
            return
        place = (depth, self._key())
        if place not in self.changes:
            before = self.draft
            if before is ABSENT and type(self.container) is dict:  # the key may come again
                before = self.container.get(self.key, ABSENT)
            self.changes[place] = (self._pointer(), self.container, before)
            return
        pointer, container, before = self.changes[place]
        if type(before) is Given and self.draft is ABSENT:  # that string is complete, and now its key comes again
            self.changes[place] = (pointer, container, container[self.key][:before])

    def _key(self) -> str | int:
        return len(self.container) if type(self.container) is list else self.key

    def _pointer(self) -> str:
        if self.container is self.holder:
            return ""
        return f"{self.pointers[-1]}/{str(self._key()).replace('~', '~0').replace('/', '~1')}"
