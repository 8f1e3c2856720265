"""Collects: which questions are asked how often, and what their answers make of each service and connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from mlcontrol.core.data_report import DataReport
from mlcontrol.core.facts import Known, ServiceFacts
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ConnectionKind, EventKind, Health, ReplicaState, ServiceState, TimelineEvent
from mlcontrol.core.wayback import being_left
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.metrics import BulkScraper, MetricsSource
from mlcontrol.services.asking import Asking, OwnQueries, PollCounts
from mlcontrol.services.assembly import FINGERPRINT_EVERY_S, GOLDEN_EVERY_S, assemble, connection_state
from mlcontrol.services.collect_artifact import ARTIFACT_EVERY_S, ArtifactLook, comparable
from mlcontrol.services.collect_data import DataReader
from mlcontrol.services.collect_golden import GoldenAsker, why_not_ask
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.services.collect_predictions import (
    QUALITY_EVERY_S,
    SLICES_EVERY_S,
    WAITS_EVERY_S,
    QualityReader,
    ask_latency,
    ask_slices,
)
from mlcontrol.services.collect_registry import VERSIONS_EVERY_S, ask_alias, ask_versions
from mlcontrol.services.collect_serving import ask_replicas, ask_route
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.counted_twice import counted_twice
from mlcontrol.services.fact_book import FactBook
from mlcontrol.services.loads import Loads
from mlcontrol.services.memory import Memory
from mlcontrol.services.noticing import Expectations, Noticing
from mlcontrol.services.outside_alerts import OutsideAlerts
from mlcontrol.services.polling import Job, Poller
from mlcontrol.services.recalling import EVERY_S as RECALL_EVERY_S, FIRST_S as RECALL_FIRST_S, Recall
from mlcontrol.services.remembered import Remembered
from mlcontrol.services.scraped import ask_metrics
from mlcontrol.services.scraping import FleetScraper, Target
from mlcontrol.services.sudden_data import SUDDEN_EVERY_S

PROBE_EVERY_S = 60.0
TICK_S = 1.0
TICK_CPU_S = 0.25
"""So much of a second goes to judging ages at most: those of thousands of services are judged in turns."""
GOLDEN_AGAIN_S = 20.0  # after a failure, as of a server that was just loading
SECOND_SCRAPE_S = 1.5
_PAST = ("recall ", "resume")  # jobs about what was
LAST_CHANGES = (EventKind.DEPLOY, EventKind.ROLLBACK, EventKind.ALIAS, EventKind.ROUTE, EventKind.CONFIG)

Report = Callable[[BaseException, str], object]


class Collector:
    """*Thread:* any. ``metrics``: the metrics source of a connection id; raises `ProblemError`. ``bulk``: asks the sources that it
    can, all at once; the others, and everything else, are asked on ``workers`` threads. ``outside``: hears
    alert sources."""

    def __init__(
        self,
        ctx: ServiceContext,
        own: OwnQueries,
        expectations: Expectations,
        metrics: Callable[[str], MetricsSource],
        report: Report,
        workers: int = 8,
        bulk: BulkScraper | None = None,
        outside: OutsideAlerts | None = None,
    ) -> None:
        self._ctx = ctx
        self._own = own
        self._metrics = metrics
        self._report = report
        self._outside = outside
        self._book = FactBook()
        self._noticing = Noticing(ctx, expectations, lambda service: self._poller.hurry(f"versions {service}"))
        self._ending = threading.Event()
        self._asking = Asking(ctx, self._book, self._noticed, self._ending)
        self._memory = Memory(ctx)
        self._recall = Recall(ctx, Remembered(ctx, metrics))
        self._poller = Poller(report, workers)
        self._loads = Loads(ctx)
        self._scraper = FleetScraper(self._asking, bulk, self._loads, report) if bulk is not None else None
        self._meters: dict[str, Meter] = {}
        self._jobs: dict[str, Job] = {}
        self._folding = threading.Lock()
        self._next_fold = 0
        self._ready: dict[str, frozenset[str]] = {}
        self._ticker = threading.Thread(target=self._tick, name="collector-tick", daemon=True)

    def start(self) -> None:
        self.adopt()
        self._poller.start()
        if self._scraper is not None:
            self._scraper.start()
        self._ticker.start()

    def close(self) -> None:
        self._ending.set()
        if self._ticker.ident is not None:
            self._ticker.join(5)
        if self._scraper is not None:
            self._scraper.close()
        self._poller.close()

    def adopt(self) -> None:
        """Poll what the settings name now; what they still name goes on undisturbed."""
        settings = self._ctx.settings
        for service in settings.services.values():
            meter = self._meters.get(service.id)
            if meter is None or meter.service != service:
                meter = self._meters[service.id] = Meter(service, self._own)
            sources = [settings.connections[name] for name in service.metrics if name in settings.connections]
            meter.polled_s = max((source.poll_s for source in sources), default=0.0)
        for gone in set(self._meters) - set(settings.services):
            del self._meters[gone]
            self._book.forget_service(gone)
        self._loads.keep(settings.services.values())
        self._noticing.forget(settings)
        self._jobs = {job.id: job for job in self._make_jobs()}
        targets = {f"metrics {target.connection}": target for target in self._targets()}
        if self._scraper is not None:
            self._scraper.replace_targets(targets.values())
        self._poller.replace_jobs(self._guarded(job) for name, job in self._jobs.items() if name not in targets)
        for connection in settings.connections.values():
            self._fold_connection(connection)
        for service in settings.services.values():
            self.fold(service.id)

    @property
    def polls(self) -> PollCounts:
        return self._asking.polls

    def forget_connection(self, connection: str) -> None:
        self._book.forget_connection(connection)
        if self._outside is not None:
            self._outside.forget(connection)

    def _guarded(self, job: Job) -> Job:
        return replace(job, run=partial(self._run, job))

    def _run(self, job: Job) -> None:
        try:
            job.run()
        except AdapterError:
            raise  # noted for its connection already
        except ProblemError as error:
            # An adapter that cannot be made is the connection's problem, shown there.
            self._book.failed(job.connection, self._ctx.clock.stamp(), error.problem)
            self._asking.polls.failed(job.connection, error.problem.code)
            raise

    def _make_jobs(self) -> Iterator[Job]:
        settings = self._ctx.settings
        for connection in settings.connections.values():
            yield Job(
                f"probe {connection.id}", PROBE_EVERY_S, partial(self._probe, connection), connection.id, connection
            )
            if connection.kind is ConnectionKind.ALERTS and self._outside is not None:
                ask = partial(self._outside.read, connection.id, self._asking)
                yield Job(f"alerts {connection.id}", connection.poll_s, ask, connection.id, connection)
            if connection.kind is ConnectionKind.METRICS:
                readers = tuple(s.id for s in settings.services.values() if connection.id in s.metrics)
                run = partial(self._scrape, connection.id, readers)
                yield Job(
                    f"metrics {connection.id}",
                    connection.poll_s,
                    run,
                    connection.id,
                    (connection, readers),
                    SECOND_SCRAPE_S,
                )
                if self._recall.remembers(connection.id):
                    look = partial(self._recall.look, connection, partial(self._meters_of, readers))
                    key = (connection, readers)
                    yield Job(f"recall {connection.id}", RECALL_EVERY_S, look, connection.id, key, RECALL_FIRST_S)
        for service in settings.services.values():
            yield from self._service_jobs(service)
        yield Job("resume", RECALL_EVERY_S, lambda: self._recall.resume(list(self._meters.values())))

    def _targets(self) -> Iterator[Target]:
        """What is scraped in bulk instead of by a job of its own."""
        if self._scraper is None:
            return
        settings = self._ctx.settings
        for connection in settings.connections.values():
            if connection.kind is not ConnectionKind.METRICS:
                continue
            try:
                source = self._metrics(connection.id)
            except ProblemError:
                continue  # its job will say so
            if self._scraper.can_ask(source):
                readers = tuple(s.id for s in settings.services.values() if connection.id in s.metrics)
                meters = partial(self._meters_of, readers)
                key = (connection, readers)
                yield Target(connection.id, connection.poll_s, source, meters, key, SECOND_SCRAPE_S)

    def _meters_of(self, readers: tuple[str, ...]) -> list[Meter]:
        return [self._meters[reader] for reader in readers if reader in self._meters]

    def _service_jobs(self, service: ServiceSettings) -> Iterator[Job]:
        known, asking = self._ctx.settings.connections, self._asking

        def job(
            name: str, connection: str, every_s: float | None, run: Callable[[], None], retry_s: float | None = None
        ) -> Job:
            settings = known[connection]
            key = (service, settings)
            return Job(f"{name} {service.id}", every_s or settings.poll_s, run, connection, key, retry_s=retry_s)

        if service.registry in known:
            yield job("alias", service.registry, None, partial(ask_alias, asking, service))
            yield job("versions", service.registry, VERSIONS_EVERY_S, partial(ask_versions, asking, service))
        for connection in service.serving:
            if connection in known:
                yield job(
                    f"replicas {connection}", connection, None, partial(ask_replicas, asking, service, connection)
                )
                if service.registry in known:
                    look = ArtifactLook(asking, service, connection).look
                    yield job(f"artifact {connection}", connection, ARTIFACT_EVERY_S, look, GOLDEN_AGAIN_S)
        if service.routing in known:
            yield job("route", service.routing, None, partial(ask_route, asking, service))
        front = service.routing if service.routing in known else next(iter(service.serving), "")
        if front in known and service.golden:
            asker = GoldenAsker(asking, service, front)
            yield job("presence", front, None, asker.ask_one)
            yield job("golden", front, GOLDEN_EVERY_S, asker.ask_all, GOLDEN_AGAIN_S)
            yield job("fingerprint", front, FINGERPRINT_EVERY_S, partial(_identify, asker))
        if service.predictions in known:
            yield job("quality", service.predictions, QUALITY_EVERY_S, QualityReader(asking, service).read)
            yield job("waits", service.predictions, WAITS_EVERY_S, partial(ask_latency, asking, service))
            yield job("slices", service.predictions, SLICES_EVERY_S, partial(ask_slices, asking, service))
            yield job("data", service.predictions, SUDDEN_EVERY_S, DataReader(asking, service).read)

    def _probe(self, settings: ConnectionSettings) -> None:
        adapter = {
            ConnectionKind.REGISTRY: self._ctx.registry,
            ConnectionKind.SERVING: self._ctx.serving,
            ConnectionKind.ROUTING: self._ctx.routing,
            ConnectionKind.PREDICTIONS: self._ctx.predictions,
            ConnectionKind.METRICS: self._metrics,
            ConnectionKind.ALERTS: self._ctx.alert_source,
            ConnectionKind.LINEAGE: self._ctx.lineage,
        }[settings.kind](settings.id)
        with self._asking.of(settings.id, only_one=settings.kind is ConnectionKind.METRICS) as question:
            found = adapter.probe()
        self._book.answered(settings.id, question, found.latency_ms, found.server)

    def _scrape(self, connection: str, readers: tuple[str, ...]) -> None:
        meters = self._meters_of(readers)
        ask_metrics(self._asking, self._metrics(connection), connection, meters, self._loads)
        for meter in meters:
            if len(meter.service.metrics) > 1:
                meter.twice = counted_twice(meter.service, self._ctx.settings.connections, self._metrics)

    def data_report(self, service: str) -> Known[DataReport]:
        """The newest look at what the service is fed."""
        return self._book.facts(service).data

    def refresh(self, service: str | None = None) -> None:
        """Ask everything of a service (or of all) now, on threads of its own, and fold the answers in before returning."""
        slow = ("versions ", "artifact ", "golden ", "fingerprint ", "quality ", "slices ", "data ", "probe ", *_PAST)
        settings = self._ctx.settings
        chosen = settings.services.get(service) if service else None
        sources = chosen.metrics if chosen else tuple(settings.connections)
        jobs = [
            job
            for job in self._jobs.values()
            if not job.id.startswith(slow)
            or (service is None and job.id.startswith(("versions ", "quality ", "probe ")))
            if service is None
            or job.id.endswith(f" {service}")
            or job.id in [f"metrics {connection}" for connection in sources]
        ]
        if not jobs:
            return
        with ThreadPoolExecutor(min(8, len(jobs)), thread_name_prefix="refresh") as pool:
            list(pool.map(self._run_quietly, jobs))
        for connection in list(settings.connections.values()):
            self._fold_connection(connection)
        for name in [service] if service else list(settings.services):
            self.fold(name)

    def _run_quietly(self, job: Job) -> None:
        try:
            self._run(job)
        except ProblemError:
            return  # it is in the facts, with its words
        except Exception as error:  # noqa: BLE001 - one broken poll must not hide the others' answers
            self._report(error, f"polling {job.id}")

    def _noticed(self, service: str, before: ServiceFacts, after: ServiceFacts) -> None:
        if service not in self._ctx.settings.services:
            return
        self._noticing.compare(service, before, after)
        for connection in after.replicas:
            if comparable(before, connection) != comparable(after, connection):
                self._poller.hurry(f"artifact {connection} {service}")
        self.fold(service)

    def fold(self, service: str) -> None:
        """Assemble a service from what is known and tell it if it differs from what was told."""
        settings = self._ctx.settings.services.get(service)
        if settings is None:
            return
        with self._folding:
            state = self._ctx.state()
            left = being_left(state.operations.values(), service, self._ctx.clock.utc_s())
            fresh = assemble(
                settings,
                self._book.facts(service),
                replace(self._memory.of(service), left=left),
                self._ctx.clock.mono_s(),
                self._poll_s(settings),
                why_not_ask(self._ctx, settings),
                next((op.id for op in state.operations.values() if op.service == service and not op.phase.ended), None),
                _last_change(state, service),
            )
            ready = frozenset(r.version for r in fresh.replicas if r.state is ReplicaState.READY)
            if ready - self._ready.get(service, ready) and self._book.facts(service).golden_runs:
                # Whether a version that was just loaded answers decides how far the way back is; its turn may be minutes away.
                self._poller.hurry(f"golden {service}")
            self._ready[service] = ready
            known = state.services.get(service)
            if known is None or not _same(known, fresh):
                self._ctx.emit(fresh)

    def _poll_s(self, service: ServiceSettings) -> float:
        named = (service.registry, service.routing, *service.serving)
        known = self._ctx.settings.connections
        return max((known[name].poll_s for name in named if name in known), default=5.0)

    def _fold_connection(self, settings: ConnectionSettings) -> None:
        poll_s = QUALITY_EVERY_S if settings.kind is ConnectionKind.PREDICTIONS else settings.poll_s
        if not self._is_polled(settings):
            poll_s = PROBE_EVERY_S
        contact, off = self._book.contact(settings.id), self._ctx.clock_off(settings.id)
        ahead_s = None if off is None else off.ahead_s
        fresh = connection_state(settings, contact, self._ctx.clock.mono_s(), poll_s, ahead_s)
        if self._ctx.state().connections.get(settings.id) != fresh:
            self._ctx.emit(fresh)

    def _is_polled(self, settings: ConnectionSettings) -> bool:
        """Whether a service uses it, so that it is asked more often than by its probe alone."""
        return settings.kind in (ConnectionKind.METRICS, ConnectionKind.ALERTS) or any(
            settings.id in (s.registry, s.routing, s.predictions, *s.serving)
            for s in self._ctx.settings.services.values()
        )

    def _tick(self) -> None:
        """Ages go on while nobody answers: freshness is judged every second."""
        while not self._ending.wait(TICK_S):
            try:
                self._loads.read_pasts()
                self._fold_all()
                for state in self._ctx.state().services.values():
                    self._noticing.turn(state)
                    self._prove(state)
            except Exception as error:  # noqa: BLE001 - the clock must not stop
                self._report(error, "judging ages")

    def _fold_all(self) -> None:
        for connection in list(self._ctx.settings.connections.values()):
            self._fold_connection(connection)
        services = tuple(self._ctx.settings.services)
        begun_s, first = time.thread_time(), self._next_fold % max(1, len(services))
        for place, service in enumerate((*services[first:], *services[:first]), first + 1):
            self.fold(service)
            if time.thread_time() - begun_s > TICK_CPU_S:
                self._next_fold = place  # the others' turn is the next tick; what they hear meanwhile is folded at once
                return

    def _prove(self, state: ServiceState) -> None:
        """A version that has served well for a while is known good: the way back may lead to it."""
        well = state.presence.health is Health.OK and state.use.health in (Health.OK, Health.WARNING)
        bad = state.accuracy.health is Health.CRITICAL or state.operation is not None
        self._memory.served(state.id, state.intended.single if well and not bad else None)


def _identify(asker: GoldenAsker) -> None:
    asker.identify()


def _same(known: ServiceState, fresh: ServiceState) -> bool:
    return replace(fresh, seq=known.seq) == known


def _last_change(state: FleetState, service: str) -> TimelineEvent | None:
    return next((e for e in reversed(state.events) if e.service == service and e.kind in LAST_CHANGES), None)
