"""The public names: all of them, each documented, and known by its public name."""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
import pkgutil
import re
import subprocess
import sys
import types
import typing
from pathlib import Path
from typing import Any

import pytest

import graphflow as gf
import graphflow_compiler

SOURCE = Path(gf.__file__)

#: What `graphflow` offers. A name that is added or taken away is told in CHANGELOG.md.
PUBLIC = re.findall(
    r"\w+",
    """
AIMessage AIMessageChunk Accumulator Aggregate AnthropicChatModel AuthenticationError BadRequestError CacheStore Chain
ChatModel CompileError CustomEvent Diagnostic Document DocumentConflictError DocumentIndexError DrawingError Embedder
EmbeddingError EmptyStreamError EndEvent ErrorEvent Event FoldError GraphflowError HumanMessage ImageBlock
IncompleteToolCallError InputError InvalidArgumentsError InvalidToolCallError Json JsonStreamError Limit
LocalChatModel LocalEmbedder MemoryCache Message MissingExtraError NodeProfile NotInvokableError NotStreamingError
OpenAIChatModel ParseError PathStep Producer Profile Program Prompt ProviderConnectionError ProviderError
ProviderResponseError ProviderServerError ProviderTimeoutError RateLimitError ReasoningBlock RecordedError
RecordedObject Recording RecordingFormatError Retriever ScriptedChatModel SearchIndex StartEvent Stream StreamEvent
StreamedToolCall Streaming SystemMessage TextBlock TextModel TimeLimitError Tool ToolCall ToolCallBlock ToolCallChunk
ToolMessage Transform UnknownDocumentError UnknownToolError UnmatchedFilterError Usage Value VectorIndex XmlElement
XmlStreamError accumulator aggregate assign branch call_tools chunkwise collect comma_list compile concat each emit
fold from_lcel graph json_items json_parser json_text latest markdown_list merge numbered_list parallel passthrough
pick prompt record replay single sum_chunks text tool tool_calls transform xml_items xml_parser xml_text
""",
)

#: Values and unions, which have no name of their own.
NAMELESS = {"Event", "Json", "Streaming", "concat", "latest", "single"}
NAMED = [name for name in PUBLIC if name not in NAMELESS]


def test_these_are_the_public_names() -> None:
    assert sorted(PUBLIC) == dir(gf)


def test_every_name_is_re_exported_as_itself() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    exported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert all(alias.asname == alias.name for alias in node.names), ast.unparse(node)
            exported += [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            assert all((alias.asname or alias.name).startswith("_") for alias in node.names), ast.unparse(node)
    assert sorted(exported) == sorted(PUBLIC)


def test_type_checkers_and_the_interpreter_find_a_name_in_the_same_place() -> None:
    for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert all(getattr(gf, alias.name) is getattr(module, alias.name) for alias in node.names)


def test_no_module_has_the_name_of_a_public_name() -> None:
    """Else importing the module would put it in the place of what is public."""
    assert not {module.name for module in pkgutil.iter_modules(gf.__path__)} & set(PUBLIC)


def test_an_error_has_its_public_name_before_anyone_asks_for_it() -> None:
    code = "from graphflow.jsonstream import JsonStreamError as error; print(error)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert printed == "<class 'graphflow.JsonStreamError'>\n"


def test_the_package_only_re_exports() -> None:
    body = ast.parse(SOURCE.read_text(encoding="utf-8")).body
    assert not [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'graphflow' has no attribute 'nothing'"):
        gf.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", NAMED)
def test_a_public_name_is_documented(name: str) -> None:
    documented = getattr(gf, name)
    text = inspect.getdoc(documented)
    assert text
    first, *rest = text.splitlines()
    assert first.rstrip().endswith((".", ":", "?"))
    assert not rest or rest[0] == ""
    if isinstance(documented, type):
        methods = {key: value for key, value in vars(documented).items() if inspect.isfunction(value)}
        undocumented = [key for key, value in methods.items() if not key.startswith("_") and not inspect.getdoc(value)]
        assert undocumented == []


@pytest.mark.parametrize("name", NAMED)
def test_a_public_name_says_that_it_is_public(name: str) -> None:
    value = getattr(gf, name)
    assert value.__module__ == "graphflow"
    assert value.__name__ == value.__qualname__ == name


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_pickled(name: str) -> None:
    value = getattr(gf, name)
    assert pickle.loads(pickle.dumps(value)) == value


#: What these say of types is imported for type checkers only, to keep modules from importing each other.
LATE = {"Diagnostic", "compile"}


@pytest.mark.parametrize("name", [name for name in NAMED if name not in LATE])
def test_type_hints_of_a_public_name_can_be_read(name: str) -> None:
    value: Any = getattr(gf, name)
    hints = typing.get_type_hints(value, include_extras=True)
    if isinstance(value, types.FunctionType):
        assert hints.keys() >= value.__annotations__.keys()
    else:
        assert hints.keys() >= inspect.get_annotations(value).keys()
    assert not [hint for hint in hints.values() if isinstance(hint, str | typing.ForwardRef)]


def test_errors_and_reprs_say_the_public_name() -> None:
    assert repr(gf.CompileError) == "<class 'graphflow.CompileError'>"
    assert f"{gf.Chain.__module__}.{gf.Chain.__qualname__}" == "graphflow.Chain"


def test_instances_of_public_classes_can_be_pickled() -> None:
    told = gf.Diagnostic("GF201", "error", "a message", hint="a hint")
    message = gf.AIMessageChunk(content="text", id="1")
    for value in (told, message, gf.HumanMessage("hello")):
        assert pickle.loads(pickle.dumps(value)) == value


def test_the_compiler_has_public_names_of_its_own() -> None:
    assert {name for name in dir(graphflow_compiler) if name[0].isupper()} >= {"Graph", "Plan"}
