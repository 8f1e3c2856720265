"""Who is told of alerts, as a form: text in, settings or errors by field out; and as a row and facts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.gui.viewmodels.phrases import count_text, visible_text

VIAS = (("hook", "A team's chat, pager or web hook"), ("desktop", "This desktop's notifications"))
LEASTS = (("warning", "Warnings and critical alerts"), ("critical", "Critical alerts only"))
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_USER = re.compile(r"://[^/@\s]*:[^/@\s{]+@")


@dataclass(frozen=True, slots=True)
class NotifyDraft:
    """What stands in the form, as typed; the secret is never part of it. ``keyed``: one was typed or is kept."""

    id: str = ""
    via: str = "hook"
    url: str = ""
    least: str = "warning"
    per_hour: str = "12"
    enabled: bool = True
    keyed: bool = False


def notify_draft(settings: NotifySettings) -> NotifyDraft:
    return NotifyDraft(
        settings.id,
        settings.via,
        settings.url,
        settings.least,
        str(settings.per_hour),
        settings.enabled,
        bool(settings.secret),
    )


def notify_errors(draft: NotifyDraft, workspace: WorkspaceSettings, replaces: str | None) -> dict[str, str]:
    """Error by field name, in words; empty when the draft can be saved."""
    errors: dict[str, str] = {}
    if not _ID.fullmatch(draft.id):
        errors["id"] = "lower-case letters, digits, dash; 60 at most"
    elif draft.id in workspace.notify and draft.id != replaces:
        errors["id"] = f"{draft.id} is taken"
    if draft.via == "hook" and (problem := _url_problem(draft)):
        errors["url"] = problem
    if not draft.per_hour.strip().isdecimal() or not 1 <= int(draft.per_hour) <= 1000:
        errors["per_hour"] = "a whole number from 1 to 1000"
    return errors


def _url_problem(draft: NotifyDraft) -> str:
    url = draft.url.strip()
    if not url:
        return "" if draft.keyed else "an address, or all of it as the secret"
    if "://" not in url:
        return "must begin with its service, like slack:// or jsons://"
    if _USER.search(url):
        return "no password in the address: write {secret} in its place"
    if "{secret}" in url and not draft.keyed:
        return "it has {secret}, and none was given"
    return ""


def notify_settings(draft: NotifyDraft, before: NotifySettings | None) -> NotifySettings:
    """The settings a draft without errors stands for."""
    hook = draft.via == "hook"
    kept = before.secret if before is not None and before.secret else "keyring"
    return NotifySettings(
        draft.id,
        draft.via,
        draft.url.strip() if hook else "",
        kept if hook and draft.keyed and ("{secret}" in draft.url or not draft.url.strip()) else "",
        draft.least,
        int(draft.per_hour),
        draft.enabled,
    )


def secret_name(notify: str) -> str:
    """Under which the keyring keeps the secret of one."""
    return f"notify-{notify}"


def notify_facts(settings: NotifySettings) -> list[tuple[str, str]]:
    kept = {"": "none", "keyring": "in the system keyring"}.get(settings.secret, settings.secret)
    facts = [
        ("way", dict(VIAS).get(settings.via, settings.via)),
        ("address", settings.url or ("the secret is all of it" if settings.via == "hook" else "this desktop")),
        ("secret", kept),
        ("told of", dict(LEASTS).get(settings.least, settings.least).casefold()),
        ("at most", f"{count_text(settings.per_hour, 'message')} an hour; more is counted and said later"),
        ("switched", "on" if settings.enabled else "off"),
    ]
    return [(name, visible_text(words, 300)) for name, words in facts]


def notify_line(settings: NotifySettings) -> str:
    off = "" if settings.enabled else " · off"
    where = settings.url or dict(VIAS).get(settings.via, settings.via)
    return f"{visible_text(where, 120)} · {dict(LEASTS).get(settings.least, settings.least).casefold()}{off}"
