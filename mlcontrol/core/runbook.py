"""The way back by hand: the exact commands for when this panel cannot act, or must not."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote


@dataclass(frozen=True, slots=True)
class ByHand:
    """``shell``: ready to paste. No secret is in it: where one is needed, the command asks for it or reads $TOKEN."""

    title: str
    shell: str


def through_the_guard(service: str, target: str, workspace: str) -> ByHand:
    """Lets another engine do it, checks and proof and all."""
    return ByHand(
        "Through the guard, from a machine that reaches the servers",
        f"mlcontrol rollback {quote(service)} --to {quote(target)} --express --yes --reason 'incident'"
        f" --workspace {quote(workspace)}",
    )
