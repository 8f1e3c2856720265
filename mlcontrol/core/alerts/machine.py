"""The life of an alert as a pure step: conditions in; alerts, and the few messages that people get, out.

An alert fires when its condition has held for its time, and is resolved when it has been clear for a while: what comes back before
is the same alert. Conditions that are not known change nothing but say so. Messages are grouped, and bounded in number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from mlcontrol.core.alerts.alert import Alert, AlertState, Condition, Notification, Silence
from mlcontrol.core.types import Health

CLEAR_S = 60.0
"""So long in limits resolves an alert: what flaps faster never ends in between."""
AGAIN_S = 300.0
"""Nobody is told of one alert more often."""
MOST_MESSAGES = 5
WINDOW_S = 300.0
"""At most so many messages in so long a time; the last of them says how many more there are. One of them is kept for what is
critical: a flood of warnings must not hide it."""
GONE = "It is not asked about any more, as its service or its rule has left: whether it still holds is not known."
KEPT_RESOLVED = 500


@dataclass(frozen=True, slots=True)
class Book:
    """``alerts``: by key, the open or last one. ``told``: by key, when people last heard of it. ``sent_s``: of past messages."""

    alerts: Mapping[str, Alert] = field(default_factory=dict)
    told: Mapping[str, float] = field(default_factory=dict)
    sent_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """``changed``: alerts that read otherwise (new figures alone are no change); ``turned``: those of them whose state is
    another; ``messages``: for people."""

    book: Book
    changed: tuple[Alert, ...]
    turned: tuple[Alert, ...]
    messages: tuple[Notification, ...]


def step(book: Book, conditions: Iterable[Condition], silences: Iterable[Silence], now_s: float) -> Step:
    """Fold in what every rule says now. A rule that says nothing any more (its service left) resolves its alert."""
    alerts, told = dict(book.alerts), dict(book.told)
    news: list[Alert] = []
    seen: set[str] = set()
    silenced = tuple(silences)
    for condition in conditions:
        seen.add(condition.key)
        before = alerts.get(condition.key)
        after = _next(before, condition, now_s)
        if after is None:
            continue
        if after.state is AlertState.FIRING:
            if any(s.covers(after, now_s) for s in silenced):
                after = _unheard(after)
            elif _due(after, told, now_s):
                news.append(after)
        alerts[condition.key] = after
    sent = tuple(at for at in book.sent_s if now_s - at < WINDOW_S)
    messages = grouped(news, _room(news, len(sent)), now_s)
    if messages:
        # Only who was told of is told: what found no room stays due.
        for alert in news:
            told[alert.key] = now_s
            alerts[alert.key] = replace(alert, told_s=now_s, told_as=alert.severity)
    for key, alert in list(alerts.items()):
        if key not in seen and alert.open:
            text = f"{GONE} {alert.text}"
            alerts[key] = replace(alert, state=AlertState.RESOLVED, resolved_s=now_s, clear_since_s=now_s, text=text)
    changed, turned = [], []
    for key, alert in alerts.items():
        before = book.alerts.get(key)
        if before is alert:
            continue
        if before is None or _shown(before) != _shown(alert):
            changed.append(alert)
            if before is None or (before.id, before.state) != (alert.id, alert.state):
                turned.append(alert)
    return Step(Book(_kept(alerts), told, (*sent, *(now_s for _ in messages))), tuple(changed), tuple(turned), messages)


def moved(book: Book, by_s: float) -> Book:
    """The same book by a clock that was set by so many seconds: what has lasted ten seconds has lasted ten seconds still."""

    def later(at_s: float | None) -> float | None:
        return None if at_s is None else at_s + by_s

    alerts = {
        key: replace(
            alert,
            since_s=alert.since_s + by_s,
            fired_s=later(alert.fired_s),
            clear_since_s=later(alert.clear_since_s),
            told_s=later(alert.told_s),
        )
        if alert.open
        else alert
        for key, alert in book.alerts.items()
    }
    told = {key: at_s + by_s for key, at_s in book.told.items()}
    return Book(alerts, told, tuple(at_s + by_s for at_s in book.sent_s))


def asleep(book: Book, for_s: float) -> Book:
    """The same book after so many seconds in which nobody looked: what had held, or been clear, for ten seconds has not for
    longer."""

    def later(alert: Alert) -> Alert:
        if alert.state is AlertState.PENDING:
            return replace(alert, since_s=alert.since_s + for_s)
        if alert.open and alert.clear_since_s is not None:
            return replace(alert, clear_since_s=alert.clear_since_s + for_s)
        return alert

    return replace(book, alerts={key: later(alert) for key, alert in book.alerts.items()})


def _next(alert: Alert | None, now: Condition, at_s: float) -> Alert | None:
    if now.holds is None:
        return replace(alert, unknown=True) if alert is not None and alert.open else None
    if not now.holds:
        return _clear(alert, at_s)
    if alert is None or not alert.open:
        name, told_as = f"{now.key}@{at_s:.3f}", alert.told_as if alert is not None else None
        pending = AlertState.PENDING
        alert = Alert(name, now.service, now.rule, pending, now.severity, now.text, at_s, told_as=told_as)
    state, fired_s = alert.state, alert.fired_s
    if state is AlertState.PENDING and at_s - alert.since_s >= now.for_s:
        state, fired_s = AlertState.FIRING, at_s
    came_back = alert.clear_since_s is not None
    return replace(
        alert,
        state=state,
        fired_s=fired_s,
        clear_since_s=None,
        times=alert.times + came_back,
        unknown=False,
        severity=now.severity,
        text=now.text,
        value=now.value,
        limit=now.limit,
    )


def _clear(alert: Alert | None, at_s: float) -> Alert | None:
    if alert is None or not alert.open:
        return None
    if alert.state is AlertState.PENDING:
        return replace(alert, state=AlertState.RESOLVED, resolved_s=at_s, unknown=False)
    since = alert.clear_since_s if alert.clear_since_s is not None else at_s
    if at_s - since >= CLEAR_S:
        return replace(alert, state=AlertState.RESOLVED, resolved_s=at_s, clear_since_s=since, unknown=False)
    return replace(alert, clear_since_s=since, unknown=False)


def _due(alert: Alert, told: Mapping[str, float], now_s: float) -> bool:
    """What people heard of as a warning, or took as one, they hear of again when it is critical."""
    if alert.severity is Health.CRITICAL and alert.told_as is Health.WARNING:
        return True
    return not alert.acknowledged_by and alert.told_s is None and now_s - told.get(alert.key, -1e18) >= AGAIN_S


def _unheard(alert: Alert) -> Alert:
    """One that is silent now: whoever has not taken it is to hear of it when the silence ends before it does."""
    return alert if alert.acknowledged_by else replace(alert, told_s=None, told_as=None)


def _room(news: list[Alert], sent: int) -> int:
    grave = any(alert.severity is Health.CRITICAL for alert in news)
    return MOST_MESSAGES - sent - (0 if grave else 1)


def _shown(alert: Alert) -> tuple[object, ...]:
    """What the shells and the store are told of; when people heard of it is kept too, or a new engine would tell them again."""
    heard = alert.told_s is not None, alert.told_as
    return alert.id, alert.state, alert.severity, alert.acknowledged_by, alert.unknown, heard


def _kept(alerts: dict[str, Alert]) -> dict[str, Alert]:
    resolved = sorted((a for a in alerts.values() if not a.open), key=lambda a: -(a.resolved_s or 0.0))
    return {a.key: a for a in (*resolved[:KEPT_RESOLVED], *(a for a in alerts.values() if a.open))}


def grouped(news: list[Alert], room: int, now_s: float) -> tuple[Notification, ...]:
    """One message for each rule; where these are more than there is room for, the last speaks of all the rest.

    Without room nothing is sent: the alerts are on the page, and told as soon as there is room, if they fire still.
    """
    if not news or room <= 0:
        return ()
    by_rule: dict[str, list[Alert]] = {}
    for alert in sorted(news, key=lambda a: (a.severity is not Health.CRITICAL, a.since_s, a.key)):
        by_rule.setdefault(alert.rule, []).append(alert)
    groups = list(by_rule.values())
    if len(groups) > room:
        rest = [alert for group in groups[room - 1 :] for alert in group]
        groups = [*groups[: room - 1], rest]
    return tuple(_message(group, now_s) for group in groups)


def _message(group: list[Alert], now_s: float) -> Notification:
    worst = Health.CRITICAL if any(a.severity is Health.CRITICAL for a in group) else Health.WARNING
    ids = tuple(a.id for a in group)
    if len(group) == 1:
        (alert,) = group
        by = alert.acknowledged_by
        text = f"{alert.text} It is critical now; {by} took it as a warning." if by else alert.text
        return Notification(f"{alert.service}: {alert.rule}", text, worst, ids, now_s, alert.service)
    rules = sorted({a.rule for a in group})
    services = list(dict.fromkeys(a.service for a in group))
    title = f"{len(group)} alerts: {', '.join(rules[:3])}{' and others' if len(rules) > 3 else ''}"
    more = f" and {len(services) - 8} more" if len(services) > 8 else ""
    return Notification(title, f"{', '.join(services[:8])}{more}. {group[0].text}", worst, ids, now_s, services[0])


def acknowledged(book: Book, alert_id: str, by: str) -> tuple[Book, Alert | None]:
    """The book in which somebody has taken an open alert; `None` when there is no such alert any more."""
    alert = next((a for a in book.alerts.values() if a.id == alert_id and a.open), None)
    if alert is None:
        return book, None
    as_what = Health.CRITICAL if alert.told_as is Health.CRITICAL else alert.severity
    taken = replace(alert, acknowledged_by=by, told_as=as_what)
    return replace(book, alerts={**book.alerts, alert.key: taken}), taken
