"""Find the chains that a command names: ``app.chains:answer``, imported from the current directory as Python would."""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import attrs

from graphflow.chain import Chain
from graphflow.cli.outcome import CommandError
from graphflow.declare import as_chain
from graphflow.errors import CompileError
from graphflow.program import Program


@attrs.frozen
class Named:
    """A chain or a program, as a module names it."""

    name: str
    value: Chain[Any, Any] | Program[Any, Any]

    def program(self) -> Program[Any, Any]:
        """Return the program.

        Raises:
            CompileError: the chain cannot be compiled.
        """
        return self.value if isinstance(self.value, Program) else self.value.compile()


def load_program(target: str) -> Program[Any, Any]:
    """Return the program of the chain that ``module:chain`` names.

    Raises:
        CommandError: there is no such module or chain, or importing the module fails.
        CompileError: the chain cannot be compiled.
    """
    module_name, _, chain_name = target.partition(":")
    module = _imported(module_name)
    if not chain_name:
        raise CommandError(f"say which chain of {module_name}, as {module_name}:NAME\n{_has(module)}")
    return find(module, chain_name).program()


def load_chains(target: str) -> list[Named]:
    """Return the chain that ``module:chain`` names, or for ``module`` all of its top level.

    Raises:
        CommandError: there is no such module or chain, or importing the module fails.
        CompileError: the module declares something wrong.
    """
    module_name, _, chain_name = target.partition(":")
    module = _imported(module_name)
    if chain_name:
        return [find(module, chain_name)]
    found = list(chains_of(module))
    if not found:
        raise CommandError(_has(module))
    return found


def chains_of(module: ModuleType) -> Iterator[Named]:
    """Yield the chains and programs of a module's top level; those whose names begin with ``_`` are its own affair."""
    seen = set()
    for name, value in vars(module).items():
        if isinstance(value, Chain | Program) and not name.startswith("_") and id(value) not in seen:
            seen.add(id(value))
            yield Named(name, value)


def find(module: ModuleType, name: str) -> Named:
    """Return a chain of a module by its name, which may be dotted; a dict or function is taken as `|` would take it.

    Raises:
        CommandError: there is nothing of that name, or it is no chain.
        CompileError: it cannot be one.
    """
    value = _attribute(module, name, [each.name for each in chains_of(module)], _has(module))
    if isinstance(value, Chain | Program):
        return Named(name, value)
    if isinstance(value, dict) or (callable(value) and not isinstance(value, type)):
        return Named(name, as_chain(value))
    what = f"an object of type {type(value).__name__}"
    raise CommandError(f"{module.__name__}:{name} is no chain, but {what}\n{_has(module)}")


def load_object(target: str) -> object:
    """Return whatever ``module:name`` names; the name may be dotted.

    Raises:
        CommandError: there is no such module or name, or importing the module fails.
    """
    module_name, _, name = target.partition(":")
    module = _imported(module_name)
    names = [each for each in vars(module) if not each.startswith("_")]
    if not name:
        raise CommandError(f"say which chain of {module_name}, as {module_name}:NAME")
    return _attribute(module, name, names, f"{module_name} has {', '.join(names) or 'nothing'}")


def _attribute(module: ModuleType, name: str, names: list[str], has: str) -> Any:
    """Return what a module has under a name, which may be dotted."""
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            near = difflib.get_close_matches(part, names, n=1)
            guess = f"; did you mean {module.__name__}:{near[0]}?" if near else ""
            raise CommandError(f"{module.__name__} has no {name}{guess}\n{has}")
        value = getattr(value, part)
    return value


def _has(module: ModuleType) -> str:
    """Say which chains a module has."""
    found = list(chains_of(module))
    if not found:
        return f"{module.__name__} has no chain at its top level"
    width = max(len(each.name) for each in found)
    listed = (f"  {each.name.ljust(width)}  {_class(each)}" for each in found)
    return "\n".join((f"{module.__name__} has these chains:", *listed))


def _class(named: Named) -> str:
    return str(named.value.plan.node_class if isinstance(named.value, Program) else named.value.node_class)


# --- modules -----------------------------------------------------------------------------------------------


def _imported(name: str) -> ModuleType:
    """Import a module, also from the current directory, as ``python -m`` would."""
    if name.endswith(".py") or "/" in name or os.sep in name:
        module = name.removesuffix(".py").replace(os.sep, ".").replace("/", ".").strip(".")
        raise CommandError(f"{name} is a file; name it as Python imports it: {module}:NAME")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except CompileError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise CommandError(_failed(name, error)) from None
        modules = [each.name for each in pkgutil.iter_modules([here])]
        first = name.partition(".")[0]
        near = difflib.get_close_matches(first, modules, n=1) if first not in modules else []
        guess = f"; did you mean {near[0]}?" if near else ""
        raise CommandError(f"there is no module {name}, neither in {here} nor where Python looks{guess}") from None
    except (Exception, SystemExit) as error:
        raise CommandError(_failed(name, error)) from None


def _failed(name: str, error: BaseException) -> str:
    """Tell of an import that failed, from where the user's code begins."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    lines = traceback.format_list(own) + traceback.format_exception_only(error)
    return f"importing {name} failed:\n{''.join(lines).rstrip()}"
