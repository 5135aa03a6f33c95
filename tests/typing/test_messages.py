import contextlib
import importlib
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

PREAMBLE = """
import graphflow as gf
from tests.typing.nodes import A, A_int, P, T, T_int, counts, streams, takes_int, use

def serve(chain: gf.Streaming[str, str]) -> int: return 1
def graph(stream: gf.Stream[str], number: gf.Value[int]) -> None:
"""

MESSAGES = {
    "T | T_int": 'Unsupported operand types for | ("Transform[str, str]" and "Transform[int, str]")',
    "A | A_int": 'Unsupported operand types for | ("Aggregate[str, str]" and "Aggregate[int, str]")',
    "T | takes_int": 'Unsupported operand types for | ("Transform[str, str]" and "Callable[[int], str]")',
    "T | counts | streams": 'Unsupported operand types for | ("Aggregate[str, int]" and '
    '"Callable[[AsyncIterator[str]], AsyncIterator[str]]")',
    "counts | P": 'Unsupported operand types for | ("Callable[[str], Coroutine[Any, Any, int]]" and '
    '"Producer[str, str]")',
    "T | 3": 'Unsupported operand types for | ("Transform[str, str]" and "int")',
    "T | 'a text'": 'Unsupported operand types for | ("Transform[str, str]" and "str")',
    "T | (lambda text: text.uper())": '"str" has no attribute "uper"; maybe "upper"?',
    "serve(T | A)": 'Argument 1 to "serve" has incompatible type "Aggregate[str, str]"; '
    'expected "Transform[str, str] | Producer[str, str]"',
    "serve(P | str.upper)": 'Argument 1 to "serve" has incompatible type "Aggregate[str, str]"; '
    'expected "Transform[str, str] | Producer[str, str]"',
    "A(number)": 'Argument 1 to "__call__" of "Chain" has incompatible type "Value[int]"; '
    'expected "Stream[str] | Value[str]"',
    "T(number)": 'Argument 1 to "__call__" of "Transform" has incompatible type "Value[int]"; expected "Value[str]"',
    "gf.transform(counts)": 'Argument 1 to "__call__" of "TransformDecorator" has incompatible type '
    '"Callable[[str], Coroutine[Any, Any, int]]"; expected "Callable[[AsyncIterator[Never]], AsyncIterator[Never]]"',
    "T.sync.invoke(3)": 'Argument 1 to "invoke" of "SyncVerbs" has incompatible type "int"; expected "str"',
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("messages")
    module = folder / "wrong.py"
    cases = list(MESSAGES)
    module.write_text(PREAMBLE + "".join(f"    use({case})\n" for case in cases))
    api = importlib.import_module("mypy.api")
    with contextlib.chdir(PROJECT):
        output, complaint, _ = api.run(
            ["--cache-dir", str(folder / "cache"), "--no-error-summary", "--hide-error-codes", str(module)]
        )
    assert complaint == ""
    first = PREAMBLE.count("\n") + 1
    messages: dict[str, list[str]] = {case: [] for case in cases}
    for line, message in re.findall(rf"^{re.escape(str(module))}:(\d+): (?:error|note): (.*)$", output, re.MULTILINE):
        messages[cases[int(line) - first]].append(message)
    return messages


@pytest.mark.parametrize("case", MESSAGES)
def test_what_mypy_says(case: str, said: dict[str, list[str]]) -> None:
    assert said[case] == [MESSAGES[case]]
