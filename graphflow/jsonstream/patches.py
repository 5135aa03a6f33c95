"""Patches: what changed, as operations of RFC 6902, from the state of the parser and not by comparing documents."""

from typing import Any

from graphflow.jsonstream.trail import Trail
from graphflow.jsonstream.tree import SLOT, Container, Tree
from graphflow.jsonstream.values import ABSENT, NOTHING, identical


class Given(int):
    """How many characters of a growing string were given."""


class Patches(Tree):
    """Gives the operations that lead from the value as it was last given to the value as it stands.

    Containers that were open then are *known*: what is put into them since is an operation. What is put into others is
    part of the value of such an operation. So a chunk costs what it changes, however wide the value is.
    """

    def __init__(self, trail: Trail, every: bool, append: bool) -> None:
        super().__init__(trail, every)
        self.append = append
        self.pointers = [""]  # to the holder of the root value, and to each open container
        self.known = 0  # how deep known containers lie
        # What was put into known containers: where, and what was shown there before. By depth and key.
        self.changes: dict[tuple[int, str | int], tuple[str, Any, Any]] = {}

    def open(self, child: Container) -> None:
        self._note()
        self.pointers.append(self._pointer())
        super().open(child)

    def close(self) -> bool:
        self.pointers.pop()
        listing = super().close()
        self.known = min(self.known, len(self.spine))
        return listing

    def put(self, value: Any) -> None:
        self._note()
        super().put(value)

    def give(self, draft: Any = ABSENT, final: bool = False) -> Any:
        self.chunks += 1
        if draft is not ABSENT:
            self._note()
        if not self.changes:
            return NOTHING
        if type(draft) is str and not self.append and not self.affordable(len(draft) // SLOT, final):
            return NOTHING
        patch = self._patch(draft)
        self.changes.clear()
        self.known = len(self.spine)
        self.draft = Given(len(draft)) if self.append and type(draft) is str else draft
        return patch or NOTHING

    def _patch(self, draft: Any) -> list[dict[str, Any]]:
        here = (len(self.spine), self._key()) if draft is not ABSENT else None
        fresh = copy = ABSENT  # the one new container that is open in a known one
        if len(self.spine) > self.known:
            around, key, _ = self.spine[self.known]
            fresh, copy = around[key], self.copy(draft, self.known)
        patch: list[dict[str, Any]] = []
        for place, (pointer, container, before) in self.changes.items():
            value = draft if place == here else container[place[1]]
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
        depth = len(self.spine)
        if depth <= self.known:
            place = (depth, self._key())
            if place not in self.changes:
                self.changes[place] = (self._pointer(), self.container, self.shown())

    def _key(self) -> str | int:
        return len(self.container) if type(self.container) is list else self.key

    def _pointer(self) -> str:
        if self.container is self.holder:
            return ""
        return f"{self.pointers[-1]}/{str(self._key()).replace('~', '~0').replace('/', '~1')}"
