"""A freeze as a person writes it, and whom one binds, in words."""

from __future__ import annotations

from datetime import UTC, datetime

from mlcontrol.core.freeze import Freeze, end_of
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.gui.viewmodels.phrases import visible_text


def scope_words(freeze: Freeze) -> str:
    where = f" in {', '.join(freeze.environments)}" if freeze.environments else ""
    return visible_text(f"{', '.join(freeze.services) or 'every service'}{where}", 200)


def new_freeze(scope: str, until: str, reason: str, settings: WorkspaceSettings, now_s: float) -> Freeze:
    """A freeze from now on. ``scope``: services or environments, with commas between; empty: every service. ``until``: as
    `mlcontrol.core.freeze.end_of` reads it. Raises `ValueError` in words."""
    if not reason.strip():
        raise ValueError("say why: whoever is stopped by it reads the reason")
    names = [name.strip() for name in scope.split(",") if name.strip()]
    environments = {s.environment or settings.environment for s in settings.services.values()} - {""}
    unknown = [name for name in names if name not in settings.services and name not in environments]
    if unknown:
        raise ValueError(f"there is no service and no environment {unknown[0]!r}")
    try:
        ends = end_of(until, now_s)
    except ValueError as error:
        raise ValueError(f"until: {error}; write 2h, 18:00, or a date, UTC") from error
    now = datetime.fromtimestamp(now_s, UTC)
    name = base = f"freeze-{now:%Y%m%d-%H%M}"
    number = 1
    while name in settings.freezes:
        number += 1
        name = f"{base}-{number}"
    return Freeze(
        name,
        reason.strip(),
        starts=now.isoformat(timespec="seconds"),
        ends=ends,
        environments=tuple(n for n in names if n not in settings.services),
        services=tuple(n for n in names if n in settings.services),
    )
