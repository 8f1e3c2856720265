"""Practice: an incident of the sandbox as an exercise, worked through with the real means, scored by what was recorded."""

from __future__ import annotations

import secrets
import threading
from typing import Protocol

from mlcontrol.core.incidents.decision_times import decision_times
from mlcontrol.core.incidents.exercise import Exercise, Practice, Score, score
from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.incidents.keeping import Incidents


class Ground(Protocol):
    """Where faults may be played on purpose. `play` and `clear` raise `ProblemError`."""

    def why_not(self) -> str:
        """Why nothing can be played here; empty where it can."""
        ...

    def faults(self) -> tuple[tuple[str, str], ...]:
        """(name, what happens)."""
        ...

    def play(self, fault: str) -> None:
        """Returns once it has taken effect."""
        ...

    def clear(self) -> None: ...


class Book(Protocol):
    """`store.exercises.ExerciseBook`."""

    def scores(self, person: str) -> tuple[Score, ...]: ...
    def running(self, person: str) -> Exercise | None: ...
    def begin(self, exercise: Exercise) -> None: ...
    def end(self, person: str, score: Score | None) -> None: ...


class PracticeDesk:
    """*Thread:* any. What one person played is told to that person alone."""

    def __init__(self, ctx: ServiceContext, incidents: Incidents, ground: Ground, book: Book) -> None:
        self._ctx = ctx
        self._incidents = incidents
        self._ground = ground
        self._book = book
        self._lock = threading.Lock()

    def of(self, person: str) -> Practice:
        running = self._book.running(person)
        return Practice(person, self._ground.faults(), running, self._book.scores(person), self._ground.why_not())

    def fault_of(self, person: str) -> str:
        """What ``person`` is exercised with now; an incident declared meanwhile is an exercise. Empty: nothing."""
        try:
            running = None if self._ground.why_not() else self._book.running(person)
        except ProblemError:
            return ""  # whatever is wrong with exercises keeps nobody from declaring an incident
        return "" if running is None else running.fault

    def start(self, fault: str, person: str) -> Practice:
        """Play a fault; an empty name: any, and the person is not told which. The clock runs from when it has taken effect."""
        why_not = self._ground.why_not()
        if why_not:
            raise ProblemError(
                Problem("Nothing is played here.", why_not, "Open the sandbox: `mlcontrol sandbox up`.", "refused")
            )
        names = [name for name, _what in self._ground.faults()]
        if fault and fault not in names:
            raise ProblemError(
                Problem(f"There is no fault {fault!r}.", "", f"Choose one of {', '.join(names)}.", "usage")
            )
        with self._lock:
            if self._book.running(person) is not None:
                raise ProblemError(
                    Problem("An exercise is running.", "", "Finish and score it, or give it up.", "conflict")
                )
            chosen = fault or secrets.choice(names)
            self._ground.play(chosen)
            self._book.begin(Exercise(chosen, person, self._ctx.clock.utc_s(), surprise=not fault))
        return self.of(person)

    def score(self, person: str, give_up: bool = False) -> Score:
        """The score of the exercise that runs, which ends with it. Refused before recovery is proven, unless it is given up."""
        with self._lock:
            running = self._book.running(person)
            if running is None:
                raise ProblemError(
                    Problem("No exercise is running.", "", "Start one: `mlcontrol incident practice`.", "not-found")
                )
            incident = self._worked_on(running)
            over = incident is not None and incident.mitigated_s is not None
            if not over and not give_up:
                raise ProblemError(_not_over(incident))
            if not over:
                self._ground.clear()
            found = self._scored(running, incident)
            self._book.end(person, found)
        return found

    def _worked_on(self, running: Exercise) -> Incident | None:
        """The first incident of this exercise that its person declared or joined."""
        mine = [
            one
            for one in self._incidents.find()
            if one.practice == running.fault
            and running.person in one.people
            and one.declared_s is not None
            and one.declared_s >= running.started_s
        ]
        return mine[-1] if mine else None

    def _scored(self, running: Exercise, incident: Incident | None) -> Score:
        if incident is None:
            return Score(running.fault, running.person, running.started_s, None, None, None, (), 0)
        times = decision_times(incident, self._ctx.state().operations.values(), running.started_s)
        return score(running.fault, running.person, running.started_s, times)


def _not_over(incident: Incident | None) -> Problem:
    if incident is None:
        return Problem(
            "You have declared no incident since the exercise began.",
            "",
            "Declare it on the incident page, or give the exercise up.",
            "unknown",
        )
    return Problem(
        f"Incident {incident.number} is not over: recovery is not proven.",
        "",
        "Take the way back, or say that it is over; or give the exercise up.",
        "unknown",
    )
