"""The compiler of graphflow: a graph in, a plan out, and nothing of a runtime.

It reads from top to bottom: `ir` says what a graph is, `pipeline` which passes run over it, `plan` what comes out,
`render` how it is shown.
"""

from graphflow_compiler.ir import Graph as Graph
from graphflow_compiler.pipeline import compile_graph as compile_graph
from graphflow_compiler.plan import Plan as Plan
