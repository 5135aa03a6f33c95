"""What figures depend on, in general terms."""

from __future__ import annotations

import os
import platform
import sysconfig
import time
from importlib.metadata import PackageNotFoundError, version


def described() -> dict[str, str]:
    """Return what ran where, and when."""
    options = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    build = "built with PGO" if "--enable-optimizations" in options else "built without PGO"
    return {
        "date": time.strftime("%Y-%m-%d"),
        "python": f"{platform.python_implementation()} {platform.python_version()}, {build}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "trio": version("trio"),
        "langchain-core": _version("langchain-core"),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
