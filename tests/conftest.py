"""How all tests run: a fixed, repeatable dose of property tests; more of them on request.

HYPOTHESIS_PROFILE=long runs a hundred times as many examples, new ones every time.
"""

import os

from hypothesis import HealthCheck, settings

# Machines are shared and noisy: no test may depend on how fast one is.
TIMELESS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", TIMELESS, derandomize=True, database=None)
settings.register_profile("long", TIMELESS, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
