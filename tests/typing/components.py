"""Components are subclasses of the three classes, and are put together like those."""

from collections.abc import AsyncIterator
from typing import Any, assert_type

import graphflow as gf
from graphflow.components.messages import MessagesLike
from tests.typing.nodes import A, P, T, use


class Shout(gf.Transform[str, str]):
    """A component with options of its own."""

    def loud(self) -> "Shout":
        return self.with_config(name="loud")


class Answers(gf.ChatModel):
    """A model that says always the same."""

    async def generate(self, messages: list[gf.Message], /, **options: Any) -> AsyncIterator[gf.AIMessageChunk]:
        yield gf.AIMessageChunk("yes")


@gf.aggregate
def worded(messages: list[gf.Message]) -> str:
    return "".join(message.text for message in messages)


@gf.tool
def forecast(town: str) -> str:
    """Say what the weather will be."""
    return town


prompt = gf.prompt("Answer {question}")
chat = gf.prompt([("placeholder", "{history}"), ("human", "{question}")])
answered = gf.call_tools([forecast], max_concurrency=4, on_error="message")
model = Answers()
answers = prompt | model | gf.text()

assert_type(model.with_config(name="answers"), Answers)
assert_type(model.bind(temperature=0.5), Answers)
assert_type(prompt | model, gf.Producer[dict[str, str], gf.AIMessageChunk])
assert_type(answers, gf.Producer[dict[str, str], str])
assert_type(answers | T, gf.Producer[dict[str, str], str])
assert_type(answers | A, gf.Aggregate[dict[str, str], str])
assert_type(prompt | worded, gf.Aggregate[dict[str, str], str])
assert_type(prompt.bind(question="Who?"), gf.Prompt)
assert_type(prompt.with_config(name="ask"), gf.Prompt)
assert_type(chat.bind(history=[]), gf.Prompt[dict[str, Any]])
assert_type(chat | model, gf.Producer[dict[str, Any], gf.AIMessageChunk])
assert_type({"question": gf.passthrough()} | prompt | model | gf.text(), gf.Producer[Any, str])
assert_type(chat.bind(history=[]) | model | gf.text(), gf.Producer[dict[str, Any], str])
assert_type({"question": gf.passthrough()} | chat.bind(history=[]) | model | gf.text(), gf.Producer[Any, str])
assert_type(answered, gf.Producer[gf.AIMessage, list[gf.ToolMessage]])
assert_type(model | answered, gf.Producer[MessagesLike, list[gf.ToolMessage]])
assert_type(prompt | model | answered, gf.Producer[dict[str, str], list[gf.ToolMessage]])
assert_type(T | {"question": T} | prompt | model, gf.Producer[str, gf.AIMessageChunk])
assert_type(gf.branch((bool, model), model), gf.Producer[MessagesLike, gf.AIMessageChunk])


def with_subclass(shout: Shout) -> None:
    assert_type(shout | shout, gf.Transform[str, str])
    assert_type(T | shout, gf.Transform[str, str])
    assert_type(shout | P, gf.Producer[str, str])
    assert_type(A | shout.loud(), gf.Aggregate[str, str])
    assert_type(shout.with_config(tags=["loud"]), Shout)
    streaming: gf.Streaming[str, str] = shout
    use(streaming)


def refused() -> None:
    use(prompt | T)  # type: ignore[operator]
    use(model | A)  # type: ignore[operator]
    use(gf.text() | prompt)  # type: ignore[operator]
    use(gf.text() | answered)  # type: ignore[operator]
