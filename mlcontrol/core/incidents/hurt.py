"""Who is hurt: the slices whose requests fail more often than the others, and how many users that is where they are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlcontrol.core.review import wilson

LEAST_REQUESTS = 10
MOST = 3
USERS = frozenset(("user", "user_id", "customer", "customer_id", "account", "tenant"))
"""Slices with these names are people, not kinds of request."""


@dataclass(frozen=True, slots=True)
class SliceCount:
    name: str
    value: str
    requests: int
    failed: int

    @property
    def share(self) -> float:
        return self.failed / self.requests if self.requests else 0.0


def hurt_slices(counts: Iterable[SliceCount]) -> tuple[SliceCount, ...]:
    """Slices that fail more often than the rest of their name beyond chance (the 95 % Wilson intervals do not overlap), worst
    first; none when the failures are spread evenly."""
    every = [one for one in counts if one.name.casefold() not in USERS]
    found = []
    for one in every:
        if one.requests < LEAST_REQUESTS or not one.failed:
            continue
        requests = sum(o.requests for o in every if o.name == one.name) - one.requests
        failed = sum(o.failed for o in every if o.name == one.name) - one.failed
        if requests < LEAST_REQUESTS:
            continue
        low, _ = wilson(one.failed, one.requests)
        _, high = wilson(failed, requests)
        if low > high:
            found.append(one)
    return tuple(sorted(found, key=lambda one: (-one.share, -one.failed, one.name, one.value))[:MOST])


def hurt_users(counts: Iterable[SliceCount]) -> tuple[int, int] | None:
    """(users with a failed request, users seen); `None` where the log names none."""
    people = [one for one in counts if one.name.casefold() in USERS]
    if not people:
        return None
    first = people[0].name
    mine = [one for one in people if one.name == first]
    return sum(one.failed > 0 for one in mine), len(mine)
