"""What the site of docs/ has beside its pages: docstrings, and fences as its highlighter knows them. See mkdocs.yml."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_LOG: Final = logging.getLogger("mkdocs.hooks.site")
ROOT: Final = Path(__file__).parents[1]
NAMES: Final = "reference/api.md"

# The tests read more from the first line of a fence than how to colour it.
_FENCE: Final = re.compile(r"^(`{3,})(python|console|output)\b.*$", flags=re.MULTILINE)
_LANGUAGES: Final = {"output": "text"}
# What a browser loads by itself; a link that a reader may follow is none of it.
_LOADED: Final = re.compile(
    r"""<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|(?:@import|url\()\s*["']?((?:https?:)?//[^"')\s]+)"""
)
_MODULES: Final = {"Record and test": ("graphflow.testing",), "Look at LCEL chains": ("graphflow.lcel",)}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page of docstrings for every table of the page of public names."""
    for heading, names in _tables((ROOT / "docs" / NAMES).read_text(encoding="utf-8")):
        listed = [*(f"graphflow.{name}" for name in names), *_MODULES.get(heading, ())]
        text = "\n\n".join([f"# {heading}", *(f"::: {name}" for name in listed)])
        path = f"reference/docstrings/{heading.lower().replace(' ', '-')}.md"
        files.append(File.generated(config, path, content=f"{text}\n"))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Reduce fences to their languages, and let public names lead to their docstrings."""
    markdown = _FENCE.sub(lambda fence: fence[1] + _LANGUAGES.get(fence[2], fence[2]), markdown)
    return re.sub(r"`gf\.(\w+)`", r"[`gf.\1`][graphflow.\1]", markdown) if page.file.src_uri == NAMES else markdown


def on_post_build(config: MkDocsConfig) -> None:
    """Warn of everything that the site would load from another host: warnings end the build."""
    site = Path(config.site_dir)
    for path in sorted(path for path in site.rglob("*") if path.suffix in (".html", ".css")):
        for found in _LOADED.finditer(path.read_text(encoding="utf-8")):
            _LOG.warning("%s loads %s", path.relative_to(site), found[1] or found[2])


def _tables(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the heading of every table with the names in it that have docstrings, each where it stands first."""
    seen: set[str] = set()
    for section in text.split("\n## ")[1:]:
        heading, _, table = section.partition("\n")
        cells = (row.split(" | ")[0] for row in table.splitlines() if row.startswith("| "))
        names = [name for cell in cells for name in re.findall(r"`gf\.(\w+)`", cell)]
        yield heading, [name for name in names if name not in seen]
        seen.update(names)
