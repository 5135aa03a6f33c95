"""What a step of an LCEL chain is run with: the mode, what is bound to it, and what the configuration says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from langchain_core.runnables import (
    ConfigurableField,
    ConfigurableFieldMultiOption,
    ConfigurableFieldSingleOption,
    Runnable,
)
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.configurable import (
    DynamicRunnable,
    RunnableConfigurableAlternatives,
    RunnableConfigurableFields,
)

from graphflow.lcel.flow import Mode


@attrs.frozen
class Given:
    """What a step is run with.

    Attributes:
        mode: how.
        configurable: what the configuration says, for configurable steps.
        options: the keyword arguments that are bound to it.
        fields: fields of the step itself that the configuration replaces.
    """

    mode: Mode
    configurable: Mapping[str, Any] = attrs.field(factory=dict)
    options: Mapping[str, Any] = attrs.field(factory=dict)
    fields: Mapping[str, Any] = attrs.field(factory=dict)

    def inside(self) -> Given:
        """Return what is given to the steps inside: the mode and the configuration."""
        return Given(self.mode, self.configurable)


def of_bound(binding: RunnableBindingBase[Any, Any], given: Given) -> Given:
    """Return what the runnable inside a binding is run with; what is given from further out wins."""
    return Given(
        given.mode,
        {**(binding.config or {}).get("configurable", {}), **given.configurable},
        {**binding.kwargs, **given.options},
        given.fields,
    )


def chosen(dynamic: DynamicRunnable[Any, Any], given: Given) -> tuple[Runnable[Any, Any] | None, Given]:
    """Return the runnable that a configuration chooses, and what that is run with.

    It is None where a function would make it, or where the configuration names none that there is.
    """
    configurable = {**(dynamic.config or {}).get("configurable", {}), **given.configurable}
    if isinstance(dynamic, RunnableConfigurableAlternatives):
        which = configurable.get(dynamic.which.id, dynamic.default_key)
        if dynamic.prefix_keys:
            prefix = f"{dynamic.which.id}=={which}/"
            configurable = {key.removeprefix(prefix): value for key, value in configurable.items()}
        found = dynamic.default if which == dynamic.default_key else dynamic.alternatives.get(which)
        return found if isinstance(found, Runnable) else None, Given(given.mode, configurable, given.options)
    fields = _replaced(dynamic.fields, configurable) if isinstance(dynamic, RunnableConfigurableFields) else {}
    return dynamic.default, Given(given.mode, configurable, given.options, {**given.fields, **fields})


def _replaced(fields: Mapping[str, Any], configurable: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a configuration replaces."""
    replaced: dict[str, Any] = {}
    for name, field in fields.items():
        match field:
            case ConfigurableField(id=key) if key in configurable:
                replaced[name] = configurable[key]
            case ConfigurableFieldSingleOption(id=key, options=options, default=default):
                replaced[name] = options[configurable.get(key) or default]
            case ConfigurableFieldMultiOption(id=key, options=options, default=default):
                replaced[name] = [options[one] for one in configurable.get(key, default)]
    return replaced
