"""The world of `rollout_world`, but outside this process: calls go to `target.py`, which outlives whoever is killed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Replica, ReplicaState, VersionSummary
from mlcontrol.ports.errors import NotFound, Rejected
from mlcontrol.ports.routing import RouteCounters, Split
from mlcontrol.ports.serving import Answer, VersionStatistics
from tests.services.rollout_world import BESIDE


@dataclass
class FarWorld:
    """``around``: called with the name of each write, before it is sent and after it was answered."""

    port: int
    around: Callable[[str, str], None] = lambda _when, _call: None
    _files: list[Any] = field(default_factory=list)

    def ask(self, call: str, **said: Any) -> Any:
        if not self._files:
            connection = socket.create_connection(("127.0.0.1", self.port), timeout=90.0)
            self._files = [connection, connection.makefile("rb")]
        self._files[0].sendall(json.dumps({"call": call, **said}).encode() + b"\n")
        answer = json.loads(self._files[1].readline())
        if "refused" in answer:
            raise Rejected(Problem("The server refused.", answer["refused"], code="rejected"))
        return answer["ok"]

    def write(self, call: str, **said: Any) -> None:
        self.around("before", call)
        self.ask(call, **said)
        self.around("after", call)

    def close(self) -> None:
        for file in reversed(self._files):
            file.close()
        self._files = []

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("facts")
        return found

    # registry
    def resolve_alias(self, model: str, alias: str, deadline_s: float = 5.0) -> str | None:
        alias_now: str | None = self.facts["alias"]
        return alias_now

    def set_alias(self, model: str, alias: str, version: str, deadline_s: float = 5.0) -> None:
        self.write("alias", version=version)

    def versions(self, model: str, deadline_s: float = 5.0) -> tuple[VersionSummary, ...]:
        return tuple(VersionSummary(v) for v in ("5", "4", "3", "2", "1"))

    # serving
    def replicas(self, model: str, deadline_s: float = 5.0) -> tuple[Replica, ...]:
        return tuple(Replica("triton", v, ReplicaState.READY) for v in self.facts["ready"])

    def serve_versions(self, model: str, versions: tuple[str, ...], deadline_s: float = 5.0) -> None:
        self.write("load", versions=list(versions))

    capabilities = BESIDE

    def infer(self, model: str, inputs: Any, version: str | None = None, deadline_s: float = 5.0) -> Answer:
        try:
            answered, value = self.ask("infer", version=version, value=inputs["x"][0][0])
        except Rejected as refused:
            raise NotFound(refused.problem) from refused
        return Answer(answered, {"y": [[value]]}, 1.0)

    def statistics(self, model: str, deadline_s: float = 5.0) -> tuple[VersionStatistics, ...]:
        return ()

    # routing
    def split(self, route: str, deadline_s: float = 5.0) -> Split:
        now = self.facts
        return Split(now["stable"], now["canary"], now["percent"])

    def counters(self, route: str, deadline_s: float = 5.0) -> tuple[RouteCounters, ...]:
        return tuple(
            RouteCounters(role, ok + bad, {"2xx": ok, "4xx": 0, "5xx": bad})
            for role, (ok, bad) in self.ask("counters").items()
        )

    def set_stable(self, route: str, version: str, deadline_s: float = 5.0) -> None:
        self.write("stable", version=version)

    def set_canary(self, route: str, version: str | None, percent: float, deadline_s: float = 5.0) -> None:
        self.write("canary", version=version, percent=percent)


@contextmanager
def running_target() -> Iterator[int]:
    """The port of a target of one's own."""
    process = subprocess.Popen(
        [sys.executable, "-S", "-E", str(Path(__file__).with_name("target.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
