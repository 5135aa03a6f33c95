"""What templates take, refuse and give."""

from __future__ import annotations

import pickle
import string
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphflow.components.template import MissingHoleError, Template, TemplateError, UnknownHoleError

untimed = settings(deadline=None)

names = st.sampled_from(["a", "topic", "_x1", "größe", "class"])
literals = st.text(alphabet=st.sampled_from("ab{} \n'") | st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.text(alphabet="{}ab!", max_size=5) | st.integers() | st.none()


def escaped(literal: str) -> str:
    return literal.replace("{", "{{").replace("}", "}}")


def test_holes_are_named_in_order_each_once() -> None:
    assert Template("{b} and {a}, {b} again; {größe}").holes == ("b", "a", "größe")
    assert Template("no holes {{at}} all").holes == ()
    assert Template("").holes == ()


def test_values_fill_the_holes() -> None:
    template = Template("Context:\n{context}\n\nQuestion: {question}\n({context})")

    assert template.format({"context": ["a"], "question": 3}) == "Context:\n['a']\n\nQuestion: 3\n(['a'])"


def test_doubled_braces_are_braces() -> None:
    assert Template('{{"topic": "{topic}"}}').format({"topic": "x"}) == '{"topic": "x"}'
    assert Template("{{{a}}}").format({"a": 1}) == "{1}"
    assert Template("{{{{}}}}{{").format({}) == "{{}}{"


def test_braces_in_values_are_text() -> None:
    template = Template("{a}{b}")

    assert template.format({"a": "{b}{b.__class__}{{", "b": "}"}) == "{b}{b.__class__}{{}"
    assert template.partial(a="{b}").format({"b": "{a}"}) == "{b}{a}"


def test_other_keys_are_ignored() -> None:
    assert Template("{a}").format({"a": 1, "b": 2}) == "1"


@untimed
@given(st.lists(st.tuples(literals, names), max_size=6), literals, st.dictionaries(names, values))
def test_a_template_is_its_literals_and_the_texts_of_its_values(
    parts: list[tuple[str, str]], last: str, given_values: dict[str, Any]
) -> None:
    template = Template("".join(f"{escaped(literal)}{{{name}}}" for literal, name in parts) + escaped(last))
    filled: dict[str, Any] = {name: "default" for _, name in parts} | given_values

    assert template.format(filled) == "".join(f"{literal}{filled[name]}" for literal, name in parts) + last
    assert template.holes == tuple(dict.fromkeys(name for _, name in parts))


@untimed
@given(st.text(alphabet="{}ab._![0]: ", max_size=12))
def test_a_template_reads_like_python_s_own_format_or_is_refused(text: str) -> None:
    values = {"a": "A", "b": "B", "ab": "AB", "_": "U"}
    try:
        template = Template(text)
    except TemplateError:
        return
    filled = values | dict.fromkeys(template.holes, "other")
    assert template.format(filled) == string.Formatter().vformat(text, (), filled)


@pytest.mark.parametrize(
    ("text", "position", "problem", "hint"),
    [
        ("see {doc.title}", 4, "attribute access in the hole {doc.title}", "then write {doc}"),
        ("see {a.__class__.__mro__}", 4, "attribute access", "then write {a}"),
        ("see {docs[0]}", 4, "index access in the hole {docs[0]}", "then write {docs}"),
        ("{name!r}", 0, "a conversion in the hole {name!r}", "then write {name}"),
        ("{price:.2f}", 0, "a format specification in the hole {price:.2f}", "then write {price}"),
        ("{x:{width}}", 0, "an opening brace that is not closed", "write {{ for a brace as text"),
        ("a {} b", 2, "an empty hole", "as in {topic}, or write {{}}"),
        ("a { } b", 2, "an empty hole", "as in {topic}"),
        ("a {0} b", 2, "a numbered hole {0}", "holes have names"),
        ("{ topic }", 0, "white space in the hole { topic }", "write {topic}"),
        ('{"a": 1}', 0, 'the hole {"a": 1} is not a plain name', 'double them: {{"a": 1}}'),
        ("{two words}", 0, "the hole {two words} is not a plain name", "double them"),
        ("{a-b}", 0, "the hole {a-b} is not a plain name", "double them"),
        ("a { b", 2, "an opening brace that is not closed", "close it after a plain name"),
        ('{"a": {"b": 1}}', 0, "an opening brace that is not closed", "write {{"),
        ("a } b", 2, "a closing brace without an opening one", "write }}"),
        ("{a}}", 3, "a closing brace without an opening one", "write }}"),
        ("{{a}", 3, "a closing brace without an opening one", "write }}"),
    ],
)
def test_a_text_that_is_no_template_is_refused_with_place_and_remedy(
    text: str, position: int, problem: str, hint: str
) -> None:
    with pytest.raises(TemplateError) as raised:
        Template(text)
    error = raised.value
    assert (error.position, error.line, error.column) == (position, 1, position + 1)
    assert problem in error.problem
    assert hint in error.hint
    assert isinstance(error, ValueError)


def test_an_error_shows_the_line_and_the_text_around_it() -> None:
    with pytest.raises(TemplateError) as raised:
        Template("You are kind.\nAnswer about {doc.title} in French, please, and be brief about it all.")
    assert str(raised.value) == (
        "attribute access in the hole {doc.title} at line 2, column 14, near "
        "' kind.\\nAnswer about {doc.title} in French, please, and be br'\n"
        "  hint: take that value out in a step before and give it a name of its own, then write {doc}"
    )
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_a_missing_value_is_named_with_what_was_given() -> None:
    template = Template("{context} {question} {tone}")

    with pytest.raises(MissingHoleError) as raised:
        template.format({"question": 1, "contexts": 2})
    assert str(raised.value) == "the template needs {context}, {tone}, but was given 'question', 'contexts'"
    assert raised.value.missing == ("context", "tone")
    assert isinstance(raised.value, KeyError)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    with pytest.raises(MissingHoleError, match="but was given nothing"):
        template.format({})


def test_partial_fills_some_holes_and_leaves_the_rest() -> None:
    template = Template("{a} {b} {a}")

    some = template.partial(a=1)

    assert some.holes == ("b",)
    assert some.format({"b": 2, "a": "ignored"}) == "1 2 1"
    assert some.partial(a=3).format({"b": 2}) == "3 2 3"
    assert template.holes == ("a", "b")
    assert some.partial(b=2) == template.partial(b=2, a=1)
    with pytest.raises(MissingHoleError, match=r"needs \{b\}"):
        some.format({"a": 1})


def test_partial_takes_the_text_of_a_value_at_once() -> None:
    mutable = [1]
    some = Template("{a}").partial(a=mutable)
    mutable.append(2)

    assert some.format({}) == "[1]"


def test_partial_refuses_a_name_that_is_no_hole() -> None:
    with pytest.raises(UnknownHoleError) as raised:
        Template("{topic} {tone}").partial(topics=1)
    assert str(raised.value) == "the template has no hole {topics} (its holes: {topic}, {tone}); did you mean {topic}?"
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_a_template_is_text() -> None:
    with pytest.raises(TypeError, match="a template is a str, not int"):
        Template(3)  # type: ignore[arg-type]


def test_templates_are_frozen_hashable_values() -> None:
    template = Template("{a} {b}")

    assert template == Template("{a} {b}") != template.partial(a=1)
    assert hash(template) == hash(Template("{a} {b}"))
    assert pickle.loads(pickle.dumps(template.partial(a=1))).format({"b": 2}) == "1 2"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        template.text = "other"  # type: ignore[misc]


def test_reprs_are_short() -> None:
    assert repr(Template("{a} {b}").partial(b=1)) == "Template('{a} {b}'; filled b='1')"
    assert repr(Template("x" * 10_000)) == f"Template('{'x' * 160}'... (10000 characters))"


@pytest.mark.parametrize("text", ["{{" * 500_000, "{{}}" * 250_000, "{a}" * 300_000, "x" * 1_000_000])
def test_a_megabyte_of_braces_is_read(text: str) -> None:
    assert Template(text).format({"a": "v"}) == text.replace("{{", "{").replace("}}", "}").replace("{a}", "v")


@pytest.mark.parametrize(
    "text", ["{" * 999_999, "}" * 999_999, "{" + "a" * 1_000_000, "{a." * 300_000, "{ " * 500_000, "{}" * 500_000]
)
def test_a_megabyte_of_wrong_braces_is_refused_in_few_words(text: str) -> None:
    with pytest.raises(TemplateError) as raised:
        Template(text)
    assert len(str(raised.value)) < 500
    assert len(repr(raised.value)) < 500


def test_a_long_name_that_is_no_name_is_refused_in_few_words() -> None:
    with pytest.raises(TemplateError) as raised:
        Template("{" + "a" * 1_000_000 + ".b}")
    assert len(str(raised.value)) < 500
