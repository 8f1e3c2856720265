"""Connections: what is linked and how it is doing; add, test, edit, remove; the services made of them; how it all looks."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.state import Changes
from mlcontrol.core.types import ConnectionState, Freshness, Health
from mlcontrol.engine import messages as m
from mlcontrol.gui.actions import Action, Bound, Context, needs_engine
from mlcontrol.gui.pages.connections_form import ConnectionForm
from mlcontrol.gui.pages.connections_secret import SecretKeeper
from mlcontrol.gui.pages.connections_service_form import ServiceForm
from mlcontrol.gui.pages.page import Page
from mlcontrol.gui.pages.rollouts_overview import column_head
from mlcontrol.gui.theme import theme
from mlcontrol.gui.viewmodels.connection_forms import ADAPTERS, users_of
from mlcontrol.gui.viewmodels.phrases import age_text, count_text, moment_text, visible_text
from mlcontrol.gui.widgets.action_bar import ActionBar
from mlcontrol.gui.widgets.button import PRIMARY, KeyButton
from mlcontrol.gui.widgets.card import Card, EmptyState
from mlcontrol.gui.widgets.confirm_strip import ConfirmStrip
from mlcontrol.gui.widgets.fact_list import FactList
from mlcontrol.gui.widgets.label import PlainLabel
from mlcontrol.gui.widgets.row_list import Row, RowList

DETAILS, CONNECTION, SERVICE = range(3)
THEMES = (
    ("system", "Follow the system", "1"),
    ("dark", "Dark", "2"),
    ("light", "Light", "3"),
    ("high_contrast", "High contrast", "4"),
)


class ConnectionsPage(Page):
    """The left list holds connections and services; the right side shows the chosen one, or its form."""

    name: ClassVar[str] = "connections"
    title = "Connections"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = RowList("Connections and services")
        self.connection_form, self.service_form = ConnectionForm(), ServiceForm()
        self.secrets = SecretKeeper(self)
        self.add = KeyButton("Add a connection", "A", PRIMARY)
        self.add_service = KeyButton("Add a service", "W")
        self.edit, self.test = KeyButton("Edit", "E"), KeyButton("Test", "T")
        self.test_form = KeyButton("Test", "Ctrl Enter")  # letters go into the form's fields
        self.save, self.cancel = KeyButton("Save", "Ctrl S", PRIMARY), KeyButton("Cancel", "Esc")
        self.remove = ConfirmStrip()
        self._busy = ""
        self._tested: dict[str, tuple[str, str, str]] = {}
        self._heading = PlainLabel("", "sentence", elide=True)
        self._sentence = PlainLabel("", tone="secondary", wrap=True)
        self._facts = FactList()
        self._empty = EmptyState(
            "Nothing is connected yet",
            "Add a registry and one endpoint; the fleet fills itself from them.",
            note="Nothing is sent anywhere until a connection is tested.",
        )
        self._problems = PlainLabel("", tone="warning", wrap=True)
        self._build()
        self.setFocusProxy(self.list)

    def _build(self) -> None:
        details = QWidget()
        column = QVBoxLayout(details)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        for widget in (self._heading, self._sentence, self._facts, self._problems):
            column.addWidget(widget)
        column.addStretch(1)
        column.addWidget(self._appearance())
        self.stack = QStackedWidget()
        for view in (details, self.connection_form, self.service_form):
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
        self.bar = ActionBar((self.add, self.add_service, self.edit, self.test, self.test_form, self.cancel, self.save))
        row = self.bar.layout()
        assert row is not None
        row.addWidget(self.remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(columns, 1)
        layout.addWidget(self.bar)
        self.list.moved.connect(lambda _id: self._restate())
        self.list.chosen.connect(lambda _id: self._edit())
        self.add.clicked.connect(self.begin_connection)
        self.add_service.clicked.connect(self.begin_service)
        self.edit.clicked.connect(self._edit)
        self.test.clicked.connect(self._test)
        self.test_form.clicked.connect(self._test)
        self.save.clicked.connect(self._save)
        self.cancel.clicked.connect(self._cancel)
        self.remove.confirmed.connect(self._remove)

    def _appearance(self) -> QWidget:
        card = Card("Theme and shortcuts", "Ctrl + and Ctrl - change the type size · ? lists every key")
        row = QHBoxLayout()
        row.setSpacing(8)
        for mode, words, key in THEMES:
            button = KeyButton(words, key)
            button.clicked.connect(partial(theme.set_mode, mode))
            row.addWidget(button)
        row.addStretch(1)
        card.body.addLayout(row)
        return card

    # --- page contract ---

    def actions(self) -> tuple[Bound, ...]:  # type: ignore[override]
        def listing(context: Context) -> str:
            return "finish the form first" if self.stack.currentIndex() != DETAILS else needs_engine(context)

        def bound(name: str, text: str, keys: str, hint: str, act: Any, rule: Any) -> Bound:
            return Bound(Action(f"connections.{name}", text, keys, hint, self.name, rule), act)

        def always(_context: Context) -> str:
            return ""

        themes = tuple(
            bound(f"theme-{mode}", f"Theme: {words.casefold()}", key, "", partial(theme.set_mode, mode), always)
            for mode, words, key in THEMES
        )
        return (
            bound(
                "add",
                "Add a connection",
                "A",
                "A registry, endpoint, router, metrics source or log",
                self.begin_connection,
                listing,
            ),
            bound("add-service", "Add a service", "W", "One model in production", self.begin_service, listing),
            bound("edit", "Edit", "E", "The chosen connection or service", self._edit, listing),
            bound("test", "Test", "T", "Ask the server who it is; nothing is saved", self._test, needs_engine),
            bound("test-form", "Test what is typed", "Ctrl+Return", "Ask before it is saved", self._test, needs_engine),
            bound("save", "Save", "Ctrl+S", "Check the fields and save", self._save, needs_engine),
            bound("remove", "Remove", "D", "The chosen one, after a confirmation", self._ask_remove, listing),
            bound("cancel", "Cancel", "Esc", "Leave the form, or call the removal off", self._cancel, always),
            *themes,
        )

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
        if changes.connections or changes.settings or changes.services:
            self._fill()
        self._restate()

    # --- drawing ---

    def _fill(self, select: str | None = None) -> None:
        state, settings = (self.bridge.state if self.bridge else None), self._workspace()
        if state is None or settings is None:
            return
        now_s = time.time()
        rows = [Row("head-c", "Connections", "", header=True, right=str(len(settings.connections)))]
        for connection in settings.connections.values():
            live = state.connections.get(connection.id) or ConnectionState(
                connection.id, connection.kind, connection.adapter
            )
            rows.append(_connection_row(connection, live, now_s))
        rows.append(Row("head-s", "Services", "", header=True, right=str(len(settings.services))))
        for service in settings.services.values():
            parts = [service.registry, *service.serving, service.routing, *service.metrics, service.predictions]
            words = ", ".join(dict.fromkeys(part for part in parts if part)) or "? nothing is named"
            rows.append(
                Row(
                    f"s/{service.id}",
                    service.title or service.id,
                    "waiting",
                    ((words, "secondary"),),
                    right=service.kind,
                )
            )
        first = next((row.id for row in rows if not row.header), None)
        self.list.set_rows(rows, select=select or (None if self.list.current_id() else first))
        self._left.setCurrentIndex(0 if settings.connections or settings.services else 1)
        bad = [c for c in state.connections.values() if c.health is not Health.OK]
        answering = len(settings.connections) - len(bad)
        self._note.setText(f"{answering} of {count_text(len(settings.connections), 'connection')} answering")
        self._problems.setText("\n".join(visible_text(problem, 300) for problem in settings.problems))
        self.heading_changed.emit()

    def _restate(self) -> None:
        stage, context = self.stack.currentIndex(), self.context()
        kind, chosen = self._chosen()
        listing = stage == DETAILS
        for button in (self.add, self.add_service, self.edit, self.remove):
            button.setVisible(listing)
        for button in (self.save, self.cancel):
            button.setVisible(not listing)
        self.test.setVisible(listing and kind == "c")
        self.test_form.setVisible(stage == CONNECTION)
        no_engine = needs_engine(context) or context.view_only
        self.add.set_reason(no_engine)
        self.add_service.set_reason(no_engine)
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
            self._heading.setText("")
            self._sentence.setText("")
            self._facts.set_facts(())
            return
        if kind == "s" and chosen in settings.services:
            service = settings.services[chosen]
            self._heading.setText(service.title or service.id)
            self._sentence.setText("One model in production, as the workspace file describes it.")
            self._sentence.set_tone("secondary")
            self._facts.set_facts(_service_facts(service))
        elif chosen in settings.connections:
            connection = settings.connections[chosen]
            live = state.connections.get(chosen) or ConnectionState(chosen, connection.kind, connection.adapter)
            self._heading.setText(chosen)
            said = self._tested.get(chosen)
            words = visible_text(" ".join(part for part in (live.text + ".", live.why, live.next) if part), 800)
            if said is not None:
                words += f"\nTested here: {visible_text(' '.join(said[1:]), 600)}"
            self._sentence.setText(words)
            self._sentence.set_tone(live.health.value if live.health is not Health.OK else "secondary")
            self._facts.set_facts(_connection_facts(connection, live, users_of(chosen, settings)))

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

    def _edit(self) -> None:
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

    def _open(self, stage: int) -> None:
        self.stack.setCurrentIndex(stage)
        view = (self.list, self.connection_form, self.service_form)[stage]
        self.setFocusProxy(view)
        view.setFocus()
        self._restate()

    def _cancel(self) -> None:
        if self.remove.call_off():
            return
        self.connection_form.take_secret()
        self._open(DETAILS)

    def _test(self) -> None:
        if self.bridge is None or self._busy:
            return
        in_form = self.stack.currentIndex() == CONNECTION
        settings = self.connection_form.settings() if in_form else self._chosen_connection()
        if settings is None:
            return
        tested = settings
        self._busy = "it is being asked"
        if in_form:
            self.connection_form.show_result("running", "Asking the server who it is", "up to 10 s")
        self._restate()

        def on_answer(event: Any) -> None:
            self._busy = ""
            state, title, detail, more = _diagnosis_words(event)
            if in_form and self.connection_form.has_secret():
                more = f"{more} The typed secret is used once it is saved.".strip()
            if in_form:
                self.connection_form.show_result(state, title, detail, more)
            elif self.shell is not None:
                self._tested[tested.id] = (state, title, detail)
                self.shell.toast(f"{tested.id}: {title}", state, f"{detail} {more}".strip())
            self._restate()

        self.bridge.ask(m.TestConnection(request=self.bridge.request_id(), settings=settings), on_answer)

    def _save(self) -> None:
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
        if secret and self.bridge is not None:
            self.secrets.keep(
                connection, secret, Path(self.bridge.workspace), partial(self._on_secret_kept, connection)
            )

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

    def _ask_remove(self) -> None:
        self.remove.setFocus()
        self.remove.press()

    def _remove(self) -> None:
        kind, chosen = self._chosen()
        if self.bridge is None or not chosen:
            return
        request, actor = self.bridge.request_id(), self._actor()
        command: m.Command = (
            m.RemoveConnection(request=request, connection=chosen, actor=actor)
            if kind == "c"
            else m.RemoveService(request=request, service=chosen, actor=actor)
        )
        self._send(command, lambda: self._saved("", f"{chosen} is removed"))

    def keyReleaseEvent(self, event: Any) -> None:
        if event.text().casefold() == "d" and not event.isAutoRepeat():
            self.remove.release()
        super().keyReleaseEvent(event)

    # --- facts ---

    def _chosen(self) -> tuple[str, str]:
        """("c" or "s", id)."""
        kind, _, name = (self.list.current_id() or "").partition("/")
        return (kind, name) if kind in ("c", "s") else ("", "")

    def _chosen_connection(self) -> ConnectionSettings | None:
        kind, chosen = self._chosen()
        settings = self._workspace()
        return settings.connections.get(chosen) if settings is not None and kind == "c" else None

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


def _connection_row(connection: ConnectionSettings, live: ConnectionState, now_s: float) -> Row:
    state = live.health.value
    if live.freshness is Freshness.STALE:
        state = "stale"
    elif live.freshness is Freshness.UNKNOWN and live.health is Health.OK:
        state = Health.UNKNOWN.value
    words = ADAPTERS.get(connection.adapter, (connection.kind, connection.adapter, ""))[1]
    lines = [(f"{live.server or words} · {visible_text(connection.url, 120)}", "secondary")]
    if live.health is not Health.OK:
        lines.append(
            (visible_text(" ".join(part for part in (live.why, live.next) if part) or "no answer yet", 300), state)
        )
    age = age_text(live.at.utc_s, now_s) if live.at is not None else "? never"
    return Row(
        f"c/{connection.id}",
        connection.id,
        state,
        tuple(lines),
        right=f"{visible_text(live.text, 80)} · {age}",
        chip=connection.kind.value.upper(),
    )


def _connection_facts(
    connection: ConnectionSettings, live: ConnectionState, users: tuple[str, ...]
) -> list[tuple[str, str]]:
    kept = {"": "none", "keyring": "in the system keyring"}.get(connection.secret, connection.secret)
    facts = [
        ("kind", connection.kind.value),
        ("adapter", connection.adapter),
        ("server", live.server or "? it has not said"),
        ("address", connection.url),
        ("latency", f"{live.latency_ms:.0f} ms" if live.latency_ms is not None else "? not measured"),
        ("last answer", moment_text(live.at.utc_s) if live.at is not None else "? never"),
        ("asked every", f"{connection.poll_s:g} s"),
        ("sign-in", connection.auth),
        ("secret", kept),
        ("used by", ", ".join(users) or "no service"),
        *sorted(connection.options.items()),
    ]
    return [(name, visible_text(words, 300)) for name, words in facts]


def _service_facts(service: ServiceSettings) -> list[tuple[str, str]]:
    facts = [
        ("kind", service.kind or "? not said"),
        ("team", service.team or "? not said"),
        ("environment", service.environment or "the workspace's"),
        ("protected", "yes" if service.protected else "no"),
        ("registry", f"{service.registry} · {service.model}@{service.alias}" if service.registry else "? not named"),
        ("endpoints", ", ".join(service.serving) or "? not named"),
        ("router", f"{service.routing} · {service.route}" if service.routing else "? not named"),
        ("metrics", ", ".join(service.metrics) or "? not named"),
        ("predictions", service.predictions or "? not named"),
        ("golden set", service.golden or "? not named"),
        ("objectives", ", ".join(f"{name} {value:g}" for name, value in service.objectives.items()) or "? none"),
    ]
    return [(name, visible_text(words, 300)) for name, words in facts]


def _diagnosis_words(event: Any) -> tuple[str, str, str, str]:
    """Glyph, title, detail, way on."""
    if isinstance(event, m.ConnectionDiagnosis) and event.problem is None:
        took = f"answered in {event.latency_ms:.0f} ms" if event.latency_ms is not None else "it answered"
        return "ok", f"{visible_text(event.server, 120) or 'The server'} · {took}", visible_text(event.detail, 300), ""
    if isinstance(event, m.ConnectionDiagnosis) and event.problem is not None:
        return "critical", *(
            visible_text(part, 400) for part in (event.problem.what, event.problem.why, event.problem.next)
        )  # type: ignore[return-value]
    if isinstance(event, m.Refused):
        return "unknown", *(
            visible_text(part, 400) for part in (event.problem.what, event.problem.why, event.problem.next)
        )  # type: ignore[return-value]
    return "unknown", "No answer", "", ""
