"""A team's policy: other severities, ignores with an owner and an end, who may override what, other thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from mlcontrol.core.compatibility.report import Direction, Verdict

EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds a team may move. Shares are 0..1."""

    size_delta: float = 0.05
    size_delta_block: float = 0.50
    min_domain_mass: float = 1.0
    drill_age_days: float = 30.0


@dataclass(frozen=True, slots=True)
class Severity:
    """How bad a rule is here; empty or "*" fields match everything."""

    rule: str
    verdict: Verdict
    direction: Direction | None = None
    model: str = "*"
    environment: str = "*"


@dataclass(frozen=True, slots=True)
class Ignore:
    """A finding somebody answers for, until a date (seconds since the epoch)."""

    rule: str
    owner: str
    expires_s: float
    reason: str = ""
    subject: str = "*"
    model: str = "*"
    environment: str = "*"


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may override a rule, each time with a reason. ``by``: names as the audit log writes them; "*" is everybody."""

    rule: str
    by: tuple[str, ...]
    direction: Direction | None = None
    model: str = "*"
    environment: str = "*"


@dataclass(frozen=True, slots=True)
class Policy:
    """``retired``: names that must never be used again (I28). ``problem``: why what was written could not be read; a policy that
    nobody could read leaves every answer unknown, since it may have made a rule stricter."""

    severities: tuple[Severity, ...] = ()
    ignores: tuple[Ignore, ...] = ()
    grants: tuple[Grant, ...] = ()
    limits: Limits = field(default_factory=Limits)
    environment: str = ""
    retired: tuple[str, ...] = ()
    problem: str = ""

    def severity(self, rule: str, direction: Direction, model: str, verdict: Verdict) -> Verdict:
        """The verdict under this policy; the last matching entry counts. `PASS` and `UNKNOWN` stay as they are:
        a policy may say how bad a thing is, not that it is known."""
        if verdict in (Verdict.PASS, Verdict.UNKNOWN):
            return verdict
        for one in self.severities:
            here = one.direction in (None, direction) and self._matches(one.model, one.environment, model)
            if one.rule == rule and here:
                verdict = one.verdict
        return verdict

    def ignored(self, rule: str, subject: str, model: str) -> Ignore | None:
        for one in self.ignores:
            if (
                one.rule == rule
                and fnmatchcase(subject, one.subject)
                and self._matches(one.model, one.environment, model)
            ):
                return one
        return None

    def may_override(self, rule: str, direction: Direction, model: str) -> tuple[str, ...]:
        """Who may go on although this rule says no; empty: nobody may."""
        found = (
            name
            for one in self.grants
            if one.rule == rule
            and one.direction in (None, direction)
            and self._matches(one.model, one.environment, model)
            for name in one.by
        )
        return tuple(dict.fromkeys(found))

    def _matches(self, model_pattern: str, environment_pattern: str, model: str) -> bool:
        return fnmatchcase(model, model_pattern) and fnmatchcase(self.environment, environment_pattern)


def who_may(by: tuple[str, ...]) -> str:
    """ "m.okafor or j.lee"; "anybody"; "nobody"."""
    if EVERYBODY in by:
        return "anybody"
    return " or ".join((", ".join(by[:-1]), by[-1])) if len(by) > 1 else (by[0] if by else "nobody")
