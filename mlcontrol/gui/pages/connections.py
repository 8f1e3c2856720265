"""Connections: what is linked and how it is doing; add, test, edit, remove; the services made of them; how it all looks."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, WorkspaceSettings
from mlcontrol.core.state import Changes
from mlcontrol.core.types import Health
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Bound, needs_engine
from mlcontrol.gui.pages.connections_actions import agree, page_actions
from mlcontrol.gui.pages.connections_details import ConnectionsDetails
from mlcontrol.gui.pages.connections_form import ConnectionForm
from mlcontrol.gui.pages.connections_notify import NotifyForm
from mlcontrol.gui.pages.connections_rows import live_state, workspace_rows
from mlcontrol.gui.pages.connections_secret import SecretKeeper
from mlcontrol.gui.pages.connections_service_form import ServiceForm
from mlcontrol.gui.pages.page import Page
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.viewmodels.connection_facts import diagnosis_words
from mlcontrol.gui.viewmodels.connection_forms import users_of
from mlcontrol.gui.viewmodels.notify_forms import secret_name
from mlcontrol.gui.viewmodels.phrases import count_text
from mlcontrol.gui.widgets.action_bar import ActionBar
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import EmptyState
from mlcontrol.gui.widgets.confirm_strip import ConfirmStrip
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import RowList

DETAILS, CONNECTION, SERVICE, NOTIFY = range(4)


class ConnectionsPage(Page):
    """The left list holds connections and services; the right side shows the chosen one, or its form."""

    name: ClassVar[str] = "connections"
    title = "Connections"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = RowList("Connections and services")
        self.details = ConnectionsDetails()
        self.connection_form, self.service_form, self.notify_form = ConnectionForm(), ServiceForm(), NotifyForm()
        self.secrets = SecretKeeper(self)
        self.add = KeyButton("Add a connection", "A", PRIMARY)
        self.add_service, self.add_notify = KeyButton("Add a service", "W"), KeyButton("Tell people", "N")
        self.edit, self.test = KeyButton("Edit", "E"), KeyButton("Test", "T")
        self.test_form = KeyButton("Test", "Ctrl Enter")  # letters go into the form's fields
        self.save, self.cancel = KeyButton("Save", "Ctrl S", PRIMARY), KeyButton("Cancel", "Esc")
        self.remove = ConfirmStrip()
        self._busy = ""
        self._tested: dict[str, tuple[str, str, str]] = {}
        self._empty = EmptyState(
            "Nothing is connected yet",
            "Add a registry and one endpoint; the fleet fills itself from them.",
            note="Nothing is sent anywhere until a connection is tested.",
        )
        self._build()
        self.setFocusProxy(self.list)

    def _build(self) -> None:
        self.stack = QStackedWidget()
        for view in (self.details, self.connection_form, self.service_form, self.notify_form):
            self.stack.addWidget(view)
        left = QVBoxLayout()
        left.setSpacing(0)
        self._note = PlainLabel("", "small", "quiet")
        left.addWidget(column_head("Workspace", self._note))
        self._left = QStackedWidget()
        self._left.addWidget(self.list)
        self._left.addWidget(self._empty)
        left.addWidget(self._left, 1)
        columns = QHBoxLayout()
        columns.setSpacing(1)
        columns.addLayout(left, 5)
        columns.addWidget(self.stack, 6)
        self.bar = ActionBar(
            (self.add, self.add_service, self.add_notify, self.edit, self.test, self.test_form, self.cancel, self.save)
        )
        row = self.bar.layout()
        assert row is not None
        row.addWidget(self.remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(columns, 1)
        layout.addWidget(self.bar)
        self.list.moved.connect(lambda _id: self._restate())
        self.list.chosen.connect(lambda _id: self.edit_chosen())
        self.add.clicked.connect(self.begin_connection)
        self.add_service.clicked.connect(self.begin_service)
        self.add_notify.clicked.connect(self.begin_notify)
        self.edit.clicked.connect(self.edit_chosen)
        self.test.clicked.connect(self.test_chosen)
        self.test_form.clicked.connect(self.test_chosen)
        self.save.clicked.connect(self.save_form)
        self.cancel.clicked.connect(self.leave_form)
        self.details.agree.clicked.connect(partial(agree, self))
        self.remove.confirmed.connect(self._remove)

    # --- page contract ---

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        return page_actions(self)

    @property
    def subtitle(self) -> str:
        settings = self._workspace()
        return settings.path if settings is not None else ""

    def show_for(self, service_id: str | None, **context: Any) -> None:
        """``connection`` chooses one; ``add=True`` opens the empty form."""
        super().show_for(service_id, **context)
        if context.get("add"):
            self.begin_connection()
        elif isinstance(context.get("connection"), str):
            self.list.set_rows(self.list.rows, select=f"c/{context['connection']}")
            self._restate()

    def refresh(self, changes: Changes) -> None:
        if changes.connections or changes.settings:
            self._fill()
        self._restate()

    # --- drawing ---

    def _fill(self, select: str | None = None) -> None:
        state, settings = (self.bridge.state if self.bridge else None), self._workspace()
        if state is None or settings is None:
            return
        rows = workspace_rows(settings, state, time.time())
        first = next((row.id for row in rows if not row.header), None)
        self.list.set_rows(rows, select=select or (None if self.list.current_id() else first))
        self._left.setCurrentIndex(0 if settings.connections or settings.services or settings.notify else 1)
        # One that has never said anything is not one that is well.
        answering = sum(live_state(one, state).health is Health.OK for one in settings.connections.values())
        self._note.setText(f"{answering} of {count_text(len(settings.connections), 'connection')} answering")
        self.details.show_problems(settings.problems)
        self.heading_changed.emit()

    def _restate(self) -> None:
        stage, context = self.stack.currentIndex(), self.context()
        kind, chosen = self._chosen()
        listing = stage == DETAILS
        for button in (self.add, self.add_service, self.add_notify, self.edit, self.remove):
            button.setVisible(listing)
        for button in (self.save, self.cancel):
            button.setVisible(not listing)
        self.test.setVisible(listing and kind in ("c", "n"))
        self.test_form.setVisible(stage == CONNECTION)
        no_engine = needs_engine(context) or context.view_only
        self.add.set_reason(no_engine)
        self.add_service.set_reason(no_engine)
        self.add_notify.set_reason(no_engine)
        self.edit.set_reason(no_engine or ("" if chosen else "choose one"))
        self.test.set_reason(needs_engine(context) or self._busy)
        self.test_form.set_reason(needs_engine(context) or self._busy)
        self.save.set_reason(no_engine or self._busy)
        self.remove.offer(
            f"Remove {chosen}" if chosen else "Remove", hold=True, danger=True, refusal=self._remove_refusal(), key="D"
        )
        if listing:
            self._show_details()
        self.bar.say(chosen if listing else "", "" if listing else "nothing is saved until you say so")

    def _show_details(self) -> None:
        kind, chosen = self._chosen()
        settings = self._workspace()
        state = self.bridge.state if self.bridge is not None else None
        if settings is None or state is None or not chosen:
            self.details.show_nothing()
        elif kind == "s" and chosen in settings.services:
            self.details.show_service(settings.services[chosen])
        elif kind == "n" and chosen in settings.notify:
            self.details.show_notify(settings.notify[chosen], self._tested.get(f"n/{chosen}"))
        elif chosen in settings.connections:
            connection = settings.connections[chosen]
            self.details.show_connection(
                connection, live_state(connection, state), users_of(chosen, settings), self._tested.get(chosen)
            )

    # --- acting ---

    def begin_connection(self) -> None:
        settings = self._workspace()
        if settings is not None:
            self.connection_form.open_for(settings, None)
            self._open(CONNECTION)

    def begin_service(self) -> None:
        settings = self._workspace()
        if settings is not None:
            self.service_form.open_for(settings, None)
            self._open(SERVICE)

    def begin_notify(self) -> None:
        settings = self._workspace()
        if settings is not None:
            self.notify_form.open_for(settings, None)
            self._open(NOTIFY)

    def edit_chosen(self) -> None:
        kind, chosen = self._chosen()
        settings = self._workspace()
        if settings is None or self.edit.reason:
            return
        if kind == "c" and chosen in settings.connections:
            self.connection_form.open_for(settings, settings.connections[chosen])
            self._open(CONNECTION)
        elif kind == "s" and chosen in settings.services:
            self.service_form.open_for(settings, settings.services[chosen])
            self._open(SERVICE)
        elif kind == "n" and chosen in settings.notify:
            self.notify_form.open_for(settings, settings.notify[chosen])
            self._open(NOTIFY)

    def _open(self, stage: int) -> None:
        self.stack.setCurrentIndex(stage)
        view = (self.list, self.connection_form, self.service_form, self.notify_form)[stage]
        self.setFocusProxy(view)
        view.setFocus()
        self._restate()

    def leave_form(self) -> None:
        if self.remove.call_off():
            return
        self.connection_form.take_secret()
        self.notify_form.take_secret()
        self._open(DETAILS)

    def test_chosen(self) -> None:
        if self.bridge is None or self._busy:
            return
        in_form, told = self.stack.currentIndex() == CONNECTION, self._chosen_notify()
        settings = self.connection_form.settings() if in_form else self._chosen_connection()
        if (settings is None and told is None) or self.stack.currentIndex() > CONNECTION:
            return
        self._busy = "it is being asked"
        names = (f"n/{told.id}", told.id) if told is not None and not in_form else ("", "")
        if settings is not None:
            names = settings.id, settings.id
        if in_form:
            self.connection_form.show_result("running", "Asking the server who it is", "up to 10 s")
        self._restate()

        def on_answer(event: Any) -> None:
            self._busy = ""
            state, title, detail, more = diagnosis_words(event)
            if in_form:
                if self.connection_form.has_secret():
                    more = f"{more} The typed secret is used once it is saved.".strip()
                self.connection_form.show_result(state, title, detail, more)
            elif self.shell is not None:
                row, name = names
                self._tested[row] = (state, title, detail)
                self.shell.toast(f"{name}: {title}", state, f"{detail} {more}".strip())
            self._restate()

        request = self.bridge.request_id()
        if settings is not None:
            self.bridge.ask(m.TestConnection(request=request, settings=settings), on_answer)
        elif told is not None:
            self.bridge.ask(m.TestNotify(request=request, settings=told), on_answer)

    def save_form(self) -> None:
        stage = self.stack.currentIndex()
        if self.bridge is None or self._busy or stage == DETAILS:
            return
        request, actor = self.bridge.request_id(), self._actor()
        if stage == CONNECTION:
            connection = self.connection_form.settings()
            if connection is None:
                return
            before = self.connection_form.before
            replaces = before.id if before is not None else None
            self._send(
                m.SaveConnection(request=request, settings=connection, replaces=replaces, actor=actor),
                partial(self._on_connection_saved, connection.id),
            )
            return
        if stage == NOTIFY:
            told = self.notify_form.settings()
            if told is not None:
                save = m.SaveNotify(request=request, settings=told, replaces=self.notify_form.replaces, actor=actor)
                self._send(save, partial(self._on_notify_saved, told.id))
            return
        service = self.service_form.settings()
        if service is not None:
            command = m.SaveService(request=request, settings=service, replaces=self.service_form.replaces, actor=actor)
            self._send(command, lambda: self._saved(f"s/{service.id}", f"{service.id} is saved"))

    def _send(self, command: m.Command, then: Any) -> None:
        assert self.bridge is not None
        self._busy = "it is being saved"
        self._restate()

        def on_answer(event: Any) -> None:
            self._busy = ""
            if isinstance(event, m.Refused):
                if self.shell is not None:
                    self.shell.problem(event.problem)
            else:
                then()
            self._restate()

        self.bridge.ask(command, on_answer)

    def _on_connection_saved(self, connection: str) -> None:
        secret = self.connection_form.take_secret()
        self._saved(f"c/{connection}", f"{connection} is saved")
        self._keep(connection, secret)

    def _on_notify_saved(self, name: str) -> None:
        secret = self.notify_form.take_secret()
        self._saved(f"n/{name}", f"{name} is saved")
        self._keep(secret_name(name), secret)

    def _keep(self, name: str, secret: str) -> None:
        if secret and self.bridge is not None:
            self.secrets.keep(name, secret, Path(self.bridge.workspace), partial(self._on_secret_kept, name))

    def _on_secret_kept(self, connection: str, problem: Problem | None) -> None:
        if self.shell is None:
            return
        if problem is not None:
            self.shell.problem(problem)
        else:
            self.shell.toast(f"The secret of {connection} is in the keyring", "done")

    def _saved(self, row: str, words: str) -> None:
        self._open(DETAILS)
        self._fill(select=row)
        if self.shell is not None:
            self.shell.toast(words, "done")

    def ask_remove(self) -> None:
        self.remove.setFocus()
        self.remove.press()

    def _remove(self) -> None:
        kind, chosen = self._chosen()
        if self.bridge is None or not chosen:
            return
        request, actor = self.bridge.request_id(), self._actor()
        commands: dict[str, m.Command] = {
            "c": m.RemoveConnection(request=request, connection=chosen, actor=actor),
            "s": m.RemoveService(request=request, service=chosen, actor=actor),
            "n": m.RemoveNotify(request=request, name=chosen, actor=actor),
        }
        self._send(commands[kind], lambda: self._saved("", f"{chosen} is removed"))

    def keyReleaseEvent(self, event: Any) -> None:
        if event.text().casefold() == "d" and not event.isAutoRepeat():
            self.remove.release()
        super().keyReleaseEvent(event)

    # --- facts ---

    def _chosen(self) -> tuple[str, str]:
        """("c", "s" or "n", id)."""
        kind, _, name = (self.list.current_id() or "").partition("/")
        return (kind, name) if kind in ("c", "s", "n") else ("", "")

    def _chosen_connection(self) -> ConnectionSettings | None:
        kind, chosen = self._chosen()
        settings = self._workspace()
        return settings.connections.get(chosen) if settings is not None and kind == "c" else None

    def _chosen_notify(self) -> NotifySettings | None:
        kind, chosen = self._chosen()
        settings = self._workspace()
        return settings.notify.get(chosen) if settings is not None and kind == "n" else None

    def _remove_refusal(self) -> str:
        kind, chosen = self._chosen()
        settings = self._workspace()
        context = self.context()
        if not chosen or settings is None:
            return "choose one"
        users = users_of(chosen, settings) if kind == "c" else ()
        if users:
            return f"{', '.join(users[:2])}{' and more' if len(users) > 2 else ''} would go blind"
        return needs_engine(context) or context.view_only or self._busy

    def _workspace(self) -> WorkspaceSettings | None:
        state = self.bridge.state if self.bridge is not None else None
        return state.settings if state is not None else None

    def _actor(self) -> str:
        return self.bridge.hello.user if self.bridge is not None and self.bridge.hello is not None else ""
