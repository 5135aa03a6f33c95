"""graphflow: typed chains that say, before they run, whether and from where they stream.

Declare chains with the decorators and `|`, look at ``gf.compile(chain).plan``, run them under Trio.
"""

from graphflow.chain import Aggregate as Aggregate
from graphflow.chain import Chain as Chain
from graphflow.chain import Producer as Producer
from graphflow.chain import Streaming as Streaming
from graphflow.chain import Transform as Transform
from graphflow.declare import aggregate as aggregate
from graphflow.declare import chunkwise as chunkwise
from graphflow.declare import graph as graph
from graphflow.declare import transform as transform
from graphflow.errors import CompileError as CompileError
from graphflow.errors import Diagnostic as Diagnostic
from graphflow.errors import EmptyStreamError as EmptyStreamError
from graphflow.errors import FoldError as FoldError
from graphflow.errors import GraphflowError as GraphflowError
from graphflow.errors import InputError as InputError
from graphflow.errors import NotInvokableError as NotInvokableError
from graphflow.errors import NotStreamingError as NotStreamingError
from graphflow.errors import UnmatchedFilterError as UnmatchedFilterError
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
from graphflow.program import Program as Program
from graphflow.program import compile as compile
from graphflow.runtime.record import emit as emit
from graphflow_compiler.accumulate import LATEST as latest
from graphflow_compiler.accumulate import SINGLE as single
from graphflow_compiler.accumulate import accumulator as accumulator
