"""The vectors of the research: values with types, the chunk that each came with, errors, patches."""

import json
import pathlib
from typing import Any

import pytest

from tests.jsonstream.driver import outcome

VECTORS = json.loads((pathlib.Path(__file__).parents[1] / "vectors/json_stream.json").read_text())["vectors"]


def plain(expected: Any) -> Any:
    """The expected value: floats that JSON does not have are written as {"$float": ...}."""
    if isinstance(expected, dict):
        if "$float" in expected:
            return float(expected["$float"])
        return {key: plain(value) for key, value in expected.items()}
    return [plain(value) for value in expected] if isinstance(expected, list) else expected


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
class TestVector:
    def test_values(self, vector: dict[str, Any]) -> None:
        given, at, error = outcome(vector["chunks"], **vector["options"])
        assert repr(given) == repr(plain(vector["outputs"]))
        assert at == vector["output_at_chunk"]
        if vector["error"]:
            assert error is not None
            assert {name: repr(getattr(error, name)) for name in vector["error"]} == {
                name: repr(plain(value)) for name, value in vector["error"].items()
            }
        else:
            assert error is None
            assert repr(given[-1]) == repr(plain(vector["final"]))

    def test_complete_scalars(self, vector: dict[str, Any]) -> None:
        if "complete_scalars_outputs" in vector:
            given, _, _ = outcome(vector["chunks"], **{**vector["options"], "scalars": "complete"})
            assert repr(given) == repr(plain(vector["complete_scalars_outputs"]))

    def test_patches(self, vector: dict[str, Any]) -> None:
        if "patches" in vector:
            given, at, _ = outcome(vector["chunks"], **vector["options"], patches=True)
            assert repr(given) == repr(plain(vector["patches"]))
            assert at == vector["output_at_chunk"]
