"""From facts to what the panel shows: one `ServiceState` per service, one `ConnectionState` per connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from mlcontrol.core.artifact import artifact_signal
from mlcontrol.core.facts import GoldenRun, Known, ServiceFacts, Traffic
from mlcontrol.core.fingerprint import Fingerprint
from mlcontrol.core.freshness import freshness
from mlcontrol.core.presence import Moment, join
from mlcontrol.core.problem import Problem
from mlcontrol.core.review import Score
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.signals.accuracy import accuracy_signal
from mlcontrol.core.signals.data import data_signal
from mlcontrol.core.signals.resources import resources_signal
from mlcontrol.core.signals.use import use_signal
from mlcontrol.core.types import (
    ConnectionState,
    Freshness,
    Health,
    Replica,
    ReplicaState,
    ServiceState,
    Signal,
    Stamp,
    TimelineEvent,
    VersionSummary,
)
from mlcontrol.core.versions import version_name
from mlcontrol.core.wayback import Rehearsed, current_version, on_trial, way_back
from mlcontrol.services.asking import MOVED
from mlcontrol.services.collect_artifact import ARTIFACT_EVERY_S
from mlcontrol.services.collect_data import LOOK_EVERY_S
from mlcontrol.services.collect_predictions import QUALITY_EVERY_S, is_regression
from mlcontrol.services.fact_book import Contact

ENOUGH_JUDGEMENTS = 20
GOLDEN_EVERY_S = 300.0
FINGERPRINT_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the store knows of a service. ``left``: versions that a rollback leaves right now, whatever the store knows yet."""

    known_good: tuple[str, ...] = ()
    quarantined: Mapping[str, str] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)
    scores: tuple[Score, ...] = ()
    rehearsed: Rehearsed | None = None
    seen: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)


def assemble(
    service: ServiceSettings,
    facts: ServiceFacts,
    remembered: Remembered,
    now_mono_s: float,
    poll_s: float,
    can_ask: str,
    operation: str | None,
    last_change: TimelineEvent | None,
) -> ServiceState:
    """``can_ask``: why no golden query can be asked, empty when one can."""
    presence = join(
        replace(facts, traffic=_in_polls(facts.traffic, now_mono_s, poll_s)), Moment(now_mono_s, poll_s), can_ask
    )
    current = current_version(facts.route, presence.served.versions)
    traffic = facts.traffic.value
    artifact = _artifact(facts, current, now_mono_s)
    waits_fresh = freshness(facts.callers_ms.at, now_mono_s, QUALITY_EVERY_S) is not Freshness.UNKNOWN
    use = use_signal(
        facts.traffic,
        service.objectives,
        now_mono_s,
        poll_s,
        facts.sparks.get("use", ()),
        (facts.callers_ms.value if waits_fresh else None) or {},
    )
    accuracy = accuracy_signal(
        facts.quality,
        current,
        is_regression(service),
        service.objectives,
        now_mono_s,
        QUALITY_EVERY_S,
        facts.sparks.get("accuracy", ()),
    )
    if not service.predictions:
        accuracy = Signal(text="no log", detail="This service has no prediction log.")
    if not service.metrics:
        use = Signal(text="no metrics", detail="This service has no metrics source.")
    return ServiceState(
        id=service.id,
        title=service.title or service.id,
        team=service.team,
        environment=service.environment,
        protected=service.protected,
        kind=service.kind,
        model=service.model,
        intended=presence.intended,
        served=presence.served,
        used=presence.used,
        replicas=tuple(_replica_map(service, facts, Moment(now_mono_s, poll_s))),
        presence=replace(
            _with_age(
                _with_artifact(
                    _with_quarantine(presence.signal, presence.intended.single, current, remembered.quarantined),
                    artifact,
                ),
                service.objectives.get("max_age_days"),
                facts,
                current,
                now_mono_s,
            ),
            spark=facts.sparks.get("presence", ()),
        ),
        use=use,
        accuracy=accuracy,
        data=data_signal(facts.data, now_mono_s, LOOK_EVERY_S),
        evaluators=_evaluators(remembered.scores, current),
        golden=_golden(facts.golden_runs.get(current) if current else None, now_mono_s, poll_s),
        fingerprint=_fingerprint(facts.fingerprint, now_mono_s),
        artifact=artifact,
        resources=resources_signal(facts.traffic, now_mono_s, poll_s),
        traffic_per_s=traffic.per_s if traffic and use.freshness is not Freshness.UNKNOWN else None,
        traffic_by_version=dict(traffic.by_version) if traffic and use.freshness is not Freshness.UNKNOWN else {},
        canary_percent=facts.route.value.canary_percent if facts.route.value else None,
        way_back=way_back(
            current,
            remembered.known_good,
            {**remembered.left, **remembered.quarantined},
            facts.versions.value,
            facts.replicas,
            remembered.measured,
            now_mono_s,
            poll_s,
            _answering(facts, now_mono_s, poll_s),
            remembered.rehearsed,
            remembered.seen,
            on_trial(facts.route.value),
        ),
        versions=_versions(facts, presence.served.versions, remembered.quarantined),
        operation=operation,
        last_change=last_change.title if last_change else "",
        last_change_s=last_change.at_s if last_change else None,
    )


def _in_polls(known: Known[Traffic], now_mono_s: float, poll_s: float) -> Known[Traffic]:
    """As old in intervals of ``poll_s`` as it is in those of its own source."""
    value, at = known.value, known.at
    if value is None or at is None or (not value.silent_s and value.every_s <= poll_s):
        return known
    age_s = now_mono_s - at.mono_s + value.silent_s
    scaled_s = age_s * poll_s / max(poll_s, value.every_s)
    return replace(known, at=Stamp(at.utc_s, now_mono_s - scaled_s, at.seq))


def _replica_map(service: ServiceSettings, facts: ServiceFacts, now: Moment) -> Iterator[Replica]:
    """A row for each version at each endpoint, and one without a version for an endpoint that has none or has not said. What a
    silent endpoint had is not ready any more: nobody knows."""
    for name in sorted({*service.serving, *facts.replicas}):
        known = facts.replicas.get(name, Known())
        rows = known.value or ()
        if now.freshness(known.at) is not Freshness.UNKNOWN:
            yield from rows or (Replica(name, "", ReplicaState.UNAVAILABLE, "It has no version of this model."),)
            continue
        state = ReplicaState.UNREACHABLE if known.failed is not None else ReplicaState.UNKNOWN
        why = known.failed.what if known.failed is not None else ""
        yield from (replace(row, state=state, reason=why) for row in rows or (Replica(name, "", state),))


def _answering(facts: ServiceFacts, now_mono_s: float, poll_s: float) -> frozenset[str]:
    """Versions that answered golden queries lately. Whether rightly enough is quality's matter, which never blocks a return."""
    every_s = max(poll_s, GOLDEN_EVERY_S)
    return frozenset(
        version
        for version, known in facts.golden_runs.items()
        if known.value is not None
        and known.value.right > 0
        and freshness(known.at, now_mono_s, every_s) is not Freshness.UNKNOWN
    )


def _with_quarantine(
    signal: Signal, intended: str | None, current: str | None, quarantined: Mapping[str, str]
) -> Signal:
    """A version that was rolled back does not come back quietly, whoever brought it."""
    back = next((v for v in (current, intended) if v is not None and v in quarantined), None)
    if back is None or signal.health is Health.CRITICAL:
        return signal
    health = Health.UNKNOWN if signal.health is Health.UNKNOWN else Health.WARNING
    detail = f"{version_name(back)} was rolled back before: {quarantined[back]} It is in quarantine, and it is back."
    return replace(
        signal, health=health, text=f"{version_name(back)} is in quarantine", detail=f"{detail} {signal.detail}"
    )


def _artifact(facts: ServiceFacts, current: str | None, now_mono_s: float) -> Signal:
    """Unknown when an endpoint's last look is too old: its files may have been exchanged since."""
    looks = facts.artifacts.values()
    stamps = [known.at for known in looks if known.at is not None]
    oldest = min(stamps, key=lambda at: at.mono_s, default=None)
    found = artifact_signal(tuple(match for known in looks for match in known.value or ()), current, oldest)
    fresh = freshness(oldest, now_mono_s, ARTIFACT_EVERY_S)
    if fresh is Freshness.UNKNOWN and found.at is not None:
        why = next((f" {known.failed.what}" for known in looks if known.failed is not None), "")
        return Signal(text="not compared lately", detail=f"The last look at the served files is too old.{why}")
    return replace(found, freshness=fresh)


def _with_artifact(signal: Signal, artifact: Signal) -> Signal:
    """What serves other files than those registered under its number is not the version that anybody meant."""
    if artifact.health is not Health.CRITICAL or signal.health is Health.CRITICAL:
        return signal
    return replace(
        signal, health=Health.CRITICAL, text="other files than registered", detail=f"{artifact.detail} {signal.detail}"
    )


def _with_age(
    signal: Signal, most_days: float | None, facts: ServiceFacts, current: str | None, now_mono_s: float
) -> Signal:
    """The objective of freshness: a model that answers rightly and is too old warns. An age nobody tells is not ok."""
    if most_days is None or signal.health is not Health.OK:
        return signal
    known = facts.versions.at
    created_s = next((v.created_s for v in facts.versions.value or () if v.version == current), None)
    days = None if known is None or created_s is None else _days_since(created_s, known, now_mono_s)
    if days is None or days < -1:
        why = "" if days is None else " The registry dates it in the future."
        detail = f"{signal.detail} Its age is not known; the objective is at most {most_days:g} days.{why}"
        return replace(signal, health=Health.UNKNOWN, text="age not known", detail=detail)
    if days <= most_days:
        return signal
    detail = f"{signal.detail} It was made {days:.0f} days ago; the objective is at most {most_days:g}."
    return replace(signal, health=Health.WARNING, text=f"{days:.0f} days old", detail=detail)


def _days_since(created_s: float, known: Stamp, now_mono_s: float) -> float:
    return (known.utc_s + now_mono_s - known.mono_s - created_s) / 86_400.0


def _fingerprint(known: Known[Fingerprint], now_mono_s: float) -> Signal:
    """Unknown while nothing was told apart, or the last identification is too old."""
    found = known.value
    fresh = freshness(known.at, now_mono_s, FINGERPRINT_EVERY_S)
    if found is None or fresh is Freshness.UNKNOWN:
        return Signal(text="?", detail="The golden set has not told the versions apart yet.")
    health = Health.CRITICAL if found.contradicts else Health.OK if found.version is not None else Health.UNKNOWN
    text = f"v{found.version} by its answers" if found.version is not None else "indistinguishable"
    if found.contradicts or not found.candidates:
        text = "not who it says" if found.contradicts else "nobody known answers so"
    return Signal(health, text, found.words(), freshness=fresh, at=known.at)


def _versions(
    facts: ServiceFacts, served: tuple[str, ...], quarantined: Mapping[str, str]
) -> tuple[VersionSummary, ...]:
    return tuple(
        replace(v, served=v.version in served, quarantined=quarantined.get(v.version, ""))
        for v in facts.versions.value or ()
    )


def _evaluators(scores: tuple[Score, ...], current: str | None) -> Signal:
    score = next((s for s in scores if s.version == current), None)
    if score is None or score.estimate is None:
        return Signal(text="not judged", detail="No evaluator has judged this version's predictions yet.")
    words = f"{100 * score.estimate:.0f} %"
    return Signal(
        # Whether a score is good enough is the objective's matter; without one it is shown, not judged.
        health=Health.UNKNOWN,
        text=words if score.n >= ENOUGH_JUDGEMENTS else f"{words}, n={score.n}",
        detail=f"Evaluators judged {score.right} of {score.n} right "
        f"(95 % interval {100 * score.low:.0f} to {100 * score.high:.0f} %).",
        value=score.estimate,
        low=score.low,
        high=score.high,
        n=score.n,
        unit="share",
        freshness=Freshness.FRESH,
    )


def _golden(run: Known[GoldenRun] | None, now_mono_s: float, poll_s: float) -> Signal:
    if run is None or run.value is None:
        failed = run.failed.what if run is not None and run.failed else "The golden set has not been run yet."
        return Signal(text="not run", detail=failed)
    result = run.value
    fresh = freshness(run.at, now_mono_s, max(poll_s, GOLDEN_EVERY_S))
    judged = Health.OK if result.passed else Health.CRITICAL
    health = Health.UNKNOWN if fresh is Freshness.UNKNOWN else judged
    failed = f" Critical items failed: {', '.join(result.critical_failed[:5])}." if result.critical_failed else ""
    return Signal(
        health=health,
        text=f"{result.right} of {result.n}",
        detail=f"{version_name(result.version)} answers {result.right} of {result.n} golden items as expected; "
        f"at least {100 * result.minimum:.0f} % are asked for.{failed}",
        value=result.estimate,
        n=result.n,
        unit="share",
        freshness=fresh,
        at=run.at,
    )


_REFUSED = ("rejected", "not-found", "busy")
"""It was reached and said no to what it is for: to ask again at once does not help, and it is not "answering"."""


def connection_state(
    settings: ConnectionSettings,
    contact: Contact,
    now_mono_s: float,
    poll_s: float,
    clock_ahead_s: float | None = None,
) -> ConnectionState:
    """``poll_s``: how often this connection is asked. ``clock_ahead_s``: of its server, where it is known."""
    fresh = freshness(contact.at, now_mono_s, poll_s)
    failed = contact.failed
    base = ConnectionState(
        settings.id,
        settings.kind,
        settings.adapter,
        freshness=fresh,
        latency_ms=contact.latency_ms,
        server=contact.server,
        at=contact.at,
        clock_ahead_s=clock_ahead_s,
        moved_inside=failed is not None and failed.code == MOVED,
    )
    if contact.at is None and failed is None:
        return base
    refused = failed is not None and failed.code in _REFUSED
    if fresh is Freshness.FRESH and not refused:
        # One lost question is no state: only missed ones in a row are.
        took = f" in {contact.latency_ms:.0f} ms" if contact.latency_ms is not None else ""
        return replace(base, health=Health.OK, text=f"answering{took}")
    return replace(
        base,
        health=_bad(fresh, failed),
        text=failed.what[:200] if failed is not None and refused else _bad_words(contact, now_mono_s),
        why=f"{failed.what} {failed.why}".strip()[:500] if failed else "",
        next=failed.next[:500] if failed else "",
    )


def _bad(fresh: Freshness, failed: Problem | None) -> Health:
    if failed is not None and failed.code in ("unreachable", MOVED, "denied", "needs-credentials"):
        return Health.CRITICAL
    if failed is not None and failed.code in _REFUSED:
        return Health.WARNING
    return Health.WARNING if fresh is Freshness.STALE else Health.UNKNOWN


def _bad_words(contact: Contact, now_mono_s: float) -> str:
    if contact.at is None:
        return contact.failed.what[:200] if contact.failed else "no answer yet"
    return f"no answer for {max(0.0, now_mono_s - contact.at.mono_s):.0f} s"
