"""Tools as chains, and as what a model is told of; what signatures say, `test_signature.py` has."""

from __future__ import annotations

import functools
import threading
from typing import Annotated, Any, Literal

import attrs
import pytest
import trio

import graphflow as gf
from tests.events.hearing import hear_all, listen
from tests.laws.simulation import simulate


@gf.tool
def forecast(town: str, days: int = 3, unit: Literal["C", "F"] = "C") -> str:
    """Give the weather forecast.

    It is never right.

    Args:
        town: name of the town.
    """
    return f"{town}: {days} days of rain, 12 {unit}"


@gf.tool
async def sail(to: str) -> dict[str, str]:
    """Sail somewhere."""
    await trio.sleep(1)
    return {"at": to}


def result(tool: gf.Chain[Any, Any], given: object) -> Any:
    return simulate(lambda: tool.invoke(given))


# --- what a model is told -----------------------------------------------------------------------------------


def test_name_description_and_schema_are_those_of_the_function() -> None:
    assert forecast.name == "forecast"
    assert forecast.description == "Give the weather forecast."
    assert forecast.schema == {
        "type": "object",
        "properties": {
            "town": {"type": "string", "description": "name of the town."},
            "days": {"type": "integer", "default": 3},
            "unit": {"enum": ["C", "F"], "default": "C"},
        },
        "required": ["town"],
        "additionalProperties": False,
    }


def test_name_and_description_may_be_given() -> None:
    @gf.tool(name="weather", description="Say how it will be.")
    def function(town: Annotated[str, "where"]) -> str:
        """Give the weather forecast."""
        return town

    assert (function.name, function.description) == ("weather", "Say how it will be.")
    assert function.schema["properties"]["town"]["description"] == "where"


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda *towns: None, "arguments come by name"),
        (lambda **towns: None, "arguments come by name"),
    ],
)
def test_what_a_model_cannot_give_is_refused_where_the_tool_is_made(function: Any, says: str) -> None:
    with pytest.raises(gf.CompileError, match=says) as raised:
        gf.tool(function)
    assert "GF113" in str(raised.value)
    assert "test_tools.py" in str(raised.value)


def test_a_parameter_without_a_json_schema_is_refused_where_the_tool_is_made() -> None:
    def look(towns: set[bytes]) -> None: ...

    with pytest.raises(gf.CompileError, match=r"parameter `towns` of `look`: .* has no JSON schema"):
        gf.tool(look)


# --- running ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"town": "Orlo"}, "Orlo: 3 days of rain, 12 C"),
        ({"town": "Orlo", "days": 2.0, "unit": "F"}, "Orlo: 2 days of rain, 12 F"),
    ],
)
def test_a_tool_takes_its_arguments_as_a_record(given: dict[str, object], says: str) -> None:
    assert result(forecast, given) == says


def test_a_tool_of_one_parameter_takes_the_bare_argument_too() -> None:
    assert result(sail, "Sund") == result(sail, {"to": "Sund"}) == {"at": "Sund"}


def test_a_tool_without_parameters_takes_anything() -> None:
    @gf.tool
    def now() -> str:
        """Tell the time."""
        return "7:40"

    anything: list[object] = [{}, None, "hello"]
    assert [result(now, given) for given in anything] == ["7:40"] * 3
    with pytest.raises(gf.InvalidArgumentsError, match=r"town: expected no such name \(known: none\)"):
        result(now, {"town": "Orlo"})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "town: expected str, got nothing"),
        ({"town": 3, "days": "two"}, "town: expected str, got int 3\n  days: expected int, got str 'two'"),
        ({"town": "Orlo", "unit": "K"}, "unit: expected one of 'C', 'F', got str 'K'"),
        ({"town": "Orlo", "line": 7}, r"line: expected no such name \(known: town, days, unit\), got int 7"),
        ("Orlo", "arguments: expected an object, got str 'Orlo'"),
    ],
)
def test_arguments_are_checked_before_the_function_runs(given: object, says: str) -> None:
    heard = simulate(lambda: listen(forecast, given))
    assert isinstance(heard.error, gf.InvalidArgumentsError)
    with pytest.raises(gf.InvalidArgumentsError, match=f"`forecast` cannot take these arguments:\n  {says}"):
        raise heard.error
    assert "in node `forecast`" in "".join(heard.error.__notes__)
    assert heard.end("forecast").error is heard.error


def test_a_blocking_tool_runs_in_a_thread_where_that_is_said() -> None:
    @gf.tool(thread=True)
    def where(town: str) -> bool:
        """Tell whether this is the main thread."""
        return threading.current_thread() is threading.main_thread()

    assert result(where, "Orlo") is False
    assert result(gf.tool(lambda: threading.current_thread() is threading.main_thread()), {}) is True


def test_a_tool_is_a_node_like_any_other() -> None:
    @gf.tool
    def greet(town: str, hour: int) -> str:
        """Greet a town."""
        return f"Good {'morning' if hour < 12 else 'evening'}, {town}!"

    @gf.aggregate
    def length(text: str) -> int:
        return len(text)

    chain = {"town": gf.passthrough(), "hour": length} | greet
    assert result(chain, "Orlo") == "Good morning, Orlo!"
    plan = gf.compile(chain).plan
    assert (plan["greet"].kind, plan["greet"].node_class, plan["greet"].output) == ("tool", "aggregate", str)
    assert hear_all(chain, "Orlo").end("greet").input == {"town": "Orlo", "hour": 4}


# --- arguments that the model does not give -----------------------------------------------------------------


def test_what_is_bound_is_given_and_the_model_is_not_told_of_it() -> None:
    bound = forecast.bind(unit="F", days=1)
    assert list(bound.schema["properties"]) == ["town"]
    assert result(bound, "Orlo") == "Orlo: 1 days of rain, 12 F"
    with pytest.raises(gf.InvalidArgumentsError, match="unit: expected no such name"):
        result(bound, {"town": "Orlo", "unit": "C"})
    assert list(forecast.schema["properties"]) == ["town", "days", "unit"]
    assert (bound.name, bound.description) == (forecast.name, forecast.description)
    called = gf.AIMessage(tool_calls=[gf.ToolCall("call_1", "forecast", {"town": "Orlo"})])
    assert result(gf.call_tools([bound]), called)[0].text == "Orlo: 1 days of rain, 12 F"


def test_an_argument_that_there_is_not_cannot_be_bound() -> None:
    with pytest.raises(gf.CompileError) as raised:
        forecast.bind(units="F")
    assert "error[GF110]: `forecast` takes no argument `units`: it takes `town`, `days`, `unit`" in str(raised.value)
    with pytest.raises(gf.CompileError, match="takes no argument `unit`: it takes `town`, `days`"):
        forecast.bind(unit="F").bind(unit="C")


@attrs.frozen
class Connection:
    name: Any


def test_what_a_partial_gives_may_be_of_any_type() -> None:
    def look(query: str, connection: Connection | bytes) -> str:
        """Look something up."""
        return f"{query} in {connection!r}"

    with pytest.raises(gf.CompileError, match="parameter `connection` of `look`"):
        gf.tool(look)
    tool = gf.tool(functools.partial(look, connection=b"db"))
    assert (tool.name, tool.description) == ("look", "Look something up.")
    assert list(tool.schema["properties"]) == ["query"]
    assert result(tool, {"query": "ports"}) == "ports in b'db'"
    assert result(tool, "ports") == "ports in b'db'"
