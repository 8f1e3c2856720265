"""A team's policy: other severities, ignores with an owner and an end, other thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from mlcontrol.core.compatibility.case import Limits
from mlcontrol.core.compatibility.report import Direction, Verdict


@dataclass(frozen=True, slots=True)
class Override:
    """Another severity of a rule; empty or "*" fields match everything."""

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
class Policy:
    overrides: tuple[Override, ...] = ()
    ignores: tuple[Ignore, ...] = ()
    limits: Limits = field(default_factory=Limits)
    environment: str = ""

    def severity(self, rule: str, direction: Direction, model: str, verdict: Verdict) -> Verdict:
        """The verdict under this policy; the last matching override counts. `PASS` and `UNKNOWN` stay as they are:
        a policy may say how bad a thing is, not that it is known."""
        if verdict in (Verdict.PASS, Verdict.UNKNOWN):
            return verdict
        for one in self.overrides:
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

    def _matches(self, model_pattern: str, environment_pattern: str, model: str) -> bool:
        return fnmatchcase(model, model_pattern) and fnmatchcase(self.environment, environment_pattern)
