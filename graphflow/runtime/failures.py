"""What arrives when several things went wrong: nothing lost, and a single error as itself."""

from __future__ import annotations

from collections.abc import Iterable

import trio


def only_errors(errors: Iterable[BaseException]) -> list[BaseException]:
    """Leave out cancellations: they are how tasks are told to end, not what went wrong."""
    return [error for error in errors if not isinstance(error, trio.Cancelled)]


def combined(first: BaseException | None, others: Iterable[BaseException]) -> BaseException | None:
    """Return what is to be raised: the only error as itself, several as a group, None where nothing went wrong.

    A cancellation among errors is kept, so that the scope that asked for it gets it. `KeyboardInterrupt` and
    `SystemExit` are raised as themselves, from the group.
    """
    errors: list[BaseException] = [] if first is None else [first]
    for error in others:
        if all(error is not known for known in errors):
            errors.append(error)
    cancellations = [error for error in errors if isinstance(error, trio.Cancelled)]
    errors = cancellations[:1] + only_errors(errors)
    if not errors:
        return None
    if len(errors) == 1:
        return errors[0]
    group = BaseExceptionGroup("several parts of a run failed", errors)
    for error in errors:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            error.__cause__ = group.subgroup(lambda one, stop=error: one is not stop)  # type: ignore[misc]
            return error
    return group
