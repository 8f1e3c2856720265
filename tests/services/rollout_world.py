"""A small world to roll out in: registry, endpoint, router and golden set in memory, with faults to order. The store is real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.compatibility.report import Report, Verdict
from mlcontrol.core.golden import Expected, GoldenItem, GoldenSet
from mlcontrol.core.operation import Operation, OperationKind
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ServiceSettings, WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import Replica, ReplicaState, TimelineEvent, VersionSummary
from mlcontrol.ports.clock import SystemClock
from mlcontrol.ports.errors import AdapterError, NotFound, Rejected, TimedOut, Unreachable
from mlcontrol.ports.routing import Split
from mlcontrol.ports.serving import Answer, ReaderRules, ServingCapabilities, VersionStatistics
from mlcontrol.services.effects import Effects
from mlcontrol.services.holding import hold
from mlcontrol.services.live import observe
from mlcontrol.services.operation_run import OperationRun
from mlcontrol.services.rollouts import Rollouts
from mlcontrol.store.store import Store

SERVICE = ServiceSettings(
    "digits",
    registry="registry",
    model="digits",
    serving=("triton",),
    serving_model="digits",
    routing="router",
    route="digits",
    golden="golden.json",
)
ITEMS = tuple(GoldenItem(f"item-{i}", {"x": [[i]]}, Expected("y", i), critical=i == 0) for i in range(6))


BESIDE = ServingCapabilities(True, True, ReaderRules("triton", "reject", "reject", True))


@dataclass
class World:
    """``writes``: every effect that reached the outside, in order. ``faults``: by the name of the call, raised once or always."""

    alias: str | None = "2"
    ready: tuple[str, ...] = ("1", "2")
    stable: str = "2"
    answering: str | None = None  # a liar: this version answers whatever the router was told
    wrong: set[str] = field(default_factory=set)  # versions that answer wrongly
    unloadable: set[str] = field(default_factory=set)
    writes: list[str] = field(default_factory=list)
    faults: dict[str, Callable[[], None]] = field(default_factory=dict)
    after: dict[str, Callable[[], None]] = field(default_factory=dict)
    capabilities: ServingCapabilities = BESIDE

    def _ask(self, call: str) -> None:
        if call in self.faults:
            self.faults[call]()

    def _did(self, call: str, words: str) -> None:
        self.writes.append(words)
        if call in self.after:
            self.after[call]()

    # registry
    def resolve_alias(self, model: str, alias: str, deadline_s: float = 5.0) -> str | None:
        self._ask("resolve_alias")
        return self.alias

    def set_alias(self, model: str, alias: str, version: str, deadline_s: float = 5.0) -> None:
        self._ask("set_alias")
        self.alias = version
        self._did("set_alias", f"alias {version}")

    def versions(self, model: str, deadline_s: float = 5.0) -> tuple[VersionSummary, ...]:
        return tuple(VersionSummary(v) for v in ("5", "4", "3", "2", "1"))

    # serving
    def replicas(self, model: str, deadline_s: float = 5.0) -> tuple[Replica, ...]:
        self._ask("replicas")
        return tuple(Replica("triton", v, ReplicaState.READY) for v in self.ready)

    def serve_versions(self, model: str, versions: tuple[str, ...], deadline_s: float = 5.0) -> None:
        self._ask("serve_versions")
        bad = self.unloadable.intersection(versions)
        if bad:
            raise Rejected(Problem(f"'triton' refused to load v{min(bad)}.", "its file is broken"))
        self.ready = tuple(versions)
        self._did("serve_versions", f"load {' '.join(versions)}")

    def infer(self, model: str, inputs: Any, version: str | None = None, deadline_s: float = 5.0) -> Answer:
        self._ask("infer")
        answered = version or self.answering or self.stable
        if answered not in self.ready:
            raise NotFound(Problem(f"v{answered} is not loaded"))
        value = inputs["x"][0][0]
        return Answer(answered, {"y": [[-1 if answered in self.wrong else value]]}, 2.0)

    def statistics(self, model: str, deadline_s: float = 5.0) -> tuple[VersionStatistics, ...]:
        return ()

    # routing
    def split(self, route: str, deadline_s: float = 5.0) -> Split:
        self._ask("split")
        return Split(self.stable, None, 0.0)

    def set_stable(self, route: str, version: str, deadline_s: float = 5.0) -> None:
        self._ask("set_stable")
        self.stable = version
        self._did("set_stable", f"route {version}")

    def set_canary(self, route: str, version: str | None, percent: float, deadline_s: float = 5.0) -> None:
        """No canary here."""

    @property
    def facts(self) -> tuple[str | None, str, tuple[str, ...]]:
        return self.alias, self.stable, self.ready


class Killed(BaseException):
    """Stands for `kill -9`: no handler of the product may catch it."""


@dataclass
class Context:
    """What the services reach, on a world and a real store in ``folder``."""

    world: Any  # a `World`, or one outside this process
    folder: Path
    operations: dict[str, Operation] = field(default_factory=dict)
    events: list[TimelineEvent] = field(default_factory=list)
    written: list[tuple[str, Any, Any]] = field(default_factory=list)
    view_only: str = ""
    has_golden: bool = True
    url: str = "sqlite:///panel.db"

    def __post_init__(self) -> None:
        self.clock = SystemClock()
        self.store: Any = Store.open(self.url, self.folder, self.clock, self.folder / "heads")
        self.settings = WorkspaceSettings("test", str(self.folder / "mlcontrol.toml"), services={"digits": SERVICE})
        self.ended = threading.Event()

    def registry(self, connection: str) -> Any:
        return self.world

    serving = routing = registry

    def route_client(self, service: str) -> Any:
        return self.world

    def golden(self, service: str) -> GoldenSet | None:
        return GoldenSet("digits", "digits", ITEMS, 0.9) if self.has_golden else None

    def state(self) -> FleetState:
        return FleetState(self.settings)

    def emit(self, *facts: Any) -> None:
        for fact in facts:
            if isinstance(fact, Operation):
                self.operations[fact.id] = fact
                if fact.phase.ended:
                    self.ended.set()
            elif isinstance(fact, TimelineEvent):
                self.events.append(fact)

    def refresh(self, service: str | None = None) -> None:
        """Nobody polls here."""

    def expect_change(self, service: str, what: str, for_s: float = 30.0) -> None:
        """Nobody notices here."""

    def wrote(self, service: str, what: str, before: Any, now: Any) -> None:
        self.written.append((what, before, now))


def settled(ctx: Context) -> None:
    """What the next engine does with what was left open, to its end."""
    rollouts = Rollouts(ctx, PassingChecks())
    rollouts.settle()
    if rollouts._settler._thread is not None:
        rollouts._settler._thread.join(20.0)
    rollouts.close()


class PassingChecks:
    """A checker with nothing to say, or with the report it was given."""

    def __init__(self, report: Report | None = None) -> None:
        self.report = report or Report("3", "2", "triton", Verdict.PASS, Verdict.PASS, False, ())

    def check(self, service: str, version: str, probe: bool, actor: str, tell: Any) -> Report:
        return self.report

    def check_return(self, service: str, target: str) -> Report:
        return self.report


@contextmanager
def opened(world: World, folder: Path) -> Iterator[Context]:
    context = Context(world, folder)
    try:
        yield context
    finally:
        context.store.close()


def fails(error: AdapterError) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


TIMED_OUT = TimedOut(Problem("No answer in time.", code="timeout"))
UNREACHABLE = Unreachable(Problem("Connection refused.", code="unreachable"))


def crash(
    ctx: Context, kind: OperationKind, version: str, when: str, row: int, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Run an operation on this thread and kill it before or after its n-th row; True when it got that far."""
    written = 0
    append = ctx.store.audit.append

    def counted(*args: Any, **named: Any) -> Any:
        nonlocal written
        written += 1
        if written == row and when == "before":
            raise Killed
        result = append(*args, **named)
        if written == row:
            raise Killed
        return result

    rollouts = Rollouts(ctx, PassingChecks())
    plan = rollouts.make_plan(kind, "digits", version, False)
    before = observe(ctx, "digits")
    effects = Effects(ctx, "digits", kind, version, "2", before, plan.assumes, moves=plan.moves)
    holding = hold(ctx, "digits", "op", "ann", kind.value)
    run_ = OperationRun(ctx, "op", plan, effects, "test", "ann", lambda _run: None, holding)
    monkeypatch.setattr(ctx.store.audit, "append", counted)
    try:
        run_.run_now()
    except Killed:
        return True
    finally:
        monkeypatch.undo()
        holding.abandon()
    return False
