"""What is wrong, since when, and who is hurt: the three sentences that a person who was just woken reads first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlcontrol.core.attribution import Attribution
from mlcontrol.core.incidents.hurt import SliceCount
from mlcontrol.core.incidents.impact import Impact
from mlcontrol.core.incidents.incident import Incident, IncidentPhase
from mlcontrol.core.signals.change import ChangePoint
from mlcontrol.core.types import Freshness, Health, ServiceState
from mlcontrol.core.versions import version_name

FAILING = 0.005
"""Such a share of answers that fail is worth a sentence where no objective says how many may."""


@dataclass(frozen=True, slots=True)
class Story:
    """``tone``: the state that the first sentence is shown in; "unknown" when no source tells."""

    what: str
    since: str
    hurt: str
    tone: str

    @property
    def text(self) -> str:
        return f"{self.what} {self.since} {self.hurt}"


def story(
    incident: Incident,
    service: ServiceState | None,
    change: ChangePoint | None,
    attribution: Attribution | None,
    impact: Impact,
    now_share: float | None,
    slices: Sequence[SliceCount] = (),
    users: tuple[int, int] | None = None,
    objective: float | None = None,
) -> Story:
    """``now_share``: of the answers of the last moments that fail, 0..1; ``objective``: so many may, `None` where none is stated.
    ``slices``: those hit hardest. ``users``: (hurt, seen)."""
    name = (service.title or service.id) if service is not None else incident.service
    failing = now_share is not None and now_share >= (FAILING if objective is None else objective)
    what, tone = _what(incident, name, service, impact, now_share if failing else None)
    if not incident.id and tone == "ok":
        return Story(what, "No incident is declared.", _nobody(impact), tone)
    return Story(what, _since(incident, change, attribution), hurt_words(_who(service, slices), impact, users), tone)


def _what(
    incident: Incident, name: str, service: ServiceState | None, impact: Impact, failing: float | None
) -> tuple[str, str]:
    """``failing``: the share of answers that fail now, where that is more than may."""
    if service is None:
        return f"{name} is not known to this panel.", "unknown"
    over = incident.phase in (IncidentPhase.MITIGATED, IncidentPhase.RESOLVED)
    if over:
        failed = (
            f"{percent(impact.share)} of answers from {name} were errors" if impact.share else f"{name} was disturbed"
        )
        serves = service.used.single or service.served.single
        return (
            f"{failed}; callers are served by {version_name(serves)} again." if serves else f"{failed}; it is over.",
            "ok",
        )
    signals = (service.presence, service.use, service.accuracy)
    if not heard(service):
        return f"Nothing is known of {name} now: no source answers. That is not the same as well.", "unknown"
    if failing:
        return f"{percent(failing)} of answers from {name} are errors.", "critical"
    for signal in signals:
        if signal.health is Health.CRITICAL:
            return sentence(f"{name}: {signal.detail or signal.text}"), "critical"
    unknown = [
        label for label, s in zip(("presence", "use", "accuracy"), signals, strict=True) if s.health is Health.UNKNOWN
    ]
    for signal in signals:
        if signal.health is Health.WARNING:
            return sentence(f"{name}: {signal.detail or signal.text}"), "warning"
    if unknown:
        return f"Of {name} {' and '.join(unknown)} cannot be told; what can be told is within its limits.", "unknown"
    return f"{name} is within its limits now.", "ok"


def heard(service: ServiceState) -> bool:
    """Whether any of its signals is known now."""
    signals = (service.presence, service.use, service.accuracy)
    return any(s.health is not Health.UNKNOWN and s.freshness is not Freshness.UNKNOWN for s in signals)


def _since(
    incident: Incident,
    change: ChangePoint | None,
    attribution: Attribution | None,
) -> str:
    if change is None:
        if incident.detected_s:
            return f"When it began cannot be read from the data; it was noticed at {clock(incident.detected_s)}."
        return "When it began cannot be read from the data."
    spread_s = max(1.0, (change.high_s - change.low_s) / 2)
    began = f"It began at {clock(change.at_s)} ± {spread_s:.0f} s"
    first = attribution.suspects[0] if attribution is not None and attribution.suspects else None
    if first is None or attribution is None:
        return f"{began}."
    if not attribution.separable:
        return f"{began}; {attribution.verdict[0].lower()}{attribution.verdict[1:]}"
    if first.event is None:
        return f"{began}; no recorded change explains it."
    lag_s = change.at_s - first.event.at_s
    when = f"{duration(abs(lag_s))} {'after' if lag_s >= 0 else 'before'}"
    return f"{began}, {when} “{attribution.called(first.event)}”."


def hurt_words(who: str, impact: Impact, users: tuple[int, int] | None) -> str:
    """``who``: in words; ``users``: (hurt, seen)."""
    parts = []
    if users is not None and users[0]:
        parts.append(f"{users[0]:,} of {users[1]:,} users".replace(",", " "))
    if impact.failed is not None and round(impact.failed) == 0:
        parts.append("no failed answers counted")
    elif impact.failed is not None:
        about = f"about {round(impact.failed):,}".replace(",", " ")
        share = f" ({percent(impact.share)} of all)" if impact.share is not None else ""
        parts.append(f"{about} failed answers{share}")
    if impact.budget is not None and impact.failed:
        parts.append(f"{percent(impact.budget)} of the month’s error budget")
    if not parts:
        return f"Hurt: {who}; how many answers failed is not known, because no source counts them."
    gap = "" if impact.covered >= 0.9 else f" (readings cover {100 * impact.covered:.0f} % of the time)"
    return f"Hurt: {who}, {', '.join(parts)}{gap}."


def _nobody(impact: Impact) -> str:
    """Who is hurt while nothing is wrong; that nobody counts is not the same as nobody."""
    if impact.failed is None:
        return "Whether callers are hurt is not known, because no source counts failed answers."
    if round(impact.failed) == 0:
        return "No failed answers were counted lately."
    return f"Failed answers lately: about {round(impact.failed):,}.".replace(",", " ")


def _who(service: ServiceState | None, slices: Sequence[SliceCount]) -> str:
    """The slices where they stand out, else the versions that share the traffic, else everybody."""
    if slices:
        return " and ".join(
            f"{one.name} {one.value} ({percent(one.share)} of {one.requests} fail)" for one in slices[:2]
        )
    if service is None or not service.traffic_by_version:
        return "all callers"
    total = sum(service.traffic_by_version.values())
    used = [v for v, rate in service.traffic_by_version.items() if rate > 0]
    if total <= 0 or len(used) < 2:
        return "all callers"
    shares = (f"{version_name(v)} answers {100 * service.traffic_by_version[v] / total:.0f} %" for v in used)
    return f"callers ({', '.join(shares)})"


def clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")


def percent(share: float | None) -> str:
    if share is None:
        return "?"
    value = 100 * share
    return f"{value:.1f} %" if value >= 0.1 or value == 0 else f"{value:.2g} %"


def duration(seconds: float) -> str:
    whole = round(seconds)
    if seconds < 0.95:
        return f"{max(0.0, seconds):.1f} s"
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
