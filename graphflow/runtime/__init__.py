"""The Trio runtime: it executes plans, and never sees a graph.

From the outside in: `run` opens and leaves a run, `execution` instantiates a plan in it, `stage` pulls one path of
nodes, `operators` runs one node, `buffers` stands between stages. `record` and `log` are what events cost; `portal`
and `threads` lead in and out of code that is not asynchronous.
"""
