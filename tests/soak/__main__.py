"""Run chains for ten minutes against a provider that misbehaves, and see that nothing grows.

    python -m tests.soak                  ten minutes
    python -m tests.soak --seconds 60

It ends with 1 if tasks, threads, open files or memory have grown.
"""

from __future__ import annotations

import argparse

import trio

from tests.soak.soak import Sample, grown, provider, soak


def show(sample: Sample) -> None:
    """Show every tenth sample."""
    if sample.runs % 400 == 0:
        print(
            f"{sample.runs:7,} runs: {sample.tasks} tasks, {sample.threads} threads, {sample.files} files, "
            f"{sample.memory:,} KiB",
            flush=True,
        )


def main() -> int:
    """Run as long as the command line says; return how the process ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Run chains for a long time.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with provider() as url:
        samples, ended = trio.run(soak, url, chosen.seconds, chosen.seed, show)
    print(f"{samples[-1].runs:,} runs:", ", ".join(f"{count:,} {how}" for how, count in sorted(ended.items())))
    found = grown(samples)
    print("grown:", "; ".join(found) or "nothing")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
