"""What every adapter keeps, whatever it speaks to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import Adapter, SecretReader
from mlcontrol.ports.errors import AdapterError, TimedOut, Unreachable
from mlcontrol.testing.fault_proxy import Fault, FaultProxy

Make = Callable[[ConnectionSettings, SecretReader], Adapter]


def no_secret() -> str | None:
    return None


class ConnectionContract:
    """Fixtures: ``adapter`` (on a real server)."""

    def test_it_can_work_here(self, adapter: Adapter) -> None:
        assert type(adapter).viability().viable

    def test_a_probe_names_the_server(self, adapter: Adapter) -> None:
        found = adapter.probe()
        assert found.server
        assert found.latency_ms >= 0


class NetworkContract(ConnectionContract):
    """For adapters that reach their server over TCP. Fixtures: ``adapter``; `moved` says where the address stands."""

    def moved(self, settings: ConnectionSettings, port: int) -> ConnectionSettings:
        """The same settings with the server at another port of this machine."""
        scheme, _, rest = settings.url.partition("://")
        path = rest.partition("/")[2]
        return replace(settings, url=f"{scheme}://127.0.0.1:{port}/{path}".rstrip("/"))

    @pytest.mark.parametrize(
        ("fault", "kinds"),
        [
            (Fault.HANG, (TimedOut,)),
            (Fault.RESET, (Unreachable,)),
            (Fault.CLOSE, (AdapterError,)),
        ],
    )
    def test_a_server_that_misbehaves_becomes_a_problem_in_words(
        self, adapter: Adapter, fault: Fault, kinds: tuple[type[AdapterError], ...]
    ) -> None:
        with FaultProxy(b"") as proxy:
            proxy.fault, proxy.request_end = fault, b"\n"
            moved = type(adapter)(self.moved(adapter.settings, proxy.port), no_secret)  # type: ignore[call-arg]
            started = time.monotonic()
            with pytest.raises(kinds) as caught:
                moved.probe(0.5)
            moved.close()
        assert time.monotonic() - started < 3.0
        assert caught.value.problem.what
        assert caught.value.problem.next
        assert caught.value.problem.code

    def test_nobody_at_home_is_unreachable(self, adapter: Adapter) -> None:
        with FaultProxy(b"") as gone:
            port = gone.port
        moved = type(adapter)(self.moved(adapter.settings, port), no_secret)  # type: ignore[call-arg]
        with pytest.raises(Unreachable):
            moved.probe(2.0)
        moved.close()
