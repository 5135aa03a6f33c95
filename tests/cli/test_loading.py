"""How a chain is named, and what is said where there is none of that name."""

from __future__ import annotations

import pytest

from tests.cli.commands import Shell

HAS = """\
shop has these chains:
  prompt     aggregate
  model      producer
  answer     producer
  blocked    aggregate
  both       aggregate
  failing    producer
  loud       transform
  lost       producer
  countries  producer
  tool       aggregate
  program    producer
"""


@pytest.mark.parametrize("name", ["answer", "program", "both", "tool", "with_colons", "str.upper"])
def test_a_chain_a_program_and_what_can_be_one_is_taken(shell: Shell, name: str) -> None:
    shell.write("shop.py", f"{(shell.folder / 'shop.py').read_text()}\nstr = str\n")
    ended = shell("explain", f"shop:{name}")
    assert (ended.code, ended.err) == (0, "")
    assert " · " in ended.out.splitlines()[0]


def test_a_module_in_a_package_is_found_from_the_current_directory(shell: Shell) -> None:
    shell.write("app/__init__.py", "")
    shell.write("app/chains.py", "from shop import answer as inner\n\nclass Shelf:\n    answer = inner\n")
    assert shell("explain", "app.chains:inner").code == 0
    assert shell("explain", "app.chains:Shelf.answer").code == 0


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("shop", f"graphflow: say which chain of shop, as shop:NAME\n{HAS}"),
        ("shop:anser", f"graphflow: shop has no anser; did you mean shop:answer?\n{HAS}"),
        ("shop:nothing", f"graphflow: shop has no nothing\n{HAS}"),
        ("shop:plain", f"graphflow: shop:plain is no chain, but an object of type int\n{HAS}"),
        ("shop:AsyncIterator", f"graphflow: shop:AsyncIterator is no chain, but an object of type ABCMeta\n{HAS}"),
        ("shop.py:answer", "graphflow: shop.py is a file; name it as Python imports it: shop:NAME\n"),
        ("app/chains.py:answer", "graphflow: app/chains.py is a file; name it as Python imports it: app.chains:NAME\n"),
        (
            "shob:answer",
            "graphflow: there is no module shob, neither in {here} nor where Python looks; did you mean shop?\n",
        ),
        ("shop.more:answer", "graphflow: there is no module shop.more, neither in {here} nor where Python looks\n"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(shell: Shell, target: str, said: str) -> None:
    ended = shell("explain", target)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == said.replace("{here}", str(shell.folder))


def test_a_module_without_chains_is_told(shell: Shell) -> None:
    shell.write("empty.py", "_hidden = 1\n")
    assert shell("run", "empty:x").err == "graphflow: empty has no x\nempty has no chain at its top level\n"
    assert shell("check", "empty").err == "graphflow: empty has no chain at its top level\n"


@pytest.mark.parametrize(
    ("source", "last"),
    [
        ("import nothing_of_the_kind\n", "ModuleNotFoundError: No module named 'nothing_of_the_kind'"),
        ("def work():\n    return 1 / 0\n\nwork()\n", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("def broken(:\n", "SyntaxError: invalid syntax"),
    ],
)
def test_an_import_that_fails_is_told_from_the_users_code_on(shell: Shell, source: str, last: str) -> None:
    shell.write("broken.py", source)
    ended = shell("explain", "broken:chain")
    assert ended.code == 2
    first, *lines = ended.err.splitlines()
    assert first == "graphflow: importing broken failed:"
    assert lines[-1] == last
    assert "importlib" not in ended.err
    assert "graphflow/cli" not in ended.err
    assert str(shell.folder / "broken.py") in ended.err


WRONG = """\
import graphflow as gf


@gf.aggregate
def length(text: str) -> int:
    return len(text)


@gf.aggregate
def upper(text: str) -> str:
    return text.upper()


chain = length | upper
"""


def test_a_chain_that_does_not_compile_is_told_as_its_diagnostics(shell: Shell) -> None:
    shell.write("wrong.py", WRONG)
    for command in ("explain", "run"):
        ended = shell(command, "wrong:chain", *(["x"] if command == "run" else []))
        assert ended.code == 1
        assert ended.err.startswith("error[GF201]: `upper` takes str, but `length` gives int\n  --> wrong.py:14")


def test_a_declaration_that_is_wrong_is_told_as_its_diagnostics(shell: Shell) -> None:
    shell.write("wrong.py", "import graphflow as gf\n\n\n@gf.transform\nasync def nothing(chunks):\n    return 1\n")
    ended = shell("explain", "wrong:nothing")
    assert ended.code == 1
    assert ended.err.startswith("error[GF101]: `nothing` is declared as a transform, but has no `yield`\n")
