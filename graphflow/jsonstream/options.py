"""The options of what reads text piece by piece, and the checks of them."""

import difflib
from collections.abc import Collection
from typing import Any, Literal, TypeAlias, TypedDict, get_args

from graphflow.jsonstream.prose import Root
from graphflow.jsonstream.strings import Surrogates

Scalars: TypeAlias = Literal["partial", "complete"]
Trailing: TypeAlias = Literal["ignore", "error"]
OnIncomplete: TypeAlias = Literal["error", "keep"]
OnError: TypeAlias = Literal["raise", "stop"]


class ReadOptions(TypedDict, total=False):
    """The options of `JsonItems` and `JsonText`, which `JsonStream` has too and says what they mean."""

    root: Root
    lenient: bool
    nan: bool
    strict: bool
    surrogates: Surrogates
    trailing: Trailing
    on_incomplete: OnIncomplete
    on_error: OnError
    max_depth: int
    max_number: int
    max_string: int | None
    max_chars: int | None


class ValueOptions(ReadOptions, total=False):
    """The options of `JsonStream` for what is given, without those that decide its type."""

    scalars: Scalars
    hold: Collection[str]
    every: bool
    append: bool


class Options(ValueOptions, total=False):
    """The options of `JsonStream`, which says what they mean; but for `schema`."""

    patches: bool


def check_choice(name: str, choice: object, choices: Any) -> None:
    """Raise `ValueError` unless an option is one of the values of a `Literal`."""
    if choice not in get_args(choices):
        raise ValueError(f"{name} must be {' or '.join(map(repr, get_args(choices)))}, not {choice!r}")


def check_flags(**flags: object) -> None:
    """Raise `TypeError` unless options are True or False: the text "no" would mean yes."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise TypeError(f"{name} is True or False, not {flag!r:.80}")


def no_such_option(name: str, known: Collection[str]) -> TypeError:
    """Return the error of an option that is not known, with the one that it may have been meant for."""
    near = difflib.get_close_matches(name, known, n=1)
    mend = f"did you mean {near[0]}=?" if near else f"there are {', '.join(known)}"
    return TypeError(f"there is no option {name}=; {mend}")


def check_limit(name: str, limit: object, least: int) -> None:
    """Raise `TypeError` unless an option is an int, `ValueError` unless that is large enough."""
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise TypeError(f"{name} must be an int, not {limit!r}")
    if limit < least:
        raise ValueError(f"{name} must be at least {least}, not {limit}")
