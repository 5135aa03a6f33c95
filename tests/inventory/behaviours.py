"""Rules of order and behaviours of LCEL's events and chunks that hold here, each with the tests that show it.

`python -m tests.inventory` prints them after the items of the guide.
"""

from __future__ import annotations

from typing import Final

import attrs

from tests.inventory.items import differences


@attrs.frozen
class Behaviour:
    """Something that LCEL was seen to do and that holds here, in our names.

    Attributes:
        label: what it is called: ``R3`` is a rule, a number a behaviour.
        says: what it is, in our words.
        tests: node ids without parameters.
        differs: what the page of differences has it under, the number of an item or of a row; "" where nothing differs.
    """

    label: str
    says: str
    tests: tuple[str, ...]
    differs: str = ""

    @property
    def difference(self) -> str:
        """Where the page of differences says what differs; "" where nothing does."""
        return differences()[self.differs] if self.differs else ""


_ORDER: Final = "tests/events/test_order.py::"
_VECTORS: Final = "tests/events/test_vectors.py::"
_HERE: Final = "tests/inventory/test_behaviours.py::"
_ENDS: Final = (
    f"{_ORDER}test_r1_r2_r4_r5_starts_ends_and_parents",
    f"{_ORDER}test_r1_r2_r4_r5_of_runs_that_fail",
    f"{_ORDER}test_r1_r2_r4_r5_of_nested_runs_that_are_left_early",
    f"{_ORDER}test_r1_r2_r4_r5_of_nested_runs_that_are_cancelled",
    f"{_VECTORS}test_vector",
)

RULES: Final = (
    Behaviour("R1", "The root's start is first, its end is last.", _ENDS),
    Behaviour("R2", "Of one run: its start, its stream events, its end.", _ENDS),
    Behaviour(
        "R3",
        "A stream event follows the one that caused it, and comes before the next one of that run.",
        (
            f"{_ORDER}test_r3_a_stream_event_follows_its_cause",
            f"{_ORDER}test_r3_chunks_that_cause_nothing_are_followed_by_nothing",
            f"{_VECTORS}test_vector",
        ),
        differs="65",
    ),
    Behaviour("R4", "A parent starts before its children.", _ENDS),
    Behaviour("R5", "parent_ids are the runs around, the root first.", _ENDS),
    Behaviour(
        "R6",
        "The root's stream events are the chunks that stream gives.",
        (
            f"{_ORDER}test_r6_the_root_tells_the_chunks_that_stream_gives",
            f"{_VECTORS}test_the_root_of_a_vector_tells_the_chunks_that_stream_gives",
        ),
    ),
    Behaviour(
        "R7",
        "The chunks of a run fold to the output of its end.",
        (f"{_ORDER}test_r7_the_chunks_of_a_run_fold_to_its_output", f"{_ORDER}test_r7_for_groups"),
    ),
    Behaviour(
        "R8",
        "With a filter come the events of the unfiltered run that it keeps.",
        (
            "tests/events/test_filters.py::test_filtered_events_are_those_of_the_unfiltered_run_that_are_kept",
            f"{_VECTORS}test_the_events_of_a_filtered_vector_are_among_those_of_all",
        ),
    ),
)

BEHAVIOURS: Final = (
    Behaviour(
        "01", "A function alone: its input, its value as a chunk, its output; no tags.", (f"{_VECTORS}test_vector",)
    ),
    Behaviour(
        "02",
        "A filter by name leaves the three events of one of three functions.",
        (f"{_HERE}test_a_filter_by_name_leaves_the_three_events_of_a_function",),
        differs="73",
    ),
    Behaviour("03", "A filter by name and one by tag let through what either names.", (f"{_VECTORS}test_vector",)),
    Behaviour(
        "04",
        "A record that a function gives is its chunk and its output.",
        (f"{_HERE}test_a_record_that_a_function_gives_is_its_chunk_and_its_output",),
    ),
    Behaviour(
        "05",
        "A model that a plain function invokes streams its events, between the function's start and its chunk.",
        (f"{_HERE}test_a_model_that_a_plain_function_invokes_is_told_between_its_start_and_its_chunk",),
    ),
    Behaviour(
        "06",
        "Names, tags and metadata of a chain, its prompt and its model.",
        (f"{_HERE}test_names_tags_and_metadata_of_a_chain_and_of_its_parts_meet",),
    ),
    Behaviour(
        "07",
        "Tools without parameters, with some, and with chains of their own: two events each.",
        (f"{_HERE}test_tools_have_their_arguments_and_their_result_and_no_chunks",),
        differs="77",
    ),
    Behaviour(
        "08",
        "A tool that is not the whole ends with its input too.",
        (f"{_HERE}test_a_tool_within_a_chain_ends_with_its_input_too",),
    ),
    Behaviour(
        "09",
        "What follows a retriever has its documents as its input.",
        (f"{_HERE}test_what_follows_a_retriever_has_its_documents",),
        differs="56",
    ),
    Behaviour(
        "10",
        "A text model is shown a prompt with roles, and gives its text.",
        (f"{_HERE}test_a_text_model_is_shown_the_roles_and_gives_one_text",),
        differs="54",
    ),
    Behaviour(
        "11",
        "A model is chosen for each run.",
        (f"{_HERE}test_a_model_may_be_chosen_by_the_input",),
        differs="37",
    ),
    Behaviour(
        "12", "A node of one's own streams what it yields: five events.", (f"{_HERE}test_a_node_of_ones_own_streams",)
    ),
    Behaviour(
        "13",
        "A run id that is given to a run and to one inside it.",
        ("tests/events/test_nested.py::test_an_id_that_is_given_twice_loses_no_event",),
        differs="B48",
    ),
    Behaviour(
        "14", "A model in a chain in a tool streams its events.", (f"{_HERE}test_a_model_in_a_chain_in_a_tool_streams",)
    ),
    Behaviour(
        "15",
        "A custom event of a tool comes between its start and its end.",
        (
            f"{_HERE}test_a_tool_emits_between_its_start_and_its_end",
            "tests/events/test_custom.py::test_a_custom_event_hangs_on_the_run_of_its_node",
        ),
    ),
    Behaviour(
        "16",
        "The error event of a tool has the id of the call.",
        (
            f"{_HERE}test_a_failing_tool_tells_the_call_that_its_error_knows",
            "tests/events/test_endings.py::test_a_failing_tool_tells_no_id_of_a_call_that_it_was_not_given",
        ),
    ),
    Behaviour(
        "17",
        "Eight letters come through a prompt, a model and a parser as eight chunks, and through a passthrough.",
        (f"{_HERE}test_a_deep_chain_gives_every_letter",),
    ),
    Behaviour(
        "18",
        "An assign passes a streamed key on, and streams the one that it adds.",
        (f"{_HERE}test_an_assign_passes_a_streamed_key_on_and_streams_its_own",),
        differs="B36",
    ),
    Behaviour(
        "19",
        "An assigned chain that gives nothing adds no key.",
        (f"{_HERE}test_an_assigned_chain_that_gives_nothing_adds_no_key",),
    ),
    Behaviour(
        "20",
        "Models and passthroughs side by side on a stream: 39 chunks.",
        (f"{_HERE}test_all_branches_of_a_fan_on_a_stream_give_their_chunks",),
    ),
    Behaviour(
        "21",
        "A generator of numbers streams them, and adds them up.",
        (
            f"{_HERE}test_a_generator_of_numbers_adds_up_as_it_says",
            f"{_HERE}test_numbers_that_nobody_says_how_to_add_up_are_streamed_and_not_invoked",
        ),
        differs="25",
    ),
    Behaviour(
        "22",
        "A function that gives a range gives one chunk; what happens with one that gives a model.",
        (
            f"{_HERE}test_a_function_that_gives_a_range_gives_one_chunk_and_one_that_gives_a_model_is_refused",
            "tests/compiler/test_diagnostics.py::test_a_function_that_turns_out_to_return_a_chain",
        ),
        differs="81",
    ),
    Behaviour(
        "23",
        "Parameters can be bound; the later binding wins.",
        (f"{_HERE}test_bound_parameters_are_given_and_the_later_binding_wins",),
    ),
    Behaviour(
        "24",
        "A branch asks its predicates in order, and streams what it chooses.",
        (
            f"{_HERE}test_a_branch_asks_its_predicates_in_order_and_no_more_than_it_must",
            f"{_HERE}test_a_branch_streams_what_it_chooses",
        ),
    ),
    Behaviour(
        "25",
        "Fallbacks of a stream, before its first chunk.",
        (
            "tests/docs/test_differences.py::test_b22_what_has_gone_out_is_not_taken_back_by_a_fallback_unless_it_is_held_back",
        ),
        differs="B22",
    ),
    Behaviour(
        "26",
        "An input of a batch that fails is not given to later steps.",
        (f"{_HERE}test_an_input_of_a_batch_that_fails_is_not_given_to_later_steps",),
    ),
    Behaviour(
        "27",
        "A run that is left early ends without an error.",
        (
            "tests/events/test_endings.py::test_a_run_that_is_left_early_ends_without_output",
            "tests/docs/test_differences.py::test_b40_a_run_that_its_reader_left_ends_without_output",
        ),
        differs="B40",
    ),
    Behaviour(
        "28",
        "Lists in streamed records are put together.",
        (f"{_HERE}test_lists_in_records_are_put_together",),
        differs="7",
    ),
    Behaviour("29", "A chain shows its steps, and a fan its keys.", (f"{_HERE}test_a_chain_shows_its_steps_and_keys",)),
    Behaviour(
        "30",
        "JSON in a fence with prose around it; prose alone is an error.",
        (
            f"{_HERE}test_json_in_a_fence_is_shown_as_it_grows_and_the_prose_around_it_is_not",
            "tests/jsonstream/test_vectors.py::TestVector::test_values",
            "tests/docs/test_differences.py::test_b43_stream_and_invoke_refuse_the_same_text",
        ),
        differs="B43",
    ),
)
