"""The examples of README.md and docs/: found, run, compared with what the page shows, written out for mypy.

What a fenced block is, its info string says:

- ``python``: runs. The blocks of a page share one namespace and run in order. What a block prints stands in the next
  block of the page, an ``output``.
- ``python raises``: runs and must raise; the message counts as printed.
- ``python no-run: a reason``: does not run.
- ``output``: what the ``python`` block before it printed.
- ``console run``: every line that begins with ``$ `` is a command, and what it prints stands below it. It is given in a
  folder in which the files of the page stand, as far as the blocks before have written them.
- anything else, such as ``console``, is left alone.

A block whose first line is a comment such as ``# app/chains.py`` begins that file, and the blocks after it go on with
it: that is where messages say that something is. A page that names no file is one itself, by its own name.

``python tests/docs/pages.py FOLDER`` writes one module for every page into FOLDER, with the code on the lines where it
stands in the page: what mypy says of them is said of the page.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import attrs

import graphflow as gf

ROOT: Final = Path(__file__).parents[2]

Kind = Literal["run", "raises", "no-run", "output", "commands", "other"]

_FENCE: Final = re.compile(r"(`{3,})(.*)")
_FILE: Final = re.compile(r"# (\S+\.py)")


class PageError(Exception):
    """A page does not keep to the convention."""


@attrs.frozen
class Block:
    """A fenced block of a page.

    Attributes:
        kind: what is done with it.
        code: the text between the fences.
        start: the number of the line of the opening fence, from 1.
        end: that of the closing fence.
    """

    kind: Kind
    code: str
    start: int
    end: int

    @property
    def file(self) -> str | None:
        """The file that the block begins."""
        named = _FILE.fullmatch(self.code.partition("\n")[0])
        return None if named is None else named[1]


@attrs.frozen
class Page:
    """A page with its blocks."""

    path: Path
    text: str
    blocks: tuple[Block, ...]

    @classmethod
    def read(cls, path: Path) -> Page:
        """Read a page.

        Raises:
            PageError: a fence is not closed, is indented, or has an info string that is not known.
        """
        text = path.read_text(encoding="utf-8")
        return cls(path, text, tuple(_blocks(path, text)))

    @property
    def name(self) -> str:
        """The path from the root of the project."""
        return (self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path).as_posix()

    def examples(self) -> Iterator[tuple[Block, Block | None]]:
        """Yield every block that runs, with the output that the page shows for it; commands hold their own."""
        for before, block, after in zip((None, *self.blocks), self.blocks, (*self.blocks[1:], None), strict=False):
            if block.kind in ("run", "raises"):
                yield block, after if after is not None and after.kind == "output" else None
            elif block.kind == "commands":
                yield block, block
            elif block.kind == "output" and (before is None or before.kind not in ("run", "raises")):
                raise PageError(f"{self.name}:{block.start}: the output has no example before it")

    def run(self) -> Iterator[tuple[Block, Block | None, str]]:
        """Run the examples; yields each with the output that the page shows and what it printed.

        Raises:
            PageError: a block that must raise does not.
        """
        stem = re.sub(r"\W", "_", self.path.stem.lower())
        module = types.ModuleType(stem)
        module.__dict__["__file__"] = f"{stem}.py"
        sys.modules[stem] = module  # annotations that are strings are looked up there
        file, written = f"{stem}.py", ""
        has_commands = any(block.kind == "commands" for block in self.blocks)
        try:
            for block, shown in self.examples():
                if block.kind == "commands":
                    yield block, shown, "".join(map(_session, _commands(block)))
                    continue
                if block.file is not None:
                    file, written = block.file, ""
                source = "\n" * written.count("\n") + block.code
                written += f"{block.code}\n\n"  # an empty line stands between two blocks of a file
                if has_commands:
                    Path(file).parent.mkdir(parents=True, exist_ok=True)
                    Path(file).write_text(written, encoding="utf-8")
                linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
                code = compile(source, file, "exec", dont_inherit=True)
                yield block, shown, self._printed(block, code, module.__dict__)
        finally:
            del sys.modules[stem]

    def _printed(self, block: Block, code: types.CodeType, namespace: dict[str, object]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if block.kind == "run":
                exec(code, namespace)
            else:
                print(self._message(block, code, namespace))
        return "".join(f"{line.rstrip()}\n" for line in printed.getvalue().rstrip().splitlines())

    def _message(self, block: Block, code: types.CodeType, namespace: dict[str, object]) -> str:
        try:
            exec(code, namespace)
        except gf.CompileError as error:
            return str(error)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        raise PageError(f"{self.name}:{block.start}: the example raises nothing")

    def with_outputs(self, printed: dict[Block, str]) -> str:
        """Return the text of the page with what its examples have printed."""
        lines = self.text.splitlines()
        for block, shown in reversed(list(self.examples())):
            if block.kind == "commands":
                lines[block.start : block.end - 1] = printed[block].splitlines()
                continue
            fence = "```"
            while any(line.startswith(fence) for line in printed[block].splitlines()):
                fence += "`"
            new = [f"{fence}output", *printed[block].splitlines(), fence] if printed[block] else []
            if shown is not None:
                lines[shown.start - 1 : shown.end] = new
            elif new:
                lines[block.end : block.end] = ["", *new]
        return "\n".join(lines) + "\n"

    def module(self) -> str:
        """Return the examples as one module, on the lines where they stand in the page; "" where there are none."""
        lines: list[str] = []
        for block, _ in self.examples():
            if block.kind == "commands":
                continue
            lines += [""] * (block.start - len(lines)) + block.code.splitlines()
        return "\n".join(lines) + "\n" if lines else ""


def _commands(block: Block) -> list[str]:
    return [line.removeprefix("$ ") for line in block.code.splitlines() if line.startswith("$ ")]


def _session(command: str) -> str:
    """Give a command to a shell, and return it with what it printed, as it stands on a terminal."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    paths = os.pathsep.join(path for path in sys.path if path)
    surroundings = os.environ | {"PATH": programs, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
    ran = subprocess.run(
        ["bash", "-c", command],
        env=surroundings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=120,
    )
    printed = ran.stdout.decode("utf-8", "backslashreplace")
    return "".join(f"{line.rstrip()}\n" for line in (f"$ {command}", *printed.rstrip().splitlines()))


def _blocks(path: Path, text: str) -> Iterator[Block]:
    opened: tuple[int, str, str] | None = None
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        fence = _FENCE.fullmatch(line)
        if opened is None and fence is not None:
            opened = number, fence[1], fence[2]
        elif opened is None and _FENCE.fullmatch(line.strip()):
            raise PageError(f"{path}:{number}: a fence stands at the margin, else its example would not run")
        elif opened is not None and line == opened[1]:
            start, _, info = opened
            yield Block(_kind(path, start, info), "\n".join(lines[start : number - 1]), start, number)
            opened = None
    if opened is not None:
        raise PageError(f"{path}:{opened[0]}: the fence is not closed")


def _kind(path: Path, line: int, info: str) -> Kind:
    kinds: dict[str, Kind] = {
        "python": "run",
        "python raises": "raises",
        "output": "output",
        "console run": "commands",
    }
    if info in kinds:
        return kinds[info]
    if re.fullmatch(r"python no-run: .+", info):
        return "no-run"
    if info.startswith(("python", "output", "console ")):
        raise PageError(f"{path}:{line}: {info!r} is none of {', '.join(kinds)} and `python no-run: a reason`")
    return "other"


def pages() -> list[Page]:
    """Return README.md and the pages of docs/."""
    return [Page.read(path) for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))]


def main(folder: Path) -> None:
    """Write the module of every page with examples into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages():
        module = page.module()
        if module:
            (folder / re.sub(r"\W", "_", page.name).removesuffix("_md")).with_suffix(".py").write_text(
                module, encoding="utf-8"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
