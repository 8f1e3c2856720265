"""What an effect finds or refuses, in words."""

from __future__ import annotations

from mlcontrol.core.plan import Assumption
from mlcontrol.core.problem import Problem
from mlcontrol.ports.routing import Split


def not_beside(alone: str, version: str) -> Problem:
    return Problem(
        f"v{version} cannot be tried beside the version that serves.",
        f"{alone} holds one version at a time.",
        "Try it on another endpoint.",
        code="not-supported",
    )


def changed_by_other(planned: Assumption, now: Assumption) -> Problem:
    parts = []
    for name, old, new in (
        ("the registry's choice", planned.intended, now.intended),
        ("the version with the traffic", planned.stable, now.stable),
        ("what is loaded", version_list(planned.served), version_list(now.served)),
        *((f"its {name}", old, dict(now.parts).get(name)) for name, old in planned.parts),
        ("the canary's share", f"{planned.canary_percent:g} %", f"{now.canary_percent:g} %"),
    ):
        if old != new:
            parts.append(f"{name} was {old or 'none'}, now it is {new or 'none'}")
    return Problem(
        "The world changed after this plan was made; nothing was done.",
        "; ".join(parts) + ".",
        "Look at the timeline for who did it, then make a new plan.",
        code="conflict",
    )


def split_words(split: Split) -> str:
    stable = f"{100 - split.canary_percent:g} % to {version_word(split.stable)}"
    if split.canary is None or split.canary_percent == 0:
        return stable
    return f"{stable}, {split.canary_percent:g} % to {version_word(split.canary)}"


def version_word(version: str | None) -> str:
    return "no version" if version is None else f"v{version}"


def version_list(versions: tuple[str, ...]) -> str:
    return ", ".join(f"v{v}" for v in versions) or "nothing"
