"""What prompts take, refuse and give; what their templates read, `test_template.py` has."""

# What type checkers refuse is refused here by graphflow. They do not know that a prompt with one hole takes its value.
# mypy: disable-error-code="operator"

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import pytest

import graphflow as gf
from graphflow.components.template import MissingHoleError, TemplateError
from tests.laws.simulation import simulate

HELLO = gf.HumanMessage("Hello!")


@gf.aggregate
def words(text: str) -> str:
    return f"words of {text}"


@gf.aggregate
def documents(text: str) -> list[gf.Document]:
    return [gf.Document(text)]


@gf.aggregate
def memory(text: str) -> list[gf.AIMessage]:
    return [gf.AIMessage(f"I said {text}.")]


@gf.aggregate
def unknown(text):  # type: ignore[no-untyped-def]
    return text


class Question(TypedDict):
    topic: str
    tone: str


@gf.aggregate
def question(text: str) -> Question:
    return Question(topic=text, tone="kind")


CHAT = gf.prompt(
    [
        ("system", "Be {tone}."),
        gf.AIMessage("How can I help?"),
        ("placeholder", "{history}"),
        ("human", "{question} ({tone})"),
    ]
)


def filled(prompt: gf.Chain[Any, Any], values: object) -> list[gf.Message]:
    messages: list[gf.Message] = simulate(lambda: prompt.invoke(values))
    return messages


# --- templates ---------------------------------------------------------------------------------------------


def test_a_text_becomes_one_human_message() -> None:
    assert filled(gf.prompt("Tell me of {topic}, {{really}}."), {"topic": "{ports}"}) == [
        gf.HumanMessage("Tell me of {ports}, {really}.")
    ]


@pytest.mark.parametrize(
    ("role", "made"),
    [
        ("system", gf.SystemMessage),
        ("human", gf.HumanMessage),
        ("user", gf.HumanMessage),
        ("ai", gf.AIMessage),
        ("assistant", gf.AIMessage),
    ],
)
def test_a_pair_becomes_a_message_of_its_role(role: str, made: type[gf.Message]) -> None:
    assert filled(gf.prompt([(role, "{a} and {a}")]), {"a": 1}) == [made("1 and 1")]


def test_messages_stand_among_templates_as_they_are() -> None:
    image = gf.HumanMessage([gf.TextBlock("{a}"), gf.ImageBlock(url="u")])
    assert filled(gf.prompt([image, ("human", "{a}")]), {"a": "b"}) == [image, gf.HumanMessage("b")]


def test_holes_are_listed_once_in_the_order_of_the_parts() -> None:
    assert CHAT.holes == ("tone", "history", "question")
    assert gf.prompt("Hello").holes == ()


@pytest.mark.parametrize(
    "template", ["{doc.title}", "{docs[0]}", "{name!r}", "{price:.2f}", "{}", "{0}", "{ topic }", "{a", "a}"]
)
@pytest.mark.parametrize(
    "make", [lambda text: text, lambda text: [("human", text)], lambda text: [("placeholder", text)]]
)
def test_anything_but_plain_names_in_braces_is_refused_where_the_prompt_is_made(
    template: str, make: Callable[[str], Any]
) -> None:
    with pytest.raises(TemplateError):
        gf.prompt(make(template))


@pytest.mark.parametrize("item", ["hello", ("alien", "hi"), ("human", 3), ("human",), 3, None, {"role": "human"}])
def test_what_is_neither_a_message_nor_a_pair_is_refused(item: Any) -> None:
    with pytest.raises(TypeError, match="a prompt is made of messages and pairs of a role"):
        gf.prompt([item])


# --- values ------------------------------------------------------------------------------------------------


def test_one_hole_takes_the_bare_value_too() -> None:
    assert filled(gf.prompt("About {topic}"), "ports") == filled(gf.prompt("About {topic}"), {"topic": "ports"})
    assert filled(words | gf.prompt("About {topic}"), "ports") == [gf.HumanMessage("About words of ports")]


def test_no_hole_takes_anything() -> None:
    values: list[object] = [{}, "hello", None, 3]
    assert [filled(gf.prompt("Hello!"), value) for value in values] == [[HELLO]] * 4
    assert filled(words | gf.prompt("Hello!"), "x") == [HELLO]


def test_other_keys_of_the_input_are_ignored() -> None:
    assert filled(gf.prompt("{a}"), {"a": "b", "c": "d"}) == [gf.HumanMessage("b")]


def test_all_values_that_are_missing_are_named() -> None:
    with pytest.raises(MissingHoleError, match=r"needs \{tone\}, \{question\}, but was given 'history'"):
        filled(CHAT, {"history": []})


def test_a_value_where_there_are_several_holes_is_refused() -> None:
    with pytest.raises(
        gf.InputError, match=r"takes a dict with \{tone\}, \{history\}, \{question\}, but was given 'hi'"
    ):
        filled(CHAT, "hi")


# --- placeholders ------------------------------------------------------------------------------------------


def test_a_placeholder_is_the_place_of_a_list_of_messages() -> None:
    history = [gf.HumanMessage("{a}"), ("ai", "b"), {"role": "user", "content": "c"}, gf.AIMessageChunk("d")]
    assert filled(CHAT, {"history": history, "tone": "kind", "question": "Who?"}) == [
        gf.SystemMessage("Be kind."),
        gf.AIMessage("How can I help?"),
        gf.HumanMessage("{a}"),
        gf.AIMessage("b"),
        gf.HumanMessage("c"),
        gf.AIMessageChunk("d"),
        gf.HumanMessage("Who? (kind)"),
    ]


def test_a_placeholder_may_get_no_message_but_must_get_a_list() -> None:
    assert filled(gf.prompt([("placeholder", "{history}")]), {"history": []}) == []
    assert filled(gf.prompt([("placeholder", "{history}")]), ()) == []


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("hello", "not 'hello'"),
        (HELLO, r"not HumanMessage\('Hello!'\)"),
        (3, "found int 3"),
        (["hello"], r"found str 'hello' at \[0\]"),
        ([HELLO, 3], r"found int 3 at \[1\]"),
    ],
)
def test_a_placeholder_refuses_what_is_no_list_of_messages(value: Any, says: str) -> None:
    prompt = gf.prompt([("placeholder", "{history}"), ("human", "{question}")])
    for _ in range(2):
        with pytest.raises(gf.InputError, match=rf"the placeholder \{{history\}} takes a list of messages.*{says}"):
            filled(prompt, {"history": value, "question": "Who?"})
    with pytest.raises(TypeError, match=rf"the placeholder \{{history\}} takes a list of messages.*{says}"):
        prompt.bind(history=value)


@pytest.mark.parametrize("text", ["history", "{{history}}", "{a}{b}", " {a}", "{a} and more", ""])
def test_a_placeholder_is_one_name_in_braces(text: str) -> None:
    with pytest.raises(ValueError, match=r'one name in braces, \("placeholder", "{history}"\), not'):
        gf.prompt([("placeholder", text)])


def test_a_name_is_the_place_of_a_text_or_of_messages_not_of_both() -> None:
    with pytest.raises(ValueError, match=r"{history} is the place of a list of messages, but stands in a text too"):
        gf.prompt([("system", "{history}"), ("placeholder", "{history}")])


def test_a_chain_that_gives_messages_fills_a_placeholder() -> None:
    prompt = gf.prompt([("placeholder", "{history}"), ("human", "{question}")])
    assert filled({"history": memory, "question": gf.passthrough()} | prompt, "so") == [
        gf.AIMessage("I said so."),
        gf.HumanMessage("so"),
    ]
    assert filled(memory | gf.prompt([("placeholder", "{history}")]), "so") == [gf.AIMessage("I said so.")]


def test_the_compiler_knows_that_a_placeholder_takes_messages() -> None:
    prompt = gf.prompt([("placeholder", "{history}"), ("human", "{question}")])
    with pytest.raises(gf.CompileError) as raised:
        gf.compile({"history": documents, "question": words} | prompt)
    text = str(raised.value)
    assert "error[GF202]: `prompt` takes {history: Sequence[Message | tuple | Mapping], question: object}" in text
    assert "list[Document]" in text
    with pytest.raises(gf.CompileError, match=r"`prompt` takes .*, but `words` gives str"):
        gf.compile(words | gf.prompt([("placeholder", "{history}")]))


# --- partial application -----------------------------------------------------------------------------------


def test_bind_fills_some_holes_and_leaves_the_rest() -> None:
    some = CHAT.bind(tone="kind", history=[HELLO])
    assert isinstance(some, gf.Prompt)
    assert some.holes == ("question",)
    assert filled(some, "Who?") == [
        gf.SystemMessage("Be kind."),
        gf.AIMessage("How can I help?"),
        HELLO,
        gf.HumanMessage("Who? (kind)"),
    ]
    assert CHAT.holes == ("tone", "history", "question")


def test_bind_may_be_repeated_until_no_hole_is_left() -> None:
    all_filled = CHAT.bind(tone="kind").bind(question="Who?").bind(history=[])
    assert all_filled.holes == ()
    assert filled(all_filled, "anything") == filled(CHAT, {"tone": "kind", "question": "Who?", "history": []})


def test_bound_values_are_taken_at_once_and_braces_in_them_are_text() -> None:
    history: list[gf.Message] = [HELLO]
    some = CHAT.bind(tone="{question}", history=history)
    history.append(HELLO)
    assert filled(some, "Who?") == [
        gf.SystemMessage("Be {question}."),
        gf.AIMessage("How can I help?"),
        HELLO,
        gf.HumanMessage("Who? ({question})"),
    ]


def test_bind_keeps_the_configuration() -> None:
    some = CHAT.with_config(name="chat", tags=["a"]).bind(tone="kind")
    assert some.name == "chat"
    assert gf.compile(some).plan["chat"].tags == ("a",)


def test_bind_names_both_sides_of_a_name_that_is_no_hole() -> None:
    with pytest.raises(gf.CompileError) as raised:
        CHAT.bind(tonne="kind")
    text = str(raised.value)
    assert "error[GF110]: `prompt` has no hole {tonne}: it has {tone}, {history}, {question}" in text
    assert "test_prompt.py" in text
    assert "did you mean {tone}?" in text
    with pytest.raises(gf.CompileError, match=r"has no hole {tone}: it has {history}, {question}"):
        CHAT.bind(tone="kind").bind(tone="rude")


# --- holes and what stands before ----------------------------------------------------------------------------


def refused(chain: gf.Chain[Any, Any]) -> str:
    with pytest.raises(gf.CompileError) as raised:
        gf.compile(chain)
    (diagnostic,) = raised.value.diagnostics
    return f"{diagnostic.code} {diagnostic.message}"


def test_a_hole_that_a_record_lacks_is_named_with_the_record() -> None:
    two = gf.prompt("{topic} {tone}")
    assert refused({"topic": words} | two) == (
        "GF202 `prompt` takes {topic: object, tone: object}, but `parallel` gives {topic: str}: key 'tone' is missing"
    )
    assert refused(question | gf.prompt("{topic} {place}")) == (
        "GF202 `prompt` takes {topic: object, place: object}, but `question` gives Question: key 'place' is missing"
    )
    assert refused({"topik": words} | gf.prompt("{topic}")) == (
        "GF202 `prompt` takes {topic: object} | str, but `parallel` gives {topik: str}: key 'topic' is missing"
    )
    assert refused(words | two) == "GF202 `prompt` takes {topic: object, tone: object}, but `words` gives str"
    assert refused(documents | gf.prompt("{topic}")) == (
        "GF201 `prompt` takes {topic: object} | str, but `documents` gives list[Document]"
    )


@pytest.mark.parametrize("value", [words, unknown])
def test_a_key_that_is_made_for_a_prompt_without_such_a_hole_is_named_with_the_prompt(value: Any) -> None:
    assert refused({"topic": value, "tone": value} | gf.prompt("{topic}")) == (
        "GF110 `prompt` has no hole for key 'tone' of `parallel`: it has {topic}"
    )
    assert refused({"topic": value, "tone": value} | gf.prompt("{topic} {tone}").bind(tone="kind")) == (
        "GF110 `prompt` has no hole for key 'tone' of `parallel`: it has {topic}"
    )


def test_an_added_key_that_a_prompt_has_no_hole_for_is_named() -> None:
    assert refused(gf.assign(tone=unknown) | gf.prompt("{topic}")) == (
        "GF110 `prompt` has no hole for key 'tone' of `assign`: it has {topic}"
    )


def test_a_hole_that_is_misspelt_in_a_graph_is_named() -> None:
    @gf.graph
    def asked(text: gf.Value[str]) -> gf.Value[list[gf.Message]]:
        said = words(text)
        return gf.prompt("{topic}")(topic=said, tonne=said)

    @gf.graph
    def bound(text: gf.Value[str]) -> gf.Value[list[gf.Message]]:
        return gf.prompt("{topic} {tone}")(topic=words(text), tonne="kind")

    @gf.graph
    def spare(text: gf.Value[str]) -> gf.Value[list[gf.Message]]:
        return gf.prompt("{topic}")(topic=words(text), text=text)

    assert refused(asked) == "GF110 `prompt` has no hole {tonne}"
    assert refused(spare) == "GF110 `prompt` has no hole {text}"
    assert refused(bound) == "GF110 `prompt` has no hole {tonne}: it has {topic}, {tone}"


def test_keys_that_others_use_or_that_come_from_elsewhere_need_no_hole() -> None:
    prompt = gf.prompt("{topic}")
    gf.compile(question | prompt)
    gf.compile({"topic": words, "tone": words} | gf.assign(messages=prompt))

    @gf.graph
    def both(text: gf.Value[str]) -> dict[str, object]:
        record = gf.parallel(topic=words, tone=words)(text)
        return {"messages": prompt(record), "tone": record["tone"]}

    gf.compile(both)


def test_what_is_not_annotated_is_not_guessed() -> None:
    assert filled(unknown | gf.prompt("{topic} {tone}"), {"topic": 1, "tone": 2}) == [gf.HumanMessage("1 2")]


# --- types -------------------------------------------------------------------------------------------------


def test_a_prompt_is_an_aggregate_of_messages() -> None:
    plan = gf.compile({"topic": words, "tone": words} | gf.prompt("{topic} {tone}", name="ask")).plan
    node = plan["ask"]
    assert (node.kind, node.node_class, node.output) == ("prompt", "aggregate", list[gf.Message])
