from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from graphflow.runtime import portal
from tests.leaving.watch import Watch, watching


@pytest.fixture(scope="package", autouse=True)
def _cheap_collections() -> Iterator[None]:
    """Start the portal, and take what exists already out of the collections that follow every test."""
    portal.portal()
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def watch() -> Iterator[Watch]:
    """Watch a test; nothing may complain when what it leaves is collected."""
    with watching() as watch:
        yield watch
    assert not watch.complaints
