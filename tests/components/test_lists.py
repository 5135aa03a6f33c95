"""The parsers of lists: what is an item, when it is given, and that cuts change nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphflow as gf
from graphflow.components.parsers.comma import CommaItems
from graphflow.components.parsers.marked import BULLETS, NUMBERS, MarkedItems
from graphflow.components.parsers.node import Reading
from tests.components.reading import common_beginning, flat, lines_run, pieces, read
from tests.events.hearing import hear_all
from tests.jsonstream.strategies import cuts

Make = Callable[[], Reading[str, list[str]]]

KINDS: dict[str, Make] = {
    "comma": CommaItems,
    "numbered": lambda: MarkedItems(NUMBERS),
    "markdown": lambda: MarkedItems(BULLETS),
}
KIND = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def items(make: Make, text: str, size: int = 10**9) -> list[str]:
    return flat(flat(read(make(), pieces(text, size))))


# --- what is an item ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \r\n\t", []),
        ("red", ["red"]),
        ("red, green,blue", ["red", "green", "blue"]),
        ("  dark red\t,\n green  ", ["dark red", "green"]),
        ("red\ngreen\r\nblue\rgrey", ["red", "green", "blue", "grey"]),
        ("red,\ngreen,\n", ["red", "green"]),
        (",, red, ,green,", ["red", "green"]),
        ('"Paris, France", "Rome"', ["Paris, France", "Rome"]),
        ('"a ""quoted"" word", b', ['a "quoted" word', "b"]),
        ('""', [""]),
        ('"" , """", ""', ["", '"', ""]),
        ('" kept ", x', [" kept ", "x"]),
        ('"two\r\nlines", x', ["two\r\nlines", "x"]),
        ('"a" b , c', ["a b", "c"]),
        ('5" disk, say "no"', ['5" disk', 'say "no"']),
        ('"Paris, Fra', ["Paris, Fra"]),
        ('x, "', ["x", ""]),
        ("```\nred, green\n```", ["red", "green"]),
        ("```csv\nred\n```\n", ["red"]),
        ("Colours: red, green", ["Colours: red", "green"]),
        ("n\u00e4he,\u00a0\u4e2d\u6587\u00a0", ["n\u00e4he", "\u4e2d\u6587"]),
    ],
)
def test_items_between_commas(text: str, expected: list[str], size: int) -> None:
    assert items(CommaItems, text, size) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("No list at all.", []),
        ("1. red", ["red"]),
        ("1. red\n2. green\n", ["red", "green"]),
        ("1) red\n2)  green ", ["red", "green"]),
        ("Some colours:\n\n1. red\n2. green\n\nEnjoy!", ["red", "green"]),
        ("1. red\nEnjoy!\n2. green", ["red", "green"]),
        ("7. red\n7. green\n007. blue", ["red", "green", "blue"]),
        (" 9. nine\n10. ten\n 1. one", ["nine", "ten", "one"]),
        ("1. red\n   or so\n2. green", ["red\nor so", "green"]),
        (
            "1. red\n\n   A warm colour.\n\n\n   Like fire.\n\n2. green",
            ["red\n\nA warm colour.\n\nLike fire.", "green"],
        ),
        ("1. red\n   - ruby\n     - dark\n   - rose\n2. green", ["red\n- ruby\n  - dark\n- rose", "green"]),
        ("1. red\n   1. ruby\n   2. rose\n2. green", ["red\n1. ruby\n2. rose", "green"]),
        ("1. red\n 2. green\n", ["red", "green"]),
        ("1. red\n 2 of them\n", ["red\n2 of them"]),
        ("1. red\n\tor so\n", ["red\n or so"]),
        ("1.\n   red\n2.\n3. \n4. green\n5.", ["red", "green"]),
        ("1. 1.5 is a number\n1.5 is one too\n2.x\n3", ["1.5 is a number"]),
        ("```\n1. red\n```", ["red"]),
        ("1234567890. no mark", []),
        ("1. **red** (`#f00`)\n", ["**red** (`#f00`)"]),
    ],
)
def test_items_with_numbers(text: str, expected: list[str], size: int, end: str) -> None:
    assert items(KINDS["numbered"], text.replace("\n", end), size) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- red\n* green\n+ blue", ["red", "green", "blue"]),
        ("Colours:\n  - red\n  - green\nThat is all.", ["red", "green"]),
        ("- red\n  - ruby\n  - rose\n- green", ["red\n- ruby\n- rose", "green"]),
        ("*   red\n    *   ruby\n*   green", ["red\n  *   ruby", "green"]),
        ("- red\n - green", ["red", "green"]),
        ("- red\n -5 degrees", ["red\n-5 degrees"]),
        ("**Colours**\n-red\n--\n- green\n*blue*", ["green"]),
        ("- red\n\n---\n\n* * *\n\n- green\n- - -\n", ["red", "green"]),
        ("- -\n+ + +\n- -5", ["-", "+ +", "-5"]),
        ("-\n- \n-\tred", ["red"]),
        ("- [ ] red\n- [x] green", ["[ ] red", "[x] green"]),
        ("1. red\n2. green", []),
    ],
)
def test_items_with_bullets(text: str, expected: list[str], size: int, end: str) -> None:
    assert items(KINDS["markdown"], text.replace("\n", end), size) == expected


#: Of what texts are made in which much can go wrong.
PARTS = st.sampled_from(
    ["a", "b c", ",", '"', '""', " ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "-", "- ", "* ", "+ x", "1", "1.", "1. ", "2) ", "10. x", "\n- ", "\n1. ", "\n  ", "\n   - ", "```", "\u00a0"]  # noqa: E501
)  # fmt: skip
TEXTS = st.lists(PARTS, max_size=14).map("".join)


@KIND
@given(data=st.data(), text=TEXTS)
def test_cuts_change_nothing(make: Make, data: st.DataObject, text: str) -> None:
    assert flat(flat(read(make(), data.draw(cuts(text))))) == items(make, text)


#: How a text may go on: whatever an item needs to become longer, or to end.
CONTINUATIONS = ["", "x", ",", '"', '",', '"",', '"x,', " x", "\n", "\nx", "\n x", "\n  x", "\n      x", "\n\n      x", ".\n x", ". x", ") x", "\n- x", "\n1. x"]  # noqa: E501 # fmt: skip


@KIND
@given(text=TEXTS, more=TEXTS)
def test_an_item_is_given_as_soon_as_it_is_certain_and_no_sooner(make: Make, text: str, more: str) -> None:
    """What has been given after any text is what all texts have in common that begin with it."""
    certain = common_beginning([items(make, text + end) for end in [*CONTINUATIONS, more]])
    assert flat(flat(read(make(), [text])[:-1])) == certain


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]) | st.sampled_from(', "\n'), min_size=1)))
def test_items_that_the_csv_module_writes_are_read(words: list[str]) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerow(words)
    assert items(CommaItems, written.getvalue()) == words


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=2)))
def test_items_that_are_numbered_are_read(words: list[str]) -> None:
    assert items(KINDS["numbered"], "".join(f"{n}. {word}\n" for n, word in enumerate(words))) == words


# --- texts that are made to cost much -----------------------------------------------------------------------


HOSTILE: list[Callable[[int], str]] = [
    lambda n: ", " * n,
    lambda n: '"' * n,
    lambda n: 'x"' * n,
    lambda n: '"a",' * n,
    lambda n: " " * n + "x",
    lambda n: "\n" * n,
    lambda n: "\r" * n,
    lambda n: "1" * n,
    lambda n: "1. " * n,
    lambda n: "- " * n,
    lambda n: "- a\n" * n,
    lambda n: "1. a\n" + "   b\n" * n,
    lambda n: "- a" + "\n" * n + "  b",
    lambda n: "prose, and more " * n,
]


@KIND
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("size", [1, 7])
def test_work_grows_with_the_text(make: Make, text: Callable[[int], str], size: int) -> None:
    def work(count: int) -> int:
        chunks = pieces(text(count), size)
        return lines_run(lambda: read(make(), chunks), "parsers")

    assert work(800) <= 8.8 * work(100) + 200


@KIND
@pytest.mark.parametrize("text", HOSTILE)
def test_long_texts_end(make: Make, text: Callable[[int], str]) -> None:
    assert items(make, text(100_000), 5) == items(make, text(100_000))


# --- as nodes -----------------------------------------------------------------------------------------------


#: A parser, what the model says, and when each item comes.
CHAINS: list[tuple[Callable[[], gf.Transform[Any, list[str]]], list[str], str]] = [
    (gf.comma_list, ['red, "dark', ', green"', ", blue"], "chunk item chunk chunk item end item"),
    (gf.numbered_list, ["Sure:\n1. red\n2", ". dark, green\n3", ". blue"], "chunk item chunk item chunk end item"),
    (gf.markdown_list, ["- red\n", "- dark, green\n-", " blue"], "chunk chunk item item chunk end item"),
]
CHAIN = pytest.mark.parametrize(("parser", "script", "story"), CHAINS, ids=["comma", "numbered", "markdown"])
COLOURS = ["red", "dark, green", "blue"]


@CHAIN
def test_every_item_is_a_chunk_and_the_value_is_the_list(parser: Any, script: list[str], story: str) -> None:
    chain = gf.ScriptedChatModel(script) | parser()
    with chain.sync.stream("Which colours?") as chunks:
        assert list(chunks) == [[colour] for colour in COLOURS]
    assert chain.sync.invoke("Which colours?") == COLOURS
    assert (chain | len).sync.invoke("Which colours?") == 3
    assert parser().sync.invoke("".join(script)) == COLOURS
    assert parser().sync.invoke("") == []


@CHAIN
def test_the_plan_streams_and_the_items_fold(parser: Any, script: list[str], story: str) -> None:
    plan = gf.compile(gf.ScriptedChatModel(script) | parser()).plan
    assert plan.streams
    plan.require_streaming()
    assert plan.nodes[-1].folds is not None
    assert plan.nodes[-1].folds.name == "concat"


@CHAIN
def test_events_tell_each_item_right_behind_the_chunk_that_completes_it(
    parser: Any, script: list[str], story: str
) -> None:
    heard = hear_all(gf.ScriptedChatModel(script) | parser(), "Which colours?")
    name = parser.__name__
    assert {event.kind for event in heard.of(name)} == {"parser"}
    assert heard.chunks(name) == [[colour] for colour in COLOURS]
    assert heard.end(name).output == COLOURS
    told = {"stream ScriptedChatModel": "chunk", f"stream {name}": "item", "end ScriptedChatModel": "end"}
    assert " ".join(told[line] for line in heard.story if line in told) == story


@CHAIN
def test_items_stream_into_what_works_on_each(parser: Any, script: list[str], story: str) -> None:
    @gf.chunkwise
    def shout(items: list[str]) -> list[str]:
        return [item.upper() for item in items]

    chain = gf.ScriptedChatModel(script) | parser() | shout
    with chain.sync.stream("Which colours?") as chunks:
        assert list(chunks) == [["RED"], ["DARK, GREEN"], ["BLUE"]]
