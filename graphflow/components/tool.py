"""Tools: functions that a model may call, described by their signature."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Self, TypeVar, overload

import attrs

from graphflow.chain import Aggregate
from graphflow.components.signature import SignatureError, describe_function, validate_arguments
from graphflow.declaration import Step
from graphflow.declare import node_of
from graphflow.places import caller_frame, caller_location, location_of
from graphflow_compiler.errors import compile_error
from graphflow_compiler.ir import Op, Port

B = TypeVar("B")
Out = TypeVar("Out", covariant=True)


class Tool(Aggregate[Any, Out]):
    """A function that a model may call. Made by `tool`.

    As a chain it takes a record of its arguments; a tool of one parameter also takes the bare argument. Arguments are
    checked against the signature before the function runs.

    Attributes:
        description: the first paragraph of the docstring, unless given.
        schema: the JSON schema of the arguments.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        thread: bool = False,
    ) -> None:
        frame = caller_frame()
        try:
            signature = describe_function(
                function, name=name, description=description, localns=frame.f_locals if frame is not None else None
            )
        except SignatureError as error:
            raise compile_error(
                "GF113",
                str(error),
                location=location_of(function) or caller_location(),
                hint="annotate the parameters with types that JSON can express, and let all be passed by name",
            ) from None
        node = node_of(
            function, "aggregate", name=signature.name, tags=tags, metadata=metadata, thread=thread, kind="tool"
        )
        if node.op is not Op.CALL:
            raise compile_error(
                "GF113",
                f"the tool `{node.name}` yields, but a tool gives one result",
                location=node.location,
                hint=f"return the result from `{node.name}`; what it tells on the way is gf.emit(name, data)",
            )
        self._signature = signature
        self._function = function
        self.description = signature.description
        self.schema = signature.schema
        port = Port("arguments", streams=False, type=object)
        super().__init__(Step(attrs.evolve(node, ports=(port,), function=self._call, emits_chunks=False)))

    def bind(self, **options: object) -> Self:
        """Return the tool with some arguments given, as they are; the model is not told of them, and cannot give them.

        Raises:
            CompileError: the tool takes no such argument.
        """
        names = list(self.schema["properties"])
        for name in options:
            if name not in names:
                takes = ", ".join(f"`{one}`" for one in names) or "none"
                raise compile_error(
                    "GF110",
                    f"`{self.name}` takes no argument `{name}`: it takes {takes}",
                    location=caller_location(),
                    hint="bind one of those, or give the function of the tool that parameter",
                )
        copy = self._with(self._declaration)
        copy._function = functools.partial(self._function, **options)
        copy._signature = self._signature.without(options)
        copy.schema = copy._signature.schema
        return copy._with_node(lambda node: attrs.evolve(node, function=copy._call))

    def _call(self, given: object) -> Any:
        return self._run(self._arguments(given))

    def _run(self, arguments: Any) -> Any:
        return self._function(**validate_arguments(self._signature, arguments))

    def _arguments(self, given: object) -> object:
        """Return what was given as arguments by name: a bare argument is that of the one parameter."""
        names = list(self.schema["properties"])
        if not names and not isinstance(given, Mapping):
            return {}
        is_record = isinstance(given, Mapping) and (not given or not names or names[0] in given)
        return given if is_record or len(names) != 1 else {names[0]: given}


@overload
def tool(function: Callable[..., Awaitable[B]], /) -> Tool[B]: ...
@overload
def tool(function: Callable[..., B], /) -> Tool[B]: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
    thread: bool = False,
) -> Callable[[Callable[..., Any]], Tool[Any]]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, object] | None = None,
    thread: bool = False,
) -> Any:
    """Make a tool of a function, plain or asynchronous.

    Args:
        function: its docstring describes it, its annotations its arguments.
        name: the function's name if not given.
        description: the first paragraph of the docstring if not given.
        tags: for its events.
        metadata: for its events.
        thread: run a blocking plain function in a worker thread.

    Raises:
        CompileError: a parameter has no JSON schema, or cannot be passed by name.
    """
    if function is None:
        return lambda decorated: tool_of(
            decorated, name=name, description=description, tags=tags, metadata=metadata, thread=thread
        )
    return tool_of(function, name=name, description=description, tags=tags, metadata=metadata, thread=thread)


def tool_of(function: Callable[..., Any], **options: Any) -> Tool[Any]:
    """Make the tool of a function; `tool` without its overloads."""
    return Tool(function, **options)
