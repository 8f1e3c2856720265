from __future__ import annotations

import csv
import io
import json

from mlcontrol.core.recorded import RecordedChange, event_of
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.core.world import observed_from, served_at
from mlcontrol.gui.viewmodels.timeline_compare import pair_rows
from mlcontrol.gui.viewmodels.timeline_lanes import Filter, Span, lanes, spans_of, to_csv, to_json


def event(
    at_s: float, kind: EventKind = EventKind.NOTE, service: str | None = "digits", **more: object
) -> TimelineEvent:
    return TimelineEvent(f"{kind}-{at_s}", at_s, kind, str(more.pop("title", kind.value)), service, **more)  # type: ignore[arg-type]


DEPLOY = event(10, EventKind.DEPLOY, version_from="1", version_to="2", actor="ada")
BACK = event(30, EventKind.ROLLBACK, version_from="2", version_to="1")
ALERT = event(20, EventKind.ALERT, severity=Health.CRITICAL, title="errors 6 %")


def test_what_served_follows_from_the_moves_in_any_order() -> None:
    spans = spans_of(sorted((DEPLOY, BACK), key=lambda e: e.at_s), 0, 40, None)
    assert spans == (Span("1", 0, 10), Span("2", 10, 30), Span("1", 30, 40))
    assert served_at((BACK, DEPLOY), 20, None) == "2"
    assert served_at((BACK, DEPLOY), 5, None) == "1"
    assert served_at((BACK, DEPLOY), 35, None) == "1"
    assert served_at((), 5, "7") == "7"
    assert served_at((), 5, None) is None


def test_what_nobody_watched_is_unknown_not_the_first_known_version() -> None:
    assert spans_of((DEPLOY, BACK), 0, 40, None, 4)[:2] == (Span(None, 0, 4), Span("1", 4, 10))
    assert spans_of((DEPLOY,), 0, 40, None, 99) == (Span(None, 0, 10), Span("2", 10, 40))
    assert spans_of((), 0, 40, "7", 25) == (Span(None, 0, 25), Span("7", 25, 40))
    assert spans_of((), 0, 40, "7", 99) == (Span(None, 0, 40),)
    assert served_at((DEPLOY,), 5, None, observed_s=8) is None
    assert observed_from((BACK, DEPLOY, ALERT)) == 10


def upstream(at_s: float, title: str = "features", service: str | None = None) -> TimelineEvent:
    return event_of(RecordedChange(EventKind.DATA, title, service, at_s=at_s, ident=f"run-{at_s:g}"), "airflow", 40)


def test_what_a_pipeline_records_of_the_past_shows_nobody_watching() -> None:
    assert observed_from((DEPLOY, upstream(3))) == 10
    assert spans_of((), 0, 40, "7", observed_from((upstream(3),))) == (Span(None, 0, 40),)


def test_what_was_recorded_for_the_whole_fleet_differs_for_each_service() -> None:
    rows = dict(pair_rows(DEPLOY, BACK, (DEPLOY, upstream(5, "old"), upstream(20, "new"), BACK), {}))
    assert rows["data"] == "old → new"
    engine = event(20, EventKind.CONFIG, None, title="of the panel")
    assert "config" not in dict(pair_rows(DEPLOY, BACK, (DEPLOY, engine, BACK), {}))


def test_a_move_before_the_window_still_says_what_served_in_it() -> None:
    assert spans_of((DEPLOY,), 15, 40, None) == (Span("2", 15, 40),)


def test_lanes_that_changed_last_come_first_and_fleet_events_have_their_own() -> None:
    found = lanes(
        (DEPLOY, event(35, service="other"), event(5, EventKind.ENGINE, None)),
        {"digits": "Digits", "other": "Other", "calm": "Calm"},
        Filter(),
        0,
        40,
        {"calm": "1"},
    )
    assert [lane.title for lane in found] == ["Other", "Digits", "Calm", "Fleet"]
    assert found[2].spans == (Span(None, 0, 5), Span("1", 5, 40)), "nobody watched before the first event"


def test_the_filter_hides_events_but_not_what_served() -> None:
    found = lanes((DEPLOY, ALERT), {"digits": "Digits"}, Filter(frozenset({EventKind.ALERT})), 0, 40)
    assert found[0].events == (ALERT,)
    assert found[0].worst is Health.CRITICAL
    assert [s.version for s in found[0].spans] == [None, "2"]
    assert lanes((DEPLOY,), {"digits": "D"}, Filter(text="ada V2"), 0, 40)[0].events == (DEPLOY,)
    assert lanes((DEPLOY,), {"digits": "D"}, Filter(text="bob"), 0, 40)[0].events == ()


def test_exports_keep_every_event_and_run_no_formula() -> None:
    hostile = event(50, title='=HYPERLINK("http://x")', detail="@SUM(1)")
    rows = list(csv.reader(io.StringIO(to_csv((hostile, DEPLOY)))))
    assert rows[1][4].startswith("'=")
    assert rows[1][5].startswith("'@")
    assert len(rows) == 3
    document = json.loads(to_json((hostile, DEPLOY)))
    assert document["schema"] == "mlcontrol.timeline/1"
    assert document["events"][0]["title"].startswith("=")
    assert document["events"][1]["at"] == "1970-01-01T00:00:10.000Z"
