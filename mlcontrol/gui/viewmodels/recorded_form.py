"""A change that a person records, as the form has it."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.moments import parse_moment
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.recorded import PERSON, RecordedChange, event_of
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.types import EventKind

KINDS = (
    (EventKind.DATA, "data: a snapshot, a feed, a schema"),
    (EventKind.CONFIG, "config: a release, settings, a schedule"),
    (EventKind.NOTE, "note"),
)


class WrongFieldError(ValueError):
    """``field``: which of the form's it is."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@dataclass(frozen=True, slots=True)
class ChangeForm:
    """What is written in the fields. ``versions``: "13 -> 14", or the new one alone. ``at``: empty is now."""

    kind: str
    title: str
    service: str = ""
    versions: str = ""
    at: str = ""
    detail: str = ""


def change_of(form: ChangeForm, settings: WorkspaceSettings, now_s: float) -> RecordedChange:
    """Raises `WrongFieldError` in words."""
    service = form.service.strip()
    if service and service not in settings.services:
        raise WrongFieldError("service", f"There is no service {service!r}.")
    before, arrow, after = (part.strip() for part in form.versions.replace("→", "->").partition("->"))
    if arrow and not after:
        raise WrongFieldError("versions", "Write both, as in 13 -> 14, or the new one alone.")
    try:
        at_s = parse_moment(form.at, now_s) if form.at.strip() else None
    except ProblemError as error:
        raise WrongFieldError("at", f"{error.problem.what} Write 02:14, 30m or 2026-11-27 02:14, UTC.") from error
    change = RecordedChange(
        EventKind(form.kind),
        form.title,
        service or None,
        form.detail,
        (before or None) if arrow else None,
        after if arrow else before or None,
        at_s,
        source=PERSON,
    )
    try:
        event_of(change, "", now_s)
    except ProblemError as error:
        words = f"{error.problem.why} {error.problem.next}".strip()
        named = ("title", "detail", "version", "moment")
        field = next((name for name in named if name in error.problem.why), "title")
        raise WrongFieldError({"version": "versions", "moment": "at"}.get(field, field), words) from error
    return change
