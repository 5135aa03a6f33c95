"""The holes of a prompt are keys of the record before it."""

from typing import Final

import graphflow as gf
from tests.mypy_plugin.programs.nodes import model, shout, size, use, words

counted = shout | {"words": words, "size": size}
prompt = gf.prompt("{size} words: {wrds}")
answer = prompt | model | gf.text()
TEMPLATE: Final = "About {topic}, {tone}"
chat = gf.prompt([("system", TEMPLATE), gf.HumanMessage("Hello!"), ("placeholder", "{history}")], name="chat")


def holes() -> None:
    use(counted | gf.prompt("{size} words: {words}"))
    use(counted | gf.prompt("{size} words: {wrds}"))
    use(counted | prompt)
    use(counted | answer)
    use(counted | (prompt | model))
    use({"size": size, "words": words} | prompt | model)
    use(gf.parallel(size=size, words=words) | prompt | model)
    use(
        shout
        | {"size": size, "this is a long line": size}
        | prompt.with_config(name="so that the chain stands on several lines")
        | model
    )


def several() -> None:
    use(shout | {"topic": shout} | chat)
    use(shout | {"topic": shout} | chat.bind(history=[]))
    use(shout | {"topic": shout} | chat.bind(history=[], tone="kindly"))
    use(shout | {"topic": shout} | chat.with_config(name="other") | model)


def inside() -> None:
    use(counted | {"answer": answer, "size": gf.pick("size")})
    use(counted | gf.assign(answer=answer))
    use(counted | {"deep": {"answer": answer}})


def not_known(template: str, parts: list[tuple[str, str]]) -> None:
    use(counted | gf.prompt(template))
    use(counted | gf.prompt(parts))
    use(counted | gf.prompt([("system", template), ("human", "{question}")]))
    use(counted | gf.prompt("{").bind(**{"size": "3"}))
    use({"size": size} | gf.prompt(template) | model)
    use({"size": size} | (gf.prompt(template) | model))
