"""Facts are folded, coalesced, numbered; what cannot be stored is kept for the next time."""

from __future__ import annotations

import pytest

from mlcontrol.core.settings import WorkspaceSettings
from mlcontrol.core.types import EventKind, Sample, SeriesKey, ServiceState, TimelineEvent
from mlcontrol.engine import hub as module, messages as m
from mlcontrol.engine.hub import Hub
from mlcontrol.engine.outbox import Outbox
from mlcontrol.services.context import AuditGrew, ServiceGone

HELLO = m.Hello(protocol=1, pid=1, version="0", started_s=0, utc_s=0, mono_s=0, user="u")


class Keeper:
    def __init__(self) -> None:
        self.kept: list[object] = []
        self.broken = self.without_events = False

    def __call__(self, events: tuple[TimelineEvent, ...], samples: tuple[Sample, ...]) -> None:
        if self.broken:
            raise OSError("no space left")
        if events and self.without_events:
            raise OSError("the database is away")
        self.kept.extend([*events, *samples])


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def hub(keeper: Keeper) -> Hub:
    return Hub(WorkspaceSettings("test", "test.toml"), keeper)


def join(hub: Hub) -> Outbox:
    box = Outbox()
    hub.join(box, HELLO)
    received(hub, box)
    return box


def received(hub: Hub, box: Outbox) -> list[m.Event]:
    return [m.decode_event(frame) for frame in box.take(hub.catch_up) or []]


def event(name: str) -> TimelineEvent:
    return TimelineEvent(name, 1.0, EventKind.NOTE, name)


def test_a_batch_holds_the_last_word_on_each_service(hub: Hub) -> None:
    box = join(hub)
    for title in ("one", "two", "three"):
        hub.emit(ServiceState("digits", title=title))
    hub.emit(ServiceState("other"))
    hub.flush()
    told = received(hub, box)
    assert [(e.service.id, e.service.title) for e in told if isinstance(e, m.ServiceChanged)] == [
        ("digits", "three"),
        ("other", ""),
    ]


def test_sequence_numbers_grow(hub: Hub) -> None:
    hub.emit(ServiceState("a"), ServiceState("b"), ServiceState("a"))
    services = hub.state().services
    assert services["a"].seq > services["b"].seq > 0


def test_a_removed_service_is_gone_from_state_and_batch(hub: Hub) -> None:
    box = join(hub)
    hub.emit(ServiceState("digits"), ServiceGone("digits"))
    hub.flush()
    assert [type(e) for e in received(hub, box)] == [m.ServiceRemoved]
    assert hub.state().services == {}


def test_who_joins_gets_the_state_and_then_only_what_is_new(hub: Hub) -> None:
    hub.emit(ServiceState("digits", title="before"))
    box = Outbox()
    hub.join(box, HELLO)
    hub.emit(ServiceState("digits", title="after"))
    hub.flush()
    hello, snapshot, change = received(hub, box)
    assert isinstance(hello, m.Hello)
    assert isinstance(snapshot, m.Snapshot)
    assert snapshot.state.services["digits"].title == "before"
    assert isinstance(change, m.ServiceChanged)


def test_an_answer_comes_after_what_was_emitted_before_it(hub: Hub) -> None:
    box = join(hub)
    hub.emit(ServiceState("digits"))
    hub.answer(box, m.Done(request="1"))
    assert [type(e) for e in received(hub, box)] == [m.ServiceChanged, m.Done]


def test_what_cannot_be_stored_waits(hub: Hub, keeper: Keeper) -> None:
    sample = Sample(SeriesKey("digits", "x"), 1.0, 2.0)
    keeper.broken = True
    hub.emit(event("first"), sample)
    with pytest.raises(OSError, match="space"):
        hub.persist()
    keeper.broken = False
    hub.emit(event("second"))
    hub.persist()
    assert [getattr(k, "id", "sample") for k in keeper.kept] == ["first", "second", "sample"]
    hub.persist()
    assert len(keeper.kept) == 3


def test_samples_are_stored_while_the_place_of_the_events_is_away(hub: Hub, keeper: Keeper) -> None:
    """The timeline may be in a team's database, the metric history lies on this machine: one does not wait for the other."""
    sample = Sample(SeriesKey("digits", "x"), 1.0, 2.0)
    keeper.without_events = True
    hub.emit(event("first"), sample)
    with pytest.raises(OSError, match="away"):
        hub.persist()
    assert keeper.kept == [sample]
    hub.settle()  # who reads is not refused for it
    keeper.without_events = False
    hub.persist()
    assert [getattr(k, "id", "sample") for k in keeper.kept] == ["sample", "first"]


def test_samples_that_memory_has_no_room_for_are_said_to_be_lost(
    hub: Hub, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 3)
    keeper.broken = True
    for at_s in range(10):
        hub.emit(Sample(SeriesKey("digits", "x"), float(at_s), 2.0))
        hub.settle()
    assert not hub.state().events
    keeper.broken = False
    hub.persist()
    (told,) = hub.state().events
    assert told.title == "7 samples were not kept"
    assert "from 1970-01-01 00:00:00 to 1970-01-01 00:00:06 UTC" in told.detail
    assert [k.at_s for k in keeper.kept if isinstance(k, Sample)] == [7.0, 8.0, 9.0]
    hub.persist()
    assert len(hub.state().events) == 1, "said once"


def test_a_new_audit_row_does_not_undo_the_verification(hub: Hub) -> None:
    hub.emit(AuditGrew(5, True, 10.0), AuditGrew(6))
    state = hub.state()
    assert (state.audit_rows, state.audit_ok, state.audit_verified_s) == (6, True, 10.0)
