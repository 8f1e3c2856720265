"""The three sentences: while nothing is wrong they do not speak of something that began and hurts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core.incidents.impact import Impact
from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.incidents.story import story
from mlcontrol.core.signals.change import ChangePoint
from mlcontrol.core.types import Freshness, Health, ServiceState, Signal

WELL = Signal(Health.OK, "fine", freshness=Freshness.FRESH)
CALM = ServiceState("digits", "Digit reader", presence=WELL, use=WELL, accuracy=WELL)
UNDECLARED = Incident("", 0, "digits", "sandbox", "digits: 3.9 /s", detected_s=50.0)
CHANGE = ChangePoint(50.0, 40.0, 60.0, 0, 0.0, 1.0, 0.9)


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        (None, "not known, because no source counts"),
        (0.0, "No failed answers were counted"),
        (4100.0, "Failed answers lately: about 4 100."),
    ],
)
def test_a_calm_service_has_no_beginning_and_nobody_hurt(failed: float | None, said: str) -> None:
    told = story(UNDECLARED, CALM, CHANGE, None, Impact(60.0, failed=failed), None)
    assert (told.what, told.since) == ("Digit reader is within its limits now.", "No incident is declared.")
    assert said in told.hurt
    assert told.tone == "ok"


def test_what_is_unknown_or_declared_is_told_in_full() -> None:
    unknown = replace(CALM, accuracy=Signal(text="labels are late"))
    assert "It began at" in story(UNDECLARED, unknown, CHANGE, None, Impact(60.0), None).since
    assert "It began at" in story(replace(UNDECLARED, id="i"), CALM, CHANGE, None, Impact(60.0), None).since


@pytest.mark.parametrize(("share", "tone"), [(0.006, "ok"), (0.02, "critical")])
def test_errors_within_their_objective_are_nothing_wrong(share: float, tone: str) -> None:
    assert story(UNDECLARED, CALM, CHANGE, None, Impact(60.0), share, objective=0.01).tone == tone
    assert story(UNDECLARED, CALM, CHANGE, None, Impact(60.0), share).tone == "critical", "nobody says how many may"
