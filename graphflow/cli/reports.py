"""Reports of what was checked: text for people, annotations for GitHub, SARIF for everything that reads that."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any, Final, Literal
from urllib.parse import quote

from graphflow.cli.check import Checked
from graphflow.cli.codes import page
from graphflow.cli.outcome import findings
from graphflow_compiler.errors import CODES, Diagnostic, Severity
from graphflow_compiler.ir import SourceLocation

ReportFormat = Literal["text", "github", "sarif"]

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#: What severities are called.
_IN_GITHUB: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "note": "notice"}


def report(checked: Sequence[Checked], format: ReportFormat) -> str:
    """Return a report; "" where the format has nothing to say."""
    writers: dict[ReportFormat, Callable[[Sequence[Checked]], str]] = {
        "text": _as_text,
        "github": _as_annotations,
        "sarif": _as_sarif,
    }
    return writers[format](checked)


def _each(checked: Iterable[Checked]) -> Iterator[tuple[Checked, Diagnostic]]:
    return ((each, diagnostic) for each in checked for diagnostic in each.diagnostics)


def _place(location: SourceLocation) -> str:
    """Return a file as its users name it: from the current directory on where it is below, with slashes."""
    path = PurePath(location.file)
    here = PurePath(os.getcwd())
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


# --- text --------------------------------------------------------------------------------------------------


def _as_text(checked: Sequence[Checked]) -> str:
    parts = []
    for each in checked:
        parts.append(f"{each.name} {each.verdict}")
        if each.diagnostics:
            parts.append(findings(each.diagnostics))
    failed = sum(each.fails for each in checked)
    count = f"{len(checked):,} chain{'' if len(checked) == 1 else 's'} checked"
    return "\n".join([*parts, f"{count}, {failed:,} failed" if failed else f"{count}, no error"])


# --- GitHub ------------------------------------------------------------------------------------------------


def _as_annotations(checked: Sequence[Checked]) -> str:
    """Write workflow commands, which GitHub shows at the lines of a pull request."""
    return "\n".join(_annotation(each, diagnostic) for each, diagnostic in _each(checked))


def _annotation(checked: Checked, diagnostic: Diagnostic) -> str:
    properties = {"title": f"{diagnostic.code} in {checked.name}"}
    if diagnostic.location is not None:
        properties = {"file": _place(diagnostic.location), "line": str(diagnostic.location.line), **properties}
    said = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
    message = diagnostic.message + (f"\nhint: {diagnostic.hint}" if diagnostic.hint else "")
    return f"::{_IN_GITHUB[diagnostic.severity]} {said}::{_escaped(message)}"


def _escaped(text: str, also: str = "") -> str:
    """Escape what would end a workflow command, or a property of one.

    >>> _escaped("100%: a, b", ":,")
    '100%25%3A a%2C b'
    """
    return "".join(f"%{ord(char):02X}" if char in "%\r\n" + also else char for char in text)


# --- SARIF -------------------------------------------------------------------------------------------------


def _as_sarif(checked: Sequence[Checked]) -> str:
    """Write a log in the format SARIF 2.1.0."""
    used = sorted({diagnostic.code for _, diagnostic in _each(checked)})
    driver = {
        "name": "graphflow",
        "version": version("graphflow-compiler"),
        "rules": [_rule(code) for code in used],
    }
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"SRCROOT": {"uri": f"{Path.cwd().as_uri()}/"}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, diagnostic, used) for each, diagnostic in _each(checked)],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> dict[str, Any]:
    text = page(code)
    return {
        "id": code,
        "shortDescription": {"text": f"{CODES[code][0].upper()}{CODES[code][1:]}."},
        "help": {"text": text, "markdown": text},
    }


def _result(checked: Checked, diagnostic: Diagnostic, rules: list[str]) -> dict[str, Any]:
    message = diagnostic.message + (f"\n\n{diagnostic.hint}" if diagnostic.hint else "")
    where = diagnostic.node if diagnostic.node is not None else checked.name
    location: dict[str, Any] = {"logicalLocations": [{"name": where, "fullyQualifiedName": f"{checked.name}/{where}"}]}
    if diagnostic.location is not None:
        location["physicalLocation"] = _physical(diagnostic.location, diagnostic.snippet)
    # Lines move, so that what is told of the same node of the same chain counts as the same finding.
    identity = "\n".join((checked.name, diagnostic.code, where, diagnostic.message))
    return {
        "ruleId": diagnostic.code,
        "ruleIndex": rules.index(diagnostic.code),
        "level": diagnostic.severity,
        "message": {"text": message},
        "locations": [location],
        "partialFingerprints": {"graphflow/v1": hashlib.sha256(identity.encode()).hexdigest()},
    }


def _physical(location: SourceLocation, snippet: str | None) -> dict[str, Any]:
    path = PurePath(_place(location))
    artifact = {"uri": path.as_uri()} if path.is_absolute() else {"uri": quote(path.as_posix()), "uriBaseId": "SRCROOT"}
    region: dict[str, Any] = {"startLine": location.line}
    if snippet is not None:
        region["message"] = {"text": snippet}
    return {"artifactLocation": artifact, "region": region}
