"""What to write instead of a step that does not stream: in LCEL itself, and in graphflow."""

from __future__ import annotations

import keyword
import operator
from collections.abc import Callable
from typing import Any

import attrs


@attrs.frozen
class Mend:
    """What to write instead.

    Attributes:
        lcel: in LCEL.
        graphflow: in graphflow.
    """

    lcel: str
    graphflow: str

    def __str__(self) -> str:
        return "\n".join(
            line
            for where, text in (("in LCEL: ", self.lcel), ("in graphflow: ", self.graphflow))
            for line in (where + text).splitlines()
        )


def of_function(function: Callable[..., Any], name: str) -> Mend:
    """Return what to write instead of a function of a whole value."""
    if isinstance(function, operator.itemgetter):
        keys = function.__reduce__()[1]
        shown = ", ".join(map(repr, keys))
        picked = shown if len(keys) == 1 else f"[{shown}]"
        return Mend(f"RunnablePick({picked}), which picks from every chunk", f"gf.pick({shown})")
    transform = _identifier(name)
    chunkwise = "lambda chunk: ..." if name == "lambda" else name
    return Mend(
        "let it take chunks; of a generator function `|` makes a RunnableGenerator:\n"
        f"    async def {transform}(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:\n"
        "        async for chunk in chunks:\n"
        "            yield ...  # what this chunk adds\n"
        f"stream() needs a plain one: RunnableGenerator(plain_{transform}, {transform})",
        f"decorate that generator with @gf.transform, for both; or write gf.chunkwise({chunkwise}), "
        "if one chunk is enough for it",
    )


def of_generator(name: str, parameter: str) -> Mend:
    """Return what to write instead of a generator that reads its input to the end before it yields."""
    loop = f"yield inside of the loop over `{parameter}`, what each chunk adds"
    return Mend(loop, f"the same, with @gf.transform on `{name}`")


def of_other_kind(name: str, *, wanted: str) -> Mend:
    """Return what to write beside a generator of the kind that one of the modes cannot run."""
    of_async = wanted == "astream"
    both = f"RunnableGenerator({name}, a{name})" if of_async else f"RunnableGenerator(plain_{name}, {name})"
    kind = "an `async def` with `async for`" if of_async else "a plain `def` with `for`"
    return Mend(f"give it {kind} too: {both}", "one generator is enough, of either kind: @gf.transform")


def of_asynchronous(name: str) -> Mend:
    """Return what to write instead of a plain generator of a value, where `astream` is wanted."""
    return Mend(f"write `{name}` as `async def` with `yield`", "a plain generator does as it is: @gf.aggregate")


def of_plain(name: str, made_by: str) -> Mend:
    """Return what to write beside an asynchronous function, where `stream` is wanted."""
    return Mend(
        f"give it a plain function too: {made_by}(plain_{name}, {name})", "chain.sync runs asynchronous functions too"
    )


def by_moving(name: str) -> Mend:
    """Return the advice for a step that cannot do with less than its whole input."""
    return Mend(f"let `{name}` stand before the last model, not after it", "the same: the plan says what it waits for")


def of_parser(name: str) -> Mend:
    """Return what to write instead of a parser that reads a whole answer."""
    return Mend(
        f"derive `{name}` from BaseTransformOutputParser (chunk by chunk) or BaseCumulativeTransformOutputParser "
        "(what has come so far)",
        "@gf.chunkwise or @gf.transform on the function that parses",
    )


def of_pydantic() -> Mend:
    """Return what to write instead of a parser that gives nothing before all is valid."""
    return Mend(
        "JsonOutputParser() for the partial values; validate the last one",
        "gf.json_parser(schema=...), which gives partial values, then the validated one",
    )


def of_model(name: str, *, switched_off: str | None) -> Mend:
    """Return what to write instead of a model that gives its answer whole."""
    if switched_off is not None:
        return Mend(f"leave {switched_off} out", "gf models stream always; a reader who wants the whole uses invoke")
    return Mend(
        f"take a model that streams, or implement `_stream` in `{name}`",
        "derive the model from gf.ChatModel or gf.TextModel: its one method is a generator",
    )


def of_branch() -> Mend:
    """Return what to write instead of a branch in mid-chain."""
    return Mend(
        "decide before the last model: let the branch stand before it, with the models in its branches",
        "the same: gf.branch decides on its whole input too, and the plan says so",
    )


def of_fallbacks(name: str) -> Mend:
    """Return what to write instead of fallbacks in mid-chain."""
    return Mend(
        "give fallbacks to the model, model.with_fallbacks([...]), not to steps after it",
        f"the same: `{name}` with .with_fallbacks(...) keeps its input until its first chunk, and streams if all do",
    )


def of_retry() -> Mend:
    """Return what to write where a stream should be tried again."""
    return Mend(
        "catch the error where the chain is streamed, and stream it again",
        ".with_retry(...), which tries a stream again until its first chunk has gone out",
    )


def of_late_errors() -> Mend:
    """Return what to write where an error after the first chunk should lead to a fallback, too."""
    return Mend(
        "use invoke where a whole answer matters more than an early one",
        '.with_fallbacks(..., until="end"), which holds the output back, and the plan says so',
    )


def of_cache() -> Mend:
    """Return what to write where streams should be remembered."""
    return Mend(
        "keep whole answers beside the chain, and stream only what is not among them",
        ".with_cache(), which gives the same chunks again",
    )


def of_each() -> Mend:
    """Return what to write instead of `.map()`."""
    return Mend(
        "a generator function of the whole list, which yields the result of every item: RunnableLambda(results)",
        "gf.each(chain), which gives every result when it is done",
    )


def of_assign() -> Mend:
    """Return what to write instead of an assign whose key could have come earlier."""
    return Mend(
        "a dict with all keys, those that are passed on as RunnablePick(...): its keys come as they are made",
        "gf.assign(...), whose keys come as soon as they exist",
    )


def of_class(name: str) -> Mend:
    """Return what to write instead of a runnable of a class that takes its input whole."""
    return Mend(
        f"override `transform` and `atransform` in `{name}`", "write it as a generator function with @gf.transform"
    )


def of_made() -> Mend:
    """Return what to write instead of a function that makes what it returns."""
    return Mend(
        "let it return one of several runnables that stand outside of it, where they can be read",
        "gf.branch((predicate, chain), ..., default), which has all of them in its plan",
    )


def of_choice() -> Mend:
    """Return what to write where some alternatives do not stream."""
    return Mend("let every alternative stream", "gf.branch of alternatives that all stream; the plan says which do not")


def _identifier(name: str) -> str:
    return name if name.isidentifier() and not keyword.iskeyword(name) and name != "lambda" else "step"
