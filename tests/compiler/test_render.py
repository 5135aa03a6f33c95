"""What is printed of plans and graphs: whole texts, drawings that are read back, and what no name may break."""

# ruff: noqa: E501 (texts stand here as they are printed)

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from graphflow_compiler import render
from graphflow_compiler.accumulate import COLLECT, LATEST, PartialSum
from graphflow_compiler.errors import Diagnostic
from graphflow_compiler.ir import (
    INPUT,
    Edge,
    Graph,
    Node,
    NodeClass,
    NodeId,
    Op,
    Port,
    Promise,
    Scope,
    ScopeId,
    SourceLocation,
)
from graphflow_compiler.pipeline import GRAPH_PASSES, compile_graph
from graphflow_compiler.plan import Buffer, BufferKind, Cluster, Fan, Format, Plan, PlannedNode, Stage
from graphflow_compiler.render import dot, mermaid, outline, render_graph, render_plan
from graphflow_compiler.types import UNKNOWN
from tests.compiler.drawn import (
    DOT_STRING,
    Drawn,
    arrows,
    names,
    read_dot,
    read_html,
    read_mermaid,
    unescaped_dot,
    unescaped_mermaid,
)

FILE = "/home/ada/shop/app/chains.py"


class Document: ...


class Message: ...


class AIMessageChunk:
    @classmethod
    def __sum_chunks__(cls) -> PartialSum:
        raise NotImplementedError


# --- graphs by hand ----------------------------------------------------------------------------------------


def node(name: str, op: Op, *ports: Port, output: object = UNKNOWN, line: int | None = None, **options: Any) -> Node:
    location = None if line is None else SourceLocation(FILE, line)
    return Node(NodeId(options.pop("id", name)), name, op, ports, output=output, location=location, **options)


def whole(name: str, type: object = UNKNOWN, **options: Any) -> Port:
    return Port(name, False, type, **options)


def stream(name: str, type: object = UNKNOWN, **options: Any) -> Port:
    return Port(name, True, type, **options)


def graph(name: str, nodes: Iterable[Node], edges: Iterable[tuple[str | None, ...]]) -> Graph:
    """Make a graph of edges given as (source, target, port, key), whose output is the last node."""
    all_nodes = (Node(INPUT, "input", Op.INPUT), *nodes)
    links = []
    for source, target, port, key in ((*edge, None, None)[:4] for edge in edges):
        links.append(Edge(NodeId(str(source)), NodeId(str(target)), port, key))
    output = all_nodes[-1].id
    return Graph(all_nodes, tuple(links), output, scopes=(Scope(ScopeId("chain"), None, name, output),))


def line_of(name: str, *nodes: Node) -> Graph:
    ids = [INPUT, *(each.id for each in nodes)]
    return graph(name, nodes, pairwise(ids))


def prompt(**ports: object) -> Node:
    holes = (whole(name, type) for name, type in ports.items())
    return node("prompt", Op.CALL, *holes, output=list[Message], kind="prompt", line=14)


def model(**options: Any) -> Node:
    port = whole("messages", list[Message])
    options = {
        "output": AIMessageChunk,
        "kind": "chat_model",
        "is_async": True,
        "suspends": True,
        "line": 15,
        **options,
    }
    return node("model", Op.GENERATE, port, **options)


def parser(**options: Any) -> Node:
    return node("text", Op.MAP, stream("chunk", AIMessageChunk), output=str, kind="parser", **options)


def rag() -> Graph:
    query = whole("query", str)
    retriever = node("retriever", Op.CALL, query, output=list[Document], kind="retriever", line=12, is_async=True)
    passthrough = node("passthrough", Op.IDENTITY, stream("chunks", str), line=13)
    join = node("parallel", Op.JOIN, stream("context"), stream("question"), keys=("context", "question"))
    return graph(
        "rag",
        (retriever, passthrough, join, prompt(context=list[Document], question=str), model(), parser()),
        (
            ("input", "retriever"),
            ("input", "passthrough"),
            ("retriever", "parallel", "context"),
            ("passthrough", "parallel", "question"),
            ("parallel", "prompt"),
            ("prompt", "model"),
            ("model", "text"),
        ),
    )


def broken() -> Graph:
    chunks = stream("chunks", AIMessageChunk)
    return line_of(
        "countries",
        prompt(topic=str),
        model(),
        node("json_parser", Op.GENERATE, chunks, output=Any, kind="parser", is_async=True, accumulate=LATEST),
        node("country_names", Op.CALL, whole("value", dict), output=list[str], line=24),
    )


def fan() -> Graph:
    join = node("parallel", Op.JOIN, *map(stream, ("joke", "poem", "count")), keys=("joke", "poem", "count"))
    nodes = [
        attrs.evolve(prompt(topic=str), id=NodeId("joke_prompt"), name="joke_prompt"),
        model(),
        parser(),
        attrs.evolve(prompt(topic=str), id=NodeId("poem_prompt"), name="poem_prompt"),
        model(id="model.2"),
        parser(id="text.2"),
        node("word_count", Op.CALL, whole("topic", str), output=int, line=40),
        join,
    ]
    return graph(
        "fan",
        nodes,
        (
            ("input", "joke_prompt"),
            ("joke_prompt", "model"),
            ("model", "text"),
            ("text", "parallel", "joke"),
            ("input", "poem_prompt"),
            ("poem_prompt", "model.2"),
            ("model.2", "text.2"),
            ("text.2", "parallel", "poem"),
            ("input", "word_count"),
            ("word_count", "parallel", "count"),
        ),
    )


def is_short(value: str) -> bool:
    return len(value) < 9


def is_loud(value: str) -> bool:
    return value.isupper()


def nested() -> Graph:
    ask = line_of("ask", prompt(topic=str), model(), parser())
    shouting = line_of(
        "shouting",
        node("shout", Op.MAP, stream("chunk", str), output=str, line=50),
        node("exclaim", Op.MAP, stream("chunk", str), output=str, line=51),
    )
    plain = line_of("reverse", node("reverse", Op.CALL, whole("text", str), output=str, line=60))
    bodies = (ask, shouting, plain)
    return line_of(
        "router",
        node("route", Op.BRANCH, whole("value", str), bodies=bodies, conditions=(is_short, is_loud), line=62),
        node("split", Op.CALL, whole("text", str), output=list[str], line=63),
        node("each", Op.EACH, whole("items", list), bodies=(ask,), limit=4, line=64),
    )


class Tried:
    """A policy, as far as the compiler asks one."""

    gives_whole = False
    takes_whole = False
    may_repeat = True

    def explain(self, names: Sequence[str]) -> str:
        return f"is tried with {' or '.join(names)}"


def wrapped() -> Graph:
    ask = line_of("ask", prompt(topic=str), model(), parser())
    tried = node("ask", Op.WRAP, whole("input", str), bodies=(ask, ask), policy=Tried(), line=66)
    return line_of("careful", tried, node("shout", Op.MAP, stream("chunk", str), output=str, line=50))


def mixed() -> Graph:
    """Make a graph of what the others have not: keys, folds of a port, types that are not known, defaults."""
    return graph(
        "mixed",
        (
            node("load", Op.CALL, whole("source"), line=80, thread=True, emits_chunks=False, tags=("slow",)),
            node("name", Op.IDENTITY, stream("chunks"), keys=("name",)),
            node("some", Op.PROJECT, stream("chunks"), keys=("name", "size")),
            node("collect", Op.CALL, whole("chunks", fold=COLLECT), output=list),
            node(
                "weave",
                Op.GENERATE,
                stream("left", str),
                whole("right", list),
                whole("limit", int, required=False),
                output=str,
                is_async=True,
                metadata={"owner": "ada", "retries": 3, "key": object(), "ratio": float("nan")},
            ),
        ),
        (
            ("input", "load"),
            ("load", "name", "chunks", "name"),
            ("load", "some"),
            ("some", "collect"),
            ("name", "weave", "left"),
            ("collect", "weave", "right"),
        ),
    )


def long(count: int, op: Op = Op.MAP) -> Graph:
    port = whole("value", str) if op is Op.CALL else stream("chunk", str)
    return line_of(
        "long", *(node("step", op, port, id=f"step.{index}", output=str, line=70) for index in range(1, count + 1))
    )


#: Names that mean something to a format, to its preprocessor, to HTML or to a terminal.
NASTY = (
    "end",
    'a "quoted" [x]{y}(z)|w',
    'new\nline `tick` %%{init: {"theme": 1}}%% #35; &amp; <b>bold</b>',
    'style:"x"#; classDef',
    "back\\slash\\",
    "ünï → 日本 \ud800 \u202e",
    "\\N \\G",
    "subgraph",
    "--> -.-> ;",
    "graph TD; click me",
    "\x1b[31mred\x07",
)


def nasty() -> Graph:
    first, *others = NASTY
    nodes = (
        node(first, Op.CALL, whole('the "end"', str), output=str),
        *(
            node(name, Op.MAP, stream("class", str), output=dict if index == 1 else str)
            for index, name in enumerate(others)
        ),
    )
    ids = (INPUT, *NASTY)
    edges: list[tuple[str | None, ...]] = list(pairwise(ids))
    edges[3] = (*edges[3], None, 'key "k"]|\n')
    return graph('the "end" --- %% {x}', nodes, edges)


GRAPHS: dict[str, Callable[[], Graph]] = {
    "rag": rag,
    "broken": broken,
    "fan": fan,
    "nested": nested,
    "mixed": mixed,
    "nasty": nasty,
    "wrapped": wrapped,
}
#: All formats but SVG, which graphviz makes of dot.
FORMATS = ("text", "mermaid", "dot", "html", "json")


@pytest.fixture(params=GRAPHS)
def plan(request: pytest.FixtureRequest) -> Plan:
    return compile_graph(GRAPHS[request.param]())


# --- whole texts -------------------------------------------------------------------------------------------

RAG_TEXT = """\
rag · str → str · producer · streams
streaming begins at `model`, once `input`, `retriever`, `passthrough` and `prompt` are done
64 chunks at most wait in it

    node         class      takes → gives                                             folds by
    input        transform  str                                                       concat
                 what the caller gives

s0  a task of its own: it begins at the input
    ← `input`  fold by concat, because every chunk is folded as it comes: the port waits for the whole value
    retriever    aggregate  str → list[Document]                                      single
                 a retriever waits for its whole query and gives its documents at once (app/chains.py:12)

s1  a task of its own: it begins at the input
    ← `input`  bounded 64, because a writer that is ahead waits
    passthrough  transform  str → str                                                 concat
                 `passthrough` passes every chunk on (app/chains.py:13)

s2  pulled by the reader: 2 streams meet in `prompt`
    ← `retriever` into `context`     fold by single
    ← `passthrough` into `question`  fold by concat
      because every chunk is folded as it comes: the port waits for the whole value
    prompt       aggregate  (context: list[Document], question: str) → list[Message]  single
                 a prompt waits for every value that it is filled with (app/chains.py:14)
  ▶ model        producer   list[Message] → AIMessageChunk                            concat
                 streaming begins here
                 a chat model waits for its whole prompt, then streams its answer (app/chains.py:15)
    text         transform  AIMessageChunk → str                                      concat
                 `text` is a function of one chunk
"""

BROKEN_TEXT = """\
countries · str → list[str] · aggregate · does not stream
blocked by `country_names` (app/chains.py:24): `country_names` is a plain function of its whole input

    node           class      takes → gives                   folds by
    input          transform  str                             concat
                   what the caller gives

s0  pulled by the reader: it begins at the input
    ← `input`  call, folds by concat, because the only consumer of the input reads it in place
    prompt         aggregate  str → list[Message]             single
                   a prompt waits for every value that it is filled with (app/chains.py:14)
    model          producer   list[Message] → AIMessageChunk  concat
                   a chat model waits for its whole prompt, then streams its answer (app/chains.py:15)
    json_parser    transform  AIMessageChunk → Any            latest
                   `json_parser` yields while it reads `chunks`
  ■ country_names  aggregate  dict → list[str]                single
                   blocks the output
                   `country_names` is a plain function of its whole input (app/chains.py:24)
                   unchecked: Any is not checked

warning[GF301]: the output does not stream: `country_names` is a plain function of its whole input, so what `json_parser` streams is held back until it is complete
  --> app/chains.py:24
  hint: write it as a transform, which takes chunks as they come:
            @gf.transform
            async def country_names(chunks: AsyncIterator[dict]) -> AsyncIterator[list[str]]:
                async for chunk in chunks:
                    yield ...  # what this chunk adds
        or, if it can work on one chunk at a time: gf.chunkwise(country_names)
"""

FAN_TEXT = """\
fan · str → {joke: str, poem: str, count: int} · aggregate · streams
`joke` and `poem` stream
`count` does not stream
streaming begins at `model`, once `input` and `joke_prompt` are done
streaming begins at `model.2`, once `input` and `poem_prompt` are done
one whole chunk comes from `word_count`, once `input` is done
194 chunks at most wait in it

    node         class      takes → gives                         folds by
    input        transform  str                                   concat
                 what the caller gives

s0  a task of its own: it begins at the input
    ← `input`  fold by concat, because every chunk is folded as it comes: the port waits for the whole value
    joke_prompt  aggregate  str → list[Message]                   single
                 a prompt waits for every value that it is filled with (app/chains.py:14)
  ▶ model        producer   list[Message] → AIMessageChunk        concat
                 streaming begins here
                 a chat model waits for its whole prompt, then streams its answer (app/chains.py:15)
    text         transform  AIMessageChunk → str                  concat
                 `text` is a function of one chunk

s1  a task of its own: it begins at the input
    ← `input`  fold by concat, because every chunk is folded as it comes: the port waits for the whole value
    poem_prompt  aggregate  str → list[Message]                   single
                 a prompt waits for every value that it is filled with (app/chains.py:14)
  ▶ model.2      producer   list[Message] → AIMessageChunk        concat
                 streaming begins here
                 a chat model waits for its whole prompt, then streams its answer (app/chains.py:15)
    text.2       transform  AIMessageChunk → str                  concat
                 `text` is a function of one chunk

s2  a task of its own: it begins at the input
    ← `input`  fold by concat, because every chunk is folded as it comes: the port waits for the whole value
  ▷ word_count   aggregate  str → int                             single
                 comes out whole, as one chunk
                 `word_count` is a plain function of its whole input (app/chains.py:40)

s3  pulled by the reader: 3 streams meet in `parallel`
    ← `text` into `joke`         bounded 64
    ← `text.2` into `poem`       bounded 64
    ← `word_count` into `count`  bounded 64
      because a join takes whichever stream comes first, so it never waits for the wrong one
    parallel     transform  → {joke: str, poem: str, count: int}  merge
                 `parallel` passes chunks on as they come, under their keys
                 folds by merge(joke: concat, poem: concat, count: single)
"""

NESTED_TEXT = """\
router · str → list[str] · producer · streams
streaming begins at `each`, once `input`, `route` and `split` are done
4 chunks at most wait in it

    node   class      takes → gives          folds by
    input  transform  str                    concat
           what the caller gives

s0  pulled by the reader: it begins at the input
    ← `input`  call, folds by concat, because the only consumer of the input reads it in place
    route  aggregate  str → str              concat
           `route` decides on its whole input, and its alternative `exclaim` does not promise to stream
           (app/chains.py:62)
    ├ if `is_short`: ask · str → str · producer · streams
    │ streaming begins at `model`, once `input` and `prompt` are done
    │
    │     input   transform  str                             concat
    │             what the caller gives
    │
    │ s0  pulled by the reader: it begins at the input
    │     ← `input`  call, folds by concat, because the only consumer of the input reads it in place
    │     prompt  aggregate  str → list[Message]             single
    │             a prompt waits for every value that it is filled with (app/chains.py:14)
    │   ▶ model   producer   list[Message] → AIMessageChunk  concat
    │             streaming begins here
    │             a chat model waits for its whole prompt, then streams its answer (app/chains.py:15)
    │     text    transform  AIMessageChunk → str            concat
    │             `text` is a function of one chunk
    ├ if `is_loud`: shouting · str → str · transform · streams
    │ streaming begins at `input`, with its first chunk
    │
    │   ▶ input    transform  str            concat
    │              streaming begins here
    │              what the caller gives
    │
    │ s0  pulled by the reader: it begins at the input
    │     ← `input`  call, because the only consumer of the input reads it in place
    │   ┌ shout    transform  str → str      concat
    │   │          `shout` is a function of one chunk (app/chains.py:50)
    │   │ exclaim  transform  str → str      concat
    │   │          `exclaim` is a function of one chunk (app/chains.py:51)
    │   └ 2 nodes fused into one step
    └ otherwise: reverse · str → str · aggregate · does not stream
      blocked by `reverse` (app/chains.py:60): `reverse` is a plain function of its whole input

          input    transform  str            concat
                   what the caller gives

      s0  pulled by the reader: it begins at the input
          ← `input`  call, folds by concat, because the only consumer of the input reads it in place
        ■ reverse  aggregate  str → str      single
                   blocks the output
                   `reverse` is a plain function of its whole input (app/chains.py:60)
    split  aggregate  str → list[str]        single
           `split` is a plain function of its whole input (app/chains.py:63)
  ▶ each   producer   list[str] → list[str]  concat
           streaming begins here
           `each` waits for its whole list, then gives a result for every item (app/chains.py:64)
    └ for every item, 4 at once: ask · str → str · producer · streams
      streaming begins at `model`, once `input` and `prompt` are done

          input   transform  str                             concat
                  what the caller gives

      s0  pulled by the reader: it begins at the input
          ← `input`  call, folds by concat, because the only consumer of the input reads it in place
          prompt  aggregate  str → list[Message]             single
                  a prompt waits for every value that it is filled with (app/chains.py:14)
        ▶ model   producer   list[Message] → AIMessageChunk  concat
                  streaming begins here
                  a chat model waits for its whole prompt, then streams its answer (app/chains.py:15)
          text    transform  AIMessageChunk → str            concat
                  `text` is a function of one chunk

in `route`, otherwise:
note[GF302]: the output does not stream: `reverse` is a plain function of its whole input, and nothing before it streams either
  --> app/chains.py:60
  hint: end the chain with a node that gives chunks: a chat model, or an @gf.aggregate that yields
"""

MIXED_TEXT = """\
mixed · ? → str · aggregate · does not stream
blocked by `load` (app/chains.py:80): `load` is a plain function of its whole input
what waits in it has no bound: see what is unbounded, or keeps its input

    node     class      takes → gives                                        folds by
    input    transform  ?                                                    single
             what the caller gives

s0  a task of its own: it begins at the input
    ← `input`  call, folds by single, because the only consumer of the input reads it in place
  ■ load     aggregate  ? → ?                                                single
             blocks the output
             `load` is a plain function of its whole input (app/chains.py:80)
             unchecked: `source` is not annotated

s1  a task of its own: `load` has several consumers
    ← key 'name' of `load`  bounded 64, because a writer that is ahead waits
    name     transform  ? → ?                                                single
             `name` passes every chunk on

s2  a task of its own: `load` has several consumers
    ← `load`  bounded 64, because a writer that is ahead waits
    some     transform  ? → {name: ?, size: ?}                               single
             `some` passes on `name` and `size` of every chunk
    ← `some`  folds by collect
    collect  aggregate  {name: ?, size: ?} → list                            single
             `collect` folds its whole input into one value

s3  pulled by the reader: 2 streams meet in `weave`
    ← `name` into `left`      unbounded, because the same stream also leads to `right`, which may have to be
      read first
    ← `collect` into `right`  fold by single, because every chunk is folded as it comes: the port waits for
      the whole value
    weave    transform  (left: Stream[str], right: list, limit?: int) → str  concat
             `weave` yields while it reads `left` once it has `right`
             unchecked: `left`: what `name` gives is not annotated

note[GF302]: the output does not stream: `load` is a plain function of its whole input, and nothing before it streams either
  --> app/chains.py:80
  hint: end the chain with a node that gives chunks: a chat model, or an @gf.aggregate that yields
"""

LONG_TEXT = """\
long · str → str · aggregate · does not stream
blocked by `step.60` (app/chains.py:70): `step` is a plain function of its whole input

    node     class      takes → gives  folds by
    input    transform  str            concat
             what the caller gives

s0  pulled by the reader: it begins at the input
    ← `input`  call, folds by concat, because the only consumer of the input reads it in place
    step.1   aggregate  str → str      single
             `step` is a plain function of its whole input (app/chains.py:70)
    step.2   aggregate  str → str      single
             `step` is a plain function of its whole input (app/chains.py:70)
    step.3   aggregate  str → str      single
             `step` is a plain function of its whole input (app/chains.py:70)
    step.4   aggregate  str → str      single
             `step` is a plain function of its whole input (app/chains.py:70)
    … 54 more like these (`step.5` to `step.58`)
    step.59  aggregate  str → str      single
             `step` is a plain function of its whole input (app/chains.py:70)
  ■ step.60  aggregate  str → str      single
             blocks the output
             `step` is a plain function of its whole input (app/chains.py:70)

note[GF302]: the output does not stream: `step` is a plain function of its whole input, and nothing before it streams either
  --> app/chains.py:70
  hint: end the chain with a node that gives chunks: a chat model, or an @gf.aggregate that yields
"""

RAG_DECLARED = """\
graph → text
input: ?
retriever: call async str → list[Document]
    ? ← input, whole
passthrough: identity str → ?
    ? ← input
parallel: join keys=['context', 'question'] → ?
    context ← retriever
    question ← passthrough
prompt: call (context: list[Document], question: str) → list[Message]
    ? ← parallel
model: generate async suspends list[Message] → AIMessageChunk
    ? ← prompt, whole
text: map AIMessageChunk → str
    ? ← model
scope chain: chain 'rag' input → text
"""

MIXED_FOUND = """\
graph → weave, aggregate, does not stream, blocked by `load`
input: ?, transform, folds by single
load: call thread emits_chunks=False ? → ?, aggregate, folds by single
    source ← input, whole, folds by single, unchecked: `source` is not annotated
    because `load` is a plain function of its whole input
name: identity keys=['name'] ? → ?, transform, folds by single
    chunks ← load['name']
    because `name` passes every chunk on
some: project keys=['name', 'size'] ? → {name: ?, size: ?}, transform, folds by single
    chunks ← load
    because `some` passes on `name` and `size` of every chunk
collect: call {name: ?, size: ?} → list, aggregate, folds by single
    chunks ← some, whole, folds by collect
    because `collect` folds its whole input into one value
weave: generate async (left: Stream[str], right: list, limit?: int) → str, transform, folds by concat
    left ← name, unchecked: what `name` gives is not annotated
    right ← collect, whole, folds by single
    because `weave` yields while it reads `left` once it has `right`
scope chain: chain 'mixed' input → weave
"""

RAG_MERMAID = """\
---
title: "rag · str → str · producer · streams — streaming begins at `model`, once `input`, `retriever`, `passthrough` and `prompt` are done"
---
flowchart TD
    n0[/"input<br/>str"/]:::input
    subgraph s0["s0 · a task of its own"]
        n1["retriever<br/>str → list[Document]"]:::aggregate
    end
    subgraph s1["s1 · a task of its own"]
        n2("passthrough<br/>str → str"):::transform
    end
    subgraph s2["s2 · pulled by the reader"]
        n3["prompt<br/>(context: list[Document], question: str) → list[Message]"]:::aggregate
        n4(["model<br/>list[Message] → AIMessageChunk<br/>▶ streaming begins here"]):::producer
        n5("text<br/>AIMessageChunk → str"):::transform
    end
    n0 -->|"fold"| n1
    n0 -->|"bounded 64"| n2
    n1 -->|"context · fold"| n3
    n2 -->|"question · fold"| n3
    n3 --> n4
    n4 --> n5
    classDef input fill:#eceff1,stroke:#546e7a,color:#17212b
    classDef transform fill:#d9f0df,stroke:#2e7d4f,color:#10301d
    classDef aggregate fill:#fde4c8,stroke:#b35c00,color:#3d2000
    classDef producer fill:#d8e7fb,stroke:#2b62b0,color:#0f2542
    classDef begins stroke-width:4px
    classDef whole stroke-width:4px,stroke-dasharray:6 3
    classDef maybe stroke-width:4px,stroke-dasharray:6 3
    classDef blocks stroke:#c62828,stroke-width:4px
    class n4 begins
"""


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        pytest.param(rag, RAG_TEXT, id="rag"),
        pytest.param(broken, BROKEN_TEXT, id="broken"),
        pytest.param(fan, FAN_TEXT, id="fan"),
        pytest.param(nested, NESTED_TEXT, id="nested"),
        pytest.param(mixed, MIXED_TEXT, id="mixed"),
        pytest.param(lambda: long(60, Op.CALL), LONG_TEXT, id="long"),
    ],
)
def test_a_plan_is_explained(declared: Callable[[], Graph], expected: str) -> None:
    plan = compile_graph(declared())
    assert plan.explain() + "\n" == expected
    assert str(plan) == plan.explain()


def test_a_graph_is_listed_as_it_was_declared() -> None:
    assert render_graph(rag()) + "\n" == RAG_DECLARED


def test_a_graph_is_listed_with_the_facts_that_the_passes_found() -> None:
    assert render_graph(after_graph_passes(mixed())) + "\n" == MIXED_FOUND


def test_a_listing_shows_what_a_graph_promises() -> None:
    promised = attrs.evolve(rag(), promises=(Promise(NodeId("text"), True, str, "rag"),))
    assert render_graph(promised).splitlines()[-1] == "promise of 'rag': text is Stream[str]"


def test_mermaid_is_drawn() -> None:
    assert compile_graph(rag()).explain("mermaid") + "\n" == RAG_MERMAID


def test_an_unknown_format_is_refused_with_the_formats_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"no format 'png': choose 'text', 'mermaid', 'dot', 'svg', 'html', 'json'"):
        render_plan(compile_graph(rag()), "png")


# --- the text ----------------------------------------------------------------------------------------------


def test_no_line_but_those_of_diagnostics_is_wider_than_it_may_be(plan: Plan) -> None:
    own = attrs.evolve(plan, diagnostics=())
    for line in render_plan(own).split("\nnote[")[0].splitlines():
        assert len(line) <= 110
        assert line == line.rstrip()


def test_long_names_and_types_are_wrapped_into_their_columns() -> None:
    class ANameOfATypeThatGoesOnForLongerThanAnyoneWouldLike: ...

    wide = dict[str, tuple[ANameOfATypeThatGoesOnForLongerThanAnyoneWouldLike, int]]
    first = node("a_name_that_is_much_longer_than_its_column", Op.CALL, whole("value", wide), output=wide)
    text = render_plan(compile_graph(line_of("wide", first)))
    assert max(map(len, text.splitlines()[1:-4])) <= 110
    assert text.count("ANameOfATypeThatGoesOnForLongerThanAnyoneWouldLike") >= 2


def test_long_lists_of_names_say_how_many_more_there_are() -> None:
    chain = long(30, Op.CALL)
    chain = attrs.evolve(
        chain,
        nodes=(*chain.nodes, model()),
        edges=(*chain.edges, Edge(chain.output, NodeId("model"))),
        output=NodeId("model"),
    )
    chain = attrs.evolve(chain, nodes=tuple(attrs.evolve(n, output=UNKNOWN) for n in chain.nodes))
    second = render_plan(compile_graph(chain)).splitlines()[1:3]
    names = "`input`, `step.1`, `step.2`, `step.3`, `step.4`, `step.5`, `step.6`, `step.7`"
    assert " ".join(map(str.strip, second)) == f"streaming begins at `model`, once {names} and 23 more are done"


def test_of_many_places_where_streaming_begins_some_are_shown() -> None:
    count = 12
    nodes = [node(f"step.{index}", Op.GENERATE, whole("text", str), output=str) for index in range(count)]
    joined = node("both", Op.JOIN, *(stream(one.name) for one in nodes), keys=tuple(one.name for one in nodes))
    edges = [(("input", one.name)) for one in nodes] + [(one.name, "both", one.name) for one in nodes]
    text = render_plan(compile_graph(graph("wide", [*nodes, joined], edges)))
    assert re.search(r"^… and so at \d more nodes$", text, re.MULTILINE), text


def test_a_long_plan_stays_readable() -> None:
    text = render_plan(compile_graph(long(5_000)))
    assert len(text.splitlines()) < 250
    assert "▶ input" in text
    assert "step.5000" in text


def tangle(count: int) -> Graph:
    """Make a graph of many short stages: every node forks, and every third joins two of those before it."""
    nodes: list[Node] = []
    edges: list[tuple[str | None, ...]] = []
    for index in range(count):
        name = f"n{index}"
        if index % 3 == 2:
            nodes.append(node(name, Op.CALL, whole("left", str), whole("right", str), output=str))
            edges += [(f"n{index - 1}", name, "left"), (f"n{index - 2}", name, "right")]
        else:
            nodes.append(node(name, Op.GENERATE, whole("text", str), output=str))
            edges.append((f"n{index - index % 3 - 1}" if index > 2 else "input", name))
    return graph("tangle", nodes, edges)


def routes(count: int) -> Graph:
    """Make a graph in which every tenth node is a branch."""
    steps = long(count).nodes[1:]
    route = nested().nodes[1]
    return line_of(
        "routes",
        *(attrs.evolve(route, id=each.id) if index % 10 == 5 else each for index, each in enumerate(steps)),
    )


@pytest.mark.parametrize("declared", [long, tangle, routes], ids=lambda declared: declared.__name__)
def test_a_plan_of_500_nodes_is_read_at_a_glance_or_in_full(declared: Callable[[int], Graph]) -> None:
    plan = compile_graph(declared(501))
    lines = render_plan(plan).splitlines()
    assert len(lines) < 150
    assert any("more" in line and "like these" in line for line in lines)
    full = render_plan(plan, full=True)
    assert "like these" not in full
    rows = re.findall(r"^(?:  [▶▷■] |    |  [┌│] )(\S+) +(?:transform|aggregate|producer) ", full, flags=re.MULTILINE)
    assert [row for row in rows if row in plan.by_id] == [each.id for each in plan.nodes]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("op", [Op.MAP, Op.CALL])
def test_printing_takes_work_in_proportion_to_the_plan(op: Op, format: str) -> None:
    short, longer = (calls(compile_graph(long(count, op)), format) for count in (500, 2_000))
    assert longer < 5 * short


def calls(plan: Plan, format: str) -> int:
    """Count the calls that printing makes."""
    count = 0

    def called(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        render_plan(plan, format)
    finally:
        sys.setprofile(before)
    return count


def test_what_is_folded_never_hides_a_node_that_is_worth_a_look() -> None:
    chain = long(200, Op.CALL)
    blocking = compile_graph(chain)
    noted = Diagnostic("GF305", "warning", "a key is not used", node=NodeId("step.77"))
    text = render_plan(attrs.evolve(blocking, diagnostics=(noted,)))
    rows = re.findall(r"^  . (step\.\d+) ", text, flags=re.MULTILINE)
    assert rows == ["step.1", "step.2", "step.3", "step.4", "step.77", "step.199", "step.200"]
    assert "… 72 more like these (`step.5` to `step.76`)" in text
    assert "… 121 more like these (`step.78` to `step.198`)" in text


def test_a_wide_fan_out_is_folded_too() -> None:
    keys = [f"k{index}" for index in range(300)]
    join = node("all", Op.JOIN, *map(stream, keys), keys=tuple(keys))
    edges = [edge for key in keys for edge in (("input", key), (key, "all", key))]
    for waits in (False, True):
        nodes = [node(key, Op.CALL, whole("value", str), output=str, is_async=waits) for key in keys]
        text = render_plan(compile_graph(graph("wide", [*nodes, join], edges)))
        assert len(text.splitlines()) <= 60
        assert max(map(len, text.split("\nnote[")[0].splitlines())) <= 110
        assert ("… 295 more stages like these (s4 to s298)" in text) is waits
        assert "… 294 more like these (`k4` to `k297`)" in text
        assert "and 292 more do not stream" in text


def test_fused_nodes_stand_in_a_bracket_that_folding_does_not_break() -> None:
    text = render_plan(compile_graph(long(50)))
    gutters = [line[:4] for line in text.splitlines() if re.match(r"  [┌│└] ", line)]
    assert gutters[0] == "  ┌ "
    assert gutters[-1] == "  └ "
    assert set(gutters[1:-1]) == {"  │ "}
    assert "  │ … 44 more like these (`step.5` to `step.48`)" in text
    assert "  └ 50 nodes fused into one step" in text


def test_a_branch_that_may_stream_is_not_said_to_come_whole() -> None:
    choice = nested().by_id[NodeId("route")]
    join = node("parallel", Op.JOIN, stream("a"), stream("b"), keys=("a", "b"))
    edges = (("input", "route"), ("route", "parallel", "a"), ("input", "model"), ("model", "parallel", "b"))
    text = render_plan(compile_graph(graph("choice", (choice, model(line=None), join), edges)))
    assert "one whole chunk, or several, come from `route`, once `input` is done" in text
    assert "may come out whole, as one chunk" in text


# --- locations ---------------------------------------------------------------------------------------------


def at(file: str) -> Plan:
    return compile_graph(line_of("chain", attrs.evolve(parser(), location=SourceLocation(file, 7))))


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("{cwd}/app/chains.py", "app/chains.py:7"),
        ("{cwd}/chains.py", "chains.py:7"),
        ("/elsewhere/site-packages/shop/chains.py", "shop/chains.py:7"),
        ("/chains.py", "chains.py:7"),
        ("<stdin>", "<stdin>:7"),
        ("app/chains.py", "app/chains.py:7"),
    ],
)
def test_a_location_is_shown_from_here_on_or_by_its_last_two_parts(file: str, shown: str) -> None:
    plan = at(file.format(cwd=os.getcwd()))
    assert f"({shown})" in render_plan(plan)
    assert json.loads(render_plan(plan, "json"))["nodes"][1]["location"] == {"file": shown[:-2], "line": 7}


def test_a_location_is_shown_where_the_current_directory_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "(app/chains.py:7)" in render_plan(at("/home/ada/shop/app/chains.py"))


def test_whoever_prints_may_say_how_locations_are_shown() -> None:
    plan = compile_graph(broken())
    text = render_plan(plan, locate=lambda location: SourceLocation("chains.py", location.line - 10))
    assert "blocked by `country_names` (chains.py:14)" in text
    assert "  --> chains.py:14" in text
    assert FILE not in text


def test_no_format_prints_a_whole_path_or_an_address(plan: Plan) -> None:
    for format in FORMATS:
        shown = render_plan(plan, format)
        assert "/home/ada" not in shown
        assert not re.search(r"\b0x[0-9a-f]{6,}", shown)


# --- drawings are true -------------------------------------------------------------------------------------


def read(plan: Plan, format: str) -> Drawn:
    readers: dict[str, Callable[[str], Drawn]] = {"mermaid": read_mermaid, "dot": read_dot, "html": read_html}
    return readers[format](render_plan(plan, format))


@pytest.mark.parametrize("format", ["mermaid", "dot", "html"])
def test_a_drawing_reads_back_as_the_plan(plan: Plan, format: str) -> None:
    drawn = read(plan, format)
    assert drawn.arrows == sorted(arrows(plan))
    assert drawn.names == {box_id: outline.printable(node_id) for box_id, node_id in names(plan)}


@pytest.mark.parametrize("format", ["mermaid", "html"])
def test_a_drawing_shows_classes_and_marks(plan: Plan, format: str) -> None:
    drawn = read(plan, format)
    expected = {f"n{i}": "input" if each.op is Op.INPUT else str(each.node_class) for i, each in enumerate(plan.nodes)}
    assert {box_id: look for box_id, look in drawn.looks.items() if "b" not in box_id} == expected
    positions = {each.id: f"n{i}" for i, each in enumerate(plan.nodes)}
    own = {box_id: mark for box_id, mark in drawn.marked.items() if "b" not in box_id}
    assert {box_id for box_id, mark in own.items() if mark != "blocks"} == {
        positions[each] for each in plan.streaming_begins
    }
    assert [box_id for box_id, mark in own.items() if mark == "blocks"] == [
        positions[each] for each in (plan.blocked_by,) if each is not None
    ]


def test_the_title_of_a_mermaid_drawing_is_a_string_of_json(plan: Plan) -> None:
    title = render_plan(plan, "mermaid").splitlines()[1].removeprefix("title: ")
    assert json.loads(title).startswith(outline.printable(plan.name))


@pytest.mark.parametrize("name", NASTY)
def test_no_name_ends_a_label(name: str) -> None:
    written = outline.printable(name)
    assert '"' not in mermaid.escape(written)
    assert not re.search(r"%%|[<>`\\]|style|classDef", mermaid.escape(written))
    assert unescaped_mermaid(mermaid.escape(written)) == written
    assert re.fullmatch(DOT_STRING, dot.quoted(written))
    assert unescaped_dot(dot.quoted(written)[1:-1]) == written


def test_every_text_is_one_that_can_be_encoded_and_seen() -> None:
    plan = compile_graph(nasty())
    for format in FORMATS:
        shown = render_plan(plan, format)
        shown.encode("utf-8")
        assert format == "json" or all(line.isprintable() for line in shown.split("\n"))


# --- JSON --------------------------------------------------------------------------------------------------


def test_json_holds_the_plan(plan: Plan) -> None:
    read = json.loads(render_plan(plan, "json"))
    assert next(iter(read.items())) == ("graphflow_plan", 1)
    assert [each["id"] for each in read["nodes"]] == [each.id for each in plan.nodes]
    assert [(e["source"], e["target"], e["port"], e["key"]) for e in read["edges"]] == [
        (edge.source, edge.target, edge.port, edge.key) for edge in plan.edges
    ]
    assert [each["nodes"] for each in read["stages"]] == [list(stage.nodes) for stage in plan.stages]
    assert [(b["source"], b["target"], b["port"], b["kind"], b["capacity"], b["reason"]) for b in read["buffers"]] == [
        (b.source, b.target, b.port, b.kind, b.capacity, b.reason) for b in plan.buffers
    ]
    assert [each["code"] for each in read["diagnostics"]] == [each.code for each in plan.diagnostics]
    streaming = read["streaming"]
    assert streaming["streams"] is plan.streams
    assert streaming["by_key"] == dict(plan.streams_by_key)
    assert streaming["begins"] == list(plan.streaming_begins)
    assert streaming["blocked_by"] == plan.blocked_by
    assert all(streaming["waits_for"][each] == list(plan.waits_for[each]) for each in plan.streaming_begins)


def test_json_holds_the_plans_of_bodies() -> None:
    plan = compile_graph(nested())
    read = json.loads(render_plan(plan, "json"))
    route = read["nodes"][1]
    assert [body["label"] for body in route["bodies"]] == ["if `is_short`", "if `is_loud`", "otherwise"]
    inner = [body["plan"] for body in route["bodies"]]
    alone = [json.loads(render_plan(body, "json")) for body in plan["route"].plans]
    assert inner == [{key: value for key, value in each.items() if key != "graphflow_plan"} for each in alone]


def test_json_keeps_its_order_of_keys(plan: Plan) -> None:
    shown = render_plan(plan, "json")
    assert json.dumps(json.loads(shown), indent=2, ensure_ascii=False) == re.sub(r"(?<!\\)\\ud800", "\ud800", shown)


def test_json_says_of_metadata_only_what_it_has_a_word_for() -> None:
    (weave,) = (each for each in json.loads(render_plan(compile_graph(mixed()), "json"))["nodes"] if each["metadata"])
    assert weave["metadata"] == {"owner": "ada", "retries": 3, "key": "<object>", "ratio": "<float>"}


# --- what was measured -------------------------------------------------------------------------------------


def test_measured_figures_are_shown_with_their_nodes_in_every_format() -> None:
    plan = compile_graph(nested())
    inner = outline.inside(NodeId("route"), 0, NodeId("model"))
    measured = {NodeId("split"): {"self": "3 ms", "chunks": "1"}, inner: {"first chunk": "12 ms"}}
    text = render_plan(plan, measured=measured)
    plain = render_plan(plan)
    added = [line.strip() for line in text.splitlines() if line not in plain.splitlines()]
    assert added == ["│             measured: first chunk 12 ms", "measured: self 3 ms · chunks 1"]
    for format in ("mermaid", "dot"):
        assert re.search(r"\bsplit\b.*self 3 ms · chunks 1", render_plan(plan, format, measured=measured))
        assert "first chunk 12 ms" in render_plan(plan, format, measured=measured)
    nodes = {each["id"]: each for each in json.loads(render_plan(plan, "json", measured=measured))["nodes"]}
    assert nodes["split"]["measured"] == {"self": "3 ms", "chunks": "1"}
    assert "measured" not in nodes["each"]


# --- nothing is left out, nothing depends on a hash ---------------------------------------------------------

#: What JSON leaves out: functions, and what has been decided on the way to a plan.
NOT_IN_JSON = {"function", "present", "conditions", "describe", "rescue", "policy", "limit", "bodies"}


@pytest.mark.parametrize("kind", [PlannedNode, Edge, Stage, Cluster, Fan, Buffer, Scope, Diagnostic])
def test_json_has_a_word_for_every_field_of_what_a_plan_is_made_of(kind: type) -> None:
    read = json.loads(render_plan(compile_graph(everything()), "json"))
    turns = json.loads(render_plan(compile_graph(taking_turns()), "json"))
    words = {
        "node_class": "class",
        "output": "gives",
        "is_async": "async",
        "accumulator": "folds",
        "plans": "bodies",
        "write": "source",
    }
    collection = {
        PlannedNode: read["nodes"],
        Edge: read["edges"],
        Stage: read["stages"],
        Cluster: [cluster for stage in read["stages"] for cluster in stage["clusters"]],
        Fan: [found for stage in turns["stages"] for found in stage["fans"]],
        Buffer: read["buffers"],
        Scope: read["scopes"],
        Diagnostic: read["diagnostics"],
    }[kind]
    known = {key for each in collection for key in each}
    fields = {field.name for field in attrs.fields(kind)} - NOT_IN_JSON
    assert {name for name in fields if name not in known and words.get(name) not in known} == set()


def taking_turns() -> Graph:
    """Make a graph with a fan that runs in one task."""
    loud, quiet = (node(key, Op.CALL, whole("value", str), output=str) for key in ("loud", "quiet"))
    join = node("all", Op.JOIN, stream("loud"), stream("quiet"), keys=("loud", "quiet"))
    edges = [("input", "loud"), ("input", "quiet"), ("loud", "all", "loud"), ("quiet", "all", "quiet")]
    return graph("turns", [loud, quiet, join], edges)


def everything() -> Graph:
    """Make a graph in which every field of a node, an edge and a scope says something."""
    declared = node(
        "all",
        Op.GENERATE,
        stream("chunks", str),
        keys=("key",),
        accumulate=LATEST,
        is_async=True,
        thread=True,
        suspends=True,
        keeps_open="`async with client` (line 7)",
        buffer=8,
        emits_chunks=False,
    )
    shout = node("shout", Op.MAP, stream("chunk"), output=str, line=1)
    chain = line_of("everything", declared, shout, node("stop", Op.CALL, whole("value"), line=2), nested().nodes[1])
    scope = attrs.evolve(chain.scopes[0], location=SourceLocation(FILE, 3))
    return attrs.evolve(chain, scopes=(scope,))


@pytest.mark.parametrize("op", Op)
def test_every_operation_is_shown(op: Op) -> None:
    plans = [compile_graph(declared()) for declared in GRAPHS.values()]
    (plan, *_) = (plan for plan in plans if any(each.op is op for each in plan.nodes))
    shown = next(each for each in plan.nodes if each.op is op)
    assert f" {shown.id} " in render_plan(plan)
    assert f'"op": "{op}"' in render_plan(plan, "json")
    if op is not Op.INPUT:
        assert f"{shown.id}: {op}" in render_graph(next(g() for g in GRAPHS.values() if shown.id in g().by_id))


@pytest.mark.parametrize("node_class", NodeClass)
def test_every_class_has_a_look(node_class: NodeClass) -> None:
    drawn = render_plan(compile_graph(fan()), "mermaid")
    assert f":::{node_class}" in drawn
    assert f"classDef {node_class} " in drawn


@pytest.mark.parametrize("mark", outline.Mark)
def test_every_mark_has_a_sign_and_a_look(mark: outline.Mark) -> None:
    assert mark.sign in "▶▷■"
    assert mark in mermaid._MARKED
    assert mark in dot._MARKED


@pytest.mark.parametrize("kind", get_args(BufferKind))
def test_every_kind_of_buffer_is_shown(kind: str) -> None:
    plans = [compile_graph(declared()) for declared in GRAPHS.values()]
    shown = "".join(render_plan(plan) for plan in plans)
    assert re.search(rf"^ +← .*  {kind}\b", shown, flags=re.MULTILINE)


def everything_shown() -> str:
    plans = {name: compile_graph(declared()) for name, declared in GRAPHS.items()}
    shown = [render_plan(plan, format) for plan in plans.values() for format in FORMATS]
    return "\n".join([*shown, *(render_graph(after_graph_passes(declared())) for declared in GRAPHS.values())])


def after_graph_passes(declared: Graph) -> Graph:
    for step in GRAPH_PASSES:
        declared = step(declared)
    return declared


def test_the_text_is_the_same_under_any_hash_seed() -> None:
    texts = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        run = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, check=True)
        texts.add(run.stdout)
    assert {text.decode().replace("\r\n", "\n") for text in texts} == {everything_shown() + "\n"}


def test_a_notebook_is_given_the_page_in_a_frame() -> None:
    bundle = compile_graph(rag())._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/vnd.mermaid", "text/html"}
    assert bundle["text/html"].startswith("<iframe ")


def test_there_are_these_formats() -> None:
    assert set(render.FORMATS) == {*FORMATS, "svg"} == set(get_args(Format))


if __name__ == "__main__":
    print(everything_shown())
