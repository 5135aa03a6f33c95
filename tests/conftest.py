"""How all tests run: a fixed, repeatable dose of property tests; more of them on request.

HYPOTHESIS_PROFILE=long runs a hundred times as many examples, new ones every time.
"""

import os
import signal

from hypothesis import HealthCheck, settings

# Machines are shared and noisy: no test may depend on how fast one is.
TIMELESS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", TIMELESS, derandomize=True, database=None)
settings.register_profile("long", TIMELESS, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

# A shell without job control starts what it puts into the background without Ctrl-C, which every process that a test
# starts would inherit: the tests that press it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
