"""JSON while it streams: feed text as it comes, get the best partial value. Usable on its own, without a graph.

The text goes through these, each in a file of its own::

    stream      what users call; the order of things
    prose       what stands before and after the value
    scanner     the grammar, with tokens, strings and bulk for its parts
    tree        the value so far, and snapshots of it; patches instead of them
    holding     parts that are shown only when they are complete
    selection   parts of the value instead of the whole, by paths
    schema      typed values
    trail       where in the text an error is
"""

from graphflow.jsonstream.errors import JsonStreamError as JsonStreamError
from graphflow.jsonstream.errors import ParseError as ParseError
from graphflow.jsonstream.stream import JsonItems as JsonItems
from graphflow.jsonstream.stream import JsonStream as JsonStream
from graphflow.jsonstream.stream import JsonText as JsonText
from graphflow.jsonstream.stream import Options as Options
from graphflow.jsonstream.stream import ReadOptions as ReadOptions
from graphflow.jsonstream.stream import ValueOptions as ValueOptions
from graphflow.jsonstream.stream import parse_stream as parse_stream
from graphflow.jsonstream.stream import parse_stream_async as parse_stream_async
from graphflow.jsonstream.values import NOTHING as NOTHING
from graphflow.jsonstream.values import Json as Json
from graphflow.jsonstream.values import Nothing as Nothing
from graphflow.jsonstream.values import Partial as Partial
