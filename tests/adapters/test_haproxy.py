"""The HAProxy adapter against the fleet's router."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from mlcontrol.adapters.routing.haproxy import HaproxyRouting
from mlcontrol.adapters.routing.haproxy_socket import AdminSocket
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import NotFound, NotSupported, Rejected, ServerFailed, Unexpected
from mlcontrol.testing.contracts.connection import no_secret
from mlcontrol.testing.contracts.routing import RoutingContract
from mlcontrol.testing.fault_proxy import FaultProxy

Connection = Callable[[str], ConnectionSettings]


@pytest.fixture
def adapter(connection: Connection) -> Iterator[HaproxyRouting]:
    made = HaproxyRouting(connection("router"), no_secret)
    yield made
    made.close()


@pytest.mark.real
class TestContract(RoutingContract):
    @pytest.fixture
    def route(self) -> str:
        return "digits"

    @pytest.fixture
    def versions(self) -> tuple[str, str]:
        return "2", "1"

    def moved(self, settings: ConnectionSettings, port: int) -> ConnectionSettings:
        return replace(settings, options={**settings.options, "admin": f"127.0.0.1:{port}"})


@pytest.mark.real
def test_weights_are_set_and_read_back(adapter: HaproxyRouting) -> None:
    before = adapter.weight("digits-stable", "triton")
    adapter.set_weight("digits-stable", "triton", 7)
    try:
        assert adapter.weight("digits-stable", "triton") == 7
    finally:
        adapter.set_weight("digits-stable", "triton", before)
    with pytest.raises(Rejected, match="No such"):
        adapter.weight("digits-stable", "nobody")
    with pytest.raises(Rejected):
        adapter.set_weight("digits-stable", "triton", 257)


@pytest.mark.real
def test_a_map_under_another_path_is_not_found(connection: Connection) -> None:
    settings = connection("router")
    adapter = HaproxyRouting(replace(settings, options={**settings.options, "version_map": "/nosuch.map"}), no_secret)
    with pytest.raises(NotFound, match=r"/nosuch\.map"):
        adapter.split("digits")


def settings(port: int, **options: str) -> ConnectionSettings:
    paths = {"version_map": "/v.map", "share_map": "/s.map"}
    told = {"admin": f"127.0.0.1:{port}", **paths, **options}
    return ConnectionSettings("router", ConnectionKind.ROUTING, "haproxy", "http://127.0.0.1:1", options=told)


def test_a_cut_answer_is_rejected_whole() -> None:
    with FaultProxy(b"0x1 digits-stable 2\n") as proxy:
        proxy.request_end, proxy.once = b"\n", True
        with pytest.raises(Unexpected, match="before the answer did"):
            HaproxyRouting(settings(proxy.port), no_secret).split("digits")


def test_a_change_that_does_not_stick_is_noticed() -> None:
    """The stand-in answers every command with a map in which nothing ever changes."""
    with FaultProxy(b"0x1 digits 0\n\n") as proxy:
        proxy.request_end, proxy.once = b"\n", True
        adapter = HaproxyRouting(settings(proxy.port), no_secret)
        # Even the command that sets is answered with text: a refusal.
        with pytest.raises((Rejected, ServerFailed)):
            adapter.set_canary("digits", "3", 10)


def test_a_command_is_one_line() -> None:
    for line in ("show info; disable", "a\nb", "a\\ b"):
        with pytest.raises(ValueError, match="one line"):
            AdminSocket(settings(1)).command(line, 1.0)


def test_what_is_not_set_up_is_said() -> None:
    with pytest.raises(NotSupported, match="admin socket"):
        HaproxyRouting(settings(1, admin=""), no_secret).probe()
    with pytest.raises(NotSupported, match="version map"):
        HaproxyRouting(settings(1, version_map="a b"), no_secret).split("digits")


@pytest.mark.real
def test_commands_by_hand_do_what_they_say(adapter: HaproxyRouting) -> None:
    before = adapter.split("digits").stable
    assert before is not None
    try:
        adapter.set_canary("digits", "1", 20)
        for command in adapter.by_hand("digits", "1"):
            done = subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True, capture_output=True, text=True)
            assert done.stdout.strip() == "", "HAProxy answers an accepted change with nothing"
        split = adapter.split("digits")
        assert (split.stable, split.canary_percent) == ("1", 0.0)
    finally:
        adapter.set_canary("digits", None, 0)
        adapter.set_stable("digits", before)
