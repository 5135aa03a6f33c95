"""How much is tried: a fixed dose by default, more with ``GRAPHFLOW_LAWS=<factor>``.

The default dose is the same examples every time (hypothesis derandomizes them) and takes well under a minute.
``GRAPHFLOW_LAWS=50 python -m pytest tests/laws`` tries fifty times as many, new ones every time; hypothesis prints the
example of a failure, and ``--hypothesis-seed`` repeats a run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, settings

F = TypeVar("F", bound=Callable[..., Any])

FACTOR: Final = int(os.environ.get("GRAPHFLOW_LAWS", "1"))


def dose(examples: int) -> Callable[[F], F]:
    """Return a decorator that tries so many examples, times the factor."""
    return settings(
        max_examples=examples * FACTOR,
        derandomize=FACTOR == 1,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
