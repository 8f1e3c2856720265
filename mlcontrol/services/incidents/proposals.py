"""What would have caught an incident: an alert, a rule, golden items, a drill. Each is tried over history before it is proposed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlcontrol.core import series
from mlcontrol.core.alerts.evaluate import History, evaluate
from mlcontrol.core.alerts.rule import Rule, RuleKind, parse_rule
from mlcontrol.core.drill import is_old
from mlcontrol.core.golden import Expected, GoldenItem, Tolerance, ToleranceKind
from mlcontrol.core.incidents.brief import Onset, Prevention
from mlcontrol.core.incidents.counts import Floats
from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.incidents.story import clock, duration, percent
from mlcontrol.core.judge.sight import seconds_to_find
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.ports.errors import AdapterError
from mlcontrol.services.alert_rules import series_of
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.onsets import read

HISTORY_S = 7 * 86_400.0
HELD_S = 15.0
FIRST_STAGE = 10.0
GOLDEN_ITEMS = 5
ASK_S = 5.0
LEAST_ERRORS = 0.001


@dataclass(frozen=True, slots=True)
class Proposal:
    """``settings``: the service as it would be written to the workspace file; ``items``: golden items to be added."""

    prevention: Prevention
    settings: ServiceSettings | None = None
    items: tuple[GoldenItem, ...] = ()


class Proposals:
    """*Thread:* any. Takes about a second: a week of history is read and tried."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx

    def make(self, incident: Incident, seen: Onset | None, suspect: str) -> tuple[Proposal, ...]:
        """Likeliest first. ``suspect``: the change that is held responsible; empty: none is."""
        settings = self._ctx.settings.services.get(incident.service)
        if settings is None:
            return ()
        found = (
            self._alert(incident, settings, seen),
            self._stages(incident, settings, seen, suspect),
            self._golden(incident, settings, seen),
            self._drill(settings),
        )
        return tuple(one for one in found if one is not None)

    def _alert(self, incident: Incident, settings: ServiceSettings, seen: Onset | None) -> Proposal | None:
        if seen is None:
            return None
        chosen = self._series(incident.service, seen)
        if chosen is None:
            return None
        name, at_s, values = chosen
        after = values[(at_s >= seen.at_s) & (at_s <= (incident.mitigated_s or at_s[-1]))]
        calm = values[at_s < seen.low_s]
        if not after.size or not calm.size:
            return None
        before, level = float(np.median(calm)), float(np.median(after))
        limit = float(f"{before + (level - before) / 3:.3g}")  # far above the usual, far below the incident
        side = "above" if level > before else "below"
        entry = {
            "name": f"{seen.signal} as in incident {incident.number}",
            "kind": RuleKind.THRESHOLD.value,
            "series": name,
            side: limit,
            "for_s": HELD_S,
            "severity": "critical",
        }
        rule = parse_rule(entry, "The proposed alert")
        said = percent(limit) if name.startswith(series.ERROR_SHARE) else f"{limit:g}"
        made = Prevention(
            f"alert-{seen.signal}",
            "alert",
            f"Alert when {name} of {incident.service} stays {side} {said} for {HELD_S:.0f} s",
            f"It went from {before:.3g} to {level:.3g} at {clock(seen.at_s)}.",
            _tried(rule, History(name, at_s, values), incident, seen),
        )
        others = tuple(one for one in settings.alerts if one.get("name") != entry["name"])
        return Proposal(made, replace(settings, alerts=(*others, entry)))

    def _series(self, service: str, seen: Onset) -> tuple[str, Floats, Floats] | None:
        """The stored series, as a rule names it, that shows the change best."""
        if seen.signal in ("versions", "inputs"):
            return None  # presence and the watch of the data say that at once, without a rule
        metric, wanted = {
            "errors": (series.ERROR_SHARE, {}),
            "latency p99": (series.LATENCY_MS, {"quantile": "0.99"}),
            "latency of callers": (series.CALLER_LATENCY_MS, {"quantile": "0.99"}),
            "traffic": (series.QUERIES_PER_S, {}),
            "quality": (series.QUALITY, {"source": "labels"}),
        }[seen.signal]
        now_s = self._ctx.clock.utc_s()
        names = {f"{metric}{{{','.join(f'{k}={v}' for k, v in wanted.items())}}}" if wanted else metric}
        if metric == series.ERROR_SHARE:
            kinds = self._ctx.store.history.query(service, [metric], seen.at_s - 60, now_s, 100)
            names = {f"{metric}{{type={kind}}}" for d in kinds if (kind := d.key.label("type"))}
        best: tuple[float, str, Floats, Floats] | None = None
        for name in sorted(names):
            at_s, values = series_of(self._ctx, service, name, seen.at_s - HISTORY_S, now_s)
            before, after = values[at_s < seen.low_s], values[at_s >= seen.at_s]
            if not before.size or not after.size:
                continue
            moved = abs(
                float(np.nanmax(after) if seen.after > seen.before else np.nanmin(after)) - float(np.nanmedian(before))
            )
            if moved > 0 and (best is None or moved > best[0]):
                best = (moved, name, at_s, values)
        return best[1:] if best is not None else None

    def _stages(
        self, incident: Incident, settings: ServiceSettings, seen: Onset | None, suspect: str
    ) -> Proposal | None:
        changed = suspect or incident.suspect
        if seen is not None and seen.signal == "inputs":
            return None  # stages keep a version from callers, not callers' data from a version
        if not changed or settings.rollout.strategy != "all-at-once":
            return None
        made = Prevention(
            "rule-stages",
            "rule",
            f"Deploy {incident.service} in stages: {FIRST_STAGE:g} % first, then half, each judged",
            f"“{changed}” reached every caller before it was judged.",
            self._stage_tried(incident, seen),
        )
        staged = replace(settings.rollout, strategy="canary", steps=(FIRST_STAGE, 50.0))
        return Proposal(made, replace(settings, rollout=staged))

    def _stage_tried(self, incident: Incident, seen: Onset | None) -> str:
        """What the judge would have needed at the first stage, by its own test at the traffic of then."""
        if seen is None or seen.signal != "errors":
            return "Not tried: the judge of stages compares errors, and errors are not what changed."
        end_s = incident.mitigated_s or self._ctx.clock.utc_s()
        counts = read(self._ctx, incident.service, seen.at_s, end_s).counts
        during = counts.between(seen.at_s, end_s)
        calm = counts.between(seen.at_s - 1200, seen.low_s)
        seconds = max(end_s - seen.at_s, 1.0)
        per_s, failed = float(during.answers.sum()) / seconds, float(during.failed.sum())
        usual = max(calm.share or 0.0, LEAST_ERRORS)
        bad = during.share or 0.0
        found_s = seconds_to_find(per_s, FIRST_STAGE / 100, usual, bad / usual) if per_s > 0 and bad > usual else None
        if found_s is None:
            return f"At {per_s:.1f} answers a second a stage of {FIRST_STAGE:g} % would not have shown it within a day."
        spared = per_s * found_s * FIRST_STAGE / 100 * bad
        return (
            f"At {per_s:.1f} answers a second the judge finds {percent(bad)} errors at {FIRST_STAGE:g} % of the traffic after"
            f" about {duration(found_s)} (median): some {max(1, round(spared))} failed answers instead of {round(failed)}."
        )

    def _golden(self, incident: Incident, settings: ServiceSettings, seen: Onset | None) -> Proposal | None:
        """The requests that failed, with the label or, without one, what the version that serves now answers."""
        try:
            golden = self._ctx.golden(incident.service)
            if golden is None or not settings.predictions or not settings.serving or not settings.prediction:
                return None
            began_s = seen.at_s if seen is not None else incident.detected_s
            end_s = incident.mitigated_s or self._ctx.clock.utc_s()
            failed = self._ctx.predictions(settings.predictions).failures(
                incident.service, 4 * GOLDEN_ITEMS, began_s, end_s, ASK_S
            )
            serving = self._ctx.serving(settings.serving[0])
        except (AdapterError, ProblemError):
            return None
        state = self._ctx.state().services.get(incident.service)
        good = state.used.single if state is not None else None
        known = {json.dumps(dict(item.inputs), sort_keys=True) for item in golden.items}
        items: list[GoldenItem] = []
        shape = golden.items[0].inputs if golden.items else {}
        for one in failed:
            inputs = _inputs(one.inputs, shape)
            if inputs is None or json.dumps(inputs, sort_keys=True) in known or len(items) == GOLDEN_ITEMS:
                continue
            expected = self._expected(serving, settings, inputs, one.label, good)
            if expected is None:
                continue
            known.add(json.dumps(inputs, sort_keys=True))
            items.append(GoldenItem(f"incident-{incident.number}-{len(items) + 1}", inputs, expected, one.slices))
        if not items:
            return None
        source = "their labels" if all(one.label for one in failed) else f"the answers of v{good}"
        culprit = self._replaced(incident)
        who = f"v{culprit} failed" if culprit else "They failed"
        tried = f"{who} all {len(items)} when callers asked; v{good} answers all {len(items)} of them now."
        made = Prevention(
            "golden-failing",
            "golden",
            f"Add {len(items)} requests that failed to the golden set, expecting {source}",
            f"The golden set of {len(golden.items)} items holds none of them.",
            tried,
        )
        return Proposal(made, items=tuple(items))

    def _replaced(self, incident: Incident) -> str | None:
        """The version that was rolled back from."""
        ran = [
            one
            for one in self._ctx.state().operations.values()
            if one.kind is OperationKind.ROLLBACK
            and one.service == incident.service
            and one.started_s >= incident.detected_s
        ]
        return max(ran, key=lambda one: one.started_s).from_version if ran else None

    def _expected(
        self, serving: Any, settings: ServiceSettings, inputs: dict[str, Any], label: str | None, good: str | None
    ) -> Expected | None:
        answer = _answer(serving, settings.serving_model, inputs, good) if good is not None else None
        if answer is None or settings.prediction not in answer:
            return None  # what the good version does not answer either is no test of a version
        value = answer[settings.prediction]
        plain: Any = value
        while isinstance(plain, list) and len(plain) == 1:
            plain = plain[0]
        if label is not None and not isinstance(plain, float):
            found = json.loads(label)
            value = (
                type(plain)(found) if isinstance(plain, int | str) and isinstance(found, int | float | str) else value
            )
        tolerance = Tolerance(ToleranceKind.NUMERIC, rel=0.05) if isinstance(plain, float) else Tolerance()
        return Expected(settings.prediction, value, tolerance)

    def _drill(self, settings: ServiceSettings) -> Proposal | None:
        done = self._ctx.store.drills.of(settings.id)
        last_s = done[0].at_s if done else None
        if settings.drill.get("every") or not is_old(last_s, self._ctx.clock.utc_s()):
            return None
        took = next((one.total_s for one in done if one.total_s is not None), None)
        made = Prevention(
            "drill",
            "drill",
            f"Drill the way back of {settings.id} every 30 days, on a shadow",
            "It has never been drilled here." if last_s is None else "It was last drilled more than 30 days ago.",
            f"The last one took {duration(took)}."
            if took is not None
            else "Its first run is its own test: it is timed.",
        )
        return Proposal(made, replace(settings, drill={**settings.drill, "every": "30d", "mode": "shadow"}))


def _tried(rule: Rule, history: History, incident: Incident, seen: Onset) -> str:
    """What the rule would have said over the history there is: in this incident, and how often besides."""
    from mlcontrol.core.alerts.backtest import backtest

    found = evaluate(rule, history, {history.name: history.values})
    ours = [span for span in found if span.at_s >= seen.low_s - 60]
    others = len(found) - len(ours)
    span_s = float(history.at_s[-1] - history.at_s[0])
    over = f"{span_s / 86_400:.1f} days" if span_s >= 86_400 else duration(span_s)
    if not ours:
        return f"Over {over} of history ({history.values.size} readings) it does not fire here; {others} other firings."
    fired_s = ours[0].at_s
    here = f"here it fires {duration(max(0.0, fired_s - seen.at_s))} after the beginning"
    if incident.detected_s > fired_s:
        here += f", {duration(incident.detected_s - fired_s)} before it was noticed"
    rate = backtest([history], [rule]).false_per_week
    false = f"; {rate:.2g} false alarms a week are expected of noise like this" if rate is not None else ""
    return f"Over {over} of history ({history.values.size} readings): {here}; {others} other firings{false}."


def _inputs(text: str, shape: Mapping[str, Any]) -> dict[str, Any] | None:
    """Inputs as logged, nested as deeply as those of the golden set: logs leave the batch of one out."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return None
    if not isinstance(found, dict) or not found:
        return None
    for name, value in found.items():
        for _ in range(_depth(shape.get(name)) - _depth(value)):
            value = [value]
        found[name] = value
    return found


def _depth(value: Any) -> int:
    return 1 + _depth(value[0]) if isinstance(value, list) and value else 0


def _answer(serving: Any, model: str, inputs: dict[str, Any], version: str | None) -> dict[str, Any] | None:
    try:
        return dict(serving.infer(model, inputs, version, ASK_S).outputs)
    except AdapterError:
        return None
