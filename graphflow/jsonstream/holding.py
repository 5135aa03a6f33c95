"""Parts that are shown only when they are complete, whatever is shown of the others."""

from typing import Any

from graphflow.jsonstream.patches import Patches
from graphflow.jsonstream.paths import NOWHERE, Place
from graphflow.jsonstream.trail import Trail
from graphflow.jsonstream.tree import Container, Snapshots, Tree
from graphflow.jsonstream.values import ABSENT


class Holding(Tree):
    """A tree that holds back the values at some places until they are complete.

    A container that is held back is built outside of the tree, and put into it when it closes.
    """

    place: Place  # of the innermost container of the tree
    places: list[Place]  # of those around
    tree: tuple[Any, Any, Any, int] | None = None  # what the tree's state is while a container is held back

    def hold(self, place: Place) -> None:
        """Say what is held back."""
        self.place = place
        self.places = []

    def child(self) -> Place:
        """The place of the next value."""
        if self.place is NOWHERE:
            return NOWHERE
        container = self.container
        return self.place.item(len(container)) if type(container) is list else self.place.member(self.key)

    def open(self, child: Container) -> None:
        """Put an empty container, and go into it."""
        if self.tree is not None:
            Tree.open(self, child)
            return
        place = self.child()
        if place.ends:
            self._swap((None, -1, [], 0))
            self.container = []
            Tree.open(self, child)
            return
        self.places.append(self.place)
        super().open(child)
        self.place = place

    def close(self) -> bool:
        """Go back to the container around; return whether it is a list."""
        if self.tree is None:
            self.place = self.places.pop()
            return super().close()
        Tree.close(self)
        if not self.spine:
            (value,) = self.container
            self._swap(None)
            super().put(value)
        return type(self.container) is list

    def put(self, value: Any) -> None:
        """Put a value that is complete."""
        if self.tree is not None:
            Tree.put(self, value)
        else:
            super().put(value)

    def leave(self, draft: Any) -> None:
        """Leave behind what could be read of a scalar that will not be complete, if it is shown at all."""
        if self.tree is None and not self.child().ends:
            super().leave(draft)

    def give(self, draft: Any = ABSENT, final: bool = False) -> Any:
        """Return what is new of what is not held back."""
        if self.tree is None:
            return super().give(ABSENT if draft is not ABSENT and self.child().ends else draft, final)
        held = (self.container, self.key, self.spine, self.width)
        self._swap(None)
        value = super().give(ABSENT, final)
        self._swap(held)
        return value

    def path(self, child: int | None) -> str:
        """Where reading stands: at the next value (0), behind the last one (-1), or before a key (None)."""
        if self.tree is None:
            return super().path(child)
        inside = super().path(child)
        held = (self.container, self.key, self.spine, self.width)
        self._swap(None)
        around = super().path(0)
        self._swap(held)
        return around + inside[1:]

    def _swap(self, held: tuple[Any, Any, Any, int] | None) -> None:
        """Go on with a container that is held back, or with the tree."""
        if held is not None:
            self.tree = (self.container, self.key, self.spine, self.width)
        state = held or self.tree
        assert state is not None
        self.container, self.key, self.spine, self.width = state
        if held is None:
            self.tree = None


class HoldingSnapshots(Holding, Snapshots):
    """Snapshots with parts that are held back."""

    def __init__(self, trail: Trail, every: bool, place: Place) -> None:
        super().__init__(trail, every)
        self.hold(place)


class HoldingPatches(Holding, Patches):
    """Patches with parts that are held back."""

    def __init__(self, trail: Trail, every: bool, append: bool, place: Place) -> None:
        super().__init__(trail, every, append)
        self.hold(place)
