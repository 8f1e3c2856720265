"""Exercises and their scores, in a file of this user's that nobody else may read: nothing of it is in the shared store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from mlcontrol.core.incidents.exercise import Exercise, Score
from mlcontrol.core.problem import Problem
from mlcontrol.store.database import StoreError


class _Kept(msgspec.Struct):
    scores: list[Score] = msgspec.field(default_factory=list)
    running: list[Exercise] = msgspec.field(default_factory=list)


class ExerciseBook:
    """*Thread:* any; one writer at a time is the caller's care. Raises `StoreError` where the file cannot be read or written: what
    cannot be read is never written over."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def scores(self, person: str) -> tuple[Score, ...]:
        """Best first."""
        mine = [one for one in self._read().scores if one.person == person]
        return tuple(sorted(mine, key=lambda one: (-one.points, one.at_s)))

    def running(self, person: str) -> Exercise | None:
        return next((one for one in self._read().running if one.person == person), None)

    def begin(self, exercise: Exercise) -> None:
        kept = self._read()
        others = [one for one in kept.running if one.person != exercise.person]
        self._write(_Kept(kept.scores, [*others, exercise]))

    def end(self, person: str, score: Score | None) -> None:
        """Nothing runs any more for ``person``; with a ``score`` it is kept."""
        kept = self._read()
        scores = kept.scores if score is None else [*kept.scores, score]
        self._write(_Kept(scores, [one for one in kept.running if one.person != person]))

    def _read(self) -> _Kept:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return _Kept()
        except (OSError, msgspec.MsgspecError) as error:
            what = f"The exercises in {self._path} cannot be read."
            raise StoreError(
                Problem(what, str(error), "Mend or move the file; it is left as it is.", "store")
            ) from error

    def _write(self, kept: Any) -> None:
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(kept))
            beside.replace(self._path)
        except OSError as error:
            what = f"The exercises cannot be written to {self._path}."
            raise StoreError(Problem(what, error.strerror or "", "", "store")) from error
