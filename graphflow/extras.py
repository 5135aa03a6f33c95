"""Packages that only some users have: they come with an extra of `graphflow-compiler`."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
from typing import Any

from graphflow.errors import MissingExtraError


def require(package: str, what: str, extra: str, install: str | None = None) -> Any:
    """Import a package of an extra.

    Args:
        package: the package.
        what: what needs it.
        extra: the extra that it comes with.
        install: the command that installs it, where naming the extra is not enough.

    Raises:
        MissingExtraError: it is not installed.
    """
    if find_package(package) is None:
        raise MissingExtraError(what, extra, install)
    return importlib.import_module(package)


def find_package(package: str) -> importlib.machinery.ModuleSpec | None:
    """Return where a package is installed, without importing it; None if it is not."""
    try:
        return importlib.util.find_spec(package)
    except ImportError:  # what somebody has put in front of Python's own finders may say it so
        return None
