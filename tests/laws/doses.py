"""How much is tried: a fixed dose by default, a hundred times as much with ``HYPOTHESIS_PROFILE=long``.

The default dose is the same examples every time and takes well under a minute. The long one tries new examples every
time; ``--hypothesis-seed`` repeats it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

F = TypeVar("F", bound=Callable[..., Any])


def is_long() -> bool:
    """Tell whether this is the long run."""
    return _factor() > 1


def dose(examples: int) -> Callable[[F], F]:
    """Return a decorator that tries so many examples, or as many times more as the profile says."""
    return settings(
        max_examples=examples * _factor(),
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


def _factor() -> int:
    chosen = settings.default
    assert chosen is not None
    return max(chosen.max_examples // settings.get_profile("default").max_examples, 1)
