"""Silences in a store that two engines share: each sees the other's, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.store.store import Store
from tests.services.test_alerts import BAD, T, World


class Beside(World):
    """An engine with a clock of its own on a store that others use, too. ``shared``: as of a database on a server."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, shared: bool = True) -> None:
        monkeypatch.setattr(Store, "shared", shared)
        super().__init__(folder)

    @property
    def reasons(self) -> list[str]:
        return sorted(one.reason for one in self.state_now.silences)


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Beside, Beside]]:
    first, second = Beside(tmp_path, monkeypatch), Beside(tmp_path, monkeypatch)
    yield first, second
    first.store.close()
    second.store.close()


def test_both_stay_and_both_engines_are_silent(two: tuple[Beside, Beside]) -> None:
    first, second = two
    first.alerts.silence("digits", "use", 3600.0, "of the first", "ann")
    second.alerts.silence("digits", "latency", 3600.0, "of the second", "bob")
    first.wait(2)
    assert sorted(one.reason for one in first.store.alerts.silences()) == ["of the first", "of the second"]
    for engine in two:
        engine.alerts.heed_others()
        assert engine.reasons == ["of the first", "of the second"]
    second.show(use=BAD)
    second.wait(60)
    assert second.firing
    assert second.told == [], "the first one's silence holds here, too"


def test_what_one_ends_is_over_for_both(two: tuple[Beside, Beside]) -> None:
    first, second = two
    first.alerts.silence("digits", "use", 3600.0, "known", "ann")
    second.alerts.heed_others()
    (silence,) = second.state_now.silences
    second.alerts.end_silence(silence.id, "bob")
    first.alerts.heed_others()
    assert first.state_now.silences == ()
    assert first.store.alerts.silences() == ()


def test_an_engine_whose_clock_is_wrong_ends_nothing_of_the_others(two: tuple[Beside, Beside]) -> None:
    first, second = two
    first.alerts.silence("digits", "use", 3600.0, "known", "ann")
    second.alerts.heed_others()
    second.wait(1)
    second.clock.jump(3 * 86_400.0)
    second.wait(2)
    second.alerts.heed_others()
    assert second.state_now.silences == ()
    first.alerts.heed_others()
    (silence,) = first.state_now.silences
    assert silence.until_s == T + 3600.0
    second.clock.jump(-3 * 86_400.0)
    second.wait(2)
    second.alerts.heed_others()
    assert first.reasons == ["known"]


def test_what_this_machine_s_clock_dated_moves_with_it_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = Beside(tmp_path, monkeypatch, shared=False)
    world.alerts.silence("digits", "use", 3600.0, "known", "ann")
    world.alerts = world.engine()
    world.alerts.start()
    world.alerts.close()
    world.wait(1)
    world.clock.jump(90.0)
    world.wait(1)
    world.alerts.heed_others()
    (silence,) = world.state_now.silences
    assert silence.until_s == pytest.approx(T + 3690.0)
    world.store.close()


def test_what_has_ended_does_not_come_back_with_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = Beside(tmp_path, monkeypatch)
    world.alerts.silence("digits", "use", 60.0, "known", "ann")
    world.wait(61)
    world.clock.jump(-3600.0)
    world.wait(2)
    world.alerts.heed_others()
    assert world.state_now.silences == ()
    assert world.store.alerts.silences() == ()
    world.store.close()


def test_a_store_that_is_away_for_a_moment_leaves_the_silences_that_hold(
    two: tuple[Beside, Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _second = two
    first.alerts.silence("digits", "use", 3600.0, "known", "ann")

    def away(*_: object) -> None:
        raise ProblemError(Problem("The store is away.", code="store"))

    monkeypatch.setattr(first.store.alerts, "silences", away)
    with pytest.raises(ProblemError, match="away"):
        first.alerts.heed_others()
    assert first.reasons == ["known"]
    first.show(use=BAD)
    first.wait(30)
    assert first.told == []
