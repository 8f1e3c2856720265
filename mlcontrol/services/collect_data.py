"""Watches what a model is fed: the newest stretch of the prediction log against training and against the time before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mlcontrol.core.data_report import (
    ANSWER,
    BEFORE,
    DECLARED,
    JUST_BEFORE,
    TRAINING,
    VOLUME,
    DataFinding,
    DataReport,
    DataSettings,
)
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signature import Signature
from mlcontrol.core.types import Stamp
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.predictions import LoggedPrediction, PredictionLog
from mlcontrol.services.asking import Asking, coded
from mlcontrol.services.data_endings import Ended, Endings
from mlcontrol.services.data_events import KINDS, changed_event, open_changes, over_event, unknown_event
from mlcontrol.services.sudden_data import SHORTEST_S, SuddenLook, logged

if TYPE_CHECKING:
    from mlcontrol.core.signals.drift import Comparison
    from mlcontrol.core.signals.log_columns import Log

LOOK_EVERY_S = 60.0
SETTLE_S = 30.0
"""An engine that has just begun has better things to do."""
ROWS_NOW, ROWS_BEFORE = 2000, 4000
BEFORE_FRESH_S = 600.0
TRAINING_FRESH_S = 3600.0
FEWEST = 30
SURE = 1e-4
"""The share of false findings of one look. Who asks once is served well by one in twenty; a service that is watched shows some 670
quarters of an hour a week, and what is told pages somebody: with this one false finding in fifteen weeks."""
VOLUME_TIMES = 2.0
MOST_FINDINGS = 50
RESUMED_S = 7 * 86_400.0
MOST_EVENTS = 500
SEED = 1


@dataclass(slots=True)
class _Training:
    version: str
    at_mono_s: float
    signature: Signature | None
    why: str = ""


@dataclass(slots=True)
class DataReader:
    """Of one service; told findings are remembered. *Thread:* one at a time."""

    asking: Asking
    service: ServiceSettings
    begun_mono_s: float | None = None
    _training: _Training | None = None
    _before: tuple[float, Log, float] | None = None  # when read, rows, how many an hour
    _looks: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    _sudden: SuddenLook = field(default_factory=SuddenLook)
    _sudden_looks: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    _told: dict[tuple[str, str], float] = field(default_factory=dict)  # UTC s, by column and slice
    _endings: Endings = field(default_factory=Endings)
    _ended: Ended = field(default_factory=Ended)  # at this look
    _resumed: bool = False
    _whole: DataReport | None = None  # the last look at the whole window
    _looked_mono_s: float = -1e18

    def read(self, deadline_s: float = 20.0) -> None:
        """One look for sudden changes, and at the whole window when it is time. Raises what the log raises."""
        now = self.asking.ctx.clock.mono_s()
        if self.begun_mono_s is None:
            self.begun_mono_s = now
        if now - self.begun_mono_s < SETTLE_S:
            return
        with self.asking.of(self.service.predictions) as question:
            try:
                report = self._seen(question, deadline_s)
            except AdapterError as error:
                problem = coded(error)
                self.asking.note(self.service.id, lambda f: replace(f, data=f.data.missed(problem, question)))
                raise
            except ValueError as error:
                problem = Problem(f"[services.{self.service.id}.data] cannot be read.", str(error), "Correct the file.")
                self.asking.note(self.service.id, lambda f: replace(f, data=f.data.missed(problem, question)))
                return
        self.asking.note(self.service.id, lambda f: replace(f, data=f.data.answered(report, question)))
        self._tell(report, deadline_s)

    def _seen(self, at: Stamp, deadline_s: float) -> DataReport:
        whole = self._whole
        if whole is None or at.mono_s - self._looked_mono_s >= LOOK_EVERY_S - SETTLE_S / 2:
            whole = self._whole = self.look(at, deadline_s)
            self._looked_mono_s = at.mono_s
        else:  # told when it was found
            whole = replace(whole, findings=tuple(replace(f, looks=f.looks + (f.looks == 2)) for f in whole.findings))
        settings = DataSettings.read(self.service.data)
        log = self.asking.ctx.predictions(self.service.predictions)
        sudden = self._sudden.look(log, self.service, settings, at.utc_s, deadline_s)
        if not self._resumed:
            self._resume(log, settings, at.utc_s, deadline_s)
        self._ended = self._endings.look(log, self.service, settings, at.utc_s, deadline_s)
        found = [_finding(JUST_BEFORE, c) for c in sudden.found]
        found = [f for f in found if not self._endings.going_back(f.column, f.slice)]
        self._sudden_looks = {f.key: self._sudden_looks.get(f.key, 0) + 1 for f in found}
        found = [replace(f, looks=self._sudden_looks[f.key]) for f in found]
        return replace(whole, at_s=at.utc_s, findings=(*found, *whole.findings)[:MOST_FINDINGS])

    def _resume(self, log: PredictionLog, settings: DataSettings, now_s: float, deadline_s: float) -> None:
        """What was told before this engine began and has not ended is known again, or said to be unknown.

        Raises what the log raises, and is tried again then.
        """
        ctx, name = self.asking.ctx, self.service.id
        events = ctx.store.timeline.query(name, now_s - RESUMED_S, None, KINDS, "", MOST_EVENTS)
        for change in open_changes(name, events):
            places = self._endings.resume(change, log, self.service, settings, deadline_s)
            self._told |= {(place.column, place.slice): now_s for place in places}
            if not places:
                ctx.emit(unknown_event(name, now_s, change))
        self._resumed = True

    def look(self, at: Stamp, deadline_s: float) -> DataReport:
        from mlcontrol.core.signals.declared import against_declared
        from mlcontrol.core.signals.drift import compare
        from mlcontrol.core.signals.training import against_training

        settings, s = DataSettings.read(self.service.data), self.service
        log = self.asking.ctx.predictions(s.predictions)
        since_s = at.utc_s - settings.window_s
        now = log.sample(s.id, ROWS_NOW, SEED, since_s, at.utc_s, None, deadline_s)
        before, rate_before = self._time_before(log, settings, at, deadline_s)
        rate = _per_hour(log, s.id, since_s, at.utc_s, deadline_s)
        version = _version(now)
        trained = self._trained(version, at.mono_s)
        notes = [trained.why] if trained.why else []

        if now and (strange := [name for name in settings.slices if not any(name in row.slices for row in now)]):
            notes.append(f"no answer names the slice {', '.join(strange)}, which is to be watched")

        here = logged(now, s, settings.slices)
        told: list[tuple[str, Comparison]] = []
        if len(now) < FEWEST:
            notes.append(f"{len(now)} answers in {settings.window_s / 60:.0f} min are too few to compare")
        else:
            if trained.signature is not None:
                told += [(TRAINING, c) for c in against_training(trained.signature.statistics, here)]
                declared, answers = trained.signature.inputs or (), trained.signature.outputs or ()
                told += [(DECLARED, c) for c in against_declared(declared, here, answers, s.prediction)]
            if before.rows >= FEWEST:
                told += [(BEFORE, c) for c in compare(before, here.log, here.cuts)]
            else:
                notes.append(f"only {before.rows} answers were logged before: nothing earlier to compare with")
        found = [_finding(against, c) for against, c in told if c.judged.value == "drift" and _sure(c)]
        found += _volume(rate, rate_before, len(now), before.rows)
        return DataReport(
            s.id,
            version,
            at.utc_s,
            settings.window_s,
            len(now),
            before.rows,
            len(told),
            sum(c.judged.value == "unknown" for _, c in told),
            self._counted(found),
            rate,
            rate_before,
            trained.signature.data_until_s if trained.signature is not None else None,
            tuple(notes),
        )

    def _time_before(
        self, log: PredictionLog, settings: DataSettings, at: Stamp, deadline_s: float
    ) -> tuple[Log, float | None]:
        known = self._before
        fresh = known is not None and at.mono_s - known[0] < BEFORE_FRESH_S and known[1].rows >= ROWS_BEFORE
        if known is None or not fresh:
            until_s = at.utc_s - settings.window_s
            since_s = until_s - settings.before_s
            rows = log.sample(self.service.id, ROWS_BEFORE, SEED, since_s, until_s, None, deadline_s)
            first_s = min((row.at_s for row in rows), default=since_s)
            rate = _per_hour(log, self.service.id, max(since_s, first_s), until_s, deadline_s)
            columns = logged(rows, self.service, settings.slices).log
            known = self._before = (at.mono_s, columns, rate if rate is not None else 0.0)
        return known[1], known[2] or None

    def _trained(self, version: str | None, mono_s: float) -> _Training:
        """What the registry tells of the version's training data; asked again after an hour or for another version."""
        s, known = self.service, self._training
        if version is None or not s.registry or not s.model:
            return _Training("", mono_s, None, "what the model was trained on is not known: no registry tells")
        if known is not None and known.version == version and mono_s - known.at_mono_s < TRAINING_FRESH_S:
            return known
        try:
            signature = self.asking.ctx.registry(s.registry).signature(s.model, version)
        except ProblemError as error:
            return _Training(
                version, mono_s, None, f"the registry did not tell of the training data: {error.problem.what}"
            )
        why = "" if signature.statistics else f"v{version}'s metadata has no training statistics"
        self._training = _Training(version, mono_s, signature, why)
        return self._training

    def _counted(self, found: list[DataFinding]) -> tuple[DataFinding, ...]:
        self._looks = {f.key: self._looks.get(f.key, 0) + 1 for f in found}
        counted = [replace(f, looks=self._looks[f.key]) for f in found]
        return tuple(sorted(counted, key=lambda f: (-min(f.harm, 10.0), f.column, f.slice))[:MOST_FINDINGS])

    def _tell(self, report: DataReport, deadline_s: float) -> None:
        """What lasts is put on the timeline once, in one event: it may be the cause of what accuracy does. Answers are effects.
        So is its end."""
        if self._ended.where:
            self.asking.ctx.emit(over_event(self.service.id, report.at_s, self._ended.where, self._ended.changes))
        self._told = {k: at_s for k, at_s in self._told.items() if report.at_s - at_s < 2 * report.window_s}
        fresh = [
            f
            for f in report.findings
            if f.looks == 2
            and f.column != ANSWER
            and (f.column, f.slice) not in self._told
            and not self._endings.going_back(f.column, f.slice)  # the window still holds what is over
        ]
        if not fresh:
            return
        self._told |= dict.fromkeys(((f.column, f.slice) for f in fresh), report.at_s)
        sudden = any(f.against == JUST_BEFORE for f in fresh)
        began_s = report.at_s - (SHORTEST_S if sudden else report.window_s / 2)
        log, settings = self.asking.ctx.predictions(self.service.predictions), DataSettings.read(self.service.data)
        detail = " ".join(f"{f.where}, against {f.against}: {f.why}." for f in fresh[:5])
        where = tuple(dict.fromkeys(f.where for f in fresh))
        event = changed_event(self.service.id, report.at_s, began_s, where, detail)
        self._endings.began(event.id, log, self.service, settings, fresh, began_s, report.at_s, deadline_s)
        self.asking.ctx.emit(event)


def _sure(c: Comparison) -> bool:
    """What no test was needed for (a column is gone) is sure."""
    return c.q_value is None or c.q_value < SURE


def _finding(against: str, c: Comparison) -> DataFinding:
    part = c.slice or ""
    n = c.n_log
    return DataFinding(c.column, c.aspect.value, against, c.why, part, c.effect, c.least, c.q_value, n, c.harm)


def _volume(rate: float | None, before: float | None, n: int, m: int) -> list[DataFinding]:
    """Half or twice the amount, once both are counted in more than a handful."""
    if rate is None or not before or m < FEWEST or max(rate, before) == 0:
        return []
    times = rate / before
    if 1 / VOLUME_TIMES < times < VOLUME_TIMES:
        return []
    why = f"{before:.0f} answers an hour before, {rate:.0f} now"
    return [DataFinding(VOLUME, "volume", BEFORE, why, "", abs(times - 1), VOLUME_TIMES - 1, None, n, 0.5)]


def _per_hour(log: PredictionLog, service: str, since_s: float, until_s: float, deadline_s: float) -> float | None:
    if until_s <= since_s:
        return None
    answered = sum(share.answered + share.failed for share in log.shares(service, since_s, until_s, deadline_s))
    return 3600.0 * answered / (until_s - since_s)


def _version(rows: Iterable[LoggedPrediction]) -> str | None:
    """The version that answered most."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.version] = counts.get(row.version, 0) + 1
    return max(counts, key=lambda v: counts[v], default=None)
