"""The versions of a model in their order, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Sequence

from mlcontrol.core.types import VersionSummary
from mlcontrol.gui.viewmodels.phrases import bytes_text, metric_text


def ordered(versions: Sequence[VersionSummary]) -> list[VersionSummary]:
    """Oldest first; numbers by value, names by time."""
    return sorted(
        versions, key=lambda v: (int(v.version) if v.version.isdigit() else 1 << 40, v.created_s or 0.0, v.version)
    )


def version_difference(old: VersionSummary, new: VersionSummary) -> tuple[tuple[str, str, str], ...]:
    """(what, old, new) for all that differs."""
    rows: list[tuple[str, str, str]] = []
    if old.size_bytes != new.size_bytes:
        change = ""
        if old.size_bytes and new.size_bytes is not None:
            change = f" ({100 * (new.size_bytes / old.size_bytes - 1):+.1f} %)"
        rows.append(("size", bytes_text(old.size_bytes), bytes_text(new.size_bytes) + change))
    if old.digest != new.digest:
        rows.append(("digest", (old.digest or "?")[:23], (new.digest or "?")[:23]))
    if old.aliases != new.aliases:
        rows.append(("aliases", ", ".join(old.aliases) or "none", ", ".join(new.aliases) or "none"))
    for name in sorted(old.metrics.keys() | new.metrics.keys()):
        a, b = old.metrics.get(name), new.metrics.get(name)
        if a != b:
            rows.append((name, "?" if a is None else metric_text(a), "?" if b is None else metric_text(b)))
    for title, left, right in (("param", old.params, new.params), ("tag", old.tags, new.tags)):
        for name in sorted(left.keys() | right.keys()):
            if left.get(name) != right.get(name):
                rows.append((f"{title} {name}", left.get(name, "none"), right.get(name, "none")))
    return tuple(rows)
