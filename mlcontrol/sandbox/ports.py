"""Free loopback ports, the same ones again at the next start where possible."""

from __future__ import annotations

import random
import socket

NAMES = (
    "mlflow",
    "router",
    "router_admin",
    "router_metrics",
    "router_metrics_inner",
)
# Below the range from which systems take ports for outgoing connections: a chosen port is not taken before it is bound.
RANGE = range(20_000, 32_000)


def names(server: str) -> tuple[str, ...]:
    """The ports of a fleet with this model server."""
    return *NAMES, server, f"{server}_grpc", f"{server}_metrics", f"{server}_metrics_inner"


def choose(before: dict[str, int], server: str) -> dict[str, int]:
    """One free port per name, keeping those of ``before`` that are free."""
    chosen: dict[str, int] = {}
    for name in names(server):
        port = before.get(name, 0)
        while port in chosen.values() or not port or not is_free(port):
            port = random.choice(RANGE)  # noqa: S311 - not a secret
        chosen[name] = port
    return chosen


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
