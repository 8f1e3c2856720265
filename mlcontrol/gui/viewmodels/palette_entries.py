"""What the command palette can reach, and how well a typed text fits it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mlcontrol.core.state import FleetState
from mlcontrol.gui.actions import Bound, Context
from mlcontrol.gui.viewmodels.phrases import version_text


@dataclass(frozen=True, slots=True)
class Entry:
    """``reason``: why it cannot act now. One of ``bound`` (an action) and ``page`` (a place to open) is set."""

    text: str
    kind: str  # "action", "service", "version", "operation", "connection"
    cap: str = ""
    reason: str = ""
    bound: Bound | None = None
    page: str = ""
    service: str | None = None
    context: dict[str, str] = field(default_factory=dict)


def score(typed: str, text: str) -> float | None:
    """`None`: the typed letters do not occur in this order. Larger is better: starts of words, runs, short texts."""
    wanted, have = typed.casefold().replace(" ", ""), text.casefold()
    if not wanted:
        return 0.0
    total, at, previous = 0.0, -1, -2
    for letter in wanted:
        at = have.find(letter, at + 1)
        if at < 0:
            return None
        starts = at == 0 or not have[at - 1].isalnum()
        total += 1.0 + (1.5 if starts else 0.0) + (2.0 if at == previous + 1 else 0.0)
        previous = at
    return total + (8.0 if typed.casefold().strip() in have else 0.0) - 0.02 * len(have)


def entries(bounds: Iterable[Bound], context: Context, state: FleetState | None) -> tuple[Entry, ...]:
    found = [
        Entry(b.action.text, "action", b.action.cap, b.action.rule(context), bound=b)
        for b in bounds
        if b.action.id != "palette"
    ]
    if state is None:
        return tuple(found)
    for service in state.services.values():
        found.append(Entry(service.title or service.id, "service", page="service", service=service.id))
        for version in service.versions:
            text = f"{service.id} {version_text(version.version)}"
            found.append(
                Entry(text, "version", page="rollouts", service=service.id, context={"version": version.version})
            )
    for operation in sorted(state.operations.values(), key=lambda o: o.started_s, reverse=True):
        text = f"{operation.kind.value} of {operation.service} {version_text(operation.to_version)}"
        found.append(
            Entry(text, "operation", page="rollouts", service=operation.service, context={"operation": operation.id})
        )
    found += [Entry(name, "connection", page="connections", context={"connection": name}) for name in state.connections]
    return tuple(found)


def matching(typed: str, all_entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Best first; without text, the order they were declared in."""
    if not typed.strip():
        return tuple(all_entries)
    scored = [(score(typed, entry.text), i) for i, entry in enumerate(all_entries)]
    kept = sorted(((-points, i) for points, i in scored if points is not None))
    return tuple(all_entries[i] for _points, i in kept)
