"""A coverage-guided fuzzer of the laws: it looks for texts and cuts that reach new code, and ends where a law fails.

    make fuzz                                              # ten minutes
    pip install --group fuzz
    python -m tests.jsonstream.fuzz                        # until a law fails, or Ctrl+C
    python -m tests.jsonstream.fuzz -max_total_time=60     # or another option of libFuzzer; a folder is a corpus

There are wheels of atheris for some Pythons on Linux only. Where it is not installed this says so and ends well,
since the laws are also tested by `pytest tests/jsonstream`, with HYPOTHESIS_PROFILE=long for 10,000 documents each.
"""

import contextlib
import json
import sys
from typing import Any

try:
    import atheris  # type: ignore[import-untyped, unused-ignore]
except ImportError:
    print(
        f"skipped: atheris is not installed, and it may have no wheel for Python {sys.version.split()[0]} on this "
        "machine. Try: make fuzz. The same laws run with HYPOTHESIS_PROFILE=long pytest tests/jsonstream",
        file=sys.stderr,
    )
    sys.exit(0)

with atheris.instrument_imports(include=["graphflow.jsonstream"]):
    from graphflow.jsonstream import JsonItems, JsonText, bulk, scanner
    from graphflow.jsonstream.paths import parse_path

from tests.jsonstream.driver import facts, outcome, patched, pushed

OPTIONS: list[dict[str, Any]] = [
    {},
    {"lenient": True},
    {"strict": True, "nan": False},
    {"surrogates": "replace", "trailing": "error"},
    {"surrogates": "error", "max_string": 5},
    {"root": "object", "max_depth": 3},
    {"root": "array", "max_chars": 30},
]
SHOWN: list[dict[str, Any]] = [{}, {"scalars": "complete"}, {"hold": ["*", "[0]"]}, {"hold": ["*.*", "[*][*]"]}]
PATHS = ["[*]", "*", "a", "[0]", "*.*", "a[*].b", "$"]


def one_input(data: bytes) -> None:
    """Check the laws on one text and one cut of it."""
    provider = atheris.FuzzedDataProvider(data)
    vars(scanner)["ENOUGH"] = 1 if provider.ConsumeBool() else bulk.ENOUGH
    options = provider.PickValueInList(OPTIONS)
    shown = provider.PickValueInList(SHOWN)
    path = provider.PickValueInList(PATHS)
    size = provider.ConsumeIntInRange(1, 9)
    text = provider.ConsumeUnicode(provider.remaining_bytes())
    chunks = [text[start : start + size] for start in range(0, len(text), size)]

    expected, _, error = outcome([text], **options, **shown)
    values, at, cut_error = outcome(chunks, **options, **shown, every=True)
    assert facts(error) == facts(cut_error)
    assert repr(expected[-1:]) == repr(values[-1:])

    patches, patched_at, patch_error = outcome(chunks, **options, **shown, every=True, patches=True, append=True)
    assert facts(error) == facts(patch_error)
    by_chunk, document, value = dict(zip(at, values, strict=True)), None, None
    for index, patch in zip(patched_at, patches, strict=True):
        document, value = patched(document, patch), by_chunk.get(index, value)
        assert repr(document) == repr(value)

    for make in (JsonItems, JsonText):
        if make is JsonItems or all(isinstance(step, str | int) for step in parse_path(path)):
            pieces, piece_error = pushed(make(path, **options), chunks)
            whole, whole_error = pushed(make(path, **options), [text])
            assert facts(piece_error) == facts(whole_error)
            assert repr([x for piece in pieces for x in piece]) == repr([x for piece in whole for x in piece])

    valid = False
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(text, strict=False)
        valid = True
    if not options and text[:1] in tuple('[{"'):
        if error is None:
            assert repr(expected[-1]) == repr(json.JSONDecoder(strict=False).raw_decode(text)[0])
        else:
            assert not valid or error.kind == "limit"


def main() -> None:
    """Run the fuzzer with the arguments of the command line."""
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
