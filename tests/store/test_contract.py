"""What every database must do for the store: run on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from mlcontrol.core.alerts.alert import Alert, AlertState, Silence
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.store.store import Store


def event(number: int, **changes: object) -> TimelineEvent:
    made = TimelineEvent(f"e{number}", 100.0 + number, EventKind.NOTE, f"note {number}", service="digits")
    return replace(made, **changes)  # type: ignore[arg-type]


def test_audit_rows_come_back_as_they_were_written(store: Store) -> None:
    written = [store.audit.append("ann", "note.added", {"n": n, "text": "ä\u202e\n"}, "digits") for n in range(5)]
    assert store.audit.rows(None, 100) == tuple(reversed(written))
    assert store.audit.rows(4, 2) == (written[2], written[1])
    assert store.audit.count() == 5


def test_audit_chain_goes_on_after_a_restart(open_store: Callable[[], Store]) -> None:
    first = open_store()
    first.audit.append("ann", "a.b", {})
    first.close()
    second = open_store()
    second.audit.append("ann", "a.b", {})
    verdict = second.audit.verify()
    assert (verdict.ok, verdict.rows) == (True, 2)


def test_several_writers_make_one_chain(open_store: Callable[[], Store]) -> None:
    stores = [open_store() for _ in range(4)]

    def write(one: Store) -> None:
        for n in range(20):
            one.audit.append("ann", "race.row", {"n": n})

    threads = [threading.Thread(target=write, args=(one,)) for one in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = stores[0].audit.verify()
    assert (verdict.ok, verdict.rows) == (True, 80)


def test_operations_without_an_outcome_are_open(store: Store) -> None:
    store.audit.append("ann", "deploy.intent", {}, "digits", "op1")
    store.audit.append("ann", "deploy.intent", {}, "digits", "op2")
    store.audit.append("ann", "deploy.step", {"step": "load"}, "digits", "op2")
    store.audit.append("ann", "deploy.outcome", {}, "digits", "op1")
    assert store.audit.open_operations() == ("op2",)
    assert store.audit.recent_operations(2) == ("op1", "op2")
    assert store.audit.recent_operations(1) == ("op2",)
    assert [row.action for row in store.audit.of_operation("op2")] == ["deploy.intent", "deploy.step"]


def test_a_body_without_a_json_form_leaves_no_row(store: Store) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        store.audit.append("ann", "a.b", {"share": float("nan")})
    assert store.audit.count() == 0
    assert store.audit.append("ann", "a.b", {}).seq == 1


def test_timeline_is_queried_newest_first(store: Store) -> None:
    store.timeline.append([event(n) for n in (2, 1, 3)])
    assert [e.id for e in store.timeline.recent(2)] == ["e3", "e2"]
    assert [e.id for e in store.timeline.query(None, 101.5, 103.0, (), "", 10)] == ["e2"]


def test_timeline_filters_by_service_kind_and_words(store: Store) -> None:
    store.timeline.append(
        [
            event(1, title="Alias MOVED", detail="100 % of champion", kind=EventKind.ALIAS),
            event(2, service="other", title="alias moved"),
            event(3, severity=Health.CRITICAL),
        ]
    )
    assert [e.id for e in store.timeline.query("digits", 0, None, (), "moved champion", 10)] == ["e1"]
    assert [e.id for e in store.timeline.query(None, 0, None, (EventKind.ALIAS,), "", 10)] == ["e1"]
    assert [e.id for e in store.timeline.query(None, 0, None, (), "0 %", 10)] == ["e1"]
    assert store.timeline.query(None, 0, None, (), "%_%", 10) == ()


def test_an_event_with_a_known_id_replaces_it(store: Store) -> None:
    store.timeline.append([event(1)])
    store.timeline.append([event(1, title="better")])
    assert [e.title for e in store.timeline.recent(10)] == ["better"]


def test_knowledge_is_kept(open_store: Callable[[], Store]) -> None:
    first = open_store()
    first.knowledge.quarantine("digits", "4", "returned", "ann")
    first.knowledge.quarantine("digits", "4", "returned again", "ann")
    first.knowledge.quarantine("digits", "5", "slow", "ann")
    first.knowledge.lift("digits", "5")
    first.knowledge.mark_known_good("digits", "1")
    first.knowledge.mark_known_good("digits", "2")
    first.knowledge.mark_known_good("digits", "1")
    first.knowledge.record_seconds("digits", "load", 3.5)
    first.close()
    kept = open_store().knowledge
    assert kept.quarantined("digits") == {"4": "returned again"}
    assert [version for version, _ in kept.known_good("digits")] == ["1", "2"]
    assert kept.measured_seconds("digits", "load") == 3.5
    assert kept.measured_seconds("digits", "route") is None


def test_alerts_and_silences_are_taken_up_again(open_store: Callable[[], Store]) -> None:
    first = open_store()
    firing = Alert("a@1", "digits", "use", AlertState.FIRING, Health.CRITICAL, "errors", 10.0, 12.0)
    over = Alert("b@1", "digits", "golden set", AlertState.RESOLVED, Health.WARNING, "", 5.0, 6.0, resolved_s=9.0)
    silence = Silence("s", "digits", "", 99.0, "ann", "known", 1.0)
    first.alerts.keep((replace(firing, text="was"), over))
    first.alerts.keep((firing,))
    first.alerts.add_silence(silence)
    first.alerts.add_silence(replace(silence, id="t"))
    first.alerts.drop_silence("t")
    first.close()
    second = open_store()
    assert {alert.id: alert for alert in second.alerts.load()} == {"a@1": firing, "b@1": over}
    assert second.alerts.silences() == (silence,)


def test_a_silence_is_changed_only_as_it_was_known(open_store: Callable[[], Store]) -> None:
    one, other = open_store(), open_store()
    known = Silence("s", "digits", "", 99.0, "ann", "known", 1.0)
    longer = replace(known, until_s=200.0)
    one.alerts.add_silence(known)
    other.alerts.replace_silence(known, longer)
    one.alerts.replace_silence(known, replace(known, until_s=300.0))
    one.alerts.replace_silence(known, None)
    assert one.alerts.silences() == (longer,)
    one.alerts.replace_silence(longer, None)
    assert other.alerts.silences() == ()
