"""What a pipeline recorded, in an incident: suspected with its words, drawn in the postmortem, its versions no model's."""

from __future__ import annotations

import pytest

from mlcontrol.core.recorded import RecordedChange, event_of
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.engine.wiring import bundled
from mlcontrol.services.incidents import postmortem
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.incidents.postmortem import Postmortems
from tests.services.burning_world import Burning, briefing, ctx, incidents, recovered

__all__ = ["briefing", "ctx", "incidents"]


def release(ctx: Burning, service: str | None) -> TimelineEvent:
    change = RecordedChange(
        EventKind.CONFIG, "feature pipeline 2.4", service, "", "2.3", "2.4", ctx.began_s - 35, "build-9"
    )
    return event_of(change, "jenkins", ctx.began_s)


@pytest.mark.parametrize("service", ["digits", None])
def test_it_is_among_the_suspects_and_in_the_postmortem(
    ctx: Burning, incidents: Incidents, briefing: Briefing, service: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = release(ctx, service)
    ctx.events.append(made)
    ctx.store.timeline.append([made])
    one = incidents.declare("digits", "ann", title="errors", alert="errors")
    line = next(line for line in briefing.brief(one.id).suspects if line.event == made.id)
    assert line.title == "feature pipeline 2.4"
    assert line.probability > 0.02
    assert (line.version_from, line.version_to) == (None, None)
    recovered(ctx, incidents, briefing)
    papers = Postmortems(ctx, briefing, bundled("postmortem"))
    document = papers.make(one.id)
    monkeypatch.setattr(postmortem, "UPSTREAM", (EventKind.REVIEW,))
    without = papers.make(one.id)
    assert "feature pipeline 2.4" in document.markdown
    lines = [sum(svg.count('stroke-dasharray="1 3"') for svg in one.charts.values()) for one in (without, document)]
    assert lines[1] == lines[0] + len(document.charts)


def test_a_storm_over_the_fleet_leaves_the_suspects(ctx: Burning, incidents: Incidents, briefing: Briefing) -> None:
    """Fault 64: of thousands of alerts after it the newest some hundred are read; what may have caused them is older."""
    made = release(ctx, "digits")
    storm = [
        TimelineEvent(
            f"alert-s{i}", ctx.began_s + i / 100, EventKind.ALERT, "Alert: use", f"s{i}", severity=Health.CRITICAL
        )
        for i in range(1200)
    ]
    ctx.store.timeline.append([made, *storm])
    one = incidents.declare("digits", "ann", title="errors", alert="errors")
    assert made.id in {line.event for line in briefing.brief(one.id).suspects}
