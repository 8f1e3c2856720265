"""Alerts of the running fleet: rules asked every second, a life kept in the store, few messages, and a suspect beside each."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator

import numpy as np

from mlcontrol.core.alerts.alert import Alert, AlertState, Condition, Notification, Silence
from mlcontrol.core.alerts.conditions import conditions
from mlcontrol.core.alerts.machine import GONE, Book, acknowledged, asleep, moved, step
from mlcontrol.core.alerts.silence_length import LONGEST_S
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.services.alert_rules import LiveRules
from mlcontrol.services.alert_suspects import AlertSuspects
from mlcontrol.services.clock_set import WallClock
from mlcontrol.services.context import AlertsMoved, ServiceContext
from mlcontrol.services.outside_alerts import OutsideAlerts
from mlcontrol.services.silences import Silences

TICK_S = 1.0
RULES_EVERY_S = 30.0
ASLEEP_S = 30.0
"""Who has not looked for so long was not there: the machine slept. What was true before it did may not be any more."""


class Alerts:
    """``persist``: stores samples that wait, so that a rule sees them. ``outward``: told of what people outside the panel are to
    hear; never waits. *Thread:* its own from `start`; the rest any."""

    def __init__(
        self,
        ctx: ServiceContext,
        persist: Callable[[], None],
        report: Callable[[BaseException, str], object],
        outward: Callable[[Notification], None] = lambda _message: None,
    ) -> None:
        self._outward = outward
        self._ctx = ctx
        self._persist = persist
        self._report = report
        self._lock = threading.Lock()
        self._book = Book()
        self._silences = Silences(ctx)
        self._from_rules: tuple[Condition, ...] = ()
        self.live = LiveRules(ctx, persist, report)
        self._rules_at: float | None = None  # by the clock that nobody sets
        self._looked_at: float | None = None  # likewise
        self._wall = WallClock(ctx.clock)
        self._warmed = False
        self._ending = threading.Event()
        self._telling = threading.Lock()
        self._keeping = threading.Lock()
        self._suspects = AlertSuspects(ctx, persist)
        self.outside = OutsideAlerts(ctx, self._tell)
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def start(self) -> None:
        """Take up the alerts of earlier days, and begin."""
        try:
            kept = self._ctx.store.alerts.load()
            self._silences.begin()
        except ProblemError as error:
            self._report(error, "the alerts of earlier days")
            kept = ()
        told = {alert.key: alert.told_s for alert in kept if alert.told_s is not None}
        with self._lock:
            self._book = Book({alert.key: alert for alert in kept}, told)
        self._tell(kept)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(10.0)

    def _run(self) -> None:
        while not self._ending.wait(TICK_S):
            try:
                self.tick()
                self._warm()
            except Exception as error:  # noqa: BLE001 - alerts must go on
                self._report(error, "the alerts")

    def _warm(self) -> None:
        """Load what a page about an incident is computed with as soon as something looks wrong, before anybody is told."""
        with self._lock:
            wanted = not self._warmed and any(alert.open for alert in self._book.alerts.values())
        if wanted:
            self._warmed = True
            from mlcontrol.core.signals.changepoint import change_points

            step = np.repeat([0.0, 1.0], 32) + np.tile([0.0, 0.01], 32)
            change_points(np.arange(64.0), step)

    def tick(self) -> None:
        """Ask every rule once."""
        self._suspects.begin()
        now = self._ctx.clock.mono_s()
        self._wake(now)
        if self._rules_at is None or now - self._rules_at >= RULES_EVERY_S:
            self._rules_at = now
            self._from_rules = tuple(self.live.conditions())
        state = self._ctx.state()
        known = conditions(state.services.values(), state.connections.values())
        asked = (*self._not_seen_yet(), *known, *self._from_rules)
        with self._lock:
            set_by, now_s = self._wall.set_by() or 0.0, self._ctx.clock.utc_s()
            if set_by:
                self._book = moved(self._book, set_by)  # what lasts goes on as long as it would have
            others = self._silences.hold(now_s, set_by)
            done = step(self._book, asked, self._silences.all, now_s)
            self._book = done.book
        if not done.changed and not done.messages and not others:
            return
        changed = done.changed
        if set_by:  # all that is dated by the clock reads otherwise
            changed = tuple(a for a in done.book.alerts.values() if a.open or a in done.changed)
        self._tell(changed, *done.messages)
        for message in done.messages:
            self._outward(message)
        for alert in done.turned:
            if event := self._event(alert):
                self._suspects.put(alert, event)
        # Last: people hear of an alert also while the store is away.
        self._keep(changed)

    def _wake(self, now: float) -> None:
        """``now``: by the clock that goes on while the machine sleeps."""
        gap_s, self._looked_at = now - (now if self._looked_at is None else self._looked_at), now
        if gap_s > ASLEEP_S:
            with self._lock:
                self._book = asleep(self._book, gap_s - TICK_S)
            self.live.asleep(gap_s - TICK_S)

    def heed_others(self) -> None:
        """Silences that other engines of this store made or ended. Raises what the store raises."""
        if self._silences.look():
            self._tell(())

    def acknowledge(self, alert_id: str, actor: str) -> None:
        """Raises `ProblemError` ("not-found") when it is over, "refused" when it is another system's."""
        if self.outside.knows(alert_id):
            kept_by = alert_id.partition(":")[0]
            what = f"This alert is kept by {kept_by}, where nobody can take one."
            raise ProblemError(Problem(what, next="Silence it there, with a reason.", code="refused"))
        with self._lock:
            self._book, alert = acknowledged(self._book, alert_id, actor)
        if alert is None:
            raise ProblemError(Problem("This alert is over.", next="Look at the open ones.", code="not-found"))
        self._keep((alert,))
        self._ctx.store.audit.append(
            actor, "alert.acknowledged", {"alert": alert.id, "text": alert.text}, alert.service
        )
        self._tell((alert,))

    def silence(self, service: str, rule: str, for_s: float, reason: str, actor: str, alert: str = "") -> None:
        """Nobody is told for so long. ``alert``: id of another system's alert, to be silenced there and alone. Raises
        `ProblemError` ("refused") without a reason or an end."""
        if not reason.strip():
            raise ProblemError(
                Problem("A silence needs a reason.", next="Say why, for whoever comes next.", code="refused")
            )
        if not 0 < for_s <= LONGEST_S:
            raise ProblemError(Problem("A silence ends within 30 days.", next="Choose a shorter time.", code="refused"))
        now_s = self._ctx.clock.utc_s()
        if alert:
            self.outside.silence(alert, now_s + for_s, reason.strip()[:500], actor)
            return
        made = Silence(uuid.uuid4().hex, service, rule, now_s + for_s, actor, reason.strip()[:500], now_s)
        body = {"service": service, "rule": rule, "until_s": made.until_s, "reason": made.reason}
        self._ctx.store.audit.append(actor, "alert.silenced", body, service)
        self._silences.add(made)
        self._tell(())

    def end_silence(self, silence_id: str, actor: str) -> None:
        if self.outside.holds(silence_id):
            self.outside.end_silence(silence_id, actor)
            return
        if all(s.id != silence_id for s in self._silences.all):
            raise ProblemError(Problem("This silence has ended.", code="not-found"))
        self._ctx.store.audit.append(actor, "alert.silence-ended", {"silence": silence_id})
        self._silences.end(silence_id)
        self._tell(())

    def _keep(self, changed: tuple[Alert, ...]) -> None:
        """One at a time, so that what is stored last is the newest."""
        with self._keeping:
            if changed:
                self._ctx.store.alerts.keep(changed)
            self._silences.store()

    def _tell(self, changed: tuple[Alert, ...], *messages: Notification) -> None:
        """One at a time, so that the last one told has every silence of now."""
        with self._telling:
            self._ctx.emit(AlertsMoved(changed, (*self._silences.all, *self.outside.silences)), *messages)

    def _not_seen_yet(self) -> Iterator[Condition]:
        """Open alerts of what the workspace names and nobody has looked at since this engine began: nothing is known of them."""
        state, settings = self._ctx.state(), self._ctx.settings
        away = (set(settings.services) - set(state.services)) | (set(settings.connections) - set(state.connections))
        if away:
            for alert in self._book.alerts.values():
                if alert.open and alert.service in away:
                    yield Condition(alert.service, alert.rule, None, alert.severity)

    def _event(self, alert: Alert) -> TimelineEvent | None:
        if alert.state is AlertState.PENDING or (alert.state is AlertState.RESOLVED and alert.fired_s is None):
            return None
        fired = alert.state is AlertState.FIRING
        if fired and alert.acknowledged_by:
            return None
        known = alert.service in self._ctx.settings.services
        name = f"alert-{alert.id}-{alert.state.value}"
        gone = alert.text.startswith(GONE)
        over = "is not asked about any more" if gone else "is over"
        return TimelineEvent(
            id=name,
            at_s=(alert.fired_s if fired else alert.resolved_s) or self._ctx.clock.utc_s(),
            kind=EventKind.ALERT,
            title=f"Alert: {alert.rule}, {alert.headline}" if fired else f"Alert {over}: {alert.rule}",
            service=alert.service if known else None,
            detail=alert.text if known else f"{alert.service}: {alert.text}",
            source="alerts",
            severity=alert.severity if fired else Health.UNKNOWN if gone else Health.OK,
        )
