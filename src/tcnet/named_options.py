"""Options that a caller gives by name, put into the objects that hold them."""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any, TypeVar

from tcnet.errors import UsageError

Options = TypeVar("Options")


def with_named(options: Options, given: Mapping[str, object]) -> Options:
    """`options`, a dataclass, with those of `given` that are its fields in place of its own."""
    own = {field.name: given[field.name] for field in fields(options) if field.name in given}  # type: ignore[arg-type]
    return replace(options, **own) if own else options  # type: ignore[type-var]


def check_names(
    function: Callable[..., Any],
    given: Mapping[str, object],
    *options: object,
    also: Collection[str] = (),
) -> None:
    """UsageError for a name that is no field of `options`, with the nearest that the function takes.

    also: names that it takes beside those of its signature.
    """
    names = {field.name for each in options for field in fields(each)}  # type: ignore[arg-type]
    unknown = next((name for name in given if name not in names), None)
    if unknown is None:
        return
    parameters = inspect.signature(function).parameters.values()
    names |= {*also} | {
        each.name for each in parameters if each.kind is not each.VAR_KEYWORD and each.name != "self"
    }
    near = get_close_matches(unknown, names, 1)
    instead = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(sorted(names))}"
    # The class is what a caller names, not its initialiser.
    called = function.__qualname__.removesuffix(".__init__")
    raise UsageError(f"{called} takes no {unknown!r}; {instead}")
