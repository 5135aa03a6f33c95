"""Parsers: from what a model streams to text and data, while it streams.

`node` says how a parser is a node; every other file is one kind of text.
"""

from graphflow.components.parsers.calls import InvalidToolCallError as InvalidToolCallError
from graphflow.components.parsers.calls import StreamedToolCall as StreamedToolCall
from graphflow.components.parsers.calls import tool_calls as tool_calls
from graphflow.components.parsers.comma import comma_list as comma_list
from graphflow.components.parsers.json import json_items as json_items
from graphflow.components.parsers.json import json_parser as json_parser
from graphflow.components.parsers.json import json_text as json_text
from graphflow.components.parsers.marked import markdown_list as markdown_list
from graphflow.components.parsers.marked import numbered_list as numbered_list
from graphflow.components.parsers.node import Chunk as Chunk
from graphflow.components.parsers.plain import text as text
from graphflow.components.parsers.xml import xml_items as xml_items
from graphflow.components.parsers.xml import xml_parser as xml_parser
from graphflow.components.parsers.xml import xml_text as xml_text
