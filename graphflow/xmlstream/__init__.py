"""XML while it streams: feed text as it comes, get elements when they close, or characters as they come.

The text goes through these, each in a file of its own::

    stream      what parsers call; the order of things
    tokens      where a tag or a comment ends, so that expat is given whole ones
    document    one document, read by expat, and what surrounds it
    selection   what is given: the root as it grows, elements at paths, their characters
    element     an element, which is data
    schema      typed values

XML is read by expat, of the standard library. It is given the root element only, never what stands before it. So there
can be no document type, and without one there are no entities to expand or to fetch.
"""

from graphflow.xmlstream.element import XmlElement as XmlElement
from graphflow.xmlstream.errors import XmlStreamError as XmlStreamError
from graphflow.xmlstream.stream import XmlItems as XmlItems
from graphflow.xmlstream.stream import XmlOptions as XmlOptions
from graphflow.xmlstream.stream import XmlStream as XmlStream
from graphflow.xmlstream.stream import XmlText as XmlText
