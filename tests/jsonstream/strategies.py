"""JSON texts of every form that the grammar has, cuts of them into chunks, and texts that are slightly wrong."""

from hypothesis import strategies as st

BLANKS = st.sampled_from(["", "", "", " ", "\n", "\t \r\n"])
NUMBERS = st.sampled_from(
    ["0", "-0", "1", "12", "-7", "677500", "0.0", "-0.0", "1.0", "1.50", "-0.25e1", "1e5", "1E+2", "2e-3", "1e400", "0.10000000000000000001", "123456789012345678901234567890"]  # noqa: E501
)  # fmt: skip
LITERALS = st.sampled_from(["true", "false", "null", "NaN", "Infinity", "-Infinity"])
PIECES = st.sampled_from(
    ["", "a", "Fra", "nce ", "`", "é", "😀", "\n", "\x00", "/", "'", "{", "]", ",", "//", " ", "true",
     '\\"', "\\\\", "\\/", "\\n", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\\uDE00", "\\ud83d\\n", "\\ud83d\\u0041"]  # noqa: E501
)  # fmt: skip
STRINGS = st.lists(PIECES, max_size=4).map(lambda pieces: f'"{"".join(pieces)}"')
KEYS = st.one_of(st.sampled_from(['"a"', '"b"', '"a b"', '"\\u0061"', '"~/"', '""']), STRINGS)


def _joined(items: st.SearchStrategy[str], opener: str, closer: str) -> st.SearchStrategy[str]:
    spaced = st.tuples(BLANKS, items, BLANKS).map("".join)
    return st.one_of(
        BLANKS.map(lambda blank: opener + blank + closer),
        st.lists(spaced, min_size=1, max_size=4).map(lambda parts: opener + ",".join(parts) + closer),
    )


def _containers(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.tuples(KEYS, BLANKS, st.just(":"), BLANKS, values).map("".join)
    return _joined(values, "[", "]") | _joined(members, "{", "}")


# Neighbours with the same keys, as in most documents.
RECORDS = st.lists(
    st.tuples(NUMBERS | STRINGS, NUMBERS | STRINGS).map(lambda pair: '{"a": %s, "b": [%s]}' % pair),  # noqa: UP031
    min_size=1,
    max_size=4,
).map(lambda items: f"[{', '.join(items)}]")
VALUES = RECORDS | st.recursive(NUMBERS | LITERALS | STRINGS, _containers, max_leaves=12)
CONTAINERS = RECORDS | _containers(VALUES)

PATHS = st.sampled_from(
    ["$", "[*]", "*", "[0]", "[1]", "a", "b", "[*][*]", "*.*", "[*].*", "*[*]", "a.a", "a[*]", "a.b", "[0][0]", "[0].a", "a[0]", '["a b"]', '["~/"].*', '[""][*]', "[*].a", "[*][*][*]"]  # noqa: E501
)  # fmt: skip

NOISE = st.sampled_from([*list("{}[]:,\"\\/*'`-+.0123eEtfnN \nu�\x01"), "//", "/*", "*/", "\\u", "```json", "None"])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A JSON text with one to three small things wrong. Many are still valid."""
    text = draw(VALUES)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 2)))
        text = text[:start] + draw(st.just("") | NOISE) + text[stop:]
    return text


@st.composite
def cuts(draw: st.DrawFn, text: str) -> list[str]:
    """The text in chunks, some of them empty."""
    size = draw(st.sampled_from([0, 1, 2, 3, 7]))
    if size:
        return [text[start : start + size] for start in range(0, len(text), size)]
    marks = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[start:stop] for start, stop in zip([0, *marks], [*marks, len(text)], strict=True)]
