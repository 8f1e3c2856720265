"""Which events a person means by some words: the same in the window, on the command line and in the store."""

from __future__ import annotations

from mlcontrol.core.types import TimelineEvent
from mlcontrol.core.versions import version_name


def says(event: TimelineEvent, text: str) -> bool:
    """Whether every word stands somewhere in the event, in any case: title, detail, service, person, source, kind, versions."""
    words = text.casefold().split()
    if not words:
        return True
    versions = (version_name(version) for version in (event.version_from, event.version_to) if version)
    pool = " ".join(
        (event.title, event.detail, event.service or "", event.actor, event.source, event.kind.value, *versions)
    ).casefold()
    return all(word in pool for word in words)
