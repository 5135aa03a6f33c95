"""Retries: a chain is run again after an error, until its first chunk has gone out or until it is complete."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import attrs
import trio

from graphflow.policies.policy import Errors, Policy, checked_errors, is_meant, is_number
from graphflow.runtime.current import NOTHING

if TYPE_CHECKING:
    from graphflow.runtime.attempts import Attempts

#: How long to wait before the next attempt: seconds, or what gives them for the number of the attempt that failed. A
#: wait strategy of tenacity is taken too.
Wait: TypeAlias = float | Callable[[Any], float]

#: The default: half a second, twice as long every time, never more than this, in seconds; between half and all of it.
LONGEST: Final = 30.0


@final
@attrs.frozen
class Retry(Policy):
    """Run a chain again after an error."""

    attempts: int
    on: Errors
    wait: Wait | None
    until: Literal["first chunk", "end"]

    def __attrs_post_init__(self) -> None:
        if type(self.attempts) is not int:
            raise TypeError(
                f"with_retry(attempts=...) is how often to try in all: a whole number, not {self.attempts!r}"
            )
        if self.attempts < 1:
            raise ValueError(f"with_retry(attempts=...) is how often to try in all: at least 1, not {self.attempts!r}")
        if self.until not in ("first chunk", "end"):
            raise ValueError(f'with_retry(until=...) is "first chunk" or "end", not {self.until!r}')
        if self.wait is not None and not callable(self.wait):
            if not is_number(self.wait):
                raise TypeError(f"with_retry(wait=...) takes seconds, or a function that gives them, not {self.wait!r}")
            if not 0 <= self.wait < math.inf:
                raise ValueError(f"with_retry(wait=...) takes seconds, from 0 on, not {self.wait!r}")
        checked_errors(self.on, "with_retry")

    @property
    def gives_whole(self) -> bool:
        """True where an attempt may fail at any time: its output is held back until it has succeeded."""
        return self.until == "end"

    @property
    def may_repeat(self) -> bool:
        """Whether there is more than one attempt."""
        return self.attempts > 1

    def explain(self, names: Sequence[str]) -> str:
        """Say it in words."""
        if self.gives_whole:
            return f"is tried up to {self.attempts:,} times; its output is held back until an attempt has succeeded"
        return f"is tried up to {self.attempts:,} times, until its first chunk has gone out; so long its input is kept"

    async def chunks(self, attempts: Attempts) -> AsyncGenerator[Any, None]:
        """Run the body until an attempt succeeds, and yield its output."""
        failed: list[Exception] = []
        async with attempts:
            while True:
                tags = (f"retry:attempt:{len(failed) + 1}",) if failed else ()
                chunks = attempts.begin(tags=tags)
                try:
                    chunk = await (attempts.value() if self.gives_whole else anext(chunks, NOTHING))
                    break
                except Exception as error:
                    await attempts.close()
                    failed.append(error)
                    if len(failed) >= self.attempts or attempts.comes_from_input(error) or not is_meant(error, self.on):
                        if len(failed) > 1:
                            error.add_note(self._told(failed))
                        raise
                await trio.sleep(self._pause(len(failed), failed[-1]))
            attempts.forget_input()
            if chunk is not NOTHING:
                yield chunk
            if not self.gives_whole:
                async for chunk in chunks:
                    yield chunk

    def _pause(self, number: int, error: Exception) -> float:
        """Return how long to wait after an attempt; at least as long as a provider asked for, in seconds."""
        asked: float = getattr(error, "retry_after", None) or 0.0
        if self.wait is None:
            longest = min(0.5 * 2.0 ** (number - 1), LONGEST)
            return max(asked, longest * random.uniform(0.5, 1.0))
        if not callable(self.wait):
            return max(asked, self.wait)
        if type(self.wait).__module__.partition(".")[0] == "tenacity":
            return max(asked, float(self.wait(_call_state(number, error))))
        return max(asked, float(self.wait(number)))

    def _told(self, failed: Sequence[Exception]) -> str:
        before = "; ".join(f"{type(error).__name__}: {error}" for error in failed[:-1])
        return f"attempt {len(failed)} of {self.attempts}; the ones before failed with {before}"


def _call_state(number: int, error: Exception) -> object:
    """Return what a wait strategy of tenacity asks: tenacity is there, since the strategy is."""
    import tenacity

    state = tenacity.RetryCallState(tenacity.AsyncRetrying(), None, (), {})
    state.attempt_number = number
    state.set_exception((type(error), error, error.__traceback__))
    return state
