"""Prompts: templates that become messages once every hole has a value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar, overload

import attrs

from graphflow.chain import Aggregate
from graphflow.components.messages import AIMessage, HumanMessage, Message, SystemMessage, as_messages
from graphflow.components.template import MissingHoleError, Template
from graphflow.declaration import Step
from graphflow.errors import InputError
from graphflow.functions import brief
from graphflow.places import caller_location
from graphflow_compiler.errors import compile_error
from graphflow_compiler.ir import Node, NodeId, Op, Port
from graphflow_compiler.types import Field, Record, union

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    Values = TypeVarWithDefault("Values", contravariant=True, default=dict[str, str])
else:
    Values = TypeVar("Values", contravariant=True)

_ROLES: Final[Mapping[str, type[SystemMessage | HumanMessage | AIMessage]]] = {
    "system": SystemMessage,
    "human": HumanMessage,
    "user": HumanMessage,
    "ai": AIMessage,
    "assistant": AIMessage,
}

#: The role of a pair that stands for several messages.
_PLACEHOLDER: Final = "placeholder"

#: What a placeholder takes: messages, or what stands for one in a list.
_Messages: TypeAlias = Sequence[Message | tuple | Mapping]  # type: ignore[type-arg]


@attrs.frozen
class _Placeholder:
    """The place of a list of messages."""

    hole: str


Part: TypeAlias = Message | tuple[str, Template] | _Placeholder


class Prompt(Aggregate[Values, list[Message]]):
    """A chain from a record of values to the messages that they fill. Made by `prompt`.

    The compiler knows its holes: a record upstream without one of them, or made with one more for this prompt alone,
    is an error before anything runs. A prompt with one hole also takes the bare value; one without takes anything.
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
        """Return the type of its input: a record of the holes; for a single hole, its value will do too."""
        lists = {part.hole for part in self._parts if isinstance(part, _Placeholder)}
        holes = Record(tuple(Field(hole, _Messages if hole in lists else object) for hole in self.holes))
        match self.holes:
            case ():
                return object
            case (hole,):
                return union([holes, _Messages if hole in lists else str])
            case _:
                return holes

    @property
    def holes(self) -> tuple[str, ...]:
        """The names that need a value, in the order in which they stand."""
        return tuple(dict.fromkeys(hole for part in self._parts for hole in _holes_of(part)))

    def bind(self, **values: object) -> Self:
        """Return the prompt with some holes filled: with texts, and for placeholders with lists of messages.

        Raises:
            CompileError: the prompt has no hole of that name.
            TypeError: a placeholder is given what is no list of messages.
        """
        for name in values:
            if name not in self.holes:
                near = difflib.get_close_matches(name, self.holes, n=1)
                raise compile_error(
                    "GF110",
                    f"`{self.name}` has no hole {{{name}}}: it has {_listed(self.holes)}",
                    location=caller_location(),
                    hint=f"did you mean {{{near[0]}}}?" if near else "leave it out, or write it into the template",
                )
        copy = self._with(self._declaration)
        copy._parts = tuple(filled for part in self._parts for filled in _bound(part, values))
        return copy._with_node(copy._filled_by_self)

    def _fill(self, values: object) -> list[Message]:
        holes = self.holes
        if not holes:
            values = {}
        elif not isinstance(values, Mapping):
            if len(holes) != 1:
                raise InputError(f"`{self.name}` takes a dict with {_listed(holes)}, but was given {brief(values)}")
            values = {holes[0]: values}
        missing = [hole for hole in holes if hole not in values]
        if missing:
            raise MissingHoleError(missing, values)
        return [message for part in self._parts for message in self._filled(part, values)]

    def _filled(self, part: Part, values: Mapping[str, object]) -> Iterable[Message]:
        match part:
            case Message():
                return (part,)
            case _Placeholder(hole):
                try:
                    return _messages(hole, values[hole])
                except TypeError as error:
                    raise InputError(f"`{self.name}`: {error}") from None
            case role, template:
                return (_ROLES[role](template.format(values)),)


def _holes_of(part: Part) -> tuple[str, ...]:
    match part:
        case Message():
            return ()
        case _Placeholder(hole):
            return (hole,)
        case _, template:
            return template.holes


def _bound(part: Part, values: Mapping[str, object]) -> Iterable[Part]:
    match part:
        case Message():
            return (part,)
        case _Placeholder(hole):
            return _messages(hole, values[hole]) if hole in values else (part,)
        case role, template:
            known = {name: value for name, value in values.items() if name in template.holes}
            return ((role, template.partial(**known)),)


def _messages(hole: str, value: Any) -> list[Message]:
    if isinstance(value, str | Message | Mapping):
        raise TypeError(f"the placeholder {{{hole}}} takes a list of messages, not {brief(value)}")
    try:
        return as_messages(value)
    except TypeError as error:
        raise TypeError(f"the placeholder {{{hole}}} takes a list of messages: {error}") from None


def _listed(holes: Iterable[str]) -> str:
    return ", ".join(f"{{{hole}}}" for hole in holes) or "none"


@overload
def prompt(template: str, /, *, name: str = "prompt") -> Prompt: ...
@overload
def prompt(template: Sequence[Message | tuple[str, str]], /, *, name: str = "prompt") -> Prompt[dict[str, Any]]: ...
def prompt(template: str | Sequence[Message | tuple[str, str]], /, *, name: str = "prompt") -> Prompt[Any]:
    """Make a prompt of a template, or of several messages.

    Only plain names stand in braces: ``"Tell me a joke about {topic}"``; ``{{`` is a brace. A message object is taken
    as it is; a pair of a role and a template becomes a message of that role; ``("placeholder", "{history}")`` is the
    place of a list of messages.

    Args:
        template: the text of one human message; or messages and pairs such as ``("system", "Answer in {language}.")``.
        name: the name of its node and run.

    Raises:
        TemplateError: the template has anything but plain names in braces.
        TypeError: an item is neither a message nor a pair.
        ValueError: a placeholder is not one name in braces, or its name stands in a text too.

    >>> prompt("Tell me a joke about {topic}").holes
    ('topic',)
    >>> chat = prompt([("system", "Be {tone}."), ("placeholder", "{history}"), ("human", "{question}")])
    >>> chat.bind(tone="kind").sync.invoke({"history": [("human", "Hi"), ("ai", "Hello!")], "question": "How are you?"})
    [SystemMessage('Be kind.'), HumanMessage('Hi'), AIMessage('Hello!'), HumanMessage('How are you?')]
    """
    if isinstance(template, str):
        return Prompt([("human", Template(template))], name)
    parts = [_part(item) for item in template]
    texts = {hole for part in parts if not isinstance(part, _Placeholder) for hole in _holes_of(part)}
    for part in parts:
        if isinstance(part, _Placeholder) and part.hole in texts:
            raise ValueError(f"{{{part.hole}}} is the place of a list of messages, but stands in a text too")
    return Prompt(parts, name)


def _part(item: object) -> Part:
    match item:
        case Message():
            return item
        case (str(role), str(words)) if role in _ROLES:
            return role, Template(words)
        case (str(role), str(words)) if role == _PLACEHOLDER:
            template = Template(words)
            if words != f"{{{''.join(template.holes)}}}":
                raise ValueError(f'a placeholder is one name in braces, ("placeholder", "{{history}}"), not {words!r}')
            return _Placeholder(template.holes[0])
        case _:
            roles = ", ".join((*_ROLES, _PLACEHOLDER))
            raise TypeError(
                f"a prompt is made of messages and pairs of a role ({roles}) and a template, not {item!r:.60}"
            )
