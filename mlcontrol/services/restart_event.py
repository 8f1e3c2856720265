"""What the timeline says of a server whose counters began again."""

from __future__ import annotations

from mlcontrol.core.types import EventKind, Health, Stamp, TimelineEvent


def restart_event(connection: str, at: Stamp) -> TimelineEvent:
    return TimelineEvent(
        id=f"restart-{connection}-{at.utc_s:.3f}",
        at_s=at.utc_s,
        kind=EventKind.RESTART,
        title=f"The server behind {connection} restarted",
        detail="Its counters began again from zero.",
        source=connection,
        severity=Health.WARNING,
    )
