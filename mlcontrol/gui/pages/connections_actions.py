"""The actions of the connections page, from which its keys, the palette and the menus are made."""

from __future__ import annotations

from functools import partial
from typing import Any

from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Action, Bound, Context, needs_engine
from mlcontrol.gui.pages.connections_details import THEMES
from mlcontrol.gui.theme import theme


def page_actions(page: Any) -> tuple[Bound, ...]:
    """``page``: the connections page, which is not named here: it names this file."""

    def listing(context: Context) -> str:
        return "finish the form first" if page.stack.currentWidget() is not page.details else needs_engine(context)

    def moved(context: Context) -> str:
        if page.details.agree.isHidden():
            return "choose a connection whose name has moved"
        return listing(context) or context.view_only

    def bound(name: str, text: str, keys: str, hint: str, act: Any, rule: Any) -> Bound:
        return Bound(Action(f"connections.{name}", text, keys, hint, page.name, rule), act)

    def always(_context: Context) -> str:
        return ""

    themes = tuple(
        bound(f"theme-{mode}", f"Theme: {words.casefold()}", key, "", partial(theme.set_mode, mode), always)
        for mode, words, key in THEMES
    )
    return (
        bound("add", "Add a connection", "A", "A registry, endpoint, router, log", page.begin_connection, listing),
        bound("add-service", "Add a service", "W", "One model in production", page.begin_service, listing),
        bound("add-notify", "Tell people of alerts", "N", "A chat, pager or hook", page.begin_notify, listing),
        bound("edit", "Edit", "E", "The chosen one", page.edit_chosen, listing),
        bound("test", "Test", "T", "Ask the server who it is; nothing is saved", page.test_chosen, needs_engine),
        bound(
            "test-form", "Test what is typed", "Ctrl+Return", "Ask before it is saved", page.test_chosen, needs_engine
        ),
        bound("save", "Save", "Ctrl+S", "Check the fields and save", page.save_form, needs_engine),
        bound("remove", "Remove", "D", "The chosen one, after a confirmation", page.ask_remove, listing),
        bound("cancel", "Cancel", "Esc", "Leave the form, or call the removal off", page.leave_form, always),
        bound("agree", "Its name may lead inside", "Y", "To the private addresses of now", partial(agree, page), moved),
        *themes,
    )


def agree(page: Any) -> None:
    """A person's word that the chosen connection's name may lead where it leads now."""
    if page.bridge is not None and not page.details.agree.isHidden():
        _kind, chosen = page._chosen()
        page.details.agree.hide()
        command = m.AgreeToAddress(request=page.bridge.request_id(), connection=chosen, actor=page._actor())
        page._send(command, lambda: page._saved(f"c/{chosen}", f"{chosen} is followed again"))
