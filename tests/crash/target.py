"""A stand-in for the outside world, as a process of its own: registry, model server and router in one, with every effect counted.

It stands in because a kill every tenth of a second is more than the real servers can be started anew for; the real ones are
killed at in `tests/e2e/test_killed.py`. What it does once it does for good: a killed caller takes nothing back.

One JSON line per call: ``{"call": NAME, ...}`` is answered by ``{"ok": VALUE}`` or ``{"refused": WORDS}``.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
import time
from typing import Any

BEFORE: dict[str, Any] = {"alias": "2", "ready": ["1", "2"], "stable": "2", "canary": None, "percent": 0.0}
PER_LOOK = 2000  # requests between two readings of the counters


class Target:
    """*Thread:* one lock around every call; `barrier` waits outside of it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.turned = threading.Condition()
        self.joined: dict[str, int] = {}
        self.reset({})

    def reset(self, given: dict[str, Any]) -> None:
        self.world = {**BEFORE, **given.get("world", {})}
        self.unloadable: list[str] = given.get("unloadable", [])
        self.wrong: list[str] = given.get("wrong", [])
        self.load_s: float = given.get("load_s", 0.0)
        self.effects: list[str] = []
        self.fails: dict[str, float] = given.get("fails", {})
        self.counted = {"canary": [0, 0], "stable": [0, 0]}

    def call(self, said: dict[str, Any]) -> Any:
        name = said["call"]
        if name == "barrier":
            return self.barrier(said["name"], said["parties"])
        if name == "load" and self.load_s:
            time.sleep(self.load_s)
        with self.lock:
            if name == "reset":
                return self.reset(said)
            if name == "facts":
                return {**self.world, "effects": self.effects}
            return getattr(self, f"do_{name}")(said)

    def do_alias(self, said: dict[str, Any]) -> None:
        self.effects.append(f"alias {said['version']}")
        self.world["alias"] = said["version"]

    def do_load(self, said: dict[str, Any]) -> None:
        for version in said["versions"]:
            if version in self.unloadable:
                raise ValueError(f"v{version} does not load: its file is broken")
        self.effects.append("load " + " ".join(said["versions"]))
        self.world["ready"] = said["versions"]

    def do_stable(self, said: dict[str, Any]) -> None:
        self.effects.append(f"route {said['version']}")
        self.world["stable"] = said["version"]

    def do_canary(self, said: dict[str, Any]) -> None:
        if (said["version"], said["percent"]) != (self.world["canary"], self.world["percent"]):
            self.effects.append(f"canary {said['version']} {said['percent']:g}")
        self.world["canary"], self.world["percent"] = said["version"], said["percent"]

    def do_counters(self, _said: dict[str, Any]) -> dict[str, list[int]]:
        """At each reading so many requests more have passed, dealt as the split says."""
        canary = round(PER_LOOK * self.world["percent"] / 100)
        for role, requests, version in (
            ("canary", canary, self.world["canary"]),
            ("stable", PER_LOOK - canary, self.world["stable"]),
        ):
            failed = round(requests * self.fails.get(version or "", 0.0))
            self.counted[role][0] += requests - failed
            self.counted[role][1] += failed
        return self.counted

    def do_infer(self, said: dict[str, Any]) -> list[Any]:
        version = said["version"] or self.world["stable"]
        if version not in self.world["ready"]:
            raise ValueError(f"v{version} is not loaded")
        return [version, -1 if version in self.wrong else said["value"]]

    def barrier(self, name: str, parties: int) -> None:
        with self.turned:
            self.joined[name] = self.joined.get(name, 0) + 1
            self.turned.notify_all()
            self.turned.wait_for(lambda: self.joined[name] >= parties, timeout=60.0)


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        target: Target = self.server.target  # type: ignore[attr-defined]
        for line in self.rfile:
            try:
                answer: dict[str, Any] = {"ok": target.call(json.loads(line))}
            except ValueError as refusal:
                answer = {"refused": str(refusal)}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Says its port on a line, serves until its standard input ends."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.target = Target()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
