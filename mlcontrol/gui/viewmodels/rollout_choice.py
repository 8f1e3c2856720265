"""The first step of a rollout: which version. Each row says enough to choose without leaving the page."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.types import ServiceState, VersionSummary
from mlcontrol.gui.viewmodels.phrases import UNKNOWN, age_text, bytes_text, metric_text, version_text

_METRIC_ORDER = ("test_", "validation_", "train_")


@dataclass(frozen=True, slots=True)
class VersionChoice:
    """One version in the picker. ``marks``: "used now", aliases; ``refusal``: why it cannot be chosen, if so."""

    version: str
    title: str
    age: str
    size: str
    metrics: str
    marks: tuple[str, ...]
    quarantine: str
    refusal: str
    growth: float | None = None


def version_choices(service: ServiceState, now_s: float) -> tuple[VersionChoice, ...]:
    """Newest first. The version in use is listed, with the reason why it is no choice."""
    used = service.used.single or service.served.single
    used_size = next((v.size_bytes for v in service.versions if v.version == used), None)
    rows = sorted(service.versions, key=_order, reverse=True)
    return tuple(_choice(row, service, used, used_size, now_s) for row in rows)


def _order(row: VersionSummary) -> tuple[float, int, str]:
    return (row.created_s or 0.0, int(row.version) if row.version.isdigit() else 0, row.version)


def _choice(
    row: VersionSummary, service: ServiceState, used: str | None, used_size: int | None, now_s: float
) -> VersionChoice:
    marks: list[str] = []
    if row.version == used:
        marks.append("used now")
    elif row.served or row.version in service.served.versions:
        marks.append("loaded")
    marks += [f"@{alias}" for alias in row.aliases]
    if service.way_back.target == row.version:
        marks.append("way back")
    growth = None
    if row.size_bytes and used_size:
        growth = row.size_bytes / used_size - 1
    size = bytes_text(row.size_bytes)
    if growth is not None and abs(growth) >= 0.005 and row.version != used:
        size += f" ({growth:+.0%})"
    return VersionChoice(
        version=row.version,
        title=version_text(row.version),
        age=age_text(row.created_s, now_s),
        size=size,
        metrics=_metrics(row.metrics),
        marks=tuple(marks),
        quarantine=row.quarantined,
        refusal="it is what answers now" if row.version == used and len(service.used.versions) <= 1 else "",
        growth=growth,
    )


def _metrics(metrics: dict[str, float]) -> str:
    """One score per split, held-out splits first: "test accuracy 0.964 · train accuracy 1"."""
    shown = []
    for prefix in _METRIC_ORDER:
        name = next((key for key in sorted(metrics) if key.startswith(prefix)), None)
        if name:
            shown.append(f"{name.replace('_', ' ')} {metric_text(metrics[name])}")
    if not shown:
        shown = [f"{name} {metric_text(metrics[name])}" for name in sorted(metrics)[:2]]
    return " · ".join(shown) or f"{UNKNOWN} no metrics registered"


def default_choice(choices: tuple[VersionChoice, ...], service: ServiceState) -> str | None:
    """What a promotion most likely means: the challenger, else the newest that is neither used nor quarantined."""
    free = [c for c in choices if not c.refusal and not c.quarantine]
    challenger = next((c for c in free if "@challenger" in c.marks), None)
    if challenger:
        return challenger.version
    used = service.used.single or service.served.single
    newer = [
        c for c in free if used is None or not (used.isdigit() and c.version.isdigit()) or int(c.version) > int(used)
    ]
    return (newer or free)[0].version if (newer or free) else None
