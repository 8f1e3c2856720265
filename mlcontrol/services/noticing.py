"""What changed without the panel's doing: an alias moved, a version loaded, traffic sent elsewhere, a signal turned."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from mlcontrol.core.facts import Known, ServiceFacts
from mlcontrol.core.owner import PutBack, put_back_event
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.types import EventKind, Health, Replica, ReplicaState, ServiceState, Stamp, TimelineEvent
from mlcontrol.core.versions import version_name, version_names, version_order
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import route_written

HOLDS_S = 3.0
HELD_S = 900.0  # a sync that runs every few minutes is caught; who changes something later undoes nothing


@dataclass(frozen=True, slots=True)
class Written:
    """A write of the panel that was read back, and what had been there before. ``at``: after the read-back."""

    before: Hashable
    now: Hashable
    at: Stamp


class Expectations:
    """Changes that the panel makes itself. *Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[tuple[str, str], float] = {}
        self._written: dict[tuple[str, str], Written] = {}

    def wrote(self, service: str, what: str, before: Hashable, now: Hashable, at: Stamp) -> None:
        """The newest write to a target takes the place of the one before it."""
        with self._lock:
            self._written[service, what] = Written(before, now, at)

    def interrupted(self, service: str, what: str) -> None:
        """The target did not answer: it may have restarted, so what it says next proves nothing about other hands."""
        with self._lock:
            self._written.pop((service, what), None)

    def undone(self, service: str, what: str, found: Hashable, asked: Stamp) -> Written | None:
        """The write that another hand took back, by an answer to a question asked after it; each is told of once."""
        with self._lock:
            written = self._written.get((service, what))
            if written is None or asked.mono_s < written.at.mono_s or found == written.now:
                return None
            del self._written[service, what]  # put back or moved on: what comes next is no answer to this write
            came_back = found == written.before and asked.mono_s - written.at.mono_s <= HELD_S
            return written if came_back else None

    def expect(self, service: str, what: str, until_mono_s: float) -> None:
        with self._lock:
            self._until[service, what] = max(until_mono_s, self._until.get((service, what), 0.0))

    def expected(self, service: str, what: str, now_mono_s: float) -> bool:
        with self._lock:
            return self._until.get((service, what), -1.0) >= now_mono_s


class Noticing:
    """Compares facts before and after each answer. *Thread:* any."""

    def __init__(self, ctx: ServiceContext, expectations: Expectations, on_alias: Callable[[str], None]) -> None:
        self._ctx = ctx
        self._expectations = expectations
        self._on_alias = on_alias
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], Health] = {}
        self._turning: dict[tuple[str, str], tuple[Health, float]] = {}

    def compare(self, service: str, before: ServiceFacts, after: ServiceFacts) -> None:
        undone = self._undone(service, before, after)
        old_alias, new_alias = before.alias.value, after.alias.value
        if old_alias is not None and new_alias is not None and old_alias != new_alias:
            self._on_alias(service)
        if old_alias is not None and new_alias is not None and old_alias != new_alias and "alias" not in undone:
            self._tell(
                service,
                "alias",
                EventKind.ALIAS,
                f"{new_alias.name} moved from {_named(old_alias.version)} to {_named(new_alias.version)}",
                "registry",
                old_alias.version,
                new_alias.version,
            )
        old_route, new_route = before.route.value, after.route.value
        if old_route is not None and new_route is not None and old_route != new_route and "route" not in undone:
            share = (
                f", {new_route.canary_percent:g} % to {_named(new_route.canary)}" if new_route.canary_percent else ""
            )
            self._tell(
                service,
                "route",
                EventKind.ROUTE,
                f"Traffic goes to {_named(new_route.stable)}{share}",
                "router",
                old_route.stable,
                new_route.stable,
            )
        self._compare_loaded(service, before, after, undone)
        self._quarantined_again(service, before, after, undone)

    def _undone(self, service: str, before: ServiceFacts, after: ServiceFacts) -> frozenset[str]:
        """The targets where another hand put the panel's own write back; told at once, also while an operation runs."""
        targets: list[tuple[str, Known[Any], Known[Any], Callable[[Any], tuple[Hashable, str | None]]]] = [
            ("alias", before.alias, after.alias, lambda alias: (alias.version, alias.version)),
            ("route", before.route, after.route, lambda route: (route_written(route), route.stable)),
        ]
        targets += [
            (f"load {connection}", before.replicas.get(connection, Known()), known, _loaded)
            for connection, known in after.replicas.items()
        ]
        found = set()
        for what, earlier, known, read in targets:
            if known is earlier:
                continue
            if known.failed is not None:
                self._expectations.interrupted(service, what)
            elif known.value is not None and known.at is not None:
                value, version = read(known.value)
                written = self._expectations.undone(service, what, value, known.at)
                if written is None or (what.startswith("load") and not value):
                    continue
                found.add(what)
                ours = _version_of(written.now)
                stamp = self._ctx.clock.stamp()
                back = PutBack(what, ours, version, written.at.utc_s, known.at.utc_s)
                self._ctx.emit(put_back_event(service, back, stamp.seq))
        return frozenset(found)

    def _quarantined_again(
        self, service: str, before: ServiceFacts, after: ServiceFacts, undone: frozenset[str]
    ) -> None:
        """A version that was rolled back must not come back unnoticed, whoever sends the traffic or points the alias to it."""
        for fact, what, name in (("alias", "alias", "the registry intends"), ("route", "route", "traffic goes to")):
            old, new = getattr(before, fact).value, getattr(after, fact).value
            if new is None or (old == new and what not in undone):
                continue
            versions = (new.version,) if fact == "alias" else new.versions
            reasons = self._ctx.store.knowledge.quarantined(service)
            for version in versions:
                if version is not None and version in reasons:
                    self._tell(
                        service,
                        what,
                        EventKind.ALERT,
                        f"{version_name(version)} is back from quarantine: {name} it",
                        "registry" if fact == "alias" else "router",
                        version_to=version,
                        detail=f"It was rolled back: {reasons[version]} The panel did not bring it back.",
                        severity=Health.CRITICAL,
                        undone=what in undone,
                    )

    def _compare_loaded(self, service: str, before: ServiceFacts, after: ServiceFacts, undone: frozenset[str]) -> None:
        for connection, known in after.replicas.items():
            earlier = before.replicas.get(connection)
            if f"load {connection}" in undone:
                continue
            if earlier is None or earlier.value is None or known.value is None or earlier.value is known.value:
                continue
            old = {r.version for r in earlier.value if r.state is ReplicaState.READY}
            new = {r.version for r in known.value if r.state is ReplicaState.READY}
            words = [f"{version_names(new - old)} loaded"] if new - old else []
            words += [f"{version_names(old - new)} unloaded"] if old - new else []
            if words:
                # One version that was loaded is the change that its route tells of, too: cause and echo are told as one.
                added = min(new - old) if len(new - old) == 1 else None
                title = f"{' and '.join(words)} on {connection}"
                self._tell(service, "load", EventKind.LOAD, title, connection, version_to=added)

    def _tell(
        self,
        service: str,
        what: str,
        kind: EventKind,
        title: str,
        source: str,
        version_from: str | None = None,
        version_to: str | None = None,
        detail: str = "Seen from outside: the panel did not do it.",
        severity: Health = Health.WARNING,
        undone: bool = False,
    ) -> None:
        """``undone``: it took the panel's own write back, so it is not the panel's, whatever the panel does meanwhile."""
        stamp = self._ctx.clock.stamp()
        if not undone and self._own(service, what, stamp.mono_s):
            return
        self._ctx.emit(
            TimelineEvent(
                id=f"{kind.value}-{what}-{service}-{stamp.utc_s:.3f}-{stamp.seq}",
                at_s=stamp.utc_s,
                kind=kind,
                title=title,
                service=service,
                detail=detail,
                source=source,
                severity=severity,
                version_from=version_from,
                version_to=version_to,
            )
        )

    def _own(self, service: str, what: str, mono_s: float) -> bool:
        running = any(op.service == service and not op.phase.ended for op in self._ctx.state().operations.values())
        return running or self._expectations.expected(service, what, mono_s)

    def turn(self, state: ServiceState) -> None:
        """Tell a signal's turn once it has held for `HOLDS_S`; the first word after the start is no turn."""
        now = self._ctx.clock.stamp()
        for name, signal in (("Presence", state.presence), ("Use", state.use), ("Accuracy", state.accuracy)):
            key = state.id, name
            with self._lock:
                told = self._told.get(key)
                if told is None and signal.health is not Health.UNKNOWN:
                    self._told[key] = signal.health
                if told is None or told is signal.health:
                    self._turning.pop(key, None)
                    continue
                turning = self._turning.get(key)
                if turning is None or turning[0] is not signal.health:
                    self._turning[key] = signal.health, now.mono_s
                    continue
                if now.mono_s - turning[1] < HOLDS_S:
                    continue
                self._told[key] = signal.health
                del self._turning[key]
            self._ctx.emit(
                TimelineEvent(
                    id=f"health-{state.id}-{name.lower()}-{now.utc_s:.3f}-{now.seq}",
                    at_s=now.utc_s,
                    kind=EventKind.HEALTH,
                    title=f"{name} is {signal.health.value}: {signal.text}",
                    service=state.id,
                    detail=signal.detail,
                    source="engine",
                    severity=signal.health,
                )
            )

    def forget(self, settings: WorkspaceSettings) -> None:
        """Drop what is remembered of services that are gone."""
        with self._lock:
            for key in [k for k in self._told if k[0] not in settings.services]:
                del self._told[key]
                self._turning.pop(key, None)


def _loaded(replicas: tuple[Replica, ...]) -> tuple[Hashable, str | None]:
    versions = tuple(sorted((r.version for r in replicas if r.state is ReplicaState.READY), key=version_order))
    return versions, versions[-1] if versions else None


def _version_of(written: Hashable) -> str | None:
    """The version that a write was about: an alias's, a route's stable or canary one, the newest of what was loaded."""
    if not isinstance(written, tuple):
        return written if isinstance(written, str) else None
    if len(written) == 3 and isinstance(written[2], float):
        stable, canary, _percent = written
        chosen: str | None = stable if canary is None else canary
        return chosen
    newest: str | None = written[-1] if written else None
    return newest


def _named(version: str | None) -> str:
    return "nothing" if version is None else version_name(version)
