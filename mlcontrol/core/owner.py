"""Who else keeps a target: a sync that puts its own state back, an operator, a team. What nobody found is said to be not found,
never to be nobody's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.core.versions import version_name

ANOTHER_HAND = "another hand"
OURS = frozenset({"mlcontrol", "panel", "manual", "none", ""})
RECENT_S = 3600.0
REMEMBERED_S = 30 * 86400.0
MOVES = (EventKind.ALIAS, EventKind.ROUTE, EventKind.LOAD)
LONGEST = 120

_KEEPERS = {
    "managed-by": "",
    "app.kubernetes.io/managed-by": "",
    "meta.helm.sh/release-name": "Helm release ",
    "argocd": "Argo CD application ",
    "argocd.argoproj.io/instance": "Argo CD application ",
    "argocd.argoproj.io/tracking-id": "Argo CD application ",
    "fluxcd": "Flux ",
    "kustomize.toolkit.fluxcd.io/name": "Flux kustomization ",
    "helm.toolkit.fluxcd.io/name": "Flux release ",
    "operator": "operator ",
    "controller": "controller ",
}
_OWNERS = ("owner", "owned-by")


class OwnerKind(StrEnum):
    KEEPER = "keeper"  # declared: something else writes this target
    RETURNED = "returned"  # seen: what the panel wrote was put back
    OWNER = "owner"  # declared: whose it is; nothing says that it is written by them
    RECENT = "recent"  # seen: changed from outside lately


@dataclass(frozen=True, slots=True)
class Owner:
    """``place``: what is kept ("champion of fraud in registry"). ``evidence``: a sentence. ``at_s``: UTC seconds."""

    place: str
    name: str
    kind: OwnerKind
    evidence: str
    at_s: float | None = None

    @property
    def undoes(self) -> bool:
        """Whether it has to be reckoned with that a change is undone."""
        return self.kind in (OwnerKind.KEEPER, OwnerKind.RETURNED)


@dataclass(frozen=True, slots=True)
class PutBack:
    """What the panel wrote to ``what`` ("alias", "route", "load ENDPOINT") was put back to what had been there."""

    what: str
    ours: str | None
    theirs: str | None
    wrote_s: float
    seen_s: float

    @property
    def after_s(self) -> float:
        return max(0.0, self.seen_s - self.wrote_s)


def declared(written: Mapping[str, str], place: str, where: str) -> tuple[Owner, ...]:
    """What tags, parameters or labels say. ``where``: who says it ("tag of the registered model")."""
    found = []
    for key, value in written.items():
        name, said = key.strip().lower().replace("_", "-"), " ".join(value.split())[:LONGEST]
        if said.lower() in OURS:
            continue
        if name in _KEEPERS:
            words = f"{where}: {key} = {said}."
            found.append(Owner(place, f"{_KEEPERS[name]}{said}", OwnerKind.KEEPER, words))
        elif name in _OWNERS:
            found.append(Owner(place, said, OwnerKind.OWNER, f"{where}: {key} = {said}."))
    return tuple(sorted(found, key=lambda one: (one.kind, one.name)))


def put_back_event(service: str, back: PutBack, seq: int) -> TimelineEvent:
    """Told once a write, whoever sees it: the id names the write that was undone."""
    kind = {"alias": EventKind.ALIAS, "route": EventKind.ROUTE}.get(back.what, EventKind.LOAD)
    place = {"alias": "The registry's choice", "route": "The traffic"}.get(back.what, back.what.removeprefix("load "))
    was, now = _named(back.ours), _named(back.theirs)
    return TimelineEvent(
        id=f"put-back/{service}/{back.what}/{back.wrote_s:.3f}",
        at_s=back.seen_s,
        kind=kind,
        title=f"{place} was put back from {was} to {now}, {back.after_s:.0f} s after the panel's write",
        service=service,
        detail="The panel did not do it. An automatic sync does this, and so does a person.",
        source={"alias": "registry", "route": "router"}.get(back.what, place),
        actor=ANOTHER_HAND,
        severity=Health.CRITICAL,
        version_from=back.ours,
        version_to=back.theirs,
        seq=seq,
    )


def put_back_of(event: TimelineEvent) -> PutBack | None:
    """What `put_back_event` told; `None` for every other event."""
    parts = event.id.rsplit("/", 2)
    if len(parts) != 3 or not parts[0].startswith("put-back/"):
        return None
    try:
        wrote_s = float(parts[2])
    except ValueError:
        return None
    return PutBack(parts[1], event.version_from, event.version_to, wrote_s, event.at_s)


def returned(events: Iterable[TimelineEvent], places: Mapping[str, str]) -> tuple[Owner, ...]:
    """Targets whose writes were put back, as the timeline tells. ``places``: words by "alias", "route", "load ENDPOINT"."""
    by_target: dict[str, list[PutBack]] = {}
    for event in events:
        back = put_back_of(event)
        if back is not None and back.what in places:
            by_target.setdefault(back.what, []).append(back)
    found = []
    for what, backs in by_target.items():
        last = max(backs, key=lambda back: back.seen_s)
        words = (
            f"{_named(last.ours)} was put back to {_named(last.theirs)} {last.after_s:.0f} s after the panel's write"
        )
        if len(backs) > 1:
            name, often = "an automatic sync, by what it does", f", {len(backs)} times so far"
        else:
            name, often = ANOTHER_HAND, ", once so far"
            if what != "alias":
                often += "; a restart of the server would look the same"
        evidence = f"{words} ({clock_text(last.seen_s)}){often}."
        found.append(Owner(places[what], name, OwnerKind.RETURNED, evidence, last.seen_s))
    return tuple(sorted(found, key=lambda one: one.place))


def recent(events: Iterable[TimelineEvent], now_s: float) -> tuple[Owner, ...]:
    """The newest change of each kind that somebody else made within the last hour; put-backs are told by `returned`."""
    newest: dict[EventKind, TimelineEvent] = {}
    for event in events:
        outside = event.source != "panel" and event.operation is None and put_back_of(event) is None
        if event.kind in MOVES and outside and now_s - event.at_s <= RECENT_S:
            known = newest.get(event.kind)
            newest[event.kind] = event if known is None or event.at_s > known.at_s else known
    return tuple(
        Owner(
            event.source or "the service",
            event.actor or ANOTHER_HAND,
            OwnerKind.RECENT,
            f"{event.title} ({clock_text(event.at_s)}); the panel did not do it.",
            event.at_s,
        )
        for event in sorted(newest.values(), key=lambda event: -event.at_s)
    )


def warning(owner: Owner, back: bool) -> str:
    """The sentence of a plan. ``back``: of a rollback, which is never stopped by it."""
    if owner.kind is OwnerKind.KEEPER:
        what = f"{owner.place} is kept by {owner.name} ({owner.evidence.rstrip('.')})"
        then = f"Change it in {owner.name}, or pause its sync first"
    else:
        what = f"{owner.place}: {owner.evidence.rstrip('.')}; that is {owner.name}"
        then = "Find out who writes it; change it there, or pause the sync first"
    risk = "The rollback goes on, but it may be undone." if back else "The deploy may be undone."
    return f"R17: {what}. {risk} To fix: {then}."


def owner_words(owners: Iterable[Owner], unread: Iterable[str] = ()) -> str:
    """In a line: who keeps it, else whose it is, else that nobody was found; and what could not be asked."""
    known = tuple(owners)
    named = [one for one in known if one.undoes] or [one for one in known if one.kind is OwnerKind.OWNER]
    words = "; ".join(dict.fromkeys(f"{one.name} ({one.place})" for one in named)) or "no owner found"
    missing = tuple(unread)
    return f"{words}; not asked: {', '.join(missing)}" if missing else words


def clock_text(at_s: float) -> str:
    """ "26 Nov 10:02 UTC": a moment in words that do not change while a plan lives."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%-d %b %H:%M UTC")


def _named(version: str | None) -> str:
    return "nothing" if version is None else version_name(version)
