"""What the checker says: verdicts, findings with evidence and remedy, and the two answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mlcontrol.core.compatibility.difference import FieldChange


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict, not a password
    INFO = "info"
    WARN = "warn"
    BLOCK = "block"
    UNKNOWN = "unknown"  # blocks every automatic step; a person may override it with a reason


class Direction(StrEnum):
    DEPLOY = "deploy"
    ROLLBACK = "rollback"


class Level(StrEnum):
    """How we know: from what someone declared up to what was seen in real traffic."""

    NONE = "none"
    DECLARED = "declared"
    INFERRED = "inferred"
    PROBED = "probed"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True)
class Evidence:
    level: Level
    candidate: str = ""
    current: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's verdict on one subject ("inputs.age") in one direction.

    ``may_override``: whom the policy lets go on all the same, with a reason; "*" is everybody, empty is nobody.
    """

    rule: str
    direction: Direction
    verdict: Verdict
    subject: str
    title: str
    why: str
    remedy: str
    evidence: Evidence
    source: str = ""
    may_override: tuple[str, ...] = ()


_ORDER = (Verdict.PASS, Verdict.INFO, Verdict.WARN, Verdict.UNKNOWN, Verdict.BLOCK)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The one that decides: block, then unknown, then warn. `PASS` for none at all."""
    return max(verdicts, key=_ORDER.index, default=Verdict.PASS)


@dataclass(frozen=True, slots=True)
class SkewCell:
    """Does this model run in this binary? ``model`` and ``binary``: "old" or "new"."""

    model: str
    binary: str
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True)
class Impact:
    """What recent real requests would have met: ``refused`` of ``total`` by the version this direction ends at."""

    direction: Direction
    refused: int
    total: int
    reasons: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """May we come back to this older known-good version, and the rules that say no or do not know."""

    version: str
    rollback: Verdict
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """``deploy`` and ``rollback`` are the worst verdicts of their direction; ``one_way``: deploy possible, return not.

    ``one_way_rules``: the rules that close the way back. ``coupled_rollback``: what has to move together, in this order.
    ``window``: the same answer for every further version that the way back should reach; it counts into ``rollback`` and
    ``one_way``. ``inputs``/``outputs``: the signatures side by side.
    ``unknowns``: what nobody told the checker and no finding rests on; ``to_find_out``: the same, each with how to obtain it.
    """

    candidate: str
    current: str
    reader: str
    deploy: Verdict
    rollback: Verdict
    one_way: bool
    findings: tuple[Finding, ...]
    unknowns: tuple[str, ...] = ()
    passed_rules: tuple[str, ...] = ()
    checked_s: float | None = None
    one_way_rules: tuple[str, ...] = ()
    coupled_rollback: tuple[str, ...] = ()
    skew: tuple[SkewCell, ...] = ()
    impacts: tuple[Impact, ...] = ()
    to_find_out: tuple[tuple[str, str], ...] = ()
    inputs: tuple[FieldChange, ...] = ()
    outputs: tuple[FieldChange, ...] = ()
    window: tuple[WindowAnswer, ...] = ()
