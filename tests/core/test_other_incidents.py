"""What failed in the time of another incident is not asked of this one; what burns on is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mlcontrol.core.incidents.counts import Counts
from mlcontrol.core.incidents.incident import Incident, IncidentPhase
from mlcontrol.core.incidents.others import (
    UNNOTICED_S,
    Told,
    acted_since_s,
    burning_since_s,
    onset_since_s,
    own_since_s,
    told_by_others,
)
from mlcontrol.core.incidents.recovery import HARMLESS, recovered

OBJECTIVE = 0.01
THIS = Incident("incident-2", 2, "digits", "prod", "", IncidentPhase.DECLARED, detected_s=1000.0, declared_s=1010.0)
LAST = replace(
    THIS, id="incident-1", phase=IncidentPhase.RESOLVED, detected_s=700.0, declared_s=710.0, mitigated_s=900.0,
    resolved_s=950.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "ended_s"),
    [
        ({}, 900.0),
        ({"service": "churn"}, 900.0),  # of the same environment: its cause hurts both
        ({"service": "churn", "environment": "test"}, None),
        ({"service": "churn", "environment": ""}, None),
        ({"mitigated_s": None}, 950.0),
        ({"mitigated_s": None, "resolved_s": None, "phase": IncidentPhase.DECLARED}, None),  # it may burn still
        ({"mitigated_s": 1020.0}, None),  # both burned when this one was declared
        ({"id": THIS.id}, None),
    ],
)
def test_only_what_had_ended_near_by_before_it_was_declared_tells_of_it(
    changes: dict[str, object], ended_s: float | None
) -> None:
    told = told_by_others(THIS, [replace(LAST, **changes)], 1100.0)
    assert [one.until_s for one in told] == ([] if ended_s is None else [ended_s])
    assert burning_since_s(told, 600.0) == (ended_s or 600.0)
    assert burning_since_s(told, 1000.0) == 1000.0


def test_what_ended_after_the_way_back_was_taken_is_not_cut_away() -> None:
    undeclared = replace(THIS, id="", declared_s=None)
    assert told_by_others(undeclared, [LAST], 899.0) == ()
    assert len(told_by_others(undeclared, [LAST], 901.0)) == 1


def test_the_time_of_a_neighbour_is_its_own_for_the_failures_and_not_for_the_beginning() -> None:
    told = (Told("churn", 700.0, 900.0), Told("digits", 500.0, 800.0))
    assert own_since_s("digits", told, 600.0) == 800.0
    assert burning_since_s(told, 600.0) == 900.0
    assert onset_since_s("digits", told) == 500.0 - UNNOTICED_S
    assert onset_since_s("digits", told[:1]) == float("-inf")


def test_what_was_done_before_the_last_one_was_closed_is_not_a_way_back_from_this_one() -> None:
    assert acted_since_s(THIS, [LAST], 700.0) == 950.0
    assert acted_since_s(THIS, [replace(LAST, service="churn")], 700.0) == 699.0


AT_S = np.arange(605.0, 1400.0, 5.0)
SAID_S = 1100.0
share = st.floats(0.0, 1.0)


def counted(*shares: tuple[float, float, float]) -> Counts:
    """Twenty answers every five seconds; ``shares``: (since, until, what failed)."""
    failed = np.zeros(len(AT_S))
    for since_s, until_s, failing in shares:
        failed[(since_s < AT_S) & (until_s >= AT_S)] = round(20 * failing)
    return Counts(AT_S, np.full(len(AT_S), 20.0), failed)


def proof(counts: Counts, told: tuple[Told, ...], began_s: float = 600.0) -> tuple[bool, float, float]:
    before = counts.between(burning_since_s(told, began_s), SAID_S).share
    found = recovered(counts, SAID_S, before, OBJECTIVE)
    return found.decided, found.level, found.most


@given(before=share, during=share, after=share)
def test_the_proof_is_the_same_as_if_the_other_had_never_been(before: float, during: float, after: float) -> None:
    own = ((900.0, SAID_S, during), (SAID_S, 1400.0, after))
    told = told_by_others(THIS, [LAST], SAID_S)
    assert proof(counted((600.0, 900.0, before), *own), told) == proof(counted(*own), told)


@given(before=share, during=share, after=st.floats(0.1, 1.0))
def test_what_burns_on_is_never_called_over(before: float, during: float, after: float) -> None:
    """However much or little is told by the other: over half of what failed, and over five of a hundred, is not well."""
    after = max(after, 0.6 * round(20 * during) / 20)
    seen = counted((600.0, 900.0, before), (900.0, SAID_S, during), (SAID_S, 1400.0, after))
    assert not proof(seen, told_by_others(THIS, [LAST], SAID_S))[0]


def test_twin_without_the_others_an_incident_in_which_nothing_fails_is_held_to_half_of_what_they_failed() -> None:
    quiet = counted((700.0, 900.0, 0.1))
    told = told_by_others(THIS, [LAST], SAID_S)
    assert proof(quiet, told)[1:] == (HARMLESS, OBJECTIVE)
    assert proof(quiet, ())[1] == pytest.approx(0.02)
    soon = quiet.between(0.0, SAID_S + 30.0)  # 120 answers, of which none failed
    assert proof(soon, told)[0]
    assert not proof(soon, ())[0]
