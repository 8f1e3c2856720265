"""Exercises on a small world: who may play what, what is an exercise, how it is scored, and who sees it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mlcontrol.core.incidents.incident import EntryKind
from mlcontrol.core.problem import ProblemError
from mlcontrol.engine.practice_ground import SandboxGround
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.practice import PracticeDesk
from mlcontrol.store.database import StoreError
from mlcontrol.store.exercises import ExerciseBook
from tests.services.burning_world import Burning, ctx, incidents

__all__ = ["ctx", "incidents"]


class Ground:
    """Where two faults may be played; ``said``: why not, if so."""

    def __init__(self) -> None:
        self.played: list[str] = []
        self.said = ""

    def why_not(self) -> str:
        return self.said

    def faults(self) -> tuple[tuple[str, str], ...]:
        return (("error-burst", "version 6 fails"), ("server-frozen", "nobody answers"))

    def play(self, fault: str) -> None:
        self.played.append(fault)

    def clear(self) -> None:
        self.played.append("cleared")


@pytest.fixture
def ground() -> Ground:
    return Ground()


@pytest.fixture
def book(tmp_path: Path) -> ExerciseBook:
    return ExerciseBook(tmp_path / "mine" / "exercises.json")


@pytest.fixture
def desk(ctx: Burning, incidents: Incidents, ground: Ground, book: ExerciseBook) -> PracticeDesk:
    return PracticeDesk(ctx, incidents, ground, book)


def test_an_exercise_is_played_worked_through_and_scored(
    desk: PracticeDesk, ground: Ground, incidents: Incidents
) -> None:
    started = desk.start("error-burst", "ann")
    assert ground.played == ["error-burst"]
    assert started.running is not None
    assert desk.fault_of("ann") == "error-burst"
    assert desk.fault_of("bob") == "", "bob's incidents are real ones"
    one = incidents.declare("digits", "ann", practice=desk.fault_of("ann"))
    assert one.practice == "error-burst"
    with pytest.raises(ProblemError, match="recovery is not proven"):
        desk.score("ann")
    incidents.write(one.id, EntryKind.RECOVERY_CHECKED, "the cause is gone", "ann")
    incidents.write(one.id, EntryKind.VERIFIED, "five of five", "ann")
    found = desk.score("ann")
    assert (found.fault, found.person, found.wrong_turns) == ("error-burst", "ann", ())
    assert None not in (found.detect_s, found.decide_s, found.recover_s)
    assert found.points == 100
    after = desk.of("ann")
    assert (after.running, after.scores) == (None, (found,))
    assert "cleared" not in ground.played


def test_the_incidents_of_others_and_of_real_life_count_for_nothing(desk: PracticeDesk, incidents: Incidents) -> None:
    desk.start("server-frozen", "ann")
    incidents.declare("digits", "bob")
    with pytest.raises(ProblemError, match="declared no incident"):
        desk.score("ann")


def test_given_up_it_ends_the_fault_and_earns_what_was_done(desk: PracticeDesk, ground: Ground) -> None:
    desk.start("", "ann")
    running = desk.of("ann").running
    assert running is not None
    assert running.surprise
    assert running.fault in ("error-burst", "server-frozen")
    with pytest.raises(ProblemError, match="An exercise is running"):
        desk.start("error-burst", "ann")
    assert desk.score("ann", give_up=True).points == 0
    assert ground.played[-1] == "cleared"
    with pytest.raises(ProblemError, match="No exercise is running"):
        desk.score("ann")


def test_scores_are_of_one_person_in_a_file_nobody_else_may_read(
    desk: PracticeDesk, ctx: Burning, tmp_path: Path
) -> None:
    desk.start("error-burst", "ann")
    desk.score("ann", give_up=True)
    assert len(desk.of("ann").scores) == 1
    assert desk.of("bob").scores == ()
    file = tmp_path / "mine" / "exercises.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert ctx.store.audit.rows(None, 10) == (), "nothing of it is in the shared store"


def test_a_file_that_cannot_be_read_is_left_as_it_is_and_keeps_nobody_from_declaring(
    desk: PracticeDesk, tmp_path: Path
) -> None:
    file = tmp_path / "mine" / "exercises.json"
    file.parent.mkdir()
    file.write_text("{broken")
    with pytest.raises(StoreError, match="cannot be read"):
        desk.start("error-burst", "ann")
    assert file.read_text() == "{broken"
    assert desk.fault_of("ann") == ""


def test_faults_are_made_in_a_sandbox_only(desk: PracticeDesk, ground: Ground, tmp_path: Path) -> None:
    ground.said = "This workspace is no sandbox."
    with pytest.raises(ProblemError, match="Nothing is played here"):
        desk.start("error-burst", "ann")
    assert ground.played == []
    assert "no sandbox" in SandboxGround(tmp_path / "mlcontrol.toml").why_not()
    assert "does not run" in SandboxGround(tmp_path / "fleet" / "mlcontrol.toml").why_not()


def test_twin_without_asking_the_ground_a_real_workspace_would_be_hurt(
    desk: PracticeDesk, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.said = "This workspace is no sandbox."
    monkeypatch.setattr(Ground, "why_not", lambda _self: "")
    desk.start("error-burst", "ann")
    assert ground.played == ["error-burst"]
