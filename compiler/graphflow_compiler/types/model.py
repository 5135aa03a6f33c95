"""The words of the type checks: unknown, record, verdict."""

import enum
from typing import Final, final

import attrs


@final
class Unknown:
    """The type of `UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __reduce__(self) -> str:
        return "UNKNOWN"  # copies and pickles are the one UNKNOWN, since checks compare by identity


UNKNOWN: Final = Unknown()
"""What is not annotated: shown as `?`, checked against nothing. (`typing.Any` is what a user *wrote*.)"""


@attrs.frozen
class Field:
    """One key of a `Record`.

    >>> Field("question", str)
    Field(name='question', type=<class 'str'>, required=True)
    """

    name: str
    type: object
    required: bool = True


@attrs.frozen
class Record:
    """The compiler's own structural type of a dict whose keys are known: a fan-out, a TypedDict, the holes of a prompt.

    `open` says that there may be other keys too.

    >>> rag = Record((Field("context", list[str]), Field("question", str)))
    >>> rag.names
    ('context', 'question')
    >>> rag.get("question").type
    <class 'str'>
    >>> rag.get("answer") is None
    True
    """

    fields: tuple[Field, ...]
    open: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The known keys, in the order in which they were declared."""
        return tuple(field.name for field in self.fields)

    def get(self, name: str) -> Field | None:
        """Give the field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)


class Verdict(enum.Enum):
    """Whether a value of one type may flow where another is asked for."""

    YES = "yes"
    NO = "no"
    UNCHECKED = "unchecked"


@attrs.frozen
class Relation:
    """A verdict, and for `NO` and `UNCHECKED` the reason in words: the part that fails, or that is not known."""

    verdict: Verdict
    reason: str = ""
