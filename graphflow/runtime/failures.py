"""What arrives when several things went wrong: nothing lost, and a single error as itself."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Literal, final

import trio


@final
class Raised:
    """What the steps of an ending raise: ``with raised:`` keeps it, so that every step is done, whatever others do."""

    __slots__ = ("errors",)

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, exc_type: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> Literal[True]:
        if raised is not None:
            self.errors.append(raised)
        return True

    def again(self) -> None:
        """Raise what was kept, if anything was."""
        if not self.errors:
            return
        outcome = combined(None, self.errors)
        if outcome is not None:
            raise outcome


def only_errors(raised: Iterable[BaseException]) -> list[BaseException]:
    """Leave out what tells tasks and generators to end: that is not what went wrong."""
    return [error for error in raised if not _tells_to_end(error)]


def combined(first: BaseException | None, others: Iterable[BaseException]) -> BaseException | None:
    """Return what is to be raised: the only error as itself, several as a group, None where nothing went wrong.

    A cancellation is raised only where there is no error: as in any ``finally``, an error on the way out takes its
    place. `KeyboardInterrupt` and `SystemExit` are raised as themselves, from the group of the others.
    """
    raised: list[BaseException] = [] if first is None else [first]
    for one in others:
        if all(one is not known for known in raised):
            raised.append(one)
    errors = only_errors(raised)
    if len(errors) <= 1:
        return next(iter(errors or raised), None)
    for error in errors:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            error.__cause__ = _group([other for other in errors if other is not error])
            return error
    return _group(errors)


def _group(errors: list[BaseException]) -> BaseException:
    return BaseExceptionGroup("several parts of a run failed", errors)


def _tells_to_end(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):  # what a nursery makes of several cancellations
        return error.split((trio.Cancelled, GeneratorExit))[1] is None
    return isinstance(error, trio.Cancelled | GeneratorExit)
