"""Names in the lane of events never stand over a mark or over each other."""

from __future__ import annotations

from hypothesis import given, strategies as st

from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.gui.charts.event_words import MARK_PX, named

WIDE = 80.0


def event(number: int, kind: EventKind = EventKind.ALERT, severity: Health = Health.WARNING) -> TimelineEvent:
    return TimelineEvent(str(number), float(number), kind, "title", severity=severity)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 900),
            st.sampled_from([EventKind.DEPLOY, EventKind.ALERT, EventKind.HEALTH]),
            st.sampled_from([Health.OK, Health.WARNING, Health.CRITICAL]),
        ),
        max_size=25,
    )
)
def test_nothing_is_written_over_anything(drawn: list[tuple[float, EventKind, Health]]) -> None:
    marks = [(x, event(i, kind, severity)) for i, (x, kind, severity) in enumerate(drawn)]
    found = named(marks, lambda _event: WIDE, 0.0, 900.0)
    spans = [(one.left, one.left + WIDE) for one in found]
    for i, (low, high) in enumerate(spans):
        assert low >= 0
        assert high <= 900
        assert all(high <= x - MARK_PX or low >= x + MARK_PX for x, _ in marks)
        assert all(high <= a or low >= b for a, b in spans[:i])


def test_a_change_comes_before_an_alert_and_what_is_over_needs_no_name() -> None:
    marks = [
        (100.0, event(1)),
        (130.0, event(2, EventKind.DEPLOY, Health.OK)),
        (500.0, event(3, severity=Health.OK)),
        (700.0, event(4, EventKind.HEALTH)),
    ]
    found = named(marks, lambda _event: WIDE, 0.0, 900.0)
    assert [one.event.id for one in found] == ["2", "1"]
    assert found[0].left == 140.0  # right of its mark: left of it the alert's mark is in the way
