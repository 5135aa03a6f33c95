"""The plugin for pytest: ``pytest --graphflow-profile`` prints the profiles of the chains that tests run.

pytest imports this whenever it starts, so it imports nothing else of graphflow before the option is given; and nothing
else of graphflow imports this, since pytest need not be there.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final, final

import pytest

if TYPE_CHECKING:
    from pluggy import Result

    from graphflow.collecting import Collected

#: Under which name a report carries the texts: with pytest-xdist, from the process of the test to the one that prints.
_TEXTS: Final = "graphflow_profiles"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("graphflow").addoption(
        "--graphflow-profile",
        action="store_true",
        help="print the profiles of the chains that each test runs: of every chain its slowest run",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add what measures and prints, if the option is given."""
    if config.getoption("--graphflow-profile"):
        config.pluginmanager.register(Profiles(), "graphflow-profiles")


# `hookwrapper` and not `wrapper`: that is not known to pytest 7, which this must not break.


@final
class Profiles:
    """Measures the chains that run while a test does, with its fixtures, and prints all of it at the end."""

    def __init__(self) -> None:
        self._collected: Collected | None = None
        self._texts: list[tuple[str, list[str]]] = []

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, None, None]:
        """Collect while a test runs."""
        from graphflow.collecting import collecting

        with collecting() as self._collected:
            yield
        self._collected = None

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, Result[pytest.TestReport], None]:
        """Put what was collected into the last report of a test."""
        outcome = yield
        if call.when == "teardown" and self._collected is not None:
            outcome.get_result().__dict__[_TEXTS] = self._collected.take()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a report carries, until all tests have run."""
        texts = report.__dict__.get(_TEXTS)
        if texts:
            self._texts.append((report.nodeid, texts))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print it."""
        terminalreporter.section("graphflow profiles")
        if not self._texts:
            terminalreporter.line("no test has run a chain")
        for nodeid, texts in self._texts:
            terminalreporter.section(nodeid, sep="_")
            for text in texts:
                terminalreporter.line(f"\n{text.rstrip()}")
