"""The map of replicas: who has which version, who lacks it, and who has not said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core.facts import Alias, Known, ServiceFacts
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import Replica, ReplicaState, ServiceState, Stamp
from mlcontrol.gui.viewmodels.service_facts import service_facts
from mlcontrol.services.assembly import Remembered, assemble

NOW_S = 1000.0
SERVICE = ServiceSettings("digits", serving=("a", "b", "c"))


def said(connection: str, *versions: str, age_s: float = 1.0, why: str = "") -> Known[tuple[Replica, ...]]:
    rows = tuple(Replica(connection, version, ReplicaState.READY) for version in versions)
    failed = (Problem(why), Stamp(0, NOW_S, 1000)) if why else (None, None)
    return Known(rows, Stamp(0, NOW_S - age_s, 1), *failed)


def assembled(**endpoints: Known[tuple[Replica, ...]]) -> ServiceState:
    facts = ServiceFacts(alias=Known(Alias("champion", "3"), Stamp(0, NOW_S, 1)), replicas=endpoints)
    return assemble(SERVICE, facts, Remembered(), NOW_S, 5.0, "", None, None)


def shown(state: ServiceState) -> tuple[str, str]:
    return next((words, tone) for name, words, tone in service_facts(state, 900.0, True, None) if name == "Replicas")


def test_all_have_it() -> None:
    assert shown(assembled(a=said("a", "3"), b=said("b", "2", "3"), c=said("c", "3"))) == ("3 of 3 with v3", "")


def test_an_endpoint_that_is_empty_counts_and_is_named() -> None:
    """It has restarted and loaded nothing: two rows of two had read as "2 of 2"."""
    state = assembled(a=said("a", "3"), b=said("b", "3"), c=said("c"))
    assert shown(state) == ("2 of 3 with v3\nnot on c", "warning")
    assert [(r.connection, r.version, r.state) for r in state.replicas][-1] == ("c", "", ReplicaState.UNAVAILABLE)


@pytest.mark.parametrize("versions", [("3",), ()])
def test_an_endpoint_that_fell_silent_has_nothing_ready(versions: tuple[str, ...]) -> None:
    """What it had ten minutes ago is no answer."""
    dead = said("c", *versions, age_s=600, why="'c' does not answer.")
    state = assembled(a=said("a", "3"), b=said("b", "3"), c=dead)
    assert shown(state) == ("2 of 3 with v3\n? c silent", "unknown")
    assert (state.replicas[-1].state, state.replicas[-1].reason) == (ReplicaState.UNREACHABLE, "'c' does not answer.")
    both = assembled(a=said("a", "3"), b=said("b", "2"), c=dead)
    assert shown(both) == ("1 of 3 with v3\nnot on b\n? c silent", "warning")


def test_an_endpoint_that_has_not_been_asked_yet_is_unknown() -> None:
    assert shown(assembled(a=said("a", "3"), b=said("b", "3"))) == ("2 of 3 with v3\n? c silent", "unknown")


def test_one_missed_poll_changes_nothing() -> None:
    late = replace(said("c", "3", age_s=6), failed=Problem("late"), failed_at=Stamp(0, NOW_S, 9))
    assert shown(assembled(a=said("a", "3"), b=said("b", "3"), c=late)) == ("3 of 3 with v3", "")
