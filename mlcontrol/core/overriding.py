"""Going on although a rule says no: who may, with what reason, and what of a plan still stands against it then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlcontrol.core.compatibility.policy import EVERYBODY, who_may
from mlcontrol.core.plan import Overridable, Plan
from mlcontrol.core.problem import Problem, ProblemError

Overridden = tuple[tuple[Overridable, str], ...]
"""Findings that were overridden, each with the reason given."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """What still stops the plan, what is still unaccepted, and what was overridden."""

    blocked: tuple[str, ...]
    unknown: tuple[str, ...]
    overridden: Overridden = ()


def remaining(plan: Plan, overrides: Mapping[str, str], actor: str, accept_unknown: bool) -> Remaining:
    """``overrides``: reason by rule id. ``accept_unknown``: the person answers for all that is not known; what the policy names is
    closed to those it does not name, known or not.

    Raises `ProblemError`: "override" when ``actor`` is not among those the policy names or nobody is, "refused" without a
    reason, "usage" for a rule that does not stop this plan.
    """
    overridden: list[tuple[Overridable, str]] = []
    for rule, reason in overrides.items():
        named = [one for one in plan.overridable if one.rule == rule]
        if not named:
            raise ProblemError(_not_open(plan, rule))
        if not reason.strip():
            raise ProblemError(
                Problem(
                    f"A reason for overriding {rule} is missing.",
                    "Every override is recorded with its reason.",
                    f"Say why: --override '{rule}=why it is right all the same'.",
                    code="refused",
                )
            )
        for one in named:
            if not permits(one, actor):
                raise ProblemError(_not_named(one, actor))
            overridden.append((one, reason.strip()))
    gone = {one.sentence for one, _ in overridden}
    closed = {one.sentence for one in plan.overridable if not permits(one, actor)}
    return Remaining(
        tuple(s for s in plan.blocked_by if s not in gone),
        tuple(s for s in plan.unknown if s not in gone and not (accept_unknown and s not in closed)),
        tuple(overridden),
    )


def open_to(plan: Plan, actor: str) -> tuple[str, ...]:
    """The rules with which ``actor`` could start a plan that is stopped; empty when more than that stops it, or nothing does."""
    mine = [one for one in plan.overridable if permits(one, actor) and one.sentence in plan.blocked_by]
    if {one.sentence for one in mine} != set(plan.blocked_by):
        return ()
    return tuple(dict.fromkeys(one.rule for one in mine))


def closed_to(plan: Plan, actor: str) -> tuple[Overridable, ...]:
    """What is not known and may be accepted by those alone whom the policy names, ``actor`` not among them."""
    return tuple(one for one in plan.overridable if one.sentence in plan.unknown and not permits(one, actor))


def permits(one: Overridable, actor: str) -> bool:
    return EVERYBODY in one.by or actor in one.by


def override_words(one: Overridable) -> str:
    return f"{who_may(one.by)} may override {one.rule} with a reason"


def _not_named(one: Overridable, actor: str) -> Problem:
    return Problem(
        f"{actor or 'Nobody'} may not override {one.rule}.",
        f"The policy lets {who_may(one.by)} do it. {one.sentence}",
        f"Ask {who_may(one.by)} to start it, or settle the finding.",
        code="override",
    )


def _not_open(plan: Plan, rule: str) -> Problem:
    if any(sentence.startswith(f"{rule}: ") for sentence in (*plan.blocked_by, *plan.unknown)):
        return Problem(
            f"Nobody may override {rule} here.",
            "The policy has no [[override]] for this rule, model and environment.",
            "Settle the finding, or have the policy say who may override it.",
            code="override",
        )
    return Problem(
        f"{rule} does not stop this plan.", "Only a finding that stops it can be overridden.", "Leave it out.", "usage"
    )
