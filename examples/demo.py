"""Ask graphflow's own documentation a question, and see what the compiler knows of the chain that answers it.

`make demo` runs it. It needs no network and no key: the model is scripted, and quotes what was found. `make demo
MODEL=local` answers by a small model in this process, `MODEL=openai:NAME` and `MODEL=anthropic:NAME` by one of theirs.
"""

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import trio

import graphflow as gf

PROJECT = Path(__file__).parents[1]
QUESTION = "What is left running when I leave a stream early?"


# --- what can be found -------------------------------------------------------------------------------------


def passages(page: Path) -> Iterator[gf.Document]:
    """Cut a Markdown page into paragraphs that know their heading; examples and tables are left out."""
    path, heading = page.relative_to(PROJECT).as_posix(), ""
    prose = re.sub(r"^```.*?^```$|^\|[^\n]*$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for paragraph in re.split(r"\n{2,}", prose):
        if paragraph.startswith("#"):
            heading = paragraph.lstrip("# ")
        elif paragraph.strip():
            yield gf.Document(" ".join(paragraph.split()), {"path": path, "heading": heading})


def documents() -> Iterator[gf.Document]:
    """Give the passages of README.md and docs/."""
    for page in (PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))):
        yield from passages(page)


# --- the chain ---------------------------------------------------------------------------------------------


@gf.aggregate
def format_documents(documents: list[gf.Document]) -> str:
    """Write the passages one below the other, each under its source."""
    return "\n".join(f"[{one.metadata['path']}: {one.metadata['heading']}] {one.text}" for one in documents)


def quote(messages: list[gf.Message]) -> str:
    """Say what the model says: the two best passages, each under its source."""
    context, _, _ = messages[-1].text.partition("\n\nQuestion: ")
    found = re.findall(r"^\[(.*?)\] (.*)$", context, flags=re.MULTILINE)
    quotes = [f"{source}\n{textwrap.indent(textwrap.fill(text, 96), '    ')}" for source, text in found[:2]]
    return "\n\n".join(quotes) or "The documentation says nothing about that."


def model_named(text: str) -> gf.ChatModel:
    """Return the model that a text names: scripted, local, openai:NAME or anthropic:NAME."""
    provider, _, name = text.partition(":")
    match provider:
        case "scripted":
            return gf.ScriptedChatModel(quote, first_delay=0.8, delay=0.05)
        case "local":
            return gf.LocalChatModel(max_tokens=96)
        case "openai" if name:
            return gf.OpenAIChatModel(name)
        case "anthropic" if name:
            return gf.AnthropicChatModel(name)
        case _:
            raise SystemExit(f"MODEL={text} is none of scripted, local, openai:NAME and anthropic:NAME")


def chain_over(index: gf.SearchIndex, model: gf.ChatModel) -> gf.Streaming[str, str]:
    """Answer a question from what the index has; the annotation promises that the answer streams."""
    prompt = gf.prompt("Answer from these passages:\n{context}\n\nQuestion: {question}")
    return (
        {"context": index.as_retriever(k=3) | format_documents, "question": gf.passthrough()}
        | prompt
        | model
        | gf.text()
    )


def plain(answer: str) -> str:
    """Take the backticks of Markdown out of a text."""
    return answer.replace("`", "")


# --- the tour ----------------------------------------------------------------------------------------------


async def answer(chain: gf.Streaming[str, str], question: str) -> None:
    """Print an answer while it is made."""
    async with chain.stream(question) as chunks:
        async for chunk in chunks:
            print(chunk, end="", flush=True)
    print()


async def watch(chain: gf.Streaming[str, str], question: str) -> None:
    """Print when the documents were there and when the first token came; the rest of the answer is not wanted."""
    begun = trio.current_time()
    async with chain.events(question, include_types=["retriever", "chat_model"]) as events:
        async for event in events:
            when = f"{trio.current_time() - begun:.2f} s  {event.event:22}"
            match event:
                case gf.EndEvent(kind="retriever", output=found):
                    for document in found:
                        print(when, f"{document.metadata['path']} (score {document.score:.1f})")
                case gf.StreamEvent(chunk=gf.AIMessageChunk(text=token)) if token:
                    print(when, repr(token))
                    break  # leaves the block, so the model is stopped here


async def section(title: str) -> None:
    """Begin a part of the tour, with a moment to read the one before."""
    await trio.sleep(0.8)
    print(f"\n── {title} {'─' * (100 - len(title))}\n", flush=True)


async def main(model: str) -> None:
    """Index, compile, ask, watch; then break the chain and mend it."""
    with gf.SearchIndex.from_texts(documents(), tokenizer="porter unicode61") as index:
        print(f"{len(index)} passages of README.md and docs/ are indexed.")
        chain = chain_over(index, model_named(model))

        await section("The plan: what streams, from where, and what it waits for")
        print(gf.compile(chain))

        await section(QUESTION)
        await answer(chain, QUESTION)

        await section("What happened inside, until the first token")
        await watch(chain, QUESTION)

        await section("The same chain, broken by one plain function: chain | plain")
        broken = gf.compile(chain | plain)
        print(*broken.plan.diagnostics, sep="\n")
        print("\nA test that calls broken.plan.require_streaming() fails:")
        try:
            broken.plan.require_streaming()
        except gf.NotStreamingError as error:
            print(f"  NotStreamingError: {str(error).splitlines()[0]}")

        await section("Mended as the hint says: chain | gf.chunkwise(plain)")
        mended = chain | gf.chunkwise(plain)
        gf.compile(mended).plan.require_streaming()
        await answer(mended, QUESTION)


if __name__ == "__main__":
    try:
        trio.run(main, sys.argv[1] if len(sys.argv) > 1 else "scripted")
    except KeyboardInterrupt:
        raise SystemExit("\nStopped.") from None
    except (gf.MissingExtraError, gf.ProviderError) as error:
        raise SystemExit(f"\n{error}") from None
