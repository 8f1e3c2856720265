"""What a pipeline knows of a release besides the two versions: one file, a table for each group of facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Any

from mlcontrol.adapters.signatures.bounds import Unreadable, mapping
from mlcontrol.adapters.signatures.side_files import read_document
from mlcontrol.core.compatibility.facts import (
    ArtifactFacts,
    DataFacts,
    GoldenFacts,
    OperationFacts,
    ProbeFacts,
    QualityFacts,
)

_GROUPS: dict[str, type] = {
    "artifact": ArtifactFacts,
    "probe": ProbeFacts,
    "golden": GoldenFacts,
    "data": DataFacts,
    "quality": QualityFacts,
    "operation": OperationFacts,
}


def read_facts(path: Path) -> dict[str, Any]:
    """The groups the file has, under the names `compare` takes them by. Raises `Unreadable` naming the entry that is wrong: a
    misspelt fact would pass for one that nobody brought."""
    import msgspec

    document = read_document(path, "facts")
    strange = sorted(set(document) - set(_GROUPS))
    if strange:
        raise Unreadable(f"[{strange[0]:.40}] is no group of facts.", f"Known are {', '.join(_GROUPS)}.")
    facts: dict[str, Any] = {}
    for name, body in document.items():
        group = _GROUPS[name]
        known = [field.name for field in fields(group)]
        strange = sorted(set(mapping(body, f"[{name}]")) - set(known))
        if strange:
            raise Unreadable(f"[{name}] does not know {strange[0]!r:.40}.", f"Known are {', '.join(known)}.")
        if not _finite(body):
            raise Unreadable(f"[{name}] holds a number that is none.", "nan and inf are held to no limit.")
        try:
            facts[name] = msgspec.convert(body, group)
        except msgspec.ValidationError as error:
            raise Unreadable(f"[{name}] is not understood.", str(error)) from error
    return facts


def _finite(value: Any) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, float) and not isfinite(one):
            return False
        waiting.extend(one.values() if isinstance(one, Mapping) else one if isinstance(one, list) else ())
    return True
