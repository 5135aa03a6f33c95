"""What a stream gives: JSON values, or nothing new; and when two values are the same."""

import enum
from typing import Any, Final, Literal, TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""A JSON value as the standard library reads it."""

Partial: TypeAlias = Json
"""A value that may not be complete: plain data, which no schema was asked about."""


class Nothing(enum.Enum):
    """The type of `NOTHING`, so that a type checker can follow `value is not NOTHING`."""

    NOTHING = "nothing new"

    def __repr__(self) -> str:
        return self.name


NOTHING: Final[Literal[Nothing.NOTHING]] = Nothing.NOTHING
"""What `feed` returns when the value did not change. (`None` is a JSON value.)"""


class Absent(enum.Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final[Any] = Absent.ABSENT
"""Where there is no value yet: a missing key, a scalar of which nothing can be shown."""


def same(one: Any, other: Any) -> bool:
    """Whether two scalars are the same in value and type: `1`, `1.0` and `True` are three values, `0.0` and `-0.0` two.

    Containers are not looked into: two of them are the same if they are one object, or if both are empty.
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) is list or type(one) is dict:
        return not one and not other
    return bool(one == other) and (type(one) is not float or repr(one) == repr(other))


def identical(one: Any, other: Any) -> bool:
    """Whether two values are the same all the way down. Shared parts cost nothing, and the first difference ends it."""
    pairs = [(one, other)]
    while pairs:
        one, other = pairs.pop()
        if same(one, other):
            continue
        if type(one) is not type(other) or type(one) not in (list, dict) or len(one) != len(other):
            return False
        if type(one) is dict:
            if list(one) != list(other):
                return False
            one, other = one.values(), other.values()
        pairs.extend(zip(one, other, strict=True))
    return True
