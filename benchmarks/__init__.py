"""How long graphflow takes, beside hand-written code and langchain-core that do the same work.

`python -m benchmarks` runs all of it; see README.md.
"""
