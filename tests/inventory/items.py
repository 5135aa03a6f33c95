"""The 85 items of the reference guide, in our words, each with the tests that show it.

An item needs a test, or a line in `docs/explanation/differences.md` that says why not, under a heading that begins
with its number: `### 31. ...` or `### 2, 3. ...`. Most have a test named after them here, `test_NN_...`, and more
elsewhere.
`python -m tests.inventory` prints them all.
"""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).parents[2]
DIFFERENCES: Final = "docs/explanation/differences.md"


@attrs.frozen
class Item:
    """One thing that the guide shows.

    Attributes:
        number: its number in the list.
        says: what it is, in our words.
        more: tests elsewhere that show it too, as node ids without parameters, or files of tests.
        later: why it cannot be shown yet; "" where it can.
    """

    number: int
    says: str
    more: tuple[str, ...] = ()
    later: str = ""

    @property
    def tests(self) -> tuple[str, ...]:
        """The node ids of its tests: those that are named after it, and `more`."""
        return (*named_after(self.number), *self.more)

    @property
    def difference(self) -> str:
        """The line of the heading in the page of differences, with its number; "" where there is none."""
        return differences().get(self.number, "")


@functools.cache
def _tests_here() -> tuple[tuple[str, frozenset[int]], ...]:
    found = []
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for name in functions(path):
            numbers = re.match(r"test((?:_\d\d)+)_", name)
            if numbers:
                place = f"{path.relative_to(ROOT).as_posix()}::{name}"
                found.append((place, frozenset(int(number) for number in numbers[1].split("_")[1:])))
    return tuple(found)


def named_after(number: int) -> tuple[str, ...]:
    """Return the node ids of the tests here that are named after an item."""
    return tuple(place for place, numbers in _tests_here() if number in numbers)


@functools.cache
def functions(path: Path) -> frozenset[str]:
    """Return the names of the test functions of a file, those in a class with the name of that before."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        for name, one in (
            [("", node)] if not isinstance(node, ast.ClassDef) else [(f"{node.name}::", one) for one in node.body]
        ):
            if isinstance(one, ast.FunctionDef) and one.name.startswith("test"):
                found.add(name + one.name)
    return frozenset(found)


def exists(node_id: str) -> bool:
    """Tell whether there is a test, or a file of tests, of that node id."""
    place, _, name = node_id.partition("::")
    path = ROOT / place
    return path.is_file() and (not name or name in functions(path)) and bool(functions(path))


@functools.cache
def differences() -> dict[int, str]:
    """Return where the page of differences has each item that it names."""
    found = {}
    lines = (ROOT / DIFFERENCES).read_text(encoding="utf-8").splitlines()
    for place, line in enumerate(lines, start=1):
        heading = re.match(r"### (\d+(?:, \d+)*)\. (.*)", line)
        if heading:
            for number in heading[1].split(", "):
                found[int(number)] = f"{DIFFERENCES}:{place} {heading[2]}"
    return found


_E = "tests/events/"

ITEMS: Final = (
    # --- interface ---
    Item(1, "Everything has one interface: models, parsers, prompts, retrievers, tools, functions, chains."),
    Item(2, "A blocking stream of chunks of the final output.", (f"{_E}test_nested.py",)),
    Item(3, "An asynchronous stream of the same chunks.", ("tests/laws/test_chunks.py",)),
    Item(4, "What cannot stream gives its final result as one chunk."),
    Item(5, "Chunks come as soon as they exist.", ("tests/laws/test_streaming.py",)),
    Item(6, "Events tell of intermediate steps and of the final output.", (f"{_E}test_runs.py",)),
    Item(7, "There is a log of patches of the run."),
    Item(8, "Components can be used one by one, imperatively."),
    Item(9, "A chain does not depend on how it is run; all verbs come by themselves.", ("tests/laws/test_chunks.py",)),
    Item(10, "The version can be asked."),
    # --- the streaming rule ---
    Item(11, "A chain streams if every step takes chunks and gives chunks.", ("tests/laws/test_streaming.py",)),
    Item(12, "From passing tokens through to partial JSON."),
    Item(13, "A step on finished inputs breaks streaming."),
    Item(14, "Prompts and models wait for their whole input; models stream their output."),
    Item(15, "Output parsers work on every chunk."),
    Item(16, "Plain functions wait, generator functions transform.", ("tests/declaring/test_coercion.py",)),
    Item(17, "A retriever gives exactly one chunk."),
    Item(18, "With blocking steps, streaming begins after the last of them."),
    Item(19, "Events stream from intermediate steps although the tail does not."),
    # --- models and messages ---
    Item(20, "A model takes a bare string."),
    Item(21, "A message chunk has content, metadata, id and usage.", ("tests/components/test_messages.py",)),
    Item(22, "The first chunk names the model and counts the input tokens."),
    Item(23, "The last chunk gives the stop reason and counts the output tokens."),
    Item(24, "All chunks of a response share an id, that of their run."),
    Item(25, "Chunks add up to the response.", ("tests/components/test_messages.py",)),
    Item(26, "Usages add up.", ("tests/components/test_messages.py",)),
    Item(27, "Response metadata merge.", ("tests/components/test_messages.py",)),
    Item(28, "Empty chunks are chunks."),
    Item(29, "System, human and AI messages; prompts make them."),
    # --- chains ---
    Item(30, "prompt | model | parser."),
    Item(31, "Templates of records, with several lines and holes.", ("tests/components/test_template.py",)),
    Item(32, "The text parser takes the text of every chunk."),
    Item(33, "Functions, generator functions and dicts become chains.", ("tests/declaring/test_coercion.py",)),
    Item(34, "A dict on the left of a bar is a fan-out.", ("tests/declaring/test_combining.py",)),
    Item(35, "Its values may be configured chains and passthroughs."),
    Item(36, "Its output is a record that fills a prompt."),
    Item(37, "Components and chains take a name and tags.", ("tests/declaring/test_configuring.py",)),
    Item(38, "Chains stream in code that is not asynchronous."),
    # --- JSON while it streams ---
    Item(39, "The JSON parser completes partial JSON.", ("tests/jsonstream/test_vectors.py",)),
    Item(40, "It gives growing snapshots, one for every change.", ("tests/jsonstream/test_vectors.py",)),
    Item(41, "Chunks that change nothing give nothing.", ("tests/jsonstream/test_vectors.py",)),
    Item(42, "Fences are passed over; nothing comes before the value.", ("tests/jsonstream/test_vectors.py",)),
    Item(43, "Numbers and strings may be cut while they stream."),
    Item(44, "A plain function on the finished value gives one chunk."),
    Item(45, "A generator on the stream gives every name once."),
    # --- retrieval ---
    Item(46, "An index of texts becomes a retriever.", ("tests/components/test_search.py",)),
    Item(
        47, "Documents have an id, metadata and text; a retriever gives a list.", ("tests/components/test_search.py",)
    ),
    Item(48, "A retrieval chain streams although retriever and prompt do not."),
    # --- events: call and shape ---
    Item(49, "Events are iterated over, in one version."),
    Item(
        50,
        "Every event has exactly seven keys.",
        (f"{_E}test_classes.py::test_the_dict_of_an_event_has_the_seven_keys",),
    ),
    Item(51, "An event is called on_<type>_<start, stream or end>.", (f"{_E}test_runs.py::test_kind_and_name",)),
    Item(52, "Seven types of runs.", (f"{_E}test_runs.py::test_kind_and_name",)),
    Item(53, "Eighteen kinds of events.", (f"{_E}test_runs.py::test_all_eighteen_kinds_of_events_and_no_others",)),
    Item(54, "The data of every kind of event.", (f"{_E}test_inputs.py", f"{_E}test_vectors.py::test_vector")),
    Item(55, "Data hold chunk, input and output.", (f"{_E}test_inputs.py",)),
    Item(56, "A streamed input is told at the end.", (f"{_E}test_inputs.py::test_a_start_has_no_input_that_streams",)),
    Item(57, "Run ids are UUIDs, one for every run.", (f"{_E}test_runs.py::test_run_ids_are_uuids_and_unique",)),
    Item(
        58, "parent_ids lead from the root to the parent.", (f"{_E}test_runs.py::test_parent_ids_begin_with_the_root",)
    ),
    Item(59, "Names are those of classes and functions, or given.", (f"{_E}test_runs.py::test_kind_and_name",)),
    Item(60, "Steps are numbered from one; own tags come after.", (f"{_E}test_runs.py",)),
    Item(61, "Models say what they are in their metadata, chains nothing."),
    Item(62, "The root has the raw input at its start and only the output at its end.", (f"{_E}test_inputs.py",)),
    Item(63, "A model in a chain starts with messages."),
    Item(64, "Two steps, three starts; the parser's after the first chunk.", (f"{_E}test_inputs.py",)),
    Item(65, "A parser event follows the model event that caused it.", (f"{_E}test_order.py",)),
    Item(66, "The root streams the last step's chunk right after it.", (f"{_E}test_order.py",)),
    Item(67, "A model ends with an empty chunk and the sum."),
    Item(68, "A listener may leave early.", (f"{_E}test_endings.py",)),
    # --- filters ---
    Item(69, "Filter by name.", (f"{_E}test_filters.py",)),
    Item(70, "Filter by type.", (f"{_E}test_filters.py",)),
    Item(71, "Filter by tag.", (f"{_E}test_filters.py",)),
    Item(72, "Tags are inherited.", (f"{_E}test_runs.py::test_tags_are_inherited_by_everything_inside",)),
    Item(73, "What a filtered event has as its input.", (f"{_E}test_filters.py",)),
    Item(74, "A configuration changes neither parents nor places."),
    # --- tools and nested runs ---
    Item(75, "A tool is named and described by its function.", ("tests/components/test_signature.py",)),
    Item(76, "A tool starts with its input and ends with its output."),
    Item(77, "A tool may run a chain.", (f"{_E}test_nested.py",)),
    Item(78, "A nested run has input and output and the tool as its parent.", (f"{_E}test_nested.py",)),
    Item(79, "Nested events without passing anything on.", (f"{_E}test_nested.py",)),
    Item(80, "Functions propagate by themselves.", (f"{_E}test_nested.py",)),
    Item(81, "Plain and asynchronous functions become chains of their name.", ("tests/declaring/test_functions.py",)),
    Item(82, "Declared and bare functions have the same events."),
    Item(83, "A function starts, streams one chunk and ends."),
    Item(84, "Nested runs of a function are told."),
    Item(85, "Models stream their events whichever verb a function uses.", (f"{_E}test_nested.py",)),
)
