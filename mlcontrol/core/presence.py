"""Presence: the join of intended, served and used version with an answered query.

`ok` has one way in: a golden query, asked the way callers ask, was answered rightly and recently by the version that the
registry intends. A readiness flag proves nothing (a server without a model can be ready), and silence proves nothing either.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.facts import Alias, GoldenAnswer, Known, Route, ServiceFacts, Traffic
from mlcontrol.core.freshness import age_s, freshness
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Freshness, Health, Replica, ReplicaState, Signal, Stamp, VersionFact
from mlcontrol.core.versions import version_name, version_names, version_order

STUCK_S = 60.0
STRAY_SHARE = 0.01
RECOVERY = (
    "To recover: look at the server's log and memory, load it again, or roll back (R) so that intent and truth agree."
)


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, and how often the facts are asked for."""

    mono_s: float
    poll_s: float

    def freshness(self, at: Stamp | None) -> Freshness:
        return freshness(at, self.mono_s, self.poll_s)

    def age_s(self, at: Stamp | None) -> float | None:
        return age_s(at, self.mono_s)


@dataclass(frozen=True, slots=True)
class Presence:
    """The three version facts and the signal that their join gives."""

    intended: VersionFact
    served: VersionFact
    used: VersionFact
    signal: Signal


def join(facts: ServiceFacts, now: Moment, can_ask: str = "") -> Presence:
    """``can_ask``: why no golden query can be asked at all ("no golden set"), empty when it can."""
    intended = intended_fact(facts.alias, now)
    served = served_fact(facts.replicas, now)
    used = used_fact(facts.traffic, facts.route, now)
    return Presence(intended, served, used, _signal(facts, intended, used, now, can_ask))


def intended_fact(alias: Known[Alias], now: Moment) -> VersionFact:
    """What the registry says should run."""
    if alias.value is None or alias.at is None:
        return VersionFact(detail=alias.failed.what if alias.failed else "the registry has not answered yet")
    version = alias.value.version
    return VersionFact(
        (version,) if version is not None else (),
        now.freshness(alias.at),
        alias.at,
        f"alias {alias.value.name}",
        "" if version is not None else f"the registry has no alias {alias.value.name}",
    )


def served_fact(replicas: dict[str, Known[tuple[Replica, ...]]], now: Moment) -> VersionFact:
    """Versions ready on at least one endpoint; the oldest answer gives the age, the worst endpoint the freshness."""
    if not replicas or any(known.at is None for known in replicas.values()):
        silent = next((k.failed.what for k in replicas.values() if k.at is None and k.failed), "")
        return VersionFact(detail=silent or "no endpoint has answered yet")
    ready = {r.version for k in replicas.values() for r in k.value or () if r.state is ReplicaState.READY}
    oldest = min((k.at for k in replicas.values() if k.at is not None), key=lambda at: at.mono_s)
    return VersionFact(
        tuple(sorted(ready, key=version_order)), now.freshness(oldest), oldest, ", ".join(sorted(replicas))
    )


def used_fact(traffic: Known[Traffic], route: Known[Route], now: Moment) -> VersionFact:
    """Versions that the counters say are answering callers.

    A share under 1 % is noise. A version that the router does not send callers to counts only when it answers all the time:
    a burst is somebody's test (another panel's golden set), or the last answers before a switch.
    """
    if traffic.value is None or traffic.at is None:
        return VersionFact(detail=traffic.failed.what if traffic.failed else "no traffic counters yet")
    if traffic.value.per_s is None:
        return VersionFact(detail="no source counts this service's answers")
    total = traffic.value.per_s or 0.0
    known = route.value if now.freshness(route.at) is not Freshness.UNKNOWN else None
    answering = [
        v
        for v, rate in traffic.value.by_version.items()
        if v
        and rate > 0
        and rate >= STRAY_SHARE * total
        and (known is None or v in known.versions or v in traffic.value.steady)
    ]
    return VersionFact(
        tuple(sorted(answering, key=version_order)),
        now.freshness(traffic.at),
        traffic.at,
        "traffic counters",
        "" if answering else "callers name no version" if traffic.value.by_version.get("", 0.0) > 0 else "nobody asks",
    )


def _signal(facts: ServiceFacts, intended: VersionFact, used: VersionFact, now: Moment, can_ask: str) -> Signal:
    answer = facts.golden_answer
    if can_ask:
        detail = f"Presence is an answered query, and none can be asked: {can_ask}.{_proxy(facts, now)}"
        return Signal(text="cannot ask", detail=detail)
    failing = now.freshness(answer.failed_at)
    refused = answer.failed is not None and answer.failed.code in ("server-failed", "rejected", "not-found")
    if answer.failed is not None and answer.failed_at is not None and refused and failing is not Freshness.UNKNOWN:
        # An error is an answer: it says for as long as it goes on that callers are not served.
        return _failing(facts, answer.failed, _Base(failing, answer.failed_at), intended.single, now)
    fresh = now.freshness(answer.at)
    if answer.value is None or answer.at is None or fresh is Freshness.UNKNOWN:
        return _silent(answer, now)
    base = _Base(fresh, answer.at)
    if fresh is Freshness.STALE:
        return _silent(answer, now)
    expected = intended.single
    if expected is None:
        return base.say(Health.UNKNOWN, "intent unknown", intended.detail or "The registry's answer is too old.")
    return _answered(facts, base, answer.value, expected, used, now)


def _proxy(facts: ServiceFacts, now: Moment) -> str:
    """What else hints at it, marked as no more than that: it never makes presence ok."""
    traffic = facts.traffic.value
    if traffic is None or now.freshness(facts.traffic.at) is Freshness.UNKNOWN:
        return ""
    if not traffic.per_s:
        return _load_proxy(traffic)
    who = version_names(v for v, rate in traffic.by_version.items() if v and rate > 0)
    who = who if who != "none" else "a version that is not named"
    return f" As a proxy only: counters say that {who} answers {traffic.per_s:.1f} a second."


def _load_proxy(traffic: Traffic) -> str:
    """Where nothing is counted: that something runs there."""
    cpu, cores, memory = traffic.cpu_share, traffic.cpu_cores, traffic.memory_bytes
    parts = [f"{100 * cpu:.0f} % of its CPU"] if cpu is not None else []
    parts += [f"{cores:.1f} cores"] if cores is not None and cpu is None else []
    parts += [f"{memory / 1e9:.1f} GB of memory"] if memory is not None else []
    if not parts:
        return ""
    asked = "" if traffic.per_s is None else " Its counters say that nobody asks."
    return f" As a weak proxy only: its server uses {' and '.join(parts)}; whether this model does, that does not say.{asked}"


@dataclass(frozen=True, slots=True)
class _Base:
    freshness: Freshness
    at: Stamp

    def say(self, health: Health, text: str, detail: str) -> Signal:
        return Signal(health=health, text=text, detail=detail, freshness=self.freshness, at=self.at)


def _silent(answer: Known[GoldenAnswer], now: Moment) -> Signal:
    why = answer.failed.what if answer.failed else "No golden query has been answered."
    age = now.age_s(answer.at)
    if age is None:
        return Signal(text="no answer yet", detail=why)
    return Signal(
        health=Health.UNKNOWN,
        text=f"silent {age:.0f} s",
        detail=f"The last golden query was answered {age:.0f} s ago. {why}",
        freshness=now.freshness(answer.at),
        at=answer.at,
    )


def _answered(
    facts: ServiceFacts, base: _Base, answer: GoldenAnswer, expected: str, used: VersionFact, now: Moment
) -> Signal:
    who, want = answer.version, version_name(expected)
    route = facts.route.value if now.freshness(facts.route.at) is not Freshness.UNKNOWN else None
    if who is None:
        return base.say(Health.UNKNOWN, "version not named", "A golden query was answered, but not by whom.")
    if not answer.right:
        return base.say(
            Health.CRITICAL,
            "wrong golden answer",
            f"{version_name(who)} answered golden item {answer.item}, but not what is expected.",
        )
    if who != expected and not _is_canary(route, who, expected):
        return _other_version(facts, base, who, expected, route, now)
    partial = _partial(facts, expected, now)
    if partial:
        detail = f"{want} is not ready on every endpoint: {partial}. {_lacking_because(facts, expected, now)}".strip()
        return base.say(Health.WARNING, partial, detail)
    strays = [v for v in used.versions if v != expected and (route is None or v not in route.versions)]
    if used.freshness is Freshness.FRESH and strays:
        return base.say(
            Health.WARNING,
            f"{version_names(strays)} still used",
            f"{want} is intended and answers, but {version_names(strays)} answers callers too.",
        )
    text = f"{version_name(who)} answers"
    if route is not None and route.canary is not None and 0 < route.canary_percent < 100:
        text += f", canary {version_name(route.canary)} {route.canary_percent:g} %"
    return base.say(
        Health.OK,
        text,
        f"{version_name(who)} answered a golden query through the production road in {answer.latency_ms:.0f} ms.",
    )


def _failing(facts: ServiceFacts, failed: Problem, base: _Base, expected: str | None, now: Moment) -> Signal:
    """What callers get is an error: with what the endpoints say of the version that should answer."""
    known = None if expected is None else _at_endpoints(facts, expected, now)
    if expected is None or known is None:
        return base.say(Health.CRITICAL, "answers with an error", failed.what)
    want, states = version_name(expected), {r.state for r in known}
    stuck = _stuck(known, expected, now)
    if stuck and ReplicaState.READY not in states:
        return base.say(Health.CRITICAL, f"{want} stuck loading", f"{failed.what} {stuck}")
    if ReplicaState.LOADING in states:
        return base.say(Health.CRITICAL, "answers with an error", f"{failed.what} {want} is being loaded.")
    if ReplicaState.READY in states:
        return base.say(Health.CRITICAL, "answers with an error", failed.what)
    reason = next((r.reason for r in known if r.reason), "")
    detail = f"{failed.what} No endpoint has {want} loaded. {reason}".strip()
    return base.say(Health.CRITICAL, "answers with an error", detail)


def _at_endpoints(facts: ServiceFacts, version: str, now: Moment) -> tuple[Replica, ...] | None:
    """What endpoints say of a version; `None` where nobody has it ready or loading and one of them has not said lately, or there is
    none to ask: then that it is nowhere is not known."""
    heard = [known for known in facts.replicas.values() if now.freshness(known.at) is not Freshness.UNKNOWN]
    found = tuple(r for known in heard for r in known.value or () if r.version == version)
    if any(r.state in (ReplicaState.READY, ReplicaState.LOADING) for r in found):
        return found
    return found if heard and len(heard) == len(facts.replicas) else None


def _stuck(known: tuple[Replica, ...], version: str, now: Moment) -> str:
    """Where it has been loading for too long, why, and what to do; empty where it has not."""
    loading = [r for r in known if r.state is ReplicaState.LOADING]
    since = max((now.age_s(r.since) or 0.0 for r in loading), default=0.0)
    if since <= STUCK_S:
        return ""
    why = next((r.reason for r in loading if r.reason), "")
    where = ", ".join(sorted({r.connection for r in loading}))
    return (
        f"{version_name(version)} has been loading for {since:.0f} s on {where}. "
        f"{f'The server says: {why}.' if why else 'The server gives no reason.'} {RECOVERY}"
    )


def _is_canary(route: Route | None, who: str, expected: str) -> bool:
    """A canary may answer for the stable version while the stable one is what is intended."""
    return route is not None and route.stable == expected and who == route.canary and 0 < route.canary_percent < 100


def _other_version(
    facts: ServiceFacts, base: _Base, who: str, expected: str, route: Route | None, now: Moment
) -> Signal:
    want, got = version_name(expected), version_name(who)
    known = _at_endpoints(facts, expected, now)
    states = {r.state for r in known or ()}
    if ReplicaState.LOADING in states and ReplicaState.READY not in states:
        stuck = _stuck(known or (), expected, now)
        if stuck:
            return base.say(Health.CRITICAL, f"{want} stuck loading", f"{got} answers. {stuck}")
        return base.say(Health.WARNING, f"{want} loading", f"{want} is being loaded; {got} answers.")
    if known is not None and ReplicaState.READY not in states:
        reason = next((r.reason for r in known if r.reason), "")
        detail = f"The registry intends {want}, but no endpoint has it loaded; {got} answers. {reason}".strip()
        return base.say(Health.CRITICAL, f"{want} not wired in", detail)
    if route is not None and expected not in route.versions:
        return base.say(
            Health.CRITICAL,
            f"{want} not wired in",
            f"{want} is loaded, but the router sends callers to {version_names(route.versions)}.",
        )
    return base.say(
        Health.CRITICAL, "version differs", f"The registry intends {want}, but {got} answered a golden query."
    )


def _partial(facts: ServiceFacts, expected: str, now: Moment) -> str:
    """ "partial 2 of 3" with the names of those that lack it and of those that are silent, empty when all have it."""
    silent = [name for name, known in sorted(facts.replicas.items()) if now.freshness(known.at) is Freshness.UNKNOWN]
    lacking = [
        name
        for name, known in sorted(facts.replicas.items())
        if name not in silent
        and not any(r.version == expected and r.state is ReplicaState.READY for r in known.value or ())
    ]
    parts = [f"not on {', '.join(lacking)}"] if lacking else []
    parts += [f"{', '.join(silent)} silent"] if silent else []
    total = len(facts.replicas)
    return f"partial {total - len(lacking) - len(silent)} of {total} ({'; '.join(parts)})" if parts else ""


def _lacking_because(facts: ServiceFacts, expected: str, now: Moment) -> str:
    known = _at_endpoints(facts, expected, now) or ()
    stuck = _stuck(known, expected, now)
    if stuck:
        return stuck
    because = [r for r in known if r.state is not ReplicaState.READY and r.reason]
    return " ".join(f"{r.connection} says: {r.reason.rstrip('.')}." for r in because)
