"""Prompts: templates that become messages once every hole has a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import attrs

from graphflow.chain import Aggregate
from graphflow.components.messages import AIMessage, HumanMessage, Message, SystemMessage
from graphflow.components.template import Template, UnknownHoleError
from graphflow.declaration import Step
from graphflow.errors import InputError
from graphflow.places import caller_location
from graphflow_compiler.ir import Node, NodeId, Op, Port
from graphflow_compiler.types import Field, Record, union

Part = Message | tuple[str, Template]

_ROLES: Mapping[str, type[SystemMessage | HumanMessage | AIMessage]] = {
    "system": SystemMessage,
    "human": HumanMessage,
    "user": HumanMessage,
    "ai": AIMessage,
    "assistant": AIMessage,
}


class Prompt(Aggregate[dict[str, str], list[Message]]):
    """A chain from a record of values to the messages that they fill. Made by `prompt`.

    The compiler knows its holes: a record upstream without one of them is an error before anything runs.
    """

    def __init__(self, parts: Sequence[Part], name: str = "prompt") -> None:
        self._parts = tuple(parts)
        node = Node(
            NodeId(""),
            name,
            Op.CALL,
            output=list[Message],
            kind="prompt",
            emits_chunks=False,
            location=caller_location(),
        )
        super().__init__(Step(self._filled_by_self(node)))

    def _filled_by_self(self, node: Node) -> Node:
        """Return the node with the ports and the function of this prompt."""
        return attrs.evolve(node, ports=(Port("values", streams=False, type=self._takes()),), function=self._fill)

    def _takes(self) -> object:
        """Return the type of its input: a record of the holes; for a single hole, its text will do too."""
        holes = Record(tuple(Field(hole, object) for hole in self.holes))
        return union([holes, str]) if len(self.holes) == 1 else holes

    @property
    def holes(self) -> tuple[str, ...]:
        """The names that need a value, in the order in which they stand."""
        names = [hole for part in self._parts if isinstance(part, tuple) for hole in part[1].holes]
        return tuple(dict.fromkeys(names))

    def bind(self, **values: object) -> Self:
        """Return the prompt with some holes filled.

        Raises:
            UnknownHoleError: the prompt has no hole of that name.
        """
        for name in values:
            if name not in self.holes:
                raise UnknownHoleError(name, self.holes)
        copy = self._with(self._declaration)
        copy._parts = tuple(_bound(part, values) for part in self._parts)
        return copy._with_node(copy._filled_by_self)

    def _fill(self, values: object) -> list[Message]:
        if not isinstance(values, Mapping):
            if len(self.holes) != 1:
                raise InputError(
                    f"`{self.name}` takes a dict with {', '.join(map(repr, self.holes))}, but was given {values!r:.60}"
                )
            values = {self.holes[0]: values}
        return [part if isinstance(part, Message) else _ROLES[part[0]](part[1].format(values)) for part in self._parts]


def _bound(part: Part, values: Mapping[str, object]) -> Part:
    if isinstance(part, Message):
        return part
    role, template = part
    return role, template.partial(**{name: value for name, value in values.items() if name in template.holes})


def prompt(template: str | Sequence[Message | tuple[str, str]], /, *, name: str = "prompt") -> Prompt:
    """Make a prompt of a template, or of several messages.

    Only plain names stand in braces: ``"Tell me a joke about {topic}"``; ``{{`` is a brace. A message object is taken
    as it is; a pair of a role and a template becomes a message of that role.

    Args:
        template: the text of one human message; or messages and pairs such as ``("system", "Answer in {language}.")``.
        name: the name of its node and run.

    Raises:
        TemplateError: the template has anything but plain names in braces.
        TypeError: an item is neither a message nor a pair.

    >>> prompt("Tell me a joke about {topic}").holes
    ('topic',)
    """
    if isinstance(template, str):
        return Prompt([("human", Template(template))], name)
    parts: list[Part] = []
    for item in template:
        match item:
            case Message():
                parts.append(item)
            case (str(role), str(words)) if role in _ROLES:
                parts.append((role, Template(words)))
            case _:
                roles = ", ".join(_ROLES)
                raise TypeError(
                    f"a prompt is made of messages and pairs of a role ({roles}) and a template, not {item!r:.60}"
                )
    return Prompt(parts, name)
