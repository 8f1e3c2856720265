"""What a router keeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlcontrol.ports.errors import AdapterError, NotFound, Rejected
from mlcontrol.ports.routing import Routing
from mlcontrol.testing.contracts.connection import NetworkContract


class RoutingContract(NetworkContract):
    """Fixtures: ``adapter``; ``route``, there; ``versions``, two version names it may be sent to. Leaves the split as it was."""

    @pytest.fixture(autouse=True)
    def put_back(self, adapter: Routing, route: str) -> Iterator[None]:
        before = adapter.split(route)
        yield
        if before.stable is not None:
            adapter.set_canary(route, None, 0)
            adapter.set_stable(route, before.stable)
        if before.canary is not None:
            adapter.set_canary(route, before.canary, before.canary_percent)

    def test_the_stable_version_moves(self, adapter: Routing, route: str, versions: tuple[str, str]) -> None:
        for version in (*versions, versions[0]):
            adapter.set_stable(route, version)
            assert adapter.split(route).stable == version

    def test_a_canary_gets_its_share_and_ends(self, adapter: Routing, route: str, versions: tuple[str, str]) -> None:
        adapter.set_stable(route, versions[0])
        adapter.set_canary(route, versions[1], 10)
        split = adapter.split(route)
        assert (split.stable, split.canary, split.canary_percent) == (*versions, 10.0)
        adapter.set_canary(route, versions[1], 50)
        assert adapter.split(route).canary_percent == 50.0
        adapter.set_canary(route, None, 0)
        split = adapter.split(route)
        assert (split.stable, split.canary, split.canary_percent) == (versions[0], None, 0.0)

    def test_counters_exist_for_both_roles(self, adapter: Routing, route: str) -> None:
        counters = {counter.role: counter for counter in adapter.counters(route)}
        assert set(counters) == {"stable", "canary"}
        assert all(counter.requests >= 0 for counter in counters.values())
        with pytest.raises(NotFound):
            adapter.counters("no-such-route")

    @pytest.mark.parametrize("percent", [-1, 101, float("nan")])
    def test_a_share_that_is_none_is_refused(
        self, adapter: Routing, route: str, versions: tuple[str, str], percent: float
    ) -> None:
        before = adapter.split(route)
        with pytest.raises(Rejected):
            adapter.set_canary(route, versions[1], percent)
        assert adapter.split(route) == before

    @pytest.mark.parametrize("name", ["1; show info", "1\nshow info", "1 2", "", "1\\", "\u202e1"])
    def test_a_name_is_never_a_command(self, adapter: Routing, route: str, name: str) -> None:
        before = adapter.split(route)
        with pytest.raises(AdapterError):
            adapter.set_stable(route, name)
        with pytest.raises(AdapterError):
            adapter.set_stable(name, "1")
        assert adapter.split(route) == before
