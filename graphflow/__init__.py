"""graphflow: typed chains that say, before they run, whether and from where they stream.

Declare chains with the decorators and `|`, look at ``gf.compile(chain).plan``, run them under Trio.
"""

import typing as _typing

import graphflow.public as _public
from graphflow.errors import AuthenticationError as AuthenticationError
from graphflow.errors import BadRequestError as BadRequestError
from graphflow.errors import CompileError as CompileError
from graphflow.errors import Diagnostic as Diagnostic
from graphflow.errors import DocumentConflictError as DocumentConflictError
from graphflow.errors import DocumentIndexError as DocumentIndexError
from graphflow.errors import DrawingError as DrawingError
from graphflow.errors import EmbeddingError as EmbeddingError
from graphflow.errors import EmptyStreamError as EmptyStreamError
from graphflow.errors import FoldError as FoldError
from graphflow.errors import GraphflowError as GraphflowError
from graphflow.errors import InputError as InputError
from graphflow.errors import MissingExtraError as MissingExtraError
from graphflow.errors import NotInvokableError as NotInvokableError
from graphflow.errors import NotStreamingError as NotStreamingError
from graphflow.errors import ProviderConnectionError as ProviderConnectionError
from graphflow.errors import ProviderError as ProviderError
from graphflow.errors import ProviderResponseError as ProviderResponseError
from graphflow.errors import ProviderServerError as ProviderServerError
from graphflow.errors import ProviderTimeoutError as ProviderTimeoutError
from graphflow.errors import RateLimitError as RateLimitError
from graphflow.errors import RecordedError as RecordedError
from graphflow.errors import RecordingFormatError as RecordingFormatError
from graphflow.errors import TimeLimitError as TimeLimitError
from graphflow.errors import UnknownDocumentError as UnknownDocumentError
from graphflow.errors import UnmatchedFilterError as UnmatchedFilterError

if _typing.TYPE_CHECKING:
    from graphflow.accumulators import concat as concat
    from graphflow.accumulators import latest as latest
    from graphflow.accumulators import single as single
    from graphflow.chain import Aggregate as Aggregate
    from graphflow.chain import Chain as Chain
    from graphflow.chain import Producer as Producer
    from graphflow.chain import Streaming as Streaming
    from graphflow.chain import Transform as Transform
    from graphflow.components.chat_model import ChatModel as ChatModel
    from graphflow.components.chat_model import TextModel as TextModel
    from graphflow.components.messages import AIMessage as AIMessage
    from graphflow.components.messages import AIMessageChunk as AIMessageChunk
    from graphflow.components.messages import HumanMessage as HumanMessage
    from graphflow.components.messages import ImageBlock as ImageBlock
    from graphflow.components.messages import IncompleteToolCallError as IncompleteToolCallError
    from graphflow.components.messages import Message as Message
    from graphflow.components.messages import ReasoningBlock as ReasoningBlock
    from graphflow.components.messages import SystemMessage as SystemMessage
    from graphflow.components.messages import TextBlock as TextBlock
    from graphflow.components.messages import ToolCall as ToolCall
    from graphflow.components.messages import ToolCallBlock as ToolCallBlock
    from graphflow.components.messages import ToolCallChunk as ToolCallChunk
    from graphflow.components.messages import ToolMessage as ToolMessage
    from graphflow.components.messages import Usage as Usage
    from graphflow.components.messages import sum_chunks as sum_chunks
    from graphflow.components.parsers import InvalidToolCallError as InvalidToolCallError
    from graphflow.components.parsers import StreamedToolCall as StreamedToolCall
    from graphflow.components.parsers import comma_list as comma_list
    from graphflow.components.parsers import json_items as json_items
    from graphflow.components.parsers import json_parser as json_parser
    from graphflow.components.parsers import json_text as json_text
    from graphflow.components.parsers import markdown_list as markdown_list
    from graphflow.components.parsers import numbered_list as numbered_list
    from graphflow.components.parsers import text as text
    from graphflow.components.parsers import tool_calls as tool_calls
    from graphflow.components.parsers import xml_items as xml_items
    from graphflow.components.parsers import xml_parser as xml_parser
    from graphflow.components.parsers import xml_text as xml_text
    from graphflow.components.prompt import Prompt as Prompt
    from graphflow.components.prompt import prompt as prompt
    from graphflow.components.retrieval.document import Document as Document
    from graphflow.components.retrieval.embedder import Embedder as Embedder
    from graphflow.components.retrieval.retriever import Retriever as Retriever
    from graphflow.components.retrieval.search import SearchIndex as SearchIndex
    from graphflow.components.retrieval.vectors import VectorIndex as VectorIndex
    from graphflow.components.signature import InvalidArgumentsError as InvalidArgumentsError
    from graphflow.components.tool import Tool as Tool
    from graphflow.components.tool import tool as tool
    from graphflow.components.tool_calls import UnknownToolError as UnknownToolError
    from graphflow.components.tool_calls import call_tools as call_tools
    from graphflow.declare import aggregate as aggregate
    from graphflow.declare import chunkwise as chunkwise
    from graphflow.declare import graph as graph
    from graphflow.declare import transform as transform
    from graphflow.events import CustomEvent as CustomEvent
    from graphflow.events import EndEvent as EndEvent
    from graphflow.events import ErrorEvent as ErrorEvent
    from graphflow.events import Event as Event
    from graphflow.events import StartEvent as StartEvent
    from graphflow.events import StreamEvent as StreamEvent
    from graphflow.fan import assign as assign
    from graphflow.fan import branch as branch
    from graphflow.fan import collect as collect
    from graphflow.fan import each as each
    from graphflow.fan import fold as fold
    from graphflow.fan import parallel as parallel
    from graphflow.fan import passthrough as passthrough
    from graphflow.fan import pick as pick
    from graphflow.handles import Stream as Stream
    from graphflow.handles import Value as Value
    from graphflow.jsonstream import Json as Json
    from graphflow.jsonstream import JsonStreamError as JsonStreamError
    from graphflow.jsonstream import ParseError as ParseError
    from graphflow.lcel import from_lcel as from_lcel
    from graphflow.limits import Limit as Limit
    from graphflow.policies.cache import CacheStore as CacheStore
    from graphflow.policies.cache import MemoryCache as MemoryCache
    from graphflow.program import Program as Program
    from graphflow.program import compile as compile
    from graphflow.providers.anthropic import AnthropicChatModel as AnthropicChatModel
    from graphflow.providers.local import LocalChatModel as LocalChatModel
    from graphflow.providers.local_embedder import LocalEmbedder as LocalEmbedder
    from graphflow.providers.openai import OpenAIChatModel as OpenAIChatModel
    from graphflow.providers.scripted import ScriptedChatModel as ScriptedChatModel
    from graphflow.recordings import RecordedObject as RecordedObject
    from graphflow.recordings import Recording as Recording
    from graphflow.recordings import record as record
    from graphflow.recordings import replay as replay
    from graphflow.runtime.current import emit as emit
    from graphflow.xmlstream import XmlElement as XmlElement
    from graphflow.xmlstream import XmlStreamError as XmlStreamError
    from graphflow_compiler.accumulate import Accumulator as Accumulator
    from graphflow_compiler.accumulate import accumulator as accumulator
    from graphflow_compiler.accumulate import merge as merge
    from graphflow_compiler.profile import NodeProfile as NodeProfile
    from graphflow_compiler.profile import PathStep as PathStep
    from graphflow_compiler.profile import Profile as Profile

# What is not an error is imported when it is first asked for: who declares pays for declaring, who runs for running.
# Type checkers know all names as it is.
if not _typing.TYPE_CHECKING:
    __getattr__, __dir__ = _public.publish(
        lazy={
            "graphflow.accumulators": "concat latest single",
            "graphflow.chain": "Aggregate Chain Producer Streaming Transform",
            "graphflow.components.chat_model": "ChatModel TextModel",
            "graphflow.components.messages": (
                "AIMessage AIMessageChunk HumanMessage ImageBlock IncompleteToolCallError Message ReasoningBlock "
                "SystemMessage TextBlock ToolCall ToolCallBlock ToolCallChunk ToolMessage Usage sum_chunks"
            ),
            "graphflow.components.parsers": (
                "InvalidToolCallError StreamedToolCall comma_list json_items json_parser json_text markdown_list "
                "numbered_list text tool_calls xml_items xml_parser xml_text"
            ),
            "graphflow.components.prompt": "Prompt prompt",
            "graphflow.components.retrieval.document": "Document",
            "graphflow.components.retrieval.embedder": "Embedder",
            "graphflow.components.retrieval.retriever": "Retriever",
            "graphflow.components.retrieval.search": "SearchIndex",
            "graphflow.components.retrieval.vectors": "VectorIndex",
            "graphflow.components.signature": "InvalidArgumentsError",
            "graphflow.components.tool": "Tool tool",
            "graphflow.components.tool_calls": "UnknownToolError call_tools",
            "graphflow.declare": "aggregate chunkwise graph transform",
            "graphflow.events": "CustomEvent EndEvent ErrorEvent Event StartEvent StreamEvent",
            "graphflow.fan": "assign branch collect each fold parallel passthrough pick",
            "graphflow.handles": "Stream Value",
            "graphflow.jsonstream": "Json JsonStreamError ParseError",
            "graphflow.lcel": "from_lcel",
            "graphflow.limits": "Limit",
            "graphflow.policies.cache": "CacheStore MemoryCache",
            "graphflow.program": "Program compile",
            "graphflow.providers.anthropic": "AnthropicChatModel",
            "graphflow.providers.local": "LocalChatModel",
            "graphflow.providers.local_embedder": "LocalEmbedder",
            "graphflow.providers.openai": "OpenAIChatModel",
            "graphflow.providers.scripted": "ScriptedChatModel",
            "graphflow.recordings": "RecordedObject Recording record replay",
            "graphflow.runtime.current": "emit",
            "graphflow.xmlstream": "XmlElement XmlStreamError",
            "graphflow_compiler.accumulate": "Accumulator accumulator merge",
            "graphflow_compiler.profile": "NodeProfile PathStep Profile",
        },
    )
