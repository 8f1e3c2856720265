"""A fleet of made-up values, an engine that only answers what a test tells it, and a window on both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcontrol.core import series as names, types as t
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.engine import messages as m


class FakeEngine:
    """Stands in for `engine.hosts.attach` and the host it returns; ``say`` is the engine speaking."""

    def __init__(self) -> None:
        self.commands: list[Any] = []
        self.attached = 0
        self.closed = 0
        self.state: FleetState | None = None
        self.on_event: Callable[[Any], None] = lambda _event: None
        self.on_lost: Callable[[Any], None] = lambda _problem: None

    def attach(
        self, workspace: Path, on_event: Callable[[Any], None], on_lost: Callable[[Any], None], **_: Any
    ) -> FakeEngine:
        self.attached += 1
        self.on_event, self.on_lost = on_event, on_lost
        now = time.time()
        on_event(
            m.Hello(
                protocol=m.PROTOCOL,
                pid=1,
                version="0",
                started_s=now,
                utc_s=now,
                mono_s=time.monotonic(),
                user="m.okafor",
            )
        )
        if self.state is not None:
            on_event(m.Snapshot(state=self.state))
        return self

    def say(self, *events: Any) -> None:
        for event in events:
            self.on_event(event)

    def send(self, command: Any) -> None:
        self.commands.append(command)
        if isinstance(command, m.QueryHistory):
            self.say(history(command.request, command.service))

    def close(self) -> None:
        self.closed += 1

    def sent(self, kind: type) -> list[Any]:
        return [command for command in self.commands if isinstance(command, kind)]


def stamp(age_s: float = 1.0, seq: int = 1) -> t.Stamp:
    return t.Stamp(time.time() - age_s, time.monotonic() - age_s, seq)


def fact(*versions: str, source: str = "triton", age_s: float = 1.0) -> t.VersionFact:
    return t.VersionFact(versions, t.Freshness.FRESH, stamp(age_s), source)


def signal(health: str, text: str, detail: str = "", *, age_s: float = 1.0, **more: Any) -> t.Signal:
    spark = more.pop("spark", tuple(1 + 0.1 * ((i * 7) % 5) for i in range(32)))
    return t.Signal(t.Health(health), text, detail, freshness=t.Freshness.FRESH, at=stamp(age_s), spark=spark, **more)


def service(service_id: str, **changes: Any) -> t.ServiceState:
    now = time.time()
    values: dict[str, Any] = {
        "id": service_id,
        "title": service_id.replace("-", " ").capitalize(),
        "team": "vision",
        "environment": "sandbox",
        "model": service_id,
        "kind": "image-classifier",
        "intended": fact("3", source="registry"),
        "served": fact("3", "2"),
        "used": fact("3", source="router"),
        "presence": signal("ok", "answers as v3"),
        "use": signal("ok", "as usual"),
        "accuracy": signal("ok", "accuracy 0.971"),
        "traffic_per_s": 41.2,
        "way_back": t.WayBack(t.WayBackState.HOT, "2", 4.0, True, "v2 is loaded and answers"),
        "versions": tuple(
            t.VersionSummary(
                str(n),
                now - 86_400 * (6 - n),
                1_000_000 + 3000 * n,
                ("champion",) if n == 3 else (),
                metrics={
                    "train_accuracy": 0.98 + 0.003 * n,
                    "validation_accuracy": 0.955 + 0.004 * n,
                    "test_accuracy": 0.95 + 0.005 * n,
                },
            )
            for n in (1, 2, 3)
        ),
        "last_change": "deploy of v3",
        "last_change_s": now - 206,
        "seq": 1,
    }
    return t.ServiceState(**(values | changes))


def fleet(*services: t.ServiceState, environment: str = "sandbox") -> FleetState:
    kinds = {
        "registry": "mlflow",
        "serving": "triton",
        "routing": "haproxy",
        "metrics": "prometheus-text",
        "predictions": "jsonl",
    }
    settings = WorkspaceSettings(
        "sandbox",
        "mlcontrol.toml",
        environment,
        connections={
            kind: ConnectionSettings(kind, t.ConnectionKind(kind), adapter, "http://127.0.0.1:1")
            for kind, adapter in kinds.items()
        },
        services={
            s.id: ServiceSettings(s.id, s.title, objectives={"error_rate": 0.01, "p99_ms": 150.0, "accuracy": 0.95})
            for s in services
        },
    )
    connections = {
        kind: t.ConnectionState(
            kind,
            t.ConnectionKind(kind),
            adapter,
            t.Health.OK,
            t.Freshness.FRESH,
            "answering in 12 ms",
            latency_ms=12.0,
            at=stamp(),
        )
        for kind, adapter in kinds.items()
    }
    return FleetState(
        settings,
        {s.id: s for s in services},
        connections,
        events=story_events(),
        audit_rows=41,
        audit_ok=True,
        audit_verified_s=time.time() - 41,
    )


def sample_fleet(environment: str = "sandbox") -> FleetState:
    """One service of each kind of trouble, and calm ones."""
    calm = [
        service(name, team=team, presence=signal("ok", "answers as v3"))
        for name, team in (
            ("churn", "growth"),
            ("fraud-card", "payments"),
            ("spam", "trust"),
            ("toxicity", "trust"),
            ("basket", "shop"),
        )
    ]
    return fleet(
        service(
            "digits",
            use=signal(
                "critical", "errors 6.4 %", "Errors went from 0.2 % to 6.4 % at 02:11:44, 40 s after v3 was deployed."
            ),
        ),
        service(
            "diamond-cut",
            team="pricing",
            used=fact("2", source="router"),
            presence=signal(
                "critical", "not wired in", "The registry intends v3, but the router still sends all traffic to v2."
            ),
        ),
        service(
            "progression",
            team="health",
            accuracy=signal("warning", "rmse 61.2", "The error is 8 % above the objective."),
            way_back=t.WayBack(t.WayBackState.COLD, "2", 94.0),
        ),
        service(
            "eta",
            team="logistics",
            served=t.VersionFact(),
            used=t.VersionFact(),
            presence=signal("ok", "answers as v3", age_s=48),
            use=t.Signal(),
            traffic_per_s=None,
            way_back=t.WayBack(),
        ),
        service("house-price", team="pricing", presence=signal("ok", "answers as v3", age_s=12)),
        *calm,
        environment=environment,
    )


def history(request: str, service_id: str, minutes: int = 20) -> m.HistoryAnswer:
    """v2 answers, then v3 does and its errors rise: the story of the mock-up."""
    now = time.time()
    at = np.arange(now - 60 * minutes, now, 5.0)
    rng = np.random.default_rng(7)
    deployed = now - 206
    new = at >= deployed

    def data(
        metric: str, column: Any, at_s: Any = at, low: Any = None, high: Any = None, /, **labels: str
    ) -> t.SeriesData:
        key = t.SeriesKey(service_id, metric, tuple(sorted(labels.items())))
        columns = [np.asarray(c, "<f8").tobytes() if c is not None else b"" for c in (at_s, column, low, high)]
        return t.SeriesData(key, *columns)

    noise = rng.normal(0, 1, len(at))
    errors = np.where(at > deployed + 40, 0.06 + 0.003 * noise, 0.002 + 0.0008 * np.abs(noise))
    errors = np.where((at > deployed + 40) & (at < deployed + 80), (at - deployed - 40) / 40 * 0.06, errors)
    minute = np.arange(now - 60 * minutes, now, 60.0)
    score = 0.968 + 0.004 * rng.normal(0, 1, len(minute))
    heard = ~((at > now - 700) & (at < now - 660))
    series = (
        data(names.ANSWERED, np.where(new, 0, 1)[heard], at[heard], version="2"),
        data(names.ANSWERED, np.where(new, 1, 0)[heard], at[heard], version="3"),
        data(names.LOADED, np.ones(len(at)), version="2"),
        data(names.LOADED, new.astype(float), version="3"),
        data(names.QUERIES_PER_S, np.where(new, 0, 41 + 2 * noise), version="2"),
        data(names.QUERIES_PER_S, np.where(new, 40 + 2 * noise, 0), version="3"),
        data(names.ERROR_SHARE, errors, type="4xx"),
        data(names.ERROR_SHARE, 0.001 * np.abs(noise), type="5xx"),
        *(
            data(names.LATENCY_MS, np.where(new, 0.75, 1.0) * (base + base * 0.06 * noise), quantile=q, version="3")
            for q, base in (("0.5", 16), ("0.9", 44), ("0.99", 118))
        ),
        data(names.CPU_SHARE, 0.31 + 0.03 * noise, source="triton"),
        data(names.MEMORY_BYTES, np.where(new, 6.4e8, 6.1e8), source="triton"),
        data(names.QUALITY, score, minute, score - 0.012, score + 0.01, source="labels", version="2"),
        data(names.SLICE_SHARE, 0.42 + 0.02 * noise, slice="stroke", value="thin"),
        data(names.SLICE_SHARE, 0.33 + 0.02 * noise[::-1], slice="stroke", value="bold"),
    )
    return m.HistoryAnswer(request=request, service=service_id, since_s=float(at[0]), until_s=now, series=series)


def story_events() -> tuple[t.TimelineEvent, ...]:
    now = time.time()
    return (
        t.TimelineEvent("e1", now - 640, t.EventKind.ALIAS, "champion moved to v3", "digits", source="registry"),
        t.TimelineEvent(
            "e2",
            now - 206,
            t.EventKind.DEPLOY,
            "deploy v3",
            "digits",
            actor="m.okafor",
            version_from="2",
            version_to="3",
        ),
        t.TimelineEvent("e3", now - 120, t.EventKind.ALERT, "errors over 1 %", "digits", severity=t.Health.CRITICAL),
    )


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def bridge(engine: FakeEngine, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A started bridge on the fake engine; its state is `sample_fleet` unless the test set another before."""
    from mlcontrol.gui.bridge import Bridge

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    if engine.state is None:
        engine.state = sample_fleet()
    made = Bridge(tmp_path / "mlcontrol.toml", engine.attach)
    made.start()
    qtbot.waitUntil(lambda: made.state is not None and made.connected)
    yield made
    made.stop()


@pytest.fixture
def window(bridge: Any, qtbot: Any) -> Any:
    """The whole window, themed dark, 1280 x 800, on the fleet page."""
    from PySide6.QtWidgets import QApplication

    from mlcontrol.gui.theme import theme
    from mlcontrol.gui.window import Window

    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.install(app, "dark")
    made = Window(bridge)
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.open_page("fleet")
    made.show()
    return made


@pytest.fixture
def empty_fleet() -> FleetState:
    return FleetState(WorkspaceSettings("mine", "mlcontrol.toml"))
