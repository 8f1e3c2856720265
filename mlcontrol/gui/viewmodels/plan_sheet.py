"""The plan step as words: what will happen, who feels it, what a return does not undo, and whether it may start."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.operation import OperationKind
from mlcontrol.core.overriding import closed_to, open_to, override_words
from mlcontrol.core.owner import OwnerKind, owner_words
from mlcontrol.core.plan import Plan, Sight
from mlcontrol.core.strategy import StrategyKind
from mlcontrol.gui.viewmodels.phrases import UNKNOWN, duration_text, percent_text, rate_text, version_text, visible_text

REASONS = {
    OperationKind.ROLLBACK: (
        ("Q", "quality", "quality is worse than before"),
        ("E", "errors", "errors rose"),
        ("L", "latency", "latency rose"),
        ("D", "data", "the input data changed"),
        ("O", "other", ""),
    ),
    OperationKind.DEPLOY: (
        ("Q", "quality", "better quality"),
        ("E", "errors", "fewer errors"),
        ("L", "latency", "lower latency"),
        ("D", "data", "trained on newer data"),
        ("O", "other", ""),
    ),
}
"""One-key reasons: key, name, text that goes into the record ("other" is typed)."""


@dataclass(frozen=True, slots=True)
class PlanSheet:
    """``refusals`` stop it; ``unknowns`` need a written reason; ``facts`` are (name, words) rows."""

    headline: str
    sentence: str
    steps: tuple[tuple[str, str, str], ...]
    facts: tuple[tuple[str, str], ...]
    irreversible: tuple[str, ...]
    refusals: tuple[str, ...]
    unknowns: tuple[str, ...]
    warnings: tuple[str, ...]
    confirm: str
    sees: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def plan_sheet(plan: Plan) -> PlanSheet:
    """The words of a plan; nothing is decided here, the engine checks everything again before it acts."""
    target, origin = version_text(plan.to_version), version_text(plan.from_version)
    back = plan.kind is OperationKind.ROLLBACK
    blast = plan.blast
    facts = [
        ("from", origin),
        ("to", target),
        ("strategy", plan.strategy.words if not back else "all at once"),
        ("takes", f"about {duration_text(plan.expected_s)}"),
        ("at risk", f"{rate_text(blast.requests_per_s)}, {percent_text(blast.share, 0)} of the traffic"),
        (
            "cold load",
            "none, it is loaded" if blast.cold_load_s is None else f"about {duration_text(blast.cold_load_s)}",
        ),
    ]
    facts.append(("owner", visible_text(owner_words(plan.owners, plan.owners_unread), 300)))
    if blast.slices:
        facts.append(("slices", "; ".join(blast.slices)))
    assumed = plan.assumes
    facts.append(
        (
            "assumes",
            f"served {', '.join(version_text(v) for v in assumed.served) or UNKNOWN}, route {version_text(assumed.stable)}",
        )
    )
    return PlanSheet(
        headline=f"Roll back to {target}" if back else f"Deploy {target}",
        sentence=_sentence(plan),
        steps=tuple((step.title, step.detail, f"about {duration_text(step.expected_s)}") for step in plan.steps),
        facts=tuple(facts),
        irreversible=plan.blast.irreversible,
        refusals=plan.blocked_by,
        unknowns=plan.unknown,
        warnings=plan.warnings,
        confirm=f"Roll back to {target}" if back else f"Deploy {target}",
        sees=tuple(sight_words(sight) for sight in plan.sees),
        changed=tuple(one.evidence for one in plan.owners if one.kind is OwnerKind.RECENT),
        overrides=tuple(dict.fromkeys(f"{override_words(one)}." for one in plan.overridable)),
    )


def sight_words(sight: Sight) -> str:
    """What the judge sees at one share, as a sentence."""
    if sight.per_s is None:
        return f"A {sight.percent:g} % step: the traffic is not known, so nobody can say when it sees anything."

    def about(seconds: float | None) -> str:
        if seconds is None:
            return "not within a day"
        coarse = 60.0 * round(seconds / 60.0) if seconds >= 90.0 else 10.0 * max(1, round(seconds / 10.0))
        return f"in about {duration_text(coarse)}"

    return (
        f"A {sight.percent:g} % step puts {rate_text(sight.per_s)} at risk; it sees a doubled error rate"
        f" {about(sight.doubled_s)}, a tripled one {about(sight.tripled_s)};"
        f" a good version is judged fine {about(sight.fine_s)}."
    )


def _sentence(plan: Plan) -> str:
    if plan.blocked_by:
        return f"Cannot start. {plan.blocked_by[0]}"
    if plan.unknown:
        return f"Can start by hand with a reason. Not known: {plan.unknown[0]}"
    steps = len(plan.steps)
    return f"{steps} steps, about {duration_text(plan.expected_s)}; every step is read back, and it returns by itself if one fails."


def confirm_label(plan: Plan | None, overriding: bool) -> str:
    """ "Deploy v4", and against which rules."""
    if plan is None:
        return "Start"
    rules = tuple(dict.fromkeys(one.rule for one in plan.overridable if one.sentence in plan.blocked_by))
    return plan_sheet(plan).confirm + (f" against {', '.join(rules)}" if overriding and rules else "")


def strategy_name(kind: StrategyKind) -> str:
    """As people write it."""
    return {StrategyKind.BLUE_GREEN: "blue/green", StrategyKind.AB: "A/B"}.get(kind, kind.value.replace("-", " "))


def override_label(plan: Plan | None, actor: str, overriding: bool) -> str:
    """The control that goes on against the rules that stop this plan; empty where ``actor`` may not, or nothing stops it."""
    rules = open_to(plan, actor) if plan is not None else ()
    if not rules:
        return ""
    return f"Keep {', '.join(rules)} in force" if overriding else f"Override {', '.join(rules)}"


def start_refusal(
    plan: Plan | None, reason: str, view_only: str = "", running: str = "", actor: str = "", overriding: bool = False
) -> str:
    """Why the plan cannot start now, or "" when it can. Shown on the start control itself.

    ``overriding``: ``actor`` goes on against the rules that the policy lets them override.
    """
    if view_only:
        return f"view only: {view_only}"
    if running:
        return f"{running} is still running"
    if plan is None:
        return "the plan is not made yet"
    mine = open_to(plan, actor)
    if plan.blocked_by and not (overriding and mine):
        return f"{', '.join(mine)} stops it; you may override" if mine else plan.blocked_by[0]
    closed = closed_to(plan, actor)
    if closed:
        return override_words(closed[0])
    if not reason.strip():
        return "say why first"
    return ""
