"""The narrow column of the service page: span, comparison, age and size of the model, replicas, digest, resources, drill, poll."""

from __future__ import annotations

import time

from mlcontrol.core.artifact import short
from mlcontrol.core.types import Health, Replica, ReplicaState, ServiceState, Signal, VersionSummary
from mlcontrol.gui.viewmodels.comparison import Comparison
from mlcontrol.gui.viewmodels.phrases import bytes_text, coarse_text, duration_text, version_text
from mlcontrol.ports.clock import ticking_s

SIZE_STEP = 0.05  # the guide: a new version more than 5 % larger or smaller than the last deserves a look

Fact = tuple[str, str, str]


def service_facts(service: ServiceState, span_s: float, follows: bool, by: Comparison | None) -> tuple[Fact, ...]:
    """(name, words, tone) in their order; what is not known is said so."""
    version = service.used.single or service.intended.single
    known = {v.version: v for v in service.versions}
    now_s = time.time()
    facts: list[Fact] = [
        ("Span  [ ]", duration_text(round(span_s)) + ("" if follows else ", N for now"), ""),
        ("Compare  Y", by.words if by is not None else "nothing", "" if by is not None else "quiet"),
    ]
    summary = known.get(version or "")
    created = summary.created_s if summary is not None else None
    facts.append(
        (
            "Model age",
            coarse_text(now_s - created) if created else "? no version is known",
            "" if created else "unknown",
        )
    )
    facts.append(("Size", *_size(summary, _previous(service.versions, summary))))
    if service.replicas:
        facts.append(("Replicas", *_replicas(service.replicas, version)))
    if summary is not None:
        facts.append(("Digest", *_digest(summary, service.artifact)))
    facts.append(("Resources", *_resources(service.resources)))
    if service.way_back.drilled_s is not None:
        words = f"{coarse_text(now_s - service.way_back.drilled_s)} ago"
        facts.append(("Drilled", words, "warning" if service.way_back.drill_old else ""))
    elif service.way_back.drill_old:
        facts.append(("Drilled", "never", "quiet"))
    stamps = [s.at.mono_s for s in (service.presence, service.use) if s.at is not None]
    facts.append(
        (
            "Polled",
            f"{duration_text(max(0.0, ticking_s() - max(stamps)))} ago" if stamps else "? never",
            "" if stamps else "unknown",
        )
    )
    return tuple(facts)


def _replicas(replicas: tuple[Replica, ...], version: str | None) -> tuple[str, str]:
    """How many endpoints have it, and by name those that lack it and those that say nothing."""
    places = sorted({r.connection for r in replicas})
    holding = {r.connection for r in replicas if r.version == version and r.state is ReplicaState.READY}
    silent = [
        place
        for place in places
        if all(r.state in (ReplicaState.UNREACHABLE, ReplicaState.UNKNOWN) for r in replicas if r.connection == place)
    ]
    if not version:
        words = f"{len(places)}" + (f"\n? {', '.join(silent)} silent" if silent else "")
        return words, "unknown" if silent else ""
    lines = [f"{len(holding)} of {len(places)} with {version_text(version)}"]
    lacking = [place for place in places if place not in holding and place not in silent]
    lines += [f"not on {', '.join(lacking)}"] if lacking else []
    lines += [f"? {', '.join(silent)} silent"] if silent else []
    return "\n".join(lines), "warning" if lacking else "unknown" if silent else ""


def _resources(signal: Signal) -> tuple[str, str]:
    """Whether CPU, memory and devices of its servers are as usual."""
    if signal.health is Health.UNKNOWN:
        return f"? {signal.text}", "unknown"
    return signal.text, "" if signal.health is Health.OK else signal.health.value


def _digest(summary: VersionSummary, artifact: Signal) -> tuple[str, str]:
    """The registered digest, and whether what is served has it."""
    recorded = short(summary.digest)[:10] if summary.digest else "? not told"
    if artifact.health is Health.CRITICAL:
        return artifact.text.replace(", ", "\n"), "critical"
    if artifact.health is Health.OK:
        return f"{recorded}\nserved as registered", ""
    return f"{recorded}\n? {artifact.text}", "quiet"


def _previous(versions: tuple[VersionSummary, ...], current: VersionSummary | None) -> VersionSummary | None:
    """The newest version made before the current one."""
    if current is None or current.created_s is None:
        return None
    older = [v for v in versions if v.created_s is not None and v.created_s < current.created_s]
    return max(older, key=lambda v: v.created_s or 0.0, default=None)


def _size(current: VersionSummary | None, previous: VersionSummary | None) -> tuple[str, str]:
    if current is None or current.size_bytes is None:
        return "? not told", "quiet"
    words = bytes_text(current.size_bytes)
    if previous is None or not previous.size_bytes:
        return words, ""
    change = current.size_bytes / previous.size_bytes - 1
    name = version_text(previous.version)
    beside = f"as {name}" if abs(change) < 5e-4 else f"{100 * change:+.1f} % to {name}"
    return f"{words}\n{beside}", "warning" if abs(change) > SIZE_STEP else ""
