"""Whether one replica is read through two of a service's sources: its answers would count twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from itertools import combinations
from urllib.parse import urlsplit

from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.ports.instances import TellsInstances
from mlcontrol.ports.metrics import MetricsSource

_PORTS = {"http": 80, "https": 443}


def counted_twice(
    service: ServiceSettings,
    connections: Mapping[str, ConnectionSettings],
    source: Callable[[str], MetricsSource],
) -> str:
    """In words, without a full stop; empty where nothing shows it. Addresses are compared as they are written."""
    read = {name: dict(_read(service, connections[name], source)) for name in service.metrics if name in connections}
    for (one, mine), (other, theirs) in combinations(read.items(), 2):
        both = sorted(mine.keys() & theirs.keys())
        if both:
            more = f" and {len(both) - 1} more" if len(both) > 1 else ""
            return f"{both[0]}{more} is read through {one} and through {other}"
    return ""


def _read(
    service: ServiceSettings, settings: ConnectionSettings, source: Callable[[str], MetricsSource]
) -> Iterator[tuple[str, None]]:
    """The addresses whose counters a connection hands out."""
    here = urlsplit(settings.url)
    host = (here.hostname or "").lower()
    try:
        found = source(settings.id)
    except ProblemError:
        return  # its own poll says so
    if not isinstance(found, TellsInstances):
        port = here.port or _PORTS.get(here.scheme, 0)
        yield f"{'localhost' if _is_loopback(host) else host}:{port}", None
        return
    for address in found.counted_at(service.serving_model) | found.counted_at(service.route):
        name, _, port_text = address.lower().rpartition(":")
        # What a store calls its own machine is ours only if it runs here.
        if not _is_loopback(name):
            yield address.lower(), None
        elif _is_loopback(host):
            yield f"localhost:{port_text}", None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
