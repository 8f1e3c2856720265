"""Watches what a model is fed: the newest stretch of the prediction log against training and against the time before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mlcontrol.core.data_report import BEFORE, DECLARED, JUST_BEFORE, TRAINING, DataFinding, DataReport, DataSettings
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signature import Signature
from mlcontrol.core.types import EventKind, Health, Stamp, TimelineEvent
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.predictions import LoggedPrediction, PredictionLog
from mlcontrol.services.asking import Asking, coded
from mlcontrol.services.sudden_data import SHORTEST_S, logged, sudden_look

LOOK_EVERY_S = 60.0
SETTLE_S = 30.0
"""An engine that has just begun has better things to do."""
ROWS_NOW, ROWS_BEFORE = 2000, 4000
BEFORE_FRESH_S = 600.0
TRAINING_FRESH_S = 3600.0
FEWEST = 30
VOLUME_TIMES = 2.0
MOST_FINDINGS = 50
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
    _before: tuple[float, tuple[LoggedPrediction, ...], float] | None = None  # when read, rows, how many an hour
    _looks: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    _sudden_looks: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    _told: dict[tuple[str, str], float] = field(default_factory=dict)  # UTC s, by column and slice
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
        self._tell(report)

    def _seen(self, at: Stamp, deadline_s: float) -> DataReport:
        whole = self._whole
        if whole is None or at.mono_s - self._looked_mono_s >= LOOK_EVERY_S - SETTLE_S / 2:
            whole = self._whole = self.look(at, deadline_s)
            self._looked_mono_s = at.mono_s
        else:  # told when it was found
            whole = replace(whole, findings=tuple(replace(f, looks=f.looks + (f.looks == 2)) for f in whole.findings))
        settings = DataSettings.read(self.service.data)
        sudden = sudden_look(
            self.asking.ctx.predictions(self.service.predictions), self.service, settings, at.utc_s, deadline_s
        )
        found = [_finding(JUST_BEFORE, c) for c in sudden.found]
        self._sudden_looks = {f.key: self._sudden_looks.get(f.key, 0) + 1 for f in found}
        found = [replace(f, looks=self._sudden_looks[f.key]) for f in found]
        return replace(whole, at_s=at.utc_s, findings=(*found, *whole.findings)[:MOST_FINDINGS])

    def look(self, at: Stamp, deadline_s: float) -> DataReport:
        from mlcontrol.core.signals.drift import Comparison, compare
        from mlcontrol.core.signals.training import against_declared, against_training

        settings, s = DataSettings.read(self.service.data), self.service
        log = self.asking.ctx.predictions(s.predictions)
        since_s = at.utc_s - settings.window_s
        now = log.sample(s.id, ROWS_NOW, SEED, since_s, at.utc_s, None, deadline_s)
        before, rate_before = self._time_before(log, settings, at, deadline_s)
        rate = _per_hour(log, s.id, since_s, at.utc_s, deadline_s)
        version = _version(now)
        trained = self._trained(version, at.mono_s)
        notes = [trained.why] if trained.why else []

        here = logged(now, s, settings.slices)
        told: list[tuple[str, Comparison]] = []
        if len(now) < FEWEST:
            notes.append(f"{len(now)} answers in {settings.window_s / 60:.0f} min are too few to compare")
        else:
            if trained.signature is not None:
                told += [(TRAINING, c) for c in against_training(trained.signature.statistics, here)]
                told += [(DECLARED, c) for c in against_declared(trained.signature.inputs or (), here)]
            if len(before) >= FEWEST:
                told += [(BEFORE, c) for c in compare(logged(before, s, settings.slices).log, here.log, here.cuts)]
            else:
                notes.append(f"only {len(before)} answers were logged before: nothing earlier to compare with")
        found = [_finding(against, c) for against, c in told if c.judged.value == "drift"]
        found += _volume(rate, rate_before, len(now), len(before))
        return DataReport(
            s.id,
            version,
            at.utc_s,
            settings.window_s,
            len(now),
            len(before),
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
    ) -> tuple[tuple[LoggedPrediction, ...], float | None]:
        known = self._before
        fresh = known is not None and at.mono_s - known[0] < BEFORE_FRESH_S and len(known[1]) >= ROWS_BEFORE
        if known is None or not fresh:
            until_s = at.utc_s - settings.window_s
            since_s = until_s - settings.before_s
            rows = log.sample(self.service.id, ROWS_BEFORE, SEED, since_s, until_s, None, deadline_s)
            first_s = min((row.at_s for row in rows), default=since_s)
            rate = _per_hour(log, self.service.id, max(since_s, first_s), until_s, deadline_s)
            known = self._before = (at.mono_s, rows, rate if rate is not None else 0.0)
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

    def _tell(self, report: DataReport) -> None:
        """What lasts is put on the timeline once, in one event: it may be the cause of what accuracy does. Answers are effects."""
        self._told = {k: at_s for k, at_s in self._told.items() if report.at_s - at_s < 2 * report.window_s}
        fresh = [
            f
            for f in report.findings
            if f.looks == 2 and f.column != "prediction" and (f.column, f.slice) not in self._told
        ]
        if not fresh:
            return
        self._told |= dict.fromkeys(((f.column, f.slice) for f in fresh), report.at_s)
        sudden = any(f.against == JUST_BEFORE for f in fresh)
        names = list(dict.fromkeys(f.where for f in fresh))
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        self.asking.ctx.emit(
            TimelineEvent(
                id=f"data-{report.service}-{report.at_s:.0f}",
                at_s=report.at_s - (SHORTEST_S if sudden else report.window_s / 2),
                kind=EventKind.DATA,
                title=f"The data changed: {', '.join(names[:3])}{more}",
                service=report.service,
                detail=" ".join(f"{f.where}, against {f.against}: {f.why}." for f in fresh[:5]),
                source="prediction log",
                severity=Health.WARNING,
            )
        )


def _finding(against: str, c: object) -> DataFinding:
    from mlcontrol.core.signals.drift import Comparison

    assert isinstance(c, Comparison)
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
    return [DataFinding("(rows)", "volume", BEFORE, why, "", abs(times - 1), VOLUME_TIMES - 1, None, n, 0.5)]


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
