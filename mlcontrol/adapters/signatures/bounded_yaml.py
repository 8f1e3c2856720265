"""YAML from strangers: bounded in size, depth and aliases before anything is built from it."""

from __future__ import annotations

from typing import Any

from mlcontrol.adapters.signatures.bounds import MAX_DEPTH, Unreadable, bounded

_MAX_EVENTS = 200_000
_MAX_ALIASES = 16


def load_yaml(text: str, kind: str) -> Any:
    """Plain values only (safe loader). Raises `Unreadable` for anything malformed, nested too deep or alias-bombed."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    bounded(text, kind)
    depth = aliases = 0
    try:
        for count, event in enumerate(yaml.parse(text, Loader=loader)):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.AliasEvent):
                aliases += 1
            if depth > MAX_DEPTH or count > _MAX_EVENTS or aliases > _MAX_ALIASES:
                raise Unreadable(f"This {kind} is nested too deep, too long or full of aliases; it is not read.")
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, in C where there is one
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise Unreadable(f"This {kind} is not valid YAML.", " ".join(str(error).split())) from error
