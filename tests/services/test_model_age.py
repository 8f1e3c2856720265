"""The objective of freshness: how old a model may be that answers rightly."""

from __future__ import annotations

import pytest

from mlcontrol.core.facts import Known, ServiceFacts
from mlcontrol.core.types import Health, Signal, Stamp, VersionSummary
from mlcontrol.services.assembly import _with_age

NOW_S, DAY_S = 1_700_000_000.0, 86_400.0
GOOD = Signal(Health.OK, "v2 answers", "v2 answered a golden query.")


@pytest.mark.parametrize(
    ("created_s", "most_days", "health", "text"),
    [
        (NOW_S - 5 * DAY_S, 30.0, Health.OK, "v2 answers"),
        (NOW_S - 40 * DAY_S, 30.0, Health.WARNING, "40 days old"),
        (NOW_S - 40 * DAY_S, None, Health.OK, "v2 answers"),
        (None, 30.0, Health.UNKNOWN, "age not known"),
        (NOW_S + 40 * DAY_S, 30.0, Health.UNKNOWN, "age not known"),
    ],
)
def test_a_model_older_than_its_objective_warns(
    created_s: float | None, most_days: float | None, health: Health, text: str
) -> None:
    # Asked ten seconds ago: the age goes on meanwhile, by the monotonic clock.
    facts = ServiceFacts(versions=Known((VersionSummary("2", created_s),), Stamp(NOW_S - 10, 990.0, 1)))
    found = _with_age(GOOD, most_days, facts, "2", 1000.0)
    assert (found.health, found.text) == (health, text)


def test_what_is_worse_is_not_covered_by_an_age() -> None:
    bad = Signal(Health.CRITICAL, "wrong golden answer")
    facts = ServiceFacts(versions=Known((VersionSummary("2", 0.0),), Stamp(NOW_S, 0.0, 1)))
    assert _with_age(bad, 30.0, facts, "2", 0.0) is bad


def test_a_registry_that_never_listed_its_versions_tells_no_age() -> None:
    """Its alias is asked for by itself, so that presence can be known where the list is refused."""
    assert _with_age(GOOD, 30.0, ServiceFacts(), "2", 1000.0).health is Health.UNKNOWN
    assert _with_age(GOOD, None, ServiceFacts(), "2", 1000.0) is GOOD
