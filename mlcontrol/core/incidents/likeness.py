"""Which earlier incidents this one looks like, and how often it has come back."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlcontrol.core.incidents.incident import EntryKind, Incident

RECURS_WITHIN_S = 90 * 86_400.0
_WORD = re.compile(r"[a-z][a-z0-9-]{2,}|\b[45]\d\d\b|\b[45]xx\b")
_EMPTY = frozenset(("the", "and", "was", "were", "for", "with", "from", "that", "this", "are", "has", "not", "one"))


@dataclass(frozen=True, slots=True)
class Likeness:
    """``score``: 0..1, the cosine of the two incidents' weighted words. ``shared``: the words that say most, at most five."""

    incident: str
    number: int
    title: str
    score: float
    shared: tuple[str, ...]
    outcome: str  # what ended it, in the words of then


def words_of(incident: Incident) -> Counter[str]:
    """What tells an incident: service, title, alert, suspect and what people wrote."""
    said = [incident.title, incident.alert, incident.suspect]
    said += [e.text for e in incident.entries if e.kind not in (EntryKind.JOINED, EntryKind.TOOK_OVER)]
    found = Counter(w for w in _WORD.findall(" ".join(said).casefold()) if w not in _EMPTY)
    found[f"service:{incident.service}"] += 2
    return found


def looks_like(
    incident: Incident, earlier: Iterable[Incident], best: int = 3, least: float = 0.15
) -> tuple[Likeness, ...]:
    """Most alike first. Words that stand in every incident count little (inverse document frequency)."""
    others = [one for one in earlier if one.id != incident.id]
    bags = [words_of(one) for one in others]
    mine = words_of(incident)
    documents = Counter(word for bag in [*bags, mine] for word in bag)
    total = len(bags) + 1

    def weigh(bag: Counter[str]) -> dict[str, float]:
        return {w: (1 + math.log(n)) * math.log(1 + total / documents[w]) for w, n in bag.items()}

    here = weigh(mine)
    found = []
    for other, bag in zip(others, bags, strict=True):
        there = weigh(bag)
        common = {w: here[w] * there[w] for w in here.keys() & there.keys()}
        size = _length(here) * _length(there)
        score = sum(common.values()) / size if size else 0.0
        if score >= least:
            telling = sorted(common, key=lambda w: (-common[w], w))[:5]
            words = tuple(w.removeprefix("service:") for w in telling)
            found.append(Likeness(other.id, other.number, other.title, score, words, ended_by(other)))
    return tuple(sorted(found, key=lambda one: (-one.score, one.number))[:best])


def recurrences(incident: Incident, earlier: Iterable[Incident]) -> tuple[Incident, ...]:
    """Incidents of the same service laid to the same suspect or alert within the last ninety days, oldest first."""
    same = [
        one
        for one in earlier
        if one.id != incident.id
        and one.service == incident.service
        and 0 <= incident.detected_s - one.detected_s <= RECURS_WITHIN_S
        and ((one.alert and one.alert == incident.alert) or _blamed(one) == _blamed(incident) != "")
    ]
    return tuple(sorted(same, key=lambda one: one.detected_s))


def matching(incidents: Sequence[Incident], text: str) -> tuple[Incident, ...]:
    """Those in which every word occurs somewhere: title, service, people or entries."""
    wanted = text.casefold().split()
    found = []
    for one in incidents:
        said = [f"#{one.number}", one.service, one.title, one.alert, *one.people, *(e.text for e in one.entries)]
        pool = " ".join(said).casefold()
        if all(word in pool for word in wanted):
            found.append(one)
    return tuple(found)


def ended_by(incident: Incident) -> str:
    last = (EntryKind.RESOLVED, EntryKind.MITIGATED, EntryKind.VERIFIED)
    for kind in last:
        words = next((e.text for e in reversed(incident.entries) if e.kind is kind and e.text), "")
        if words:
            return words
    return "still open" if incident.open else "no words were left"


def _blamed(incident: Incident) -> str:
    """What was looked at last, in its words: an event's id is new each time, and says of two deploys only that they are deploys."""
    return next((e.text for e in reversed(incident.entries) if e.kind is EntryKind.SUSPECT and e.data.get("event")), "")


def _length(weights: dict[str, float]) -> float:
    return math.sqrt(sum(value * value for value in weights.values()))
