"""The value so far, and snapshots of it.

The scanner reads the text and tells a tree what it finds: it sets `key` before each value of an object, and calls `put`
for a value that is complete, `open` and `close` for a container that it reads piece by piece. At the end of each chunk
it asks the tree to `give` something. What that is, is up to the subclass.
"""

from typing import Any, TypeAlias

from graphflow.jsonstream.trail import Trail
from graphflow.jsonstream.values import ABSENT, NOTHING, identical, same

Container: TypeAlias = dict[str, Any] | list[Any]

# The budget for copies, in slots of a list. With it, copying takes no more time than reading, whatever the chunks are.
FREE = 128  # for each chunk
EARNED = 8  # for each character
CONTAINER = 8  # slots that take as much time as one more container, however small
ENTRY = 4  # slots that take as much time as one entry of a dict
SLOT = 32  # characters of a string that take as much time as one slot


class Tree:
    """The value so far: what is complete, and the open containers that it is put into.

    A scalar that is still being read, a *draft*, is not in the tree. It is shown only in what is given.
    """

    def __init__(self, trail: Trail, every: bool) -> None:
        self.holder: list[Any] = []  # of the root value
        self.container: Any = self.holder  # the innermost that is open
        self.key: Any = -1  # in an object: of the next value
        self.spine: list[tuple[Any, ...]] = []  # all around `container`, outermost first: each with key and width
        self.width = 0  # what copying the spine costs
        self.draft: Any = ABSENT  # as it was last given
        self.chunks = 0
        self._trail = trail
        self._every = every
        self._spent = 0

    def open(self, child: Container) -> None:
        """Put an empty container, and go into it."""
        container, key = self.container, self.key
        self.spine.append((container, key, self.width))
        if type(container) is list:
            container.append(child)
            self.width += CONTAINER + len(container)
        else:
            container[key] = child
            self.width += CONTAINER + len(container) * ENTRY
        self.container = child
        self.key = -1

    def close(self) -> bool:
        """Go back to the container around; return whether it is a list."""
        self.container, self.key, self.width = self.spine.pop()
        return type(self.container) is list

    def put(self, value: Any) -> None:
        """Put a value that is complete."""
        self.draft = ABSENT
        if type(self.container) is list:
            self.container.append(value)
        else:
            self.container[self.key] = value

    def leave(self, draft: Any) -> None:
        """Leave behind what could be read of a scalar that will not be complete."""
        self.put(draft)

    def whole(self) -> bool:
        """Whether the next value, if it is a container, may be put as a whole."""
        return True

    def give(self, draft: Any = ABSENT, final: bool = False) -> Any:
        """Return what is new, or NOTHING; also if that costs too much for now, unless there is no later."""
        raise NotImplementedError

    def affords(self, cost: int) -> bool:
        """Pay for a copy that is not free, if what was read is enough for it."""
        if self._every:
            return True
        cost += self._spent
        if cost > self.chunks * FREE + self._trail.read * EARNED:
            return False
        self._spent = cost
        return True

    def copy(self, draft: Any, depth: int = 0) -> Any:
        """Copy the open containers that are deeper than `depth`, with the draft in its place."""
        value = self.container.copy()
        if draft is not ABSENT:
            if type(value) is list:
                value.append(draft)
            else:
                value[self.key] = draft
        for parent, key, *_ in self.spine[:depth:-1]:
            around = parent.copy()
            around[key] = value
            value = around
        return value

    def value(self) -> Any:
        """The value itself, not a copy: for when nothing more will be read. None if there is none."""
        return self.holder[0] if self.holder else None

    def replace(self, value: Any) -> None:
        """Put something else in the place of the root value, which is complete."""
        self.holder[0] = value

    def path(self, child: int | None) -> str:
        """Where reading stands: at the next value (0), behind the last one (-1), or before a key (None)."""
        path = "$"
        for container, key, _ in self.spine[1:]:
            path += step_text(len(container) - 1 if type(container) is list else key)
        if child is None or not self.spine:
            return path
        return path + step_text(len(self.container) + child if type(self.container) is list else self.key)


def step_text(key: str | int) -> str:
    """How a path goes on to a key or an index."""
    return f".{key}" if type(key) is str and key.isidentifier() else f"[{key!r}]"


class Snapshots(Tree):
    """Gives the whole value, in containers that are never changed later.

    What is complete is shared by all snapshots, what is open is copied for each. A container that is open may grow with
    the document, and then copying it for each chunk would take quadratic time. So copies must keep to a budget, and a
    snapshot that costs too much is left out.
    """

    def __init__(self, trail: Trail, every: bool) -> None:
        super().__init__(trail, every)
        self.last: Any = NOTHING
        self.changed = False  # since the last snapshot
        self.doubt = False  # whether the change may have been undone: when a key came again

    def open(self, child: Container) -> None:
        """Put an empty container, and go into it."""
        if type(self.container) is dict and self.key in self.container:
            self.doubt = True
            self.changed = self.changed or not same(self.container[self.key], child)
        else:
            self.changed = True
        super().open(child)

    def put(self, value: Any) -> None:
        """Put a value that is complete."""
        container = self.container
        before, self.draft = self.draft, ABSENT
        if type(container) is list:
            container.append(value)
        else:
            if before is ABSENT and self.key in container:
                before = container[self.key]
                self.doubt = True
            container[self.key] = value
        if before is ABSENT or not same(before, value):
            self.changed = True

    def give(self, draft: Any = ABSENT, final: bool = False) -> Any:
        """Return the value if it changed."""
        self.chunks += 1
        container = self.container
        listing = type(container) is list
        if draft is not ABSENT and not self.changed:
            before = self.draft
            if before is ABSENT and not listing and self.key in container:
                before = container[self.key]
                self.doubt = True
            self.changed = before != draft or not same(before, draft)
        if not self.changed:
            return NOTHING
        cost = self.width + (len(container) if listing else len(container) * ENTRY)
        if type(draft) is str:
            cost += len(draft) // SLOT
        if cost > FREE and not final and not self.affords(cost):
            return NOTHING
        self.draft = draft
        value = self.copy(draft) if self.spine else self.copy(draft)[0]
        self.changed = False
        if self.doubt:
            self.doubt = False
            if identical(value, self.last):
                return NOTHING
        self.last = value
        return value

    def replace(self, value: Any) -> None:
        """Put something else in the place of the root value, which is complete."""
        super().replace(value)
        self.changed = True
        self.doubt = False
