"""The door of the engine's own metrics: one address, loopback unless told otherwise, read by Prometheus."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import cast

import structlog

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.engine.exposition import FleetCollector, Sources

LOOPBACK = "127.0.0.1"
REQUEST_LIMIT_S = 10.0

log = structlog.get_logger("metrics")


@dataclass(frozen=True, slots=True)
class MetricsAddress:
    """Where to listen; port 0: any that is free."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def url(self, port: int) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{port}/metrics"


def metrics_address(text: str) -> MetricsAddress:
    """``HOST:PORT``, ``[IPV6]:PORT``, ``:PORT`` or ``PORT``; without a host loopback. Raises `ProblemError` ("usage")."""
    host, colon, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    plain_host = host[1:-1] if bracketed else host
    well_formed = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
    if bracketed:
        well_formed = well_formed and _is_ipv6(plain_host)
    else:
        well_formed = well_formed and all(c.isalnum() or c in ".-" for c in plain_host) and bool(host or text)
    if not well_formed:
        raise ProblemError(
            Problem(
                f"'{text[:80]}' is no address to show metrics at.",
                "It must be HOST:PORT, with a port from 0 to 65535 (0: any that is free).",
                "Write for example --metrics 127.0.0.1:9464.",
                "usage",
            )
        )
    return MetricsAddress(plain_host if host and colon else LOOPBACK, int(port))


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


class MetricsServer:
    """Listens from its making until `close`. Raises `ProblemError` ("usage") where it cannot. *Thread:* any."""

    def __init__(self, address: MetricsAddress, sources: Sources) -> None:
        from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

        registry = CollectorRegistry()
        registry.register(FleetCollector(sources))
        ProcessCollector(registry=registry)
        try:
            self._server, self._thread = start_http_server(address.port, address.host, registry)
        except OSError as error:
            raise ProblemError(
                Problem(
                    f"The metrics cannot be shown at {address.host}:{address.port}.",
                    f"{error.strerror or error}.",
                    "Give --metrics another port or host, or end the program that listens there.",
                    "usage",
                )
            ) from error
        # A scraper that calls and says nothing must not hold a thread for ever, nor its errors reach the terminal.
        handler = cast(type, self._server.RequestHandlerClass)
        self._server.RequestHandlerClass = type("BoundedHandler", (handler,), {"timeout": REQUEST_LIMIT_S})
        self._server.handle_error = _log_error  # type: ignore[method-assign]
        self.port = int(self._server.server_port)
        self.url = address.url(self.port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _log_error(request: object, client_address: object) -> None:
    log.info("a metrics request came to nothing", client=str(client_address), call=str(request), exc_info=True)
