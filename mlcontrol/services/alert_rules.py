"""The workspace's own alert rules, asked of the metric history while it grows.

A reading that is old says nothing of now; silence is measured to now, and only while somebody listened. A rule that cannot be
asked is said, and keeps no other from being asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from mlcontrol.core.alerts.alert import Condition
from mlcontrol.core.alerts.conditions import OWN_NAMES
from mlcontrol.core.alerts.rule import Rule, RuleKind, parse_rules
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import Health, SeriesData
from mlcontrol.services.context import ServiceContext

if TYPE_CHECKING:
    from mlcontrol.core.alerts.evaluate import History

RULES_SPAN_S = 86_400.0
BURN_SPAN_S = 3 * 86_400.0
"""As long as the longest window of a burn rate."""
POINTS, EVERY_POINT = 5000, 1_000_000
STALE_S, STALE_STEPS = 300.0, 5
"""Older than both of these, the newest reading tells nothing of now."""


class LiveRules:
    """``persist``: stores samples that wait, so that a rule sees them. *Thread:* the alerts' own."""

    def __init__(
        self, ctx: ServiceContext, persist: Callable[[], None], report: Callable[[BaseException, str], object]
    ) -> None:
        self._ctx = ctx
        self._persist = persist
        self._report = report
        self._asked_since: dict[tuple[str, str], float] = {}  # by the clock that nobody sets

    def asleep(self, for_s: float) -> None:
        """So long nobody listened, though the engine was there: the machine slept, or the process was stopped."""
        self._asked_since = {key: at_s + for_s for key, at_s in self._asked_since.items()}

    def conditions(self) -> Iterator[Condition]:
        for service in self._ctx.settings.services.values():
            if service.alerts:
                yield from self._of(service)

    def _of(self, service: ServiceSettings) -> Iterator[Condition]:
        where = f"The alerts of {service.id}"
        try:
            rules = parse_rules([dict(entry) for entry in service.alerts], where)
        except ProblemError as error:
            yield Condition(service.id, "alert rules", True, Health.WARNING, str(error.problem))
            return
        failed = ""
        for rule in rules:
            if rule.name in OWN_NAMES:
                failed = (
                    f"{where}: {rule.name!r} is the name of an alert that every service has. Give the rule another."
                )
                continue
            try:
                self._persist()
                yield self._condition(service.id, rule)
            except ProblemError as error:  # the store is away, which is said elsewhere: what it holds is not known
                yield Condition(service.id, rule.name, None, _severity(rule), str(error.problem))
            except Exception as error:  # noqa: BLE001 - one rule must not keep the others from being asked
                self._report(error, f"the rule {rule.name} of {service.id}")
                failed = f"{where}: the rule {rule.name} cannot be asked. {type(error).__name__}: {error}"
                yield Condition(service.id, rule.name, None, _severity(rule), failed)
        yield Condition(service.id, "alert rules", bool(failed), Health.WARNING, failed)

    def _condition(self, service: str, rule: Rule) -> Condition:
        from mlcontrol.core.alerts.evaluate import evaluate

        now_s = self._ctx.clock.utc_s()
        history, columns = self._read(service, rule, now_s)
        if rule.kind is RuleKind.ABSENCE:
            return self._absent(service, rule, history, now_s)
        severity = _severity(rule)
        at_s, _values = history.known()
        if not at_s.size:
            return Condition(service, rule.name, None, severity, f"there are no readings of {history.name}")
        age_s = now_s - float(at_s[-1])
        if age_s > max(STALE_S, STALE_STEPS * history.step_s):
            text = f"the newest reading of {history.name} is {age_s / 60:.0f} min old"
            return Condition(service, rule.name, None, severity, text)
        held = next((span for span in reversed(evaluate(rule, history, columns)) if span.until_s is None), None)
        if held is None:
            return Condition(service, rule.name, False, severity)
        grave = Health.CRITICAL if held.severity == "critical" else severity
        return Condition(service, rule.name, True, grave, held.why, 0.0, held.value, held.limit)

    def _read(self, service: str, rule: Rule, now_s: float) -> tuple[History, dict[str, np.ndarray]]:
        from mlcontrol.core.alerts.evaluate import History

        if rule.kind is not RuleKind.BURN_RATE:
            return History(rule.series, *series_of(self._ctx, service, rule.series, now_s - RULES_SPAN_S, now_s)), {}
        since_s = now_s - BURN_SPAN_S
        if not rule.bad:
            found = series_of(self._ctx, service, rule.series, since_s, now_s, EVERY_POINT)
            return History(rule.series, *found), {}
        bad, total = (
            series_of(self._ctx, service, name, since_s, now_s, EVERY_POINT, added=True)
            for name in (rule.bad, rule.total)
        )
        # Of a moment at which only one of both was read nothing can be said.
        at_s, of_bad, of_total = np.intersect1d(bad[0], total[0], assume_unique=True, return_indices=True)
        columns = {rule.bad: bad[1][of_bad], rule.total: total[1][of_total]}
        return History(rule.bad, at_s, columns[rule.bad]), columns

    def _absent(self, service: str, rule: Rule, history: History, now_s: float) -> Condition:
        """No longer than this engine has asked: what was while it was off is not known."""
        now = self._ctx.clock.mono_s()
        listened_s = now - self._asked_since.setdefault((service, rule.name), now)
        at_s, _values = history.known()
        silent_s = listened_s if not at_s.size else min(listened_s, now_s - float(at_s[-1]))
        text = f"no reading for {silent_s:.0f} s"
        return Condition(
            service, rule.name, silent_s > rule.for_s, _severity(rule), text, value=silent_s, limit=rule.for_s
        )


def series_of(
    ctx: ServiceContext,
    service: str,
    name: str,
    since_s: float,
    until_s: float,
    points: int = POINTS,
    *,
    added: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """A stored series as a rule names it: "latency_ms" or "latency_ms{quantile=0.99,version=2}"; of several that fit, their mean
    at each moment, or their sum.

    Returns UTC seconds, rising, and values; equal lengths.
    """
    metric, _, labels = name.partition("{")
    wanted = dict(pair.split("=", 1) for pair in labels.rstrip("}").split(",") if "=" in pair)
    found: list[SeriesData] = [
        data
        for data in ctx.store.history.query(service, [metric], since_s, until_s, points)
        if all(data.key.label(key) == value for key, value in wanted.items())
    ]
    if not found:
        return np.zeros(0), np.zeros(0)
    at_s = np.concatenate([np.frombuffer(data.at_s) for data in found])
    values = np.concatenate([np.frombuffer(data.value) for data in found])
    moments, which = np.unique(at_s, return_inverse=True)
    sums = np.bincount(which, weights=values, minlength=moments.size)
    return moments, sums if added else sums / np.bincount(which, minlength=moments.size)


def _severity(rule: Rule) -> Health:
    return Health.CRITICAL if rule.severity == "critical" else Health.WARNING
