"""Windows in which nothing is deployed, and when a drill is due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlcontrol.core.drill import Drill, DrillMode, is_due, is_old, trend
from mlcontrol.core.freeze import Freeze, binds, end_of, state_of
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.permission import Approval, Automation, automation, people_needed, standing
from mlcontrol.core.settings import ServiceSettings


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-11-27T15:59", False),  # a Friday
        ("2026-11-27T16:00", True),
        ("2026-11-29T12:00", True),
        ("2026-11-30T07:59", True),
        ("2026-11-30T08:00", False),
        ("2026-11-25T12:00", False),
    ],
)
def test_a_weekly_freeze_holds_over_the_end_of_the_week(moment: str, holds: bool) -> None:
    freeze = Freeze("weekend", weekly="Fri 16:00 - Mon 08:00")
    assert bool(binds(freeze, "digits", "prod", at(moment))) == holds


def test_a_freeze_with_dates_binds_its_environments_and_services() -> None:
    freeze = Freeze("sale", "black friday", "2026-11-26T00:00", "2026-12-01T00:00+00:00", environments=("prod",))
    now = at("2026-11-27T00:00")
    assert "black friday" in binds(freeze, "digits", "prod", now)
    assert binds(freeze, "digits", "staging", now) == ""
    assert binds(freeze, "digits", "prod", at("2026-12-01T00:00")) == ""
    assert binds(Freeze("one", starts="2026-01-01", services=("other",)), "digits", "prod", now) == ""


@pytest.mark.parametrize(
    "freeze",
    [
        Freeze("empty"),
        Freeze("typo", weekly="Frl 16:00 - Mon 08:00"),
        Freeze("typo", weekly="Fri 16:00"),
        Freeze("typo", starts="soon"),
        Freeze("turned", starts="2026-12-02", ends="2026-12-01"),
    ],
)
def test_a_freeze_that_cannot_be_read_binds(freeze: Freeze) -> None:
    assert "cannot be read" in binds(freeze, "digits", "prod", at("2026-11-27T00:00"))


@pytest.mark.parametrize(
    ("written", "end"),
    [
        ("", ""),
        ("90m", "2026-11-27T01:30:00+00:00"),
        (" 2h", "2026-11-27T02:00:00+00:00"),
        ("3d", "2026-11-30T00:00:00+00:00"),
        ("18:00", "2026-11-27T18:00:00+00:00"),
        ("0:00", "2026-11-28T00:00:00+00:00"),
        ("2026-12-01", "2026-12-01T00:00:00+00:00"),
        ("2026-12-01 08:00+02:00", "2026-12-01T06:00:00+00:00"),
    ],
)
def test_the_end_of_a_freeze_as_a_person_writes_it(written: str, end: str) -> None:
    assert end_of(written, at("2026-11-27T00:00")) == end


@pytest.mark.parametrize("written", ["soon", "h", "-2h", "99:00", "2001-01-01", "99999999d"])
def test_what_is_no_end_of_a_freeze_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"no time|past"):
        end_of(written, at("2026-11-27T00:00"))


def test_a_freeze_says_where_it_stands() -> None:
    now = at("2026-11-27T00:00")
    assert state_of(Freeze("a", starts="2026-11-26"), now) == ("holds", "until it is lifted")
    assert state_of(Freeze("a", ends="2026-11-28"), now) == ("holds", "until Sat 28 Nov 00:00 UTC")
    assert state_of(Freeze("a", starts="2026-11-28"), now) == ("waits", "from Sat 28 Nov 00:00 UTC")
    assert state_of(Freeze("a", ends="2026-11-26"), now) == ("over", "since Thu 26 Nov 00:00 UTC")
    assert state_of(Freeze("a", weekly="Fri 16:00 - Mon 08:00"), now)[0] == "waits"
    assert state_of(Freeze("a", starts="soon"), now)[0] == "unreadable"
    assert binds(Freeze("a", starts="2026-11-26"), "digits", "prod", now).endswith("holds until it is lifted.")


def test_an_approval_counts_for_its_plan_for_others_and_for_a_while() -> None:
    given = (Approval("sha256:a", "digits", "bob", "fine", 100.0, 200.0),)
    assert standing(given, "sha256:a", "ann", 150.0) == given
    assert standing(given, "sha256:b", "ann", 150.0) == (), "another plan"
    assert standing(given, "sha256:a", "bob", 150.0) == (), "his own"
    assert standing(given, "sha256:a", "ann", 200.0) == (), "expired"


def test_a_rollback_waits_for_nobody_and_what_cannot_be_read_is_manual() -> None:
    service = ServiceSettings(
        "digits", approval={"people": 2}, automation={"rollback": "automatic", "deploy": "allways"}
    )
    assert people_needed(service, OperationKind.DEPLOY) == 2
    assert people_needed(service, OperationKind.ROLLBACK) == 0
    assert automation(service, "rollback") is Automation.AUTOMATIC
    assert automation(service, "deploy") is Automation.MANUAL
    assert automation(ServiceSettings("digits"), "rollback") is Automation.SUGGEST


def test_when_a_drill_is_due_and_when_the_last_is_old() -> None:
    now = at("2026-11-27T03:00")
    weekly = {"every": "7d", "window": "02:00-04:00"}
    assert is_due(weekly, None, now)
    assert is_due(weekly, now - 8 * 86400, now)
    assert not is_due(weekly, now - 6 * 86400, now)
    assert not is_due(weekly, None, at("2026-11-27T12:00"))
    assert is_due({"every": "12h", "window": "22:00-04:00"}, None, now), "over midnight"
    assert not is_due({}, None, now)
    for wrong in ({"every": "often"}, {"every": "7d", "window": "night"}):
        with pytest.raises(ValueError, match=r"no span|no window"):
            is_due(wrong, None, now)
    assert is_old(None, now)
    assert is_old(now - 31 * 86400, now)
    assert not is_old(now - 29 * 86400, now)


def test_the_trend_holds_the_newest_drill_against_those_of_its_mode_before_it() -> None:
    def of(total_s: float, ok: bool = True, mode: DrillMode = DrillMode.SHADOW) -> Drill:
        return Drill("digits", 0.0, mode, "2", ok, 0.0, 0.0, 0.0, total_s)

    assert trend(()) == trend((of(3.0, ok=False),)) == ""
    assert trend((of(3.0),)) == "3.0 s; the first of its kind"
    assert trend((of(3.0), of(9.0, mode=DrillMode.REAL))) == "3.0 s; the first of its kind"
    assert trend((of(3.0), of(2.0), of(1.0), of(2.5))) == "3.0 s, slower than the 2.0 s of the 3 before"
    assert trend((of(1.0), of(2.0))) == "1.0 s, faster than the 2.0 s of the 1 before"
    assert trend((of(2.1), of(9.0, ok=False), of(2.0))) == "2.1 s, as the 2.0 s of the 1 before; 1 of 3 failed"
    assert trend((of(2.0), *(of(2.0) for _ in range(5)), of(50.0))).startswith("2.0 s, as the 2.0 s of the 5")


def test_the_time_of_a_drill_counts_only_when_it_passed() -> None:
    drill = Drill("digits", 0.0, DrillMode.SHADOW, "2", True, 0.1, 0.2, 0.3, 0.4)
    assert drill.total_s == pytest.approx(1.0)
    assert Drill("digits", 0.0, DrillMode.SHADOW, "2", False, 0.1, 0.2, 0.3, 0.4).total_s is None
    assert Drill("digits", 0.0, DrillMode.SHADOW, "2", True, 0.1, 0.2, None, 0.4).total_s is None
