"""How long streaming JSON takes: graphflow, one parse by jiter, jiter on every prefix, langchain-core.

    pip install --group bench
    python -m benchmarks.json_stream            # all of it: some ten minutes
    python -m benchmarks.json_stream --page     # and the page of the documentation shows what came out
    python -m benchmarks.json_stream --quick    # 2 KB and 20 KB, chunks of 4 characters: half a minute

Times are CPU time (other work on the machine disturbs it little) and medians over rounds; in each round, all that is
compared runs once, one after the other. Documents are made from a fixed seed.

Those that parse the whole text again for every chunk take minutes to days on the larger documents. So their time is the
number of chunks times the mean time of a parse, over prefixes of evenly spread lengths, as many as the cap allows.
langchain-core is also run for real, where that takes no hours, to show that this is right. Up to its 1.7.5 a single
parse of a text in a fence takes quadratic time, all parses together cubic time.
"""

import argparse
import gc
import json
import math
import random
import statistics
import string
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

import attrs

from benchmarks import machine, page
from graphflow.jsonstream import JsonItems, JsonStream

try:
    import jiter
    from langchain_core.output_parsers import JsonOutputParser
    from langchain_core.outputs import Generation
except ImportError as missing:
    sys.exit(f"{missing}. Install what is compared: pip install --group bench")

SIZES: Final = {"2 KB": 2_000, "20 KB": 20_000, "200 KB": 200_000, "2 MB": 2_000_000}
CHUNKS: Final = (1, 4, 64, 1024)
FORMS: Final = ("bare", "fence")
SAMPLES: Final = 16
FENCES_MENDED: Final = (1, 7, 6)
"""Which langchain-core is the first whose parse of a text in a fence takes linear time."""


# --- documents ----------------------------------------------------------------------------------------------------


def words(rng: random.Random, count: int) -> str:
    return " ".join("".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9))) for _ in range(count))


def records(rng: random.Random, size: int) -> Any:
    items: list[Any] = []
    while size > 0:
        item = {
            "id": len(items),
            "name": words(rng, 2),
            "population": rng.randint(10**4, 10**9),
            "area": round(rng.uniform(1, 10**5), 2),
            "member": rng.random() < 0.5,
            "tags": [words(rng, 1), words(rng, 1)],
        }
        items.append(item)
        size -= len(json.dumps(item)) + 2
    return {"source": "a benchmark", "items": items}


def nested(rng: random.Random, size: int) -> Any:
    """A tree with at most eight children everywhere."""
    level: list[Any] = []
    while size > 0:
        leaf = rng.choice([words(rng, 3), rng.randint(0, 10**6), rng.random() < 0.5, None, round(rng.random(), 4)])
        level.append(leaf)
        size -= len(json.dumps(leaf)) + 4
    while len(level) > 1:
        groups, start = [], 0
        while start < len(level):
            group = level[start : start + rng.randint(2, 8)]
            start += len(group)
            groups.append(group if rng.random() < 0.4 else {f"{words(rng, 1)}{n}": v for n, v in enumerate(group)})
        level = groups
    return level[0]


def flat(rng: random.Random, size: int) -> Any:
    return [rng.randint(10**6, 10**7 - 1) for _ in range(size // 9)]


def wide(rng: random.Random, size: int) -> Any:
    return {f"k{n}": rng.randint(0, 9) for n in range(size // 13)}


def bigstr(rng: random.Random, size: int) -> Any:
    return {"text": "\n".join(words(rng, 12) for _ in range(size // 82 + 1))[:size]}


SHAPES: Final = {"records": records, "nested": nested, "flat": flat, "wide": wide, "one string": bigstr}


def cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


# --- what is measured ---------------------------------------------------------------------------------------------


def cpu(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def ours(chunks: list[str]) -> Any:
    stream = JsonStream()
    feed = stream.feed
    for chunk in chunks:
        feed(chunk)
    return stream.finish()


def repeated(work: Callable[[], object]) -> float:
    """The CPU time of work that may take microseconds."""
    times, total = 1, cpu(work)
    while total < 0.02:
        times *= 4
        total = cpu(lambda times=times: [work() for _ in range(times)])  # type: ignore[misc]
    return total / times


def spread() -> Iterator[float]:
    """Numbers between 0 and 1, evenly spread however many are taken (van der Corput)."""
    for number in range(1, SAMPLES + 1):
        yield sum((number >> bit & 1) / 2 ** (bit + 1) for bit in range(number.bit_length()))


def mean_parse(parse: Callable[[str], object], text: str, cap: float) -> float:
    """The mean time of a parse of a prefix, over prefixes of all lengths."""
    times: list[float] = []
    for part in spread():
        prefix = text[: max(1, round(len(text) * part))]
        times.append(cpu(lambda: parse(prefix)))  # noqa: B023  # it is called at once
        if sum(times) > cap:
            break
    return statistics.fmean(times)


def langchain_parse(prefix: str) -> object:
    return JsonOutputParser().parse_result([Generation(text=prefix)], partial=True)


def jiter_parse(prefix: str) -> object:
    return jiter.from_json(prefix.encode(), partial_mode="trailing-strings")


def slope(small: float, large: float, chars_small: int, chars_large: int) -> float:
    return math.log(large / small) / math.log(chars_large / chars_small)


# --- the run ------------------------------------------------------------------------------------------------------


@attrs.define
class Case:
    form: str
    shape: str
    size: str
    text: str
    document: Any
    once: list[float] = attrs.field(factory=list)  # one jiter parse of the document alone
    reparse: float = 0.0  # the mean jiter parse of a prefix
    langchain: float = 0.0  # the mean of langchain-core's; 0 if that takes too long
    times: dict[int, list[float]] = attrs.field(factory=dict)

    def median(self, chunk: int) -> float:
        return statistics.median(self.times[chunk])

    def count(self, chunk: int) -> int:
        return -(-len(self.text) // chunk)

    def times_langchain(self, chunk: int) -> float:
        """How many times as long langchain-core takes."""
        return self.langchain * self.count(chunk) / self.median(chunk)


def measure(shape: str, sizes: list[str], chunks: tuple[int, ...], rounds: int, cap: float) -> list[Case]:
    cases = []
    for size in sizes:
        document = SHAPES[shape](random.Random(7), SIZES[size])
        bare = json.dumps(document)
        cases += [
            Case(form, shape, size, text, document)
            for form, text in zip(FORMS, (bare, f"```json\n{bare}\n```"), strict=True)
        ]
    for _ in range(rounds):
        for case in cases:
            bare_bytes = case.text.removeprefix("```json\n").removesuffix("\n```").encode()
            case.once.append(repeated(lambda: jiter.from_json(bare_bytes)))  # noqa: B023
            for chunk in chunks:
                pieces = cut(case.text, chunk)
                case.times.setdefault(chunk, []).append(cpu(lambda: ours(pieces)))  # noqa: B023
    for case in cases:
        if case.form == "bare":
            case.reparse = mean_parse(jiter_parse, case.text, cap)
        else:
            case.reparse = cases[cases.index(case) - 1].reparse  # jiter does not read fences
        # In a fence, one parse of langchain-core takes quadratic time: minutes at 200 KB.
        if case.form == "bare" or len(case.text) < 50_000:
            case.langchain = mean_parse(langchain_parse, case.text, cap)
    return cases


def check(shape: str) -> None:
    """What is measured is right."""
    document = SHAPES[shape](random.Random(7), SIZES["2 KB"])
    stream = JsonStream()
    values = [stream.feed(chunk) for chunk in cut(json.dumps(document), 4)]
    assert [value for value in values if isinstance(value, dict | list)][-1] == document


def table(cases: list[Case]) -> None:
    print(
        f"\n{'':5} {'document':10} {'size':>6} {'chunk':>5} {'time':>9} {'ns/char':>8} {'us/chunk':>8} "
        f"{'x jiter once':>12} {'jiter again':>11} {'langchain':>11}"
    )
    for case in sorted(cases, key=lambda case: FORMS.index(case.form)):
        for chunk in case.times:
            took, count = case.median(chunk), case.count(chunk)
            again, langchain = case.reparse * count / took, case.langchain * count / took
            print(
                f"{case.form:5} {case.shape:10} {case.size:>6} {chunk:5} {took * 1e3:7.1f}ms "
                f"{took / len(case.text) * 1e9:8.0f} {took / count * 1e6:8.2f} "
                f"{took / statistics.median(case.once):12.0f} "
                f"{f'~{again:,.1f}x':>11} {f'~{langchain:,.0f}x' if langchain else '-':>11}"
            )


def slopes(cases: list[Case], sizes: list[str]) -> dict[tuple[str, str, int], float]:
    first, last = ("20 KB" if "2 MB" in sizes else sizes[0]), sizes[-1]
    by_key = {(case.form, case.shape, case.size): case for case in cases}
    found = {}
    for (form, shape, size), case in by_key.items():
        if size == first:
            large = by_key[form, shape, last]
            for chunk in case.times:
                args = case.median(chunk), large.median(chunk), len(case.text), len(large.text)
                found[form, shape, chunk] = slope(*args)
    print(f"\nlog-log slope from {first} to {last} (1 is linear), by size of chunk")
    chunks = list(cases[0].times)
    print(f"{'':5} {'':10} " + " ".join(f"{chunk:>6}" for chunk in chunks))
    for form, shape in dict.fromkeys((form, shape) for form, shape, _ in found):
        print(f"{form:5} {shape:10} " + " ".join(f"{found[form, shape, chunk]:6.2f}" for chunk in chunks))
    return found


def preambles(rounds: int) -> float:
    """Prose in front of the value."""
    body = json.dumps(records(random.Random(7), 2_000))
    texts = {size: words(random.Random(7), size // 6)[:size] + f"\n```json\n{body}\n```" for size in (10_000, 100_000)}
    times: dict[int, list[float]] = {size: [] for size in texts}
    for _ in range(rounds):
        for size, text in texts.items():
            pieces = cut(text, 4)
            times[size].append(cpu(lambda: ours(pieces)))  # noqa: B023
    medians = {size: statistics.median(found) for size, found in times.items()}
    (small, large), (chars_small, chars_large) = medians.values(), map(len, texts.values())
    found = slope(small, large, chars_small, chars_large)
    print("\na preamble of prose, chunks of 4")
    for size, took in medians.items():
        print(f"  {size // 1000:4} KB {took * 1e3:7.2f} ms {took / len(texts[size]) * 1e9:6.0f} ns/char")
    print(f"  slope {found:.2f}")
    return found


def elements(rounds: int) -> None:
    """Elements as they close, from the records."""
    print('\nJsonItems("items[*]") on records, chunks of 4')
    for size in ("20 KB", "200 KB"):
        pieces = cut(json.dumps(records(random.Random(7), SIZES[size])), 4)

        def work(pieces: list[str] = pieces) -> None:
            stream: JsonItems[Any] = JsonItems("items[*]")
            for piece in pieces:
                stream.feed(piece)

        took = statistics.median(cpu(work) for _ in range(rounds))
        print(f"  {size:>6} {took * 1e3:7.2f} ms {took / sum(map(len, pieces)) * 1e9:6.0f} ns/char")


def langchain_for_real(case: Case, cap: float) -> str:
    """Run langchain-core's parser on all chunks of 4, unless that exceeds the cap."""
    expected = case.langchain * case.count(4)
    if expected > cap:
        return f"not run: some {expected:.0f} s expected, the cap is {cap:.0f} s"
    took = cpu(lambda: list(JsonOutputParser().transform(iter(cut(case.text, 4)))))
    ratio = took / case.median(4)
    return f"{took:.2f} s, expected {expected:.2f} s; graphflow is {ratio:,.0f} times as fast"


def main() -> int:
    options = argparse.ArgumentParser(description="How long streaming JSON takes.")
    options.add_argument("--quick", action="store_true", help="2 KB and 20 KB, chunks of 4 characters, three rounds")
    options.add_argument("--rounds", type=int, default=0, help="how often everything is measured (quick: 3, else 5)")
    options.add_argument(
        "--cap", type=float, default=4, help="seconds for the prefixes of a document, with each parser"
    )
    options.add_argument("--real", type=float, default=60, help="seconds that a real run of langchain-core may take")
    options.add_argument("--page", action="store_true", help=f"also write the table into {page.PAGE.name} of the docs")
    given = options.parse_args()
    if given.page and given.quick:
        options.error("--page takes a whole run: leave --quick out")
    sizes = ["2 KB", "20 KB"] if given.quick else list(SIZES)
    chunks = (4,) if given.quick else CHUNKS
    rounds = given.rounds or (3 if given.quick else 5)

    compared = ", ".join(f"{name} {version(name)}" for name in ("jiter", "langchain-core"))
    print(f"Python {sys.version.split()[0]}, {compared}; CPU time, medians of {rounds} rounds")
    print("'jiter again' and 'langchain' parse every prefix: graphflow is so many times faster (~: from a sample)")
    cases = []
    for shape in SHAPES:
        check(shape)
        cases += measure(shape, sizes, chunks, rounds, given.cap)
        print(f"  measured {shape}", file=sys.stderr)
    table(cases)
    found = slopes(cases, sizes)
    prose = preambles(rounds)
    elements(rounds)

    by_key = {(case.form, case.shape, case.size): case for case in cases}
    print("\nlangchain-core for real, records, chunks of 4")
    for form in FORMS:
        for size in ("2 KB", "20 KB"):
            print(f"  {form:5} {size:>5}  {langchain_for_real(by_key[form, 'records', size], given.real)}")

    targets = list(to_reach(by_key, found, sizes, prose))
    print("\nto reach")
    for target in targets:
        print(f"  {target}")
    if given.page:
        page.write(page.JSON, markdown(cases, found, targets, rounds))
    return 0 if all(target.reached for target in targets) else 1


# --- what is to be reached ----------------------------------------------------------------------------------------


@attrs.frozen
class Target:
    """A figure and its limit, below which it must stay, or above."""

    what: str
    value: float
    limit: float
    at_most: bool = True

    @property
    def reached(self) -> bool:
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        return f"{'yes' if self.reached else 'NO ':3} {self.what}: {self.value:,.2f} ({sign} {self.limit:,})"


def to_reach(
    cases: Mapping[tuple[str, str, str], Case],
    steep: Mapping[tuple[str, str, int], float],
    sizes: list[str],
    prose: float,
) -> Iterator[Target]:
    """Yield what the project has set itself."""
    if "2 MB" in sizes:
        for shape in SHAPES:
            most, form, chunk = max(
                (value, form, chunk) for (form, other, chunk), value in steep.items() if other == shape
            )
            yield Target(f"slope of {shape}, the steepest ({form}, chunks of {chunk})", most, 1.15)
    for size in sizes[1:]:
        case = cases["bare", "records", size]
        yield Target(f"us for a chunk of 4, records of {size}", case.median(4) / case.count(4) * 1e6, 3)
        for shape in ("records", "nested"):
            case = cases["bare", shape, size]
            yield Target(f"x one jiter parse, {shape} of {size}", case.median(4) / statistics.median(case.once), 170)
    installed = tuple(map(int, version("langchain-core").split(".")[:3]))
    for form, times in (("bare", 400), ("fence", 2_000 if installed < FENCES_MENDED else 400)):
        for shape in SHAPES:
            ratio = cases[form, shape, "20 KB"].times_langchain(4)
            yield Target(f"x as fast as langchain-core, {shape} of 20 KB, {form}", ratio, times, at_most=False)
    yield Target("slope of a preamble of prose, 10 to 100 KB", prose, 1.15)


def markdown(cases: list[Case], steep: Mapping[tuple[str, str, int], float], targets: list[Target], rounds: int) -> str:
    """Return the table of chunks of 4 characters for the page, with the slopes of all sizes of chunks below it."""
    found = machine.described()
    lines = [
        f"Medians of {rounds} rounds, {found['date']}: {found['python']}; {found['machine']}; "
        f"jiter {version('jiter')}; langchain-core {version('langchain-core')}. Chunks of 4 characters.",
        "",
        "| document | size | µs a chunk | × one parse by jiter | jiter on every prefix | langchain-core | in a fence |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    by_key = {(case.form, case.shape, case.size): case for case in cases}
    for case in cases:
        if case.form == "bare":
            took = case.median(4)
            fenced = by_key["fence", case.shape, case.size]
            in_fence = f"× {fenced.times_langchain(4):,.0f}" if fenced.langchain else "-"
            lines.append(
                f"| {case.shape} | {case.size} | {took / case.count(4) * 1e6:.2f} "
                f"| {took / statistics.median(case.once):,.0f} | × {case.reparse * case.count(4) / took:,.1f} "
                f"| × {case.times_langchain(4):,.0f} | {in_fence} |"
            )
    most = max(steep.values())
    missed = [target for target in targets if not target.reached]
    lines += [
        "",
        f"From 20 KB to 2 MB the time grows with the power {most:.2f} of the length at most (1 is linear): every "
        f"document, bare and in a fence, in chunks of {', '.join(map(str, CHUNKS))} characters. Of the {len(targets)} "
        + (
            f"targets these are missed: {'; '.join(str(target)[4:] for target in missed)}."
            if missed
            else "targets all are reached."
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
