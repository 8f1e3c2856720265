"""Alerts that another system keeps: read there, shown beside the panel's own, silenced there.

The panel tells nobody of them (that system does), judges nothing by them, and stores none: what is there is asked for anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from mlcontrol.core.alerts.alert import Alert, AlertState, Silence
from mlcontrol.core.clock_off import dated_by_ours
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.ports.alerts import Matcher, OutsideAlert, OutsideSilence
from mlcontrol.services.asking import Asking
from mlcontrol.services.context import ServiceContext

DEADLINE_S = 5.0
SKEW_S = 60.0  # a silence begins "earlier", which means now: by a clock that is behind ours, "now" would be later
LOST_AFTER = 2  # failed polls in a row: one lost question is no state
SHOWN_LABELS = 30
SHOWN_CHARS = 200
_SERVICE_LABELS = ("service", "model", "model_name")
_GRAVE = {"critical", "page", "emergency", "fatal", "error"}
_QUIET = {"none", "info", "debug", "ok"}
_WORDS = ("summary", "description", "message")


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a connection last said. ``seq``: of the question; an older answer never overwrites a newer one."""

    seq: int = -1
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    labels: Mapping[str, dict[str, str]] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    failures: int = 0


class OutsideAlerts:
    """``tell``: gives changed alerts, with all silences, to the shells. *Thread:* any."""

    def __init__(self, ctx: ServiceContext, tell: Callable[[tuple[Alert, ...]], None]) -> None:
        self._ctx = ctx
        self._tell = tell
        self._turn = threading.Lock()  # held while an answer is taken and told, so that they are told in order
        self._lock = threading.Lock()
        self._heard: dict[str, _Heard] = {}

    @property
    def silences(self) -> tuple[Silence, ...]:
        """Those that silence an alert of now, by all connections."""
        with self._lock:
            return tuple(silence for heard in self._heard.values() for silence in heard.silences)

    def read(self, connection: str, asking: Asking | None = None) -> None:
        """Ask once and show what is otherwise. Raises what the adapter raises; then, if not the first time in a row, its alerts are
        shown as not known."""
        question = self._ctx.clock.stamp()
        try:
            source = self._ctx.alert_source(connection)
            with asking.of(connection, question) if asking is not None else nullcontext():
                alerts = source.alerts(DEADLINE_S)
                silences = source.silences(DEADLINE_S)
        except ProblemError:
            with self._turn:
                self._lost(connection)
            raise
        with self._turn:
            self._take(connection, question.seq, alerts, silences)

    def _take(
        self, connection: str, seq: int, alerts: tuple[OutsideAlert, ...], silences: tuple[OutsideSilence, ...]
    ) -> None:
        now_s, settings, ahead_s = self._ctx.clock.utc_s(), self._ctx.settings, self._ahead_s(connection)
        holding = {name for one in alerts for name in one.silenced_by}
        shown = tuple(_silence(s, connection, ahead_s or 0.0) for s in silences if s.id in holding)
        with self._lock:
            before = self._heard.get(connection, _Heard())
            known = {alert.id: alert for alert in before.alerts.values()}
            made = [_dated(alert_of(one, connection, settings), now_s, ahead_s, known) for one in alerts]
            fresh = {alert.key: alert for alert in made}
            if before.seq > seq or connection not in self._ctx.settings.connections:
                return
            labels = {f"{connection}:{one.fingerprint}@{one.since_s:.3f}": one.labels for one in alerts}
            self._heard[connection] = _Heard(seq, fresh, labels, shown)
        begun = tuple(a for key, a in fresh.items() if key not in before.alerts or before.alerts[key].id != a.id)
        ended = tuple(
            replace(a, state=AlertState.RESOLVED, resolved_s=now_s, unknown=False, silenced_by=())
            for key, a in before.alerts.items()
            if key not in fresh
        )
        changed = tuple(a for key, a in fresh.items() if before.alerts.get(key) != a)
        if changed or ended or shown != before.silences:
            self._tell((*ended, *changed))
        self._ctx.emit(*(self._event(alert) for alert in (*ended, *begun)))

    def _lost(self, connection: str) -> None:
        with self._lock:
            before = self._heard.get(connection, _Heard())
            failures = before.failures + 1
            alerts = before.alerts
            if failures >= LOST_AFTER:
                alerts = {key: replace(alert, unknown=True) for key, alert in alerts.items()}
            self._heard[connection] = replace(before, failures=failures, alerts=alerts)
        if changed := tuple(a for key, a in alerts.items() if a != before.alerts[key]):
            self._tell(changed)

    def forget(self, connection: str) -> None:
        """It is no connection any more: nobody knows what became of its alerts."""
        now_s = self._ctx.clock.utc_s()
        with self._turn:
            with self._lock:
                before = self._heard.pop(connection, _Heard())
            if before.alerts:
                self._tell(tuple(_gone(alert, now_s) for alert in before.alerts.values()))

    def knows(self, alert_id: str) -> bool:
        return self._place(alert_id) is not None

    def holds(self, silence_id: str) -> bool:
        return any(silence.id == silence_id for silence in self.silences)

    def silence(self, alert_id: str, until_s: float, reason: str, actor: str) -> None:
        """Silence exactly this alert where it comes from. Raises `ProblemError` ("not-found") when it is over."""
        place = self._place(alert_id)
        if place is None:
            raise ProblemError(Problem("This alert is over.", next="Look at the open ones.", code="not-found"))
        connection, labels = place
        body = {"connection": connection, "labels": labels, "until_s": until_s, "reason": reason}
        self._ctx.store.audit.append(actor, "alert.silence-asked", body)
        matchers = tuple(Matcher(name, value) for name, value in sorted(labels.items()))
        source = self._ctx.alert_source(connection)
        ahead_s = self._ahead_s(connection) or 0.0
        now_s = self._ctx.clock.utc_s() + ahead_s
        made = source.silence(matchers, now_s - SKEW_S, until_s + ahead_s, actor or "mlcontrol", reason, DEADLINE_S)
        self._ctx.store.audit.append(actor, "alert.silenced", {**body, "silence": made})
        self.read(connection)

    def end_silence(self, silence_id: str, actor: str) -> None:
        """For every alert that it silences, whoever made it."""
        silence = next((s for s in self.silences if s.id == silence_id), None)
        if silence is None:
            raise ProblemError(Problem("This silence has ended.", code="not-found"))
        body = {"connection": silence.source, "silence": silence_id}
        self._ctx.store.audit.append(actor, "alert.silence-end-asked", body)
        self._ctx.alert_source(silence.source).expire(silence_id, DEADLINE_S)
        self._ctx.store.audit.append(actor, "alert.silence-ended", body)
        self.read(silence.source)

    def _place(self, alert_id: str) -> tuple[str, dict[str, str]] | None:
        """Connection and exact labels of an alert of now."""
        with self._lock:
            for connection, heard in self._heard.items():
                if alert_id in heard.labels:
                    return connection, heard.labels[alert_id]
        return None

    def _event(self, alert: Alert) -> TimelineEvent:
        fires = alert.open
        known = alert.service in self._ctx.settings.services
        now_s = self._ctx.clock.utc_s()
        at_s = alert.since_s if fires else alert.resolved_s
        return TimelineEvent(
            id=f"alert-{alert.id}-{'firing' if fires else 'resolved'}",
            at_s=now_s if at_s is None else min(at_s, now_s),
            kind=EventKind.ALERT,
            title=f"{alert.rule} {'alert' if fires else 'is over'}",
            service=alert.service if known else None,
            detail=alert.text,
            source=alert.source,
            severity=alert.severity if fires else Health.OK,
            source_at_s=alert.source_since_s if fires else None,
        )

    def _ahead_s(self, connection: str) -> float | None:
        """Of the clock of whoever answers there; its alerts are taken to be dated by it."""
        off = self._ctx.clock_off(connection)
        return None if off is None else off.ahead_s


def alert_of(one: OutsideAlert, connection: str, settings: WorkspaceSettings) -> Alert:
    """As the panel shows it. What no single service of the workspace is meant by stands under its connection's name."""
    word = one.labels.get("severity", "").lower()
    severity = Health.CRITICAL if word in _GRAVE else Health.OK if word in _QUIET else Health.WARNING
    said = next((one.annotations[name] for name in _WORDS if one.annotations.get(name)), one.name)
    held_back = "" if not one.inhibited_by else "Inhibited by another alert. "
    return Alert(
        id=f"{connection}:{one.fingerprint}@{one.since_s:.3f}",
        service=service_of(one.labels, settings) or connection,
        rule=_line(one.name),
        state=AlertState.FIRING,
        severity=severity,
        text=held_back + said,
        since_s=one.since_s,
        fired_s=one.since_s,
        source=connection,
        fingerprint=one.fingerprint,
        labels=tuple((name, _line(value)) for name, value in sorted(one.labels.items()))[:SHOWN_LABELS],
        silenced_by=one.silenced_by,
    )


def service_of(labels: Mapping[str, str], settings: WorkspaceSettings) -> str:
    """The one service that a label names, by its own name or its model's; empty when there is none, or more than one."""
    for name in _SERVICE_LABELS:
        value = labels.get(name)
        if not value:
            continue
        if value in settings.services:
            return value
        named = [s.id for s in settings.services.values() if value in (s.model, s.serving_model, s.route)]
        if len(named) == 1:
            return named[0]
    return ""


def _dated(alert: Alert, now_s: float, ahead_s: float | None, known: Mapping[str, Alert]) -> Alert:
    """By our clock, with the source's own time and a sentence where that differs. ``known``: what was told, by id."""
    earlier = known.get(alert.id)
    at_s, words = dated_by_ours(alert.since_s, now_s, ahead_s, earlier.since_s if earlier is not None else None)
    if not words:
        return alert
    return replace(alert, text=f"{alert.text} {words}", since_s=at_s, fired_s=at_s, source_since_s=alert.since_s)


def _silence(one: OutsideSilence, connection: str, ahead_s: float) -> Silence:
    sign = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
    words = ", ".join(_line(f"{m.name}{sign[m.is_equal, m.is_regex]}{m.value}") for m in one.matchers[:SHOWN_LABELS])
    until_s, starts_s = one.until_s - ahead_s, one.starts_s - ahead_s
    return Silence(one.id, "", words, until_s, one.by, one.comment, starts_s, connection)


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text[:SHOWN_CHARS])


def _gone(alert: Alert, now_s: float) -> Alert:
    text = f"Its connection was removed; whether it still fires is not known. {alert.text}"
    return replace(alert, state=AlertState.RESOLVED, resolved_s=now_s, text=text, silenced_by=())
