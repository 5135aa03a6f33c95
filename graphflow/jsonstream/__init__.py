"""JSON while it streams: feed text as it comes, get the best partial value. Usable on its own, without a graph.

The text goes through these, each in a file of its own::

    stream      what users call for the whole value, with its options
    parts       what users call for parts of the value, by paths that may have names (named)
    reader      the order of things
    prose       what stands before and after the value
    scanner     the grammar, with tokens, strings and bulk for its parts
    tree        the value so far, and snapshots of it; patches instead of them
    holding     parts that are shown only when they are complete
    selection   the parts that paths select, instead of the whole
    schema      typed values, by the fields of classes
    trail       where in the text an error is
"""

from graphflow.jsonstream.errors import JsonStreamError as JsonStreamError
from graphflow.jsonstream.errors import ParseError as ParseError
from graphflow.jsonstream.options import Options as Options
from graphflow.jsonstream.options import ReadOptions as ReadOptions
from graphflow.jsonstream.options import ValueOptions as ValueOptions
from graphflow.jsonstream.parts import JsonItems as JsonItems
from graphflow.jsonstream.parts import JsonText as JsonText
from graphflow.jsonstream.stream import JsonStream as JsonStream
from graphflow.jsonstream.stream import parse_stream as parse_stream
from graphflow.jsonstream.stream import parse_stream_async as parse_stream_async
from graphflow.jsonstream.values import NOTHING as NOTHING
from graphflow.jsonstream.values import Json as Json
from graphflow.jsonstream.values import Nothing as Nothing
from graphflow.jsonstream.values import Partial as Partial
