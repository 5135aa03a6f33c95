"""What every policy is: how the bodies of a wrapped chain are run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from graphflow.runtime.attempts import Attempts

#: Which errors a policy is for: those of some classes, or those that a function is true of.
Errors: TypeAlias = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]


class Policy(ABC):
    """How the bodies of a wrapped chain are run."""

    @property
    def gives_whole(self) -> bool:
        """Whether the output is held back until it is complete, so that it is one value."""
        return False

    @property
    def takes_whole(self) -> bool:
        """Whether the whole input has to be there before anything runs."""
        return False

    @property
    def may_repeat(self) -> bool:
        """Whether a body may run after another has read some of the input, so that the input is kept."""
        return False

    @abstractmethod
    def explain(self, names: Sequence[str]) -> str:
        """Say in words what is done with the bodies, given what their outputs are called."""

    @abstractmethod
    def chunks(self, attempts: Attempts) -> AsyncGenerator[Any, None]:
        """Run the bodies, and yield the output."""


def checked_errors(on: object, what: str) -> None:
    """Refuse what says of no error whether it is meant.

    Raises:
        TypeError: it is neither a class of errors, nor several, nor a function.
    """
    classes = on if isinstance(on, tuple) else (on,)
    if classes and all(isinstance(one, type) and issubclass(one, Exception) for one in classes):
        return
    if isinstance(on, tuple | type) or not callable(on):
        meant = "an error class, a tuple of them or a function of the error"
        raise TypeError(f"{what}(on=...) takes {meant}, not {on!r:.60}")


def is_number(value: object) -> bool:
    """Tell whether it is a number, and no truth value, which Python takes for one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_meant(error: Exception, on: Errors) -> bool:
    """Tell whether an error is one of those that a policy is for; a group is if all that is in it are."""
    if isinstance(error, ExceptionGroup):
        return all(is_meant(one, on) for one in error.exceptions)
    if isinstance(on, type | tuple):
        return isinstance(error, on)
    return on(error)
