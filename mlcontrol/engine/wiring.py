"""The composition root: a workspace file and the installed adapters become a running engine. The only file that builds things."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import structlog
from platformdirs import user_data_path, user_state_path

from mlcontrol.adapters.discovery import adapter_class
from mlcontrol.adapters.metrics.scraper import TextScraper
from mlcontrol.adapters.name_memory import NAMES
from mlcontrol.adapters.notify.desktop import DesktopNotifications
from mlcontrol.adapters.notify.hook import OutboundHook
from mlcontrol.adapters.predictions.table_files import DuckDbTableFiles
from mlcontrol.adapters.registry.mlflow_traces import MlflowTraces
from mlcontrol.adapters.secrets.signing_key import SigningKey
from mlcontrol.adapters.secrets.system_keyring import SystemKeyring, secret_reader
from mlcontrol.adapters.serving.oip import OipClient
from mlcontrol.adapters.signatures.reading import read_here
from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ConnectionSettings, WorkspaceSettings
from mlcontrol.core.state import MADE, RECENT_EVENTS, RECENT_MADE
from mlcontrol.core.types import ConnectionKind, Sample, TimelineEvent
from mlcontrol.engine.checker import CheckerProcess
from mlcontrol.engine.context import EngineContext
from mlcontrol.engine.desks.table import Services
from mlcontrol.engine.engine import Engine
from mlcontrol.engine.hub import Hub
from mlcontrol.engine.panel import open_panel
from mlcontrol.engine.practice_ground import SandboxGround
from mlcontrol.engine.shelf import Shelf
from mlcontrol.ports.clock import SystemClock
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.documents import DocumentReader, ReadsDocuments
from mlcontrol.ports.notify import Channel
from mlcontrol.services.alerts import Alerts
from mlcontrol.services.audit import AuditQueries
from mlcontrol.services.capacity import CapacityDesk
from mlcontrol.services.chart_history import ChartHistory
from mlcontrol.services.checkpoints import Checkpoints
from mlcontrol.services.checks import Checks
from mlcontrol.services.collector import Collector
from mlcontrol.services.connections import Connections, Entry, Group
from mlcontrol.services.context import ConnectionGone, ServiceGone
from mlcontrol.services.control import ControlDesk
from mlcontrol.services.drills import DrillRoom
from mlcontrol.services.incidents.adding import Adding
from mlcontrol.services.incidents.bisecting import Bisecting
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.incidents.postmortem import Postmortems
from mlcontrol.services.incidents.silencing import Silencing
from mlcontrol.services.permission import Permissions
from mlcontrol.services.pipelines import PipelineDesk
from mlcontrol.services.practice import PracticeDesk
from mlcontrol.services.quality import QualityDesk
from mlcontrol.services.remembered import Remembered
from mlcontrol.services.reviews.bench import ReviewDesk
from mlcontrol.services.reviews.campaigns import CampaignDesk
from mlcontrol.services.reviews.candidates import Outside
from mlcontrol.services.reviews.kit import ReviewKit
from mlcontrol.services.rollouts import Rollouts
from mlcontrol.services.telling import Telling
from mlcontrol.services.timeline import Records
from mlcontrol.services.watch import Watch
from mlcontrol.store.database import StoreError, open_database
from mlcontrol.store.exercises import ExerciseBook
from mlcontrol.store.golden_files import read_golden, write_golden
from mlcontrol.store.reviews.reviews import Reviews
from mlcontrol.store.store import Store
from mlcontrol.store.workspace import put_entry, read_workspace, remove_entry

log = structlog.get_logger("wiring")


def exercises_file() -> Path:
    return user_data_path("mlcontrol") / "exercises.json"


@dataclass(frozen=True, slots=True)
class Built:
    """A wired engine, not started. `close` ends it and closes the store."""

    engine: Engine
    context: EngineContext
    shelf: Shelf
    end: Callable[[], None]

    def close(self) -> None:
        self.engine.close()
        self.shelf.close()
        self.end()


@dataclass(frozen=True, slots=True)
class _TomlFile:
    """The workspace file as the connections service writes it."""

    path: Path

    def put(self, settings: Entry, replaces: str | None) -> None:
        put_entry(self.path, settings, replaces)

    def remove(self, group: Group, entry: str) -> None:
        remove_entry(self.path, group, entry)

    def read(self) -> WorkspaceSettings:
        return read_workspace(self.path)


def build(workspace: Path) -> Built:
    """Raises `ProblemError` when the workspace cannot be read at all. A store that cannot be written makes a view-only engine."""
    settings = read_workspace(workspace)
    clock = SystemClock()
    store, view_only, end = _open_store(settings, workspace.parent, clock)

    def keep(events: tuple[TimelineEvent, ...], samples: tuple[Sample, ...]) -> None:
        if events:
            store.timeline.append(events)
        if samples:
            store.history.append(samples)

    hub = Hub(settings, keep)
    hub.preload(store.timeline.query(None, 0.0, None, MADE, "", RECENT_MADE))
    hub.preload(store.timeline.recent(RECENT_EVENTS))
    secrets = SystemKeyring()
    NAMES.keep_in(Path(user_state_path("mlcontrol")) / "names.json")

    def reader(connection: ConnectionSettings) -> SecretReader:
        return secret_reader(settings.name, connection, secrets)

    checker, documents = CheckerProcess(), CheckerProcess()  # a document that hangs keeps no way back from being judged
    make = partial(make_adapter, reader, documents.read)
    shelf = Shelf(settings, make)
    context = EngineContext(
        settings,
        store,
        view_only,
        clock,
        hub,
        shelf,
        make_route_client=lambda connection: OipClient(connection, reader(connection)),
        read_golden=read_golden,
    )
    engine: Engine | None = None

    def report(error: BaseException, where: str) -> Problem | None:
        return engine.report(error, where) if engine is not None else None

    telling = Telling(context, partial(make_channel, lambda: context.settings, secrets), report)
    alerts = Alerts(context, hub.settle, report, telling.take)
    collector = Collector(
        context,
        context.own,
        context.expectations,
        context.metrics,
        report,
        bulk=TextScraper(),
        outside=alerts.outside,
    )
    context.collector = collector

    def adopt(fresh: WorkspaceSettings) -> None:
        before = context.settings
        context.adopt(fresh)
        for name in set(before.connections) - set(fresh.connections):
            collector.forget_connection(name)
            hub.emit(ConnectionGone(name))
        for name in set(before.services) - set(fresh.services):
            hub.emit(ServiceGone(name))
        hub.emit(fresh)
        collector.adopt()

    checkpoints = Checkpoints(context, SigningKey(settings.name, secrets, Path(user_state_path("mlcontrol"))))
    checks = Checks(context, checker)

    def traces(name: str) -> MlflowTraces:
        connection = context.settings.connections[name]
        return MlflowTraces(connection, reader(connection))

    outside = Outside(DuckDbTableFiles(), traces, write_golden)
    kit, end_kit = _review_kit(settings, workspace.parent, clock)
    reviews = ReviewDesk(context, outside, kit)
    drills = DrillRoom(context, checks)
    incidents = Incidents(context)
    briefing = Briefing(context, incidents, hub.settle)
    rollouts = Rollouts(context, checks)
    connections = Connections(context, _TomlFile(workspace), make, adopt, telling.test, NAMES)
    history = ChartHistory(context, hub.settle, Remembered(context, context.metrics))
    services = Services(
        ctx=context,
        collector=collector,
        checks=checks,
        rollouts=rollouts,
        reviews=reviews,
        campaigns=CampaignDesk(context, reviews, outside),
        connections=connections,
        records=Records(context, hub.settle, hub.persist),
        history=history,
        audit=AuditQueries(context, checkpoints),
        permissions=Permissions(context),
        drills=drills,
        watch=Watch(context, checks, drills, report, alerts.heed_others),
        incidents=incidents,
        briefing=briefing,
        bisecting=Bisecting(context, rollouts, briefing.brief),
        silencing=Silencing(context, incidents, alerts),
        adding=Adding(context, incidents, briefing, connections, write_golden),
        postmortems=Postmortems(context, briefing, bundled("postmortem")),
        practice=PracticeDesk(context, incidents, SandboxGround(workspace), ExerciseBook(exercises_file())),
        alerts=alerts,
        quality=QualityDesk(context),
        control=ControlDesk(context),
        capacity=CapacityDesk(context, history),
        pipelines=PipelineDesk(context),
        telling=telling,
    )
    engine = Engine(hub, services)

    def end_all() -> None:
        documents.close()
        checker.close()
        end_kit()
        checkpoints.close()
        end()

    return Built(engine, context, shelf, end_all)


def _review_kit(
    settings: WorkspaceSettings, base: Path, clock: SystemClock
) -> tuple[ReviewKit | None, Callable[[], None]]:
    """With a team's store: a small one of our own beside it, so that evaluators go on when the team's is not reached; and how to
    end it."""
    if settings.store.startswith("sqlite"):
        return None, lambda: None
    opened = [open_database("sqlite:///reviews-local.db", base)]

    def team() -> Reviews:
        opened.append(open_database(settings.store, base))
        return Reviews(opened[-1])

    kit = ReviewKit(Reviews(opened[0]), team, clock)
    kit.start()

    def end() -> None:
        kit.close()
        for database in opened:
            database.close()

    return kit, end


def adapters_of(workspace: Path) -> tuple[WorkspaceSettings, Callable[[ConnectionSettings], Any]]:
    """The settings and a maker of adapters, for a command that only reads: no store is opened and no engine built."""
    settings = read_workspace(workspace)
    secrets = SystemKeyring()
    return settings, partial(
        make_adapter, lambda connection: secret_reader(settings.name, connection, secrets), read_here
    )


def make_adapter(
    reader: Callable[[ConnectionSettings], SecretReader], documents: DocumentReader, settings: ConnectionSettings
) -> Any:
    """The adapter that the connection names, which has its ``documents`` read so. Raises `ProblemError` (code "not-viable") saying
    what is there instead."""
    make = cast(Callable[[ConnectionSettings, SecretReader], Any], adapter_class(settings.kind, settings.adapter))
    made = make(settings, reader(settings))
    if isinstance(made, ReadsDocuments):
        made.documents = documents
    return made


def make_channel(now: Callable[[], WorkspaceSettings], secrets: SystemKeyring, settings: NotifySettings) -> Channel:
    """The way to people that the setting names; ``now``: the workspace as it is. Raises `ProblemError` ("not-viable") where it
    cannot work."""
    if settings.via == "desktop":
        viability = DesktopNotifications.viability()
        if not viability.viable:
            raise ProblemError(Problem("This desktop cannot be told.", viability.why, code="not-viable"))
        return DesktopNotifications(lambda link: open_panel(now(), link))
    if settings.via != "hook":
        what = f"[notify.{settings.id}] names no way that is known: {settings.via!r}."
        raise ProblemError(Problem(what, next='Write via = "desktop" or via = "hook".', code="not-viable"))
    kept = ConnectionSettings(
        f"notify-{settings.id}", ConnectionKind.ALERTS, "hook", "", auth="token", secret=settings.secret
    )
    return OutboundHook(settings.id, settings.url, secret_reader(now().name, kept, secrets))


def bundled(name: str) -> Path:
    """A folder of bundled files: beside the package in a checkout, inside it in an installed wheel."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_resources"
    return (inside if inside.is_dir() else package.parent / "resources") / name


def _open_store(settings: WorkspaceSettings, base: Path, clock: SystemClock) -> tuple[Store, str, Callable[[], None]]:
    """The store, why it may not be acted with (else empty), and how to close it."""
    try:
        store = Store.open(settings.store, base, clock)
    except StoreError as error:
        log.error("the store cannot be used", what=error.problem.what, why=error.problem.why)
        # Look, but do not act: what is seen meanwhile is remembered in a folder that goes with the engine.
        folder = Path(tempfile.mkdtemp(prefix="mlcontrol-view-"))
        store = Store.open("sqlite:///panel.db", folder, clock, folder)

        def end() -> None:
            store.close()
            shutil.rmtree(folder, ignore_errors=True)

        return store, str(error.problem), end
    return store, "", store.close
