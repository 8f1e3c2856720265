"""A state in steps is the state at once, byte for byte; and a large snapshot comes in steps."""

from __future__ import annotations

import msgspec
import pytest

from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.state_bytes import state_decoded, state_encoded
from mlcontrol.core.types import Freshness, Health, ServiceState, Signal, Stamp
from mlcontrol.engine import messages as m

USED = Signal(Health.OK, "12 /s", freshness=Freshness.FRESH, at=Stamp(1.0, 2.0, 3), spark=tuple(map(float, range(32))))


def fleet(count: int) -> FleetState:
    services = {f"s{i}": ServiceState(f"s{i}", title=f"Service {i}", use=USED, seq=i) for i in range(count)}
    return FleetState(WorkspaceSettings("test", "test.toml"), services, audit_rows=7)


@pytest.mark.parametrize("count", [0, 1, 300])
def test_there_and_back(count: int) -> None:
    state = fleet(count)
    raw = state_encoded(state)
    assert msgspec.msgpack.decode(raw, type=FleetState) == state
    assert state_decoded(raw) == state
    assert state_decoded(msgspec.msgpack.encode(state)) == state
    assert list(state_decoded(raw).services) == list(state.services)


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: msgspec.msgpack.encode({"services": {}}),
        lambda raw: msgspec.msgpack.encode({**msgspec.msgpack.decode(raw), "services": {"a": {"id": 1}}}),
        lambda raw: msgspec.msgpack.encode({**msgspec.msgpack.decode(raw), "services": [1]}),
        lambda raw: msgspec.msgpack.encode([1]),
    ],
    ids=["cut", "no settings", "no service", "no map", "no state"],
)
def test_what_is_no_state_is_refused(damage: object) -> None:
    raw = msgspec.msgpack.encode(fleet(10))
    assert callable(damage)
    with pytest.raises(msgspec.DecodeError):
        state_decoded(damage(raw))


@pytest.mark.parametrize(("count", "in_steps"), [(1, False), (300, True)])
def test_a_large_snapshot_is_decoded_in_steps(count: int, in_steps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(m, "state_decoded", lambda raw: (calls.append(len(raw)), state_decoded(raw))[1])
    frame = m.encode(m.Snapshot(state=fleet(count)))
    assert (len(frame) > m.LARGE) is in_steps
    assert m.decode_event(frame) == m.Snapshot(state=fleet(count))
    assert bool(calls) is in_steps


def test_other_large_events_and_no_events_are_as_before() -> None:
    large = m.Done(request="1", text="x" * 2 * m.LARGE)
    assert m.decode_event(m.encode(large)) == large
    for frame in (b"\xc1" * 2 * m.LARGE, m.encode(large)[:-1], m.encode(m.Snapshot(state=fleet(300)))[:-1]):
        with pytest.raises(msgspec.DecodeError):
            m.decode_event(frame)
