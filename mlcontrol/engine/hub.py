"""The engine's one state and its way to the shells: facts in, folded, numbered, coalesced every 100 ms, sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from mlcontrol.core import state as fold
from mlcontrol.core.alerts.alert import Alert, Notification
from mlcontrol.core.operation import Operation
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ConnectionState, EventKind, Health, Sample, ServiceState, TimelineEvent
from mlcontrol.engine import messages as m
from mlcontrol.engine.outbox import Outbox
from mlcontrol.services.context import AlertsMoved, AuditGrew, ClockSaid, ConnectionGone, Fact, ServiceGone

BATCH_S = 0.1
WAITING = 100_000  # samples in memory, while they cannot be stored
SAMPLES_A_FRAME = 2000

Keep = Callable[[tuple[TimelineEvent, ...], tuple[Sample, ...]], None]
"""Stores what is to be remembered; raises when it cannot."""


class Hub:
    """Holds the `FleetState`. *Thread:* any; `emit` only takes a lock, it never waits for a shell or a disk."""

    def __init__(self, settings: WorkspaceSettings, keep: Keep) -> None:
        self._state = FleetState(settings)
        self._keep = keep
        self._lock = threading.RLock()
        self._keeping = threading.Lock()
        self._seq = 0
        self._outboxes: list[Outbox] = []
        self._pending: dict[tuple[str, str], m.Event] = {}
        self._events: list[TimelineEvent] = []
        self._samples: list[Sample] = []
        self._alerts: dict[str, Alert] = {}
        self._unkept_events: list[TimelineEvent] = []
        self._unkept_samples: list[Sample] = []
        self._lost: tuple[int, float, float] | None = (
            None  # samples that found no room: how many, first and last, UTC seconds
        )

    def state(self) -> FleetState:
        with self._lock:
            return self._state

    def preload(self, events: tuple[TimelineEvent, ...]) -> None:
        """Events of earlier days, known to the store already."""
        with self._lock:
            self._state, _ = fold.with_events(self._state, events)

    def emit(self, *facts: Fact) -> None:
        with self._lock:
            for fact in facts:
                self._seq += 1
                self._fold(fact)

    def _fold(self, fact: Fact) -> None:
        if isinstance(fact, Sample):
            self._samples.append(fact)
            self._unkept_samples.append(fact)
        elif isinstance(fact, TimelineEvent):
            event = replace(fact, seq=self._seq)
            self._state, _ = fold.with_events(self._state, (event,))
            self._events.append(event)
            self._unkept_events.append(event)
        elif isinstance(fact, ServiceState):
            service = replace(fact, seq=self._seq)
            self._state, _ = fold.with_service(self._state, service)
            self._put("service", fact.id, m.ServiceChanged(service=service))
        elif isinstance(fact, ConnectionState):
            self._state, _ = fold.with_connection(self._state, fact)
            self._put("connection", fact.id, m.ConnectionChanged(connection=self._state.connections[fact.id]))
        elif isinstance(fact, Operation):
            operation = replace(fact, seq=self._seq)
            self._state, _ = fold.with_operation(self._state, operation)
            self._put("operation", fact.id, m.OperationChanged(operation=operation))
        elif isinstance(fact, WorkspaceSettings):
            self._state = replace(self._state, settings=fact)
            self._put("settings", "", m.SettingsChanged(settings=fact))
        elif isinstance(fact, ServiceGone):
            self._state, _ = fold.without_service(self._state, fact.service)
            self._put("service", fact.service, m.ServiceRemoved(service=fact.service))
        elif isinstance(fact, ConnectionGone):
            self._state, _ = fold.without_connection(self._state, fact.connection)
            self._put("connection", fact.connection, m.ConnectionRemoved(connection=fact.connection))
        elif isinstance(fact, AlertsMoved):
            self._state, _ = fold.with_alerts(self._state, fact.alerts, fact.silences)
            self._alerts.update((alert.key, alert) for alert in fact.alerts)
            self._put("alerts", "", m.AlertsChanged(alerts=tuple(self._alerts.values()), silences=fact.silences))
        elif isinstance(fact, ClockSaid):
            self._state = replace(self._state, clock=fact.notice)
            self._put("clock", "", m.ClockChanged(notice=fact.notice))
        elif isinstance(fact, Notification):
            self._put("told", fact.title, m.AlertTold(notification=fact))
        else:
            self._audit(fact)

    def _audit(self, fact: AuditGrew) -> None:
        # A row more does not undo the last verification; its time tells what it covers.
        ok = self._state.audit_ok if fact.ok is None else fact.ok
        verified_s = self._state.audit_verified_s if fact.ok is None else fact.verified_s
        self._state = replace(self._state, audit_rows=fact.rows, audit_ok=ok, audit_verified_s=verified_s)
        self._put("audit", "", m.AuditChanged(rows=fact.rows, ok=ok, verified_s=verified_s))

    def _put(self, kind: str, name: str, event: m.Event) -> None:
        # Re-inserted, so that a batch is in the order of its last changes.
        self._pending.pop((kind, name), None)
        self._pending[kind, name] = event

    def join(self, outbox: Outbox, hello: m.Hello) -> None:
        """Start sending to a shell: hello, the whole state, then every batch."""
        with self._lock:
            self.flush()
            outbox.put([m.encode(hello), m.encode(m.Snapshot(state=self._state))], answer=True)
            self._outboxes.append(outbox)

    def leave(self, outbox: Outbox) -> None:
        with self._lock:
            if outbox in self._outboxes:
                self._outboxes.remove(outbox)

    @property
    def shells(self) -> int:
        with self._lock:
            return len(self._outboxes)

    def catch_up(self, outbox: Outbox) -> None:
        """Give a shell that has missed batches the whole state instead."""
        with self._lock:
            self.flush()
            outbox.restart([m.encode(m.Snapshot(state=self._state))])

    def answer(self, outbox: Outbox, event: m.Event) -> None:
        """Send to one shell, after everything that was emitted before."""
        with self._lock:
            self.flush()
            outbox.put([m.encode(event)], answer=True)

    def flush(self) -> None:
        """Send the batch."""
        with self._lock:
            batch = list(self._pending.values())
            if self._events:
                batch.append(m.TimelineGrew(events=tuple(self._events)))
            for start in range(0, len(self._samples), SAMPLES_A_FRAME):
                batch.append(m.SamplesArrived(samples=tuple(self._samples[start : start + SAMPLES_A_FRAME])))
            self._pending, self._events, self._samples = {}, [], []
            self._alerts = {}
            if not batch or not self._outboxes:
                return
            frames = [m.encode(event) for event in batch]
            for outbox in self._outboxes:
                outbox.put(frames)

    def settle(self) -> None:
        """`persist` for who is about to read: what cannot be stored now waits, and `persist` says so to the engine."""
        with suppress(ProblemError, OSError):
            self.persist()

    def persist(self) -> None:
        """Store events and samples that are not stored yet, each also where the other's place is away. What cannot be stored waits
        for the next time (samples: the newest `WAITING`); that older ones were lost is put on the timeline. Raises what the store
        raises."""
        with self._keeping:
            with self._lock:
                events, samples = self._unkept_events, self._unkept_samples
                self._unkept_events, self._unkept_samples = [], []
            failures = [failed for failed in (self._keep_events(events), self._keep_samples(samples)) if failed]
        if failures:
            raise failures[0]

    def _keep_events(self, events: list[TimelineEvent]) -> Exception | None:
        """Why they wait; `None`: they are stored."""
        try:
            if events:
                self._keep(tuple(events), ())
        except Exception as error:  # noqa: BLE001 - raised once the samples are stored
            with self._lock:
                self._unkept_events = events + self._unkept_events
            return error
        return None

    def _keep_samples(self, samples: list[Sample]) -> Exception | None:
        try:
            if samples:
                self._keep((), tuple(samples))
        except Exception as error:  # noqa: BLE001 - raised by `persist`
            self._wait(samples)
            return error
        if samples and self._lost is not None:
            lost, self._lost = self._lost, None
            self.emit(_lost(*lost))
        return None

    def _wait(self, samples: list[Sample]) -> None:
        with self._lock:
            every = samples + self._unkept_samples
            gone, self._unkept_samples = every[:-WAITING], every[-WAITING:]
        if gone:
            count, first_s, last_s = self._lost or (0, gone[0].at_s, gone[0].at_s)
            self._lost = count + len(gone), first_s, max(last_s, gone[-1].at_s)


def _lost(count: int, first_s: float, last_s: float) -> TimelineEvent:
    """A hole that charts have from now on, and why."""
    since, until = (datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S") for at_s in (first_s, last_s))
    return TimelineEvent(
        id=f"history-lost-{first_s:.3f}-{last_s:.3f}",
        at_s=last_s,
        kind=EventKind.ENGINE,
        title=f"{count:,} samples were not kept".replace(",", " "),
        detail="The metric history could not be written for longer than memory reaches. "
        f"Charts have a gap from {since} to {until} UTC.",
        source="engine",
        severity=Health.WARNING,
    )
