"""An incident is what was written down; who may write what, what it froze, what it looks like."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.core.incidents.incident import (
    Entry,
    EntryKind,
    Incident,
    IncidentPhase,
    fold,
    frozen_by,
    refusal,
    title_of,
)
from mlcontrol.core.incidents.likeness import looks_like, matching, recurrences
from mlcontrol.core.incidents.log import log_lines
from mlcontrol.core.types import EventKind, Health, ServiceState, Signal, TimelineEvent


def entries(*steps: tuple[float, str, EntryKind, str], **data: str) -> list[Entry]:
    facts = {"service": "digits", "environment": "sandbox", "number": "7", "detected_s": "90.0", **data}
    return [
        Entry("incident-1", i + 1, at_s, who, kind, text, facts if i == 0 else {})
        for i, (at_s, who, kind, text) in enumerate(steps)
    ]


def incident(*steps: tuple[float, str, EntryKind, str], **data: str) -> Incident:
    found = fold(entries((100.0, "ann", EntryKind.DECLARED, "errors 6.4 %"), *steps, **data))
    assert found is not None
    return found


def test_the_phases_follow_from_the_entries() -> None:
    now = incident()
    assert (now.phase, now.holder, now.detected_s, now.declared_s, now.number) == (
        IncidentPhase.DECLARED,
        "ann",
        90,
        100,
        7,
    )
    now = incident((160.0, "ann", EntryKind.VERIFIED, "v2 answers"), (200.0, "ann", EntryKind.RESOLVED, "v3 was bad"))
    assert (now.phase, now.mitigated_s, now.resolved_s) == (IncidentPhase.RESOLVED, 160.0, 200.0)
    assert now.lasted_s(1000.0) == 70.0
    again = incident(
        (160.0, "ann", EntryKind.VERIFIED, ""),
        (200.0, "ann", EntryKind.RESOLVED, "x"),
        (210.0, "bob", EntryKind.REOPENED, ""),
    )
    assert (again.phase, again.mitigated_s, again.open) == (IncidentPhase.DECLARED, None, True)


def test_an_entry_before_its_beginning_is_no_incident() -> None:
    assert fold(entries((1.0, "ann", EntryKind.NOTE, "hm"))) is None
    assert fold([]) is None


@pytest.mark.parametrize(
    ("kind", "actor", "said"),
    [
        (EntryKind.NOTE, "bob", ""),
        (EntryKind.JOINED, "bob", ""),
        (EntryKind.TOOK_OVER, "bob", ""),
        (EntryKind.TOOK_OVER, "ann", "you have it"),
        (EntryKind.HANDED_OVER, "bob", "ann has it"),
        (EntryKind.MITIGATED, "bob", "ann has it"),
        (EntryKind.MITIGATED, "ann", ""),
        (EntryKind.DECLARED, "bob", "ann has it"),
        (EntryKind.RESOLVED, "ann", "not proven"),
        (EntryKind.REOPENED, "ann", "it is open"),
    ],
)
def test_one_holds_it_and_others_write_but_do_not_act(kind: EntryKind, actor: str, said: str) -> None:
    why = refusal(incident(), kind, actor)
    assert (said in why) if said else why == ""


def test_taking_over_and_handing_over_change_the_holder() -> None:
    assert incident((110.0, "bob", EntryKind.TOOK_OVER, "")).holder == "bob"
    handed = Entry("incident-1", 2, 120.0, "ann", EntryKind.HANDED_OVER, "", {"to": "eve"})
    now = fold([*entries((100.0, "ann", EntryKind.DECLARED, "x")), handed])
    assert now is not None
    assert (now.holder, now.people) == ("eve", ("ann",))


def test_an_open_incident_freezes_its_environment_and_a_resolved_one_nothing() -> None:
    burning = incident()
    assert frozen_by([burning], "other", "sandbox") is burning
    assert frozen_by([burning], "digits", "elsewhere") is burning
    assert frozen_by([burning], "other", "elsewhere") is None
    assert frozen_by([burning], "other", "") is None
    over = incident((1.0, "ann", EntryKind.MITIGATED, ""), (2.0, "ann", EntryKind.RESOLVED, "x"))
    assert frozen_by([over], "digits", "sandbox") is None


def test_the_log_holds_what_people_wrote_and_what_was_noticed_in_one_order() -> None:
    events = [
        TimelineEvent("d", 60.0, EventKind.DEPLOY, "deploy of v3", "digits", actor="ci"),
        TimelineEvent("a", 95.0, EventKind.ALERT, "errors over 1 %", "digits"),
        TimelineEvent("o", 96.0, EventKind.DEPLOY, "deploy of v9", "other"),
        TimelineEvent("incident-incident-1-1", 100.0, EventKind.NOTE, "Incident declared", "digits"),
    ]
    now = incident((130.0, "ann", EntryKind.DECISION, "go back"))
    lines = log_lines(now, events, 200.0)
    assert [(line.who, line.text) for line in lines] == [
        ("ci", "deploy of v3"),
        ("alert", "errors over 1 %"),
        ("ann", "incident declared: errors 6.4 %"),
        ("ann", "decided: go back"),
    ]


def test_a_clock_that_was_set_back_does_not_turn_the_log_round() -> None:
    """Fault 18: what was written later stands later, and what was noticed in between is there."""
    now = incident(
        (110.0, "ann", EntryKind.HYPOTHESIS, "v3"),
        (-9000.0, "ann", EntryKind.DECISION, "go back"),
        (-8990.0, "ann", EntryKind.MITIGATED, "well again"),
        (-8980.0, "ann", EntryKind.RESOLVED, "v3 was bad"),
    )
    noticed = TimelineEvent("a", 105.0, EventKind.ALERT, "errors over 1 %", "digits")
    lines = log_lines(now, [noticed], -8970.0)
    assert [line.text.partition(":")[0] for line in lines] == [
        "incident declared", "errors over 1 %", "suspects", "decided", "mitigated", "resolved"
    ]  # fmt: skip


def numbered(n: int, service: str, title: str, **data: Any) -> Incident:
    first = Entry(
        f"i{n}", 1, 100.0 * n, "ann", EntryKind.DECLARED, title, {"service": service, "number": str(n), **data}
    )
    done = Entry(f"i{n}", 2, 100.0 * n + 9, "ann", EntryKind.MITIGATED, f"ended {n}", {})
    found = fold([first, done])
    assert found is not None
    return found


def test_it_says_which_earlier_one_it_looks_like() -> None:
    past = [
        numbered(1, "digits", "digits: errors 5 % shape mismatch 422"),
        numbered(2, "fraud", "fraud: latency p99 over objective"),
        numbered(3, "fraud", "fraud: labels stopped arriving"),
    ]
    now = numbered(9, "digits", "digits: errors 8 %, shape mismatch again")
    first, *rest = looks_like(now, [*past, now])
    assert (first.number, first.outcome) == (1, "ended 1")
    assert {"shape", "mismatch"} <= set(first.shared)
    assert all(other.score < first.score for other in rest)
    assert looks_like(numbered(8, "spam", "something else entirely"), past) == ()


def test_recurrence_and_search() -> None:
    past = [numbered(1, "digits", "a", alert="ErrorsHigh"), numbered(2, "digits", "b", alert="Slow")]
    now = numbered(5, "digits", "c", alert="ErrorsHigh")
    assert [one.number for one in recurrences(now, [*past, now])] == [1]
    assert [one.number for one in matching([*past, now], "ended DIGITS #2")] == [2]


def test_two_deploys_are_not_the_same_cause() -> None:
    """ "Came back" is said of what was laid to the same change, not of whatever had a deploy before it."""

    def laid_to(n: int, what: str) -> Incident:
        first = Entry(f"i{n}", 1, 100.0 * n, "ann", EntryKind.DECLARED, "x", {"service": "digits", "number": str(n)})
        looked = Entry(f"i{n}", 2, 100.0 * n, "ann", EntryKind.SUSPECT, f"looks at: {what}", {"event": f"op-{n}"})
        found = fold([first, looked])
        assert found is not None
        return found

    past = [laid_to(1, "deploy of v2"), laid_to(2, "deploy of v6")]
    assert [one.number for one in recurrences(laid_to(3, "deploy of v6"), past)] == [2]
    assert recurrences(laid_to(3, "deploy of v7"), past) == ()


@pytest.mark.parametrize(
    ("use", "data", "title"),
    [
        ((Health.CRITICAL, "errors 6.4 %"), (Health.WARNING, "x changed"), "s: errors 6.4 %"),
        ((Health.OK, "3.4 /s"), (Health.WARNING, "x in region south changed"), "s: x in region south changed"),
        ((Health.OK, "3.4 /s"), (Health.WARNING, "2 changed"), "s: data changed in 2 places"),
        ((Health.OK, "as usual"), (Health.UNKNOWN, "not compared"), "s"),
    ],
)
def test_it_is_called_by_what_is_wrong(use: tuple[Health, str], data: tuple[Health, str], title: str) -> None:
    assert title_of(ServiceState("s", use=Signal(*use), data=Signal(*data))) == title


def test_an_incident_is_called_as_people_call_the_service() -> None:
    burning = ServiceState("diamond-cut", "Diamond grader", use=Signal(Health.CRITICAL, "errors 9 %"))
    assert title_of(burning) == "Diamond grader: errors 9 %"
