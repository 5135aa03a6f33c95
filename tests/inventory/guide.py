"""The chains of the reference guide in our names, with a scripted model in the place of a real one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import graphflow as gf
from tests.laws.simulation import simulate

QUESTION = (
    "output a list of the countries france, spain and japan and their populations in JSON format. "
    'Use a dict with an outer key of "countries" which contains a list of countries. '
    "Each country should have the key `name` and `population`"
)

_VECTORS = json.loads((Path(__file__).parents[1] / "vectors/json_stream.json").read_text())["vectors"]
#: What the guide's models said, and what its parser made of it, by the place in the guide.
SEEDS: dict[str, dict[str, Any]] = {vector["id"]: vector for vector in _VECTORS if vector["id"].startswith("seed-")}


def countries(seed: str = "seed-1-astream", name: str = "ChatScripted") -> gf.ScriptedChatModel:
    """The model that was asked for countries."""
    return gf.ScriptedChatModel(SEEDS[seed]["chunks"], name=name)


#: The chunks of an answer, with the metadata and usage that the guide prints.
SKY = [
    gf.AIMessageChunk(
        "",
        response_metadata={"model_name": "claude-3-7-sonnet-20250219"},
        usage=gf.Usage(13, 0, 13, input_details={"cache_creation": 0, "cache_read": 0}),
    ),
    gf.AIMessageChunk("The sky typically"),
    gf.AIMessageChunk(" appears blue during the day due to a phenomenon"),
    gf.AIMessageChunk(" called Rayleigh scattering, where"),
    gf.AIMessageChunk(" air molecules scatter sunlight"),
    gf.AIMessageChunk(
        "", response_metadata={"stop_reason": "end_turn", "stop_sequence": None}, usage=gf.Usage(0, 40, 40)
    ),
]


def sky() -> gf.ScriptedChatModel:
    """The model that was asked what colour the sky is."""
    return gf.ScriptedChatModel(SKY)


@gf.aggregate
def extract_country_names(inputs: Any) -> Any:
    """Work on the finished value, and so break streaming."""
    if not isinstance(inputs, dict) or "countries" not in inputs or not isinstance(inputs["countries"], list):
        return ""
    return [country.get("name") for country in inputs["countries"] if isinstance(country, dict)]


@gf.transform
async def extract_country_names_streaming(snapshots: AsyncIterator[Any]) -> AsyncIterator[str]:
    """Work on the stream."""
    so_far = set()
    async for snapshot in snapshots:
        for country in snapshot.get("countries", []):
            name = country.get("name")
            if name and name not in so_far:
                yield name
                so_far.add(name)


TEXTS = ["harrison worked at kensho", "harrison likes spicy food"]
TEMPLATE = """Answer the question based only on the following context:
{context}

Question: {question}
"""
ANSWER = ["", "Base", "d on the provided context, Harrison worked at Kens", "ho.\n", ""]


def retrieval_chain(index: gf.SearchIndex) -> gf.Chain[Any, Any]:
    """The chain that answers from what it has found."""
    fan = {"context": index.as_retriever().with_config(name="Docs"), "question": gf.passthrough()}
    return fan | gf.prompt(TEMPLATE) | gf.ScriptedChatModel(ANSWER) | gf.text()


def chunks_of(chain: gf.Chain[Any, Any], value: Any) -> list[Any]:
    """Return what `stream` gives."""

    async def main() -> list[Any]:
        async with chain.stream(value) as chunks:
            return [chunk async for chunk in chunks]

    return simulate(main)
