"""Calls of nodes on handles by keyword."""

from typing import assert_type

import graphflow as gf
from tests.mypy_plugin.programs.nodes import letter, model, render, shout, size, summary, told, use, words

prompt = gf.prompt("{question} {context}")


@gf.graph
def addressed(question: gf.Value[str], name: gf.Value[str]) -> gf.Stream[str]:
    return letter(name=name, text=told(question))


def classes(stream: gf.Stream[str], value: gf.Value[str], either: gf.Stream[str] | gf.Value[str]) -> None:
    assert_type(letter(name=value, text=stream), gf.Stream[str])
    assert_type(letter(value, text=stream), gf.Stream[str])
    assert_type(letter(name="Ida", text=stream), gf.Stream[str])
    assert_type(letter(name=value, text=value), gf.Value[str])
    assert_type(letter(name=stream, text=value), gf.Value[str])
    assert_type(letter(name=value, text=either), gf.Value[str])
    assert_type(summary(words=words(value), size=size(value)), gf.Value[str])
    assert_type(addressed(question=value, name=value), gf.Stream[str])
    assert_type(told(text=value), gf.Stream[str])
    assert_type(shout(chunks=stream), gf.Stream[str])


def wrong(stream: gf.Stream[str], value: gf.Value[str], number: gf.Value[int]) -> None:
    use(letter(name=value, txt=stream))
    use(letter(name=value))
    use(letter(name=number, text=stream))
    use(summary(words=value, size=number))
    use(summary(words=words(value), size="three"))
    use(summary(words(value), siz=number))
    use(addressed(question=number, name=value))
    use(prompt(question=value, contxt=value))
    use(told(text=number))


def right(stream: gf.Stream[str], value: gf.Value[str], number: gf.Value[int]) -> None:
    use(summary(words=words(value), size=number, mark=value))
    use(summary(words=words(value), size=3))
    use(prompt(question=number, context=value))
    use(letter.bind(name="Ida")(text=stream))
    use(render(words=words(value), size=number))
    use(model(prompt(question=value, context=stream)))
    use(summary(**{"words": words(value), "size": number}))


def records(value: gf.Value[str]) -> None:
    counted = gf.parallel(words=words, size=size)(value)
    use(render(counted))
    use(summary(counted))
    use(render(words=value, size=size(value)))
    use(render(words=words(value)))
    use(prompt(counted))
    use(gf.pick("size")(counted))
