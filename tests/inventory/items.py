"""The 85 items of the reference guide, in our words, each with the tests that show it.

An item needs a test, or a line in `docs/explanation/differences.md` that says why not, under a heading that begins
with its number: `### 31. ...` or `### 2, 3. ...`. Those that have one have a test named after them here, `test_NN_...`,
and some more elsewhere. `python -m tests.inventory` prints them all.
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
        more: tests elsewhere that show it too, as node ids without parameters.
    """

    number: int
    says: str
    more: tuple[str, ...] = ()

    @property
    def tests(self) -> tuple[str, ...]:
        """The node ids of its tests: those that are named after it, and `more`."""
        return (*named_after(self.number), *self.more)

    @property
    def difference(self) -> str:
        """The line of the heading in the page of differences, with its number; "" where there is none."""
        return differences().get(str(self.number), "")


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
    """Tell whether there is a test of that node id."""
    place, _, name = node_id.partition("::")
    path = ROOT / place
    return path.is_file() and name in functions(path)


@functools.cache
def differences() -> dict[str, str]:
    """Return where the page of differences has what: each item by its number, each row of a table by its label."""
    found: dict[str, str] = {}
    lines = (ROOT / DIFFERENCES).read_text(encoding="utf-8").splitlines()
    for place, line in enumerate(lines, start=1):
        heading = re.match(r"### (\d+(?:, \d+)*)\. (.*)|\| (B\d\d) \| ([^|]*)", line)
        if heading:
            labels, says = heading[1] or heading[3], heading[2] or heading[4]
            found |= dict.fromkeys(labels.split(", "), f"{DIFFERENCES}:{place} {says.strip()}")
    return found


_EVENTS: Final = "tests/events/"
_RUNS: Final = f"{_EVENTS}test_runs.py::"
_INPUTS: Final = f"{_EVENTS}test_inputs.py::"
_NESTED: Final = f"{_EVENTS}test_nested.py::"
_FILTERS: Final = f"{_EVENTS}test_filters.py::"
_MESSAGES: Final = "tests/components/test_messages.py::"
_SEARCH: Final = "tests/components/test_search.py::"
_JSON: Final = "tests/jsonstream/test_vectors.py::TestVector::"
_VALUE_OF_CHUNKS: Final = "tests/laws/test_chunks.py::test_the_fold_of_a_stream_is_what_invoke_returns"
_PLAN_KEEPS_ITS_WORD: Final = "tests/laws/test_streaming.py::test_the_plan_says_what_streams_from_where_and_after_what"
_CHILD: Final = f"{_NESTED}test_a_nested_run_is_a_child_of_its_node"
_CHILD_IN_THREAD: Final = f"{_NESTED}test_a_run_in_the_thread_of_a_function_is_a_child"

ITEMS: Final = (
    # --- interface ---
    Item(1, "Everything has one interface: models, parsers, prompts, retrievers, tools, functions, chains."),
    Item(2, "A blocking stream of chunks of the final output."),
    Item(3, "An asynchronous stream of the same chunks."),
    Item(4, "What cannot stream gives its final result as one chunk."),
    Item(
        5,
        "Chunks come as soon as they exist.",
        ("tests/laws/test_streaming.py::test_a_first_chunk_comes_out_while_its_node_is_at_work",),
    ),
    Item(6, "Events tell of intermediate steps and of the final output."),
    Item(7, "There is a log of patches of the run."),
    Item(8, "Components can be used one by one, imperatively."),
    Item(9, "A chain does not depend on how it is run; all verbs come by themselves.", (_VALUE_OF_CHUNKS,)),
    Item(10, "The version can be asked."),
    # --- the streaming rule ---
    Item(11, "A chain streams if every step takes chunks and gives chunks.", (_PLAN_KEEPS_ITS_WORD,)),
    Item(12, "From passing tokens through to partial JSON."),
    Item(13, "A step on finished inputs breaks streaming."),
    Item(14, "Prompts and models wait for their whole input; models stream their output."),
    Item(15, "Output parsers work on every chunk."),
    Item(
        16,
        "Plain functions wait, generator functions transform.",
        ("tests/declaring/test_coercion.py::test_a_bare_function_is_taken_by_its_annotations",),
    ),
    Item(17, "A retriever gives exactly one chunk."),
    Item(18, "With blocking steps, streaming begins after the last of them.", (_PLAN_KEEPS_ITS_WORD,)),
    Item(19, "Events stream from intermediate steps although the tail does not."),
    # --- models and messages ---
    Item(20, "A model takes a bare string."),
    Item(21, "A message chunk has content, metadata, id and usage."),
    Item(22, "The first chunk names the model and counts the input tokens."),
    Item(23, "The last chunk gives the stop reason and counts the output tokens."),
    Item(24, "All chunks of a response share an id, that of their run."),
    Item(
        25,
        "Chunks add up to the response.",
        (
            f"{_MESSAGES}test_chunks_of_a_response_add_up_to_the_response",
            f"{_MESSAGES}test_sums_of_parts_add_up_to_the_sum",
        ),
    ),
    Item(26, "Usages add up.", (f"{_MESSAGES}test_usage_of_the_chunks_of_a_response_adds_up",)),
    Item(
        27,
        "Response metadata merge.",
        (f"{_MESSAGES}test_response_metadata_merges_and_a_later_none_erases_nothing",),
    ),
    Item(28, "Empty chunks are chunks."),
    Item(29, "System, human and AI messages; prompts make them."),
    # --- chains ---
    Item(30, "prompt | model | parser."),
    Item(
        31,
        "Templates of records, with several lines and holes.",
        ("tests/components/test_template.py::test_a_template_is_its_literals_and_the_texts_of_its_values",),
    ),
    Item(32, "The text parser takes the text of every chunk."),
    Item(
        33,
        "Functions, generator functions and dicts become chains.",
        ("tests/declaring/test_coercion.py::test_a_bare_function_is_taken_by_its_annotations",),
    ),
    Item(
        34,
        "A dict on the left of a bar is a fan-out.",
        ("tests/declaring/test_coercion.py::test_dicts_stand_on_both_sides_of_a_chain",),
    ),
    Item(35, "Its values may be configured chains and passthroughs."),
    Item(36, "Its output is a record that fills a prompt."),
    Item(
        37,
        "Components and chains take a name and tags.",
        ("tests/declaring/test_configuring.py::test_what_is_configured_again_wins_and_tags_add_up",),
    ),
    Item(38, "Chains stream in code that is not asynchronous."),
    # --- JSON while it streams ---
    Item(39, "The JSON parser completes partial JSON.", (f"{_JSON}test_values",)),
    Item(40, "It gives growing snapshots, one for every change.", (f"{_JSON}test_values",)),
    Item(41, "Chunks that change nothing give nothing.", (f"{_JSON}test_values",)),
    Item(
        42,
        "Fences are passed over; nothing comes before the value.",
        ("tests/jsonstream/test_reading.py::test_prose_and_fences_are_passed_over",),
    ),
    Item(43, "Numbers and strings may be cut while they stream.", (f"{_JSON}test_complete_scalars",)),
    Item(44, "A plain function on the finished value gives one chunk."),
    Item(45, "A generator on the stream gives every name once."),
    # --- retrieval ---
    Item(
        46,
        "An index of texts becomes a retriever.",
        (
            f"{_SEARCH}test_search_gives_the_documents_with_any_of_the_words_best_first",
            "tests/components/test_retriever.py::test_a_retriever_gives_what_its_index_finds",
        ),
    ),
    Item(
        47,
        "Documents have an id, metadata and text; a retriever gives a list.",
        (f"{_SEARCH}test_a_document_without_an_id_gets_one_from_its_content",),
    ),
    Item(48, "A retrieval chain streams although retriever and prompt do not."),
    # --- events: call and shape ---
    Item(49, "Events are iterated over, in one version."),
    Item(
        50,
        "Every event has exactly seven keys.",
        (
            f"{_EVENTS}test_classes.py::test_the_dict_of_an_event_has_the_seven_keys",
            f"{_EVENTS}test_vectors.py::test_the_dict_of_every_event_has_the_seven_keys_of_the_vectors",
        ),
    ),
    Item(51, "An event is called on_<type>_<start, stream or end>.", (f"{_RUNS}test_kind_and_name",)),
    Item(52, "Seven types of runs.", (f"{_RUNS}test_kind_and_name",)),
    Item(53, "Eighteen kinds of events.", (f"{_RUNS}test_all_eighteen_kinds_of_events_and_no_others",)),
    Item(54, "The data of every kind of event.", (f"{_EVENTS}test_vectors.py::test_vector",)),
    Item(55, "Data hold chunk, input and output.", (f"{_INPUTS}test_everything_else_has_input_and_output_at_its_end",)),
    Item(56, "A streamed input is told at the end.", (f"{_INPUTS}test_a_start_has_no_input_that_streams",)),
    Item(57, "Run ids are UUIDs, one for every run.", (f"{_RUNS}test_run_ids_are_uuids_and_unique",)),
    Item(58, "parent_ids lead from the root to the parent.", (f"{_RUNS}test_parent_ids_begin_with_the_root",)),
    Item(59, "Names are those of classes and functions, or given.", (f"{_RUNS}test_kind_and_name",)),
    Item(
        60,
        "Steps are numbered from one; own tags come after.",
        (f"{_RUNS}test_steps_of_a_sequence_are_numbered_from_one", f"{_RUNS}test_own_tags_come_after_the_place"),
    ),
    Item(
        61,
        "Models say what they are in their metadata, chains nothing.",
        ("tests/providers/test_remote.py::test_events_say_whose_model_it_is_and_how_it_was_asked",),
    ),
    Item(
        62,
        "The root has the raw input at its start and only the output at its end.",
        (f"{_INPUTS}test_the_root_has_its_input_at_the_start_and_its_output_at_the_end",),
    ),
    Item(63, "A model in a chain starts with messages."),
    Item(
        64,
        "Two steps, three starts; the parser's after the first chunk.",
        (f"{_INPUTS}test_a_node_starts_at_its_first_input_chunk",),
    ),
    Item(
        65,
        "A parser event follows the model event that caused it.",
        (f"{_EVENTS}test_order.py::test_r3_a_stream_event_follows_its_cause",),
    ),
    Item(
        66,
        "The root streams the last step's chunk right after it.",
        (f"{_EVENTS}test_order.py::test_r6_the_root_tells_the_chunks_that_stream_gives",),
    ),
    Item(67, "A model ends with an empty chunk and the sum."),
    Item(
        68,
        "A listener may leave early.",
        (f"{_EVENTS}test_pace.py::test_a_listener_that_leaves_while_all_wait_for_it_ends_them",),
    ),
    # --- filters ---
    Item(69, "Filter by name.", (f"{_FILTERS}test_includes_add_up_and_excludes_take_away",)),
    Item(70, "Filter by type.", (f"{_FILTERS}test_includes_add_up_and_excludes_take_away",)),
    Item(71, "Filter by tag.", (f"{_FILTERS}test_includes_add_up_and_excludes_take_away",)),
    Item(72, "Tags are inherited.", (f"{_RUNS}test_tags_are_inherited_by_everything_inside",)),
    Item(
        73,
        "What a filtered event has as its input.",
        (f"{_FILTERS}test_a_filtered_event_has_its_own_input_and_not_that_of_the_whole",),
    ),
    Item(74, "A configuration changes neither parents nor places."),
    # --- tools and nested runs ---
    Item(
        75,
        "A tool is named and described by its function.",
        ("tests/components/test_signature.py::test_a_function_is_described_by_its_signature_and_docstring",),
    ),
    Item(76, "A tool starts with its input and ends with its output."),
    Item(77, "A tool may run a chain.", (_CHILD,)),
    Item(78, "A nested run has input and output and the tool as its parent.", (_CHILD,)),
    Item(79, "Nested events without passing anything on.", (_CHILD, _CHILD_IN_THREAD)),
    Item(80, "Functions propagate by themselves.", (_CHILD, _CHILD_IN_THREAD)),
    Item(
        81,
        "Plain and asynchronous functions become chains of their name.",
        ("tests/declaring/test_functions.py::test_any_callable_is_a_node",),
    ),
    Item(82, "Declared and bare functions have the same events."),
    Item(83, "A function starts, streams one chunk and ends."),
    Item(84, "Nested runs of a function are told."),
    Item(
        85,
        "Models stream their events whichever verb a function uses.",
        (f"{_NESTED}test_a_model_that_is_invoked_streams_its_events_all_the_same",),
    ),
)
