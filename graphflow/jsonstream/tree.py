"""The value so far, and snapshots of it.

The scanner reads the text and tells a tree what it found: `open` a container, `close` it, `put` a value that is
complete, and set `key` before each value of an object. At the end of each chunk it asks the tree to `give` something.
"""

from typing import Any, TypeAlias

from graphflow.jsonstream.trail import Trail
from graphflow.jsonstream.values import ABSENT, NOTHING, identical, same

Container: TypeAlias = dict[str, Any] | list[Any]

# The copy budget, in slots of a list, such that copying never takes much more time than reading, whatever the chunks.
_PER_CHUNK, _PER_CHARACTER = 224, 8
_ENTRY = 4  # of a dict: it takes as much time as so many slots
SLOT = 32  # characters of a string: they take as much time as one slot


class Tree:
    """The value so far: what is complete, and the containers that are open around the place of reading.

    A scalar that is still being read, the *draft*, is not in the tree: only what is given has it.
    """

    def __init__(self, trail: Trail, every: bool) -> None:
        self.trail = trail
        self.every = every
        self.chunks = 0
        self.spent = 0
        self.holder: list[Any] = []  # of the root value
        self.container: Any = self.holder
        self.key: Any = -1  # in an object: of the next value
        self.spine: list[tuple[Any, Any, int]] = []  # the containers around `container`: each with key and width
        self.width = 0  # what copying the spine costs
        self.draft: Any = ABSENT  # as it was last given

    def open(self, child: Container) -> None:
        """Put an empty container, and go into it."""
        container, key = self.container, self.key
        self.spine.append((container, key, self.width))
        if type(container) is list:
            container.append(child)
            self.width += len(container)
        else:
            container[key] = child
            self.width += len(container) * _ENTRY
        self.container = child
        self.key = -1

    def close(self) -> bool:
        """Go back to the container around: is it a list?"""
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
        """What is new since the last time, or NOTHING: also if it costs too much now, unless this is `final`."""
        raise NotImplementedError

    def affordable(self, cost: int, final: bool) -> bool:
        """Whether what was read pays for copying so much; if so, it is paid."""
        cost += self.spent
        if cost > self.chunks * _PER_CHUNK + self.trail.read * _PER_CHARACTER and not (final or self.every):
            return False
        self.spent = cost
        return True

    def shown(self) -> Any:
        """What was last given in the place of the next value: its draft, or the value that an equal key had before."""
        if self.draft is ABSENT and type(self.container) is dict:
            return self.container.get(self.key, ABSENT)
        return self.draft

    def copy(self, draft: Any, depth: int = 0) -> Any:
        """Copy the open containers that are deeper than `depth`, and put the draft into the copy."""
        value = self.container.copy()
        if draft is not ABSENT:
            if type(value) is list:
                value.append(draft)
            else:
                value[self.key] = draft
        for parent, key, _ in self.spine[:depth:-1]:
            around = parent.copy()
            around[key] = value
            value = around
        return value

    def value(self) -> Any:
        """The value itself, not a copy: for when nothing more will be read. None if there is none."""
        return self.holder[0] if self.holder else None

    def path(self, child: int | None) -> str:
        """Where the reader stands: at the next value (0), behind the last (-1), or in no child of the container (None)."""
        path = "$"
        for container, key, _ in self.spine[1:]:
            path += _step(len(container) - 1 if type(container) is list else key)
        if child is None or not self.spine:
            return path
        return path + _step(len(self.container) + child if type(self.container) is list else self.key)


def _step(key: str | int) -> str:
    return f".{key}" if type(key) is str and key.isidentifier() else f"[{key!r}]"


class Snapshots(Tree):
    """Gives the whole value as it stands, in containers that are never changed later.

    All that is complete is shared between snapshots; what is open is copied for each. That may grow with the document,
    and then copying it for each chunk would take quadratic time. So each character that is read pays for some slots,
    and a snapshot that is not paid for is left out.
    """

    def __init__(self, trail: Trail, every: bool) -> None:
        super().__init__(trail, every)
        self.last: Any = NOTHING
        self.changed = False  # since the last snapshot
        self.doubt = False  # an equal key may have changed it back since

    def open(self, child: Container) -> None:
        if type(self.container) is dict and self.key in self.container:
            self.doubt = True
            self.changed = self.changed or not same(self.container[self.key], child)
        else:
            self.changed = True
        Tree.open(self, child)

    def put(self, value: Any) -> None:
        container = self.container
        shown, self.draft = self.draft, ABSENT
        if type(container) is list:
            container.append(value)
        else:
            if shown is ABSENT and self.key in container:
                shown = container[self.key]
                self.doubt = True
            container[self.key] = value
        if shown is ABSENT or not same(shown, value):
            self.changed = True

    def give(self, draft: Any = ABSENT, final: bool = False) -> Any:
        self.chunks += 1
        container = self.container
        listing = type(container) is list
        if draft is not ABSENT and not self.changed:
            shown = self.draft
            if shown is ABSENT and not listing and self.key in container:
                shown = container[self.key]
                self.doubt = True
            self.changed = shown != draft or not same(shown, draft)
        if not self.changed:
            return NOTHING
        cost = self.width + (len(container) if listing else len(container) * _ENTRY)
        if type(draft) is str:
            cost += len(draft) // SLOT
        if not self.affordable(cost, final):
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
