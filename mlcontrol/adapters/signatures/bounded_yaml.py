"""YAML from strangers: bounded in size, depth and aliases before anything is built from it."""

from __future__ import annotations

import re
from typing import Any

from mlcontrol.adapters.signatures.bounds import MAX_DEPTH, Unreadable, bounded

_MAX_EVENTS = 200_000
_MAX_ALIASES = 16
_MAX_NUMBER = 64  # characters; a number in base 60 takes the square of its length to read
_NUMBER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F_]+|[0-9_.:]+)")


def load_yaml(text: str, kind: str) -> Any:
    """Plain values only (safe loader). Raises `Unreadable` for anything malformed, nested too deep or alias-bombed."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    bounded(text, kind)
    aliases = 0
    around: list[str | None] = []  # the anchors of what is open
    try:
        for count, event in enumerate(yaml.parse(text, Loader=loader)):
            if isinstance(event, yaml.CollectionStartEvent):
                around.append(event.anchor)
            elif isinstance(event, yaml.CollectionEndEvent):
                around.pop()
            elif isinstance(event, yaml.AliasEvent):
                aliases += 1
                if event.anchor in around:
                    raise Unreadable(f"This {kind} holds itself; it is not read.")
            elif isinstance(event, yaml.ScalarEvent) and event.implicit[0] and _is_long_number(event.value):
                raise Unreadable(f"This {kind} has a number of {len(event.value):,} characters; it is not read.")
            if len(around) > MAX_DEPTH or count > _MAX_EVENTS or aliases > _MAX_ALIASES:
                raise Unreadable(f"This {kind} is nested too deep, too long or full of aliases; it is not read.")
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, in C where there is one
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise Unreadable(f"This {kind} is not valid YAML.", " ".join(str(error).split())) from error


def _is_long_number(text: str) -> bool:
    return len(text) > _MAX_NUMBER and _NUMBER.fullmatch(text) is not None
