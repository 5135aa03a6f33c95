"""`graphflow check`: what is checked, what fails, and reports that people, GitHub and readers of SARIF understand."""

from __future__ import annotations

import json
import re
from typing import Any, Final, get_args
from urllib.parse import unquote, urlparse

import pytest

from graphflow.cli.reports import _IN_GITHUB
from graphflow_compiler.errors import Severity
from tests.cli.commands import Shell

# --- what is checked, and what fails -----------------------------------------------------------------------


def test_a_chain_that_blocks_passes_unless_it_must_stream(shell: Shell) -> None:
    ended = shell("check", "shop:blocked")
    assert (ended.code, ended.err) == (0, "")
    first, second, *_, last = ended.out.splitlines()
    assert first == "shop:blocked does not stream"
    assert second.startswith("warning[GF301]: the output does not stream: `with_colons` is a plain function")
    assert last == "1 chain checked, no error"
    ended = shell("check", "shop:blocked", "--must-stream")
    assert ended.code == 1
    assert ended.out.count("GF301") == 1
    assert "error[GF301]: the output does not stream" in ended.out
    assert "  --> shop.py:11\n  hint: write it as a transform" in ended.out
    assert ended.out.endswith("1 chain checked, 1 failed\n")


def test_a_chain_that_streams_passes(shell: Shell) -> None:
    ended = shell("check", "shop:answer", "shop:lost", "--must-stream")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "shop:answer streams\nshop:lost streams\n2 chains checked, no error\n"


def test_a_record_streams_if_one_of_its_keys_does(shell: Shell) -> None:
    ended = shell("check", "shop:both", "--must-stream")
    assert ended.code == 0
    assert "shop:both streams, all but 'words'" in ended.out


def test_an_output_that_nothing_before_it_streams_fails_too_if_it_must_stream(shell: Shell) -> None:
    shell.write("plain.py", "import graphflow as gf\n\nchain = gf.passthrough() | str.strip | str.split\n")
    assert shell("check", "plain:chain").code == 0
    ended = shell("check", "plain:chain", "--must-stream")
    assert ended.code == 1
    assert re.search(r"error\[GF30[12]\]", ended.out)


def test_of_a_module_all_chains_are_checked_that_are_part_of_no_other(shell: Shell) -> None:
    ended = shell("check", "shop")
    assert re.findall(r"^shop:(\w+) ", ended.out, flags=re.MULTILINE) == ["both", "lost", "countries"]
    shell.write("nodes.py", "import graphflow as gf\n\none = gf.chunkwise(str.upper)\ntwo = gf.aggregate(str.split)\n")
    ended = shell("check", "nodes")
    assert re.findall(r"^nodes:(\w+) ", ended.out, flags=re.MULTILINE) == ["one", "two"]


def test_nodes_in_another_order_are_another_chain(shell: Shell) -> None:
    shell.write(
        "orders.py",
        "import graphflow as gf\n\nmodel = gf.ScriptedChatModel('a') | gf.text()\nup = gf.aggregate(str.upper)\n"
        "strip = gf.chunkwise(str.strip)\nhidden = model | strip | up\nlonger = model | up | strip | str.split\n",
    )
    ended = shell("check", "orders")
    assert re.findall(r"^orders:(\w+) ", ended.out, flags=re.MULTILINE) == ["hidden", "longer"]


def test_a_chain_that_does_not_compile_fails_and_the_others_are_checked_all_the_same(shell: Shell) -> None:
    shell.write(
        "wrong.py",
        "import graphflow as gf\n\ndef length(text: str) -> int:\n    return len(text)\n\n"
        "def upper(text: str) -> str:\n    return text.upper()\n\n"
        "wrong = gf.passthrough() | length | upper\nright = gf.passthrough() | gf.chunkwise(upper)\n",
    )
    ended = shell("check", "wrong")
    assert ended.code == 1
    assert "wrong:wrong does not compile\nerror[GF201]: `upper` takes str, but `length` gives int" in ended.out
    assert "wrong:right streams" in ended.out
    assert ended.out.endswith("2 chains checked, 1 failed\n")


def test_what_a_body_finds_is_told_too(shell: Shell) -> None:
    shell.write(
        "bodies.py",
        "import graphflow as gf\n\ndef plain(chunks):\n    yield from chunks\n\nplain = gf.transform(plain)\n"
        "model = gf.ScriptedChatModel('a') | gf.text()\n"
        "chain = gf.branch((str.isupper, model | plain), model)\n",
    )
    assert "GF303" in shell("check", "bodies:chain").out


# --- GitHub ------------------------------------------------------------------------------------------------


def test_annotations_name_file_line_and_code_in_one_line_each(shell: Shell) -> None:
    ended = shell("check", "shop:blocked", "shop:answer", "--format", "github", "--must-stream")
    assert ended.code == 1
    (line,) = ended.out.splitlines()
    command = re.fullmatch(r"::error file=shop\.py,line=11,title=GF301 in shop%3Ablocked::(.*)", line)
    assert command is not None
    message = command[1].replace("%0A", "\n").replace("%25", "%")
    assert message.startswith("the output does not stream: `with_colons` is a plain function of its whole input")
    assert "\nhint: write it as a transform, which takes chunks as they come:\n    @gf.transform\n" in message


def test_annotations_of_chains_that_are_fine_say_nothing(shell: Shell) -> None:
    assert shell("check", "shop:answer", "--format", "github").out == ""


def test_every_severity_has_its_command() -> None:
    assert set(_IN_GITHUB) == set(get_args(Severity))
    assert set(_IN_GITHUB.values()) == {"error", "warning", "notice"}


# --- SARIF -------------------------------------------------------------------------------------------------

#: What the schema of SARIF 2.1.0 demands of the objects that a log of ours has: what they may have (all else is
#: refused), what they must have, and the kinds of their properties.
SARIF: Final[dict[str, tuple[dict[str, Any], set[str]]]] = {
    "log": ({"$schema": str, "version": str, "runs": ["run"]}, {"version", "runs"}),
    "run": (
        {"tool": "tool", "results": ["result"], "columnKind": str, "originalUriBaseIds": {"": "artifactLocation"}},
        {"tool"},
    ),
    "tool": ({"driver": "toolComponent"}, {"driver"}),
    "toolComponent": ({"name": str, "version": str, "rules": ["reportingDescriptor"]}, {"name"}),
    "reportingDescriptor": ({"id": str, "shortDescription": "text", "help": "text"}, {"id"}),
    "text": ({"text": str, "markdown": str}, {"text"}),
    "message": ({"text": str}, {"text"}),
    "result": (
        {
            "ruleId": str,
            "ruleIndex": int,
            "level": str,
            "message": "message",
            "locations": ["location"],
            "partialFingerprints": {"": str},
        },
        {"message"},
    ),
    "location": ({"physicalLocation": "physicalLocation", "logicalLocations": ["logicalLocation"]}, set()),
    "logicalLocation": ({"name": str, "fullyQualifiedName": str}, set()),
    "physicalLocation": ({"artifactLocation": "artifactLocation", "region": "region"}, {"artifactLocation"}),
    "artifactLocation": ({"uri": str, "uriBaseId": str}, set()),
    "region": ({"startLine": int, "message": "message"}, {"startLine"}),
}


def assert_is(value: Any, kind: Any, path: str) -> None:
    """Assert that a value is what the schema demands in its place."""
    match kind:
        case str() as name:
            known, required = SARIF[name]
            assert isinstance(value, dict), path
            assert required <= value.keys() <= known.keys(), path
            for key, inner in value.items():
                assert_is(inner, known[key], f"{path}.{key}")
        case [inner_kind]:
            assert isinstance(value, list), path
            for index, inner in enumerate(value):
                assert_is(inner, inner_kind, f"{path}[{index}]")
        case {"": inner_kind}:
            assert isinstance(value, dict), path
            for key, inner in value.items():
                assert_is(inner, inner_kind, f"{path}.{key}")
        case _:
            assert type(value) is kind, path


def log_of(shell: Shell, *arguments: str) -> dict[str, Any]:
    shell("check", *arguments, "--format", "sarif", "-o", "log.sarif")
    log: dict[str, Any] = json.loads((shell.folder / "log.sarif").read_text(encoding="utf-8"))
    assert_is(log, "log", "log")
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert result["level"] in ("none", "note", "warning", "error")
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    return log


def test_a_sarif_log_is_as_the_schema_demands(shell: Shell) -> None:
    shell.write("broken.py", "import graphflow as gf\n\ngf.chunkwise(3)\n")
    log = log_of(shell, "shop", "broken", "--must-stream")
    (run,) = log["runs"]
    found = {(result["ruleId"], result["level"]) for result in run["results"]}
    assert ("GF111", "error") in found
    (driver,) = [run["tool"]["driver"]]
    assert driver["name"] == "graphflow"
    assert all(rule["help"]["markdown"].startswith(f"# {rule['id']}\n") for rule in driver["rules"])


def test_a_sarif_result_says_where_it_is_relative_to_the_root(shell: Shell) -> None:
    shell.write(
        "with space/chains.py", "from shop import blocked, with_colons, answer\n\nchain = answer | with_colons\n"
    )
    (shell.folder / "with space").rename(shell.folder / "with_space")
    (run,) = log_of(shell, "shop:blocked", "--must-stream")["runs"]
    (result,) = run["results"]
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "shop.py", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 11},
    }
    assert location["logicalLocations"] == [{"name": "with_colons", "fullyQualifiedName": "shop:blocked/with_colons"}]
    root = run["originalUriBaseIds"]["SRCROOT"]["uri"]
    assert root.endswith("/")
    assert unquote(urlparse(root).path) == f"{shell.folder.as_posix()}/"
    assert "hint" not in result["message"]["text"]
    assert "@gf.transform" in result["message"]["text"]


def test_a_sarif_fingerprint_stays_when_lines_move(shell: Shell) -> None:
    def told() -> tuple[int, str]:
        (run,) = log_of(shell, "shop:blocked")["runs"]
        (result,) = run["results"]
        line = result["locations"][0]["physicalLocation"]["region"]["startLine"]
        return line, result["partialFingerprints"]["graphflow/v1"]

    line, fingerprint = told()
    shell.write("shop.py", f"# one line more\n{(shell.folder / 'shop.py').read_text(encoding='utf-8')}")
    assert told() == (line + 1, fingerprint)


@pytest.mark.parametrize("format", ["text", "sarif"])
def test_a_report_that_is_written_still_decides_the_exit_code(shell: Shell, format: str) -> None:
    ended = shell("check", "shop:blocked", "--must-stream", "--format", format, "-o", "report")
    assert (ended.code, ended.out, ended.err) == (1, "", "")
    assert "GF301" in (shell.folder / "report").read_text(encoding="utf-8")
